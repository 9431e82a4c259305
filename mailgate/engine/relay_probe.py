"""Trying a relay: greeted, protected, logged in, asked whether it takes a sender and a recipient, and given a message.

Without a message the transaction is taken back (RSET) and nothing is sent.
"""

from mailgate.config.probes import failed, say, verbatim
from mailgate.delivery.link import Link, said
from mailgate.delivery.opening import Opener
from mailgate.delivery.relaying import relay_server, relay_settings
from mailgate.engine.internal_probe import Watch, leave, protected
from mailgate.engine.probes import Probe, Steps, protection_facts
from mailgate.model.address import Address
from mailgate.model.errors import ConnectError, ErrorClass, MailgateError
from mailgate.model.outbound import Relay, RelayLogin
from mailgate.model.settings import Config
from mailgate.policy.relays import RelayTable
from mailgate.policy.remedies import remedy_words
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.wire.errors import WireError
from mailgate.wire.smtp import DATA, DOT, GO_ON, RSET, Command, mail, rcpt
from mailgate.wire.smtp_text import framed


class RelayProber:
    """Tries one relay of a configuration as a sender; None is the empty one."""

    def __init__(
        self,
        relay: Relay,
        config: Config,
        sender: Address | None,
        *,
        dialer: Dialer,
        secrets: SecretStore,
        clock: Clock,
    ) -> None:
        self._relay = relay
        self._sender = sender
        self._clock = clock
        self._steps = Steps(clock)
        self._watch = Watch(self._steps, clock)
        self._login = RelayTable(config).login_of(sender) if relay.login is RelayLogin.SENDER else None
        settings = relay_settings(relay, config.delivery, config.outbound)
        self._within_s = settings.command_timeout.total_seconds()
        self._data_s = settings.data_timeout.total_seconds()
        server = relay_server(relay, self._login, helo=config.internal.helo)
        self._opener = Opener(server, settings, dialer=dialer, secrets=secrets, watcher=self._watch)
        self._password = server.password

    async def run(self, recipient: Address | None, text: bytes = b"") -> Probe:
        """Try it, up to RCPT for `recipient`, and to the end with the message `text`."""
        failure: MailgateError | None = None
        if self._relay.login is RelayLogin.SENDER and self._sender is not None and self._login is None:
            words = say("no_login", sender=self._sender)
            failure = ConnectError(words.en, error_class=ErrorClass.AUTH)
            self._steps.add("password", words, self._clock.monotonic(), ok=False)
            return self._probe(failure)
        try:
            link = await self._opener.open()
        except MailgateError as exc:
            self._watch.fails(exc)
            return self._probe(exc)
        self._watch.ends()
        self._steps.add("protection", protected(link), self._clock.monotonic(), protection_facts(link.stream))
        try:
            await self._transaction(link, recipient, text)
        except WireError as exc:
            failure = ConnectError(f"{link.name}: {exc}", error_class=exc.error_class)
        except MailgateError as exc:
            failure = exc
        await leave(link, self._within_s, broken=failure is not None)
        return self._probe(failure)

    async def _transaction(self, link: Link, recipient: Address | None, text: bytes) -> None:
        wide = [one for one in (self._sender, recipient) if one is not None and not one.is_ascii]
        if not await self._asked(link, "mail", mail(self._sender, *(["SMTPUTF8"] if wide else []))):
            return
        if recipient is not None and not await self._asked(link, "rcpt", rcpt(recipient)):
            return
        if recipient is None or not text:
            await self._asked(link, "rset", RSET)
            return
        started = self._clock.monotonic()
        answer = await link.ask(DATA, self._within_s)
        if answer.code == GO_ON:
            await link.say(DOT, before=framed(text)[0], within_s=self._data_s)
            answer = await link.hear(self._data_s)
        self._steps.add("data", say("text", reply=said(answer)), started, ok=answer.yes)

    async def _asked(self, link: Link, name: str, command: Command) -> bool:
        started = self._clock.monotonic()
        answer = await link.ask(command, self._within_s)
        self._steps.add(name, verbatim(f"{command.shown}: {said(answer)}"), started, ok=answer.yes)
        return answer.yes

    def _probe(self, failure: MailgateError | None) -> Probe:
        ok = failure is None and all(one.ok for one in self._steps.done)
        error_class = failure.error_class if failure else None if ok else ErrorClass.POLICY
        if failure is not None and all(one.ok for one in self._steps.done):
            self._steps.add("connection", failed(failure), self._clock.monotonic(), ok=False)
        remedy = remedy_words(error_class, self._password) if error_class else None
        return Probe(ok, tuple(self._steps.done), error_class.value if error_class else "", remedy)
