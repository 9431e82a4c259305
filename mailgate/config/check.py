"""Cross-checks: what no single setting can tell, because it depends on another or on what a value means.

Each check skips what could not be read (`doubtful`), so that one mistake is told once. No check opens a file or asks
the network: the same file gives the same report everywhere.
"""

from datetime import timedelta
from typing import Final

from mailgate.config.faults import Faults, KeyPath
from mailgate.config.hosts import host_fault, is_loopback
from mailgate.config.outbound import check_outbound
from mailgate.config.protocols import check_protocols
from mailgate.config.recipients import check_recipients, read_address
from mailgate.config.routing import check_routing
from mailgate.config.schedules import check_schedules
from mailgate.config.secret_refs import check_secret
from mailgate.config.sureness import Sure
from mailgate.config.wording import shown
from mailgate.model.address import parse_domain
from mailgate.model.errors import AddressError
from mailgate.model.presets import mailbox_of
from mailgate.model.settings import Config, Security, SmtpProtocol, SmtpSecurity

NOT_ENVELOPE_HEADERS: Final = frozenset({
    "to", "cc", "bcc", "from", "sender", "reply-to", "apparently-to",
    "resent-to", "resent-cc", "resent-bcc", "resent-from", "resent-sender", "return-path",
})  # fmt: skip
"""Headers that the author of a message writes (RFC 5322 section 3.6), or that name a sender: never its envelope."""

SMTP_PORT: Final = 25
POP3_IDLE_LIMIT: Final = timedelta(minutes=10)  # RFC 1939 section 3: a server may hang up after it


def check(config: Config, faults: Faults, *, doubtful: frozenset[KeyPath] = frozenset()) -> None:
    """Tell `faults` what does not fit together in `config`.

    `doubtful` holds the paths at and below which `config` has stand-ins for what could not be read.
    """
    sure = Sure(doubtful)
    _check_accounts(config, faults, sure)
    _check_internal(config, faults, sure)
    check_protocols(config, faults, sure)
    check_recipients(config, faults, sure)
    check_outbound(config, faults, sure)
    check_routing(config, faults, sure)
    check_schedules(config, faults, sure)
    _check_api(config, faults, sure)
    _check_times(config, faults, sure)
    _check_notices(config, faults, sure)


def _check_accounts(config: Config, faults: Faults, sure: Sure) -> None:
    if sure("accounts") and not any(account.enabled for account in config.accounts):
        text = "Every account is switched off" if config.accounts else "There is no account"
        remedy = "Set `enabled = true` in one." if config.accounts else "Add `[[accounts]]` with its settings."
        faults.warning("W01", ("accounts",), f"{text}, so no mail will be fetched.", remedy)
    names: dict[str, int] = {}
    mailboxes: dict[tuple[str, str, int], int] = {}
    for index, account in enumerate(config.accounts):
        at: KeyPath = ("accounts", index)
        if sure(*at, "name"):
            first = names.setdefault(account.name.casefold(), index)
            if first != index:
                line = faults.line(("accounts", first, "name"))
                text = f"The name {shown(account.name)} is taken by the account in line {line}."
                faults.error("A01", (*at, "name"), text, "Give each account a name of its own.")
        if account.enabled and all(sure(*at, key) for key in ("host", "user", "port", "security", "enabled")):
            mailbox = (account.host.rstrip(".").casefold(), mailbox_of(account.user), account.effective_port)
            first = mailboxes.setdefault(mailbox, index)
            if first != index:
                line = faults.line(("accounts", first))
                text = f"This is the same mailbox as that of the account in line {line}: same host, user and port."
                remedy = "Remove one of the two, or set `enabled = false` in one."
                faults.error("A02", (*at, "user"), text, remedy)
        if sure(*at, "host"):
            _check_host(account.host, (*at, "host"), faults)
            in_clear = sure(*at, "security") and account.security is Security.NONE
            if in_clear and account.enabled and not is_loopback(account.host):
                text = "Password and mail of this account cross the network in the clear."
                remedy = 'Use `security = "tls"` or `security = "starttls"` if the provider has either.'
                faults.warning("W04", (*at, "security"), text, remedy)
        if sure(*at, "fingerprint") and sure(*at, "security"):
            _check_fingerprint(account.fingerprint, account.security, (*at, "fingerprint"), faults)
        if sure(*at, "password"):
            whose = f"the account {shown(account.name)}" if sure(*at, "name") else "this account"
            name = account.name if sure(*at, "name") else f"account-{index + 1}"
            check_secret(account.password, (*at, "password"), faults, whose=whose, name=name)
        if sure(*at, "own_domains"):
            for number, domain in enumerate(account.own_domains):
                _check_domain(domain, (*at, "own_domains", number), faults)
        if sure(*at, "envelope_header") and account.envelope_header.casefold() in NOT_ENVELOPE_HEADERS:
            text = (
                f"{shown(account.envelope_header)} is written by the sender of a message. It does not say for whom your"
                " provider took it: blind copies and mailing lists would get lost, or reach the wrong person."
            )
            remedy = "Name the header that your provider adds, such as `X-Envelope-To`, or remove the line."
            faults.error("E01", (*at, "envelope_header"), text, remedy)


def _check_internal(config: Config, faults: Faults, sure: Sure) -> None:
    internal = config.internal
    if sure("internal", "host"):
        _check_host(internal.host, ("internal", "host"), faults)
    if sure("internal", "user") and sure("internal", "password"):
        if internal.user and not internal.password:
            text, remedy = "`user` is set, but `password` is not.", 'Add `password = "keyring:internal"`.'
            faults.error("I01", ("internal", "user"), text, f"{remedy} If the server asks for no login, remove `user`.")
        if internal.password and not internal.user:
            text = "`password` is set, but `user` is not."
            remedy = "Add `user = ...`. If the server asks for no login, remove `password`."
            faults.error("I01", ("internal", "password"), text, remedy)
    if sure("internal", "password") and internal.password:
        check_secret(internal.password, ("internal", "password"), faults, whose="the internal server", name="internal")
    if sure("internal", "fingerprint") and sure("internal", "security"):
        _check_fingerprint(internal.fingerprint, internal.security, ("internal", "fingerprint"), faults)
    lmtp = sure("internal", "protocol") and internal.protocol is SmtpProtocol.LMTP
    if lmtp and sure("internal", "port") and internal.port == SMTP_PORT:  # RFC 2033 section 5
        text = "Port 25 is for SMTP; LMTP is another protocol and never spoken there."
        remedy = 'Name the port where the server listens for LMTP, often `port = 24`, or use `protocol = "smtp"`.'
        faults.warning("W06", ("internal", "protocol"), text, remedy)
    clear = sure("internal", "security") and internal.security is SmtpSecurity.NONE
    if clear and sure("internal", "user") and internal.user and not is_loopback(internal.host):
        text = "The password for the internal server crosses the network in the clear."
        remedy = 'Use `security = "starttls"` or `security = "tls"` if the server has either.'
        faults.warning("W04", ("internal", "security"), text, remedy)


def _check_fingerprint(fingerprint: str, security: Security | SmtpSecurity, path: KeyPath, faults: Faults) -> None:
    if fingerprint and security in {Security.NONE, SmtpSecurity.NONE}:
        text = 'There is no certificate with `security = "none"`, so the fingerprint protects nothing.'
        remedy = 'Use `security = "tls"` or `security = "starttls"`, or remove `fingerprint`.'
        faults.error("P01", path, text, remedy)


def _check_api(config: Config, faults: Faults, sure: Sure) -> None:
    host = config.api.host
    if sure("api", "host") and not is_loopback(host):
        if (fault := host_fault(host)) is not None:
            faults.error("H02", ("api", "host"), *fault)
        else:
            text = (
                f"MailGate's own windows may only be reached from this machine, and {shown(host)} is wider than that."
            )
            remedy = (
                'Keep `host = "127.0.0.1"`. To reach them from elsewhere, put a reverse proxy with TLS in front, or use'
                " an SSH tunnel."
            )
            faults.error("H01", ("api", "host"), text, remedy)
    if sure("api", "allowed_hosts"):
        for number, name in enumerate(config.api.allowed_hosts):
            _check_host(name, ("api", "allowed_hosts", number), faults)
    if sure("api", "app_password") and config.api.app_password:
        check_secret(config.api.app_password, ("api", "app_password"), faults, whose="the app", name="app")


def _check_times(config: Config, faults: Faults, sure: Sure) -> None:
    fetch, store = config.fetch, config.store
    if sure("fetch", "settle_wait") and fetch.settle_wait >= POP3_IDLE_LIMIT:
        text = "A POP3 server may hang up after 10 minutes of silence, and then it deletes nothing."
        faults.error("F01", ("fetch", "settle_wait"), text, 'Wait less long, such as `settle_wait = "30s"`.')
    if sure("store", "keep_bodies") and sure("store", "keep_done") and store.keep_bodies > store.keep_done:
        text = "Bodies cannot be kept longer than the log entries that they belong to (`keep_done`)."
        faults.error("F01", ("store", "keep_bodies"), text, "Lower `keep_bodies`, or raise `keep_done`.")


def _check_notices(config: Config, faults: Faults, sure: Sure) -> None:
    for key, text in (("sender", config.notices.sender), ("administrator", config.notices.administrator)):
        if sure("notices", key) and text:
            read_address(text, ("notices", key), faults)


def _check_host(host: str, path: KeyPath, faults: Faults) -> None:
    if (fault := host_fault(host)) is not None:
        faults.error("H02", path, *fault)


def _check_domain(text: str, path: KeyPath, faults: Faults) -> None:
    try:
        parse_domain(text)
    except AddressError:
        bare = text.strip().rpartition("@")[2].removeprefix("*.")
        try:
            parse_domain(bare)
        except AddressError:
            remedy = "Write what stands after the @ in your mail addresses, such as `example.org`."
        else:
            remedy = f"Write the domain alone: `{bare}`."
        faults.error("D01", path, f"{shown(text)} is not a domain.", remedy)
