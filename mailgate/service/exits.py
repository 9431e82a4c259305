"""How the program ends: the exit codes that scripts and service managers may rely on."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; `docs/reference/commands.md` lists them."""

    OK = 0
    FAILED = 1
    BAD_CONFIG = 2
    ALREADY_RUNNING = 3
    BAD_DATA = 4  # the data directory or the store cannot be used
