"""Tools for setting up: which servers an address has, and what to set on the internal server."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from mailgate.api import toolmap
from mailgate.api.problems import may_answer
from mailgate.contract import v1
from mailgate.engine.engine import Engine


class ToolRoutes(Controller):
    """Looking and trying; nothing here changes a setting."""

    tags = ("tools",)

    @post(
        "/discover",
        status_code=200,
        operation_id="discover",
        summary="Find the servers behind an address",
        responses=may_answer(400, 413),
    )
    async def discover(self, engine: NamedDependency[Engine], data: JSONBody[v1.Discover]) -> v1.DiscoveryReport:
        """Ask presets, the provider, the ISPDB and the domain name system, and guess at last; takes up to a minute.

        The whole address goes to its own domain alone, over TLS; the ISPDB (`discovery.ispdb_url`) learns the domain.
        """
        return toolmap.discovered(await engine.trials.discover(data.address))

    @post(
        "/try/account",
        status_code=200,
        operation_id="tryAccount",
        summary="Try settings of an account that are not kept yet",
        responses=may_answer(400, 413),
    )
    async def try_account(self, engine: NamedDependency[Engine], data: JSONBody[v1.TryAccount]) -> v1.TestReport:
        """Connect, log in and list with what was typed; nothing is kept, and nothing at the provider changes."""
        return toolmap.test_report(await engine.trials.typed_account(toolmap.typed_account(data), data.password))

    @post(
        "/internal/test",
        status_code=200,
        operation_id="testInternal",
        summary="Try the internal server, recipient by recipient",
        responses=may_answer(400, 413),
    )
    async def test_internal(self, engine: NamedDependency[Engine], data: JSONBody[v1.TryInternal]) -> v1.InternalReport:
        """Connect as a delivery does and ask for each recipient (RCPT); no message is sent. Takes two minutes at most."""
        return toolmap.internal_report(await engine.trials.internal(data.recipients))

    @post(
        "/relays/{name:str}/test",
        status_code=200,
        operation_id="testRelay",
        summary="Try a relay as a sender, or send a test message by it",
        responses=may_answer(400, 404, 413),
    )
    async def test_relay(
        self,
        engine: NamedDependency[Engine],
        name: Annotated[str, PathParameter(description="the relay's name")],
        data: JSONBody[v1.TryRelay],
    ) -> v1.TestReport:
        """Connect and log in as a delivery does, say MAIL and RCPT, and RSET or a test message; not by the queue."""
        write = engine.outbox.trial if data.send else None
        return toolmap.test_report(
            await engine.trials.relay(name, sender=data.sender, recipient=data.recipient, write=write)
        )

    @post(
        "/recipients/{address:str}/test",
        status_code=200,
        operation_id="testRecipient",
        summary="Send a test message to a recipient",
        responses=may_answer(400, 404, 409, 503),
    )
    async def test_recipient(
        self,
        engine: NamedDependency[Engine],
        address: Annotated[str, PathParameter(description="the recipient's address, or an alias of it")],
    ) -> v1.TrialMessage:
        """Write a real message, send it by the queue as any other mail, and wait up to half a minute for its end."""
        return toolmap.trial_message(await engine.trial_messages.send(address))

    @get(
        "/internal/kinds",
        operation_id="internalKinds",
        summary="Kinds of internal servers, and what to set there",
        responses=may_answer(),
    )
    async def kinds(self, engine: NamedDependency[Engine]) -> tuple[v1.InternalKind, ...]:
        """Return all kinds with their hints, those that hold for every kind included."""
        return tuple(map(toolmap.kind, engine.trials.kinds()))
