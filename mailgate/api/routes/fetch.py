"""What people ask of fetching: sessions now, stop, the configuration anew."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from mailgate.api import mapping
from mailgate.api.problems import may_answer
from mailgate.api.routes.watch import Wait
from mailgate.contract import v1
from mailgate.engine.engine import Engine


class FetchRoutes(Controller):
    """Commands to the download sessions."""

    tags = ("fetch",)

    @post(
        "/sessions",
        operation_id="startSessions",
        summary="Start download sessions now",
        response_description="asked for; `GET /sessions/{id}` tells how far it is",
        responses=may_answer(400, 404, 409, 413),
    )
    async def start(self, engine: NamedDependency[Engine], data: JSONBody[v1.StartSession]) -> v1.SessionTicket:
        """Ask for a pass over one account, or all; the answer comes at once."""
        ticket = engine.start_session(data.account)
        return v1.SessionTicket(id=ticket.id, accounts=ticket.accounts)

    @get(
        "/sessions/{number:int}",
        operation_id="sessionReport",
        summary="How a request for sessions stands",
        responses=may_answer(400, 404, 503),
    )
    async def look(
        self,
        engine: NamedDependency[Engine],
        number: Annotated[int, PathParameter(description="from `POST /sessions`")],
        wait: Wait = 0,
    ) -> v1.SessionReport:
        """Return the report, waiting up to `wait` seconds for its end."""
        return await mapping.report(engine, await engine.fetching.ticket(number, wait_s=wait))

    @post(
        "/sessions/stop",
        status_code=204,
        operation_id="stopSessions",
        summary="End running sessions after the message they are at",
        responses=may_answer(),
    )
    async def stop(self, engine: NamedDependency[Engine]) -> None:
        """Nothing is lost: what was not taken stays at the provider."""
        engine.fetching.stop_sessions()

    @post(
        "/reload",
        status_code=200,
        operation_id="reload",
        summary="Read the configuration file anew",
        responses=may_answer(),
    )
    async def reload(self, engine: NamedDependency[Engine]) -> v1.ReloadReport:
        """Put all of it in force, or nothing."""
        return mapping.reload_report(await engine.reload())
