"""Design tokens: colours, spacing, type. Screens name roles, never hex values.

Knows nothing of the library that draws: `material.py` hands the tokens to it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Space:
    """The spacing scale in logical pixels; nothing in between."""

    XS, S, M, L, XL, XXL = 4, 8, 12, 16, 24, 32


class Radius:
    """Corner radii in logical pixels."""

    CHIP, CONTROL, CARD = 6, 8, 12


class Face(StrEnum):
    """Type faces. Weight is a face of its own: the fonts are static."""

    BODY = "Roboto"
    MEDIUM = "Roboto Medium"
    SEMI = "Roboto Semi"
    MONO = "Roboto Mono"
    MONO_MEDIUM = "Roboto Mono Medium"


FALLBACK: Final = ["Roboto", "MailGate Emoji", "MailGate CJK", "MailGate Scripts"]
"""Where a glyph is looked for that the face lacks. Declared in `assets/assets/FontManifest.json`."""


class State(StrEnum):
    """Every state a thing can be in on the screens there are: a colour and an icon each, and a word beside them."""

    OK = "ok"
    ACTIVE = "active"
    WAITING = "waiting"
    NOTE = "note"
    PAUSED = "paused"
    RETRY = "retry"
    WARNING = "warning"
    PARKED = "parked"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Tone:
    """Ink and the fill that carries it."""

    ink: str
    fill: str


@dataclass(frozen=True, slots=True)
class Palette:
    """One set of colours, `#RRGGBB`, by role."""

    ground: str  # page
    panel: str  # cards
    sunken: str  # side bar, inset areas
    line: str  # hairlines and card borders
    edge: str  # borders of controls, 3:1 against panel
    ink: str
    ink2: str  # secondary text, still 4.5:1 on every ground
    brand: str
    on_brand: str
    brand_soft: str
    on_brand_soft: str
    inbound: str
    outbound: str
    term: str  # ground of the transfer windows
    term_ink: str
    term_dim: str
    tones: dict[State, Tone]


LIGHT: Final = Palette(
    ground="#F2F5F3",
    panel="#FFFFFF",
    sunken="#E8EEEB",
    line="#D8E0DC",
    edge="#7C8B85",
    ink="#14211D",
    ink2="#4E5E58",
    brand="#0B5D50",
    on_brand="#FFFFFF",
    brand_soft="#CFE6DF",
    on_brand_soft="#0A4A40",
    inbound="#14806F",
    outbound="#4C5FC4",
    term="#FAFBF9",
    term_ink="#1C2925",
    term_dim="#5A6963",
    tones={
        State.OK: Tone("#17653A", "#DFF2E5"),
        State.ACTIVE: Tone("#0A5F73", "#D9EFF5"),
        State.WAITING: Tone("#46544F", "#E6EBE8"),
        State.NOTE: Tone("#46544F", "#E6EBE8"),
        State.PAUSED: Tone("#5F4598", "#ECE6F7"),
        State.RETRY: Tone("#7A4B00", "#FBEBCF"),
        State.WARNING: Tone("#7A4B00", "#FBEBCF"),
        State.PARKED: Tone("#6A4A36", "#F3E7DE"),
        State.ERROR: Tone("#A1261D", "#FBE2DF"),
    },
)

DARK: Final = Palette(
    ground="#0F1614",
    panel="#17211E",
    sunken="#121B18",
    line="#2A3733",
    edge="#71837C",
    ink="#E6EEEA",
    ink2="#A3B3AC",
    brand="#6FD0BB",
    on_brand="#04302A",
    brand_soft="#1D4A41",
    on_brand_soft="#BFEBDF",
    inbound="#58C7B0",
    outbound="#9BA9F2",
    term="#101917",
    term_ink="#D6E2DD",
    term_dim="#8C9D96",
    tones={
        State.OK: Tone("#86D9A4", "#163626"),
        State.ACTIVE: Tone("#7CD0E6", "#10363F"),
        State.WAITING: Tone("#B9C7C1", "#26322E"),
        State.NOTE: Tone("#B9C7C1", "#26322E"),
        State.PAUSED: Tone("#C9B6F4", "#33284D"),
        State.RETRY: Tone("#F0C079", "#402E10"),
        State.WARNING: Tone("#F0C079", "#402E10"),
        State.PARKED: Tone("#E0BFA6", "#3B2C22"),
        State.ERROR: Tone("#FFA79E", "#4C1E1A"),
    },
)


KNEE: Final = 0.04045
"""Where the sRGB curve stops being a straight line (IEC 61966-2-1)."""


def _luminance(color: str) -> float:
    def channel(value: int) -> float:
        c = value / 255
        return c / 12.92 if c <= KNEE else ((c + 0.055) / 1.055) ** 2.4

    r, g, b = (channel(int(color[i : i + 2], 16)) for i in (1, 3, 5))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    """Return the WCAG 2 contrast ratio of two colours, 1 to 21."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def text_pairs(p: Palette) -> dict[str, tuple[str, str]]:
    """Return every pair of ink and ground that carries text, by name: each needs 4.5 to 1."""
    pairs = {f"{state} on its fill": (tone.ink, tone.fill) for state, tone in p.tones.items()}
    pairs |= {f"{state} on panel": (tone.ink, p.panel) for state, tone in p.tones.items()}
    pairs |= {f"{state} on term": (tone.ink, p.term) for state, tone in p.tones.items()}
    for name, ground in (("ground", p.ground), ("panel", p.panel), ("sunken", p.sunken)):
        inks = (("ink", p.ink), ("ink2", p.ink2), ("brand", p.brand))
        pairs |= {f"{ink_name} on {name}": (ink, ground) for ink_name, ink in inks}
    return pairs | {
        "on_brand on brand": (p.on_brand, p.brand),
        "on_brand_soft on brand_soft": (p.on_brand_soft, p.brand_soft),
        "ink2 on brand_soft": (p.ink2, p.brand_soft),
        "term_ink on term": (p.term_ink, p.term),
        "term_dim on term": (p.term_dim, p.term),
        "inbound on term": (p.inbound, p.term),
        "inbound on panel": (p.inbound, p.panel),
        "panel on ink": (p.panel, p.ink),
        "brand_soft on ink": (p.brand_soft, p.ink),
    }
