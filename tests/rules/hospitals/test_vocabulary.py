"""The names of a city as they are searched: spelled, in English, and by what they are meant."""

from __future__ import annotations

import pytest
from tests.rules.hospitals.small_city import (
    BLURRED,
    CHEST_PAIN,
    CHILDREN,
    CHILDREN_S_EYES,
    COUGH,
    EYES,
    FAMILY_PLANNING,
    FIRST,
    HEART,
    LUNGS,
    PAEDIATRICS,
    WEST,
    department,
    hospital,
    small_city,
    term,
)

from guahao.rules.hospitals.search_terms import TermKind
from guahao.rules.hospitals.vocabulary import SHORT, KnownDepartment, KnownHospital, Vocabulary


def test_letters_that_may_be_initials_are_three() -> None:
    assert SHORT == 3


def test_a_hospital_is_spelled_by_each_of_its_names() -> None:
    assert {"diyirenminyiyuan", "dyrmyy", "shiyiyuan", "syy", "yiyuan", "yy"} <= FIRST.letters
    assert {"ertongyiyuan", "etyy"} <= CHILDREN.letters
    # Pinyin of what it is called besides, also of characters that its name does not hold.
    assert {"eryi", "ey"} <= CHILDREN.letters
    # What may as well mean another is not its own, and what cannot be spelled is left out.
    assert "renminyiyuan" not in WEST.letters
    assert {"", "1yuan", "1y"}.isdisjoint(FIRST.letters)


def test_an_unknown_character_is_left_out_of_the_spelling() -> None:
    plain = KnownHospital(1, "H1", "滏阳医院", "", "", "", "", " 滏阳医院")  # without keys
    assert plain.letters == frozenset()


def test_a_hospital_s_own_text_is_without_its_district() -> None:
    assert FIRST.own_text.startswith(" 安澜市第一人民医院 anlan first people's hospital ")
    assert "城东区" not in FIRST.own_text
    assert "chengdong" not in FIRST.own_text
    # Its own readings are the last: those of the district come after them.
    assert FIRST.own_text.endswith(",yuan,")
    assert WEST.own_text.split().count("城西区") == 0
    without_keys = KnownHospital(1, "H1", "甲", "", "乙区", "", "", " 甲 乙区")
    assert without_keys.own_text == " 甲"


@pytest.mark.parametrize(
    ("district", "called"),
    [("城东区", {"城东区", "城东"}), ("长堤县", {"长堤县", "长堤"}), ("", set())],
)
def test_what_a_district_is_called(district: str, called: set[str]) -> None:
    assert hospital(1, "甲医院", "", district, "").districts == called


def test_the_english_names_of_a_hospital() -> None:
    assert CHILDREN.english_names == {("child",), ("pediatric",)}  # kids hospital
    assert FIRST.english_names == frozenset()
    assert FIRST.own_english == ("anlan", "first", "peopl")
    assert FIRST.english == ("anlan", "first", "peopl", "chengdong")


@pytest.mark.parametrize(
    ("target", "known", "meant"),
    [
        ("03.04 心血管内科", HEART, True),
        ("03.04", HEART, True),
        ("03", HEART, True),  # what is below a code
        ("03.0", HEART, False),
        ("03.04.01", HEART, False),
        ("X1 心血管内科", HEART, True),  # by name where a hospital has codes of its own
        ("X1 内科", HEART, True),  # by the name above it
        ("X1 心血管", HEART, False),
        ("X1", HEART, False),
        ("03.01 心血管内科", LUNGS, True),
        ("03.04 心血管内科", LUNGS, False),
    ],
)
def test_which_departments_a_target_means(target: str, known: KnownDepartment, meant: bool) -> None:
    assert known.is_meant(target) is meant


def test_what_is_above_a_department_may_have_no_name() -> None:
    assert not department("01", "全科", "", ("", "")).is_meant("X1")


def test_targets_are_answered_in_their_order_also_a_second_time() -> None:
    known = small_city()
    eyes, heart = [EYES, CHILDREN_S_EYES], [HEART]
    for _ in range(2):
        assert known.meant(["10", "03.04", "99"]) == [eyes, heart, []]
    assert known.meant(["03.04", "10"]) == [heart, eyes]


@pytest.mark.parametrize(
    ("name", "name_en", "is_for_children"),
    [
        ("小儿眼科", "", True),
        ("普通儿科", "", True),
        ("特需门诊", "Paediatric clinic", True),
        ("特需门诊", "Child care", True),
        ("眼科", "Ophthalmology", False),
    ],
)
def test_which_departments_are_for_children(name: str, name_en: str, is_for_children: bool) -> None:
    assert department("01", name, name_en, ("", "")).for_children is is_for_children


def test_a_department_is_spelled_by_the_first_readings() -> None:
    assert HEART.letters == ("xinxueguanneike", "xxgnk")
    assert PAEDIATRICS.letters == ("putongerke", "ptek")


def test_the_words_of_a_term_by_their_script() -> None:
    assert COUGH.chinese == ("咳嗽", "干咳")
    assert CHEST_PAIN.chinese == ("胸疼", "心口疼")  # 痛 and 疼 are the same
    assert CHEST_PAIN.english == (frozenset({"chest", "pain"}),)
    assert COUGH.letters == {"kesou", "ks", "ganke", "gk"}
    # A word for a child alone is no expression: it would be found in every child's search.
    child = term(9, TermKind.COMPLAINT, ("儿保", "Child", "child check"), ("07",))
    assert child.english == (frozenset({"child", "check"}),)


def test_hospitals_by_what_they_and_their_districts_are_called() -> None:
    called = small_city().hospitals_called
    assert called["一院"] == {1}
    assert called["人民医院"] == {2}
    assert called["城西"] == {2, 3}
    assert called["城东区"] == {1}
    # Neither English names nor a single character.
    assert not [name for name in called if name.isascii() or len(name) < 2]
    lone = hospital(1, "城北区东医院", "", "东区", "")
    assert lone.districts == {"东区", "东"}
    assert "东" not in Vocabulary((lone,)).hospitals_called


def test_how_long_the_longest_name_of_a_hospital_is() -> None:
    assert small_city().longest_name == len("安澜市第一人民医院")
    assert Vocabulary().longest_name == 0


def test_the_words_that_a_misspelt_word_may_be_meant_for() -> None:
    words = small_city().spellings
    assert (words["kesou"], words["咳嗽"], words["cough"]) == ("kesou", "咳嗽", "cough")
    assert (words["blurred vision"], words["vision"]) == ("blurred vision", "vision")
    assert (words["计划生育科"], words["jihuashengyuke"]) == ("计划生育科", "jihuashengyuke")
    assert (words["planning"], words["family"]) == ("planning", "family")
    assert (words["一院"], words["dyrmyy"]) == ("一院", "dyrmyy")
    # Initials of departments are too short to be misspelt, and so are short English words.
    assert FAMILY_PLANNING.letters[1] not in words
    short = term(9, TermKind.COMPLAINT, ("低热", "Low fever now"), ("03",))
    spelled = Vocabulary(terms=(short,)).spellings
    assert {"low fever now", "fever"} <= spelled.keys()
    assert {"low", "now"}.isdisjoint(spelled)


def test_the_english_words_of_the_city() -> None:
    assert {"cough", "chest", "pain", "cardiology", "family"} <= small_city().english_words
    assert {"hospital", "anlan"}.isdisjoint(small_city().english_words)
    assert BLURRED.english[0] <= small_city().english_words


def test_a_search_is_narrowed_down_by_districts_and_by_the_commonest_grades_first() -> None:
    city = Vocabulary(
        (
            KnownHospital(1, "1", "一", "", "城东", "", "二级", ""),
            KnownHospital(2, "2", "二", "", "城西", "West", "三级", ""),
            KnownHospital(3, "3", "三", "", "城东", "East", "一级", ""),
            KnownHospital(4, "4", "四", "", "城东", "", "三级", ""),
        )
    )
    assert city.filters.districts == [("城东", "East"), ("城西", "West")]
    assert city.filters.grades == ["三级", "一级", "二级"]
