"""Spoils a database file page by page, as a broken disk does."""

import sqlite3
from contextlib import closing
from pathlib import Path

GARBAGE = bytes(range(255, -1, -1)) * 256


class Pages:
    """The pages of a closed SQLite database (file format: sqlite.org/fileformat2.html sections 1.3 and 1.6)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = int.from_bytes(path.read_bytes()[16:18], "big")
        self.count = path.stat().st_size // self.size
        with closing(sqlite3.connect(path)) as database:
            self._roots: dict[str, int] = dict(
                database.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0")
            )

    def root(self, table: str) -> int:
        return self._roots[table]

    def leaves(self, table: str) -> list[int]:
        """Return the pages that hold a table's rows, in the order of row ids."""
        return self._below(self._roots[table])

    def _below(self, number: int) -> list[int]:
        page = self._path.read_bytes()[(number - 1) * self.size : number * self.size]
        if page[0] != 0x05:  # no interior page of a table
            return [number]
        cells = int.from_bytes(page[3:5], "big")
        places = [int.from_bytes(page[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
        children = [int.from_bytes(page[at : at + 4], "big") for at in places]
        children.append(int.from_bytes(page[8:12], "big"))
        return [leaf for child in children for leaf in self._below(child)]

    def spoil(self, *numbers: int) -> None:
        """Write garbage over these pages."""
        with self._path.open("r+b") as file:
            for number in numbers:
                file.seek((number - 1) * self.size)
                file.write(GARBAGE[: self.size])
