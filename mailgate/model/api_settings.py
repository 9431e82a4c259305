"""Settings of the engine's API and of the app in the browser."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

SecretRef = Annotated[str, Meta(extra={"secret": True})]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """The engine's API and the app in the browser."""

    host: Annotated[str, Meta(min_length=1, examples=["127.0.0.1"], description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, examples=[8080], description="port; 0 takes a free one")] = 8643
    app: Annotated[bool, Meta(description="whether the app is served at /ui")] = True
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(examples=["mailgate.example.org"], description="further names by which the API may be addressed"),
    ] = ()
    app_password: Annotated[
        SecretRef,
        Meta(examples=["keyring:app"], description="reference to the password for the app; empty: codes only"),
    ] = ""
    silent_removal: Annotated[
        bool,
        Meta(
            description="whether mail may be removed from the queue with nobody told; switched on in this file by hand alone"
        ),
    ] = False
