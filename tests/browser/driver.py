"""Drives the app in headless Chromium, through the tree that a screen reader sees.

The app is one canvas until its semantics are turned on; then buttons, fields and headings are there as roles and names.
Where Playwright or Chromium is missing, a test that asks for `browser` is skipped and says so.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request, Response

PICTURES: Final = Path(__file__).parents[1] / "pictures"
"""Where the run puts its pictures; git ignores it."""

SIZES: Final = {"desktop": (1280, 800), "tablet": (900, 800), "phone": (390, 844)}
START_S: Final = 40
PATIENCE_S: Final = 20

ARGS: Final = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _chromium() -> str:
    """Return where Chromium is, or skip the test."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs Chromium: no chromium on the path")
    return found


@contextmanager
def browser() -> Iterator["Browser"]:
    """Start a browser for the length of a test. Cookies and sessions are kept apart by the windows opened in it."""
    executable = _chromium()
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=list(ARGS))
        try:
            yield started
        finally:
            started.close()


class Window:
    """One reader's window. `troubles` gathers what no page should have: failed requests and errors on the console."""

    def __init__(self, context: "BrowserContext") -> None:
        self.context = context
        self.troubles: list[str] = []
        self.page: Page = self._new_page()

    def _new_page(self) -> "Page":
        page = self.context.new_page()
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        return page

    def _answered(self, response: "Response") -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status} {response.url}")

    def _failed(self, request: "Request") -> None:
        # The client asks a public server for a file it does not need; the content security policy refuses it.
        if request.url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
            self.troubles.append(f"failed {request.url}")

    def log_in(self, url: str) -> None:
        """Come in by an address with a one-time code, as `mailgate app` prints it, and wait for the first heading.

        A Chromium that draws in software, on a busy machine, now and then never comes to its first frame: then a new
        page is given a second chance.
        """
        timeout = pytest.importorskip("playwright.sync_api").TimeoutError
        self.page.goto(url)
        self.page.wait_for_url("**/ui/**")
        try:
            self.awaken()
        except timeout:
            address = self.page.url
            self.page.close()
            self.troubles.clear()  # what that page still asked for has failed with it
            self.page = self._new_page()
            self.page.goto(address)
            self.awaken()

    def awaken(self) -> None:
        """Turn the semantics on: the placeholder is off the screen, so it is told of a click rather than clicked."""
        self.page.locator("flt-semantics-placeholder").dispatch_event("click", timeout=START_S * 1000)
        self.page.get_by_role("heading").first.wait_for(timeout=START_S * 1000)

    def press(self, name: str) -> None:
        """Press the first button of this name. A button under the mouse has it twice: its tooltip is merged with it."""
        named = re.compile(rf"^{re.escape(name)}(\s+{re.escape(name)})?$")
        self.page.get_by_role("button", name=named).first.click(timeout=PATIENCE_S * 1000)

    def pick(self, name: str) -> None:
        """Pick the choice of this name in a dialog."""
        self.page.get_by_role("radio", name=name, exact=True).click(timeout=PATIENCE_S * 1000)

    def visit(self, name: str, *, more: str = "") -> None:
        """Go to a place of the navigation, whichever form that has in this window; on a phone some stand under `more`."""
        named = re.compile(rf"^(\d+\s)?{re.escape(name)}(\s|$)")  # a count stands before it or after it
        place = self.page.get_by_role("button", name=named).or_(self.page.get_by_role("tab", name=named))
        if more and not place.count():
            self.page.get_by_role("tab", name=more).click()
        place.first.click()

    def fill(self, label: str, text: str) -> None:
        """Type into a field: the client builds it anew when it gets the focus, so wait for that, and look after."""
        box = self.page.get_by_label(label, exact=True)
        box.click()
        self.page.wait_for_timeout(150)
        box.fill(text)
        if box.input_value() != text:
            raise AssertionError(f"the field {label!r} holds {box.input_value()!r}")

    def see(self, text: str, *, exact: bool = False) -> None:
        """Wait until this text is on the screen."""
        self.page.get_by_text(text, exact=exact).first.wait_for(timeout=PATIENCE_S * 1000)

    def tree(self) -> str:
        """Return the accessibility tree as text."""
        return self.page.locator("body").aria_snapshot()

    def picture(self, name: str) -> Path:
        """Take a picture. The tree is there before the first frame is, and a toast needs a moment to come in."""
        self.page.wait_for_timeout(1500)
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{name}.png"
        self.page.screenshot(path=path)
        return path


@contextmanager
def window(
    started: "Browser",
    *,
    size: Literal["desktop", "tablet", "phone"] = "desktop",
    colours: Literal["light", "dark"] = "light",
    language: Literal["en", "de", "fr"] = "en",
) -> Iterator[Window]:
    """Open a window with cookies of its own."""
    width, height = SIZES[size]
    context = started.new_context(
        viewport={"width": width, "height": height},
        color_scheme=colours,
        locale={"en": "en-GB", "de": "de-DE", "fr": "fr-FR"}[language],
        reduced_motion="reduce",
    )
    try:
        yield Window(context)
    finally:
        context.close()
