"""Lists of addresses as people write them: `anna@example.org`, `@example.org`, or either with `*` and `?`."""

from collections.abc import Iterable

from mailgate.model.address import Address, parse_domain
from mailgate.model.errors import AddressError
from mailgate.model.masks import is_mask, one_of


class AddressPatterns:
    """Addresses, domains and patterns. Costs the same for any number of plain ones."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._addresses: set[str] = set()
        self._domains: set[str] = set()
        wild: list[str] = []
        for pattern in patterns:
            text = pattern.strip().casefold()
            if is_mask(text):
                wild.append(text if "@" in text else f"*@{text}")
                continue
            local, at, domain = text.rpartition("@")
            (self._addresses if at and local else self._domains).add(f"{local}{at if local else ''}{_domain(domain)}")
        self._wild = one_of(wild) if wild else None

    def __bool__(self) -> bool:
        return bool(self._addresses or self._domains or self._wild)

    def __contains__(self, address: Address) -> bool:
        """Return whether one of them is, or covers, the address."""
        key = address.key
        if key in self._addresses or address.domain in self._domains:
            return True
        return self._wild is not None and self._wild.fullmatch(key) is not None


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressError:
        return text  # matches nothing; `config` tells of it
