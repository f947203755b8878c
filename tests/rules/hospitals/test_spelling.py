"""How a search is compared with names: syllables and initials, Chinese and English words."""

from __future__ import annotations

import pytest

from guahao.rules.hospitals.spelling import (
    BEGUN_SYLLABLES,
    SYLLABLES,
    chinese,
    english,
    english_word,
    lenient,
    pattern,
    split,
    without_fillers,
)

# 心血管内科 as it is stored: its syllables and initials from each on, then every reading.
HEART = (
    " 心血管内科 xinxueguanneike xgnk xxgnk"
    " ,xin,;,xue,;,guan,;,nei,;,ke,"
)  # fmt: skip


@pytest.mark.parametrize(
    ("letters", "ways"),
    [
        ("", []),
        ("xinnei", [["xin", "nei"]]),
        ("xian", [["xian"], ["xi", "an"]]),
        ("fangan", [["fang", "an"], ["fan", "gan"]]),
        ("zhuang", [["zhuang"], ["zhu", "ang"]]),
        ("er", [["er"]]),
        ("xinn", []),
        ("n", []),
    ],
)
def test_letters_are_split_into_syllables_the_longest_first(
    letters: str, ways: list[list[str]]
) -> None:
    assert split(letters, SYLLABLES) == ways


@pytest.mark.parametrize(
    ("letters", "ways"),
    [
        ("xinn", [["xin", "n"]]),
        ("shiyizh", [["shi", "yi", "zh"]]),
        ("xinx", [["xin", "x"]]),
        ("k", [["k"]]),
        ("kxin", []),  # only the last may be begun
    ],
)
def test_the_last_syllable_may_only_be_begun(letters: str, ways: list[list[str]]) -> None:
    assert split(letters, BEGUN_SYLLABLES) == ways


def test_syllables_are_few_and_well_formed() -> None:
    assert {"a", "er", "zhuang", "nv", "shuang"} <= SYLLABLES
    assert {"zh", "b", "ng", "zhuanga", ""}.isdisjoint(SYLLABLES)
    assert {"z", "zh", "zhu", "zhuang"} <= BEGUN_SYLLABLES
    assert "" not in BEGUN_SYLLABLES


def test_a_long_text_is_split_in_six_ways_at_most() -> None:
    assert len(split("xian" * 2, SYLLABLES)) == 4
    assert len(split("xian" * 10, SYLLABLES)) == 6


@pytest.mark.parametrize(
    ("word", "matches"),
    [
        ("心内科", True),
        ("心血", True),
        ("内心", False),
        ("心心", False),
        ("心外科", False),
        # Letters begin a word, or are syllables in their order, of which the last may be begun.
        ("xinxue", True),
        ("xxg", True),
        ("xinneike", True),
        ("xinke", True),
        ("xinn", True),
        ("xink", True),
        ("keneike", False),
        ("neixin", False),
        ("inxue", False),
        # Three initials or more, in their order and from the first on.
        ("xnk", True),
        ("xgk", True),
        ("xkn", False),
        ("gnk", False),
        ("xxk", True),
        ("nk", False),
    ],
)
def test_what_a_word_matches(word: str, matches: bool) -> None:
    assert pattern(word).is_in(HEART) is matches


def test_a_text_may_begin_with_what_a_word_needs() -> None:
    assert pattern("心内科").is_in("心血管内科")
    assert pattern("心").is_in("心")
    assert not pattern("心").is_in("")


@pytest.mark.parametrize(
    ("syllables", "heard"),
    [
        ("zhang shi chang", "zan si can"),
        ("lan xing", "nan xin"),
        ("nei ke", "nei ke"),
        ("tou teng", "tou ten"),
        ("ling", "nin"),
    ],
)
def test_syllables_as_many_hear_them(syllables: str, heard: str) -> None:
    assert lenient(syllables) == heard


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("头痛", "头疼"),
        ("头疼痛", "头疼"),
        ("腹部", "肚子"),
        ("咽喉", "嗓子"),
        ("睡不着觉", "失眠"),
    ],
)
def test_chinese_words_for_the_same_are_one(text: str, same: str) -> None:
    assert chinese(text) == same


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("我头有点疼", "头疼"),
        ("肚子疼看什么科", "肚子疼"),
        ("请问牙疼挂什么号", "牙疼"),
        ("老是咳嗽怎么办", "咳嗽"),
        ("发热", "发热"),
    ],
)
def test_what_says_nothing_about_the_need_is_left_out(text: str, need: str) -> None:
    assert without_fillers(text) == need


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my tooth hurts", ("tooth", "pain")),
        ("toothache", ("tooth", "pain")),
        ("x-ray", ("xray",)),
        # Numbers of hospitals.
        ("no. 2 eye", ("second", "eye")),
        ("number 1", ("first",)),
        ("nr 8", ("eighth",)),
        ("2nd", ("second",)),
        ("the clinic", ()),
    ],
)
def test_the_words_of_an_english_text_that_matter(text: str, words: tuple[str, ...]) -> None:
    assert english(text) == words


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        # Endings go where a stem of three letters is left.
        ("coughing", "cough"),
        ("coughs", "cough"),
        ("bleeding", "bleed"),
        ("warts", "wart"),
        ("allergies", "allergy"),
        ("tested", "test"),
        ("ears", "ear"),
        ("gas", "gas"),
        ("red", "red"),
        ("acting", "act"),
        ("aging", "aging"),
        ("eyes", "eye"),
        ("filings", "fil"),
        # The first ending that fits: no word loses two.
        ("needings", "need"),
        # But not of words that end so by themselves.
        ("abscess", "abscess"),
        ("virus", "virus"),
        ("arthritis", "arthritis"),
        # breathe and breathing have one stem; three letters stay.
        ("breathe", "breath"),
        ("breathing", "breath"),
        ("eye", "eye"),
        ("knee", "kne"),
        ("knees", "kne"),
        # The spelling of the United States.
        ("paediatric", "pediatric"),
        ("tumour", "tumor"),
        ("oesophagus", "esofagus"),
        # Words for the same, as they are and by their stem.
        ("aching", "pain"),
        ("kids", "child"),
        ("baby's", "baby"),
        ("women's", "woman"),
        ("feels", "feels"),
    ],
)
def test_an_english_word_has_one_form(word: str, stem: str) -> None:
    assert english_word(word) == stem
