"""What an entry of the list of search terms may hold, each answer at its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guahao.rules.hospitals import search_terms
from guahao.rules.hospitals.search_terms import (
    SearchTerm,
    TermFacts,
    TermKind,
    TermRefusal,
    code_of,
    decide_deletion,
    decide_term,
    fault_of,
    listed,
    name_of,
)
from guahao.rules.kernel.versions import version_of

FEVER = TermFacts(
    TermKind.COMPLAINT,
    "发热",
    "Fever",
    ("发烧", "fever"),
    ("03.01 呼吸内科",),
    ("07",),
    urgent=False,
)
KNOWN = [SearchTerm(1, FEVER), SearchTerm(2, replace(FEVER, name="咳嗽"))]
R = TermRefusal


def test_the_bounds_of_an_entry() -> None:
    assert (search_terms.WORD_MAX, search_terms.WORDS_MAX) == (40, 80)
    assert (search_terms.TARGET_MAX, search_terms.TARGETS_MAX) == (60, 8)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        # Each fault where every later one is there as well.
        ({"name": "", "name_en": "x" * 41, "also": ("？",), "targets": ()}, R.NAME),
        ({"name": "长" * 41}, R.NAME),
        ({"name": "？！"}, R.NAME),
        ({"name_en": "x" * 41, "also": ("？",), "targets": ()}, R.NAME_EN),
        ({"also": ("长" * 41,), "targets": ()}, R.WORD),
        ({"also": ("发烧", "？"), "targets": ()}, R.WORD),
        ({"also": tuple(f"词{n}" for n in range(81)), "targets": ()}, R.TOO_MANY_WORDS),
        ({"targets": (), "children": ("不是",)}, R.TARGETS),
        ({"targets": ("03",) * 9, "children": ("不是",)}, R.TARGETS),
        ({"targets": ("03", "呼吸内科"), "children": ("07",) * 9}, R.TARGET),
        ({"children": ("儿科",)}, R.TARGET),
        ({"targets": ("03 " + "长" * 58,)}, R.TARGET),
        ({"targets": ("3" * 33,)}, R.TARGET),
        ({"children": ("07",) * 9}, R.CHILDREN),
        ({"kind": TermKind.HOSPITAL}, R.CHILDREN),
        # The most and the least that an entry may hold.
        ({"name": "热", "name_en": "", "also": (), "children": ()}, None),
        ({"name": "长" * 40, "name_en": "x" * 40, "also": ("长" * 40,)}, None),
        ({"also": tuple(f"词{n}" for n in range(80))}, None),
        ({"targets": ("03",) * 8, "children": ("07",) * 8}, None),
        ({"targets": ("03 " + "长" * 57,)}, None),
        ({"kind": TermKind.HOSPITAL, "children": ()}, None),
        ({"kind": TermKind.DEPARTMENT}, None),
    ],
)
def test_the_first_fault_of_an_entry_answers(
    changed: dict[str, object], fault: TermRefusal | None
) -> None:
    facts = replace(FEVER, **changed)  # type: ignore[arg-type]
    assert fault_of(facts) is fault
    assert decide_term([], facts) is fault


def test_a_name_stands_once_among_entries_of_its_kind() -> None:
    again = replace(FEVER, name=" 發熱 ")  # as it is searched for, the same
    assert decide_term(KNOWN, again) is R.NAME_TAKEN
    assert decide_term(KNOWN, replace(again, kind=TermKind.DEPARTMENT)) is None
    assert decide_term(KNOWN, replace(FEVER, name="头晕")) is None


@pytest.mark.parametrize(
    ("id", "seen", "name", "refusal"),
    [
        (3, "another", "", R.UNKNOWN),
        (1, "another", "", R.CHANGED_MEANWHILE),
        (1, version_of(FEVER), "", R.NAME),
        (1, version_of(FEVER), "咳嗽", R.NAME_TAKEN),
        (1, version_of(FEVER), "发热", None),
        (1, version_of(FEVER), "发烧", None),
    ],
)
def test_the_first_obstacle_to_changing_an_entry_answers(
    id: int, seen: str, name: str, refusal: TermRefusal | None
) -> None:
    assert decide_term(KNOWN, replace(FEVER, name=name), id, seen) is refusal


@pytest.mark.parametrize(
    ("id", "seen", "refusal"),
    [
        (3, version_of(FEVER), R.UNKNOWN),
        (2, version_of(FEVER), R.CHANGED_MEANWHILE),
        (1, version_of(FEVER), None),
    ],
)
def test_an_entry_is_deleted_as_it_was_shown(
    id: int, seen: str, refusal: TermRefusal | None
) -> None:
    assert decide_deletion(KNOWN, id, seen) is refusal


@pytest.mark.parametrize(
    ("target", "code", "name"),
    [
        ("03.04 心血管内科", "03.04", "心血管内科"),
        ("03.04", "03.04", ""),
        ("X-1 Eye and ear", "X-1", "Eye and ear"),
    ],
)
def test_a_department_is_named_by_code_and_name(target: str, code: str, name: str) -> None:
    assert (code_of(target), name_of(target)) == (code, name)


def test_words_are_listed_as_people_write_them() -> None:
    assert listed(" 发热、高烧，fever；  high temperature \n发热,;") == (
        *("发热", "高烧", "fever", "high temperature"),
    )
    assert listed("、 \n") == ()


def test_an_entry_is_found_by_each_of_its_words_once() -> None:
    assert FEVER.words == ("发热", "Fever", "发烧", "fever")
    assert replace(FEVER, name_en="", also=("发热", "热")).words == ("发热", "热")
