"""The `mailgate` command: one verb a function, over the client.

Exit codes: 0 all went well, 1 something failed, 2 the configuration has faults, 3 an engine runs already, 4 the data
directory or the store cannot be used, 64 the command line itself is wrong, 130 ended by Ctrl+C.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Group, MissingArgumentError, Parameter, UnusedCliTokensError

from mailgate import __version__
from mailgate.cli.helptext import HangingFormatter
from mailgate.cli.learning import add_learning_verbs
from mailgate.cli.mail import add_mail_verbs
from mailgate.cli.office import add_office_verbs
from mailgate.cli.offline import OfflineVerbs
from mailgate.cli.routing import add_routing_verbs
from mailgate.cli.schedule import add_schedule_verbs
from mailgate.cli.settings import add_settings_verbs
from mailgate.cli.tools import add_tool_verbs

USAGE: Final = 64  # EX_USAGE of sysexits.h: 2 means faults in the configuration

_HELP: Final = """\
MailGate, a mail gateway for small offices: it fetches from POP3 and IMAP
mailboxes, finds out who each message is for, and hands it to your own mail
server; what your server sends, it takes to the provider's relay.

To look around:  mailgate demo
To begin:        write mailgate.toml, then mailgate check, then mailgate run

Exit codes:
  0   all went well
  1   something failed
  2   the configuration has faults
  3   an engine runs already
  4   the data directory or the store cannot be used
  64  the command line itself is wrong
  130 ended by Ctrl+C"""


def build(verbs: OfflineVerbs) -> App:
    """Return the command with all its verbs."""
    app = App(
        name="mailgate",
        help=_HELP,
        version=__version__,
        help_format="plaintext",
        help_formatter=HangingFormatter(),
        default_parameter=Parameter(negative="", show_default=_shown_default),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )
    everyday = Group("Every day", sort_key=1)
    office = Group("Setting up and looking after it", sort_key=2)
    about = Group("About this command", sort_key=3)
    for flag in ("--help", "--version"):
        app[flag].group = about
    add_mail_verbs(app, everyday)
    add_schedule_verbs(app, everyday)
    add_office_verbs(app, office, verbs)
    add_routing_verbs(app, office)
    add_tool_verbs(app, office)
    add_learning_verbs(app, everyday)
    add_settings_verbs(app, office)
    return app


def main(verbs: OfflineVerbs, arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        result = build(verbs)(arguments)
        sys.stdout.flush()
    except CycloptsError as exc:
        verb = " ".join(("mailgate", *(exc.command_chain or ())))
        print(f"{verb}: {_what_is_wrong(exc)}\n`{verb} --help` lists what there is.", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Who reads has seen enough (`mailgate log | head`); without this the interpreter complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(result) if isinstance(result, int) else 0


def _shown_default(value: object) -> object:
    """Return what the help shows as default: nothing where it says nothing."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _what_is_wrong(exc: CycloptsError) -> str:
    if isinstance(exc, UnusedCliTokensError) and exc.unused_tokens:
        return f"too many words: {' '.join(exc.unused_tokens)}"
    if isinstance(exc, MissingArgumentError) and exc.argument is not None:
        return f"{exc.argument.name} is missing"
    return str(exc)
