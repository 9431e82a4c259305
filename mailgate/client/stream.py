"""The event stream, two ways: over a websocket, or by long polls where there is no socket (in process).

Both yield `EventPage`s and keep the place by sequence number, so that nothing is told twice and a loss is visible.
The library for the socket is loaded by who opens one: the engine itself, which holds a client for its app, never does.
"""

from collections.abc import AsyncIterator, Awaitable
from typing import Final, Protocol

import msgspec

from mailgate.client.discover import EngineAddress
from mailgate.client.errors import NotRunningError, RefusedError
from mailgate.contract import v1

MAX_PAGE_OCTETS: Final = 16_000_000
UNAUTHORISED: Final = (401, 403)


class EventCall(Protocol):
    """`EngineClient.events`."""

    def __call__(self, after: int, *, wait_s: float = 0) -> Awaitable[v1.EventPage]:
        """Return the events after `after`."""
        ...


async def follow_poll(events: EventCall, after: int, *, wait_s: float) -> AsyncIterator[v1.EventPage]:
    """Yield pages by asking again and again, each time waiting on the engine's side."""
    run = ""
    while True:
        page = await events(after, wait_s=wait_s)
        if run and page.run != run:
            page = msgspec.structs.replace(page, gap=True)
        run = page.run
        if page.events or page.gap:
            yield page
        after = page.last


async def follow_websocket(address: EngineAddress, after: int) -> AsyncIterator[v1.EventPage]:
    """Yield pages as the engine sends them.

    Raises:
        NotRunningError: nobody answers, or the connection broke: call again with the last `seq` seen.
        RefusedError: the token is not good.
    """
    from websockets.asyncio.client import connect  # noqa: PLC0415 see above
    from websockets.exceptions import InvalidStatus, WebSocketException  # noqa: PLC0415

    url = address.url.replace("http", "ws", 1) + f"/api/v1/events/stream?after={after}"
    try:
        async with connect(
            url,
            additional_headers={"authorization": f"Bearer {address.token}"},
            max_size=MAX_PAGE_OCTETS,
            proxy=None,
        ) as socket:
            async for said in socket:
                yield msgspec.json.decode(said, type=v1.EventPage)
    except InvalidStatus as exc:
        if exc.response.status_code in UNAUTHORISED:
            raise RefusedError("the engine does not accept this token", code="unauthorized", status=401) from exc
        raise NotRunningError(f"nobody answers at {address.url}", code="not_running") from exc
    except (OSError, WebSocketException, msgspec.DecodeError, TimeoutError) as exc:
        raise NotRunningError(f"the connection to {address.url} broke", code="not_running") from exc
    raise NotRunningError(f"the engine at {address.url} closed the connection", code="not_running")
