"""Messages that are too large to be fetched: the list, and what a person decides about one."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from mailgate.api import mapping
from mailgate.api.callers import Caller
from mailgate.api.problems import may_answer
from mailgate.contract import v1
from mailgate.engine.engine import Engine
from mailgate.model.oversize import OversizeWish

Number = Annotated[int, PathParameter(ge=1, description="its number in the list")]


class OversizeRoutes(Controller):
    """What stays at the provider since it is too large."""

    tags = ("oversize",)

    @get(
        "/oversize",
        operation_id="oversize",
        summary="Messages that are too large to be fetched",
        responses=may_answer(503),
    )
    async def oversize(self, engine: NamedDependency[Engine]) -> v1.OversizeList:
        """Return all of them; one that is gone from the provider is not in the list any more."""
        found = await engine.oversize.messages()
        server = await engine.oversize.server_octets()
        return v1.OversizeList(messages=tuple(mapping.oversize(one, engine.config, server) for one in found))

    @post(
        "/oversize/{number:int}",
        status_code=200,
        operation_id="decideOversize",
        summary="Decide about one that is too large",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def decide(
        self,
        engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
        number: Number,
        data: JSONBody[v1.DecideOversize],
    ) -> v1.OversizeMessage:
        """Write it down, and let a session do it: at once, or when it is due."""
        decided = await engine.oversize.decide(number, OversizeWish(data.wish), by=caller.name)
        return mapping.oversize(decided, engine.config, await engine.oversize.server_octets())
