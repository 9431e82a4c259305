"""Settings of messages that are too large to be fetched."""

from typing import Annotated

from msgspec import Meta

MaxMessageSize = Annotated[
    int,
    Meta(
        ge=0, extra={"octets": True}, description="larger messages stay at the provider; by default that of `[fetch]`"
    ),
]
Night = Annotated[
    str,
    Meta(
        examples=["03:30"],
        pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z",
        extra={"form": "an hour and a minute, such as `02:00`"},
        description="when messages are fetched that are too large and were put off until tonight",
    ),
]
