"""Who may hand mail over, as whom, and to whom: asked at the greeting, at MAIL and at RCPT. Never an open relay.

RFC 5321 section 7.9 (access), RFC 4954 section 6 (530), RFC 3463 (5.7.1).
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mailgate.mime.compose import fill
from mailgate.model.address import Address
from mailgate.model.outbound import Listener, ListenerAuth, SubmissionUser, WhoMaySend
from mailgate.model.settings import Config
from mailgate.model.status import Reply
from mailgate.policy.patterns import AddressPatterns
from mailgate.policy.relays import local_domains, logins_of
from mailgate.wire.smtp_reply import to_ascii

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_HOSTS: Final = 256  # whose answer is kept


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end: the IP address, and as whom he has logged in; empty: he has not."""

    host: str
    login: str = ""


class SubmissionGate:
    """The rules of one listener. `internal` are the addresses of the internal server.

    `words` is the template of what is said to whom may not send outside (`NoticeKind.MAY_NOT_SEND`).
    `unsure`: the name of the internal server could not be looked up, so that who is not known may be it, and is asked to
    come again.
    """

    def __init__(
        self, config: Config, listener: Listener, internal: Iterable[str] = (), *, words: str, unsure: bool = False
    ) -> None:
        self._words = to_ascii(words)
        self._unsure = unsure
        self._listener = listener
        self._ours = tuple(_networks((*LOOPBACK, *internal)))
        self._networks = (*self._ours, *_networks(listener.networks))
        self._users: dict[str, SubmissionUser] = {user.name: user for user in config.users}
        self._senders = {user.name: AddressPatterns(user.senders) for user in config.users}
        self._domains = local_domains(config)
        self._own = logins_of(config)
        self._may_send = config.outbound.may_send
        self._listed = AddressPatterns(config.outbound.listed)
        self._listed_users = frozenset(config.outbound.listed_users)
        self._listed_networks = tuple(_networks(config.outbound.listed_networks))
        self._always_to = AddressPatterns(config.outbound.always_to)
        self._known = lru_cache(maxsize=_HOSTS)(self._is_known)  # asked three times a session

    def knows(self, host: str) -> bool:
        """Return whether a client at this IP address may send without a login."""
        return self._known(host)

    def is_ours(self, host: str) -> bool:
        """Return whether this is loopback or the internal server, which are never kept from logging in."""
        return _is_in(host, self._ours)

    def _is_known(self, host: str) -> bool:
        return _is_in(host, self._networks)

    def user(self, name: str) -> SubmissionUser | None:
        """Return who may log in under this name."""
        return self._users.get(name)

    def at_greeting(self, client: Client) -> Reply | None:
        """Return how a client is sent away at once, None when he may go on."""
        if self.knows(client.host) or self._listener.auth is not ListenerAuth.OFF:
            return None
        if self._unsure:
            return Reply(
                421, f"4.4.3 {client.host} may not send here, as far as can be told just now: come again later"
            )
        return Reply(554, f"5.7.1 {client.host} may not send here: it is in none of the listener's networks")

    def at_mail(self, client: Client, sender: Address | None) -> Reply | None:
        """Return why this client may not send as `sender`, None when he may."""
        if not client.login:
            if self._listener.auth is ListenerAuth.REQUIRED or not self.knows(client.host):
                if self._unsure and self._listener.auth is ListenerAuth.OPTIONAL:
                    return Reply(450, "4.4.3 log in first, or come again later")
                return Reply(530, "5.7.0 log in first")
            return None
        if sender is None or self._is_of(client.login, sender):
            return None
        return Reply(553, f"5.7.1 {client.login} may not send as {sender}")

    def _is_of(self, login: str, sender: Address) -> bool:
        """Return whether a user may send as `sender`: one of his list, where he has none any address of the office."""
        allowed = self._senders.get(login)
        if allowed:
            return sender in allowed
        return sender.domain in self._domains or sender.key in self._own

    def at_rcpt(self, client: Client, sender: Address | None, recipient: Address) -> Reply | None:
        """Return why mail of `sender` that this client hands over does not go out to `recipient`, None when it does.

        Delivery reports and receipts, whose sender is empty, do: they are owed to whoever wrote. Only from a login or a
        network that may not send at all they do not, or the rule would be void by one command.
        """
        if self._may_send is WhoMaySend.EVERYONE or recipient in self._always_to:
            return None
        by_client = client.login in self._listed_users or (
            bool(self._listed_networks) and _is_in(client.host, self._listed_networks)
        )
        if sender is None:
            barred = by_client and self._may_send is WhoMaySend.ALL_BUT_LISTED
        else:
            barred = (by_client or sender in self._listed) is not (self._may_send is WhoMaySend.LISTED)
        if not barred:
            return None
        values = {"sender": str(sender or "<>"), "recipient": str(recipient), "domain": recipient.domain}
        return Reply(550, f"5.7.1 {fill(self._words, values).strip()}")


def _is_in(host: str, networks: Iterable[_Network]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any(one in network for network in networks for one in (address, mapped) if one is not None)


def _networks(texts: Iterable[str]) -> Iterable[_Network]:
    for text in texts:
        try:
            yield ipaddress.ip_network(text, strict=False)
        except ValueError:  # a name, or a slip: `mailgate check` tells of it
            continue
