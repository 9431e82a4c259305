"""A long queue of outgoing mail: the start with it, its pages by the API, and an act about all of it.

The messages are laid into the store as copies of one that a client handed over; all are held, so that nothing is sent.
"""

import asyncio
import smtplib
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.inbound.measure import resident_mb
from mailgate.client.http import EngineClient
from mailgate.contract import v1
from mailgate.service.run import Running, running

MESSAGES: Final = 100_000
ASKED: Final = 20
_CONFIG: Final = """\
version = 1
[internal]
host = "127.0.0.1"
port = 9
[[recipients]]
address = "anna@office.example"
[[listeners]]
name = "office"
port = 0
[[relays]]
name = "provider"
host = "127.0.0.1"
port = 9
security = "none"
login = "none"
[outbound]
hold = "10d"
[api]
port = 0
silent_removal = true
"""
_COPIES: Final = """
WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
INSERT INTO {table} ({columns}) SELECT {values} FROM n, {table} AS one WHERE one.{key} = 1
"""


def main(messages: int = MESSAGES) -> int:
    """Print the figures; 0."""
    asyncio.run(_measure(messages))
    return 0


async def _measure(messages: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as name:
        data = Path(name) / "data"
        data.mkdir(mode=0o700)
        config = Path(name) / "mailgate.toml"
        config.write_text(_CONFIG)
        async with running(data, config) as it:
            await asyncio.to_thread(_hand_over, await _port(it))
        await asyncio.to_thread(_fill, data / "mailgate.db", messages)
        began = time.perf_counter()
        async with running(data, config) as it:
            print(f"start with {messages} queued messages: {time.perf_counter() - began:.2f} s")
            async with EngineClient(it.host.address, name="cli") as engine:
                await _ask(engine)
                await _act(it, engine)


async def _port(it: Running) -> int:
    """Return the listener's port, once it is open."""
    outgoing = it.engine.outgoing
    while outgoing is None or not outgoing.submission.ports:
        await it.engine.ports.clock.sleep(0.01)
    return next(iter(outgoing.submission.ports.values()))


def _hand_over(port: int) -> float:
    """Hand one message over, and return the seconds from its final dot to the answer."""
    with smtplib.SMTP("127.0.0.1", port, "bench.example", timeout=60) as client:
        client.ehlo()
        client.mail("anna@office.example")
        client.rcpt("bob@customer.example")
        began = time.perf_counter()
        client.data(b"From: anna@office.example\r\nSubject: An offer\r\n\r\n" + b"x" * 4_000)
        return time.perf_counter() - began


def _fill(database: Path, many: int) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, key, changed in (
            ("content", "id", {"id": "i"}),
            ("body", "content_id", {"content_id": "i"}),
            (
                "entry",
                "id",
                {
                    "id": "i",
                    "content_id": "i",
                    "subject": "'Offer ' || i",
                    "sender": "'user' || (i % 50) || '@office.example'",
                },
            ),
            ("recipient", "entry_id", {"entry_id": "i", "address": "'bob' || i || '@customer.example'"}),
        ):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changed.get(column, f"one.{column}") for column in columns)
            statement = _COPIES.format(table=table, columns=", ".join(columns), values=values, key=key)
            connection.execute(statement, {"many": many})


async def _ask(engine: EngineClient) -> None:
    page = (await engine.queue(limit=100)).next
    for what, ask in (
        ("a page", lambda: engine.queue(limit=100)),
        ("the next page", lambda: engine.queue(limit=100, before=page)),
        ("a state with none", lambda: engine.queue(v1.QueueSelection(states=("frozen",)), limit=100)),
        ("a sender", lambda: engine.queue(v1.QueueSelection(sender="user7@"), limit=100)),
        ("a text that is nowhere", lambda: engine.queue(v1.QueueSelection(text="nowhere"), limit=100)),
        ("a recipient that is nowhere", lambda: engine.queue(v1.QueueSelection(recipient="nowhere"), limit=100)),
        ("the counts", engine.queue_counts),
        ("a forecast", lambda: engine.queue_forecast(v1.QueueSelection())),
    ):
        print(f"{what}: {await _median_ms(ask):.0f} ms")


async def _median_ms(ask: Callable[[], Awaitable[object]]) -> float:
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[len(took) // 2]


async def _act(it: Running, engine: EngineClient) -> None:
    port = await _port(it)
    for act in ("freeze", "thaw", "freeze", "remove"):
        before = resident_mb(it.engine.ports.pid)
        began = time.perf_counter()
        wish = v1.QueueBulkAct(act=act, selection=v1.QueueSelection(), silent=act == "remove")
        operation = await engine.queue_act_on(wish)
        answered = (time.perf_counter() - began) * 1000
        waits = []
        while operation.ended is None:
            waits.append(await asyncio.to_thread(_hand_over, port))
            operation = await engine.operation(operation.id)
        took = time.perf_counter() - began
        grown = resident_mb(it.engine.ports.pid) - before
        longest = max(waits, default=0) * 1000
        print(
            f"{act} {operation.done}: answered in {answered:.0f} ms, over after {took:.1f} s, {operation.refused} refused; "
            f"the longest accept meanwhile {longest:.0f} ms of {len(waits)}; {grown:+.1f} MB"
        )
