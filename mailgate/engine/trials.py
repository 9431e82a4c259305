"""Looking and trying on behalf of a person: servers behind an address, an account, the internal server.

Nothing here changes a setting, or anything at the provider. The tests themselves are in modules of their own.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mailgate.config.kinds import server_kinds
from mailgate.config.presets import load_presets
from mailgate.engine.account_probe import AccountProbe
from mailgate.engine.discovery import Discovered, Discovery
from mailgate.engine.internal_probe import InternalProbe, InternalProber
from mailgate.engine.probes import Probe
from mailgate.engine.relay_probe import RelayProber
from mailgate.model.address import Address, parse_address, parse_domain
from mailgate.model.errors import AddressError, UnknownError
from mailgate.model.kinds import ServerKind
from mailgate.model.outbound import Relay
from mailgate.model.settings import Account, Config
from mailgate.policy.kinds import hints_for
from mailgate.ports.clock import Clock
from mailgate.ports.imap import ImapConnector
from mailgate.ports.network import Dialer
from mailgate.ports.resolver import Resolver
from mailgate.ports.secrets import Secret, SecretStore
from mailgate.ports.web import WebReader

Writer = Callable[[Relay, Address | None, Address], bytes]
"""Makes a test message by a relay, from and to these."""


class Trials:
    """All of it, over the configuration that is in force when it is asked."""

    def __init__(
        self,
        config: Callable[[], Config],
        *,
        dialer: Dialer,
        imap: ImapConnector,
        resolver: Resolver,
        web: WebReader,
        secrets: SecretStore,
        clock: Clock,
        data_dir: Path,
    ) -> None:
        self._config = config
        self._dialer = dialer
        self._imap = imap
        self._resolver = resolver
        self._web = web
        self._secrets = secrets
        self._clock = clock
        self._data_dir = data_dir

    async def discover(self, address: str) -> Discovered:
        """Return the servers that are found for an address; takes up to a minute.

        Raises:
            AddressError: it is none, or its domain can have no servers.
        """
        loaded = await asyncio.to_thread(load_presets, self._data_dir)
        discovery = Discovery(
            loaded.presets,
            resolver=self._resolver,
            web=self._web,
            dialer=self._dialer,
            clock=self._clock,
            ispdb_url=self._config().discovery.ispdb_url,
        )
        fault = f"{loaded.fault.text} {loaded.fault.remedy}" if loaded.fault else ""
        return replace(await discovery.run(address), fault=fault)

    async def account(self, name: str) -> Probe:
        """Try the connection to an account.

        Raises:
            UnknownError: there is no such account.
        """
        config = self._config()
        account = config.account(name)
        if account is None:
            names = ", ".join(one.name for one in config.accounts) or "none"
            raise UnknownError(f"there is no account called {name!r}; there are: {names}")
        return await self._prober(account).run()

    async def typed_account(self, account: Account, password: str) -> Probe:
        """Try settings that are kept nowhere yet, with a password that is kept nowhere at all."""
        return await self._prober(account).run(Secret(password))

    def _prober(self, account: Account) -> AccountProbe:
        config = self._config()
        return AccountProbe(
            account,
            config.fetch,
            own_domains=_own_domains(config, account),
            dialer=self._dialer,
            imap=self._imap,
            secrets=self._secrets,
            clock=self._clock,
        )

    async def internal(self, addresses: tuple[str, ...]) -> InternalProbe:
        """Try the internal server, and ask it for each of `addresses`, or for every recipient when there is none.

        Raises:
            AddressError: one of them is none.
        """
        config = self._config()
        wanted = addresses or tuple(mailbox.address for mailbox in config.recipients)
        prober = InternalProber(config, dialer=self._dialer, secrets=self._secrets, clock=self._clock)
        return await prober.run([parse_address(text) for text in dict.fromkeys(wanted)])

    async def relay(self, name: str, *, sender: str, recipient: str = "", write: Writer | None = None) -> Probe:
        """Try a relay as `sender` (empty: the empty one), and ask it for `recipient`; with `write`, send him that.

        Raises:
            UnknownError: there is no such relay.
            AddressError: an address is none.
        """
        config = self._config()
        relay = next((one for one in config.relays if one.name == name), None)
        if relay is None:
            names = ", ".join(one.name for one in config.relays) or "none"
            raise UnknownError(f"there is no relay called {name!r}; there are: {names}")
        from_ = parse_address(sender) if sender else None
        to = parse_address(recipient) if recipient else None
        if write and to is None:
            raise AddressError("a test message needs a recipient: name one")
        prober = RelayProber(relay, config, from_, dialer=self._dialer, secrets=self._secrets, clock=self._clock)
        return await prober.run(to, write(relay, from_, to) if write and to else b"")

    def kinds(self) -> tuple[ServerKind, ...]:
        """Return the kinds of internal servers, each with the hints that hold for all."""
        known = server_kinds()
        return tuple(replace(one, hints=hints_for(known, one.id, {})) for one in known.kinds)


def _own_domains(config: Config, account: Account) -> frozenset[str]:
    """Return the domains whose addresses can be recipients of mail from `account`."""
    addresses = [
        text
        for mailbox in config.recipients
        if not mailbox.accounts or account.name in mailbox.accounts
        for text in (mailbox.address, *mailbox.aliases)
    ]
    found = set()
    for text in (*account.own_domains, *addresses):
        with contextlib.suppress(AddressError):
            found.add(parse_domain(text.rpartition("@")[2]))
    return frozenset(found)
