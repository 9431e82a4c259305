"""What windows look at: status, accounts, recipients, events."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final

from litestar import Controller, get, post, websocket_stream
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from mailgate.api import mapping, toolmap
from mailgate.api.problems import may_answer
from mailgate.contract import v1
from mailgate.engine.engine import Engine

MAX_WAIT_S: Final = 30.0
STREAM_WAIT_S: Final = 10.0
EVENTS_A_PAGE: Final = 500

Wait = Annotated[float, QueryParameter(ge=0, le=MAX_WAIT_S, description="seconds to wait for news")]
After = Annotated[int, QueryParameter(ge=0, description="the last sequence number seen; 0 for the beginning")]
AccountName = Annotated[str, PathParameter(description="as the configuration has it")]


class WatchRoutes(Controller):
    """Reading; nothing here changes anything."""

    tags = ("watch",)

    @get("/status", operation_id="status", summary="The whole picture", responses=may_answer(503))
    async def status(self, engine: NamedDependency[Engine]) -> v1.Status:
        """Return accounts, conditions and counts, and the number of the last event they include."""
        return await mapping.status(engine)

    @get("/accounts", operation_id="accounts", summary="All accounts with their state", responses=may_answer())
    async def accounts(self, engine: NamedDependency[Engine]) -> tuple[v1.AccountState, ...]:
        """Return the accounts in the order of the configuration."""
        return tuple(mapping.account(engine, watch) for watch in engine.fetching.watches.values())

    @post(
        "/accounts/{name:str}/test",
        status_code=200,
        operation_id="testAccount",
        summary="Try the connection to an account",
        responses=may_answer(400, 404),
    )
    async def test(self, engine: NamedDependency[Engine], name: AccountName) -> v1.TestReport:
        """Connect, log in and list now; nothing at the provider changes."""
        return toolmap.test_report(await engine.trials.account(name))

    @get(
        "/recipients",
        operation_id="recipients",
        summary="The addresses of the configured recipients",
        responses=may_answer(),
    )
    async def recipients(self, engine: NamedDependency[Engine]) -> tuple[str, ...]:
        """Return them in the order of the configuration."""
        return tuple(mailbox.address for mailbox in engine.config.recipients)

    @get(
        "/events",
        operation_id="events",
        summary="Events after a sequence number",
        responses=may_answer(400),
    )
    async def events(self, engine: NamedDependency[Engine], after: After = 0, wait: Wait = 0) -> v1.EventPage:
        """Return events, waiting up to `wait` seconds for the first. `gap`: take a new snapshot."""
        return mapping.event_page(await engine.hub.wait_after(after, timeout_s=wait))

    @websocket_stream("/events/stream", warn_on_data_discard=False)
    async def stream(self, engine: NamedDependency[Engine], after: After = 0) -> AsyncGenerator[v1.EventPage, None]:
        """Send pages of events as they happen, from a sequence number on."""
        while not engine.stopping.is_set():
            found = await engine.hub.wait_after(after, timeout_s=STREAM_WAIT_S)
            if found.events or found.gap:
                yield mapping.event_page(found)
            after = found.last
