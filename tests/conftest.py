"""What holds for every run of the tests."""

import faulthandler
from typing import Final

END_LIMIT_S: Final = 60.0


def pytest_unconfigure() -> None:
    """See that the run ends: a thread that a failed test left behind would hold the interpreter without end."""
    faulthandler.dump_traceback_later(END_LIMIT_S, exit=True)
