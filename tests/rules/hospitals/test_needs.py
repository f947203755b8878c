"""What a search means: words that people use, each with what it must find first."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.hospitals.searching import by_quality, first, found, vocabulary

import guahao.web
from guahao.rules.hospitals.needs import understand
from guahao.rules.hospitals.search_terms import code_of
from guahao.rules.hospitals.vocabulary import Vocabulary

# What is typed, and what may be found first: departments or hospitals of the demo city.
TABLE = [
    line.split(" → ")
    for line in (Path(__file__).parent / "searches.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 240
    assert len({q for q, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize(("q", "wanted"), TABLE)
def test_what_people_type_finds_the_right_place_first(q: str, wanted: str) -> None:
    assert first(q) in wanted.split("|"), found(q)[:5]


HELP = Path(guahao.web.__file__).parent / "templates"
# The examples of the help pages, each a link to its search, and what they are to find.
EXAMPLES = {
    "眼科": "综合眼科",
    "xxgnk": "心血管内科",
    "看牙": "牙体牙髓科",
    "高血压": "心血管内科",
    "ophthalmology": "综合眼科",
    "toothache": "牙体牙髓科",
    "hypertension": "心血管内科",
}


@pytest.mark.parametrize("page", ["help.zh.html", "help.en.html"])
def test_every_example_of_the_help_finds_its_department_first(page: str) -> None:
    examples = re.findall(r'href="/search\?q=([^"]+)"', (HELP / page).read_text("utf-8"))
    assert len(examples) == 4
    assert {q: first(q) for q in examples} == {q: EXAMPLES[q] for q in examples}


def test_every_department_of_the_list_is_in_the_city() -> None:
    facts = [term.term.facts for term in vocabulary().terms]
    targets = {target for one in facts for target in (*one.targets, *one.children)}
    missed = {target for target in targets if not vocabulary().meant([target])[0]}
    assert {code_of(target) for target in missed} == {"20.81"}


def test_every_term_leads_to_its_own_department() -> None:
    missed = []
    for term in vocabulary().terms:
        wanted = vocabulary().meant(term.term.facts.targets[:1])[0]
        meaning = understand(term.term.facts.name, vocabulary())
        if wanted and by_quality(meaning)[0] not in wanted and not meaning.for_child:
            missed.append((term.term.facts.name, by_quality(meaning)[0].name))
    assert missed == []


@pytest.mark.parametrize(
    "q", ["胸痛", "chest pain", "中风", "heart attack", "喘不上气", "昏迷", "车祸"]
)
def test_what_may_be_an_emergency_is_marked(q: str) -> None:
    assert understand(q, vocabulary()).urgent


@pytest.mark.parametrize("q", ["感冒", "cough", "看牙", "心内科", "儿童医院", "脱发"])
def test_what_can_wait_is_not(q: str) -> None:
    assert not understand(q, vocabulary()).urgent


def test_a_need_in_a_hospital_is_looked_for_there_alone() -> None:
    meaning = understand("儿童医院眼科", vocabulary())
    assert meaning.within is not None
    names = {hospital.id: hospital.name for hospital in vocabulary().hospitals}
    assert {names[id] for id in meaning.within} == {"安澜市儿童医院"}


def test_a_need_in_a_district_is_looked_for_in_its_hospitals() -> None:
    meaning = understand("白鹭 牙科", vocabulary())
    assert meaning.within is not None
    districts = {hospital.id: hospital.district for hospital in vocabulary().hospitals}
    assert {districts[id] for id in meaning.within} == {"白鹭区"}


@pytest.mark.parametrize("q", ["", "   ", "？！", "zzzzzz", "qqqqqq", "龘龘龘龘"])
def test_what_means_nothing_finds_nothing(q: str) -> None:
    assert found(q) == []


def test_a_city_without_a_list_is_searched_by_names() -> None:
    bare = replace(vocabulary(), terms=())
    names = [department.name for department in by_quality(understand("xinneike", bare))]
    assert names[0] == "心血管内科"
    assert understand("头疼", Vocabulary()).best == 0


@given(st.sampled_from([q for q, _ in TABLE]))
def test_case_width_and_spaces_around_change_nothing(q: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in q)
    assert found(f"  {q.upper()} ") == found(q) == found(wide)


@given(st.text(max_size=80))
def test_every_text_means_something_or_nothing(q: str) -> None:
    meaning = understand(q, vocabulary())
    assert all(0 < quality <= 110 for quality in meaning.departments.values())
    assert all(0 < quality <= 110 for quality in meaning.hospitals.values())


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", max_size=80))
def test_letters_without_end_are_understood_at_once(q: str) -> None:
    understand(q, vocabulary())
