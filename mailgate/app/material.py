"""The tokens of `theme.py` for Material widgets: dialogs, fields, buttons, snack bars."""

from typing import Final

import flet as ft

from mailgate.app.theme import FALLBACK, Face, Palette, Radius, State

STATE_ICON: Final[dict[State, ft.IconData]] = {
    State.OK: ft.Icons.CHECK_CIRCLE_OUTLINE,
    State.ACTIVE: ft.Icons.SYNC,
    State.WAITING: ft.Icons.SCHEDULE,
    State.PAUSED: ft.Icons.PAUSE_CIRCLE_OUTLINE,
    State.RETRY: ft.Icons.REPLAY,
    State.WARNING: ft.Icons.WARNING_AMBER,
    State.NOTE: ft.Icons.INFO_OUTLINE,
    State.PARKED: ft.Icons.LOCAL_PARKING,
    State.ERROR: ft.Icons.ERROR_OUTLINE,
}


def style(size: float, face: Face = Face.BODY, color: str | None = None, height: float | None = None) -> ft.TextStyle:
    """Return a text style with the fallback chain, which every style with a family of its own needs again."""
    return ft.TextStyle(
        size=size,
        font_family=face,
        font_family_fallback=FALLBACK,
        color=color,
        height=height,
        weight=ft.FontWeight.NORMAL,
        letter_spacing=0,
    )


def _text_theme(p: Palette) -> ft.TextTheme:
    # Each with a colour: a style without one is black in some widgets, in dark too.
    return ft.TextTheme(
        display_large=style(40, Face.SEMI, p.ink),
        display_medium=style(34, Face.SEMI, p.ink),
        display_small=style(28, Face.SEMI, p.ink),
        headline_large=style(26, Face.SEMI, p.ink),
        headline_medium=style(24, Face.SEMI, p.ink),
        headline_small=style(20, Face.SEMI, p.ink),
        title_large=style(20, Face.SEMI, p.ink),
        title_medium=style(16, Face.MEDIUM, p.ink),
        title_small=style(14, Face.MEDIUM, p.ink),
        body_large=style(15, color=p.ink),
        body_medium=style(14, color=p.ink),
        body_small=style(12.5, color=p.ink),
        label_large=style(14, Face.MEDIUM, p.ink),
        label_medium=style(12.5, Face.MEDIUM, p.ink),
        label_small=style(11.5, Face.MEDIUM, p.ink),
    )


def _colours(p: Palette) -> ft.ColorScheme:
    error = p.tones[State.ERROR]
    return ft.ColorScheme(
        primary=p.brand,
        on_primary=p.on_brand,
        primary_container=p.brand_soft,
        on_primary_container=p.on_brand_soft,
        secondary=p.outbound,
        on_secondary=p.on_brand,
        secondary_container=p.brand_soft,
        on_secondary_container=p.on_brand_soft,
        tertiary=p.inbound,
        on_tertiary=p.on_brand,
        error=error.ink,
        on_error=p.panel,
        error_container=error.fill,
        on_error_container=error.ink,
        surface=p.panel,
        on_surface=p.ink,
        on_surface_variant=p.ink2,
        surface_container_lowest=p.panel,
        surface_container_low=p.panel,
        surface_container=p.sunken,
        surface_container_high=p.panel,
        surface_container_highest=p.sunken,
        outline=p.edge,
        outline_variant=p.line,
        inverse_surface=p.ink,
        on_inverse_surface=p.panel,
        inverse_primary=p.brand_soft,
        surface_tint=p.panel,
        scrim="#000000",
    )


def material(p: Palette) -> ft.Theme:
    """Return the Material theme of a palette."""
    corner = ft.RoundedRectangleBorder(radius=Radius.CONTROL)
    pad = ft.Padding.symmetric(horizontal=16, vertical=12)
    label = style(14, Face.MEDIUM)
    return ft.Theme(
        font_family=Face.BODY,
        text_theme=_text_theme(p),
        scaffold_bgcolor=p.ground,
        color_scheme=_colours(p),
        filled_button_theme=ft.FilledButtonTheme(style=ft.ButtonStyle(shape=corner, padding=pad, text_style=label)),
        outlined_button_theme=ft.OutlinedButtonTheme(
            style=ft.ButtonStyle(shape=corner, padding=pad, text_style=label, side=ft.BorderSide(1, p.edge))
        ),
        text_button_theme=ft.TextButtonTheme(
            style=ft.ButtonStyle(
                shape=corner, padding=ft.Padding.symmetric(horizontal=12, vertical=10), text_style=label
            )
        ),
        dialog_theme=ft.DialogTheme(bgcolor=p.panel, shape=ft.RoundedRectangleBorder(radius=Radius.CARD)),
        divider_theme=ft.DividerTheme(color=p.line, thickness=1, space=1),
        navigation_bar_theme=ft.NavigationBarTheme(label_text_style=style(11, Face.MEDIUM, p.ink)),
        tooltip_theme=ft.TooltipTheme(wait_duration=400),
        visual_density=ft.VisualDensity.STANDARD,  # else the web on a desktop shrinks every button by 8 px
    )
