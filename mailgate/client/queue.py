"""The calls about the queue: a part of `http.EngineClient`."""

from datetime import datetime
from typing import Final

from mailgate.client.calls import Calls, word
from mailgate.contract import v1

NO_SELECTION: Final = v1.QueueSelection()


class QueueCalls:
    """What has not left yet, and what is done about it."""

    async def queue(
        self: Calls, which: v1.QueueSelection = NO_SELECTION, *, before: str = "", limit: int = 100
    ) -> v1.QueuePage:
        """Return messages of the queue, newest first."""
        params = _params(which) | {"limit": str(limit)} | ({"before": before} if before else {})
        return await self._call("GET", "/queue", v1.QueuePage, params=params)

    async def queue_counts(self: Calls) -> v1.QueueCounts:
        """Return the queue in numbers, by state and by relay."""
        return await self._call("GET", "/queue/counts", v1.QueueCounts)

    async def queue_forecast(self: Calls, which: v1.QueueSelection) -> v1.QueueForecast:
        """Return how many messages a selection holds, and of how many a removal would tell nobody and why."""
        return await self._call("POST", "/queue/forecast", v1.QueueForecast, body=which)

    async def queue_entry(self: Calls, message_id: str) -> v1.QueueEntry:
        """Return one message of the queue."""
        return await self._call("GET", f"/queue/{word(message_id)}", v1.QueueEntry)

    async def queue_act(
        self: Calls,
        message_id: str,
        act: v1.QueueActWord,
        *,
        until: datetime | None = None,
        silent: bool = False,
        to_relay: str | None = None,
    ) -> v1.QueueActed:
        """Do something with one message, at once."""
        body = v1.QueueAct(act=act, until=until, silent=silent, to_relay=to_relay)
        return await self._call("POST", f"/queue/{word(message_id)}/act", v1.QueueActed, body=body)

    async def queue_act_on(self: Calls, wish: v1.QueueBulkAct) -> v1.Operation:
        """Begin to do something with many messages; `operation` tells how far it is."""
        return await self._call("POST", "/queue/act", v1.Operation, body=wish)

    async def queue_recipients(self: Calls, message_id: str, addresses: tuple[str, ...]) -> v1.QueueActed:
        """Give a message other recipients, in place of those who do not have it yet."""
        body = v1.QueueRecipients(addresses=addresses)
        return await self._call("POST", f"/queue/{word(message_id)}/recipients", v1.QueueActed, body=body)

    async def operation(self: Calls, number: int) -> v1.Operation:
        """Return how far an act about many messages is."""
        return await self._call("GET", f"/operations/{number}", v1.Operation)

    async def undo(self: Calls, number: int) -> v1.Operation:
        """Call an act off, or take back what it did, as far as that has not been sent meanwhile."""
        return await self._call("POST", f"/operations/{number}/undo", v1.Operation)


def _params(which: v1.QueueSelection) -> dict[str, str]:
    params = {"sender": which.sender, "recipient": which.recipient, "text": which.text, "state": ",".join(which.states)}
    params = {name: value for name, value in params.items() if value}
    if which.relay is not None:
        params["relay"] = which.relay
    if which.queued_before is not None:
        params["queuedBefore"] = which.queued_before.isoformat()
    return params
