"""Cross-checks of how an account's mail is fetched: what only IMAP knows, and folders that are in each other's way."""

from typing import Final

from mailgate.config.faults import Faults, KeyPath
from mailgate.config.sureness import Sure
from mailgate.config.wording import shown
from mailgate.model.imap_options import MailProtocol, ProviderCopy
from mailgate.model.presets import RECENT
from mailgate.model.settings import Account, AuthMethod, Config, DeletePolicy

_IMAP_ALONE: Final = {"folders": ("INBOX",), "after": ProviderCopy.DELETE, "move_to": ""}
"""Settings that POP3 has no use for, as they are by default."""


def check_protocols(config: Config, faults: Faults, sure: Sure) -> None:
    """Tell `faults` what the protocol of an account cannot do, and which folders cannot be meant."""
    for index, account in enumerate(config.accounts):
        at: KeyPath = ("accounts", index)
        if not sure(*at, "protocol"):
            continue
        if account.protocol is MailProtocol.POP3:
            _check_pop3(account, at, faults, sure)
        else:
            _check_imap(account, at, faults, sure)


def _check_pop3(account: Account, at: KeyPath, faults: Faults, sure: Sure) -> None:
    deletes = account.delete is not DeletePolicy.NEVER or account.delete_after
    if account.user.startswith(RECENT) and deletes and sure(*at, "user") and sure(*at, "delete"):
        text = f"With `{RECENT}` before the login name Gmail shows mail that others fetch too, and this account deletes it."
        faults.warning("W25", (*at, "user"), text, 'Set `delete = "never"`, and no `delete_after`.')
    for name, default in _IMAP_ALONE.items():
        if sure(*at, name) and getattr(account, name) != default:
            text = f"`{name}` is for IMAP, and this account is fetched by POP3, which has no folders and no flags."
            faults.error("M01", (*at, name), text, 'Set `protocol = "imap"`, or remove the line.')


def _check_imap(account: Account, at: KeyPath, faults: Faults, sure: Sure) -> None:
    if sure(*at, "user") and account.user.startswith(RECENT):
        text = f"`{RECENT}` before a login name is for POP3, and this account is fetched by IMAP, which shows all mail."
        faults.error("M07", (*at, "user"), text, f"Take `{RECENT}` away.")
    if sure(*at, "auth") and account.auth is AuthMethod.APOP:
        text = "IMAP has no login by APOP."
        faults.error("M02", (*at, "auth"), text, "Set `auth` to `auto`.")
    names = [_same(one) for one in account.folders]
    if sure(*at, "folders"):
        for number, one in enumerate(account.folders):
            if not one.strip() or not one.isprintable():
                text = f"{shown(one)} cannot be the name of a folder."
                faults.error("M03", (*at, "folders", number), text, "Write the name as the provider shows it.")
            elif names.index(_same(one)) != number:
                text = f"The folder {shown(one)} stands here twice."
                faults.error("M04", (*at, "folders", number), text, "Remove one of the two.")
    if not (sure(*at, "after") and sure(*at, "move_to")):
        return
    if account.after is ProviderCopy.MOVE and not account.move_to:
        text = 'With `after = "move"` nothing says to which folder.'
        faults.error("M05", (*at, "after"), text, 'Name one, such as `move_to = "Fetched"`.')
    if account.after is ProviderCopy.MOVE and sure(*at, "folders") and _same(account.move_to) in names:
        text = f"Mail would be moved to {shown(account.move_to)}, from where it is fetched again."
        faults.error("M06", (*at, "move_to"), text, "Name a folder that is not in `folders`.")


def _same(folder: str) -> str:
    """Return a folder's name for comparing: INBOX alone is written in any case (RFC 3501 section 5.1)."""
    return "INBOX" if folder.upper() == "INBOX" else folder
