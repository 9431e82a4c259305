"""MailGate: a mail gateway for small offices.

It fetches mail from POP3 mailboxes at a provider, finds out for whom each message is, and hands it by SMTP to the
office's own mail server. Start reading at `docs/flow.md`, then `mailgate/service/run.py`, where everything is wired.
"""

from typing import Final

__version__: Final = "0.1.0"
