"""Which dates may be stopped, and until when a stop may be taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.rules.helpers import moment

from guahao.rules.supply.planning import ROLLED_DAYS
from guahao.rules.supply.stops import (
    StopRefusal,
    StopTimes,
    UnstopRefusal,
    is_to_be_notified,
    refused_dates,
    refused_undo,
    refused_unstop,
)

TODAY = date(2026, 11, 30)
NOW = moment("2026-11-30T09:00")
OPEN = StopTimes(NOW, NOW, None, None)
TOLD = replace(OPEN, notified_at=NOW)
UNDONE = replace(OPEN, undone_at=NOW)


@pytest.mark.parametrize(
    ("first", "last", "refused"),
    [
        (0, 0, None),
        (1, 0, StopRefusal.DATES),
        (-1, -2, StopRefusal.DATES),
        (-1, 3, StopRefusal.PAST),
        (0, ROLLED_DAYS, None),
        (0, ROLLED_DAYS + 1, StopRefusal.TOO_FAR),
    ],
)
def test_which_dates_may_be_stopped(first: int, last: int, refused: StopRefusal | None) -> None:
    days = (TODAY + timedelta(days=first), TODAY + timedelta(days=last))
    assert refused_dates(*days, TODAY) is refused


@pytest.mark.parametrize(
    ("stop", "refused"),
    [
        (OPEN, None),
        (TOLD, StopRefusal.TOLD),
        (UNDONE, StopRefusal.UNDONE),
        (replace(TOLD, undone_at=NOW), StopRefusal.TOLD),
    ],
)
def test_a_stop_is_taken_back_once_and_until_patients_are_notified(
    stop: StopTimes, refused: StopRefusal | None
) -> None:
    assert refused_undo(stop) is refused
    assert refused_unstop(stop, is_of_one_session=True) is refused
    assert refused_unstop(stop, is_of_one_session=False) is UnstopRefusal.WIDER
    assert refused_unstop(None, is_of_one_session=False) is StopRefusal.TOLD


@pytest.mark.parametrize(
    ("stop", "is_due"),
    [
        (OPEN, True),
        (replace(OPEN, notify_at=NOW + timedelta(seconds=1)), False),
        (replace(OPEN, done_at=None), False),
        (TOLD, False),
        (UNDONE, False),
    ],
)
def test_patients_are_notified_once_it_is_carried_out_and_the_grace_is_over(
    stop: StopTimes, is_due: bool
) -> None:
    assert is_to_be_notified(stop, NOW) is is_due
