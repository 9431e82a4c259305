"""Tools of routing: teach it by an unrouted message, try it, and see what a provider's headers are good for."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from mailgate.api import learningmap, mapping
from mailgate.api.callers import Caller
from mailgate.api.problems import may_answer
from mailgate.api.routes.messages import MessageId
from mailgate.api.routes.watch import AccountName
from mailgate.contract import v1
from mailgate.engine.engine import Engine


class LearningRoutes(Controller):
    """Everything here decides as live mail is decided on."""

    tags = ("routing",)

    @get(
        "/messages/{message_id:str}/suggestions",
        operation_id="suggestions",
        summary="What could an unrouted message be led by?",
        responses=may_answer(400, 404, 409, 503),
    )
    async def suggestions(self, engine: NamedDependency[Engine], message_id: MessageId) -> v1.Suggestions:
        """Return addresses, mailing lists and names in its header that lead to nobody yet, the likeliest first."""
        return learningmap.suggestions(*await engine.learning.suggestions(message_id))

    @post(
        "/teach/preview",
        status_code=200,
        operation_id="previewTeach",
        summary="What would a lesson do?",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def preview(self, engine: NamedDependency[Engine], data: JSONBody[v1.Teach]) -> v1.TeachPreview:
        """Return who would get the message, and which of the last 500 it would lead elsewhere; nothing is changed."""
        return learningmap.preview(data.id, await engine.learning.preview(data.id, learningmap.lesson(data)))

    @post(
        "/teach",
        status_code=200,
        operation_id="teach",
        summary="Teach the routing by a message",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def teach(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], data: JSONBody[v1.Teach]
    ) -> v1.TeachReport:
        """Write the lesson into the configuration, and send the message on by it; with `others`, all that it catches."""
        done = await engine.learning.teach(
            data.id, learningmap.lesson(data), others=data.others, by=caller.name, revision=data.revision
        )
        return learningmap.taught(done)

    @post(
        "/routing/try-message",
        status_code=200,
        operation_id="tryMessage",
        summary="Where would this message go?",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def try_message(self, engine: NamedDependency[Engine], data: JSONBody[v1.TryMessage]) -> v1.RoutingReport:
        """Decide as for live mail, with other settings of the account if they are sent along; nothing is delivered."""
        found = await engine.learning.try_message(
            data.id,
            data.header.encode("utf-8", "surrogateescape"),
            account=data.account,
            uid=data.uid,
            number=data.number,
            settings=data.settings,
        )
        return mapping.routing(found)

    @get(
        "/accounts/{name:str}/report",
        operation_id="accountReport",
        summary="What are the provider's headers good for?",
        responses=may_answer(400, 404, 503),
    )
    async def report(self, engine: NamedDependency[Engine], name: AccountName) -> v1.CapabilityReport:
        """Tell from the last 500 messages which header names the envelope recipient, and whether it is safe to rely on."""
        found = await engine.learning.report(name)
        account = engine.wanted.account(name)
        return learningmap.report(found, account.envelope_header if account else "")
