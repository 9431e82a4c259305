"""The other sides of an engine, a provider and an internal server in the test's own loop, and a settings file."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailgate.demo.provider import Pop3Provider
from mailgate.demo.server import InternalMailServer
from mailgate.engine.tickets import Ticket
from mailgate.service.run import Running, running
from tests.fakes.eventually import eventually

USER, ANNA, BOB = "box@provider.example", "anna@office.example", "bob@office.example"
PASSWORD: Final = "sesame"
PASSWORD_VARIABLE: Final = "MAILGATE_TEST_PASSWORD"


def toml(**sections: Any) -> str:
    """Return a configuration: dicts are sections, lists of dicts are lists of sections. A JSON value is a TOML one."""
    parts = ["version = 1"]
    for name, content in sections.items():
        tables = content if isinstance(content, list) else [content]
        heading = f"[[{name}]]" if isinstance(content, list) else f"[{name}]"
        parts += ["\n".join([heading, *(f"{key} = {_value(value)}" for key, value in one.items())]) for one in tables]
    return "\n\n".join(parts) + "\n"


def _value(value: object) -> str:
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


@dataclass(slots=True)
class Peers:
    """Who an engine talks to, and the data directory it may have."""

    provider: Pop3Provider
    server: InternalMailServer
    data: Path

    def settings(self, **sections: Any) -> str:
        """Return a configuration for these peers; what a section is given is added to what it usually has."""
        usual: dict[str, Any] = {
            "internal": {"host": self.server.host, "port": self.server.port, "security": "none"},
            "accounts": [self.account()],
            "recipients": [{"address": ANNA}],
            "fetch": {"interval": "1h", "at_start": False, "timeout": "20s"},
            "delivery": {"retry": ["1s"], "reconnect": ["1s"]},
            "store": {"reserve_size": 0, "reserve_percent": 0.0},
            "api": {"port": 0},
        }
        for name, content in sections.items():
            known = usual.get(name)
            usual[name] = known | content if isinstance(known, dict) else content
        return toml(**{name: content for name, content in usual.items() if content})

    def account(self, name: str = "office", **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "host": self.provider.host,
            "port": self.provider.port,
            "security": "none",
            "user": USER,
            "password": f"env:{PASSWORD_VARIABLE}",
        } | more

    def configure(self, **sections: Any) -> str:
        """Write the configuration file, and return what is in it."""
        text = self.settings(**sections)
        (self.data / "mailgate.toml").write_text(text, "utf-8")
        return text

    @asynccontextmanager
    async def engine(self, **sections: Any) -> AsyncGenerator[Running, None]:
        """Run an engine on real sockets and a real store, in this process, with this configuration."""
        self.configure(**sections)
        async with running(self.data, with_app=False) as it:
            yield it

    def put(self, *numbers: int, to: str = ANNA, octets: int = 0) -> None:
        """Lay letters into the mailbox at the provider."""
        for number in numbers:
            head = (
                f"From: peer@out.example\r\nTo: {to}\r\nSubject: letter {number}\r\nMessage-ID: <{number}@out>\r\n\r\n"
            )
            self.provider.put(USER, head.encode() + b"x" * octets + b"\r\n")

    def waiting(self) -> int:
        """How many messages are at the provider."""
        return len(self.provider.messages(USER))

    async def has_come(self, count: int, *, timeout_s: float = 20.0) -> None:
        """Return once the internal server has so many messages, and no more."""
        await eventually(lambda: len(self.server.received) >= count, f"{count} messages", timeout_s=timeout_s)
        assert len(self.server.received) == count


@asynccontextmanager
async def opened(data: Path) -> AsyncGenerator[Peers, None]:
    """Run both peers while the context is open; `data` is made, and is its owner's alone."""
    await asyncio.to_thread(data.mkdir, 0o700)
    made = Peers(Pop3Provider({USER: (PASSWORD, [])}), InternalMailServer([ANNA, BOB]), data)
    await made.provider.start()
    await made.server.start()
    try:
        yield made
    finally:
        await made.provider.stop()
        await made.server.stop()


async def fetched(it: Running, account: str | None = None) -> Ticket:
    """Ask for a fetch and return the ticket once everything is done."""
    ticket = it.engine.start_session(account)
    await eventually(ticket.quiet.is_set, "the end of the request", timeout_s=30)
    return ticket


def conditions(it: Running) -> set[str]:
    """Return the codes of the conditions that hold."""
    return {held.code for held in it.engine.health.conditions}
