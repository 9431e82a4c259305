"""Messages that MailGate writes: who they are from, how many there may be, and how sizes and times are said in them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from mailgate.model.address import Address
from mailgate.model.notices import Language, NoticeKind, NoticeSettings
from mailgate.model.settings import Config
from mailgate.policy.recipients import lenient_address

HOUR: Final = timedelta(hours=1)
_NOT_BRAKED: Final = frozenset(
    {
        NoticeKind.TEST,  # a person waits for it
        NoticeKind.REMOVED,  # a person has asked for it
        NoticeKind.DSN_RELAYED,  # the sender has asked for it, and there is no later
    }
)
_K: Final = 1000
_UNITS: Final[dict[Language, tuple[str, ...]]] = {
    "de": ("Byte", "KB", "MB", "GB"),
    "en": ("bytes", "KB", "MB", "GB"),
    "fr": ("octets", "Ko", "Mo", "Go"),
}
_MOMENT: Final[dict[Language, str]] = {
    "de": "%d.%m.%Y, %H:%M Uhr",
    "en": "%Y-%m-%d %H:%M",
    "fr": "%d/%m/%Y à %H:%M",
}


def may_write(kind: NoticeKind, written: Sequence[datetime], now: datetime, per_hour: int) -> bool:
    """Return whether one more may be written: the brake against storms. `written` are the times of those before."""
    return not is_braked(kind) or sum(now - HOUR < at <= now for at in written) < per_hour


def is_braked(kind: NoticeKind) -> bool:
    """Return whether messages of this kind are counted, and held when there are too many."""
    return kind not in _NOT_BRAKED


def author(settings: NoticeSettings, domain: str) -> Address:
    """Return the address in From: the one that is set, else the postmaster of the office's `domain` (RFC 5321 4.5.1)."""
    return lenient_address(settings.sender) or Address("postmaster", domain)


def office_domain(config: Config) -> str:
    """Return the domain that messages to the outside are from: that of the first recipient."""
    addresses = (lenient_address(one.address) for one in config.recipients)
    return next((one.domain for one in addresses if one), "localhost.invalid")


def size_text(octets: int, language: Language) -> str:
    """Return a size for people, such as `12.3 MB`, in thousands."""
    units = _UNITS[language]
    size, unit = float(octets), 0
    while size >= _K and unit < len(units) - 1:
        size, unit = size / _K, unit + 1
    text = f"{size:.1f}" if unit else str(octets)
    return f"{text if language == 'en' else text.replace('.', ',')} {units[unit]}"


def moment_text(at: datetime, language: Language) -> str:
    """Return a time for people, in the time zone that it is in."""
    return at.strftime(_MOMENT[language])
