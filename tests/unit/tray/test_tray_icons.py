from itertools import combinations

import pytest
from PIL import Image, ImageChops

from mailgate.tray.icons import SIZE, draw
from mailgate.tray.model import IconState

SHOWN = 32  # what most panels make of it
PICTURES = [(state, 0) for state in IconState] + [(IconState.WORKING, 1)]
PAIRS = list(combinations(PICTURES, 2))


def silhouette(picture: tuple[IconState, int], ground: str) -> Image.Image:
    """The picture at its shown size on a panel of one colour, in black and white."""
    panel = Image.new("RGBA", (SIZE, SIZE), ground)
    panel.alpha_composite(draw(*picture))
    return panel.resize((SHOWN, SHOWN), Image.Resampling.BOX).convert("L").point(lambda grey: 255 if grey > 96 else 0)


@pytest.mark.parametrize("ground", ["black", "white"])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_each_picture_is_known_by_its_shape_alone(
    one: tuple[IconState, int], other: tuple[IconState, int], ground: str
) -> None:
    differs = ImageChops.difference(silhouette(one, ground), silhouette(other, ground))
    pixels = differs.histogram()[255]
    assert pixels >= SHOWN * SHOWN // 25


@pytest.mark.parametrize(("state", "frame"), PICTURES)
def test_a_picture_is_square_has_clear_corners_and_some_ink(state: IconState, frame: int) -> None:
    picture = draw(state, frame)
    assert (picture.mode, picture.size) == ("RGBA", (SIZE, SIZE))
    assert [picture.getpixel((x, y)) for x in (0, SIZE - 1) for y in (0, SIZE - 1)] == [(0, 0, 0, 0)] * 4
    assert picture.getchannel("A").getextrema() == (0, 255)


def test_only_a_working_engine_has_a_second_frame() -> None:
    for state in IconState:
        same = draw(state, 0).tobytes() == draw(state, 1).tobytes()
        assert same is (state is not IconState.WORKING)
