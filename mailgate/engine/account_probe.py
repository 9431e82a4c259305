"""Trying the connection to an account: each step with its time and what was offered. Changes nothing at the provider."""

from collections.abc import Collection, Sequence
from typing import Final

from mailgate.config.probes import joined, say, verbatim
from mailgate.engine.probes import Probe, Steps, protection, protection_facts
from mailgate.intake.fetch.imap import ImapDialogue
from mailgate.intake.fetch.opening import endpoint_of
from mailgate.intake.fetch.pop3 import Listed, Pop3Dialogue
from mailgate.model.errors import MailgateError
from mailgate.model.imap_options import MailProtocol
from mailgate.model.kinds import Words
from mailgate.model.settings import Account, FetchSettings, Security
from mailgate.policy.envelope_guess import EnvelopeGuess, guess_envelope_header
from mailgate.policy.remedies import remedy_words
from mailgate.ports.clock import Clock
from mailgate.ports.imap import ImapConnector
from mailgate.ports.network import Dialer, Stream
from mailgate.ports.secrets import Secret, SecretStore

NEWEST: Final = 20
"""So many headers are looked at for the envelope header: enough to tell, and quickly read."""


class AccountProbe:
    """Tries one account. `own_domains` are those whose addresses can be recipients, in lower-case A-labels."""

    def __init__(
        self,
        account: Account,
        settings: FetchSettings,
        *,
        own_domains: Collection[str],
        dialer: Dialer,
        imap: ImapConnector,
        secrets: SecretStore,
        clock: Clock,
    ) -> None:
        self._account = account
        self._settings = settings
        self._own_domains = own_domains
        self._dialer = dialer
        self._imap = imap
        self._secrets = secrets
        self._clock = clock
        self._steps = Steps(clock)

    async def run(self, typed: Secret | None = None) -> Probe:
        """Look up the password, unless somebody has just typed it, then do what the account's protocol asks for."""
        account = self._account
        try:
            password = typed
            if password is None:
                password = await self._steps.take(
                    "password", self._secrets.get(account.password), lambda _: say("password", place=account.password)
                )
            await self._by_its_protocol(password)
        except MailgateError as exc:
            return Probe(
                ok=False,
                steps=tuple(self._steps.done),
                error_class=exc.error_class.value,
                remedies=remedy_words(exc.error_class, account.password),
            )
        return Probe(ok=True, steps=tuple(self._steps.done), error_class="", remedies=None)

    # -- the steps

    async def _by_its_protocol(self, password: Secret) -> None:
        """Connect, log in, list, look at the newest headers, quit."""
        account, settings, steps = self._account, self._settings, self._steps
        endpoint = endpoint_of(account)
        stream = await steps.take(
            "connect",
            self._dialer.dial(endpoint, connect_timeout=settings.connect_timeout, timeout=settings.connect_timeout),
            lambda made: say("connect", endpoint=endpoint, peer=made.peer, protection=protection(made)),
            protection_facts,
        )
        dialogue: Pop3Dialogue | ImapDialogue
        if account.protocol is MailProtocol.IMAP:
            connection = self._imap.connection(stream, patience=settings.connect_timeout)
            dialogue = ImapDialogue(connection, account)
        else:
            # One command at a time: a server that loses those sent ahead still has a mailbox that works.
            dialogue = Pop3Dialogue(stream, pipelining=False, patience=settings.connect_timeout, clock=self._clock)
        try:
            await steps.take(
                "login",
                dialogue.open(account, password),
                lambda _: _offers(dialogue, stream),
                lambda _: _login_facts(account, dialogue, stream),
            )
            listed = await steps.take(
                "list",
                dialogue.list_messages(),
                lambda found: say("list", n=len(found), where=_where(account)),
                lambda found: _list_facts(found, dialogue),
            )
            if listed:
                await steps.take("headers", self._newest(dialogue, listed), self._guessed, self._header_facts)
            await dialogue.quit()
        finally:
            await dialogue.close()

    async def _newest(self, dialogue: Pop3Dialogue | ImapDialogue, listed: Sequence[Listed]) -> list[bytes]:
        """Return the headers of the newest messages; those that TOP is refused for are left out."""
        return [header async for _, header in dialogue.top_headers(listed[-NEWEST:])]

    def _guess(self, headers: Sequence[bytes]) -> EnvelopeGuess | None:
        return guess_envelope_header(headers, self._own_domains)

    def _guessed(self, headers: Sequence[bytes]) -> Words:
        if not headers:
            return say("no_top" if self._account.protocol is MailProtocol.POP3 else "no_headers")
        guess = self._guess(headers)
        if guess is None:
            return say("no_envelope_header", n=len(headers))
        return say("envelope_header", header=guess.header, seen=guess.seen, n=guess.of)

    def _header_facts(self, headers: Sequence[bytes]) -> list[tuple[str, str]]:
        guess = self._guess(headers)
        facts = [("headers", str(len(headers)))]
        if self._account.protocol is MailProtocol.POP3:
            facts.insert(0, ("top", "yes" if headers else "no"))
        if guess is not None:
            facts += [("envelope_header", guess.header), ("envelope_header_seen", f"{guess.seen} of {guess.of}")]
        return facts


def _where(account: Account) -> Words:
    if account.protocol is MailProtocol.POP3:
        return say("in_mailbox")
    return say("in_folder" if len(account.folders) == 1 else "in_folders", names=", ".join(account.folders))


def _offers(dialogue: Pop3Dialogue | ImapDialogue, stream: Stream) -> Words:
    login = say("login", way=dialogue.way, protection=protection(stream) if stream.tls else say("clear"))
    if isinstance(dialogue, ImapDialogue):
        there = dialogue.offered
        words = [say("idle" if "IDLE" in there else "no_idle")]
        words += [verbatim(name) for name in ("MOVE", "UIDPLUS") if name in there]
        return say("offers", login=login, what=joined(words))
    found = dialogue.capabilities
    if not found.known:
        return say("offers_unsaid", login=login)
    words = [say("pipelining" if found.pipelining else "no_pipelining")]
    words += [verbatim("UIDL")] if found.uidl else []
    if found.login_delay_s:
        words.append(say("login_delay", n=found.login_delay_s))
    return say("offers", login=login, what=joined(words))


def _login_facts(account: Account, dialogue: Pop3Dialogue | ImapDialogue, stream: Stream) -> list[tuple[str, str]]:
    if isinstance(dialogue, ImapDialogue):
        there = sorted(dialogue.offered)
        facts = [
            ("login", dialogue.way),
            ("capabilities", " ".join(name for name in there if not name.startswith("AUTH="))),
            ("auth", " ".join(sorted(dialogue.mechanisms))),
        ]
        return facts + (protection_facts(stream) if account.security is Security.STARTTLS else [])
    found = dialogue.capabilities
    names = {
        "PIPELINING": found.pipelining,
        "STLS": found.stls,
        "UIDL": found.uidl,
        "TOP": found.top,
        "USER": found.user,
    }
    facts = [
        ("login", dialogue.way),
        ("capabilities", " ".join(name for name, there in names.items() if there)),
        ("auth", " ".join(sorted(found.sasl))),
        ("login_delay_s", str(found.login_delay_s or "")),
        ("expire_days", "" if found.expire_days is None else str(found.expire_days)),
        ("implementation", found.implementation),
    ]
    if account.security is Security.STARTTLS:
        facts += protection_facts(stream)
    return facts


def _list_facts(listed: Sequence[Listed], dialogue: Pop3Dialogue | ImapDialogue) -> list[tuple[str, str]]:
    sizes = [one.size_octets for one in listed]
    facts = [("messages", str(len(listed))), ("octets", str(sum(sizes))), ("largest", str(max(sizes, default=0)))]
    if listed and isinstance(dialogue, Pop3Dialogue):
        facts.append(("uidl", "yes" if any(one.server_uid for one in listed) else "no"))
    facts.append(("nameless", str(len(dialogue.nameless) or "")))
    return facts
