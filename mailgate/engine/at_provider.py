"""The header of one message that is still at the provider, by a short session of its own. Nothing changes there."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from mailgate.intake.fetch.imap import ImapDialogue
from mailgate.intake.fetch.opening import endpoint_of
from mailgate.intake.fetch.pop3 import Listed, Pop3Dialogue
from mailgate.model.errors import ConflictError, MailgateError, UnknownError
from mailgate.model.imap_options import MailProtocol
from mailgate.model.settings import Account, Config
from mailgate.ports.clock import Clock
from mailgate.ports.imap import ImapConnector
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore

Alone = Callable[[str], AbstractContextManager[None]]
"""Keeps sessions off the mailbox of an account; raises ConflictError while one is on it."""


class AtProvider:
    """Looks into mailboxes while no session is on them, since a POP3 server lets one client in at a time."""

    def __init__(
        self,
        config: Callable[[], Config],
        alone: Alone,
        *,
        dialer: Dialer,
        imap: ImapConnector,
        secrets: SecretStore,
        clock: Clock,
    ) -> None:
        self._config = config
        self._alone = alone
        self._dialer = dialer
        self._imap = imap
        self._secrets = secrets
        self._clock = clock

    async def header(self, name: str, *, uid: str = "", number: int = 0) -> bytes:
        """Return the header of a message in the mailbox of account `name`.

        It is the one with this `uid`, or the one that stands at `number` in the mailbox, counted from 1.

        Raises:
            UnknownError: there is no such account or message.
            ConflictError: a session is on the mailbox, it cannot be reached, or its server shows no header.
        """
        config = self._config()
        account = config.account(name)
        if account is None:
            names = ", ".join(sorted(one.name for one in config.accounts)) or "none"
            raise UnknownError(f"there is no account called {name!r}; there are: {names}")
        with self._alone(name):
            try:
                return await self._look(account, config, uid, number)
            except (UnknownError, ConflictError):
                raise
            except MailgateError as exc:
                raise ConflictError(f"the mailbox of account {name} cannot be looked into: {exc}") from exc

    async def _look(self, account: Account, config: Config, uid: str, number: int) -> bytes:
        password = await self._secrets.get(account.password)
        patience = config.fetch.connect_timeout
        stream = await self._dialer.dial(endpoint_of(account), connect_timeout=patience, timeout=patience)
        dialogue: Pop3Dialogue | ImapDialogue
        if account.protocol is MailProtocol.IMAP:
            dialogue = ImapDialogue(self._imap.connection(stream, patience=patience), account)
        else:
            dialogue = Pop3Dialogue(stream, pipelining=False, patience=patience, clock=self._clock)
        try:
            await dialogue.open(account, password)
            wanted = _named(await dialogue.list_messages(), uid, number)
            if wanted is None:
                which = f"UID {uid}" if uid else f"number {number}"
                raise UnknownError(f"there is no message with {which} in the mailbox of account {account.name}")
            found = [header async for _, header in dialogue.top_headers([wanted])]
            await dialogue.quit()
        finally:
            await dialogue.close()
        if not found:
            raise ConflictError(f"the server of account {account.name} shows no header ahead of fetching")
        return found[0]


def _named(listed: Sequence[Listed], uid: str, number: int) -> Listed | None:
    """Return the message that is meant. An IMAP UID may stand without folder and numbering where that is clear."""
    if not uid:
        return listed[number - 1] if 1 <= number <= len(listed) else None
    exact = [one for one in listed if uid in (one.uid, one.server_uid)]
    found = exact or [one for one in listed if one.uid.rpartition("/")[1:] == ("/", uid)]
    return found[0] if len(found) == 1 else None
