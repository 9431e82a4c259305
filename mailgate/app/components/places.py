"""The places of the app: what the navigation leads to."""

from dataclasses import dataclass
from typing import Final

import flet as ft

from mailgate.app.accounts import troubled
from mailgate.app.store import Picture


@dataclass(frozen=True, slots=True)
class Place:
    """A screen of the navigation: the key of its name, its address, and its icon, plain and when one is there."""

    key: str
    path: str
    icon: ft.IconData
    icon_here: ft.IconData


OVERVIEW: Final = Place("nav.overview", "/", ft.Icons.SPACE_DASHBOARD_OUTLINED, ft.Icons.SPACE_DASHBOARD)
UNROUTED: Final = Place("nav.unrouted", "/unrouted", ft.Icons.ALT_ROUTE, ft.Icons.ALT_ROUTE)
PARKED: Final = Place("nav.parked", "/parked", ft.Icons.INVENTORY_2_OUTLINED, ft.Icons.INVENTORY_2)
ACCOUNTS: Final = Place("nav.accounts", "/accounts", ft.Icons.MAIL_OUTLINE, ft.Icons.MAIL)
ROUTING: Final = Place("nav.routing", "/routing", ft.Icons.CALL_SPLIT, ft.Icons.CALL_SPLIT)
RECIPIENTS: Final = Place("nav.recipients", "/recipients", ft.Icons.PEOPLE_OUTLINE, ft.Icons.PEOPLE)
MORE: Final = Place("nav.more", "/more", ft.Icons.MORE_HORIZ, ft.Icons.MORE_HORIZ)

WATCH: Final = (
    OVERVIEW,
    Place("nav.live", "/live", ft.Icons.SWAP_VERT, ft.Icons.SWAP_VERT),
    Place("nav.queue", "/queue", ft.Icons.OUTBOX_OUTLINED, ft.Icons.OUTBOX),
    UNROUTED,
    PARKED,
)
SET_UP: Final = (ACCOUNTS, RECIPIENTS, ROUTING)
GROUPS: Final = (("nav.watch", WATCH), ("nav.setup", SET_UP))
PLACES: Final = (*WATCH, *SET_UP)
"""All places, in the order of their shortcuts."""

BOTTOM: Final = (OVERVIEW, UNROUTED, PARKED, ACCOUNTS, MORE)
"""Those of the bottom bar of a phone; the others stand under More."""


def place_of(location: str) -> Place:
    """Return the place at an address, query and all; the overview when there is none."""
    path = location.partition("?")[0]
    return next((place for place in (*PLACES, MORE) if place is not OVERVIEW and path.startswith(place.path)), OVERVIEW)


def count_of(picture: Picture, place: Place) -> int:
    """Return how many things wait for the reader at a place."""
    if picture.status is None:
        return 0
    counts = picture.status.counts
    match place.key:
        case "nav.unrouted":
            return counts.unrouted
        case "nav.parked":
            return counts.parked - counts.unrouted  # the unrouted are parked too
        case "nav.accounts":
            return sum(map(troubled, picture.status.accounts))
        case _:
            return 0
