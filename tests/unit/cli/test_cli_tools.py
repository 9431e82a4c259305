"""What the verbs for setting up print."""

from syrupy.assertion import SnapshotAssertion

from tests.unit.cli.conftest import Terminal


async def test_discover_a_known_provider(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("discover", "anna@web.de")
    assert said.code == 0
    assert said.out == snapshot


async def test_discover_finds_nothing(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = await terminal("discover", "anna@nowhere.example")
    assert said.code == 1
    assert said.out == snapshot


async def test_internal_kinds(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    assert (await terminal("internal", "kinds")).out == snapshot
    assert (await terminal("internal", "kinds", "kerio")).out == snapshot
    wrong = await terminal("internal", "kinds", "sendmail")
    assert (wrong.code, "there is no kind 'sendmail'" in wrong.out) == (1, True)
