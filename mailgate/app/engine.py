"""What the app asks of the engine, as `EngineClient` gives it and a test can stand in for it."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

from mailgate.contract import v1


class Engine(Protocol):
    """What the app asks of `EngineClient`. Every call may raise `ClientError`."""

    async def status(self) -> v1.Status:
        """Return the whole picture."""
        ...

    async def events(self, after: int, *, wait_s: float = 0) -> v1.EventPage:
        """Return the events after `after`."""
        ...

    def follow(self, after: int) -> AsyncIterator[v1.EventPage]:
        """Yield pages of events after `after` for ever."""
        ...

    async def start_session(self, account: str | None = None) -> v1.SessionTicket:
        """Start download sessions now, of one account or of all."""
        ...

    async def session(self, ticket: int, *, wait_s: float = 0) -> v1.SessionReport:
        """Return how a request for sessions stands, waiting up to `wait_s` seconds for its end."""
        ...

    async def stop_sessions(self) -> None:
        """Ask running sessions to end after the message they are at."""
        ...

    async def resume(self, account: str = "") -> None:
        """Let fetching go on, of one account or of all."""
        ...

    async def unrouted(self, *, before: str = "", limit: int = 100) -> v1.MessagePage:
        """Return the messages that have nobody to go to."""
        ...

    async def deliver_to(self, message_id: str, addresses: tuple[str, ...]) -> v1.Message:
        """Send a parked message to these addresses."""
        ...

    async def recipients(self) -> tuple[str, ...]:
        """Return the addresses of the configured recipients."""
        ...

    async def message(self, message_id: str) -> v1.MessageTrace:
        """Return a message and the whole of its path."""
        ...

    async def parked(
        self, *, reason: str = "", account: str = "", text: str = "", before: str = "", limit: int = 100
    ) -> v1.MessagePage:
        """Return messages that wait for a person, newest first."""
        ...

    async def decide_parked(
        self,
        act: v1.ActWord,
        *,
        ids: tuple[str, ...] = (),
        selection: v1.ParkedSelection | None = None,
        addresses: tuple[str, ...] = (),
    ) -> v1.ParkedReport:
        """Decide about some parked messages, or about a selection."""
        ...

    async def retry(self, message_id: str) -> v1.Message:
        """Try a parked message once more."""
        ...

    async def wrap(self, message_id: str) -> v1.Message:
        """Send a parked message as an attachment of a new one."""
        ...

    async def delete(self, message_id: str) -> v1.Message:
        """Delete a parked message."""
        ...

    async def preview(self, message_id: str) -> v1.Preview:
        """Return what a message says, as plain data."""
        ...

    def eml(self, message_id: str, *, as_sent: bool = False) -> AsyncIterator[bytes]:
        """Yield a message's octets."""
        ...

    async def accounts(self) -> tuple[v1.AccountState, ...]:
        """Return all accounts with their state."""
        ...

    async def pause(self, minutes: int | None = None, *, until: datetime | None = None, account: str = "") -> None:
        """Pause fetching, of one account or of all: for so many minutes, until a time, or until `resume`."""
        ...

    async def schedule(self, account: str, *, count: int = 10) -> v1.AccountSchedule:
        """Return what the schedule of an account says, and its next sessions."""
        ...

    async def test_account(self, name: str) -> v1.TestReport:
        """Try the connection to an account, step by step."""
        ...

    async def account_report(self, name: str) -> v1.CapabilityReport:
        """Return what an account's last messages show of its provider."""
        ...

    async def enable_account(self, name: str) -> v1.SettingsChanged:
        """Switch an account on."""
        ...

    async def disable_account(self, name: str) -> v1.SettingsChanged:
        """Switch an account off."""
        ...

    async def remove_account(self, name: str, *, revision: str = "") -> v1.SettingsChanged:
        """Remove an account; its messages and its password stay."""
        ...

    async def oversize(self) -> v1.OversizeList:
        """Return the messages that are too large to be fetched."""
        ...

    async def decide_oversize(
        self, number: int, wish: Literal["fetch", "tonight", "delete", "leave"]
    ) -> v1.OversizeMessage:
        """Decide about one that is too large."""
        ...

    async def change_account(
        self, name: str, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        """Change settings of an account, or its password."""
        ...

    async def suggestions(self, message_id: str) -> v1.Suggestions:
        """Return what a message could be led by."""
        ...

    async def preview_teach(self, wish: v1.Teach) -> v1.TeachPreview:
        """Return what a lesson would do; nothing is changed."""
        ...

    async def teach(self, wish: v1.Teach) -> v1.TeachReport:
        """Put a lesson in force, and send the message on by it."""
        ...

    async def messages(
        self, *, state: str = "", account: str = "", text: str = "", before: str = "", limit: int = 100
    ) -> v1.MessagePage:
        """Return messages, newest first."""
        ...

    async def try_message(
        self,
        message_id: str = "",
        *,
        header: str = "",
        account: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> v1.RoutingReport:
        """Ask where a stored message, or one with this header, would go."""
        ...

    async def settings_schema(self) -> v1.SettingsSchema:
        """Return all settings there are."""
        ...

    async def items(self, section: str, *, text: str = "", offset: int = 0, limit: int = 100) -> v1.SettingsPage:
        """Return `accounts`, `recipients`, `schedules` or `lists`, with all their settings."""
        ...

    async def recipient(self, address: str) -> v1.SectionSettings:
        """Return the settings of a recipient."""
        ...

    async def add_recipient(self, values: Mapping[str, Any], *, revision: str = "") -> v1.SettingsChanged:
        """Add a recipient."""
        ...

    async def change_recipient(
        self, address: str, values: Mapping[str, Any], *, revision: str = ""
    ) -> v1.SettingsChanged:
        """Change settings of a recipient, its address included."""
        ...

    async def remove_recipient(self, address: str, *, revision: str = "") -> v1.SettingsChanged:
        """Remove a recipient."""
        ...

    async def test_recipient(self, address: str) -> v1.TrialMessage:
        """Send a test message to a recipient, and wait for its end."""
        ...

    async def test_internal(self, recipients: tuple[str, ...] = ()) -> v1.InternalReport:
        """Try the internal server and ask it for these recipients, or for all."""
        ...

    async def account(self, name: str) -> v1.SectionSettings:
        """Return the settings of an account."""
        ...

    async def add_account(
        self, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        """Add an account; `first_fetch` must be among the values."""
        ...

    async def discover(self, address: str) -> v1.DiscoveryReport:
        """Return the servers that are found for an address."""
        ...

    async def try_account(self, wish: v1.TryAccount) -> v1.TestReport:
        """Try settings of an account that are not kept yet, step by step."""
        ...

    async def set_up_account(self, name: str, wish: v1.SetUp) -> v1.SettingsChanged:
        """Take over the settings for the way in which people share an account's mailbox."""
        ...

    async def queue(self, which: v1.QueueSelection = ..., *, before: str = "", limit: int = 100) -> v1.QueuePage:
        """Return messages of the queue, newest first."""
        ...

    async def queue_entry(self, message_id: str) -> v1.QueueEntry:
        """Return one message of the queue."""
        ...

    async def queue_act(
        self,
        message_id: str,
        act: v1.QueueActWord,
        *,
        until: datetime | None = None,
        silent: bool = False,
        to_relay: str | None = None,
    ) -> v1.QueueActed:
        """Do something with one message, at once."""
        ...

    async def queue_act_on(self, wish: v1.QueueBulkAct) -> v1.Operation:
        """Begin to do something with many messages."""
        ...

    async def undo(self, number: int) -> v1.Operation:
        """Call an act off, or take back what it did."""
        ...

    async def close(self) -> None:
        """End the connections."""
        ...
