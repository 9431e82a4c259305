import dataclasses

import pytest

from mailgate.app.material import STATE_ICON, material
from mailgate.app.theme import DARK, FALLBACK, LIGHT, Palette, State, contrast, text_pairs

BOTH = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


@BOTH
def test_every_text_can_be_read_on_its_ground(palette: Palette) -> None:
    ratios = {name: contrast(*pair) for name, pair in text_pairs(palette).items()}
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


@BOTH
def test_the_borders_of_controls_can_be_seen(palette: Palette) -> None:
    assert contrast(palette.edge, palette.panel) >= 3
    assert contrast(palette.brand, palette.panel) >= 3


@BOTH
def test_every_state_has_a_tone_and_an_icon(palette: Palette) -> None:
    assert set(palette.tones) == set(State) == set(STATE_ICON)


@BOTH
def test_every_text_style_of_the_theme_has_a_colour_and_a_fallback(palette: Palette) -> None:
    text_theme = material(palette).text_theme
    assert text_theme is not None
    styles = [getattr(text_theme, field.name) for field in dataclasses.fields(text_theme)]
    assert len(styles) == 15
    assert all(style.color == palette.ink and style.font_family_fallback == FALLBACK for style in styles)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert contrast("#FFFFFF", "#FFFFFF") == 1
