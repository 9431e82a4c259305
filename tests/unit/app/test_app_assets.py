import json
import re
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest
from flet_web import get_package_web_dir
from PIL import Image

from mailgate.app.theme import FALLBACK, LIGHT, Face

ASSETS = files("mailgate.app") / "assets"
OWN_SIZE = 6_000_000


def read(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")


def fonts() -> dict[str, str]:
    said: list[dict[str, Any]] = json.loads(read("assets/FontManifest.json"))
    return {font["family"]: font["fonts"][0]["asset"] for font in said}


def test_every_face_is_there_before_the_first_frame() -> None:
    bundled = {"Roboto"}  # the client brings it along
    assert ({*map(str, Face)} | {*FALLBACK}) - bundled <= set(fonts())
    assert "MaterialIcons" in fonts()


@pytest.mark.parametrize("asset", [a for f, a in fonts().items() if f != "MaterialIcons"])
def test_every_font_of_ours_is_a_font(asset: str) -> None:
    assert (ASSETS / "assets" / asset).read_bytes()[:4] == b"wOF2"


def test_the_clients_own_icons_are_where_the_manifest_says() -> None:
    name = fonts()["MaterialIcons"]
    assert files("flet_web").joinpath("web", "assets", name).is_file()
    assert get_package_web_dir().endswith("web")


def test_the_fonts_say_what_they_are_and_under_which_licence() -> None:
    notice = read("assets/fonts/LICENSE-fonts.md")
    assert "SIL Open Font License" in notice
    assert all(asset.rpartition("/")[2] in notice for f, asset in fonts().items() if f != "MaterialIcons")


def test_the_assets_stay_small() -> None:
    def weight(folder: Any) -> int:
        return sum(weight(one) if one.is_dir() else len(one.read_bytes()) for one in folder.iterdir())

    assert weight(ASSETS) < OWN_SIZE


def test_the_phone_finds_name_colour_and_icons() -> None:
    manifest = json.loads(read("manifest.json"))
    assert (manifest["name"], manifest["theme_color"], manifest["display"]) == ("MailGate", LIGHT.brand, "standalone")
    for icon in manifest["icons"]:
        with (ASSETS / icon["src"]).open("rb") as octets, Image.open(octets) as picture:
            assert f"{picture.width}x{picture.height}" == icon["sizes"]


def test_the_page_has_what_the_server_fills_in_and_loads_nothing_from_elsewhere() -> None:
    page = read("index.html")
    for needed in ('<base href="/">', "<!-- fletAppConfig -->", 'src="flutter_bootstrap.js"', 'id="loading"'):
        assert needed in page
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert re.search(r"<title>.+</title>", page)


def test_the_page_offers_its_semantics_by_address_and_by_button() -> None:
    page = read("index.html")
    assert '.get("a11y") === "1"' in page
    assert '<button id="semantics" type="button">' in page


def test_importing_the_app_costs_nothing_until_it_is_served() -> None:
    code = "import sys, mailgate.app; print({'flet', 'fastapi', 'flet_web'} & set(sys.modules))"
    plain = "import sys, mailgate.app.store, mailgate.app.answers, mailgate.app.words; print('flet' in sys.modules)"
    ran = [subprocess.run([sys.executable, "-c", c], capture_output=True, text=True, check=True) for c in (code, plain)]
    assert [done.stdout.strip() for done in ran] == ["set()", "False"]
