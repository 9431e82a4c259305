"""The pictures of the icon, drawn at 64 pixels and shown at about 32.

Each state has a shape of its own, so that it is known without its colour: on a monochrome panel, and to colour-blind
eyes. The colours are the app's (light palette, which stands on light and dark panels alike).
"""

from functools import cache
from typing import Final

from PIL import Image, ImageDraw

from mailgate.tray.model import IconState

SIZE: Final = 64
_SCALE: Final = 8  # drawn larger and made smaller: Pillow draws without anti-aliasing

BRAND: Final = "#0B5D50"
ON_BRAND: Final = "#FFFFFF"
UNLIT: Final = "#14806F"  # the arrow that is not lit, close to its ground
AMBER: Final = "#F0C079"
RED: Final = "#A1261D"
GREY: Final = "#4E5E58"
EDGE: Final = "#7C8B85"

_CLEAR: Final = (0, 0, 0, 0)

Point = tuple[float, float]


@cache
def draw(state: IconState, frame: int = 0) -> Image.Image:
    """Return the picture of a state, RGBA, `SIZE` pixels square; `frame` (0 or 1) matters to a working engine alone."""
    side = SIZE * _SCALE
    image = Image.new("RGBA", (side, side), _CLEAR)
    pen = ImageDraw.Draw(image)
    match state:
        case IconState.IDLE:
            _square(pen, BRAND)
            _arrows(pen, ON_BRAND, ON_BRAND)
        case IconState.WORKING:
            _square(pen, BRAND)
            _arrows(pen, *((UNLIT, ON_BRAND) if frame else (ON_BRAND, UNLIT)))
        case IconState.ATTENTION:
            _square(pen, BRAND)
            _arrows(pen, ON_BRAND, ON_BRAND)
            _disc(pen, (51, 51), 17, _CLEAR)  # a gap around the dot, so that its outline shows in one colour too
            _disc(pen, (51, 51), 12, AMBER)
        case IconState.ERROR:
            _square(pen, RED)
            _line(pen, (19, 19), (45, 45), ON_BRAND, 9)
            _line(pen, (45, 19), (19, 45), ON_BRAND, 9)
        case IconState.PAUSED:
            _square(pen, GREY)
            _box(pen, (19, 17, 28, 47), 2, fill=ON_BRAND)
            _box(pen, (36, 17, 45, 47), 2, fill=ON_BRAND)
        case IconState.DISCONNECTED:
            _box(pen, (4, 4, 60, 60), 12, outline=EDGE, width=6)
    return image.resize((SIZE, SIZE), Image.Resampling.BOX)


def _square(pen: ImageDraw.ImageDraw, colour: str) -> None:
    _box(pen, (2, 2, 62, 62), 13, fill=colour)


def _arrows(pen: ImageDraw.ImageDraw, inbound: str, outbound: str) -> None:
    """Draw the mark of the product: mail comes in from the upper left side of the gate and leaves on its other side."""
    _arrow(pen, (38, 11), (12, 37), inbound)
    _arrow(pen, (26, 53), (52, 27), outbound)


def _arrow(pen: ImageDraw.ImageDraw, tail: Point, tip: Point, colour: str) -> None:
    """Draw a diagonal arrow; its head is two lines, along the axes."""
    width, head = 6, 13
    _line(pen, tail, tip, colour, width)
    right, down = (1 if tail[0] > tip[0] else -1), (1 if tail[1] > tip[1] else -1)
    _line(pen, tip, (tip[0] + right * head, tip[1]), colour, width)
    _line(pen, tip, (tip[0], tip[1] + down * head), colour, width)


def _line(pen: ImageDraw.ImageDraw, start: Point, end: Point, colour: str, width: float) -> None:
    pen.line([_up(start), _up(end)], fill=colour, width=round(width * _SCALE))
    for point in (start, end):
        _disc(pen, point, width / 2, colour)


def _disc(pen: ImageDraw.ImageDraw, middle: Point, radius: float, colour: str | tuple[int, int, int, int]) -> None:
    x, y = middle
    pen.ellipse([_up((x - radius, y - radius)), _up((x + radius, y + radius))], fill=colour)


def _box(
    pen: ImageDraw.ImageDraw,
    corners: tuple[float, float, float, float],
    radius: float,
    *,
    fill: str | None = None,
    outline: str | None = None,
    width: int = 1,
) -> None:
    left, top, right, bottom = corners
    pen.rounded_rectangle(
        [_up((left, top)), _up((right, bottom))],
        radius=radius * _SCALE,
        fill=fill,
        outline=outline,
        width=width * _SCALE,
    )


def _up(point: Point) -> Point:
    return point[0] * _SCALE, point[1] * _SCALE
