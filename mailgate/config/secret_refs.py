"""References to secrets, checked: a password that stands in the file, a reference without a name."""

from mailgate.config.faults import Faults, KeyPath
from mailgate.model.settings import PLAIN_SECRET_PREFIXES


def check_secret(reference: str, path: KeyPath, faults: Faults, *, whose: str, name: str) -> None:
    """Tell of a secret in the file, and of a reference without a name. The text never repeats the value."""
    key = path[-1]
    move = f'Run `mailgate secrets set keyring:{name}`, then write `{key} = "keyring:{name}"` here.'
    if not reference:
        faults.error("S02", path, f"The password of {whose} is empty.", move)
    elif not reference.startswith(PLAIN_SECRET_PREFIXES):
        text = (
            f"The password of {whose} stands in this file in the clear: anyone who reads the file or a backup has it."
        )
        faults.error("S01", path, text, move)
    elif not reference.partition(":")[2].strip():
        prefixes = ", ".join(f"`{prefix}`" for prefix in PLAIN_SECRET_PREFIXES)
        text = f"After {prefixes} there must be a name, and it is missing."
        faults.error("S02", path, text, move)
