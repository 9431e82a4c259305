"""Which way a message of the office goes: to the internal server, or by the first relay that fits.

The order of the relays in the configuration is the order in which they are asked.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mailgate.model.address import Address, parse_address, parse_domain
from mailgate.model.errors import AddressError
from mailgate.model.outbound import Relay, RelayLogin, SenderLogin, SenderPolicy
from mailgate.model.settings import Config
from mailgate.policy.patterns import AddressPatterns

INTERNAL_LANE: Final = ""
"""The way to the internal server."""
_RELAY: Final = "relay:"


def lane_of(relay: str) -> str:
    """Return the name of the way by the relay called `relay`."""
    return f"{_RELAY}{relay}"


def relay_of(lane: str) -> str:
    """Return the name of the relay that a way leads by, empty for the one to the internal server."""
    return lane.removeprefix(_RELAY) if lane.startswith(_RELAY) else ""


@dataclass(frozen=True, slots=True)
class Way:
    """Where one recipient's copy goes; without a lane, `why` says for whom no relay fits and what to do."""

    lane: str | None
    why: str


class RelayTable:
    """The relays of a configuration, ready to be asked."""

    def __init__(self, config: Config) -> None:
        self._relays = [_Choice(relay) for relay in config.relays]
        self._logins = logins_of(config)
        self._named = [(group, AddressPatterns(group.members)) for group in config.groups]
        self._hold = config.outbound.hold
        self._local = local_domains(config)

    def login_of(self, sender: Address | None) -> SenderLogin | None:
        """Return the login that a sender has at the provider, or None."""
        return self._logins.get(sender.key) if sender else None

    def groups_of(self, sender: Address | None) -> frozenset[str]:
        """Return the names of the groups that a sender is in."""
        if sender is None:
            return frozenset()
        login = self.login_of(sender)
        found = {group.name for group, members in self._named if sender in members}
        return frozenset(found | {login.group} if login and login.group else found)

    def hold_of(self, sender: Address | None) -> timedelta:
        """Return how long mail of `sender` rests: his own time, that of the first of his groups with one, or the usual."""
        login = self.login_of(sender)
        if login is not None and login.hold is not None:
            return login.hold
        groups = self.groups_of(sender)
        holds = (one.hold for one, _ in self._named if one.name in groups and one.hold is not None)
        return next(holds, self._hold)

    def is_local(self, recipient: Address) -> bool:
        """Return whether mail for this address stays in the office."""
        return recipient.domain in self._local

    def way(self, sender: Address | None, recipient: Address) -> Way:
        """Return the way of a message of `sender` (None: the empty one) to `recipient`."""
        if self.is_local(recipient):
            return Way(INTERNAL_LANE, f"{recipient.domain} is a domain of this office")
        login, groups = self.login_of(sender), self.groups_of(sender)
        refusals: list[str] = []
        for choice in self._relays:
            why_not = choice.why_not(sender, recipient, login, groups)
            if not why_not:
                return Way(lane_of(choice.relay.name), f"relay {choice.relay.name} is the first that fits")
            refusals.append(f"{choice.relay.name}: {why_not}")
        if not refusals:
            return Way(None, "no relay is set up: add [[relays]]")
        return Way(None, f"no relay takes it ({'; '.join(refusals)})")


class _Choice:
    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self._senders = AddressPatterns(relay.senders)
        self._recipients = AddressPatterns(relay.recipients)
        self._allowed = AddressPatterns(relay.allowed_senders)

    def why_not(
        self, sender: Address | None, recipient: Address, login: SenderLogin | None, groups: frozenset[str]
    ) -> str:
        """Return why this relay is not the way, empty when it is."""
        relay = self.relay
        if self._recipients and recipient not in self._recipients:
            return "for other recipients"
        if sender is None:
            return "" if relay.takes_empty_sender else "takes no empty sender"
        if self._senders and sender not in self._senders:
            return "for other senders"
        if relay.groups and groups.isdisjoint(relay.groups):
            return "for other groups"
        if relay.login is RelayLogin.SENDER and login is None:
            return f"{sender} has no login in [[senders]]"
        return self._policy(sender, login)

    def _policy(self, sender: Address, login: SenderLogin | None) -> str:
        relay = self.relay
        user = (login.user or login.address) if relay.login is RelayLogin.SENDER and login else relay.user
        match relay.sender_policy:
            case SenderPolicy.SAME_ADDRESS if sender.key != user.casefold():
                return f"takes {user} as sender alone"
            case SenderPolicy.SAME_DOMAIN if sender.domain != user.rpartition("@")[2].casefold():
                return f"takes senders of {user.rpartition('@')[2]} alone"
            case SenderPolicy.LIST if sender not in self._allowed:
                return "the sender is not in allowed_senders"
            case _:
                return ""


def logins_of(config: Config) -> Mapping[str, SenderLogin]:
    """Return each of `[[senders]]` by the key of its address; what is no address is nobody's."""
    found = {}
    for one in config.senders:
        with suppress(AddressError):
            found[parse_address(one.address).key] = one
    return found


def local_domains(config: Config) -> frozenset[str]:
    """Return the domains of the office: those that are named, and those of its recipients."""
    found: set[str] = set()
    addresses: Sequence[str] = [text for one in config.recipients for text in (one.address, *one.aliases)]
    for text in (*config.outbound.local_domains, *(address.rpartition("@")[2] for address in addresses)):
        try:
            found.add(parse_domain(text))
        except AddressError:  # told by `mailgate check`
            continue
    return frozenset(found)
