r"""The IMAP dialogue of one session: log in, list all folders, retrieve in batches, deal with the provider's copies.

Over the `ImapConnection` port. What to fetch and what to delete is `session.py`'s decision. A message's identity is
folder, UIDVALIDITY and UID (RFC 3501 section 2.3.1.1). Nothing is read by its `\Seen` flag, and fetching sets none.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Final

from mailgate.intake.fetch.imap_login import explained, log_in
from mailgate.intake.fetch.pop3 import MAX_MESSAGE_OCTETS, BodyPart, Listed
from mailgate.mime.header_hash import header_hash
from mailgate.mime.headers import MAX_HEADER_OCTETS
from mailgate.model.errors import ErrorClass, ImapRefusedError, MailgateError, SessionError
from mailgate.model.imap_options import ProviderCopy
from mailgate.model.settings import Account, Security
from mailgate.ports.imap import ImapConnection
from mailgate.ports.secrets import Secret
from mailgate.wire.errors import WireError

log = logging.getLogger(__name__)

PIECE_OCTETS: Final = 1024 * 1024
"""So much of one message is asked for at once: the rest comes piece by piece, so that memory stays bounded."""

_BATCH_OCTETS: Final = 2 * 1024 * 1024
_SMALL_OCTETS: Final = 256 * 1024  # larger ones come alone
_SIZES_AT_ONCE: Final = 500
_SET_ITEMS: Final = 100  # UIDs or ranges in a command: some 900 octets (RFC 2683 section 3.2.1.5)
_HEADERS_AT_ONCE: Final = 32
_COPIES_AT_ONCE: Final = 100


@dataclass(slots=True)
class _Folder:
    name: str
    uid_validity: int = 0
    sizes: dict[int, int] = field(default_factory=dict)  # they never change (RFC 3501 section 6.4.5)


Keep = Callable[[Account, "ImapDialogue"], bool]
"""Takes over a connection that waits for new mail; False when nobody wants it."""


class ImapDialogue:
    """One connection to an IMAP server.

    Every method may raise `ConnectError`, `WireError` and `SessionError`.
    """

    def __init__(
        self, connection: ImapConnection, account: Account, *, keep: Keep = lambda *_: False, mark: str = ""
    ) -> None:
        self.mark = mark
        """That of the secret by which it logs in."""
        self._talk = connection
        self._account = account
        self._keep = keep
        self._folders = [_Folder(name) for name in account.folders]
        self._selected: _Folder | None = None
        self._places: list[tuple[_Folder, int]] = []  # folder and UID by number in the listing
        self._up_to_date = False  # the selected folder, since the last command
        self._well = False  # between two sessions, and the server has answered all
        self.nameless: list[int] = []
        self.mechanisms: frozenset[str] = frozenset()
        """What the server offers for AUTHENTICATE; it may say so before the login only."""
        self.way = ""
        """How the login was done, such as `SCRAM-SHA-256`; empty before."""

    @property
    def reads(self) -> int:
        """How many reads of the connection have brought something."""
        return self._talk.reads

    @property
    def login_delay_s(self) -> float:
        """IMAP has no word for it."""
        return 0

    @property
    def numbering(self) -> str:
        """Each folder's UIDVALIDITY."""
        return "\n".join(f"{one.uid_validity} {one.name}" for one in self._folders)

    @property
    def patience(self) -> timedelta:
        """How long the server may be silent."""
        return self._talk.patience

    @property
    def offered(self) -> frozenset[str]:
        """What the server offers, in capitals."""
        return self._talk.capabilities

    async def open(self, account: Account, secret: Secret) -> None:
        """Greet, protect the connection where the account wants STARTTLS, and log in.

        `secret` is the password, or the access token where the account's `auth` is XOAUTH2 or OAUTHBEARER.
        """
        if self.way:
            return  # it was kept
        try:
            await self._talk.greet()
        except ImapRefusedError as exc:
            raise explained("the server refuses the connection", exc, ErrorClass.TEMPORARY) from exc
        if account.security is Security.STARTTLS:
            if "STARTTLS" not in self.offered:
                raise SessionError(
                    "the server offers no STARTTLS: set security to `tls`, or name `none` to send everything in the clear",
                    error_class=ErrorClass.TLS,
                )
            try:
                await self._talk.start_tls()
            except ImapRefusedError as exc:
                raise explained("the server refuses STARTTLS", exc, ErrorClass.TLS) from exc
        self.mechanisms = frozenset(one[5:] for one in self.offered if one.startswith("AUTH="))
        self.way = await log_in(self._talk, account, secret)

    # -- what is there

    async def list_messages(self) -> list[Listed]:
        r"""Return what is in the folders, in their order and the server's; what is marked as `\Deleted` is not."""
        self._well = False
        listed: list[Listed] = []
        self._places = []
        for folder in self._folders:
            await self._select(folder, anew=True)
            uids = sorted(set(await self._talk.search("UNDELETED")))
            await self._learn_sizes(folder, uids)
            for uid in uids:
                if (size := folder.sizes.get(uid)) is not None:
                    listed.append(Listed(len(self._places), f"{folder.name}/{folder.uid_validity}/{uid}", size))
                    self._places.append((folder, uid))
        return listed

    async def _select(self, folder: _Folder, *, anew: bool = False) -> None:
        if self._selected is folder:
            if anew and not self._up_to_date:
                await self._talk.look_again()
            self._up_to_date = False
            return
        self._selected = None
        try:
            found = await self._talk.select(folder.name)
        except ImapRefusedError as exc:
            raise explained(f"the server does not open folder {folder.name}", exc, ErrorClass.CONFIG) from exc
        if found.uid_validity != folder.uid_validity:
            if folder.uid_validity and not anew:
                raise WireError(f"folder {folder.name} was numbered anew in the middle of a session")
            folder.uid_validity, folder.sizes = found.uid_validity, {}
        self._selected = folder

    async def _learn_sizes(self, folder: _Folder, uids: Sequence[int]) -> None:
        unknown = [uid for uid in uids if uid not in folder.sizes]
        if len(folder.sizes) > 2 * len(uids):
            folder.sizes = {uid: folder.sizes[uid] for uid in uids if uid in folder.sizes}
        for some in _sets(unknown):
            folder.sizes |= await self._talk.sizes(some)

    async def top_header_hash(self, messages: Sequence[Listed]) -> dict[int, str]:
        """Return the hash of each message's header by its number, the same that `header_hash` makes of the whole."""
        return {one.number: header_hash(header) async for one, header in self.top_headers(messages)}

    async def top_headers(self, messages: Sequence[Listed]) -> AsyncGenerator[tuple[Listed, bytes], None]:
        """Yield each message with its header, as far as one is looked at; what is not there any more is left out."""
        for folder, some in self._by_folder(messages):
            await self._select(folder)
            for at in range(0, len(some), _HEADERS_AT_ONCE):
                portion = some[at : at + _HEADERS_AT_ONCE]
                uids = [self._places[one.number][1] for one in portion]
                found = await self._talk.headers(uids, most_octets=MAX_HEADER_OCTETS)
                for one, uid in zip(portion, uids, strict=True):
                    if uid in found:
                        yield one, found[uid]

    def _by_folder(self, messages: Sequence[Listed]) -> Iterator[tuple[_Folder, list[Listed]]]:
        for _, some in groupby(messages, key=lambda one: id(self._places[one.number][0])):
            portion = list(some)
            yield self._places[portion[0].number][0], portion

    # -- bodies

    async def retrieve(
        self,
        messages: Sequence[Listed],
        *,
        window_octets: int,
        window_messages: int,
        max_octets: Callable[[Listed], int] = lambda _: MAX_MESSAGE_OCTETS,
    ) -> AsyncGenerator[BodyPart, None]:
        """Yield the octets of `messages` in order; the next batch is under way while one is worked on.

        Small messages come several at once, large ones piece by piece. One that is not there any more yields one part
        with `refusal`. One with more octets than `max_octets` says is cut; what was asked for is taken in all the same,
        so the connection stays of use.
        """
        for folder, some in self._by_folder(messages):
            await self._select(folder)
            batches = list(_batches(some, min(window_octets, _BATCH_OCTETS), window_messages))
            asked: Awaitable[Mapping[int, bytes]] | None = self._ask(batches[0])
            for place, batch in enumerate(batches):
                found = await self._answer(asked)
                if len(batch) > 1 or batch[0].size_octets < PIECE_OCTETS:
                    # Its successor is asked for before anything of this one is looked at.
                    asked = self._ask(batches[place + 1]) if place + 1 < len(batches) else None
                    ahead = True
                else:
                    ahead = False
                for one in batch:
                    first = found.pop(self._places[one.number][1], None)
                    async for part in self._whole(one, first, max_octets(one)):
                        yield part
                if not ahead and place + 1 < len(batches):
                    asked = self._ask(batches[place + 1])

    def _ask(self, batch: Sequence[Listed]) -> Awaitable[Mapping[int, bytes]]:
        return self._talk.ask_parts(
            [self._places[one.number][1] for one in batch],
            start=0,
            most_octets=PIECE_OCTETS,
            # Sizes lie: some servers guess them. So much more than they say is borne of each batch.
            expected_octets=PIECE_OCTETS + 2 * sum(min(one.size_octets, PIECE_OCTETS) for one in batch),
        )

    async def _answer(self, asked: Awaitable[Mapping[int, bytes]] | None) -> dict[int, bytes]:
        if asked is None:
            return {}
        try:
            return dict(await asked)
        except ImapRefusedError as exc:
            if exc.error_class is ErrorClass.TEMPORARY:
                raise
            log.info("account %s: the server refuses to send messages: %s", self._account.name, exc)
            return {}

    async def _whole(self, one: Listed, first: bytes | None, limit: int) -> AsyncGenerator[BodyPart, None]:
        """Yield a message, of which the first piece is there."""
        if first is None:
            yield BodyPart(one, last=True, refusal="it is not there, or the server does not send it")
            return
        piece, octets = first, 0
        uid = self._places[one.number][1]
        while True:
            octets += len(piece)
            if octets > limit:
                yield BodyPart(one, last=True, refusal=f"it has more than {limit} octets", too_large=True)
                return
            if len(piece) > PIECE_OCTETS:
                raise WireError(f"the server sent {len(piece)} octets where {PIECE_OCTETS} were asked for")
            if len(piece) < PIECE_OCTETS:
                yield BodyPart(one, piece, last=True)
                return
            more = self._talk.ask_parts([uid], start=octets, most_octets=PIECE_OCTETS, expected_octets=PIECE_OCTETS)
            yield BodyPart(one, piece)
            found = await self._answer(more)
            if uid not in found:
                raise WireError(f"the server does not send the rest of message {uid}")
            piece = found[uid]

    async def in_step(self) -> bool:
        """Return True: answers bear UIDs (RFC 3501 section 6.4.8), so none can stand for another message."""
        return True

    # -- the provider's copies

    async def delete(self, messages: Sequence[Listed]) -> list[Listed]:
        """Do with the provider's copies what the account's `after` says; return those it agreed to."""
        return await self._each(messages, self._settle, self._account.after)

    async def remove(self, messages: Sequence[Listed]) -> list[Listed]:
        """Delete messages, whatever `after` says; return those that are gone.

        What stays as marked, since the server cannot remove it alone, is not among them.
        """
        return await self._each(messages, self._remove, ProviderCopy.DELETE)

    async def _each(
        self, messages: Sequence[Listed], act: Callable[[Sequence[int]], Awaitable[bool]], name: str
    ) -> list[Listed]:
        agreed: list[Listed] = []
        for folder, some in self._by_folder(messages):
            await self._select(folder)
            for at in range(0, len(some), _COPIES_AT_ONCE):
                portion = some[at : at + _COPIES_AT_ONCE]
                uids = sorted(self._places[one.number][1] for one in portion)
                try:
                    done = await act(uids)
                except ImapRefusedError as exc:
                    if exc.error_class is ErrorClass.TEMPORARY:  # BYE: there is nobody left to ask
                        raise
                    log.warning("account %s: the server refuses to %s: %s", self._account.name, name, exc)
                    continue
                agreed += portion if done else ()
        return agreed

    async def _settle(self, uids: Sequence[int]) -> bool:
        match self._account.after:
            case ProviderCopy.SEEN:
                await self._talk.add_flag(uids, r"\Seen")
            case ProviderCopy.MOVE:
                await self._move(uids, self._account.move_to)
            case _:
                await self._remove(uids)
        return True  # what stays as marked is as good as gone: nobody shows it

    async def _move(self, uids: Sequence[int], folder: str) -> None:
        """RFC 6851; without it COPY first, so that a cut leaves two copies rather than none (section 3.3)."""
        atomic = "MOVE" in self.offered
        put = self._talk.move if atomic else self._talk.copy
        try:
            await put(uids, folder)
        except ImapRefusedError as exc:
            if exc.code not in ("TRYCREATE", "NONEXISTENT"):
                raise
            await self._talk.create(folder)
            await put(uids, folder)
        if not atomic:
            await self._remove(uids)

    async def _remove(self, uids: Sequence[int]) -> bool:
        r"""Mark as `\Deleted` and remove these alone (RFC 4315).

        Where the server cannot do that, EXPUNGE would remove what others have marked as well: then the marks stay, and
        whoever marked the others decides. False: so it is.
        """
        await self._talk.add_flag(uids, r"\Deleted")
        if "UIDPLUS" in self.offered:
            await self._talk.expunge(uids)
        elif others := set(await self._talk.search("DELETED")).difference(uids):
            log.info(
                "account %s: %d messages stay marked as deleted: the server cannot remove them without %d others",
                self._account.name,
                len(uids),
                len(others),
            )
            return False
        else:
            await self._talk.expunge(None)
        return True

    # -- the end

    async def quit(self) -> bool:
        """Return True: all that was asked for has been answered. Nothing hangs on a good-bye, other than in POP3."""
        self._well = True
        return True

    async def close(self) -> None:
        """Hand the connection to whom waits on it for new mail, or end it."""
        if self._well and self._account.push and self._keep(self._account, self):
            return
        if self._well:
            try:
                await self._talk.logout()
            except MailgateError as exc:
                log.debug("account %s: the server did not say good-bye: %s", self._account.name, exc)
        else:
            self._talk.abort()
        await self._talk.close()

    async def drop(self) -> None:
        """End the connection at once."""
        self._talk.abort()
        await self._talk.close()

    # -- between two sessions

    async def idle(self) -> bool:
        """Begin to wait for news of the first folder; True when a message has come since it was listed."""
        first = self._folders[0]
        missed = self._selected is not first
        if missed:
            await self._select(first)
            missed = not first.sizes.keys() >= set(await self._talk.search("UNDELETED"))
        return await self._talk.idle() or missed

    async def is_of_use(self) -> bool:
        """Whether the server still has the folder open for a connection that was kept; its view is up to date then."""
        try:
            await self._talk.look_again()
        except MailgateError as exc:
            log.info("account %s: the connection that was kept is of no use: %s", self._account.name, exc)
            return False
        self._up_to_date = True
        return True

    async def look_again(self) -> None:
        """Make the server answer."""
        await self._talk.look_again()

    async def news(self, timeout: timedelta) -> bool:
        """Wait for a new message; False after `timeout`, and after `stop_waiting`."""
        return await self._talk.news(timeout)

    def stop_waiting(self) -> None:
        """Let `news` return."""
        self._talk.stop_waiting()

    async def idle_done(self) -> None:
        """End the wait; the server has answered then, so it is known to be there."""
        await self._talk.idle_done()


def _sets(uids: Sequence[int]) -> Iterator[list[int]]:
    """Yield UIDs in portions that make short commands."""
    portion: list[int] = []
    items = 0
    for uid in uids:
        items += not portion or portion[-1] + 1 != uid
        if items > _SET_ITEMS or len(portion) >= _SIZES_AT_ONCE:
            yield portion
            portion, items = [], 1
        portion.append(uid)
    if portion:
        yield portion


def _batches(messages: Sequence[Listed], most_octets: int, most: int) -> Iterator[list[Listed]]:
    batch: list[Listed] = []
    octets = 0
    for one in messages:
        size = one.size_octets or PIECE_OCTETS
        alone = size > _SMALL_OCTETS
        if batch and (alone or len(batch) >= min(most, _SET_ITEMS) or octets + size > most_octets):
            yield batch
            batch, octets = [], 0
        batch.append(one)
        octets += size
        if alone:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch
