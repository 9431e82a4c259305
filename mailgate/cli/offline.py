"""The verbs that the command line does not do over the API: the composition root hands them in."""

from pathlib import Path
from typing import Protocol


class OfflineVerbs(Protocol):
    """What works without an engine, or is one. Each returns the exit code."""

    def run(self, data: Path, config: Path | None, *, with_app: bool) -> int:
        """Run the engine until it is stopped."""
        ...

    def demo(self, *, directory: Path | None, browser: bool, once: bool) -> int:
        """Run the demo office."""
        ...

    def check(self, config: Path, data: Path, *, as_json: bool) -> int:
        """Look a configuration and the templates in `data` over and print every fault."""
        ...

    def secrets_set(self, data: Path, ref: str, value: str) -> int:
        """Store a secret."""
        ...

    def secrets_list(self, data: Path, *, as_json: bool) -> int:
        """Print the references of stored secrets."""
        ...

    def secrets_delete(self, data: Path, ref: str) -> int:
        """Remove a secret."""
        ...

    def store_check(self, data: Path, *, as_json: bool) -> int:
        """Look the store over and print what is wrong."""
        ...

    def store_salvage(self, data: Path, target: Path) -> int:
        """Copy what can be read of a damaged database into a new one."""
        ...

    def tray(self, data: Path) -> int:
        """Run the tray icon."""
        ...
