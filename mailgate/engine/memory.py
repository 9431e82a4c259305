"""What fetching keeps in the store over restarts: of each account, of each host, and the key of the secrets' marks.

A secret itself is never kept. Its mark is 24 bits of a keyed hash: enough to notice that it was changed, too few to tell
by them which of many guesses is right.
"""

import hmac
import secrets
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec

from mailgate.engine.watches import AccountWatch, Kept
from mailgate.model.settings import Account
from mailgate.policy.throttling import Learned
from mailgate.ports.secrets import Secret
from mailgate.ports.store import Store

KEY_OCTETS: Final = 32
MARK_OCTETS: Final = 3
SAVED_EVERY: Final = timedelta(minutes=15)
"""Times alone are written this rarely: a poll that brings nothing costs the disk nothing."""

_A_PERSONS: Final = frozenset({"paused", "paused_until"})
"""What a person decides; it is written down at once."""
_KEY: Final = "fetch.mark-key"

T = TypeVar("T")


class Memory:
    """Reads and writes what is kept. Every method that waits may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = secrets.token_bytes(KEY_OCTETS)
        self.learned: dict[str, Learned] = {}
        """What hosts have taught us, by host; those of accounts that are known."""
        self._hosts_read: set[str] = set()

    async def take_up_key(self) -> None:
        """Take up the key of earlier runs, or keep the new one."""
        key = await self._store.value(_KEY)
        if key is None:
            await self._store.put_value(_KEY, self._key.hex())
        else:
            self._key = bytes.fromhex(key)

    def mark(self, account: Account, secret: Secret) -> str:
        """Return the mark of an account's secret: another one for another host, user, reference or secret."""
        told = msgspec.json.encode((account.name, account.host, account.user, account.password, secret.reveal()))
        return hmac.digest(self._key, told, "sha256")[:MARK_OCTETS].hex()

    async def read(self, watch: AccountWatch) -> None:
        """Take up what is kept of an account and of its host. What cannot be read is as good as nothing.

        The store takes its time, and a person may pause or resume the account meanwhile: that stands.
        """
        before, saved = replace(watch.kept), watch.saved
        text = await self._store.value(_of_account(watch.account.name))
        host = watch.account.host
        if host not in self._hosts_read:
            learned = await self._store.value(_of_host(host))
            self._hosts_read.add(host)
            if learned and (found := _decoded(learned, Learned)) is not None and host not in self.learned:
                self.learned[host] = found
        kept = _decoded(text, Kept) if text else None
        if kept is None:
            return
        newer = {one.name for one in fields(Kept) if getattr(watch.kept, one.name) != getattr(before, one.name)}
        if watch.saved == saved:
            watch.saved = text or ""
        else:
            newer |= _A_PERSONS
        watch.kept = replace(kept, **{name: getattr(watch.kept, name) for name in newer})

    async def save(self, watch: AccountWatch, *, even_times: bool = False) -> None:
        """Write what is kept of an account, if it has changed; times alone only every so often, unless `even_times`."""
        text = msgspec.json.encode(watch.kept).decode()
        if text == watch.saved or not (even_times or _matters(watch.kept, watch.saved)):
            return
        await self._store.put_value(_of_account(watch.account.name), text)
        watch.saved = text

    async def save_host(self, host: str) -> None:
        """Write what a host has taught us."""
        await self._store.put_value(_of_host(host), msgspec.json.encode(self.learned[host]).decode())


def _of_account(name: str) -> str:
    return f"fetch.account.{name}"


def _of_host(host: str) -> str:
    return f"fetch.host.{host}"


def _decoded(text: str, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError:
        return None


def _matters(kept: Kept, saved: str) -> bool:
    """Whether what is kept differs from what was saved by more than some minutes."""
    before = _decoded(saved, Kept) if saved else None
    if before is None:
        return True
    facts = ("refused", "refused_mark", "proven", "paused", "paused_until")
    if any(getattr(kept, name) != getattr(before, name) for name in facts):
        return True
    times = ((kept.last_attempt, before.last_attempt), (kept.last_success, before.last_success))
    return any(now is not None and _later(now, then) for now, then in times)


def _later(now: datetime, then: datetime | None) -> bool:
    return then is None or abs(now - then) >= SAVED_EVERY
