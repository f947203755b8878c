"""Text that people type is the same text at every way in (RULES.md)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guahao.rules.kernel import text as kernel
from guahao.rules.kernel.text import (
    NameFault,
    NameFaultKind,
    compact,
    name_key,
    person_name,
    prose,
    same_name,
    search_text,
    typed,
)

_HAN = st.one_of(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
    st.characters(min_codepoint=0x20000, max_codepoint=0x2FFFD),
    st.characters(min_codepoint=0x30000, max_codepoint=0x3FFFD),
)
_TYPED_IN_A_NAME = st.text(
    st.one_of(
        _HAN,
        st.characters(),
        st.sampled_from("·.．。･ 　\u200b\ufeff-'’´⼀⺁\ue863\U000e0100Ａａé"),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("张三", "张三"),
        # Spaces of every kind.
        (" 张　三 ", "张三"),
        ("张\u00a0三", "张三"),
        ("张\n三", "张三"),
        ("欧阳　修", "欧阳修"),
        ("Zhang  San", "Zhang San"),
        ("김 철수", "김 철수"),
        # Nothing invisible.
        ("张\u200b三", "张三"),
        ("\ufeff张三\u202c", "张三"),
        ("张\ufe00三\U000e0101", "张三"),
        ("张\x00三", "张三"),
        ("A\u00adnna", "Anna"),
        # One ideograph, however it was typed.
        ("⽅芳", "方芳"),
        ("⻩河", "黄河"),
        ("豈\uf900", "豈豈"),
        ("\U0002f800丽", "丽丽"),
        ("\ue863", "䶮"),
        ("\ue81e一", "龴一"),
        # Rare characters, whatever Python's tables know.
        ("李\U0003157e", "李\U0003157e"),
        ("李\U0003fffd", "李\U0003fffd"),
        ("\U00020bb7田", "\U00020bb7田"),
        ("㐀㐁", "㐀㐁"),
        ("張〇", "張〇"),
        # Names of one character, and names with initials.
        ("难", "难"),
        ("王", "王"),
        ("U", "U"),
        ("J. Smith", "J. Smith"),
        ("Ｊ． Ｓｍｉｔｈ", "J. Smith"),
        ("Martin King Jr.", "Martin King Jr."),
        ("Jose\u0301 Núñez", "José Núñez"),
        ("Anne‑Marie O’Neill", "Anne-Marie O'Neill"),
        ("Oʻtkir", "O'tkir"),
        ("王" * 50, "王" * 50),
        # The dot between the parts of a name.
        *(
            (f"古丽米热{dot}艾比布力", "古丽米热·艾比布力")
            for dot in [*".．。｡·•‧∙⋅・･…‥⸱˙﹒", " . ", "...", "··", " · ", "．　"]
        ),
        ("マイケル・スミス", "マイケル·スミス"),
        ("Abdulla•Yusuf", "Abdulla·Yusuf"),
        ("张三。", "张三"),
    ],
)
def test_a_name_is_stored_in_one_form(written: str, name: str) -> None:
    assert person_name(written) == name
    assert person_name(name) == name


@pytest.mark.parametrize(
    ("written", "kind", "character"),
    [
        ("", NameFaultKind.EMPTY, ""),
        (" \u200b　", NameFaultKind.EMPTY, ""),
        ("王" * 51, NameFaultKind.TOO_LONG, ""),
        ("李\ue000", NameFaultKind.PRIVATE_USE, "\ue000"),
        ("李\U000f0001", NameFaultKind.PRIVATE_USE, "\U000f0001"),
        ("李\ufffd", NameFaultKind.GARBLED, "\ufffd"),
        ("张3", NameFaultKind.DIGIT, "3"),
        ("张²", NameFaultKind.DIGIT, "2"),
        ("12345", NameFaultKind.DIGIT, "1"),
        ("张三，李四", NameFaultKind.SIGN, ","),
        ("张_三", NameFaultKind.SIGN, "_"),
        ("<b>张三</b>", NameFaultKind.SIGN, "<"),
        ("😀", NameFaultKind.SIGN, "😀"),
        ("张三-", NameFaultKind.EDGE, "-"),
        (".Smith", NameFaultKind.EDGE, "."),
        ("·", NameFaultKind.EDGE, "·"),
        ("\u0301a", NameFaultKind.EDGE, "\u0301"),
    ],
)
def test_what_cannot_be_a_name_is_refused_with_its_character(
    written: str, kind: NameFaultKind, character: str
) -> None:
    assert person_name(written) == NameFault(kind, character=character)


def test_a_fault_says_the_code_point() -> None:
    assert NameFault(NameFaultKind.PRIVATE_USE, character="\ue000").code_point == "U+E000"
    assert NameFault(NameFaultKind.EMPTY).code_point == ""


@given(_TYPED_IN_A_NAME)
@example("a\u200b\u0301")
@example(" \u00a8")
def test_what_is_stored_is_accepted_again_and_stays(written: str) -> None:
    name = person_name(written)
    if isinstance(name, str):
        assert person_name(name) == name
        assert name_key(name)
        assert same_name(written, name)


@given(st.text(_HAN, min_size=1, max_size=10))
def test_every_ideograph_is_a_name(written: str) -> None:
    assert isinstance(person_name(written), str)


@given(st.text())
@example("a\u200b\u0301")
@example("\u00a8")
def test_normalising_twice_changes_nothing(text: str) -> None:
    for normalise in (typed, compact, prose, search_text):
        once = normalise(text)
        assert normalise(once) == once, normalise
        once.encode()  # no lone surrogates
    lines = prose(text, lines=True)
    assert prose(lines, lines=True) == lines


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("张　三", "张三"),
        ("ZHANG SAN", "Zhang San"),
        ("zhangsan", "Zhang San"),
        ("J.Smith", "J. Smith"),
        ("Jose Nunez", "José Núñez"),
        ("古丽米热艾比布力", "古丽米热·艾比布力"),
        ("古丽米热 艾比布力", "古丽米热·艾比布力"),
    ],
)
def test_a_name_is_recognised_when_it_is_said_again(written: str, name: str) -> None:
    assert same_name(written, name)


@pytest.mark.parametrize(("written", "name"), [("张四", "张三"), ("", "张三"), ("张3", "张3")])
def test_another_name_is_not_recognised(written: str, name: str) -> None:
    assert not same_name(written, name)


def test_the_private_use_of_gbk_is_where_gb18030_has_it() -> None:
    for offset, character in enumerate(kernel._GBK_PRIVATE):
        trail = 0x50 + offset + (0x50 + offset >= 0x7F)
        known = bytes([0xFE, trail]).decode("gb18030")
        # The codec is of the standard of 2000, which left some in private use.
        assert known in (character, chr(0xE815 + offset))
        assert not "\ue000" <= character <= "\uf8ff"


def test_radicals_are_one_to_one_and_become_ideographs() -> None:
    assert len(kernel._RADICALS) == len(kernel._IDEOGRAPHS)
    for radical, ideograph in zip(kernel._RADICALS, kernel._IDEOGRAPHS, strict=True):
        assert 0x2E80 <= ord(radical) <= 0x2EF3
        known = unicodedata.normalize("NFKC", radical)
        assert known in (radical, ideograph)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("１１０１０５１９４９１２３１００２ｘ", "11010519491231002X"),
        (" 1101 0519 ", "11010519"),
        ("\u200b123\ufeff456", "123456"),
        ("12－34", "12-34"),
    ],
)
def test_numbers_and_codes(written: str, number: str) -> None:
    assert compact(written) == number


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" 第１医院（东院）：ＡＢＣ，好！ ", "第1医院（东院）：ABC，好！"),
        ("眼\u200b科\ue000", "眼科"),
        ("⽅便门诊", "方便门诊"),
        ("⼀⿕⺁⻳", "一龠厂龟"),  # the first radical and the last of both blocks
        ("０９ＡＺａｚ／：｛", "09AZaz／：｛"),
        ("第一行\r\n第二行", "第一行 第二行"),
    ],
)
def test_prose_keeps_its_punctuation(written: str, kept: str) -> None:
    assert prose(written) == kept


def test_a_notice_keeps_its_lines() -> None:
    assert prose(" 第一行 \r\n\r\n第二行\u2028第三行\n", lines=True) == "第一行\n\n第二行\n第三行"


@pytest.mark.parametrize(
    ("written", "searched"),
    [
        ("婦產科", "妇产科"),
        ("眼科。", "眼科"),
        ("眼科？", "眼科"),
        ("“眼科”", "眼科"),
        ("ＹＫ", "yk"),
        ("协和　眼科", "协和 眼科"),
        ("人民医院（东院）", "人民医院 东院"),
        ("Women's X-ray", "women's x-ray"),
        ("李\U0003157e", "李\U0003157e"),
        ("。？", ""),
    ],
)
def test_what_is_searched_for(written: str, searched: str) -> None:
    assert search_text(written) == searched
