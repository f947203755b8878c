"""What is said before a place is chosen is what the desk decides afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.rules.helpers import AGENT, NOW, SOON, day, decide, elsewhere, patient, session, word

from guahao.rules.booking.outlook import ClosedDates, outlook
from guahao.rules.kernel.facts import CountedAppointment
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refusal

LIMITS = {Refusal.DAY_LIMIT, Refusal.SEVEN_DAY_LIMIT, Refusal.THREE_MONTH_LIMIT}
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


def test_a_suspension_and_an_unchecked_person_close_everything() -> None:
    suspended = patient(suspended_until=day("2026-09-01"))
    assert outlook(suspended, NOW, Policy(), checks_names=False).refuses_all
    live = CountedAppointment(SOON, 1, 1, is_live=True)
    unchecked = replace(patient(counted=[live]), is_checked=False)
    assert outlook(unchecked, NOW, Policy(), checks_names=True).refuses_all
    assert not outlook(unchecked, NOW, Policy(), checks_names=False).refuses_all
