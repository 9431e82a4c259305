"""Rebuilds the pages that are made from the code: `python3 run.py docs`, or with `--check` only tells which are old.

A page is made whole, or between two marks when people write the rest of it.
"""  # noqa: INP001 a script, and no package

import difflib
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from cyclopts import App
from rich.console import Console

from mailgate.api.app import build_api
from mailgate.api.auth import Doorkeeper
from mailgate.cli.main import build
from mailgate.config.conditions import condition_texts, error_remedies
from mailgate.config.reference import settings_page
from mailgate.config.reference_data import kinds_page, notices_page, providers_page
from mailgate.model.errors import ErrorClass
from mailgate.model.notices import LANGUAGES
from mailgate.policy import playbook
from mailgate.service.verbs import Verbs

REFERENCE: Final = Path(__file__).parent / "reference"
BEGIN: Final = "<!-- Made from the code by `python3 run.py docs`: begin. -->"
END: Final = "<!-- Made from the code: end. -->"
WIDTH: Final = 96

_COMMANDS: Final = """\
# Commands

<!-- Made from mailgate/cli by `python3 run.py docs`. Do not edit. -->

Every verb tells the same with `--help`. What goes wrong is told on standard error, in one sentence that says what to
do; with `--json` as an object with `error` and `code`.
"""


_CONDITIONS: Final = """\
# Health conditions, and classes of error

<!-- Made from mailgate/config/conditions.toml by `python3 run.py docs`. Do not edit. -->

## Conditions

What `mailgate status`, the app, the tray and `GET /api/v1/status` show while it lasts, each with severity and since when,
and what an alarm by mail says: what happened, what it means and does not affect, and what to do. `{subject}` is the
account, relay or port that it concerns.
"""

_ERRORS: Final = """
## Classes of error

What a failure is called everywhere, in the log, in the API (`errorClass`), beside a recipient's answer and in a test of a
connection, with what to do about it. For a refused login the place of the password is named in place of `NAME`.
"""


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the API; no engine is needed to describe it."""
    nobody: Any = None
    api = build_api(nobody, Doorkeeper("", clock=nobody, password=nobody), str)
    return api.openapi_schema.to_schema()


def openapi_page(_old: str) -> str:
    """Return `openapi.json`, in an order that makes its diff readable."""
    return json.dumps(openapi_document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and description of each operation, in the order of the paths."""
    for path, item in sorted(openapi_document()["paths"].items()):
        for method, operation in item.items():
            yield method.upper(), path, operation


def api_page(old: str) -> str:
    """Return `api.md` with its table of operations made anew."""
    rows = ["| operation | what it does | takes | answers |", "| --- | --- | --- | --- |"]
    for method, path, operation in operations():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        takes = [f"`{one['name']}`" for one in operation.get("parameters", []) if one["in"] == "query"]
        takes += [f"a `{_shape(body)}`"] if body else []
        [(status, good)] = [(code, said) for code, said in operation["responses"].items() if code.startswith("2")]
        shape = _shape(good.get("content", {}).get("application/json", {}).get("schema", {}))
        codes = ", ".join(sorted(set(operation["responses"]) - {status, "401", "403", "500"}))
        answers = f"{status}{f' `{shape}`' if shape else ''}{f'; {codes}' if codes else ''}"
        rows.append(f"| `{method} {path}` | {operation['summary']} | {', '.join(takes)} | {answers} |")
    return _between(old, "\n".join(rows))


def _shape(schema: dict[str, Any]) -> str:
    """Return a schema's name, a list's with brackets."""
    if schema.get("type") == "array":
        return f"[{_shape(schema['items'])}]"
    return str(schema.get("$ref", schema.get("type", ""))).rpartition("/")[2]


def refusals_page(old: str) -> str:
    """Return `refusals.md` with its two tables made anew."""
    does = ["| it means | class of error | what MailGate does |", "| --- | --- | --- |"]
    for verdict, text in playbook.DOES.items():
        its_class = playbook.CLASSES.get(verdict)
        does.append(f"| *{verdict.value}* | {f'`{its_class.value}`' if its_class else '-'} | {text} |")
    rows = ["| said to | reply | because | it means |", "| --- | --- | --- | --- |"]
    rows += [f"| {stage} | {reply} | {why} | *{verdict}* |" for stage, reply, why, verdict in playbook.page_rows()]
    return _between(old, "\n".join([*rows, "", *does]))


def conditions_page(_old: str) -> str:
    """Return `conditions.md`: every health condition and every class of error, as they are told."""
    parts = [_CONDITIONS]
    for code in dict.fromkeys(code for code, _ in condition_texts()):
        parts.append(f"\n### `{code}`\n\n")
        for language in sorted(LANGUAGES, key=("en", "de", "fr").index):
            title, meaning, remedy = condition_texts()[code, language]
            parts.append(f"- {language}: **{title}.** {meaning} *{remedy}*\n")
    parts.append(_ERRORS)
    for error_class in ErrorClass:
        parts.append(f"\n### `{error_class}`\n\n")
        parts += [
            f"- {language}: {error_remedies(language)[error_class]}\n"
            for language in sorted(LANGUAGES, key=("en", "de", "fr").index)
        ]
    return "".join(parts)


def commands_page(_old: str) -> str:
    """Return `commands.md`: what `--help` says, for each verb."""
    app = build(Verbs())
    parts = [_COMMANDS]
    for words in [(), *verbs(app)]:
        title = " ".join(("mailgate", *words))
        parts.append(f"## `{title}`\n\n```text\n{help_of(app, words)}\n```\n")
    return "\n".join(parts)


def verbs(app: App, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield each verb as its words, in alphabetical order, those with a second word after the first alone."""
    for name in sorted(name for name in app if not name.startswith("-")):
        yield (*before, name)
        yield from verbs(app[name], (*before, name))


def help_of(app: App, words: tuple[str, ...]) -> str:
    """Return what `--help` prints for one verb, as a terminal of `WIDTH` columns shows it."""
    paper = io.StringIO()
    app.help_print(list(words), console=Console(file=paper, width=WIDTH, color_system=None, legacy_windows=False))
    return "\n".join(line.rstrip() for line in paper.getvalue().strip("\n").splitlines())


def _between(old: str, made: str) -> str:
    head, begun, rest = old.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not (begun and ended):
        raise SystemExit(f"a page has lost the marks between which its table stands:\n{BEGIN}\n{END}")
    return f"{head}{BEGIN}\n\n{made}\n\n{END}{tail}"


PAGES: Final[dict[str, Callable[[str], str]]] = {
    "settings.md": lambda _old: settings_page(),
    "providers.md": lambda _old: providers_page(),
    "internal-servers.md": lambda _old: kinds_page(),
    "notices.md": lambda _old: notices_page(),
    "openapi.json": openapi_page,
    "commands.md": commands_page,
    "api.md": api_page,
    "conditions.md": conditions_page,
    "refusals.md": refusals_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages; with `--check` write nothing, show what differs and return 1 if anything does."""
    old_pages = 0
    for name, make in PAGES.items():
        path = REFERENCE / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = make(old)
        if old == new:
            continue
        old_pages += 1
        if "--check" in arguments:
            lines = difflib.unified_diff(
                old.splitlines(), new.splitlines(), name, f"{name} as it should be", lineterm=""
            )
            print("\n".join(lines))  # noqa: T201
        else:
            path.write_text(new, encoding="utf-8", newline="\n")
            print(f"wrote docs/reference/{name}")  # noqa: T201
    if "--check" in arguments and old_pages:
        print("run `python3 run.py docs`, and look at what it changes")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
