"""The executable `mailgate-tray`: what `mailgate tray` does, without a console window, for the desktop's autostart."""

import argparse
import os
import sys
from pathlib import Path

from mailgate import __version__
from mailgate.client.discover import default_data_dir


def main() -> int:
    """Show the tray icon; return its exit code."""
    if getattr(sys, "stderr", None) is None:  # on Windows a program without a console has none
        sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 for the whole run
    parser = argparse.ArgumentParser(prog="mailgate-tray", description="The tray icon of MailGate.")
    parser.add_argument("--data", type=Path, default=default_data_dir(), help="data directory of the engine")
    parser.add_argument("--version", action="version", version=__version__)
    given = parser.parse_args()

    from mailgate.tray.main import main as show  # noqa: PLC0415 not for --help

    return show(given.data)


if __name__ == "__main__":
    sys.exit(main())
