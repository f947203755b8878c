"""What makes the pages a city's own: its name, colour and mark, from the settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from guahao.rules.kernel.colours import (
    Tints,
    dark_tints,
    is_readable,
    light_tints,
    read_colour,
    readable,
)

NAME_CHARACTERS_MAX = 16
MARK_BYTES_MAX = 5000  # every first visit loads it, and may load 60 KB in all
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = range(64, 1025)
_SVG = "{http://www.w3.org/2000/svg}"
# What draws, and nothing that runs, loads or contains another language.
_SVG_ELEMENTS = {
    *("svg", "g", "defs", "title", "desc", "path", "rect", "circle", "ellipse", "line"),
    *("polyline", "polygon", "linearGradient", "radialGradient", "stop", "clipPath", "mask"),
}
# A backslash may hide any letter of url() from us, but not from a browser.
_OUTSIDE = re.compile(r"\\|url\s*\(\s*['\"]?(?!#)", re.IGNORECASE)


class BrandError(ValueError):
    """A name, colour or mark that cannot be used; the message says why, in both languages."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A picture that was checked."""

    data: bytes
    media_type: str

    @property
    def suffix(self) -> str:
        """Return the end of its file's name."""
        return "png" if self.media_type == "image/png" else "svg"


def checked_name(text: str) -> str:
    """Return a name that fits into the header; raise BrandError for any other."""
    name = text.strip()
    most = 2 * NAME_CHARACTERS_MAX if name.isascii() else NAME_CHARACTERS_MAX
    if 0 < len(name) <= most and name.isprintable():
        return name
    raise BrandError(
        f"平台名称最多{NAME_CHARACTERS_MAX}个汉字或{2 * NAME_CHARACTERS_MAX}个英文字符。"
        f" A name has at most {NAME_CHARACTERS_MAX} Chinese or {2 * NAME_CHARACTERS_MAX} Latin"
        " characters."
    )


def checked_colour(text: str) -> str:
    """Return a colour that can be read on the light pages; raise BrandError for any other."""
    colour = read_colour(text)
    if colour is None:
        raise BrandError(
            "颜色要写成 #0b6b61 这样的六位十六进制。"
            " A colour must be six hexadecimal digits such as #0b6b61."
        )
    if not is_readable(colour):
        shade = readable(colour)
        raise BrandError(
            f"{colour} 太浅：白字和浅底上的文字对比度不足 4.5:1。可以改用 {shade}。"
            f" {colour} is too light: text in it has a contrast below 4.5:1. Use {shade}."
        )
    return colour


def read_mark(path: Path) -> Mark:
    """Return the mark in an SVG or PNG file; raise BrandError where it is not fit for pages."""
    try:
        with path.open("rb") as file:
            data = file.read(MARK_BYTES_MAX + 1)
    except OSError as error:
        raise BrandError(
            f"读不到标志文件：{error.strerror}。 The mark cannot be read: {error.strerror}."
        ) from None
    if len(data) > MARK_BYTES_MAX:
        raise BrandError(
            f"标志文件超过 {MARK_BYTES_MAX // 1000} KB，会拖慢首页。"
            f" The mark has more than {MARK_BYTES_MAX // 1000} KB, which slows the first visit."
        )
    if data.startswith(_PNG):
        _check_png(data)
        return Mark(data, "image/png")
    _check_svg(data)
    return Mark(data, "image/svg+xml")


def stylesheet(colour: str) -> str:
    """Return the tokens of a city's colour, for both themes; paper stays black on white."""
    light, dark = _tokens(light_tints(colour)), _tokens(dark_tints(colour))
    return (
        "@media screen {\n"
        f":root {{ {light} }}\n"
        '@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) '
        f"{{ {dark} }} }}\n"
        f':root[data-theme="dark"] {{ {dark} }}\n'
        "}\n"
    )


def _tokens(tints: Tints) -> str:
    return (
        f"--brand: {tints.brand}; --brand-strong: {tints.brand_strong};"
        f" --brand-tint: {tints.brand_tint}; --on-brand: {tints.on_brand};"
    )


def _check_png(data: bytes) -> None:
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if (
        data[12:16] != b"IHDR"
        or b"IEND" not in data[-12:]
        or width not in _PNG_PIXELS
        or height not in _PNG_PIXELS
    ):
        raise BrandError(
            "PNG 标志不完整，或边长不在 64 至 1024 像素之间。"
            " The PNG is not complete, or has a side that is not of 64 to 1024 pixels."
        )


def _check_svg(data: bytes) -> None:
    try:
        text = data.decode()
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError):
        raise BrandError(
            "标志必须是 SVG（不带实体声明）或 PNG 文件。"
            " The mark must be an SVG file (without entities) or a PNG file."
        ) from None
    if root.tag != f"{_SVG}svg" or not root.get("viewBox"):
        raise BrandError(
            "SVG 标志的根元素必须是 svg，并带 viewBox。"
            " The root of the SVG must be svg, and have a viewBox."
        )
    faults = [_fault_of(element) for element in root.iter()]
    if "<?xml-" in text:  # an instruction, such as a style sheet; the parser drops it
        faults.append("<?xml-…?>")
    for fault in faults:
        if fault is not None:
            raise BrandError(
                f"SVG 标志只能有图形，不能有脚本、链接、外部内容或样式表：{fault}。"
                f" The SVG may only draw; it may not hold {fault}."
            )


def _fault_of(element: Element) -> str | None:
    name = element.tag.removeprefix(_SVG)
    if name not in _SVG_ELEMENTS:
        return f"<{name[:40]}>"
    for attribute, value in element.attrib.items():
        local = attribute.rpartition("}")[2].lower()
        if local.startswith("on") or local in ("href", "style"):
            return f"{local[:40]}=…"
        if _OUTSIDE.search(value):
            return "url(…)"
    return None
