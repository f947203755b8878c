"""Which weekday's timetables hold on a date."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.supply.calendar import (
    CalendarRefusal,
    CalendarSource,
    DayRule,
    calendar_between,
    decide_day,
    is_held,
    met_days,
    refused_correction,
)
from guahao.rules.supply.national_calendar import (
    first_unknown_day,
    known_days,
    national_days,
    unknown_from,
    unknown_within,
)

SATURDAY = date(2026, 2, 14)
OFF, FRIDAY = DayRule(None, "春节"), DayRule(5, "春节调休")
DATES = st.dates(date(2004, 1, 1), date(2030, 12, 31))
RULES = st.none() | st.builds(DayRule, st.none() | st.integers(1, 7), st.just("x"))


@pytest.mark.parametrize(
    ("national", "city", "hospital", "like", "source"),
    [
        (None, None, None, 6, CalendarSource.WEEKDAY),
        (FRIDAY, None, None, 5, CalendarSource.NATIONAL),
        (OFF, None, None, None, CalendarSource.NATIONAL),
        (FRIDAY, DayRule(1, ""), None, 1, CalendarSource.CITY),
        (None, OFF, None, None, CalendarSource.CITY),
        (FRIDAY, OFF, DayRule(6, ""), 6, CalendarSource.HOSPITAL),
        (OFF, None, DayRule(2, ""), 2, CalendarSource.HOSPITAL),
    ],
)
def test_the_nearest_calendar_decides(
    national: DayRule | None,
    city: DayRule | None,
    hospital: DayRule | None,
    like: int | None,
    source: CalendarSource,
) -> None:
    day = decide_day(SATURDAY, national, city, hospital)
    assert (day.like, day.source) == (like, source)


@pytest.mark.parametrize(
    ("rule", "is_off", "is_swapped", "weekday"),
    [
        (None, False, False, 6),
        (OFF, True, False, 6),
        (FRIDAY, False, True, 5),
        (DayRule(6, "照常"), False, False, 6),
    ],
)
def test_what_a_date_is_to_timetables(
    rule: DayRule | None, is_off: bool, is_swapped: bool, weekday: int
) -> None:
    day = decide_day(SATURDAY, rule, None, None)
    assert (day.is_off, day.is_swapped, day.weekday) == (is_off, is_swapped, weekday)
    assert day.reason == (rule.reason if rule else "")


@pytest.mark.parametrize(
    ("rule", "weekday", "on_holidays", "held"),
    [
        (None, 6, False, True),
        (None, 5, False, False),
        (None, 6, True, True),
        (FRIDAY, 5, False, True),
        (FRIDAY, 5, True, True),
        (FRIDAY, 6, False, False),
        (FRIDAY, 6, True, False),
        (OFF, 6, False, False),
        (OFF, 6, True, True),
        (OFF, 5, True, False),
    ],
)
def test_a_timetable_holds_on_its_weekday_and_on_days_that_follow_it(
    rule: DayRule | None, weekday: int, on_holidays: bool, held: bool
) -> None:
    day = decide_day(SATURDAY, rule, None, None)
    assert is_held(day, weekday, on_holidays=on_holidays) is held


@pytest.mark.parametrize(
    ("day", "says"),
    [
        (date(2026, 1, 1), DayRule(None, "元旦")),
        (date(2026, 1, 4), DayRule(5, "元旦调休")),
        (date(2026, 2, 14), DayRule(5, "春节调休")),
        (date(2026, 2, 28), DayRule(1, "春节调休")),
        (date(2026, 9, 20), DayRule(2, "国庆节调休")),
        (date(2026, 10, 10), DayRule(3, "国庆节调休")),
        (date(2026, 11, 28), None),
    ],
)
def test_a_worked_day_follows_the_day_off_that_it_makes_up_for(
    day: date, says: DayRule | None
) -> None:
    assert national_days().get(day) == says


@pytest.mark.parametrize(
    ("day", "like", "reason", "refused"),
    [
        (date(2026, 12, 1), None, "停水", None),
        (date(2026, 12, 1), 7, "停水", None),
        (date(2026, 11, 30), None, "停水", CalendarRefusal.DATE),
        (date(2030, 1, 1), None, "停水", CalendarRefusal.DATE),
        (date(2026, 11, 30) + timedelta(days=801), None, "停水", CalendarRefusal.DATE),
        (date(2026, 11, 30) + timedelta(days=800), None, "停水", None),
        (date(2026, 12, 1), 1, "长" * 60, None),
        (date(2026, 12, 1), None, "停", None),
        (date(2026, 12, 1), 0, "", CalendarRefusal.WEEKDAY),
        (date(2026, 12, 1), 8, "停水", CalendarRefusal.WEEKDAY),
        (date(2026, 12, 1), None, "", CalendarRefusal.REASON),
        (date(2026, 12, 1), None, "长" * 61, CalendarRefusal.REASON),
        (date(2026, 11, 30), 0, "", CalendarRefusal.DATE),
    ],
)
def test_only_later_dates_are_corrected_with_a_reason(
    day: date, like: int | None, reason: str, refused: CalendarRefusal | None
) -> None:
    assert refused_correction(day, like, reason, date(2026, 11, 30)) is refused


@given(DATES, RULES, RULES, RULES)
def test_every_date_follows_exactly_one_weekday_or_is_off(
    day: date, national: DayRule | None, city: DayRule | None, hospital: DayRule | None
) -> None:
    decided = decide_day(day, national, city, hospital)
    held = [n for n in range(1, 8) if is_held(decided, n, on_holidays=False)]
    assert held == ([] if decided.is_off else [decided.like])
    also = [n for n in range(1, 8) if is_held(decided, n, on_holidays=True)]
    assert also == [day.isoweekday() if decided.is_off else decided.like]


@given(DATES, st.integers(0, 400))
def test_years_that_are_not_announced_follow_their_weekdays(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    calendar = calendar_between(first, last, national_days(), {}, {})
    assert [day.day for day in calendar] == [first + timedelta(days=n) for n in range(days + 1)]
    assert all(
        day.source is CalendarSource.WEEKDAY and day.like == day.day.isoweekday()
        for day in calendar
        if day.day >= first_unknown_day()
    )


def test_a_year_that_is_not_announced_is_named_once_the_roll_out_reaches_it() -> None:
    first = first_unknown_day()
    assert (first.month, first.day) == (1, 1)
    assert first.year == max(national_days()).year + 1
    before = first - timedelta(days=94)
    assert unknown_from(before) is None
    assert unknown_from(before + timedelta(days=1)) == first
    assert known_days(before) == 94
    assert unknown_within(before, first) == first
    assert unknown_within(before, first - timedelta(days=1)) is None
    later = first + timedelta(days=5)
    assert unknown_from(later) == later
    assert known_days(later) == 0


def test_timetables_meet_days_off_and_swapped_days_by_both_weekdays() -> None:
    thursday, saturday = date(2026, 12, 3), date(2026, 12, 5)
    city = {thursday: DayRule(None, "活动"), saturday: DayRule(4, "调休")}
    week = calendar_between(date(2026, 11, 30), date(2026, 12, 6), {}, city, {})

    def met(*weekdays: int, first: date = thursday, last: date = saturday) -> list[date]:
        return [day.day for day in met_days(week, dict.fromkeys(weekdays, (first, last)))]

    assert met(4) == [thursday, saturday]  # its own day off, and the Saturday that follows it
    assert met(6) == [saturday]  # whose session it loses
    assert met(1, 2, 3, 5, 7) == []
    assert met(4, first=saturday) == [saturday]
    assert met(4, last=thursday) == [thursday]
    assert met(4, last=date(2026, 12, 2)) == []
