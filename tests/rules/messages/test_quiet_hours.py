"""At night people are told only what cannot wait until the morning."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.messages.quiet_hours import SOON, held_until, quiet_until, visit_start

LAW = Policy()


def at(clock: str, day: int = 1) -> datetime:
    return datetime.combine(date(2026, 12, day), time.fromisoformat(clock), CITY_TIME)


MORNING = at("07:30", 2)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (at("20:59:59"), None),
        (at("21:00"), at("07:30", 2)),
        (at("23:59:59"), at("07:30", 2)),
        (at("00:00"), at("07:30")),
        (at("07:29:59.999"), at("07:30")),
        (at("07:30"), None),
        (at("12:00"), None),
    ],
)
def test_nights_are_quiet(now: datetime, until: datetime | None) -> None:
    assert quiet_until(now, LAW) == until
    assert held_until([now], LAW) == until


def test_the_policy_of_the_day_says_when() -> None:
    late = Policy(quiet_from=time(23, 0), quiet_until=time(6, 0))
    assert quiet_until(at("22:59"), late) is None
    assert quiet_until(at("23:00"), late) == at("06:00", 2)
    assert quiet_until(at("06:00"), late) is None


@pytest.mark.parametrize(
    ("begin", "end", "now", "until"),
    [
        ("00:00", "06:00", "00:00", at("06:00")),
        ("00:00", "06:00", "05:59:59", at("06:00")),
        ("00:00", "06:00", "06:00", None),
        ("01:00", "06:00", "00:59", None),
        ("07:00", "07:00", "06:59", None),
        ("07:00", "07:00", "07:00", None),
        ("07:00", "07:00", "07:01", None),
    ],
)
def test_quiet_hours_may_lie_within_a_day_or_be_none(
    begin: str, end: str, now: str, until: datetime | None
) -> None:
    policy = Policy(quiet_from=time.fromisoformat(begin), quiet_until=time.fromisoformat(end))
    assert quiet_until(at(now), policy) == until


def test_soon_is_twelve_hours() -> None:
    assert timedelta(hours=12) == SOON


def test_what_expires_goes_now() -> None:
    assert held_until([at("22:00")], LAW, expires_at=at("22:05")) is None
    # Also a code that still serves when the quiet hours end: somebody waits for it now.
    late = MORNING - timedelta(minutes=2)
    assert held_until([late], LAW, expires_at=MORNING + timedelta(minutes=8)) is None


@pytest.mark.parametrize("status", ["booked", "stopped", "cancelled"])
def test_what_concerns_the_next_twelve_hours_goes_now(status: str) -> None:
    now = at("21:30")
    for visit, held in (
        (now + SOON, None),
        (now + SOON + timedelta(minutes=1), MORNING),
        (now - timedelta(minutes=30), None),  # it has just begun
        (now - timedelta(days=1), MORNING),
    ):
        assert held_until([now], LAW, status=status, visit=visit) == held


@pytest.mark.parametrize("status", ["no_show", "picked_up", "unverified"])
def test_of_a_visit_that_is_over_nothing_is_urgent(status: str) -> None:
    assert held_until([at("21:30")], LAW, status=status, visit=at("20:00")) == MORNING


def test_a_message_goes_only_where_it_may_at_every_moment_that_it_may_be() -> None:
    assert held_until([at("12:00"), at("22:00")], LAW) == MORNING
    assert held_until([at("22:00"), at("12:00", 2)], LAW) == MORNING
    assert held_until([at("12:00"), at("13:00")], LAW) is None
    assert held_until([at("22:00"), at("22:00", 2)], LAW) == at("07:30", 3)
    # Soon by one of them only.
    soon = {"status": "booked", "visit": at("08:00", 2)}
    assert held_until([at("22:00"), at("22:00", 3)], LAW, **soon) == at("07:30", 4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("period", "starts_at", "begins"),
    [
        ("morning", None, "08:00"),
        ("afternoon", None, "13:00"),
        ("evening", None, "17:30"),
        ("morning", time(10, 0), "10:00"),
    ],
)
def test_a_visit_begins_at_its_own_hour_or_its_periods(
    period: str, starts_at: time | None, begins: str
) -> None:
    start = visit_start(date(2026, 12, 2), period, starts_at, at("22:00"))
    assert start == at(begins, 2)
