"""The queue of outgoing mail: its pages and counts, and what a person does with one message or with many."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from mailgate.api import queuemap
from mailgate.api.callers import Caller
from mailgate.api.problems import may_answer
from mailgate.api.routes.messages import MAX_TEXT, Before, Limit, MessageId
from mailgate.contract import v1
from mailgate.engine.engine import Engine

_STATE: Final = "(received|ready|held|frozen|active|parked)"

States = Annotated[
    str,
    QueryParameter(
        name="state", pattern=f"^({_STATE}(,{_STATE})*)?$", max_length=100, description="only these, parted by commas"
    ),
]
OperationId = Annotated[int, PathParameter(description="as the act answered it")]


class QueueRoutes(Controller):
    """What has not left yet, and why."""

    tags = ("queue",)

    @get(
        "/queue",
        operation_id="queue",
        summary="Messages of the queue, newest first",
        responses=may_answer(400, 404, 503),
    )
    async def queue(
        self,
        engine: NamedDependency[Engine],
        in_state: States = "",
        relay: Annotated[
            str | None, QueryParameter(description="only those that go by this relay; empty: to the internal server")
        ] = None,
        sender: Annotated[str, QueryParameter(max_length=MAX_TEXT, description="in the sender's address")] = "",
        recipient: Annotated[str, QueryParameter(max_length=MAX_TEXT, description="in a recipient's address")] = "",
        text: Annotated[
            str, QueryParameter(max_length=MAX_TEXT, description="in subject, addresses or Message-ID")
        ] = "",
        queued_before: Annotated[
            datetime | None, QueryParameter(name="queuedBefore", description="only those taken before then")
        ] = None,
        before: Before = "",
        limit: Limit = 100,
    ) -> v1.QueuePage:
        """Return one page with the state of each recipient; `next` is where the following one begins."""
        words = in_state.split(",") if in_state else []
        states = msgspec.convert(words, tuple[v1.QueueStateWord, ...])
        chosen = v1.QueueSelection(
            states=states,
            relay=relay,
            sender=sender,
            recipient=recipient,
            text=text,
            queued_before=queued_before.astimezone() if queued_before else None,
        )
        queue = engine.office_queue
        return queuemap.page(queue, await queue.page(queuemap.which(chosen), before=before, limit=limit))

    @get("/queue/counts", operation_id="queueCounts", summary="The queue in numbers", responses=may_answer(503))
    async def counts(self, engine: NamedDependency[Engine]) -> v1.QueueCounts:
        """Return how many messages there are, by state and by relay."""
        queue = engine.office_queue
        return queuemap.counts(queue, await queue.counts())

    @post(
        "/queue/forecast",
        status_code=200,
        operation_id="queueForecast",
        summary="How many messages would an act be about, and whom would a removal tell?",
        responses=may_answer(400, 404, 413, 503),
    )
    async def forecast(self, engine: NamedDependency[Engine], data: JSONBody[v1.QueueSelection]) -> v1.QueueForecast:
        """Count what a selection holds, and whose senders a removal would tell, before something is done with it.

        Nothing is changed. For messages that are chosen by their ids, name these in `ids`.
        """
        return queuemap.forecast(await engine.office_queue.forecast(queuemap.which(data)))

    @post(
        "/queue/act",
        status_code=202,
        operation_id="queueActOn",
        summary="Do something with many messages of the queue",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def act_on(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], data: JSONBody[v1.QueueBulkAct]
    ) -> v1.Operation:
        """Begin it, and answer at once; `GET /operations/{id}` tells how far it is.

        What is being sent just now, or is in a state in which the act means nothing, stays as it was and counts as
        refused.
        """
        begun = await engine.office_queue.act_on(
            queuemap.wanted(data),
            names=data.ids,
            which=None if data.selection is None else queuemap.which(data.selection),
            delay_s=data.delay_s,
            by=caller.name,
        )
        return queuemap.operation(begun)

    @get(
        "/queue/{message_id:str}",
        operation_id="queueEntry",
        summary="One message of the queue",
        responses=may_answer(400, 404, 503),
    )
    async def entry(self, engine: NamedDependency[Engine], message_id: MessageId) -> v1.QueueEntry:
        """Return a message of the office, in the queue or sent already."""
        queue = engine.office_queue
        return queuemap.entry(queue, await queue.entry(message_id))

    @post(
        "/queue/{message_id:str}/act",
        status_code=200,
        operation_id="queueAct",
        summary="Do something with one message of the queue",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def act(
        self,
        engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
        message_id: MessageId,
        data: JSONBody[v1.QueueAct],
    ) -> v1.QueueActed:
        """Freeze it, thaw it, send it now, remove it or give it another relay, and say how it stood before.

        A message that is being sent just now cannot be changed: 409.
        """
        queue = engine.office_queue
        return queuemap.acted(queue, await queue.act(message_id, queuemap.wanted(data), by=caller.name))

    @post(
        "/queue/{message_id:str}/recipients",
        status_code=200,
        operation_id="queueRecipients",
        summary="Give a message other recipients",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def recipients(
        self,
        engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
        message_id: MessageId,
        data: JSONBody[v1.QueueRecipients],
    ) -> v1.QueueActed:
        """Send it to these in place of those who do not have it yet; it keeps its way and its state."""
        queue = engine.office_queue
        return queuemap.acted(queue, await queue.readdress(message_id, data.addresses, by=caller.name))

    @get(
        "/operations/{number:int}",
        operation_id="operation",
        summary="How far an act about many messages is",
        responses=may_answer(400, 404, 503),
    )
    async def operation(self, engine: NamedDependency[Engine], number: OperationId) -> v1.Operation:
        """Return its state and its progress; the last ones are known after a restart of the engine, too.

        What a restart interrupted is `failed`, and `error` says how much was done.
        """
        return queuemap.operation(await engine.office_queue.operation(number))

    @post(
        "/operations/{number:int}/undo",
        status_code=200,
        operation_id="undo",
        summary="Take an act back",
        responses=may_answer(400, 404, 409, 503),
    )
    async def undo(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], number: OperationId
    ) -> v1.Operation:
        """Call it off while it waits, or let what it changed stand as before, as far as nothing has happened since."""
        return queuemap.operation(await engine.office_queue.undo(number, by=caller.name))
