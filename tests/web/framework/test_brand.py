"""A city's own name, colour and mark: what is taken, what is refused, and that all can be read."""

from __future__ import annotations

import re
import struct
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.city import Clock
from tests.conftest import SOURCES
from tests.web.site import ENGLISH, closed

from guahao.brand import MARK_BYTES_MAX, BrandError, checked_colour, checked_name, read_mark
from guahao.rules.kernel.colours import (
    CONTRAST,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    Tints,
    contrast,
    dark_tints,
    is_readable,
    light_tints,
    readable,
)
from guahao.settings import Settings, SettingsError, read_settings

TOKENS = (Path(SOURCES) / "guahao/web/static/tokens.css").read_text()
COLOURS = [f"#{red:02x}{green:02x}{blue:02x}" for red in range(0, 256, 51)
           for green in range(0, 256, 51) for blue in range(0, 256, 51)]  # fmt: skip
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1h7"/>{}</svg>'


def tokens(selector: str) -> dict[str, str]:
    """Return the colours that tokens.css gives to a theme."""
    block = TOKENS.split(selector + " {", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT, DARK = tokens(":root"), tokens(':root[data-theme="dark"]')


def least(tints: Tints, grounds: dict[str, str]) -> float:
    """Return the least contrast of what is written in these tints, or on them."""
    texts = (tints.brand, tints.brand_strong)
    written = [contrast(text, ground) for text in texts for ground in grounds.values()]
    on_tint = [contrast(text, tints.brand_tint) for text in texts]
    return min(*written, *on_tint, contrast(tints.on_brand, tints.brand))


def test_the_grounds_are_those_of_the_tokens() -> None:
    assert {name: LIGHT[name] for name in LIGHT_GROUNDS} == LIGHT_GROUNDS
    assert {name: DARK[name] for name in DARK_GROUNDS} == DARK_GROUNDS


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_colour_can_be_read_on_every_ground(theme: dict[str, str]) -> None:
    grounds = ("bg", "surface", "surface-2")
    states = ("ok", "warn", "bad", "info")
    tints = ("brand-tint", *(f"{state}-tint" for state in states))
    pairs = [
        *((text, ground) for text in ("text", "text-2") for ground in (*grounds, *tints)),
        *((text, ground) for text in ("brand", "brand-strong", *states) for ground in grounds),
        *((state, f"{state}-tint") for state in ("brand", *states)),
        *(("on-brand", ground) for ground in ("brand", "brand-strong")),
    ]
    assert [pair for pair in pairs if contrast(theme[pair[0]], theme[pair[1]]) < CONTRAST] == []
    edges = [
        contrast(theme[name], theme[on]) for name in ("line-strong", "focus") for on in grounds
    ]
    assert min(edges) >= 3


def test_the_dark_theme_is_the_same_by_choice_and_by_the_browser() -> None:
    by_browser = tokens('  :root:not([data-theme="light"])')
    assert by_browser == DARK


def test_white_on_white_has_no_contrast_and_black_on_white_has_all() -> None:
    assert contrast("#ffffff", "#ffffff") == 1
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_each_colour_is_readable_in_both_themes_or_refused_with_a_shade_that_is() -> None:
    for colour in COLOURS:
        shade = readable(colour)
        assert is_readable(shade)
        assert (shade == colour) == is_readable(colour)
        assert least(light_tints(shade), LIGHT_GROUNDS) >= CONTRAST, colour
        assert least(dark_tints(shade), DARK_GROUNDS) >= CONTRAST, colour
        if shade != colour:
            with pytest.raises(BrandError, match=shade):
                checked_colour(colour)


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "0b6b61", "#0b6b61;}", "#0b6b6１"])
def test_what_is_no_colour_is_refused_in_both_languages(text: str) -> None:
    with pytest.raises(BrandError, match=r"十六进制.*hexadecimal"):
        checked_colour(text)


def test_the_settings_name_the_variable_and_the_nearest_shade() -> None:
    with pytest.raises(SettingsError, match=r"GUAHAO_BRAND_COLOUR: #f2a900 太浅.*Use #[0-9a-f]{6}"):
        read_settings({"GUAHAO_BRAND_COLOUR": "#F2A900"})
    assert read_settings({"GUAHAO_BRAND_COLOUR": "#1D4F91"}).brand_colour == "#1d4f91"


@pytest.mark.parametrize("name", ["安" * 17, "a" * 33, "a\nb", " ", "a\u202eb"])
def test_a_name_that_does_not_fit_the_header_is_refused(name: str) -> None:
    with pytest.raises(BrandError):
        checked_name(name)


def test_a_name_loses_its_outer_spaces() -> None:
    assert checked_name(" 安澜市预约挂号 ") == "安澜市预约挂号"


# The mark ---------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    header = struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(9)
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I4s", 0, b"IEND") + b"\xaeB`\x82"


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (SVG.format("<g fill='url(#a)'/>").encode(), "image/svg+xml"),
        (png(64, 1024), "image/png"),
    ],
)
def test_a_mark_that_draws_is_taken(tmp_path: Path, data: bytes, media_type: str) -> None:
    (tmp_path / "mark").write_bytes(data)
    mark = read_mark(tmp_path / "mark")
    assert asdict(mark) == {"data": data, "media_type": media_type}


@pytest.mark.parametrize(
    "data",
    [
        SVG.format("<script>alert(1)</script>").encode(),
        SVG.format("<path onload='x()'/>").encode(),
        SVG.format("<path style='fill:red'/>").encode(),
        SVG.format("<style>*{}</style>").encode(),
        SVG.format("<foreignObject/>").encode(),
        SVG.format("<use href='#a'/>").encode(),
        SVG.format("<image href='https://evil.example/x.png'/>").encode(),
        SVG.format("<path fill='url(#a) url( https://evil.example/x)'/>").encode(),
        SVG.format("<path fill='u\\72l(https://evil.example/x)'/>").encode(),
        b'<?xml-stylesheet href="https://evil.example/x.css"?>' + SVG.encode(),
        SVG.format('<g xmlns:x="http://www.w3.org/1999/xlink" x:href="data:x"/>').encode(),
        b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;").encode(),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"<html/>",
        b"GIF89a",
        b"",
        b"\xff\xfe",
        SVG.format("<g/>" * MARK_BYTES_MAX).encode(),
        png(63, 64),
        png(64, 1025),
        png(64, 64)[:30],
    ],
)  # fmt: skip
def test_any_other_file_is_refused_in_both_languages(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mark").write_bytes(data)
    with pytest.raises(SettingsError, match=r"GUAHAO_BRAND_MARK: .*[\u4e00-\u9fff].*[A-Za-z]{3}"):
        read_settings({"GUAHAO_BRAND_MARK": str(tmp_path / "mark")})


def test_a_mark_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(BrandError, match="cannot be read"):
            read_mark(path)


# The pages ----------------------------------------------------------------------------------------


async def test_the_pages_carry_the_city_s_name_colour_and_mark(
    tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "mark.svg").write_text(SVG)
    settings = read_settings(
        {
            "GUAHAO_SERVICE_NAME": "安澜挂号",
            "GUAHAO_BRAND_COLOUR": "#1d4f91",
            "GUAHAO_BRAND_MARK": str(tmp_path / "mark.svg"),
        }
    )
    site = closed(clock, settings)
    page = (await site.get("/login")).text
    assert "· 安澜挂号</title>" in page
    [mark] = set(re.findall(r"/static/mark\.svg\?v=[0-9a-f]+", page))
    served = await site.get(mark)
    assert (served.text, served.headers["content-type"]) == (SVG, "image/svg+xml")
    assert "immutable" in served.headers["cache-control"]
    [style] = re.findall(r"/static/brand\.css\?v=[0-9a-f]+", page)
    assert "--brand: #1d4f91;" in (await site.get(style)).text
    english = (await site.get("/login", headers=ENGLISH)).text
    assert "· Booking</title>" in english
    desk = (await site.get("/staff/login")).text
    assert mark in desk
    assert style in desk


async def test_without_settings_the_pages_are_the_platform_s_own(clock: Clock) -> None:
    site = closed(clock, Settings())
    page = (await site.get("/login")).text
    assert "· 预约挂号</title>" in page
    assert "/static/icon.svg?v=" in page
    assert "brand.css" not in page
    assert (await site.get("/static/brand.css")).status_code == 404
