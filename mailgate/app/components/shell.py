"""The frame around every screen: side bar, rail or bottom bar, by window class."""

import flet as ft

from mailgate.app.answers import service_state
from mailgate.app.components.base import (
    chip,
    dim,
    icon_button,
    one_line,
    pressable,
    text,
)
from mailgate.app.components.dialogs import BOTTOM_BAR_PX, shortcuts
from mailgate.app.components.fetch import fetch_box, fetch_icon, progress_bar, progress_words
from mailgate.app.components.places import BOTTOM, GROUPS, MORE, PLACES, Place, count_of, place_of
from mailgate.app.material import STATE_ICON
from mailgate.app.session import Ui, Width, go, use_picture, use_ui
from mailgate.app.store import Picture
from mailgate.app.theme import Face, Radius, Space, State
from mailgate.app.words import LANGS, NAMES, Lang, knows


def logo(ui: Ui, size: int = 34) -> ft.Control:
    """Return the mark: a gate that mail passes both ways."""
    return ft.Container(
        ft.Icon(ft.Icons.SWAP_HORIZ, size=size * 0.62, color=ui.p.on_brand),
        width=size,
        height=size,
        bgcolor=ui.p.brand,
        border_radius=Radius.CONTROL,
        alignment=ft.Alignment.CENTER,
    )


def _switches(ui: Ui) -> list[ft.Control]:
    """Return the switches of colours and language."""
    prefs = ui.reader.prefs

    def flip_colours(_: object) -> None:
        prefs.dark = not prefs.dark
        ui.reader.remember("colours", "dark" if prefs.dark else "light")

    def speak(lang: Lang) -> None:
        prefs.lang = lang
        ui.reader.remember("language", lang)

    def item(lang: Lang) -> ft.PopupMenuItem:
        return ft.PopupMenuItem(NAMES[lang], checked=lang == prefs.lang, on_click=lambda _: speak(lang))

    languages = ft.PopupMenuButton(
        icon=ft.Icons.TRANSLATE,
        icon_color=ui.p.ink2,
        icon_size=20,
        tooltip=ui.t("menu.language"),
        items=[item(lang) for lang in LANGS],
        bgcolor=ui.p.panel,
    )

    colours = ft.Icons.LIGHT_MODE_OUTLINED if ui.dark else ft.Icons.DARK_MODE_OUTLINED
    return [
        icon_button(ui, colours, ui.t("menu.light" if ui.dark else "menu.dark"), flip_colours),
        ft.MergeSemantics(ft.Semantics(button=True, content=languages)),
    ]


def _icon(ui: Ui, picture: Picture, place: Place, *, here: bool) -> ft.Icon:
    """Return the icon of a place with its count, for where there are no words beside it."""
    count, tone = count_of(picture, place), ui.p.tones[State.WARNING]
    mark = ft.Badge(ui.number(count), offset=ft.Offset(10, -6), bgcolor=tone.ink, text_color=ui.p.panel)
    return ft.Icon(
        place.icon_here if here else place.icon,
        size=22,
        color=ui.p.on_brand_soft if here else ui.p.ink2,
        badge=mark if count else None,
    )


def _nav_item(ui: Ui, picture: Picture, place: Place, *, here: bool) -> ft.Control:
    ink = ui.p.on_brand_soft if here else ui.p.ink
    count = count_of(picture, place)
    parts: list[ft.Control] = [
        ft.Icon(place.icon_here if here else place.icon, size=20, color=ink if here else ui.p.ink2),
        ft.Container(one_line(ui, ui.t(place.key), 14, Face.MEDIUM if here else Face.BODY, ink), expand=True),
    ]
    if count:
        parts.append(text(ui, ui.number(count), 12.5, Face.MEDIUM, ink if here else ui.p.ink2))
    row = ft.Row(parts, spacing=Space.M)
    pad = ft.Padding.symmetric(horizontal=12, vertical=10)
    return pressable(ui, row, go(place.path), selected=here, padding=pad)


def _side_bar(ui: Ui, picture: Picture, here: Place) -> ft.Control:
    def show_keys(_: object) -> None:
        ui.reader.prefs.helping = True

    version = picture.status.version if picture.status else ""
    brand = ft.Row(
        [
            logo(ui),
            ft.Column([text(ui, "MailGate", 17, Face.SEMI), dim(ui, version, 12)], spacing=0, expand=True),
            icon_button(ui, ft.Icons.KEYBOARD_OUTLINED, ui.t("menu.keys"), show_keys),
        ],
        spacing=Space.M,
    )
    items: list[ft.Control] = []
    for name, places in GROUPS:
        head = dim(ui, ui.t(name), 12)
        items.append(ft.Container(head, padding=ft.Padding.only(left=12, top=Space.L, bottom=Space.XS)))
        items += [_nav_item(ui, picture, place, here=place is here) for place in places]
    state, word = service_state(picture)
    foot = ft.Row(
        [chip(ui, state, ui.t(word)), ft.Row(_switches(ui), spacing=0)],
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
    )
    return ft.Container(
        ft.Column(
            [
                brand,
                ft.Column(items, spacing=2, expand=True, scroll=ft.ScrollMode.AUTO),
                ft.Container(fetch_box(ui, picture), padding=ft.Padding.only(top=Space.S)),
                foot,
            ],
            spacing=Space.S,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        width=236,
        bgcolor=ui.p.sunken,
        padding=ft.Padding.only(left=14, right=14, top=18, bottom=12),
        border=ft.Border.only(right=ft.BorderSide(1, ui.p.line)),
    )


def _rail(ui: Ui, picture: Picture, here: Place) -> ft.Control:
    def item(place: Place) -> ft.Control:
        icon = _icon(ui, picture, place, here=place is here)
        name = ui.t(place.key)
        pad = ft.Padding.symmetric(horizontal=13, vertical=11)
        return pressable(ui, icon, go(place.path), selected=place is here, name=name, tooltip=name, padding=pad)

    progress: list[ft.Control] = []
    if picture.busy:
        progress = [
            ft.Container(
                progress_bar(ui, picture, 4, 2),
                width=44,
                padding=ft.Padding.only(bottom=Space.XS),
            )
        ]
    return ft.Container(
        ft.Column(
            [
                logo(ui),
                ft.Container(height=Space.S),
                ft.Column([item(p) for p in PLACES], spacing=Space.XS, expand=True, scroll=ft.ScrollMode.AUTO),
                *progress,
                fetch_icon(ui, picture),
                *_switches(ui),
            ],
            horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            spacing=Space.XS,
        ),
        width=76,
        bgcolor=ui.p.sunken,
        padding=ft.Padding.symmetric(vertical=Space.L),
        border=ft.Border.only(right=ft.BorderSide(1, ui.p.line)),
    )


def _top_bar(ui: Ui, picture: Picture) -> ft.Control:
    said: ft.Control = text(ui, "MailGate", 16, Face.SEMI)
    if picture.busy:
        said = one_line(ui, progress_words(ui, picture), 14, Face.MEDIUM)
    row = ft.Row(
        [logo(ui, 30), ft.Container(said, expand=True), *_switches(ui), fetch_icon(ui, picture)],
        spacing=Space.S,
    )
    bar: ft.Control = ft.Container(height=3, bgcolor=ui.p.sunken)
    if picture.busy:
        bar = progress_bar(ui, picture, 3)
    pad = ft.Padding.only(left=16, right=12, top=8, bottom=6)
    return ft.Column([ft.Container(row, padding=pad, bgcolor=ui.p.sunken), bar], spacing=0)


def _bottom_bar(ui: Ui, picture: Picture, here: Place) -> ft.Control:
    def change(event: ft.Event[ft.NavigationBar]) -> None:
        go(BOTTOM[event.control.selected_index].path)(event)

    return ft.NavigationBar(
        selected_index=BOTTOM.index(here if here in BOTTOM else MORE),
        on_change=change,
        bgcolor=ui.p.sunken,
        indicator_color=ui.p.brand_soft,
        height=BOTTOM_BAR_PX,
        destinations=[
            ft.NavigationBarDestination(
                icon=_icon(ui, picture, place, here=False),
                selected_icon=_icon(ui, picture, place, here=True),
                label=ui.t(short if knows(short := f"{place.key}.short") else place.key),
            )
            for place in BOTTOM
        ],
    )


def _lost_line(ui: Ui, picture: Picture) -> ft.Control:
    """Return the line that says since when the picture is old."""
    tone = ui.p.tones[State.RETRY]
    words = ui.t("frame.lost", t=ui.moment(picture.lost_since)) if picture.lost_since else ui.t("frame.lost.never")
    line = ft.Row(
        [
            ft.Icon(STATE_ICON[State.RETRY], size=18, color=tone.ink),
            ft.Container(text(ui, words, 13.5, Face.MEDIUM, tone.ink), expand=True),
        ],
        spacing=Space.M,
    )
    pad = ft.Padding.symmetric(horizontal=Space.L if ui.compact else Space.XXL, vertical=10)
    return ft.Semantics(live_region=True, content=ft.Container(line, bgcolor=tone.fill, padding=pad))


def screen(
    ui: Ui,
    title: str,
    lead: str,
    body: ft.Control,
    actions: list[ft.Control] | None = None,
    *,
    scroll: bool = True,
    back: str = "",
) -> ft.Control:
    """Return a screen: title, one sentence that answers its question, actions, body.

    `back` is the address of the list that a detail was opened from.
    """
    named = ft.Semantics(header=True, heading_level=1, content=text(ui, title, 22 if ui.compact else 26, Face.SEMI))
    words: ft.Control = ft.Column([named, *([dim(ui, lead, 14)] if lead else [])], spacing=Space.XS, expand=True)
    if back:
        arrow = icon_button(ui, ft.Icons.ARROW_BACK, ui.t("do.back"), go(back))
        words = ft.Row([arrow, words], spacing=Space.S, expand=True)
    if ui.compact:
        top: ft.Control = ft.Column([ft.Row([words]), *([ft.Row(actions)] if actions else [])], spacing=Space.M)
    else:
        top = ft.Row([words, ft.Row(actions or [], spacing=Space.M)], vertical_alignment=ft.CrossAxisAlignment.START)
    inner = ft.Column(
        [top, body],
        spacing=Space.L if ui.compact else Space.XL,
        expand=True,
        scroll=ft.ScrollMode.AUTO if scroll else None,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    side, above, below = (16, 16, 12) if ui.compact else (32, 26, 20)
    pad = ft.Padding.only(left=side, right=side, top=above, bottom=0 if scroll else below)
    return ft.Container(inner, padding=pad, expand=True)


def _keys(ui: Ui) -> list[tuple[str, str]]:
    """Return every shortcut with what it does, for the list of them."""
    places = [(f"Alt+{i}", ui.t(place.key)) for i, place in enumerate(PLACES, 1)]
    return [*places, ("/", ui.t("keys.search")), ("?", ui.t("keys.help")), (ui.t("keys.escape"), ui.t("keys.leave"))]


@ft.component
def Shell() -> ft.Control:
    """The frame with the screen of the address in it."""
    ui = use_ui()
    picture = use_picture(ui)
    prefs, _ = ft.use_state(ui.reader.prefs)
    ft.use_dialog(shortcuts(ui, _keys(ui)) if prefs.helping else None)
    here = place_of(ft.use_route_location())
    old = picture.lost and picture.status is not None
    outlet = ft.Container(ft.use_route_outlet(), expand=True, opacity=0.55 if old else 1)
    middle = ft.Container(
        ft.Column(
            [*([_lost_line(ui, picture)] if picture.lost else []), outlet],
            spacing=0,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        expand=True,
        bgcolor=ui.p.ground,
    )
    match ui.width:
        case Width.COMPACT:
            frame: ft.Control = ft.Column(
                [_top_bar(ui, picture), middle, _bottom_bar(ui, picture, here)],
                spacing=0,
                expand=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            )
        case Width.MEDIUM:
            frame = ft.Row(
                [_rail(ui, picture, here), middle],
                spacing=0,
                expand=True,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            )
        case Width.WIDE:
            frame = ft.Row(
                [_side_bar(ui, picture, here), middle],
                spacing=0,
                expand=True,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            )
    return ft.Container(ft.SafeArea(frame, expand=True), bgcolor=ui.p.sunken, expand=True)
