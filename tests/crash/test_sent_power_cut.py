"""The power fails at each write point while the office sends: a 250 survives it, and without one nothing half is left."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate.adapters.platform.files import OWNER_ONLY, FileHandle
from tests.crash.letters import letters
from tests.crash.power import Film
from tests.crash.power_sent import broken_promises, film_sent, goes_on
from tests.fakes.recorder_files import RecorderFiles

SENT = letters(9, large_every=3, nobody_every=99)  # 3, 6 and 9 are large
CONTINUED = 12
"""So many frames, evenly spread, are worked on to the end; the others are looked at as the cut left them."""

KINDS = {
    f"{when} {what}"
    for when in ("before", "after")
    for what in (
        *("make_dir", "sync_dir", "create", "write", "sync", "replace", "remove"),
        *("commit accept", "commit claim", "commit record"),
    )
}


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Film:
    folder = tmp_path_factory.mktemp("film")
    return asyncio.run(film_sent(folder / "data", folder / "frames", SENT))


def test_every_kind_of_write_point_was_filmed(filmed: Film) -> None:
    assert set(filmed.kinds) == KINDS
    assert len(filmed.frames) > 30


async def test_what_has_its_250_survives_a_cut_and_nothing_else_is_half_there(filmed: Film, tmp_path: Path) -> None:
    wrong = {}
    found: set[str] = set()
    for n, frame in enumerate(filmed.frames):
        if broken := await broken_promises(frame, SENT, tmp_path / f"{n}", found=found):
            wrong[frame.point] = broken
    assert wrong == {}
    assert found <= {"interrupted", "partial", "orphan"}, "nobody but us has what we have said 250 to"


async def test_after_a_power_cut_everything_is_sent_and_twice_only_where_a_reply_was_lost(
    filmed: Film, tmp_path: Path
) -> None:
    step = max(1, len(filmed.frames) // CONTINUED)
    ends = {end for frames in filmed.kinds.values() for end in (min(frames), max(frames))}
    wrong = {}
    for n in sorted(ends | set(range(0, len(filmed.frames), step))):
        if broken := await goes_on(filmed.frames[n], SENT, tmp_path / f"{n}"):
            wrong[filmed.frames[n].point] = broken
    assert wrong == {}


class NamesNeverSynced(RecorderFiles):
    """What the store would be without the sync of its folders."""

    def sync_dir(self, path: Path) -> None:
        if path.name == "spool":
            return
        super().sync_dir(path)


@dataclass(slots=True)
class _CarelessHandle:
    inner: FileHandle

    def write(self, data: bytes) -> None:
        self.inner.write(data)

    def sync(self) -> None:
        pass

    def close(self) -> None:
        self.inner.close()


class BodiesNeverSynced(RecorderFiles):
    """What the store would be without the sync of its files."""

    def create(self, path: Path, *, mode: int = OWNER_ONLY) -> FileHandle:
        return _CarelessHandle(super().create(path, mode=mode))


@pytest.mark.parametrize("careless", [NamesNeverSynced, BodiesNeverSynced])
async def test_a_250_without_a_sync_is_caught(tmp_path: Path, careless: type[RecorderFiles]) -> None:
    made = await film_sent(tmp_path / "data", tmp_path / "frames", SENT, recorder=careless)
    broken = {
        fault
        for n, frame in enumerate(made.frames)
        for fault in await broken_promises(frame, SENT, tmp_path / f"{n}", found=set())
    }
    assert {f"letter {number} has its 250 and is lost" for number in (3, 6, 9)} <= broken
