"""From an account to its mailbox: the connection that was kept, or a new one by the account's protocol."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from mailgate.intake.fetch.identity import mailbox_name
from mailgate.intake.fetch.imap import ImapDialogue
from mailgate.intake.fetch.mailbox import ProviderMailbox
from mailgate.intake.fetch.pop3 import HEADER_MARK, Pop3Dialogue
from mailgate.intake.fetch.tools import Tools
from mailgate.model.imap_options import MailProtocol
from mailgate.model.settings import Account, FetchSettings, Security
from mailgate.ports.clock import Clock
from mailgate.ports.network import Endpoint
from mailgate.ports.store import LedgerState, Store

UIDL_BORNE: Final = timedelta(days=3)
"""So long a server may refuse UIDL that had it, until it counts as one without."""
UIDL_AGAIN: Final = timedelta(days=1)
"""Refusals further apart have nothing to do with each other."""


def endpoint_of(account: Account) -> Endpoint:
    """Return where an account's server is, and what its certificate has to prove."""
    return Endpoint(
        account.host,
        account.effective_port,
        account.security is Security.TLS,
        account.ca_file,
        fingerprint=account.fingerprint,
    )


async def reached(
    account: Account, settings: FetchSettings, tools: Tools, *, pipelining: bool, mark: str
) -> ProviderMailbox:
    """Return the account's mailbox, where nobody has logged in yet unless the connection was kept; the caller closes it.

    A connection is kept for the secret that has logged in by it: that of another `mark` has to prove itself (spec C5).

    Raises:
        ConnectError: it cannot be reached.
    """
    if account.protocol is MailProtocol.IMAP and (kept := await tools.push.take(account, mark)):
        if await kept.is_of_use():
            return kept
        await kept.drop()
    stream = await tools.dialer.dial(
        endpoint_of(account), connect_timeout=settings.connect_timeout, timeout=settings.timeout
    )
    if account.protocol is MailProtocol.IMAP:
        connection = tools.imap.connection(stream, patience=settings.timeout)
        return ImapDialogue(connection, account, keep=tools.push.keep, mark=mark)
    return Pop3Dialogue(
        stream,
        pipelining=pipelining,
        patience=settings.timeout,
        clock=tools.clock,
        had_uids=partial(_had_uids, account, tools.store, tools.clock),
    )


async def _had_uids(account: Account, store: Store, clock: Clock) -> bool:
    """Return whether messages that are in this mailbox, as far as is known, have UIDs of the server.

    Asked when UIDL was refused. Refused for `UIDL_BORNE` without a day between, it is gone for good: then messages are known
    by their headers, as where it never was, and those that were taken are recognised by their octets.
    """
    if await store.mailbox(account.name) != mailbox_name(account):
        return False
    ledger = await store.ledger(account.name)
    if all(uid.startswith(HEADER_MARK) or row.state is LedgerState.DELETED for uid, row in ledger.items()):
        return False
    key, now = f"uidl-refused.{account.name}", clock.now()
    first, _, last = (await store.value(key) or "").partition(" ")
    since = datetime.fromisoformat(first) if last and now - datetime.fromisoformat(last) < UIDL_AGAIN else now
    await store.put_value(key, f"{since.isoformat()} {now.isoformat()}")
    return now - since < UIDL_BORNE
