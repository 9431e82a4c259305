"""`store check`: what it finds, and that it changes nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.schema import DATABASE
from mailgate.model.errors import StoreError
from tests.fakes.clock import START
from tests.fakes.entries import active, done, parked, ready, take
from tests.fakes.stores import LARGE, opened, spool_files


def sql(data_dir: Path, statement: str) -> None:
    with closing(sqlite3.connect(data_dir / DATABASE)) as database:
        database.execute(statement)
        database.commit()


def contents(data_dir: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}


async def test_a_sound_store_has_no_findings_whether_it_is_open_or_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await take(store, uid="1")
        await ready(store, LARGE, uid="2")
        await parked(store, b"", uid="3")
        await done(store, LARGE, uid="4")
        await done(store, uid="5")
        await store.purge(done_before=START, bodies_before=START)
        assert check_store(tmp_path) == ()
    before = contents(tmp_path)
    assert check_store(tmp_path) == ()
    assert before.items() <= contents(tmp_path).items()


async def test_a_folder_without_a_database_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="--data"):
        check_store(tmp_path)


async def test_each_fault_of_a_body_is_named_with_its_message(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        names: list[str] = []
        for n in range(4):
            await ready(store, LARGE, uid=f"{n}")
            [name] = set(spool_files(tmp_path)) - set(names)
            names.append(name)
        for n in range(2):
            await take(store, b"small %d" % n, uid=f"small-{n}")
    spool = tmp_path / "spool"
    (spool / names[0]).write_bytes(LARGE[:-1])
    (spool / names[1]).write_bytes(b"X" + LARGE[1:])
    (spool / names[2]).unlink()
    sql(tmp_path, "UPDATE body SET octets = CAST('S' || substr(octets, 2) AS BLOB) WHERE content_id = 5")
    sql(tmp_path, "DELETE FROM body WHERE content_id = 6")
    found = check_store(tmp_path)
    assert {one.code for one in found} == {"body"}
    assert all(one.serious and not one.mended for one in found)
    assert [one.text for one in found] == [
        f"Pmg0001: its body has {len(LARGE) - 1} octets, not {len(LARGE)}",
        "Pmg0002: its body is not the one that was fetched: the hash differs",
        f"Pmg0003: its body {names[2]} cannot be read: No such file or directory",
        "Pmg0005: its body is not the one that was fetched: the hash differs",
        "Pmg0006: its body is missing",
    ]


async def test_the_body_of_a_finished_message_is_no_serious_matter(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await done(store, LARGE)
    [name] = spool_files(tmp_path)
    (tmp_path / "spool" / name).unlink()
    [found] = check_store(tmp_path)
    assert (found.code, found.serious) == ("body", False)


async def test_what_the_next_start_will_mend_is_shown_and_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await active(store)
    (tmp_path / "spool" / "stray").write_bytes(b"x")
    for _ in range(2):
        assert [(one.code, one.serious) for one in check_store(tmp_path)] == [("orphan", False), ("interrupted", False)]
    async with opened(tmp_path) as (_, findings):
        assert [one.code for one in findings] == ["interrupted", "orphan"]
    assert check_store(tmp_path) == ()


async def test_another_schema_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    sql(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    [found] = check_store(tmp_path)
    assert (found.code, "9999" in found.text) == ("schema", True)


@pytest.mark.parametrize("content", [b"no database\n" * 1000, b""])
async def test_a_file_that_is_no_database_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DATABASE).write_bytes(content)
    assert [(one.code, one.serious) for one in check_store(tmp_path)] == [("damaged", True)]
    assert (tmp_path / DATABASE).read_bytes() == content
