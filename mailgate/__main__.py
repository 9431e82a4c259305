"""Picks the program: the engine, the tray, the app, or one verb of the command line."""

import sys

from mailgate.cli.start import plain_start
from mailgate.service.verbs import Verbs


def main() -> None:
    """Run `mailgate` with the arguments of the command line."""
    verbs = Verbs()
    if start := plain_start(sys.argv[1:]):
        sys.exit(verbs.run(start.data_dir, start.config_file, with_app=start.with_app))
    from mailgate.cli.main import main as command  # noqa: PLC0415 see `cli.start`

    sys.exit(command(verbs))


if __name__ == "__main__":
    main()
