"""Picks the program: the engine, the tray, the app, or one verb of the command line."""

import sys

from mailgate.cli.main import main as command
from mailgate.service.verbs import Verbs


def main() -> None:
    """Run `mailgate` with the arguments of the command line."""
    sys.exit(command(Verbs()))


if __name__ == "__main__":
    main()
