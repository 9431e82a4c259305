"""Parked messages: the list, a look at one, its octets, and what a person decides."""

from typing import Annotated, Final, Literal

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream

from mailgate.api import mapping
from mailgate.api.callers import Caller
from mailgate.api.problems import may_answer
from mailgate.api.routes.messages import MAX_TEXT, Before, Limit, MessageId
from mailgate.contract import v1
from mailgate.engine.engine import Engine
from mailgate.engine.parked import Act, parked_filter
from mailgate.model.entry import ParkReason
from mailgate.model.errors import ConflictError

EML: Final = "message/rfc822"


class ParkedRoutes(Controller):
    """What waits for a person."""

    tags = ("parked",)

    @get(
        "/parked", operation_id="parked", summary="Messages that wait for a person", responses=may_answer(400, 404, 503)
    )
    async def parked(
        self,
        engine: NamedDependency[Engine],
        reason: Annotated[ParkReason | None, QueryParameter(description="only those parked for this")] = None,
        account: Annotated[str, QueryParameter(description="only those of this account")] = "",
        text: Annotated[
            str, QueryParameter(max_length=MAX_TEXT, description="in subject, addresses, Message-ID or UID")
        ] = "",
        before: Before = "",
        limit: Limit = 100,
    ) -> v1.MessagePage:
        """Return one page, newest first; `next` is where the following one begins."""
        found, total = await engine.messages(parked_filter(reason, account, text), before=before, limit=limit)
        return mapping.page(found, total, limit=limit)

    @post(
        "/parked",
        status_code=200,
        operation_id="decideParked",
        summary="Decide about several parked messages",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def decide(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], data: JSONBody[v1.ParkedAct]
    ) -> v1.ParkedReport:
        """Do the same with each; one for which it cannot be done stays as it was, and does not stop the others."""
        act = Act(data.act)
        parked = engine.parked
        if (data.selection is None) == (not data.ids):
            raise ConflictError("name either `ids` or a `selection`: what is meant must be clear")
        if data.selection is None:
            decided = await parked.act_on(data.ids, act, addresses=data.addresses, by=caller.name)
        else:
            chosen = data.selection
            which = parked_filter(ParkReason(chosen.reason) if chosen.reason else None, chosen.account, chosen.text)
            decided = await parked.act_on_all(
                which, act, before=chosen.before, addresses=data.addresses, by=caller.name
            )
        return mapping.parked_report(decided)

    @post(
        "/messages/{message_id:str}/retry",
        status_code=200,
        operation_id="retry",
        summary="Try a parked message once more",
        responses=may_answer(400, 404, 409, 503),
    )
    async def retry(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], message_id: MessageId
    ) -> v1.Message:
        """Send it to those who do not have it; one that has nobody to go to is routed by the settings of today."""
        return mapping.message(await engine.parked.act(message_id, Act.RETRY, by=caller.name))

    @post(
        "/messages/{message_id:str}/wrap",
        status_code=200,
        operation_id="wrap",
        summary="Send a parked message as an attachment",
        responses=may_answer(400, 404, 409, 503),
    )
    async def wrap(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], message_id: MessageId
    ) -> v1.Message:
        """Send it inside a new message, for a server that objects to how it is made."""
        return mapping.message(await engine.parked.act(message_id, Act.WRAP, by=caller.name))

    @post(
        "/messages/{message_id:str}/delete",
        status_code=200,
        operation_id="deleteMessage",
        summary="Delete a parked message",
        responses=may_answer(400, 404, 409, 503),
    )
    async def delete(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], message_id: MessageId
    ) -> v1.Message:
        """End it: nobody else gets it. Its path says who did so; its octets are kept for `store.keep_bodies`."""
        return mapping.message(await engine.parked.act(message_id, Act.DELETE, by=caller.name))

    @get(
        "/messages/{message_id:str}/preview",
        operation_id="preview",
        summary="What a message says, without anything active",
        responses=may_answer(400, 404, 409, 503),
    )
    async def preview(self, engine: NamedDependency[Engine], message_id: MessageId) -> v1.Preview:
        """Return its header, its text and what is attached, all as plain data; HTML is reduced to its text."""
        return mapping.preview(*await engine.parked.preview(message_id))

    @get(
        "/messages/{message_id:str}/eml",
        operation_id="eml",
        summary="The octets of a message",
        responses=may_answer(400, 404, 409, 503),
        media_type=EML,
    )
    async def eml(
        self,
        engine: NamedDependency[Engine],
        message_id: MessageId,
        form: Annotated[
            Literal["fetched", "sent"],
            QueryParameter(description="as it was fetched, or with all that is put on it when it is sent"),
        ] = "fetched",
    ) -> Stream:
        """Return the message itself, as a file."""
        entry, octets = await engine.parked.eml(message_id, as_sent=form == "sent")
        headers = {
            "content-disposition": f'attachment; filename="{entry.name}.eml"',
            "x-content-type-options": "nosniff",
        }
        return Stream(octets, media_type=EML, headers=headers)
