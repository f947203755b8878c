"""What is said before a place is chosen is what the desk decides afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import AGENT, NOW, SOON, day, decide, elsewhere, patient, session, word

from guahao.rules.booking.booking import counted_since
from guahao.rules.booking.outlook import ClosedDates, Outlook, outlook
from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refusal

visits = st.lists(st.integers(-100, 80), max_size=7).map(
    lambda days: sorted(NOW.date() + timedelta(days=n) for n in days)
)


@given(visits, st.integers(1, 60), st.booleans())
def test_it_refuses_the_days_that_the_desk_refuses(
    counted: list[date], ahead: int, is_suspended: bool
) -> None:
    until = NOW.date() + timedelta(days=3) if is_suspended else None
    person = patient(counted=elsewhere(*counted), suspended_until=until)
    visit = NOW.date() + timedelta(days=ahead)
    said = outlook(person, NOW, Policy(), checks_names=False)
    assert said.refuses(visit) == (word(decide(session(visit), person, actor=AGENT)) != "booked")


@pytest.mark.parametrize(
    ("earliest", "since"),
    [("2026-06-10", "2026-03-09"), ("2026-05-31", "2026-02-27"), ("2027-01-01", "2026-09-30")],
)
def test_bookings_count_from_before_every_window_that_holds_the_day(
    earliest: str, since: str
) -> None:
    assert counted_since(Policy(), day(earliest)) == day(since)
    # A short window may reach further back than a long one of no months.
    weeks = Policy(long_window_months=0, short_window_days=30)
    assert counted_since(weeks, day("2026-06-10")) == day("2026-05-10")


def test_every_reason_is_told_before_a_place_is_chosen_or_depends_on_the_place() -> None:
    told = {
        Refusal.PATIENT_SUSPENDED,
        Refusal.PERSON_UNCHECKED,
        Refusal.DAY_LIMIT,
        Refusal.SEVEN_DAY_LIMIT,
        Refusal.THREE_MONTH_LIMIT,
    }
    of_the_place = {
        Refusal.UNKNOWN_SESSION,
        Refusal.SESSION_STOPPED,
        Refusal.SAME_DAY,
        Refusal.NEXT_DAY_CLOSED,
        Refusal.BEYOND_HORIZON,
        Refusal.NOT_RELEASED,
        Refusal.BY_DRAW,
        Refusal.DOCUMENT_ENDED,  # by the date of the visit
        Refusal.DUPLICATE_DEPARTMENT,
        Refusal.SOLD_OUT,
    }
    of_accounts = {Refusal.NOT_YOUR_PATIENT, Refusal.ACCOUNT_RESTRICTED}  # agents book for any
    assert told | of_the_place | of_accounts == set(Refusal)


def test_a_full_week_names_its_visits_and_its_days() -> None:
    booked = [day("2026-03-12"), day("2026-03-13"), day("2026-03-14")]
    said = outlook(patient(counted=elsewhere(*booked)), NOW, Policy(), checks_names=False)
    assert said.closed == (
        ClosedDates(day("2026-03-08"), day("2026-03-18"), Refusal.SEVEN_DAY_LIMIT, tuple(booked)),
    )
    assert not said.refuses_all


def test_a_full_day_is_that_day_and_within_a_full_week_the_week() -> None:
    twice = elsewhere(SOON, SOON)
    [full_day] = outlook(patient(counted=twice), NOW, Policy(), checks_names=False).closed
    assert (full_day.first, full_day.last, full_day.reason) == (SOON, SOON, Refusal.DAY_LIMIT)
    week = elsewhere(SOON, SOON, SOON + timedelta(days=2))
    [closed] = outlook(patient(counted=week), NOW, Policy(), checks_names=False).closed
    assert closed.reason is Refusal.SEVEN_DAY_LIMIT
    assert len(closed.visits) == 3


def test_closed_dates_begin_tomorrow_though_their_visits_may_be_over() -> None:
    """A visit of last week counts in a week that reaches into the next days."""
    visits = [day("2026-02-27"), day("2026-03-01"), day("2026-03-01")]
    said = outlook(patient(counted=elsewhere(*visits)), NOW, Policy(), checks_names=False)
    assert said.closed == (
        ClosedDates(day("2026-03-03"), day("2026-03-05"), Refusal.SEVEN_DAY_LIMIT, tuple(visits)),
    )
    # The last of these weeks ends today.
    over = [visit - timedelta(days=3) for visit in visits]
    said = outlook(patient(counted=elsewhere(*over)), NOW, Policy(), checks_names=False)
    assert said.closed == ()


def test_a_week_that_ends_tomorrow_is_closed_tomorrow() -> None:
    visits = [day("2026-02-25"), day("2026-02-26"), day("2026-02-27")]
    said = outlook(patient(counted=elsewhere(*visits)), NOW, Policy(), checks_names=False)
    tomorrow = day("2026-03-03")
    assert [(dates.first, dates.last) for dates in said.closed] == [(tomorrow, tomorrow)]


def test_each_row_of_closed_dates_names_its_own_visits() -> None:
    near, far = day("2026-03-10"), day("2026-05-20")
    said = outlook(
        patient(counted=elsewhere(far, near, far, near)), NOW, Policy(), checks_names=False
    )
    assert said.closed == (
        ClosedDates(near, near, Refusal.DAY_LIMIT, (near, near)),
        ClosedDates(far, far, Refusal.DAY_LIMIT, (far, far)),
    )


def test_closed_dates_end_with_the_furthest_date() -> None:
    last = day("2026-06-02")
    said = outlook(patient(counted=elsewhere(last, last, last)), NOW, Policy(), checks_names=False)
    assert (said.first, said.last) == (day("2026-03-03"), last)
    assert [(dates.first, dates.last) for dates in said.closed] == [(day("2026-05-27"), last)]
    assert not said.refuses_all


def test_all_is_refused_where_every_date_to_the_last_is_closed() -> None:
    first, last = day("2026-03-03"), day("2026-03-06")
    full = ClosedDates(first, last, Refusal.SEVEN_DAY_LIMIT, ())
    closed = Outlook(None, is_unchecked=False, closed=(full,), first=first, last=last)
    assert closed.refuses_all
    assert not replace(closed, last=last + timedelta(days=1)).refuses_all
    assert not replace(closed, first=first - timedelta(days=1)).refuses_all
    edges = [closed.refuses(last + timedelta(days=n)) for n in (-4, -3, 0, 1)]
    assert edges == [False, True, True, False]


def test_a_booking_in_a_department_closes_no_date_elsewhere() -> None:
    booked = CountedAppointment(SOON, 1, 1)
    assert outlook(patient(counted=[booked]), NOW, Policy(), checks_names=False).closed == ()


def test_a_suspension_closes_until_the_day_of_its_end() -> None:
    until = NOW.date() + timedelta(days=1)
    said = outlook(patient(suspended_until=until), NOW, Policy(), checks_names=False)
    assert (said.suspended_until, said.refuses_all) == (until, True)
    over = outlook(patient(suspended_until=NOW.date()), NOW, Policy(), checks_names=False)
    assert (over.suspended_until, over.refuses_all) == (None, False)


def test_an_unchecked_person_may_have_as_many_live_bookings_as_the_policy_says() -> None:
    live = CountedAppointment(SOON, 1, 1, is_live=True)
    seen = CountedAppointment(SOON + timedelta(days=30), 1, 1)
    unchecked = replace(patient(counted=[live, seen]), is_checked=False)
    policy = Policy(unchecked_live_bookings=2)
    assert not outlook(unchecked, NOW, policy, checks_names=True).is_unchecked
    assert outlook(unchecked, NOW, Policy(), checks_names=True).is_unchecked
    checked = replace(unchecked, is_checked=True)
    assert not outlook(checked, NOW, Policy(), checks_names=True).is_unchecked


def test_a_suspension_and_an_unchecked_person_close_everything() -> None:
    suspended = patient(suspended_until=day("2026-09-01"))
    assert outlook(suspended, NOW, Policy(), checks_names=False).refuses_all
    live = CountedAppointment(SOON, 1, 1, is_live=True)
    unchecked = replace(patient(counted=[live]), is_checked=False)
    assert outlook(unchecked, NOW, Policy(), checks_names=True).refuses_all
    assert not outlook(unchecked, NOW, Policy(), checks_names=False).refuses_all
