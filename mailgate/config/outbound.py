"""Cross-checks of outgoing mail: listeners that can be opened, relays that can be used, logins that exist."""

import ipaddress
from collections.abc import Iterable

from mailgate.config.faults import Faults, KeyPath
from mailgate.config.hosts import host_fault, is_loopback
from mailgate.config.secret_refs import check_secret
from mailgate.config.sureness import Sure
from mailgate.config.wording import shown
from mailgate.model.address import parse_address
from mailgate.model.errors import AddressError
from mailgate.model.masks import address_mask, domain_mask
from mailgate.model.outbound import (
    Listener,
    ListenerAuth,
    ListenerSecurity,
    Relay,
    RelayLogin,
    RelaySecurity,
    SenderPolicy,
    SubmissionUser,
    WhoMaySend,
)
from mailgate.model.settings import Config


def check_outbound(config: Config, faults: Faults, sure: Sure) -> None:
    """Tell `faults` what does not fit together in the settings of outgoing mail."""
    _unique(config.listeners, "listeners", "name", faults, sure)
    _unique(config.users, "users", "name", faults, sure)
    _unique(config.relays, "relays", "name", faults, sure)
    _unique(config.senders, "senders", "address", faults, sure)
    _unique(config.groups, "groups", "name", faults, sure)
    for index, listener in enumerate(config.listeners):
        _check_listener(listener, ("listeners", index), config, faults, sure)
    for index, relay in enumerate(config.relays):
        _check_relay(relay, ("relays", index), config, faults, sure)
    for index, user in enumerate(config.users):
        at: KeyPath = ("users", index)
        if sure(*at, "password"):
            check_secret(user.password, (*at, "password"), faults, whose="this user", name=f"user-{index + 1}")
        _check_patterns(user.senders, (*at, "senders"), faults, sure)
        _check_senders(user, at, config, faults, sure)
    for index, sender in enumerate(config.senders):
        at = ("senders", index)
        if sure(*at, "address"):
            _check_address(sender.address, (*at, "address"), faults)
        if sure(*at, "password"):
            check_secret(sender.password, (*at, "password"), faults, whose="this sender", name=f"sender-{index + 1}")
    for index, group in enumerate(config.groups):
        at = ("groups", index)
        _check_patterns(group.members, (*at, "members"), faults, sure)
        empty = not group.members and group.name not in {one.group for one in config.senders}
        if empty and sure(*at, "members") and sure("senders"):
            text = f"Nobody is in the group {shown(group.name)}."
            faults.warning("W09", at, text, 'Add `members = ["@example.org"]`, or the `group` to one of `[[senders]]`.')
    _check_rest(config, faults, sure)


def _check_senders(user: SubmissionUser, at: KeyPath, config: Config, faults: Faults, sure: Sure) -> None:
    """Tell who may send as anybody, and who as nobody."""
    if not sure(*at, "senders"):
        return
    for number, text in enumerate(user.senders):
        if not text.strip().strip("*@"):
            said = "Who logs in with this name may send as anybody, outside of the office too."
            faults.warning("W08", (*at, "senders", number), said, "Name addresses, or domains such as `@example.org`.")
    nobody = not (user.senders or config.recipients or config.senders or config.outbound.local_domains)
    if nobody and sure("recipients") and sure("senders") and sure("outbound"):
        said = "Who logs in with this name may send as nobody: the office has no domain that is known here."
        faults.warning("W08", at, said, "Add `senders` to this user, or `local_domains` to `[outbound]`.")


def _check_rest(config: Config, faults: Faults, sure: Sure) -> None:
    outbound = config.outbound
    _check_patterns(outbound.listed, ("outbound", "listed"), faults, sure)
    _check_patterns(outbound.always_to, ("outbound", "always_to"), faults, sure)
    for number, network in enumerate(outbound.listed_networks if sure("outbound", "listed_networks") else ()):
        _check_network(network, ("outbound", "listed_networks", number), faults)
    users = {user.name for user in config.users}
    for number, name in enumerate(outbound.listed_users if sure("outbound", "listed_users") and sure("users") else ()):
        if name not in users:
            text = f"There is no user {shown(name)}."
            faults.error("O11", ("outbound", "listed_users", number), text, "Name one of `[[users]]`.")
    anybody = outbound.listed or outbound.listed_networks or outbound.listed_users
    if sure("outbound") and outbound.may_send is WhoMaySend.LISTED and not anybody:
        text = "Nobody may send: `may_send` is `listed`, and `listed` is empty."
        faults.error("O05", ("outbound", "may_send"), text, 'Add `listed = ["@example.org"]` with those who may.')
    if config.listeners and not config.relays and sure("listeners") and sure("relays"):
        text = "There is no relay, so all mail to the Internet will be refused."
        faults.warning("W07", ("listeners",), text, "Add `[[relays]]` with the name of your provider's server.")


def _unique(items: Iterable[object], section: str, key: str, faults: Faults, sure: Sure) -> None:
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        if not sure(section, index, key):
            continue
        value = str(getattr(item, key))
        first = seen.setdefault(value.casefold(), index)
        if first != index:
            line = faults.line((section, first, key))
            text = f"{shown(value)} is taken by the one in line {line}."
            faults.error("O01", (section, index, key), text, "Give each one of its own, or remove one of the two.")


def _check_listener(listener: Listener, at: KeyPath, config: Config, faults: Faults, sure: Sure) -> None:
    for number, network in enumerate(listener.networks if sure(*at, "networks") else ()):
        known = _check_network(network, (*at, "networks", number), faults)
        if known is not None and known.prefixlen == 0:
            text = "This network is the whole Internet: anybody could send mail through your office."
            faults.error("O02", (*at, "networks", number), text, "Name the networks of your office.")
    if not sure(*at, "security"):
        return
    protected = listener.security is not ListenerSecurity.NONE
    if protected and not listener.certificate_file and sure(*at, "certificate_file"):
        text = f"`security` is `{listener.security.value}`, and there is no certificate to show."
        remedy = 'Add `certificate_file = "..."` (PEM, with its chain), or use `security = "none"`.'
        faults.error("O03", (*at, "security"), text, remedy)
    if listener.proxy_protocol and listener.security is ListenerSecurity.TLS and sure(*at, "proxy_protocol"):
        text = "A proxy that says who the client is does so before TLS begins, which is not read with `security = tls`."
        remedy = 'Use `security = "starttls"`, or let the proxy end TLS and use `security = "none"`.'
        faults.error("O10", (*at, "proxy_protocol"), text, remedy)
    if sure(*at, "auth") and listener.auth is not ListenerAuth.OFF:
        if not protected:
            text = "Clients are to log in here, and passwords are not taken in the clear: nobody ever could."
            remedy = 'Use `security = "starttls"` with a certificate, or `auth = "off"`.'
            faults.error("O04", (*at, "auth"), text, remedy)
        if not config.users and sure("users"):
            text = "Clients are to log in here, and there is nobody who may."
            faults.error("O04", (*at, "auth"), text, "Add `[[users]]` with name and password.")


def _check_network(text: str, at: KeyPath, faults: Faults) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        remedy = "Write an address, or a network such as `192.168.1.0/24`."
        faults.error("O02", at, f"{shown(text)} is no network.", remedy)
        return None


def _check_relay(relay: Relay, at: KeyPath, config: Config, faults: Faults, sure: Sure) -> None:
    if sure(*at, "host") and (fault := host_fault(relay.host)) is not None:
        faults.error("H02", (*at, "host"), *fault)
    for key in ("senders", "recipients", "allowed_senders"):
        _check_patterns(getattr(relay, key), (*at, key), faults, sure)
    if sure(*at, "sender_policy") and relay.sender_policy is SenderPolicy.LIST and not relay.allowed_senders:
        text = "This relay takes the senders of a list, and `allowed_senders` is empty."
        faults.error("O06", (*at, "sender_policy"), text, "Add `allowed_senders`, or use another `sender_policy`.")
    known = {one.group for one in config.senders if one.group} | {one.name for one in config.groups}
    told = sure(*at, "groups") and sure("senders") and sure("groups")
    for number, group in enumerate(relay.groups if told else ()):
        if group not in known:
            text = f"No sender is in a group {shown(group)}."
            remedy = "Name one of `[[groups]]`, or a `group` that one of `[[senders]]` has."
            faults.error("O07", (*at, "groups", number), text, remedy)
    if sure(*at, "login"):
        _check_login(relay, at, config, faults, sure)
    clear = sure(*at, "security") and relay.security is RelaySecurity.NONE
    if clear and relay.login is not RelayLogin.NONE and not is_loopback(relay.host):
        text = "The password for this relay crosses the network in the clear."
        faults.warning("W04", (*at, "security"), text, 'Use `security = "starttls"` or `security = "tls"`.')
    if clear and relay.fingerprint and sure(*at, "fingerprint"):
        text = 'There is no certificate with `security = "none"`, so the fingerprint protects nothing.'
        faults.error("P01", (*at, "fingerprint"), text, 'Use `security = "tls"`, or remove `fingerprint`.')


def _check_login(relay: Relay, at: KeyPath, config: Config, faults: Faults, sure: Sure) -> None:
    if relay.login is RelayLogin.ONE:
        if not relay.user and sure(*at, "user"):
            text = "This relay is to be logged in at, and `user` is missing."
            remedy = 'Add `user` and `password`. If the relay asks for no login, write `login = "none"`.'
            faults.error("O08", (*at, "login"), text, remedy)
        elif relay.user and sure(*at, "password"):
            name = relay.name if sure(*at, "name") else "relay"
            check_secret(relay.password, (*at, "password"), faults, whose="the relay", name=name)
    elif relay.login is RelayLogin.SENDER and not config.senders and sure("senders"):
        text = "Each sender is to log in by himself, and no sender has a login."
        faults.error("O08", (*at, "login"), text, "Add `[[senders]]` with address and password for each.")


def _check_patterns(patterns: Iterable[str], at: KeyPath, faults: Faults, sure: Sure) -> None:
    if not sure(*at):
        return
    for number, text in enumerate(patterns):
        local, _, domain = text.strip().rpartition("@")
        try:
            if local:
                address_mask(text)
            else:
                domain_mask(domain)
        except AddressError:
            remedy = "Write an address, or a domain such as `@example.org`; `*` stands for anything."
            faults.error("O09", (*at, number), f"{shown(text)} is neither an address nor a domain.", remedy)


def _check_address(text: str, at: KeyPath, faults: Faults) -> None:
    try:
        parse_address(text)
    except AddressError as error:
        faults.error("R02", at, f"{error}.", "Write the whole address, such as `anna@example.org`.")
