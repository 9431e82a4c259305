"""A whole engine between hostile peers: its settings, what it has told, and how much memory it took."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from litestar import Litestar

from mailgate.model.events import Event, Numbered
from mailgate.service.run import Running, running
from tests.fakes.eventually import eventually
from tests.hostile.letters import ANNA, BEN, CARL, DORA
from tests.hostile.pop3_peer import USER, HostilePop3
from tests.hostile.smtp_peer import HostileSmtp
from tests.integration.peers import PASSWORD_VARIABLE, toml

ILL, WELL = "ill", "well"
SOON_S: Final = 1  # the shortest timeout that the settings allow
LATE_S: Final = 10  # for faults that have nothing to do with time: a busy machine must not look like one
SAMPLE_S: Final = 0.02

E = TypeVar("E", bound=Event)


@dataclass(slots=True)
class Office:
    """An engine that runs, and all it has told since."""

    it: Running
    told: list[Event] = field(default_factory=list)

    def heard(self, kind: type[E]) -> list[E]:
        """Return the events of one kind, oldest first."""
        return [one for one in self.told if isinstance(one, kind)]

    @property
    def conditions(self) -> set[str]:
        return {held.code for held in self.it.engine.health.conditions}

    async def fetch(self, account: str | None = None, *, within_s: float) -> None:
        """Ask for a pass and return once everything is done that can be done now."""
        ticket = self.it.engine.start_session(account)
        await eventually(ticket.quiet.is_set, f"the end of the sessions of {account or 'all'}", timeout_s=within_s)


def account(name: str, peer: HostilePop3, **more: Any) -> dict[str, Any]:
    """Return the settings of an account at `peer`."""
    return {
        "name": name,
        "host": peer.host,
        "port": peer.port,
        "security": "none",
        "user": USER,
        "password": f"env:{PASSWORD_VARIABLE}",
    } | more


@asynccontextmanager
async def office(
    folder: Path,
    accounts: list[dict[str, Any]],
    server: HostileSmtp,
    *,
    timeout_s: int = LATE_S,
    fetch: dict[str, Any] | None = None,
    delivery: dict[str, Any] | None = None,
    internal: dict[str, Any] | None = None,
    **sections: Any,
) -> AsyncGenerator[Office, None]:
    """Run an engine on these peers with the shortest waits there are; `folder` is made, or was used before.

    `sections` are others of the settings, such as those of outgoing mail.
    """
    await asyncio.to_thread(folder.mkdir, 0o700, exist_ok=True)
    limit = f"{timeout_s}s"
    text = toml(
        internal={"host": server.host, "port": server.port, "security": "none"} | (internal or {}),
        accounts=accounts,
        recipients=[{"address": one} for one in (ANNA, BEN, CARL, DORA)],
        fetch={
            "interval": "1h",
            "at_start": False,
            "workers": 8,
            "per_host": 8,
            "connect_timeout": limit,
            "timeout": limit,
            "settle_wait": "2s",
        }
        | (fetch or {}),
        delivery={
            "connections": 2,
            "retry": ["1s"],
            "reconnect": ["1s"],
            "connect_timeout": limit,
            "command_timeout": limit,
            "data_timeout": limit,
        }
        | (delivery or {}),
        store={"reserve_size": 0, "reserve_percent": 0.0},
        api={"port": 0},
        log={"level": "error"},
        **sections,
    )
    await asyncio.to_thread((folder / "mailgate.toml").write_text, text, "utf-8")
    async with running(folder, with_app=False, make_api=_no_api) as it:
        made = Office(it)

        def keep(numbered: Numbered) -> None:
            made.told.append(numbered.event)

        it.engine.hub.listen(keep)
        yield made


def _no_api(*_: object, **_more: object) -> Litestar:
    """Return an API without routes: nobody asks these engines anything, and it would be most of what a cell costs."""
    return Litestar([], openapi_config=None, logging_config=None)


@contextlib.asynccontextmanager
async def memory_watched(limit_octets: int) -> AsyncGenerator[None, None]:
    """Watch this process while the context is open, and fail when it grows by more; where the system does not tell, not.

    The peers live in it, too: what they hold counts.
    """
    before = _resident()
    most = [before]

    async def watch() -> None:
        while True:
            most[0] = max(most[0], _resident())
            await asyncio.sleep(SAMPLE_S)  # a look now and then; nothing is waited for

    task = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    grown = most[0] - before
    assert grown <= limit_octets, f"it grew by {grown:,} octets"


def _resident() -> int:
    """Return the resident memory of this process in octets, 0 where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
