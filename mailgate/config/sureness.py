"""Which settings were really read, and which only have a stand-in."""

from mailgate.config.faults import KeyPath


class Sure:
    """Tells whether the value at a key path is what the file says."""

    def __init__(self, doubtful: frozenset[KeyPath]) -> None:
        self._doubtful = doubtful

    def __call__(self, *path: str | int) -> bool:
        """Whether neither the value at `path` nor anything that encloses it is a stand-in."""
        return not any(path[:length] in self._doubtful for length in range(1, len(path) + 1))

    def all_of(self, section: str) -> bool:
        """Whether nothing at or below `section` is a stand-in."""
        return not any(path[0] == section for path in self._doubtful)
