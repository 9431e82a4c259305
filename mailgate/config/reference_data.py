"""The reference pages of what is shipped as data: providers, and kinds of internal servers."""

from collections.abc import Sequence
from typing import Final

from mailgate.config.kinds import server_kinds
from mailgate.config.presets import shipped_presets
from mailgate.config.templates import shipped_templates
from mailgate.model.kinds import Hint
from mailgate.model.notices import ALLOWED, PLACEHOLDERS, NoticeKind
from mailgate.model.presets import Preset, PresetServer, SenderPolicy
from mailgate.model.settings import Security

_PROVIDERS: Final = """\
# Providers that MailGate knows

<!-- Made from mailgate/config/presets.toml by `python3 run.py docs`. Do not edit. -->

`mailgate discover ADDRESS` finds these without a network, by the address or by the host that takes the domain's mail. S
is TLS from the first octet, T is STARTTLS. The login name is the whole address, or the part before the @ where it says
local. A file `presets.toml` of the same form in the data directory comes before what is shipped: a preset with the same
`id` takes the place of ours.

| provider | addresses | POP3 | IMAP | SMTP | login name | secret | a session at most every |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

_ODDITIES: Final = """
## What is odd about them

"""

_RECENT: Final = """
## Mail that another program has fetched

Gmail hands each message to one POP3 program alone. With `recent:` before the login name a session shows all mail of the
last 30 days, whoever has fetched it; MailGate knows what it has by the name that Gmail gives each message, and leaves
it. Nothing is deleted then, so that the others still find it:

```toml
[[accounts]]
name = "info"
host = "pop.gmail.com"
user = "recent:info@example.org"
password = "keyring:info"
delete = "never"
until_empty = true
own_domains = ["example.org"]
```

`mailgate account add info host=pop.gmail.com user=recent:info@example.org delete=never --password` does the same. A session less than once in 30 days would miss mail; by
IMAP there is no such limit.
"""

_KINDS: Final = """\
# Internal servers: what to set there

<!-- Made from mailgate/config/internal_kinds.toml by `python3 run.py docs`. Do not edit. -->

`%{gateway}` is the address of the machine that MailGate runs on, `%{domain}` the office's domain. `mailgate internal
kinds KIND` shows the same, `mailgate internal test` finds out which kind a server is. Hints about mail that leaves the
office are for the day when MailGate carries that, too.
"""

_MARK: Final = {Security.TLS: "S", Security.STARTTLS: "T", Security.NONE: "in the clear"}


_NOTICES: Final = """\
# Messages that MailGate writes

<!-- Made from mailgate/model/notices.py and mailgate/config/notices by `python3 run.py docs`. Do not edit. -->

Each kind has a template in German, English and French; `notices.language` says which is used. To change one, put a file
of your own under `templates/LANGUAGE/KIND.txt` in the data directory, such as `templates/de/oversize.txt`: a line
`Subject: ...`, an empty line, and the text, a paragraph a line, in UTF-8. `mailgate check` tells what is wrong with it,
`mailgate reload` puts it in force. MailGate writes all other fields of the header itself, and these messages are plain
text: no server and no mail program objects to that.

`may-not-send` is no message but what is answered at RCPT, with 550 5.7.1, to somebody whom `outbound.may_send` does not let
send outside; the internal server tells it to its user. Its template is the text alone, without a subject, of at most
400 characters. By SMTP an answer is ASCII: umlauts are spelt out, accents left off.

All have an empty envelope sender and `Auto-Submitted` (RFC 3834), go by the queue to the internal server, and are never
written about one another.

| kind | what may stand in it |
| --- | --- |
"""

_NAMES: Final = """
| placeholder | what stands in its place |
| --- | --- |
"""


def notices_page() -> str:
    """Return `docs/reference/notices.md`."""
    kinds = "".join(
        f"| `{kind}` | {', '.join(f'`%{{{name}}}`' for name in sorted(ALLOWED[kind]))} |\n" for kind in NoticeKind
    )
    names = "".join(f"| `%{{{name}}}` | {meaning} |\n" for name, meaning in PLACEHOLDERS.items())
    ours = ""
    for kind in NoticeKind:
        template = shipped_templates()["en", kind]
        subject = f"Subject: {template.subject}\n\n" if template.subject else ""
        ours += f"\n## {kind}\n\n```\n{subject}{template.text}```\n"
    return _NOTICES + kinds + _NAMES + names + ours


def providers_page() -> str:
    """Return `docs/reference/providers.md`."""
    known = shipped_presets()
    rows = "".join(map(_row, known.presets))
    odd = "".join(
        f"- **{one.title}:** {' '.join(texts)}\n"
        for one in known.presets
        if (texts := [*(known.notes[key]["en"] for key in one.notes), *_facts(one)])
    )
    return _PROVIDERS + rows + _ODDITIES + odd + _RECENT


def _row(one: Preset) -> str:
    cells = (
        f"[{one.title}]({one.help})" if one.help else one.title,
        ", ".join(one.domains),
        _servers(one.pop3),
        _servers(one.imap),
        _servers(one.smtp),
        _login(one),
        " or ".join(one.auth),
        f"{one.poll_floor_s} s" if one.poll_floor_s else "",
    )
    return "| " + " | ".join(cells) + " |\n"


def _login(one: Preset) -> str:
    special = {server.user for server in (*one.pop3, *one.imap) if server.user}
    return f"{one.user.value} ({', '.join(special)} for fetching)" if special else one.user.value


def _servers(servers: Sequence[PresetServer]) -> str:
    hosts = dict.fromkeys(one.host for one in servers)
    return "<br>".join(
        f"{host} {' / '.join(f'{one.port} {_MARK[one.security]}' for one in servers if one.host == host)}"
        for host in hosts
    )


def _facts(one: Preset) -> list[str]:
    facts = []
    if one.envelope_header:
        facts.append(f"`{one.envelope_header}` may tell who a message is for.")
    if one.sender_policy is not SenderPolicy.UNKNOWN:
        facts.append(f"Sending: sender policy `{one.sender_policy.value}`.")
    if one.size_limit_octets:
        facts.append(f"Messages have {one.size_limit_octets // 2**20} MiB at most.")
    if one.daily_cap:
        facts.append(f"{one.daily_cap:,} recipients a day.")
    return facts


def kinds_page() -> str:
    """Return `docs/reference/internal-servers.md`."""
    known = server_kinds()
    parts = [_KINDS]
    for one in known.kinds:
        parts.append(f'\n## {one.title}\n\n`kind = "{one.id.value}"`, port {one.port}, {one.protocol.value}.\n')
        parts += map(_hint, one.hints)
    parts += ["\n## Every server\n", *map(_hint, known.hints)]
    return "".join(parts)


def _hint(one: Hint) -> str:
    commands = "\n".join(one.commands)
    block = f"\n```text\n{commands}\n```\n" if commands else ""
    return f"\n**{one.title.en}** ({one.about.value}). {one.text.en}\n{block}"
