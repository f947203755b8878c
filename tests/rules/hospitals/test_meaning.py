"""How well each kind of match does: what a search of a small city means, the best first.

The scale is from 0 to 100. A name that is typed whole is before a term of the list, this before
the beginning of a name, this before a part of it, and so on; of two names alike the shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.rules.hospitals.small_city import (
    BIRTH,
    BLURRED,
    CHEST_PAIN,
    CHILDREN,
    CHILDREN_S_EYES,
    CONTRACEPTION,
    COUGH,
    EAST,
    EYES,
    FAMILY_PLANNING,
    FIRST,
    HEART,
    HEART_DOCTOR,
    LUNGS,
    PAEDIATRICS,
    WEST,
    department,
    hospital,
    small_city,
    term,
)

from guahao.rules.hospitals.needs import Meaning, understand
from guahao.rules.hospitals.search_terms import TermKind
from guahao.rules.hospitals.vocabulary import (
    KnownDepartment,
    KnownHospital,
    KnownTerm,
    Vocabulary,
)

Departments = dict[KnownDepartment, float]
Hospitals = dict[KnownHospital, float]


def departments_of(meaning: Meaning) -> dict[str, float]:
    return {one.name: round(quality, 2) for one, quality in meaning.departments.items()}


def named(expected: Mapping[KnownDepartment, float]) -> dict[str, float]:
    return {one.name: quality for one, quality in expected.items()}


def by_id(expected: Hospitals) -> dict[int, float]:
    return {one.id: quality for one, quality in expected.items()}


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        # The whole name, in Chinese, English, pinyin and initials.
        ("心血管内科", {HEART: 99.95}),
        ("cardiology", {HEART: 99.95}),
        ("medicine respiratory", {LUNGS: 98.96}),
        ("xinxueguanneike", {HEART: 94.95}),
        ("xxgnk", {HEART: 94.95}),
        ("zhyk", {EYES: 94.96}),
        # Its beginning, a part of it, its characters with gaps.
        ("心血", {HEART: 84.95}),
        ("血管", {HEART: 74.95}),
        ("眼科", {EYES: 74.96, CHILDREN_S_EYES: 74.96}),
        ("心内科", {HEART: 49.95}),
        ("心 neike", {HEART: 49.95}),
        ("心血 cardiology", {HEART: 49.95}),
        # The beginning of a word or a syllable; three letters or fewer may be initials.
        ("cardio", {HEART: 69.95}),
        ("neike", {HEART: 69.95, LUNGS: 69.96}),
        ("xgnk", {HEART: 69.95}),
        ("car", {HEART: 49.95}),
        ("ck", {BIRTH: 76.98}),
        ("xxg", {HEART: 49.95}),
        ("xink", {HEART: 49.95}),
        ("xnk", {HEART: 44.95, LUNGS: 49.96}),
        ("medic resp", {LUNGS: 49.96}),
        ("genera ophthalm", {EYES: 49.96}),
        ("general opht eye", {}),
        # The name above it.
        ("respiratory med", {LUNGS: 69.96}),
        ("internal medicine", {HEART: 65.95, LUNGS: 65.96}),
        ("妇产科", {BIRTH: 65.98, FAMILY_PLANNING: 65.95}),
        ("medicine internal", {}),
        # The ninth word is not read; with the eighth it is the most similar word that is found.
        ("心 血 管 内 科 心 血 管 目", {HEART: 49.95}),
        ("心 血 管 内 科 心 血 目", {HEART: 99.95}),
    ],
)
def test_how_well_the_name_of_a_department_is_met(q: str, expected: Departments) -> None:
    meaning = understand(q, small_city())
    qualities = {one.name: quality for one, quality in meaning.departments.items()}
    assert qualities == pytest.approx(named(expected), abs=1e-6)
    assert (meaning.within, meaning.terms, meaning.hospitals) == (None, [], {})


@pytest.mark.parametrize(
    ("q", "terms", "expected"),
    [
        # A term that is all of the search; its further departments come after.
        ("咳嗽", [COUGH], {LUNGS: 95, HEART: 89}),
        ("干咳", [COUGH], {LUNGS: 95, HEART: 89}),
        ("咳得嗽", [COUGH], {LUNGS: 95, HEART: 89}),
        ("blured vision", [BLURRED], {EYES: 95}),
        ("我咳嗽得很厉害", [COUGH], {LUNGS: 95, HEART: 89}),
        ("体检发现咳嗽", [COUGH], {LUNGS: 95, HEART: 89}),
        ("cough", [COUGH], {LUNGS: 95, HEART: 89}),
        ("kesou", [COUGH], {LUNGS: 95, HEART: 89}),
        ("gan ke", [COUGH], {LUNGS: 95, HEART: 89}),
        ("wo kesou", [COUGH], {LUNGS: 95, HEART: 89}),
        ("心口疼痛", [CHEST_PAIN], {HEART: 95}),
        ("heart clinic", [HEART_DOCTOR], {HEART: 95}),
        # A part of the search: the more, the better.
        ("半夜咳嗽流汗", [COUGH], {LUNGS: 75, HEART: 69}),
        ("咳嗽三十天", [COUGH], {LUNGS: 72, HEART: 66}),
        ("某某医院咳嗽", [COUGH], {LUNGS: 70, HEART: 64}),
        ("coughs at night", [COUGH], {LUNGS: 75, HEART: 69}),
        ("kesou le", [COUGH], {LUNGS: 70, HEART: 64}),
        # Initials: two letters can be anything.
        ("ks", [COUGH], {LUNGS: 76, HEART: 70}),
        ("xt", [CHEST_PAIN], {HEART: 76}),
        ("xkt", [CHEST_PAIN], {HEART: 76}),
        ("ksx", [], {}),
        # Two terms in their order; a department of both is a little before.
        ("咳嗽眼花", [COUGH, BLURRED], {LUNGS: 95, HEART: 89, EYES: 94}),
        ("眼花咳嗽", [BLURRED, COUGH], {EYES: 95, LUNGS: 94, HEART: 88}),
        ("kesou yanhua", [COUGH, BLURRED], {LUNGS: 95, HEART: 89, EYES: 94}),
        ("yanhua kesou", [BLURRED, COUGH], {EYES: 95, LUNGS: 94, HEART: 88}),
        ("胸痛咳嗽", [CHEST_PAIN, COUGH], {HEART: 95.5, LUNGS: 94}),
        ("咳嗽胸痛", [COUGH, CHEST_PAIN], {LUNGS: 95, HEART: 94.5}),
        ("kesouxiongtong", [COUGH, CHEST_PAIN], {LUNGS: 95, HEART: 94.5}),
        ("heart cough", [HEART_DOCTOR, COUGH], {HEART: 95.5, LUNGS: 94}),
        ("cough heart", [COUGH, HEART_DOCTOR], {LUNGS: 95, HEART: 94.5}),
        # In English the longer expression comes first, in whichever order they are typed.
        ("cough and blurred vision", [BLURRED, COUGH], {EYES: 95, LUNGS: 94, HEART: 88}),
        (
            "night sweats cough and blurred vision",
            [BLURRED, COUGH],
            {EYES: 78, LUNGS: 77, HEART: 71},
        ),
        # A word of an expression alone is not the expression.
        ("blurred", [], {}),
    ],
)
def test_how_well_a_term_of_the_list_is_met(
    q: str, terms: list[KnownTerm], expected: Departments
) -> None:
    meaning = understand(q, small_city())
    assert meaning.terms == [known.term for known in terms]
    assert departments_of(meaning) == named(expected)
    assert (meaning.for_child, meaning.pregnant, meaning.guessed) == (False, False, "")


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        # For a child without anything else, and with what says something else.
        ("孩子", {PAEDIATRICS: 95}),
        ("haizi", {PAEDIATRICS: 95}),
        ("child", {PAEDIATRICS: 95}),
        ("孩子头大", {PAEDIATRICS: 55}),
        ("child xyzzyx", {PAEDIATRICS: 55}),
        # The departments that the term names for a child come first; else children's in general.
        ("孩子咳嗽", {PAEDIATRICS: 95, LUNGS: 89, HEART: 83}),
        ("haizi kesou", {PAEDIATRICS: 95, LUNGS: 89, HEART: 83}),
        ("child cough", {PAEDIATRICS: 95, LUNGS: 89, HEART: 83}),
        ("my 3 year old coughs", {PAEDIATRICS: 95, LUNGS: 89, HEART: 83}),
        ("孩子眼花", {PAEDIATRICS: 95.5, EYES: 83}),
        # Of departments met by name those for children come first.
        ("小孩眼科", {CHILDREN_S_EYES: 77.96, EYES: 74.96, PAEDIATRICS: 55}),
        ("pediatric ophthalmology", {CHILDREN_S_EYES: 100, PAEDIATRICS: 55}),
    ],
)
def test_what_is_sought_for_a_child(q: str, expected: Departments) -> None:
    meaning = understand(q, small_city())
    assert departments_of(meaning) == named(expected)
    assert meaning.for_child


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("怀孕", {BIRTH: 56}),
        ("pregnant", {BIRTH: 56}),
        ("怀孕咳嗽", {BIRTH: 76, LUNGS: 75, HEART: 69}),
        ("pregnant cough", {BIRTH: 76, LUNGS: 75, HEART: 69}),
        ("怀孕胸痛咳嗽", {BIRTH: 81.5, HEART: 80.5, LUNGS: 79}),
        # Not where something says that she is not to be.
        ("怀孕避孕", {FAMILY_PLANNING: 75, BIRTH: 69}),
        ("pregnant contraception", {FAMILY_PLANNING: 75, BIRTH: 69}),
        ("怀孕避孕咳嗽", {FAMILY_PLANNING: 80, BIRTH: 74, LUNGS: 79, HEART: 73}),
    ],
)
def test_who_is_pregnant_is_sent_to_obstetrics_first(q: str, expected: Departments) -> None:
    meaning = understand(q, small_city())
    assert departments_of(meaning) == named(expected)
    assert meaning.pregnant


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        # What it is called, also with its district as another word.
        ("第一人民医院", {FIRST: 100}),
        ("第1人民医院", {FIRST: 100}),
        ("一院", {FIRST: 100}),
        ("城西医院", {WEST: 100}),
        ("城西 人民医院", {WEST: 100}),
        ("城东 一院", {FIRST: 99}),
        ("人民医院 城东区", {FIRST: 50}),
        # In pinyin and initials.
        ("shiyiyuan", {FIRST: 97, CHILDREN: 52}),
        ("etyy", {CHILDREN: 97}),
        ("syy", {FIRST: 73}),
        ("cqry", {WEST: 47}),
        ("cqrmy", {WEST: 52}),
        # What may as well mean another, and a part of the name.
        ("人民医院", {WEST: 85, FIRST: 77}),
        ("人民", {WEST: 85, FIRST: 77}),
        ("安澜", {FIRST: 77, CHILDREN: 77}),
        ("民人", {FIRST: 50, WEST: 50}),
        # Its district: before a hospital that has the district in its name.
        ("城西", {WEST: 77, CHILDREN: 75}),
        ("chengxi", {WEST: 80, CHILDREN: 74.33}),
        # English words, more of the name the better.
        ("people's", {WEST: 80, FIRST: 77.5}),
        ("peop", {WEST: 80, FIRST: 77.5}),
        ("kids", {CHILDREN: 75}),
        ("kids hospital", {CHILDREN: 100}),
        ("first people's hospital", {FIRST: 80}),
        ("anlan hospital", {CHILDREN: 78.33, FIRST: 77.5}),
        # A name of the list, for several hospitals in its order.
        ("东方医院", {WEST: 100, FIRST: 99}),
        ("orient", {WEST: 100, FIRST: 99}),
        ("dfyy", {WEST: 100, FIRST: 99}),
        # Any.
        ("医院", {FIRST: 50, WEST: 50, CHILDREN: 50}),
        ("hospital", {FIRST: 50, WEST: 50, CHILDREN: 50}),
    ],
)
def test_how_well_a_hospital_is_met(q: str, expected: Hospitals) -> None:
    meaning = understand(q, small_city())
    found = {id: round(quality, 2) for id, quality in meaning.hospitals.items()}
    assert found == by_id(expected)


@pytest.mark.parametrize(
    ("q", "within", "expected"),
    [
        # In one word, on either side; a hospital is surer as a word by itself.
        ("一院咳嗽", {FIRST: 85}, {LUNGS: 95, HEART: 92}),
        ("咳嗽一院", {FIRST: 85}, {LUNGS: 95, HEART: 92}),
        ("一院 咳嗽", {FIRST: 100}, {LUNGS: 102.5, HEART: 99.5}),
        ("咳嗽 一院", {FIRST: 100}, {LUNGS: 102.5, HEART: 99.5}),
        ("东方医院 咳嗽", {WEST: 100, FIRST: 99}, {LUNGS: 102.5, HEART: 99.5}),
        ("医院 咳嗽", {FIRST: 50, WEST: 50, CHILDREN: 50}, {LUNGS: 77.5, HEART: 74.5}),
        # A district; only departments that are there.
        ("城西 眼科", {WEST: 85, CHILDREN: 85}, {EYES: 84.98, CHILDREN_S_EYES: 84.98}),
        ("眼科 城西区", {WEST: 85, CHILDREN: 85}, {EYES: 84.98, CHILDREN_S_EYES: 84.98}),
        ("儿童医院眼科", {CHILDREN: 100}, {CHILDREN_S_EYES: 92.48}),
        # In English.
        ("first people's hospital cough", {FIRST: 80}, {LUNGS: 92.5, HEART: 89.5}),
        ("cough first people's hospital", {FIRST: 80}, {LUNGS: 92.5, HEART: 89.5}),
        ("anlan cough", {FIRST: 77.5, CHILDREN: 78.33}, {LUNGS: 91.67, HEART: 88.67}),
    ],
)
def test_a_need_in_a_hospital_is_both_of_them(
    q: str, within: Hospitals, expected: Departments
) -> None:
    meaning = understand(q, small_city())
    assert meaning.within is not None
    assert {id: round(quality, 2) for id, quality in meaning.within.items()} == by_id(within)
    assert departments_of(meaning) == named(expected)
    assert meaning.hospitals == {}


def test_a_single_character_beside_a_hospital_is_a_need() -> None:
    tooth = term(1, TermKind.COMPLAINT, ("牙", ""), ("03.04",))
    meaning = understand("一院牙", replace(small_city(), terms=(tooth,)))
    assert meaning.within == {1: 85}


def test_what_is_for_children_anyway_stays_as_it_is_listed() -> None:
    measles = term(1, TermKind.COMPLAINT, ("麻疹", "Measles"), ("07.81", "03.01"), ("10.02",))
    known = replace(small_city(), terms=(measles,))
    expected = {PAEDIATRICS: 95, LUNGS: 89}
    assert departments_of(understand("孩子麻疹", known)) == named(expected)
    assert departments_of(understand("麻疹", known)) == named(expected)


def test_where_a_term_is_all_of_a_search_its_departments_are_before_one_so_named() -> None:
    eyes = term(1, TermKind.DEPARTMENT, ("综合眼科", ""), ("10.02",))
    meaning = understand("看综合眼科吗", replace(small_city(), terms=(eyes,)))
    assert departments_of(meaning) == named({CHILDREN_S_EYES: 95, EYES: 94})
    with_more = understand("看综合眼科吗牛", replace(small_city(), terms=(eyes,)))
    assert departments_of(with_more) == named({CHILDREN_S_EYES: 84})


def test_terms_of_the_same_words_come_in_the_order_of_the_list() -> None:
    again = term(9, TermKind.COMPLAINT, ("眼蒙", "Blurred vision"), ("03.04",))
    known = replace(small_city(), terms=(BLURRED, again))
    assert understand("blurred vision", known).terms == [BLURRED.term]
    assert understand("blurred vision", replace(known, terms=(again, BLURRED))).terms == [
        again.term
    ]


def test_a_need_that_the_hospital_has_no_department_for_is_sought_everywhere() -> None:
    meaning = understand("儿童医院产科", small_city())
    assert (meaning.within, meaning.hospitals) == (None, {})


@pytest.mark.parametrize(
    ("q", "guessed"),
    [
        ("coufh", "cough"),
        ("heat", "heart"),  # it could be pinyin
        ("kesuo", "kesou"),
        ("xinxueguanneika", "xinxueguanneike"),
        ("计划生玉科", "计划生育科"),
        ("第一人氏医院", "第一人民医院"),
        ("心脏料", "心脏科"),  # three characters are enough, of letters four
    ],
)
def test_a_misspelt_word_is_taken_for_the_most_similar(q: str, guessed: str) -> None:
    meaning = understand(q, small_city())
    assert meaning.guessed == guessed
    assert meaning.best >= 94


def test_syllables_are_understood_as_they_are_heard() -> None:
    meaning = understand("xiongton", small_city())
    assert (meaning.terms, meaning.guessed) == ([CHEST_PAIN.term], "")


@pytest.mark.parametrize("q", ["zzzz", "目", "咳喇", "xyz", "eyy", "orixxt", "龘龘龘龘", "？！"])
def test_what_is_similar_to_nothing_means_nothing(q: str) -> None:
    assert understand(q, small_city()) == Meaning()


@pytest.mark.parametrize(
    ("listed", "typed"),
    [("小便有血", "大便有血"), ("上肢无力", "下肢无力"), ("血压低了", "血压高了")],
)
def test_the_opposite_is_never_guessed(listed: str, typed: str) -> None:
    known = replace(small_city(), terms=(term(1, TermKind.COMPLAINT, (listed, ""), ("03.04",)),))
    assert understand(listed, known).terms
    assert understand(typed, known) == Meaning()
    assert understand(listed[:3] + "雪", known).guessed == listed


@pytest.mark.parametrize(
    ("listed", "typed"),
    [("腿根部痛了", "大腿跟部痛了"), ("腿根部痛了", "小腿跟部痛了"), ("上下楼腿疼", "上楼腿疼")],
)
def test_a_word_that_says_neither_or_both_may_be_guessed(listed: str, typed: str) -> None:
    known = Vocabulary((), (HEART,), (term(1, TermKind.COMPLAINT, (listed, ""), ("03.04",)),))
    assert understand(typed, known).guessed == listed


def test_of_similar_words_three_are_looked_at() -> None:
    """The first that does not say the opposite is taken."""
    opposite = [
        term(n, TermKind.COMPLAINT, (f"大便里有血块{end}", ""), ("05",))
        for n, end in enumerate(["", "吗", "呀"])
    ]
    other = term(9, TermKind.COMPLAINT, ("肚里有血块", ""), ("03.04",))
    for shown, guessed in ((2, "肚里有血块"), (3, "")):
        known = Vocabulary((), (HEART,), (*opposite[:shown], other))
        assert understand("小便里有血块", known).guessed == guessed


def test_a_number_in_digits_is_read_as_it_is_written_in_names() -> None:
    ninth = term(1, TermKind.HOSPITAL, ("第九院", ""), ("H2",))
    known = replace(small_city(), terms=(ninth,))
    for q in ("第九院", "第9院", "第９院"):
        assert understand(q, known).hospitals == {2: 100}


def test_a_name_of_the_list_for_many_hospitals_means_those_within_ten_of_the_first() -> None:
    hospitals = [hospital(n, f"第{n}号楼", "", "", "") for n in range(1, 15)]
    targets = tuple(f"H{n}" for n in range(1, 15))
    chain = term(1, TermKind.HOSPITAL, ("连锁医院", ""), targets)
    heart = department("03.04", "心血管内科", "", ("", ""), *range(1, 15))
    meaning = understand("连锁医院 心血管内科", Vocabulary(tuple(hospitals), (heart,), (chain,)))
    assert meaning.within == {n: 101 - n for n in range(1, 12)}


def test_what_matches_45_less_than_the_best_is_still_shown() -> None:
    """儿科 is a part of what 儿童医院 is called besides (儿科医院), with gaps."""
    paediatrics = term(1, TermKind.DEPARTMENT, ("儿科", ""), ("07.81",))
    meaning = understand("儿科", replace(small_city(), terms=(paediatrics,)))
    assert (meaning.best, meaning.hospitals) == (95, {3: 50})


def test_what_matches_far_worse_than_the_best_is_not_shown() -> None:
    names = ("内科", "内分泌科")
    medicine = [department("99", name, "", ("其他", "")) for name in names]
    known = Vocabulary(departments=tuple(medicine))
    assert departments_of(understand("内科", known)) == {"内科": 99.98}  # the other: 49.96


def test_what_a_meaning_says_of_itself() -> None:
    nothing = Meaning()
    assert (nothing.best, nothing.hospitals_first, nothing.urgent) == (0, False, False)
    assert (nothing.for_child, nothing.pregnant) == (False, False)
    both = Meaning({HEART: 70, LUNGS: 60}, {1: 70, 2: 10})
    assert both.best == 70
    assert not both.hospitals_first
    assert replace(both, hospitals={1: 70.5, 2: 10}).hospitals_first
    assert Meaning(hospitals={1: 1}).hospitals_first
    assert not Meaning({HEART: 1}).hospitals_first


def test_complaints_and_emergencies_among_the_terms() -> None:
    mixed = understand("胸痛心脏科咳嗽", small_city())
    complaints = [term for term in mixed.terms if term.facts.kind is TermKind.COMPLAINT]
    assert complaints == [CHEST_PAIN.term, COUGH.term]
    assert mixed.urgent
    assert not understand("咳嗽", small_city()).urgent


def test_a_hospital_s_name_is_no_complaint() -> None:
    assert understand("东方医院咳嗽", small_city()).terms == [COUGH.term]
    assert EAST.term not in understand("orient cough", small_city()).terms
    assert CONTRACEPTION.term not in understand("orient cough", small_city()).terms


def test_the_longest_word_is_recognised_where_words_overlap() -> None:
    """脚后跟疼 holds 跟疼 and 脚; a single character says less than a word, wherever it stands."""
    heel = term(1, TermKind.COMPLAINT, ("后跟疼", ""), ("03.04",))
    foot = term(2, TermKind.COMPLAINT, ("脚", ""), ("10.01",))
    swollen = term(3, TermKind.COMPLAINT, ("跟疼肿", ""), ("05.02",))
    short = term(4, TermKind.COMPLAINT, ("后跟", ""), ("05.02",))
    known = replace(small_city(), terms=(swollen, foot, heel))
    # Of two that are as long as each other the one that begins first.
    assert understand("脚后跟疼肿", known).terms == [heel.term, foot.term]
    assert understand("hougentengzhong", known).terms == [heel.term]
    longer = replace(small_city(), terms=(short, foot, swollen))
    assert understand("脚后跟疼肿", longer).terms == [swollen.term, foot.term]
    assert understand("hougentengzhong", longer).terms == [swollen.term]


def test_letters_that_can_be_split_in_several_ways_are_a_term_or_nothing() -> None:
    """xianbing is xian bing first, and xi an bing where that is a term as a whole."""
    known = replace(
        small_city(),
        terms=(
            term(1, TermKind.COMPLAINT, ("西安病", ""), ("03.04",)),
            term(2, TermKind.COMPLAINT, ("西安", ""), ("10.01",)),
        ),
    )
    assert departments_of(understand("xianbing", known)) == named({HEART: 95})
    part = replace(known, terms=known.terms[1:])
    assert understand("xianbing", part) == Meaning()


def test_a_few_letters_are_no_word_of_a_term() -> None:
    itch = term(1, TermKind.COMPLAINT, ("痒", "Itch"), ("03.04",))
    burn = term(2, TermKind.COMPLAINT, ("烧伤", "Burn"), ("03.04",))
    known = replace(small_city(), terms=(itch, burn))
    assert understand("yang", known).terms == [itch.term]
    assert understand("y", known).terms == []  # an initial of almost anything
    assert understand("burrn", known).terms == [burn.term]
    assert understand("brn", known).terms == []  # too short to be misspelt


def test_a_hospital_of_a_part_of_the_city_is_called_by_it() -> None:
    campus = hospital(9, "安澜市第一人民医院新澜院区", "Xinlan Campus", "新澜区", "Xinlan")
    known = Vocabulary((FIRST, campus))
    assert understand("一院新澜", known).hospitals == {9: 100}
    assert understand("一院", known).hospitals == {1: 100, 9: 85}
