"""The engine's API as typed calls, over the network or in process (an ASGI transport)."""

from collections.abc import AsyncIterator
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import httpx
import msgspec

from mailgate.client.calls import TIMEOUT_S
from mailgate.client.calls import word as _word
from mailgate.client.discover import EngineAddress
from mailgate.client.errors import ClientError, NotRunningError, RefusedError
from mailgate.client.learning import LearningCalls
from mailgate.client.queue import QueueCalls
from mailgate.client.settings import SettingsCalls
from mailgate.client.stream import follow_poll, follow_websocket
from mailgate.contract import v1

LONG_POLL_S: Final = 20.0
DECIDE_S: Final = 300.0  # some hundred messages, each with a commit of a busy store

T = TypeVar("T")


class EngineClient(SettingsCalls, LearningCalls, QueueCalls):
    """Talks to one engine. Use it as an async context manager, or call `close`.

    `name` says which window it is: `app`, `cli`, `tray` or `demo`; what it decides is recorded under that.
    Every method may raise `NotRunningError` (nobody answers) and `RefusedError` (the engine said no).
    """

    def __init__(
        self, address: EngineAddress, *, name: str = "", transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._address = address
        self._in_process = transport is not None
        self._http = httpx.AsyncClient(
            base_url=address.url + "/api/v1",
            headers={"authorization": f"Bearer {address.token}", "x-mailgate-client": name},
            timeout=TIMEOUT_S,
            transport=transport,
            trust_env=False,  # a proxy in the environment must never see the token
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    @property
    def url(self) -> str:
        """The engine's base address."""
        return self._address.url

    async def status(self) -> v1.Status:
        """Return the whole picture."""
        return await self._call("GET", "/status", v1.Status)

    async def accounts(self) -> tuple[v1.AccountState, ...]:
        """Return all accounts with their state."""
        return await self._call("GET", "/accounts", tuple[v1.AccountState, ...])

    async def start_session(self, account: str | None = None) -> v1.SessionTicket:
        """Start download sessions now, of one account or of all."""
        return await self._call("POST", "/sessions", v1.SessionTicket, body=v1.StartSession(account=account))

    async def session(self, ticket: int, *, wait_s: float = 0) -> v1.SessionReport:
        """Return how a request for sessions stands, waiting up to `wait_s` seconds for its end."""
        params = {"wait": f"{wait_s:g}"}
        return await self._call(
            "GET", f"/sessions/{ticket}", v1.SessionReport, params=params, timeout=wait_s + TIMEOUT_S
        )

    async def stop_sessions(self) -> None:
        """Ask running sessions to end after the message they are at; nothing is lost."""
        await self._call("POST", "/sessions/stop", None)

    async def test_account(self, name: str) -> v1.TestReport:
        """Try the connection to an account, step by step."""
        return await self._call("POST", f"/accounts/{_word(name)}/test", v1.TestReport, timeout=180)

    async def discover(self, address: str) -> v1.DiscoveryReport:
        """Return the servers that are found for an address."""
        body = v1.Discover(address=address)
        return await self._call("POST", "/discover", v1.DiscoveryReport, body=body, timeout=180)

    async def try_account(self, wish: v1.TryAccount) -> v1.TestReport:
        """Try settings of an account that are not kept yet, step by step."""
        return await self._call("POST", "/try/account", v1.TestReport, body=wish, timeout=180)

    async def test_internal(self, recipients: tuple[str, ...] = ()) -> v1.InternalReport:
        """Try the internal server and ask it for these recipients, or for all."""
        body = v1.TryInternal(recipients=recipients)
        return await self._call("POST", "/internal/test", v1.InternalReport, body=body, timeout=300)

    async def test_relay(
        self, name: str, *, sender: str = "", recipient: str = "", send: bool = False
    ) -> v1.TestReport:
        """Try a relay as a sender, step by step; with `send`, the recipient gets a test message."""
        body = v1.TryRelay(sender=sender, recipient=recipient, send=send)
        return await self._call("POST", f"/relays/{_word(name)}/test", v1.TestReport, body=body, timeout=300)

    async def test_recipient(self, address: str) -> v1.TrialMessage:
        """Send a test message to a recipient, and wait for its end."""
        return await self._call("POST", f"/recipients/{_word(address)}/test", v1.TrialMessage, timeout=120)

    async def internal_kinds(self) -> tuple[v1.InternalKind, ...]:
        """Return the kinds of internal servers, with hints for each."""
        return await self._call("GET", "/internal/kinds", tuple[v1.InternalKind, ...])

    async def messages(
        self, *, state: str = "", account: str = "", text: str = "", before: str = "", limit: int = 100
    ) -> v1.MessagePage:
        """Return messages, newest first."""
        params = {"state": state, "account": account, "text": text, "before": before, "limit": str(limit)}
        return await self._call("GET", "/messages", v1.MessagePage, params={k: v for k, v in params.items() if v})

    async def message(self, message_id: str) -> v1.MessageTrace:
        """Return a message and the whole of its path."""
        return await self._call("GET", f"/messages/{_word(message_id)}", v1.MessageTrace)

    async def unrouted(self, *, before: str = "", limit: int = 100) -> v1.MessagePage:
        """Return the messages that have nobody to go to."""
        params = {"before": before, "limit": str(limit)}
        return await self._call("GET", "/unrouted", v1.MessagePage, params={k: v for k, v in params.items() if v})

    async def deliver_to(self, message_id: str, addresses: tuple[str, ...]) -> v1.Message:
        """Send a parked message to these addresses."""
        body = v1.DeliverTo(addresses=addresses)
        return await self._call("POST", f"/messages/{_word(message_id)}/deliver-to", v1.Message, body=body)

    async def parked(
        self, *, reason: str = "", account: str = "", text: str = "", before: str = "", limit: int = 100
    ) -> v1.MessagePage:
        """Return messages that wait for a person, newest first."""
        params = {"reason": reason, "account": account, "text": text, "before": before, "limit": str(limit)}
        return await self._call("GET", "/parked", v1.MessagePage, params={k: v for k, v in params.items() if v})

    async def oversize(self) -> v1.OversizeList:
        """Return the messages that are too large to be fetched."""
        return await self._call("GET", "/oversize", v1.OversizeList)

    async def decide_oversize(
        self, number: int, wish: Literal["fetch", "tonight", "delete", "leave"]
    ) -> v1.OversizeMessage:
        """Decide about one that is too large."""
        body = v1.DecideOversize(wish=wish)
        return await self._call("POST", f"/oversize/{number}", v1.OversizeMessage, body=body)

    async def decide_parked(
        self,
        act: v1.ActWord,
        *,
        ids: tuple[str, ...] = (),
        selection: v1.ParkedSelection | None = None,
        addresses: tuple[str, ...] = (),
    ) -> v1.ParkedReport:
        """Decide about the parked messages `ids`, or about a selection; `addresses` go with `redirect`."""
        body = v1.ParkedAct(act=act, ids=ids, selection=selection, addresses=addresses)
        return await self._call("POST", "/parked", v1.ParkedReport, body=body, timeout=DECIDE_S)

    async def retry(self, message_id: str) -> v1.Message:
        """Try a parked message once more."""
        return await self._call("POST", f"/messages/{_word(message_id)}/retry", v1.Message)

    async def wrap(self, message_id: str) -> v1.Message:
        """Send a parked message as an attachment of a new one."""
        return await self._call("POST", f"/messages/{_word(message_id)}/wrap", v1.Message)

    async def delete(self, message_id: str) -> v1.Message:
        """Delete a parked message."""
        return await self._call("POST", f"/messages/{_word(message_id)}/delete", v1.Message)

    async def preview(self, message_id: str) -> v1.Preview:
        """Return what a message says, as plain data."""
        return await self._call("GET", f"/messages/{_word(message_id)}/preview", v1.Preview)

    async def eml(self, message_id: str, *, as_sent: bool = False) -> AsyncIterator[bytes]:
        """Yield a message's octets: as they were fetched, or with all that is put on them when it is sent."""
        params = {"form": "sent" if as_sent else "fetched"}
        path = f"/messages/{_word(message_id)}/eml"
        try:
            async with self._http.stream("GET", path, params=params) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise _refusal(answer)
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except httpx.HTTPError as exc:
            raise NotRunningError(_silence(self._address.url, exc), code="not_running") from exc

    async def recipients(self) -> tuple[str, ...]:
        """Return the addresses of the configured recipients."""
        return await self._call("GET", "/recipients", tuple[str, ...])

    async def try_routing(self, account: str, header: str) -> v1.RoutingReport:
        """Ask where a message with this header would go."""
        body = v1.TryRouting(account=account, header=header)
        return await self._call("POST", "/routing/try", v1.RoutingReport, body=body)

    async def pause(self, minutes: int | None = None, *, until: datetime | None = None, account: str = "") -> None:
        """Pause fetching, of one account or of all: for so many minutes, until a time, or until `resume`."""
        path = f"/accounts/{_word(account)}/pause" if account else "/pause"
        await self._call("POST", path, None, body=v1.Pause(minutes=minutes, until=until))

    async def resume(self, account: str = "") -> None:
        """Let fetching go on, of one account or of all."""
        await self._call("POST", f"/accounts/{_word(account)}/resume" if account else "/resume", None)

    async def schedule(self, account: str, *, count: int = 10) -> v1.AccountSchedule:
        """Return what the schedule of an account says, and its next sessions."""
        params = {"count": str(count)}
        return await self._call("GET", f"/accounts/{_word(account)}/schedule", v1.AccountSchedule, params=params)

    async def reload(self) -> v1.ReloadReport:
        """Read the configuration file anew."""
        return await self._call("POST", "/reload", v1.ReloadReport)

    async def login_code(self) -> v1.LoginCode:
        """Return a one-time code that opens the app in a browser."""
        return await self._call("POST", "/login-code", v1.LoginCode)

    async def events(self, after: int, *, wait_s: float = 0) -> v1.EventPage:
        """Return the events after `after`, waiting up to `wait_s` seconds for the first."""
        params = {"after": str(after), "wait": f"{wait_s:g}"}
        return await self._call("GET", "/events", v1.EventPage, params=params, timeout=wait_s + TIMEOUT_S)

    def follow(self, after: int) -> AsyncIterator[v1.EventPage]:
        """Yield pages of events after `after` until the connection breaks.

        A page with `gap` set says that events were lost: take a new snapshot (`status`) and go on. The break is a
        `NotRunningError`: dim the picture, wait, take a new snapshot and follow from its `seq`. Another `run` in a
        page means the same as a gap: the engine was started anew, and its numbers begin again.
        """
        if self._in_process:
            return follow_poll(self.events, after, wait_s=LONG_POLL_S)
        return follow_websocket(self._address, after)

    async def _call(
        self,
        method: str,
        path: str,
        shape: type[T] | None,
        *,
        body: msgspec.Struct | None = None,
        params: dict[str, str] | None = None,
        timeout: float = TIMEOUT_S,
    ) -> T:
        """Ask for `path` and return the answer in `shape`; without one, nothing."""
        content = msgspec.json.encode(body) if body is not None else None
        headers = {"content-type": "application/json"} if content is not None else {}
        try:
            answer = await self._http.request(
                method, path, content=content, headers=headers, params=params, timeout=timeout
            )
        except httpx.HTTPError as exc:
            raise NotRunningError(_silence(self._address.url, exc), code="not_running") from exc
        if answer.is_error:
            raise _refusal(answer)
        if shape is None:
            return None  # type: ignore[return-value]  # the caller asked for nothing
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except msgspec.DecodeError as exc:
            raise ClientError(f"{self._address.url}{path} gave an answer that is not understood: {exc}") from exc


def _silence(url: str, exc: httpx.HTTPError) -> str:
    """Return why there is no answer, and what to do."""
    match exc:
        case httpx.ConnectError():
            return f"nobody answers at {url}: no engine runs there any more; `mailgate run` starts one"
        case httpx.TimeoutException():
            return f"the engine at {url} does not answer in time: see its log"
        case _:
            return f"the connection to {url} broke ({type(exc).__name__})"


def _refusal(answer: httpx.Response) -> RefusedError:
    said: dict[str, Any] = {}
    try:
        decoded = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        decoded = None
    if isinstance(decoded, dict):
        said = decoded
    faults = said.get("faults")
    return RefusedError(
        str(said.get("detail") or f"the engine answered {answer.status_code}"),
        code=str(said.get("code") or f"http_{answer.status_code}"),
        status=answer.status_code,
        faults=tuple(map(str, faults)) if isinstance(faults, list) else (),
        settings=_setting_faults(said.get("settings")),
    )


def _setting_faults(said: object) -> tuple[v1.SettingFault, ...]:
    try:
        return msgspec.convert(said or (), tuple[v1.SettingFault, ...])
    except msgspec.ValidationError:
        return ()
