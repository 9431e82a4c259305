"""The power fails at each write point of a session: what the disk then holds keeps all three promises.

`power.py` says how the moments are filmed and what that does not show.
"""

import asyncio
from pathlib import Path

import pytest

from tests.crash.letters import Letter, letters
from tests.crash.power import POLICIES, Film, Mails, broken_promises, film, goes_on
from tests.fakes.recorder_files import RecorderFiles

SENT = letters(14, large_every=3, nobody_every=6)  # 3, 6, 9 and 12 are large; 6 and 12 are for nobody
CONTINUED = 40
"""So many frames, evenly spread, are worked on to the end; the others are looked at as the cut left them."""

KINDS = {
    f"{when} {what}"
    for when in ("before", "after")
    for what in (
        *("make_dir", "sync_dir", "create", "write", "sync", "replace", "remove"),
        *("commit accept", "commit claim", "commit record", "commit durable", "commit deleting", "commit deleted"),
        *("commit claim_copy", "commit decide"),  # these letters say nowhere for whom the provider took them
    )
}


def at_provider(sent: list[Letter]) -> Mails:
    """Lay the letters into two mailboxes in turn."""
    users = list(POLICIES)
    return {
        user: tuple((f"uid-{one.number}", one.octets) for one in sent if one.number % len(users) == turn)
        for turn, user in enumerate(users)
    }


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Film:
    folder = tmp_path_factory.mktemp("film")
    return asyncio.run(film(folder / "data", folder / "frames", at_provider(SENT)))


def test_every_kind_of_write_point_was_filmed(filmed: Film) -> None:
    assert set(filmed.kinds) == KINDS
    assert len(filmed.frames) > 30


async def test_a_power_cut_at_any_write_point_loses_nothing(filmed: Film, tmp_path: Path) -> None:
    wrong = {}
    found: set[str] = set()
    for n, frame in enumerate(filmed.frames):
        if broken := await broken_promises(frame, SENT, tmp_path / f"{n}", found=found):
            wrong[frame.point] = broken
    assert wrong == {}
    assert "volatile" in found, "a cut has taken a body away that was not safe yet"
    assert "body-missing" not in found


def chosen(filmed: Film) -> set[int]:
    """Return frames of every kind, and others evenly spread."""
    step = max(1, len(filmed.frames) // CONTINUED)
    ends = {end for frames in filmed.kinds.values() for end in (min(frames), max(frames))}
    return ends | set(range(0, len(filmed.frames), step))


async def test_after_a_power_cut_everything_is_delivered_and_twice_only_where_a_reply_was_lost(
    filmed: Film, tmp_path: Path
) -> None:
    wrong = {}
    for n in sorted(chosen(filmed)):
        if broken := await goes_on(filmed.frames[n], SENT, tmp_path / f"{n}"):
            wrong[filmed.frames[n].point] = broken
    assert wrong == {}


class NamesNeverSynced(RecorderFiles):
    """What the store would be without the sync of its folders."""

    def sync_dir(self, path: Path) -> None:
        if path.name == "spool":
            return
        super().sync_dir(path)


class BodiesNeverSynced(RecorderFiles):
    """What the store would be without the sync of its files."""

    def sync(self, path: Path) -> None:
        pass


@pytest.mark.parametrize("careless", [NamesNeverSynced, BodiesNeverSynced])
async def test_a_store_that_leaves_a_sync_out_is_caught(tmp_path: Path, careless: type[RecorderFiles]) -> None:
    made = await film(tmp_path / "data", tmp_path / "frames", at_provider(SENT), recorder=careless)
    broken = {
        fault
        for n, frame in enumerate(made.frames)
        for fault in await broken_promises(frame, SENT, tmp_path / f"{n}", found=set())
    }
    assert {"letter 6 is lost", "letter 12 is lost"} <= broken
