"""When accounts are fetched: pauses of all and of one, and what a schedule plans."""

from typing import Annotated, Final

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from mailgate.api import mapping
from mailgate.api.callers import Caller
from mailgate.api.problems import may_answer
from mailgate.api.routes.watch import AccountName
from mailgate.contract import v1
from mailgate.engine.engine import Engine
from mailgate.model.errors import ConflictError

MOST_PLANNED: Final = 100

Count = Annotated[int, QueryParameter(ge=1, le=MOST_PLANNED, description="how many sessions to look ahead")]


class ScheduleRoutes(Controller):
    """Pauses and plans."""

    tags = ("schedule",)

    @post(
        "/pause",
        status_code=204,
        operation_id="pause",
        summary="Pause fetching",
        responses=may_answer(400, 409, 413, 503),
    )
    async def pause(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], data: JSONBody[v1.Pause]
    ) -> None:
        """Begin no scheduled session for so many minutes, up to a year, until a time, or until `resume`."""
        await _pause(engine, caller, data, "")

    @post(
        "/resume",
        status_code=204,
        operation_id="resume",
        summary="Let fetching go on",
        responses=may_answer(503),
    )
    async def resume(self, engine: NamedDependency[Engine], caller: NamedDependency[Caller]) -> None:
        """End a pause of all; accounts that are paused by themselves stay so."""
        await engine.fetching.resume(by=caller.name)

    @post(
        "/accounts/{name:str}/pause",
        status_code=204,
        operation_id="pauseAccount",
        summary="Pause one account",
        responses=may_answer(400, 404, 409, 413, 503),
    )
    async def pause_account(
        self,
        engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
        name: AccountName,
        data: JSONBody[v1.Pause],
    ) -> None:
        """Begin no scheduled session of it for so many minutes, until a time, or until it is resumed."""
        await _pause(engine, caller, data, name)

    @post(
        "/accounts/{name:str}/resume",
        status_code=204,
        operation_id="resumeAccount",
        summary="Let one account go on",
        responses=may_answer(400, 404, 503),
    )
    async def resume_account(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], name: AccountName
    ) -> None:
        """End the pause of this account; while all are paused, it waits with them."""
        await engine.fetching.resume(by=caller.name, account=name)

    @get(
        "/accounts/{name:str}/schedule",
        operation_id="accountSchedule",
        summary="What the schedule of an account says and plans",
        responses=may_answer(400, 404),
    )
    async def schedule(
        self, engine: NamedDependency[Engine], name: AccountName, count: Count = 10
    ) -> v1.AccountSchedule:
        """Return its rules and its next sessions."""
        return mapping.account_schedule(engine, engine.fetching.watch(name), count=count)


async def _pause(engine: Engine, caller: Caller, data: v1.Pause, account: str) -> None:
    if data.minutes is not None and data.until is not None:
        raise ConflictError("name `minutes` or `until`, not both: they say when the pause ends")
    await engine.pause(minutes=data.minutes, until=data.until, account=account, by=caller.name)
