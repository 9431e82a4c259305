"""The roots of all shapes, for `v1` and for the modules that it takes its larger themes from."""

import msgspec


class Shape(msgspec.Struct, rename="camel"):
    """The root of what the API says."""


class Wish(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The root of what a client asks: an unknown field is an error, not a silent wish."""
