"""The two lists beside one another, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import moment

from guahao.rules.integration.reconciling import (
    STATUSES,
    Comparison,
    Cure,
    Difference,
    FoundDifference,
    HospitalListItem,
    PlatformBooking,
    compare,
)

DAY = date(2026, 12, 3)
MADE = moment("2026-12-02T02:00")
OURS = PlatformBooking(
    "0000005017", "booked", DAY, "morning", "S1", b"wang", MADE - timedelta(hours=9)
)
THEIRS = HospitalListItem("0000005017", "booked", DAY, "morning", "S1", b"wang")
OVER = ("cancelled", "stopped")


def one(
    ours: PlatformBooking | None, *theirs: HospitalListItem, made_at: datetime = MADE
) -> Comparison:
    return compare([] if ours is None else [ours], theirs, made_at)


def told(comparison: Comparison) -> list[tuple[Difference, str, str, Cure]]:
    return [(f.kind, f.here, f.there, f.cure) for f in comparison.found]


def test_two_that_say_the_same_agree() -> None:
    assert one(OURS, THEIRS) == Comparison([], 1, 0)


def test_what_the_list_does_not_say_is_not_compared() -> None:
    bare = HospitalListItem(THEIRS.order_no, "booked", DAY)
    assert one(OURS, bare).agreed == 1
    assert one(replace(OURS, session_external_id=None), THEIRS).agreed == 1


CASES = [
    ("missing there", OURS, (), (Difference.MISSING_THERE, "booked", "", Cure.ADD_THERE)),
    (
        "seen here, missing there",
        replace(OURS, status="picked_up"),
        (),
        (Difference.MISSING_THERE, "picked_up", "", Cure.ADD_THERE),
    ),
    (
        "unknown here",
        None,
        (THEIRS,),
        (Difference.UNKNOWN_HERE, "", "booked", Cure.REMOVE_THERE),
    ),
    (
        "another patient",
        OURS,
        (replace(THEIRS, document=b"li"),),
        (Difference.PATIENT, "", "", Cure.CORRECT_THERE),
    ),
    (
        "another day",
        OURS,
        (replace(THEIRS, visit_date=date(2026, 12, 4)),),
        (Difference.TIME, "2026-12-03 morning S1", "2026-12-04 morning S1", Cure.CORRECT_THERE),
    ),
    (
        "another half of the day",
        OURS,
        (replace(THEIRS, period="afternoon", session_external_id=None),),
        (Difference.TIME, "2026-12-03 morning", "2026-12-03 afternoon", Cure.CORRECT_THERE),
    ),
    (
        "another session",
        OURS,
        (replace(THEIRS, session_external_id="S2"),),
        (Difference.TIME, "2026-12-03 morning S1", "2026-12-03 morning S2", Cure.CORRECT_THERE),
    ),
    ("twice", OURS, (THEIRS, THEIRS), (Difference.DOUBLED, "1", "2", Cure.REMOVE_THERE)),
]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_each_difference_and_its_cure(
    ours: PlatformBooking | None, theirs: tuple[HospitalListItem, ...], expected: tuple[object, ...]
) -> None:
    comparison = one(ours, *theirs)
    assert told(comparison) == [expected]
    assert (comparison.agreed, comparison.too_new) == (0, 0)
    assert comparison.found[0].visit_date == (ours or theirs[0]).visit_date


@pytest.mark.parametrize("there", OVER)
@pytest.mark.parametrize("here", OVER)
def test_where_both_say_that_the_place_is_free_nothing_else_is_compared(
    here: str, there: str
) -> None:
    theirs = replace(THEIRS, status=there, document=b"li", period="afternoon")
    assert one(replace(OURS, status=here), theirs) == Comparison([], 1, 0)


@pytest.mark.parametrize(
    ("here", "there", "cure"),
    [("booked", "cancelled", Cure.RESTORE_THERE), ("stopped", "booked", Cure.CANCEL_THERE)],
)
def test_where_only_one_says_so_the_patient_is_compared_as_well(
    here: str, there: str, cure: Cure
) -> None:
    theirs = replace(THEIRS, status=there, document=b"li")
    assert told(one(replace(OURS, status=here), theirs)) == [
        (Difference.STATUS, here, there, cure),
        (Difference.PATIENT, "", "", Cure.CORRECT_THERE),
    ]


# Ours down, theirs across: booked, picked_up, cancelled, stopped, no_show. Empty: they agree.
TABLE = {
    "booked": ("", "report_attendance", "restore_at_hospital", "stop_session", "report_attendance"),
    "picked_up": ("correct_at_hospital", "", *["ask_patient_and_window"] * 3),
    "cancelled": ("cancel_at_hospital", "ask_patient_and_window", "", "", "cancel_at_hospital"),
    "stopped": ("cancel_at_hospital", "ask_patient_and_window", "", "", "cancel_at_hospital"),
    "no_show": (
        *("correct_at_hospital", "report_attendance", "ask_patient_and_window"),
        *("stop_session", ""),
    ),
    "unverified": (
        *("", "report_attendance", "ask_patient_and_window"),
        *("stop_session", "report_attendance"),
    ),
}


@pytest.mark.parametrize("here", TABLE)
@pytest.mark.parametrize("there", STATUSES)
def test_every_pair_of_statuses(here: str, there: str) -> None:
    comparison = one(replace(OURS, status=here), replace(THEIRS, status=there))
    cure = TABLE[here][STATUSES.index(there)]
    assert told(comparison) == ([(Difference.STATUS, here, there, cure)] if cure else [])


@pytest.mark.parametrize("status", OVER)
def test_what_is_over_needs_no_line_and_no_patient(status: str) -> None:
    assert one(replace(OURS, status=status)) == Comparison([], 1, 0)
    assert one(None, replace(THEIRS, status=status)) == Comparison([], 1, 0)
    other = replace(THEIRS, status=status, document=b"li", visit_date=date(2026, 12, 9))
    assert one(replace(OURS, status="cancelled"), other).agreed == 1


def test_several_differences_of_one_booking_are_each_told() -> None:
    wrong = replace(THEIRS, status="picked_up", document=b"li", period="evening")
    kinds = [f.kind for f in one(OURS, wrong).found]
    assert kinds == [Difference.STATUS, Difference.PATIENT, Difference.TIME]


def test_what_changed_since_the_list_was_made_is_left_out() -> None:
    late = replace(OURS, changed_at=MADE + timedelta(seconds=1))
    assert one(late) == Comparison([], 0, 1)
    assert one(late, THEIRS, THEIRS) == Comparison([], 0, 1)
    assert one(replace(OURS, changed_at=MADE)).too_new == 0


_statuses = st.sampled_from([*STATUSES, "unverified"])
_numbers = st.sampled_from([f"{n:010d}" for n in range(6)])
_ours = st.builds(
    PlatformBooking,
    _numbers,
    _statuses,
    st.dates(DAY, DAY + timedelta(days=2)),
    st.sampled_from(["morning", "evening"]),
    st.none() | st.sampled_from(["S1", "S2"]),
    st.sampled_from([b"wang", b"li"]),
    st.datetimes(datetime(2026, 12, 1), datetime(2026, 12, 3)).map(  # noqa: DTZ001 - given one
        lambda moment: moment.replace(tzinfo=MADE.tzinfo)
    ),
)


@given(st.lists(_ours, unique_by=lambda one: one.order_no), st.randoms())
def test_the_platforms_own_list_sent_back_agrees(
    ours: list[PlatformBooking], random: object
) -> None:
    theirs = [
        HospitalListItem(
            o.order_no, o.status, o.visit_date, o.period, o.session_external_id, o.document
        )
        for o in ours
        if o.status != "unverified"
    ]
    random.shuffle(theirs)  # type: ignore[attr-defined]
    comparison = compare([o for o in ours if o.status != "unverified"], theirs, MADE)
    assert comparison.found == []


@given(st.lists(_ours, unique_by=lambda one: one.order_no), st.lists(_ours))
def test_every_booking_is_counted_once(
    ours: list[PlatformBooking], others: list[PlatformBooking]
) -> None:
    theirs = [
        HospitalListItem(o.order_no, o.status, o.visit_date, o.period)
        for o in others
        if o.status != "unverified"
    ]
    comparison = compare(ours, theirs, MADE)
    named = {o.order_no for o in ours} | {t.order_no for t in theirs}
    differing = {found.order_no for found in comparison.found}
    assert comparison.agreed + comparison.too_new + len(differing) == len(named)
    assert all(isinstance(found, FoundDifference) for found in comparison.found)
