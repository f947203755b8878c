"""A place that comes back is free only where a swap would be pointless."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guahao.rules.fairness.returning import (
    ANNOUNCED,
    Fate,
    ReleaseMode,
    Return,
    ReturnFacts,
    next_draw,
    returned,
)
from guahao.rules.kernel.limits import CITY_TIME

VISIT = date(2026, 12, 4)  # a Friday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


@pytest.mark.parametrize(
    ("now", "draw_at"),
    [
        ("2026-12-01 07:00", "2026-12-01 08:00"),
        ("2026-12-01 07:30", "2026-12-01 08:00"),
        ("2026-12-01 07:30:01", "2026-12-01 10:00"),  # announced for less than half an hour
        ("2026-12-01 09:00", "2026-12-01 10:00"),
        ("2026-12-01 19:30", "2026-12-01 20:00"),
        ("2026-12-01 19:31", "2026-12-02 08:00"),
        ("2026-12-02 23:59", "2026-12-03 08:00"),
        # On the day before the visit hourly, until 14:00.
        ("2026-12-03 08:10", "2026-12-03 09:00"),
        ("2026-12-03 13:30", "2026-12-03 14:00"),
        ("2026-12-03 13:31", None),
        ("2026-12-03 20:00", None),
        ("2026-12-04 07:00", None),
    ],
)
def test_the_next_draw(now: str, draw_at: str | None) -> None:
    assert next_draw(VISIT, at(now)) == (None if draw_at is None else at(draw_at))


@pytest.mark.parametrize(
    ("mode", "was_full", "now", "fate"),
    [
        (ReleaseMode.FIRST_COME, False, "2026-12-01 09:00", Fate.FREE),
        (ReleaseMode.FIRST_COME, True, "2026-12-01 09:00", Fate.HELD),
        (ReleaseMode.DRAW, False, "2026-12-01 09:00", Fate.HELD),
        (ReleaseMode.DRAW, True, "2026-12-01 09:00", Fate.HELD),
        # After the last draw it goes to the counter, and never to who is fastest.
        (ReleaseMode.FIRST_COME, True, "2026-12-03 13:31", Fate.COUNTER),
        (ReleaseMode.DRAW, False, "2026-12-03 13:31", Fate.COUNTER),
        (ReleaseMode.FIRST_COME, False, "2026-12-03 13:31", Fate.FREE),
    ],
)
def test_where_a_returned_place_goes(
    mode: ReleaseMode, was_full: bool, now: str, fate: Fate
) -> None:
    assert returned(ReturnFacts(VISIT, mode, was_full), at(now)).fate is fate


def test_a_held_place_says_when_it_is_drawn() -> None:
    facts = ReturnFacts(VISIT, ReleaseMode.FIRST_COME, was_full=True)
    assert returned(facts, at("2026-12-01 09:00")) == Return(Fate.HELD, at("2026-12-01 10:00"))


@given(st.integers(0, 15 * 86_400))
def test_every_draw_is_announced_long_enough_and_before_the_visit(seconds: int) -> None:
    now = at("2026-11-20") + timedelta(seconds=seconds)
    draw_at = next_draw(VISIT, now)
    if draw_at is not None:
        assert now + ANNOUNCED <= draw_at <= now + timedelta(hours=13)
        assert draw_at.date() < VISIT
