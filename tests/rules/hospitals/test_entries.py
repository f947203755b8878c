"""What titles, departments, hospitals and their rules may be, each answer at its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import NOW

from guahao.rules.hospitals import departments, hospital_rules, hospitals, titles
from guahao.rules.hospitals.departments import (
    Department,
    DepartmentEntry,
    DepartmentReach,
    DepartmentRefusal,
)
from guahao.rules.hospitals.hospital_rules import DatedRules, RulesRefusal
from guahao.rules.hospitals.hospitals import (
    HospitalFacts,
    HospitalFault,
    HospitalRecord,
    HospitalRefusal,
)
from guahao.rules.hospitals.ordering import moved
from guahao.rules.hospitals.titles import Title, TitleRefusal
from guahao.rules.kernel.limits import HospitalRules
from guahao.rules.kernel.versions import version_of

# Titles -------------------------------------------------------------------------------------

CHIEF = Title(1, "主任医师", "Chief physician", None)
LONG_EN = "x" * (titles.NAME_EN_MAX + 1)


@pytest.mark.parametrize(
    ("name", "name_en", "answer"),
    [
        ("", LONG_EN, TitleRefusal.NAME),
        ("长" * (titles.NAME_MAX + 1), LONG_EN, TitleRefusal.NAME),
        ("主任医师", LONG_EN, TitleRefusal.NAME_EN),
        ("主任医师", "", TitleRefusal.NAME_TAKEN),
        ("长" * titles.NAME_MAX, "x" * titles.NAME_EN_MAX, None),
        ("长", "", None),
    ],
)
def test_the_first_fault_of_a_new_title_answers(
    name: str, name_en: str, answer: TitleRefusal | None
) -> None:
    existing = [replace(CHIEF, id=2, name="医师"), CHIEF]
    assert titles.decide_addition(existing, name, name_en) is answer


@pytest.mark.parametrize(
    ("title", "seen", "name_en", "answer"),
    [
        (None, "another", LONG_EN, TitleRefusal.UNKNOWN),
        (replace(CHIEF, retired_at=NOW), version_of(CHIEF), "", TitleRefusal.CHANGED_MEANWHILE),
        (CHIEF, version_of(CHIEF), LONG_EN, TitleRefusal.NAME_EN),
        (CHIEF, version_of(CHIEF), "x" * titles.NAME_EN_MAX, None),
    ],
)
def test_the_first_obstacle_to_changing_a_title_answers(
    title: Title | None, seen: str, name_en: str, answer: TitleRefusal | None
) -> None:
    assert titles.decide_change(title, seen, name_en) is answer


@pytest.mark.parametrize(
    ("id", "up", "arranged"),
    [
        (1, True, [1, 2, 3, 4]),
        (2, True, [2, 1, 3, 4]),
        (4, True, [1, 2, 4, 3]),
        (1, False, [2, 1, 3, 4]),
        (3, False, [1, 2, 4, 3]),
        (4, False, [1, 2, 3, 4]),
    ],
)
def test_a_list_is_arranged_by_single_places(id: int, up: bool, arranged: list[int]) -> None:
    assert moved([1, 2, 3, 4], id, up=up) == arranged


# Departments --------------------------------------------------------------------------------

HEAD = Department(1, None, "01", "内科", "", on_platform=True)
MEMBER = Department(2, 1, "0101", "心内科", "", on_platform=True)
OTHER = Department(3, 1, "0102", "肾内科", "", on_platform=True)
THERE = [HEAD, MEMBER, OTHER]
NEW = DepartmentEntry(1, "消化科", "")
LONG = "长" * (departments.NAME_MAX + 1)


@pytest.mark.parametrize(
    ("entry", "code", "answer"),
    [
        (DepartmentEntry(9, "", ""), "", DepartmentRefusal.NAME),
        (DepartmentEntry(9, LONG, ""), "", DepartmentRefusal.NAME),
        (DepartmentEntry(9, "心内科", LONG), "", DepartmentRefusal.NAME),
        (DepartmentEntry(9, "心内科", ""), "", DepartmentRefusal.PARENT),
        (DepartmentEntry(2, "心内科", ""), "", DepartmentRefusal.PARENT),
        (DepartmentEntry(1, "心内科", ""), "", DepartmentRefusal.NAME_TAKEN),
        (NEW, "不是", DepartmentRefusal.CODE),
        (NEW, "0101", DepartmentRefusal.CODE_TAKEN),
        (NEW, "0103", None),
        (DepartmentEntry(None, "心内科", ""), "02", None),  # a name of the other level
        (DepartmentEntry(1, "长" * departments.NAME_MAX, ""), "0103", None),
        (DepartmentEntry(1, "长", "x" * departments.NAME_MAX), "0103", None),
    ],
)
def test_the_first_fault_of_a_new_department_answers(
    entry: DepartmentEntry, code: str, answer: DepartmentRefusal | None
) -> None:
    assert departments.decide_addition(THERE, entry, code) is answer


@pytest.mark.parametrize(
    ("before", "seen", "entry", "answer"),
    [
        (None, "another", NEW, DepartmentRefusal.UNKNOWN),
        (MEMBER, "another", replace(NEW, name=""), DepartmentRefusal.CHANGED_MEANWHILE),
        (MEMBER, version_of(MEMBER), replace(NEW, name=""), DepartmentRefusal.NAME),
        (MEMBER, version_of(MEMBER), replace(NEW, parent_id=None), DepartmentRefusal.PARENT),
        (HEAD, version_of(HEAD), DepartmentEntry(1, "内科", ""), DepartmentRefusal.PARENT),
        (MEMBER, version_of(MEMBER), replace(NEW, name="肾内科"), DepartmentRefusal.NAME_TAKEN),
        (MEMBER, version_of(MEMBER), replace(NEW, name="心内科"), None),
    ],
)
def test_the_first_obstacle_to_changing_a_department_answers(
    before: Department | None, seen: str, entry: DepartmentEntry, answer: DepartmentRefusal | None
) -> None:
    assert departments.decide_change(THERE, before, seen, entry) is answer


@pytest.mark.parametrize(
    ("department", "members", "ever_booked", "answer"),
    [
        (None, 1, True, DepartmentRefusal.UNKNOWN),
        (HEAD, 1, True, DepartmentRefusal.HAS_MEMBERS),
        (MEMBER, 0, True, DepartmentRefusal.HAS_BOOKINGS),
        (MEMBER, 0, False, None),
    ],
)
def test_what_was_booked_or_has_members_is_not_deleted(
    department: Department | None,
    members: int,
    ever_booked: bool,
    answer: DepartmentRefusal | None,
) -> None:
    reach = DepartmentReach(3, 0, ever_booked, 1, members)
    assert departments.decide_deletion(department, reach) is answer
    assert departments.decide_deletion(department, None) is DepartmentRefusal.UNKNOWN


def test_only_the_second_level_is_shown_or_hidden() -> None:
    assert departments.decide_visibility(None) is DepartmentRefusal.UNKNOWN
    assert departments.decide_visibility(HEAD) is DepartmentRefusal.UNKNOWN
    assert departments.decide_visibility(MEMBER) is None


# A hospital's rules -------------------------------------------------------------------------

TODAY = NOW.date()
BEFORE = HospitalRules()
BAD = HospitalRules(cycle_days=0, cancel_days_before=0)


@pytest.mark.parametrize(
    ("days", "rules", "seen_current", "answer"),
    [
        (0, BAD, False, RulesRefusal.NOT_BEFORE_TOMORROW),
        (1, BAD, False, RulesRefusal.CYCLE_DAYS),
        (1, replace(BAD, cycle_days=93), False, RulesRefusal.CYCLE_DAYS),
        (1, replace(BAD, cycle_days=92), False, RulesRefusal.CANCEL_DAYS),
        (1, HospitalRules(cancel_days_before=31), False, RulesRefusal.CANCEL_DAYS),
        (1, BEFORE, False, RulesRefusal.CHANGED_MEANWHILE),
        (1, BEFORE, True, RulesRefusal.NO_CHANGE),
        (1, HospitalRules(cycle_days=1, cancel_days_before=30), True, None),
    ],
)
def test_the_first_obstacle_to_a_hospital_s_rules_answers(
    days: int, rules: HospitalRules, seen_current: bool, answer: RulesRefusal | None
) -> None:
    new = DatedRules(TODAY + timedelta(days=days), rules)
    decided = hospital_rules.decide_change(new, BEFORE, TODAY, seen_current=seen_current)
    assert decided is answer


def test_only_rules_that_do_not_hold_yet_are_withdrawn() -> None:
    tomorrow = TODAY + timedelta(days=1)
    withdraw = hospital_rules.decide_withdrawal
    assert withdraw(TODAY, True, TODAY) is RulesRefusal.NOT_PENDING
    assert withdraw(tomorrow, False, TODAY) is RulesRefusal.NOT_PENDING
    assert withdraw(tomorrow, True, TODAY) is None


# A hospital's entry -------------------------------------------------------------------------

FACTS = HospitalFacts("人民医院", "", "三级甲等", "城关区", "", "", "010-1", "", "")
RECORD = HospitalRecord(1, "H1", 3, FACTS)


def test_every_fault_of_a_hospital_s_entry_is_found_at_once() -> None:
    bad = replace(FACTS, name="", grade="最好", phone="abc", notice="长" * 1001)
    assert hospitals.decide_addition("", bad, code_taken=True, name_taken=True) == {
        "name": HospitalFault.MISSING,
        "grade": HospitalFault.GRADE,
        "phone": HospitalFault.PHONE,
        "notice": HospitalFault.TOO_LONG,
        "code": HospitalFault.CODE,
    }
    assert hospitals.decide_addition("H1", FACTS, code_taken=True, name_taken=True) == {
        "name": HospitalFault.NAME_TAKEN,
        "code": HospitalFault.CODE_TAKEN,
    }
    assert hospitals.decide_addition("H1", FACTS, code_taken=False, name_taken=False) == {}


def test_the_first_obstacle_to_changing_a_hospital_answers() -> None:
    def decide(
        before: HospitalRecord | None, seen: str, *, name_taken: bool = True
    ) -> HospitalRefusal | hospitals.Faults:
        return hospitals.decide_change(before, seen, FACTS, name_taken=name_taken)

    assert decide(None, "another") is HospitalRefusal.UNKNOWN
    assert decide(RECORD, "another") is HospitalRefusal.CHANGED_MEANWHILE
    assert decide(RECORD, version_of(FACTS)) == {"name": HospitalFault.NAME_TAKEN}
    assert decide(RECORD, version_of(FACTS), name_taken=False) == {}
