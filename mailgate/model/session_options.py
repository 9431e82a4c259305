"""Settings of one account's sessions that stand in place of those for all."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

SessionMessages = Annotated[
    int,
    Meta(ge=1, le=1_000_000, description="messages after which a session logs in anew; by default that of `[fetch]`"),
]
SessionSize = Annotated[
    int,
    Meta(
        ge=1,
        extra={"octets": True},
        description="octets after which a session logs in anew; by default that of `[fetch]`",
    ),
]
Timeout = Annotated[
    timedelta,
    Meta(description="limit for silence of the server during a session; by default that of `[fetch]`"),
]
