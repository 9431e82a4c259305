"""The calls of the routing's tools: a part of `http.EngineClient`."""

from collections.abc import Mapping
from typing import Any, Final

from mailgate.client.calls import Calls, word
from mailgate.contract import v1

LOOK_S: Final = 120.0  # some hundred headers, each read from disk


class LearningCalls:
    """Teaching, trying, and the capability report."""

    async def suggestions(self: Calls, message_id: str) -> v1.Suggestions:
        """Return what a message could be led by."""
        return await self._call("GET", f"/messages/{word(message_id)}/suggestions", v1.Suggestions)

    async def preview_teach(self: Calls, wish: v1.Teach) -> v1.TeachPreview:
        """Return what a lesson would do; nothing is changed."""
        return await self._call("POST", "/teach/preview", v1.TeachPreview, body=wish, timeout=LOOK_S)

    async def teach(self: Calls, wish: v1.Teach) -> v1.TeachReport:
        """Put a lesson in force, and send the message on by it."""
        return await self._call("POST", "/teach", v1.TeachReport, body=wish, timeout=LOOK_S)

    async def try_message(
        self: Calls,
        message_id: str = "",
        *,
        header: str = "",
        account: str = "",
        uid: str = "",
        number: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> v1.RoutingReport:
        """Ask where a stored message, or one with this header, would go; `settings` of the account are tried.

        With `uid`, or `number` from 1, it is one in the account's mailbox at the provider.
        """
        body = v1.TryMessage(
            id=message_id, header=header, account=account, uid=uid, number=number, settings=dict(settings or {})
        )
        return await self._call("POST", "/routing/try-message", v1.RoutingReport, body=body, timeout=LOOK_S)

    async def account_report(self: Calls, name: str) -> v1.CapabilityReport:
        """Return what an account's last messages show of its provider."""
        return await self._call("GET", f"/accounts/{word(name)}/report", v1.CapabilityReport, timeout=LOOK_S)
