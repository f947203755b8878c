"""What came of a call, and which notes are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.rules.helpers import NOW

from guahao.rules.call_centre.calls import CallFacts
from guahao.rules.call_centre.results import (
    NOTE_KEPT,
    NOTE_LENGTH_MAX,
    RESULT_WITHIN,
    CallResult,
    NotBookedFor,
    ResultGiven,
    ResultRefusal,
    decide_result,
    has_number,
)

CALL = CallFacts(opened_at=NOW, ended_at=None, verified_at=None)


@pytest.mark.parametrize(
    ("note", "is_refused"),
    [
        ("想约下周的心内科，明天再来电", False),
        ("只有上午有空，12月3日、2026-12-03或20261203都行", False),
        ("第3次来电，等了40分钟，房间1203", False),
        ("110101199003070018", True),
        ("证件 110101 19900307 001X", True),
        ("１１０１０１１９９００３０７００１８", True),
        ("110101900307001", True),
        ("护照E12345678", True),
        ("回乡证 H 12345678", True),
        ("出生证明A123456789", True),
        ("请打13800000001", True),
        ("138 0000 0001", True),
        ("+86 138-0000-0001", True),
        ("识别码1234 5678", True),
        ("12345678", True),
    ],
)
def test_a_note_holds_no_number_of_a_person(note: str, is_refused: bool) -> None:
    given = ResultGiven(CallResult.ANSWERED, note=note)
    expected = ResultRefusal.NOTE_WITH_NUMBER if is_refused else None
    assert decide_result(CALL, given, NOW, has_account=True) is expected


def test_a_result_is_of_an_own_call_of_the_day_with_a_short_note() -> None:
    given = ResultGiven(CallResult.BOOKED, note="好" * NOTE_LENGTH_MAX)
    later = NOW + RESULT_WITHIN
    long = ResultGiven(CallResult.BOOKED, note="好" * (NOTE_LENGTH_MAX + 1))
    assert decide_result(CALL, given, later - timedelta(microseconds=1), has_account=True) is None
    assert decide_result(CALL, given, later, has_account=True) is ResultRefusal.TOO_LATE
    assert decide_result(CALL, long, NOW, has_account=True) is ResultRefusal.NOTE_TOO_LONG
    assert decide_result(None, long, later, has_account=True) is ResultRefusal.UNKNOWN_CALL


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (ResultGiven(CallResult.ANSWERED), None),
        (ResultGiven(CallResult.NOT_BOOKED, NotBookedFor.NO_PLACES), None),
        (ResultGiven(CallResult.BOOKED), ResultRefusal.NEEDS_ACCOUNT),
        (ResultGiven(CallResult.ANSWERED, note="问了停车"), ResultRefusal.NEEDS_ACCOUNT),
    ],
)
def test_a_call_without_account_is_corrected_within_a_day_and_has_no_note(
    given: ResultGiven, refusal: ResultRefusal | None
) -> None:
    late = NOW + RESULT_WITHIN
    assert decide_result(CALL, given, NOW, has_account=False) is refusal
    assert decide_result(CALL, given, late, has_account=False) is ResultRefusal.TOO_LATE
    assert decide_result(None, given, late, has_account=False) is ResultRefusal.UNKNOWN_CALL


@pytest.mark.parametrize(
    ("note", "is_number"),
    [
        ("20261399", True),  # no day
        ("19861203", True),  # a day, but of somebody's birth
        ("20261231", False),
        ("20261231或12345678", True),
        ("20261231、20270101", False),
        ("", False),
    ],
)
def test_a_day_to_come_is_no_number_of_a_person(note: str, is_number: bool) -> None:
    assert has_number(note) is is_number


def test_a_reason_is_given_exactly_where_nothing_was_booked() -> None:
    ResultGiven(CallResult.NOT_BOOKED, NotBookedFor.RULES)
    with pytest.raises(AssertionError):
        ResultGiven(CallResult.NOT_BOOKED)
    with pytest.raises(AssertionError):
        ResultGiven(CallResult.BOOKED, NotBookedFor.RULES)


def test_how_long_notes_are_and_are_kept() -> None:
    assert (NOTE_LENGTH_MAX, timedelta(days=90)) == (200, NOTE_KEPT)
    assert timedelta(days=1) == RESULT_WITHIN
