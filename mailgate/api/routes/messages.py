"""Messages: the log, one message's path, the unrouted ones and who they shall go to."""

from typing import Annotated, Final

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from mailgate.api import mapping
from mailgate.api.callers import Caller
from mailgate.api.problems import may_answer
from mailgate.contract import v1
from mailgate.engine.engine import Engine
from mailgate.model.entry import EntryState, ParkReason
from mailgate.ports.store import MessageFilter

MAX_LIMIT: Final = 500
MAX_TEXT: Final = 200

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="messages at most")]
Before = Annotated[str, QueryParameter(description="a message id; only older ones are returned")]
MessageId = Annotated[str, PathParameter(description="such as `Pmg001A`")]


class MessageRoutes(Controller):
    """The messages that passed, wait or are parked."""

    tags = ("messages",)

    @get(
        "/messages",
        operation_id="messages",
        summary="Messages, newest first",
        responses=may_answer(400, 404, 503),
    )
    async def messages(
        self,
        engine: NamedDependency[Engine],
        in_state: Annotated[
            EntryState | None, QueryParameter(name="state", description="only those in this state")
        ] = None,
        account: Annotated[str, QueryParameter(description="only those of this account")] = "",
        text: Annotated[
            str, QueryParameter(max_length=MAX_TEXT, description="in subject, addresses, Message-ID or UID")
        ] = "",
        before: Before = "",
        limit: Limit = 100,
    ) -> v1.MessagePage:
        """Return one page; `next` is where the following one begins."""
        which = MessageFilter(states=frozenset({in_state} if in_state else ()), account=account, text=text)
        found, total = await engine.messages(which, before=before, limit=limit)
        return mapping.page(found, total, limit=limit)

    @get(
        "/messages/{message_id:str}",
        operation_id="message",
        summary="One message and the whole of its path",
        responses=may_answer(400, 404, 503),
    )
    async def message(self, engine: NamedDependency[Engine], message_id: MessageId) -> v1.MessageTrace:
        """Return what happened to it, step by step, with the evidence."""
        entry, steps = await engine.trace(message_id)
        return mapping.trace(entry, steps, await engine.routing_today(entry))

    @get(
        "/unrouted",
        operation_id="unrouted",
        summary="Messages that have nobody to go to",
        responses=may_answer(400, 404, 503),
    )
    async def unrouted(
        self, engine: NamedDependency[Engine], before: Before = "", limit: Limit = 100
    ) -> v1.MessagePage:
        """Return one page, newest first."""
        which = MessageFilter(states=frozenset({EntryState.PARKED}), park_reason=ParkReason.UNROUTED)
        found, total = await engine.messages(which, before=before, limit=limit)
        return mapping.page(found, total, limit=limit)

    @post(
        "/messages/{message_id:str}/deliver-to",
        status_code=200,
        operation_id="deliverTo",
        summary="Send a parked message to somebody",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def deliver_to(
        self,
        engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
        message_id: MessageId,
        data: JSONBody[v1.DeliverTo],
    ) -> v1.Message:
        """Give a message these recipients, whatever it is parked for, and hand it over; its path keeps who decided.

        Others that have it already do not get it again.
        """
        return mapping.message(await engine.deliver_to(message_id, data.addresses, by=caller.name))

    @post(
        "/routing/try",
        status_code=200,
        operation_id="tryRouting",
        summary="Where would a message with this header go?",
        responses=may_answer(400, 404, 413),
    )
    async def try_routing(self, engine: NamedDependency[Engine], data: JSONBody[v1.TryRouting]) -> v1.RoutingReport:
        """Decide as for live mail, and deliver nothing."""
        return mapping.routing(engine.try_routing(data.account, data.header.encode("utf-8", "surrogateescape")))
