"""What goes into the bundle beside what PyInstaller finds by itself, and what must not. Read by `mailgate.spec`."""

import sysconfig
from collections.abc import Iterable
from importlib.metadata import distribution, packages_distributions
from pathlib import Path, PurePath
from typing import Final

from PyInstaller.utils.hooks import collect_data_files, collect_submodules  # type: ignore[import-untyped]

MIGRATIONS: Final = "mailgate.adapters.store.migrations"

LOOSE: Final = {
    MIGRATIONS: "py",  # Alembic reads its steps as files
    # LGPL: whoever has the bundle may put another version in their place.
    "pystray": "py",
    "Xlib": "py",
}
"""Packages that lie in the bundle as source files and not inside the executables."""

EXCLUDED: Final = (
    *("pytest", "_pytest", "hypothesis", "mypy", "IPython"),  # tools: pydantic and anyio bring plugins for them
    *("setuptools", "pkg_resources", "pip"),
    *("faker", "polyfactory"),  # 14 MB of made-up names, which Litestar would take for examples
    *("numpy", "pandas", "matplotlib", "plotly"),  # charts that we do not draw
    "tkinter",
    "uvloop",  # 13 MB; the engine runs in asyncio's own loop
    "watchfiles",  # uvicorn's restart on change
)

_UNUSED_WEB: Final = [
    "web/pyodide/**",  # Python in the browser
    "web/canvaskit/experimental_webparagraph/**",
    "web/canvaskit/wimp*",  # a renderer that has to be asked for
    "**/*.symbols",
    "**/*.map",
]

_UNUSED_MODULES: Final = (
    "flet.testing",
    "flet.pytest_plugin",
    "flet.cli",
    "flet_charts.matplotlib",
    "flet_charts.plotly",
)

_LICENCE_FILES: Final = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")

Entry = tuple[str, str, str]
"""PyInstaller's: name in the bundle, file, kind."""


def data_files() -> list[tuple[str, str]]:
    """Return the files that are read at run time, each with its folder in the bundle."""
    found: list[tuple[str, str]] = [
        *collect_data_files("flet_web", excludes=_UNUSED_WEB),
        *collect_data_files("flet"),
        *collect_data_files("mailgate"),
        *collect_data_files("tzdata"),  # Windows has no time zones by name, nor have small Linux systems
    ]
    return found


def hidden_imports() -> list[str]:
    """Return the modules that are imported by a name made at run time, so that no scan finds them."""
    lazy = ("flet", "flet_charts", "cyclopts", "litestar.serialization", MIGRATIONS, "tzdata")
    return [name for package in lazy for name in collect_submodules(package, filter=_used)]


def licences(collected: Iterable[Entry]) -> list[Entry]:
    """Return the licence texts of every distribution that has something in the bundle, and Python's own."""
    owners = packages_distributions()
    tops = {PurePath(name).parts[0].partition(".")[0] for name, _, _ in collected}
    entries = []
    for name in sorted({owner for top in tops for owner in owners.get(top, ()) if owner != "mailgate"}):
        for file in distribution(name).files or ():
            info, *rest = file.parts
            if info.endswith(".dist-info") and file.name.upper().startswith(_LICENCE_FILES):
                place = PurePath("licenses", name, *(part for part in rest if part != "licenses"))
                entries.append((str(place), str(file.locate()), "DATA"))
    python = Path(sysconfig.get_path("stdlib"), "LICENSE.txt")
    if python.exists():
        entries.append((str(PurePath("licenses", "python", python.name)), str(python), "DATA"))
    return entries


def _used(module: str) -> bool:
    return not module.startswith(_UNUSED_MODULES)
