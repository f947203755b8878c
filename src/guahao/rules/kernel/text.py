"""Text that people type: one normaliser for every way in (RULES.md).

The same name, number or word is the same text at registration, in a search, in a
verification and in an import, because all of them compare what these functions return.
Han ideographs are recognised by their code points, never by Python's Unicode tables, so
that a rare character does not depend on the version of Python.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from guahao.rules.kernel.outcomes import Refused

if TYPE_CHECKING:
    from opencc import OpenCC

NAME_MAX = 50  # characters
_ROUNDS_MAX = 8

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fffd\U00030000-\U0003fffd"
_KANA = "\u3041-\u3096\u30a1-\u30fa\u30fc-\u30fe"
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
# Default ignorable code points, controls that are no white space, interlinear marks and
# noncharacters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"[\s\u2800]+")  # U+2800 is the Braille blank
_BLANKS = re.compile(r"[^\S\n]+|\u2800+")

# Unicode's Equivalent_Unified_Ideograph of the CJK Radicals Supplement; NFKC knows two of them.
_RADICALS = (
    "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺟⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩"
    "⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺵⺶⺷⺸⺹⺺⺻⺼⺽⺾⺿⻀⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑"
    "⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳"
)
_IDEOGRAPHS = (
    "厂乛乚乙亻冂𠘨刀刂卜㔾小尐兀尣尢𡯂巳幺彑彐忄心扌攵旡日月歺母民氵氺灬爫爬丬牛犭王"
    "𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艺艻虎衤覀西见角𧢲讠贝𧾷车辶辷辸邑钅長"
    "镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
)
# U+E815 to U+E864: where GBK systems, banks and police among them, kept characters that
# Unicode did not have yet (GB 18030-2000, 0xFE50 to 0xFEA0), and where GB 18030-2022 has them.
_GBK_PRIVATE = (
    "⺁𠂇𠂉𠃌⺄㑳㑇⺈⺋龴㖞㘚㘎⺌⺗㥮㤘龵㧏㧟㩳㧐龶龷㭎㱮㳠⺧𡗗龸⺪䁖䅟⺮䌷⺳⺶⺷𢦏䎱"
    "䎬⺻䏝䓖䙡䙌龹䜣䜩䝼䞍⻊䥇䥺䥽䦂䦃䦅䦆䦟䦛䦷䦶龺𤇾䲣䲟䲠䲡䱷䲢䴓䴔䴕䴖䴗䴘䴙䶮龻"
)
_STANDARD = {0xE815 + n: character for n, character in enumerate(_GBK_PRIVATE)}
_UNIFIED = str.maketrans(_RADICALS, _IDEOGRAPHS)
_KANGXI = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)}
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF10, 0xFF5B) if chr(wide).isalnum()}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
_APOSTROPHES = dict.fromkeys(map(ord, "‘’‛ʻʼʹ′´`＇ꞌ"), "'")

_MIDDLE_DOT = "·"  # 间隔号, as in 阿卜杜拉·买买提
_MIDDLE_DOTS = "·•‧∙⋅・･⸱⸳᛫˙●◦﹒︙"
_FULL_STOPS = ".。｡．…"
_NAME_SIGNS = {
    **_DASHES,
    **_APOSTROPHES,
    **dict.fromkeys(map(ord, _MIDDLE_DOTS), _MIDDLE_DOT),
    **dict.fromkeys(map(ord, _FULL_STOPS), "."),
}
_CHINESE_DOT = re.compile(
    rf"(?<=[{_HAN}{_KANA}]) ?[.·](?: ?[.·])* ?| ?[.·](?: ?[.·])* ?(?=[{_HAN}{_KANA}])"
)
_OTHER_DOT = re.compile(r" ?[.·]*·[.·]* ?")
_CHINESE_SPACE = re.compile(rf"(?<=[{_HAN}]) (?=[{_HAN}])")
_IS_HAN = re.compile(f"[{_HAN}]")
_IS_PRIVATE = re.compile(f"[{_PRIVATE}]")
_SEPARATORS = frozenset(f" -'.{_MIDDLE_DOT}")
_ACCENTS = re.compile("[\u0300-\u036f]")
_PUNCTUATION = re.compile(rf"[^\w\s'%+&{_HAN}-]|_")  # what parts the words of a search


class NameFaultKind(StrEnum):
    """Why a text cannot be a person's name."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    PRIVATE_USE = "private_use"
    GARBLED = "garbled"
    DIGIT = "digit"
    SIGN = "sign"
    EDGE = "edge"  # begins or ends with a separator


@dataclass(frozen=True, slots=True)
class NameFault(Refused[NameFaultKind]):
    """What is wrong with a name, and the character that is, where one is."""

    character: str = ""

    @property
    def code_point(self) -> str:
        """Return the character as it is looked up: U+E863; empty where there is none."""
        return f"U+{ord(self.character):04X}" if self.character else ""


def typed(text: str) -> str:
    """Return one line of typed text, normalised: NFKC, nothing invisible, single spaces.

    Compatibility ideographs and radicals become the ordinary ideograph, private-use characters
    that GB 18030 has a place for become it; other private-use characters stay, for the caller
    to refuse.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return _stable(_typed, text)


def _typed(text: str) -> str:
    plain = unicodedata.normalize("NFKC", _visible(text)).translate(_UNIFIED)
    return _SPACES.sub(" ", plain).strip(" ")


def compact(text: str) -> str:
    """Return a typed number or code: half-width, without spaces, upper case."""
    if text.isascii() and text.isprintable():
        return text.replace(" ", "").upper()
    return _stable(_compact, text)


def _compact(text: str) -> str:
    return typed(text).replace(" ", "").translate(_DASHES).upper()


def prose(text: str, *, lines: bool = False) -> str:
    """Return typed text that is to be read: a title, a reason, a notice.

    Chinese punctuation stays as it is; private-use characters without a standard place are
    dropped. `lines`: keep line breaks.
    """
    plain = _IS_PRIVATE.sub("", _visible(text)).translate(_KANGXI).translate(_UNIFIED)
    plain = unicodedata.normalize("NFC", plain.translate(_WIDE))
    if not lines:
        return _SPACES.sub(" ", plain).strip(" ")
    broken = "\n".join(re.split(r"\r\n|[\n\r\v\f\u2028\u2029]", plain))
    return "\n".join(_BLANKS.sub(" ", line).strip(" ") for line in broken.split("\n")).strip("\n")


def person_name(text: str) -> str | NameFault:
    """Return a person's name as it is stored, or what is wrong with it.

    Letters of any script, and between them spaces, hyphens, apostrophes, dots and "·". In a
    Chinese name dots of any kind become "·", and spaces between ideographs are dropped:
    张　三 is 张三.
    """
    name = _stable(_name, text)
    if not name:
        return NameFault(NameFaultKind.EMPTY)
    if len(name) > NAME_MAX:
        return NameFault(NameFaultKind.TOO_LONG)
    for character in name:
        kind = _fault_of(character)
        if kind is not None:
            return NameFault(kind, character=character)
    first, last = name[0], name[-1]
    if first in _SEPARATORS or unicodedata.category(first)[0] == "M":
        return NameFault(NameFaultKind.EDGE, character=first)
    if last in _SEPARATORS - {"."}:
        return NameFault(NameFaultKind.EDGE, character=last)
    return name


def _name(text: str) -> str:
    name = typed(text.translate(_NAME_SIGNS)).translate(_NAME_SIGNS)
    name = _CHINESE_SPACE.sub("", _CHINESE_DOT.sub(_MIDDLE_DOT, name))
    name = _OTHER_DOT.sub(_MIDDLE_DOT, name)
    # 张三。 is 张三.
    return name.strip(_MIDDLE_DOT) if _IS_HAN.search(name) else name


def name_key(name: str) -> str:
    """Return that by which two names are the same: without case, accents and separators.

    Of what `person_name` returned. 古丽米热·艾比布力 is also found without its dot.
    """
    letters = _ACCENTS.sub("", unicodedata.normalize("NFKD", name.casefold()))
    return "".join(character for character in letters if character not in _SEPARATORS)


def same_name(written: str, name: str) -> bool:
    """Return whether a written name is the stored one."""
    found = person_name(written)
    return not isinstance(found, NameFault) and name_key(found) == name_key(name)


def search_text(text: str) -> str:
    """Return what is searched for: simplified, without case, words parted by single spaces."""
    return _stable(_search_text, text)


def _search_text(text: str) -> str:
    plain = _IS_PRIVATE.sub("", typed(text)).casefold()
    words = _PUNCTUATION.sub(" ", simplified(plain)).split()
    return " ".join(word for word in (each.strip("'-%&") for each in words) if word)


def simplified(text: str) -> str:
    """Return traditional Chinese as simplified: 婦產科 is 妇产科."""
    return text if text.isascii() else _converter().convert(text)


@cache
def _converter() -> OpenCC:
    # Its dictionaries take some milliseconds to load, and commands that search nothing
    # do not need them.
    from opencc import OpenCC  # noqa: PLC0415

    return OpenCC("t2s")


def _stable(step: Callable[[str], str], text: str) -> str:
    """Repeat a step until it changes nothing: dropping a character may let others compose."""
    for _ in range(_ROUNDS_MAX):
        result = step(text)
        if result == text:
            break
        text = result
    return text


def _visible(text: str) -> str:
    """Remove invisible characters and lone surrogates; convert GBK's private use to Unicode."""
    return _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text)).translate(_STANDARD)


def _fault_of(character: str) -> NameFaultKind | None:
    """Return why a character cannot stand in a name."""
    if _IS_HAN.match(character) or character in _SEPARATORS:
        return None
    if _IS_PRIVATE.match(character):
        return NameFaultKind.PRIVATE_USE
    if character == "\ufffd":
        return NameFaultKind.GARBLED
    match unicodedata.category(character)[0]:
        case "L" | "M":
            return None
        case "N":
            return NameFaultKind.DIGIT
        case _:
            return NameFaultKind.SIGN
