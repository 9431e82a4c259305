"""Settings of the search for servers by an address."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverySettings:
    """How servers are found for an address that somebody types."""

    ispdb_url: Annotated[
        str,
        Meta(
            pattern=r"^(?:https://[!-~]+)?\Z",
            extra={"form": "an address that begins with `https://`, or nothing"},
            examples=["https://autoconfig.thunderbird.net/v1.1/"],
            description="directory of providers that is asked, too; it learns the domain, not the address; empty: nobody is asked",
        ),
    ] = "https://autoconfig.thunderbird.net/v1.1/"
