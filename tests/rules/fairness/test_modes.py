"""How places are given out: the most specific decision, and never behind a patient's back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.fairness.modes import (
    FIRST_COME,
    REFERRAL_PERCENT_MAX,
    DatedMode,
    ModeRefusal,
    Release,
    check_decision,
    decide_change,
    decide_withdrawal,
    earliest_visit_date,
    mode_of,
    referral_places,
)
from guahao.rules.fairness.proposing import Finding, PastRelease, finding
from guahao.rules.fairness.returning import APPLICATIONS_OPEN, ReleaseMode
from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY, HospitalRules, Policy
from guahao.rules.kernel.reasons import REASON_MAX
from guahao.rules.supply.releasing import opens_at

HEART, EYES = 1, 2
EXPERT = "知名专家"
JUNE, JULY = date(2027, 6, 1), date(2027, 7, 1)
DRAW = Release(ReleaseMode.DRAW)
DRAW_10, DRAW_20 = Release(ReleaseMode.DRAW, 10), Release(ReleaseMode.DRAW, 20)


def decision(
    release: Release,
    holds_from: date = JUNE,
    department_id: int | None = None,
    title: str | None = None,
) -> DatedMode:
    return DatedMode(department_id, title, holds_from, release)


HOSPITAL = decision(DRAW)
TITLE = decision(FIRST_COME, title=EXPERT)
DEPARTMENT = decision(DRAW_10, department_id=HEART)
BOTH = decision(DRAW_20, department_id=HEART, title=EXPERT)


@pytest.mark.parametrize(
    ("decisions", "department_id", "title", "release"),
    [
        ([], HEART, EXPERT, FIRST_COME),
        ([HOSPITAL], HEART, EXPERT, DRAW),
        ([HOSPITAL, TITLE], HEART, EXPERT, FIRST_COME),
        ([HOSPITAL, TITLE], HEART, "主任医师", DRAW),
        ([HOSPITAL, TITLE, DEPARTMENT], HEART, EXPERT, DRAW_10),
        ([HOSPITAL, TITLE, DEPARTMENT], EYES, EXPERT, FIRST_COME),
        ([HOSPITAL, TITLE, DEPARTMENT, BOTH], HEART, EXPERT, DRAW_20),
        ([HOSPITAL, TITLE, DEPARTMENT, BOTH], HEART, "主任医师", DRAW_10),
        ([HOSPITAL, TITLE, DEPARTMENT, BOTH], EYES, "主任医师", DRAW),
        # How all of a hospital, a department or a title is given out, exceptions apart.
        ([HOSPITAL, TITLE, DEPARTMENT, BOTH], None, None, DRAW),
        ([HOSPITAL, TITLE, DEPARTMENT, BOTH], None, EXPERT, FIRST_COME),
        ([HOSPITAL, TITLE, DEPARTMENT, BOTH], HEART, None, DRAW_10),
    ],
)
def test_the_most_specific_decision_wins(
    decisions: list[DatedMode], department_id: int, title: str, release: Release
) -> None:
    for order in (decisions, decisions[::-1]):
        assert mode_of(order, department_id, title, JUNE) == release


@pytest.mark.parametrize(
    ("visit_date", "release"),
    [
        (JUNE - ONE_DAY, FIRST_COME),
        (JUNE, DRAW),
        (JULY - ONE_DAY, DRAW),
        (JULY, DRAW_10),
        (JULY + 90 * ONE_DAY, DRAW_10),
    ],
)
def test_of_equally_specific_decisions_the_latest_that_holds_wins(
    visit_date: date, release: Release
) -> None:
    decisions = [decision(DRAW_10, JULY), decision(DRAW, JUNE)]
    assert mode_of(decisions, HEART, EXPERT, visit_date) == release


def test_an_older_specific_decision_wins_over_a_newer_general_decision() -> None:
    decisions = [decision(DRAW_10, JUNE, HEART), decision(FIRST_COME, JULY)]
    assert mode_of(decisions, HEART, EXPERT, JULY) == DRAW_10


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


WEEK = HospitalRules(cycle_days=7)  # released at midnight, seven days before the visit


@pytest.mark.parametrize(
    ("now", "rules", "earliest"),
    [
        # 8 December is released on the 1st, its applications are taken from the 28th on.
        ("2026-11-27 23:59:59", [WEEK], date(2026, 12, 8)),
        ("2026-11-28 00:00", [WEEK], date(2026, 12, 9)),
        ("2026-11-28 12:00", [WEEK], date(2026, 12, 9)),
        # 5 March 2027 is released three months before, on 5 December.
        ("2026-12-01 23:00", [HospitalRules()], date(2027, 3, 5)),
        # A rule to come that releases earlier counts already.
        ("2026-12-01 23:00", [WEEK, HospitalRules()], date(2027, 3, 5)),
    ],
)
def test_a_decision_begins_where_nobody_can_have_applied(
    now: str, rules: list[HospitalRules], earliest: date
) -> None:
    assert earliest_visit_date(at(now), rules, [Policy()]) == earliest


@given(
    st.integers(0, 400 * 86_400),
    st.one_of(st.none(), st.integers(1, 92)),
    st.integers(0, 23),
)
def test_no_earlier_date_and_every_later_date_is_free_of_applications(
    seconds: int, cycle_days: int | None, release_hour: int
) -> None:
    now = at("2026-11-27") + timedelta(seconds=seconds)
    release_time = datetime.min.time().replace(hour=release_hour)
    rules, policy = HospitalRules(cycle_days=cycle_days, release_time=release_time), Policy()
    earliest = earliest_visit_date(now, [rules], [policy])
    assert opens_at(earliest - ONE_DAY, rules, policy) - APPLICATIONS_OPEN <= now
    for days in range(40):
        day = earliest + days * ONE_DAY
        assert opens_at(day, rules, policy) - APPLICATIONS_OPEN > now


TODAY, EARLIEST = date(2027, 3, 1), date(2027, 6, 5)
RIGHT = decision(DRAW_20, EARLIEST, HEART, EXPERT)


@pytest.mark.parametrize(
    ("new", "reason", "refusal"),
    [
        (RIGHT, "号常被秒抢", None),
        (RIGHT, "", ModeRefusal.NO_REASON),
        (RIGHT, "短", None),
        (RIGHT, "长" * REASON_MAX, None),
        (RIGHT, "长" * (REASON_MAX + 1), ModeRefusal.NO_REASON),
        (replace(RIGHT, holds_from=EARLIEST - ONE_DAY), "号常被秒抢", ModeRefusal.ANNOUNCED),
        (replace(RIGHT, holds_from=TODAY + 730 * ONE_DAY), "号常被秒抢", None),
        (replace(RIGHT, holds_from=TODAY + 731 * ONE_DAY), "号常被秒抢", ModeRefusal.TOO_FAR),
        (replace(RIGHT, release=Release(ReleaseMode.DRAW, REFERRAL_PERCENT_MAX)), "为转诊", None),
        (
            replace(RIGHT, release=Release(ReleaseMode.DRAW, REFERRAL_PERCENT_MAX + 1)),
            "为转诊",
            ModeRefusal.REFERRAL_PERCENT,
        ),
        (
            replace(RIGHT, release=Release(ReleaseMode.DRAW, -1)),
            "为转诊",
            ModeRefusal.REFERRAL_PERCENT,
        ),
        # Referrals have a share of a draw; first come has none.
        (
            replace(RIGHT, release=Release(ReleaseMode.FIRST_COME, 1)),
            "为转诊",
            ModeRefusal.REFERRAL_PERCENT,
        ),
    ],
)
def test_what_may_be_decided(new: DatedMode, reason: str, refusal: ModeRefusal | None) -> None:
    assert check_decision(new, reason, TODAY, EARLIEST) == refusal


def test_a_decision_that_changes_nothing_is_refused() -> None:
    assert decide_change(HOSPITAL, [], seen_current=True) is None
    assert decide_change(HOSPITAL, [HOSPITAL], seen_current=True) == ModeRefusal.NO_CHANGE
    assert decide_change(decision(FIRST_COME), [], seen_current=True) == ModeRefusal.NO_CHANGE
    same = decision(DRAW, JULY, department_id=HEART)
    assert decide_change(same, [HOSPITAL], seen_current=True) == ModeRefusal.NO_CHANGE
    assert decide_change(DEPARTMENT, [HOSPITAL], seen_current=True) is None


def test_a_decision_on_what_was_not_seen_is_refused() -> None:
    refusal = decide_change(DEPARTMENT, [], seen_current=False)
    assert refusal == ModeRefusal.CHANGED_MEANWHILE


@pytest.mark.parametrize(
    ("found", "refusal"),
    [
        (None, ModeRefusal.NOT_PENDING),
        (replace(RIGHT, holds_from=EARLIEST - ONE_DAY), ModeRefusal.ANNOUNCED),
        (RIGHT, None),
    ],
)
def test_a_decision_is_withdrawn_until_applications_are_taken(
    found: DatedMode | None, refusal: ModeRefusal | None
) -> None:
    assert decide_withdrawal(found, EARLIEST) == refusal


@pytest.mark.parametrize(
    ("mode", "percent", "refused"),
    [
        (ReleaseMode.FIRST_COME, -1, ModeRefusal.REFERRAL_PERCENT),
        (ReleaseMode.FIRST_COME, 0, None),
        (ReleaseMode.FIRST_COME, 1, ModeRefusal.REFERRAL_PERCENT),
        (ReleaseMode.DRAW, -1, ModeRefusal.REFERRAL_PERCENT),
        (ReleaseMode.DRAW, 0, None),
        (ReleaseMode.DRAW, 50, None),
        (ReleaseMode.DRAW, 51, ModeRefusal.REFERRAL_PERCENT),
    ],
)
def test_only_of_a_draw_places_are_kept_for_referrals_and_half_at_most(
    mode: ReleaseMode, percent: int, refused: ModeRefusal | None
) -> None:
    begins = date(2026, 12, 20)
    decision = DatedMode(None, None, begins, Release(mode, percent))
    assert check_decision(decision, "reason", begins, begins) is refused
    assert Release(mode).referral_percent == 0


# A draw is proposed where half of the latest twenty releases were gone in five minutes --------

SEPTEMBER = date(2026, 9, 1)


def releases(pattern: str) -> list[PastRelease]:
    """The releases of consecutive dates: f was gone fast, s was not."""
    return [
        PastRelease(SEPTEMBER + timedelta(days=n), 1, int(letter == "f"))
        for n, letter in enumerate(pattern)
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", None),
        ("f" * 20, Finding(20, 20)),
        ("fs" * 10, Finding(20, 10)),
        ("fs" * 9 + "ss", None),
        # Earlier releases are not looked at.
        ("f" * 30 + "s" * 20, None),
        ("s" * 30 + "sf" * 10, Finding(20, 10)),
        ("f" * 30 + "s" * 10 + "f" * 10, Finding(20, 10)),
        # A new clinic has fewer releases.
        ("f" * 9, None),
        ("f" * 10, Finding(10, 10)),
        ("f" * 10 + "s" * 9, Finding(19, 10)),
    ],
)
def test_half_of_the_latest_twenty(pattern: str, found: Finding | None) -> None:
    in_order = releases(pattern)
    assert finding(in_order) == found
    assert finding(in_order[::-1]) == found


def test_a_release_is_fast_when_none_of_its_sessions_had_a_place_left() -> None:
    assert PastRelease(SEPTEMBER, 3, 3).is_fast
    assert not PastRelease(SEPTEMBER, 3, 2).is_fast


@pytest.mark.parametrize(
    ("gained", "drawn", "kept", "percent", "places"),
    [
        (10, 0, 0, 20, 2),
        (10, 0, 0, 0, 0),
        (10, 0, 0, 100, 10),
        (9, 0, 0, 20, 1),  # a part of a place is none
        # Of a small raise by itself nothing would be kept: the share is of all places.
        (1, 7, 1, 20, 0),
        (1, 8, 1, 20, 1),
        (3, 10, 2, 40, 3),  # no more than was gained
        (2, 10, 8, 20, 0),  # more than the share is kept already
        (198, 0, 0, 50, 99),  # of 100, not of fewer
    ],
)
def test_a_share_of_all_places_of_a_draw_is_kept_for_referrals(
    gained: int, drawn: int, kept: int, percent: int, places: int
) -> None:
    assert referral_places(gained, drawn, kept, percent) == places
