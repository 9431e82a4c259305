"""Small configurations to change one thing in."""

from typing import Final

from mailgate.config.faults import Fault
from mailgate.config.load import loads
from mailgate.model.settings import Account, Config, InternalServer, Mailbox

MINIMAL: Final = """\
[internal]
host = "192.168.1.10"

[[accounts]]
name = "office"
host = "pop.example.org"
user = "info@example.org"
password = "keyring:office"

[[recipients]]
address = "anna@example.org"
"""


def minimal() -> Config:
    """Return what MINIMAL means."""
    return Config(
        internal=InternalServer(host="192.168.1.10"),
        accounts=(Account(name="office", host="pop.example.org", user="info@example.org", password="keyring:office"),),
        recipients=(Mailbox(address="anna@example.org"),),
    )


def codes(text: str) -> list[str]:
    """Return the codes of the faults in `text`, in their order."""
    return [fault.code for fault in loads(text, name="mailgate.toml").faults]


def only_fault(text: str) -> Fault:
    """Return the one fault in `text`."""
    [fault] = loads(text, name="mailgate.toml").faults
    return fault


def with_account(line: str) -> str:
    """Return MINIMAL with one more line in the account."""
    return MINIMAL.replace('password = "keyring:office"\n', f'password = "keyring:office"\n{line}\n')


def with_internal(line: str) -> str:
    """Return MINIMAL with one more line in the internal server."""
    return MINIMAL.replace('host = "192.168.1.10"\n', f'host = "192.168.1.10"\n{line}\n')


def with_section(text: str) -> str:
    """Return MINIMAL with a section after it."""
    return f"{MINIMAL}\n{text}\n"
