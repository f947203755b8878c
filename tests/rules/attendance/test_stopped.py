"""Whether a patient of a stopped clinic knows of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from guahao.rules.attendance.stopped import Reach, ReachFacts, decide_reach

TOLD = ReachFacts(
    "stopped", is_restored=False, is_notified=True, message="failed", call=None, offer=None
)


@pytest.mark.parametrize(
    ("differing", "reach"),
    [
        ({}, Reach.UNREACHED),
        ({"message": None}, Reach.UNREACHED),
        ({"message": "unknown"}, Reach.UNREACHED),
        ({"message": "queued"}, Reach.ON_THE_WAY),
        ({"message": "submitted"}, Reach.ON_THE_WAY),
        ({"message": "delivered"}, Reach.DELIVERED),
        ({"message": "delivered", "call": "open"}, Reach.DELIVERED),
        ({"call": "open"}, Reach.TO_CALL),
        ({"message": "by_phone", "call": "open"}, Reach.TO_CALL),
        ({"call": "reached"}, Reach.CALLED),
        ({"call": "no_need"}, Reach.CALLED),
        ({"call": "given_up"}, Reach.UNREACHED),
        ({"message": "submitted", "call": "wrong_number"}, Reach.UNREACHED),
        ({"offer": "open", "call": "open"}, Reach.TO_CALL),
        ({"offer": "accepted", "call": "open"}, Reach.ANSWERED),
        ({"offer": "declined"}, Reach.ANSWERED),
        ({"offer": "lapsed"}, Reach.UNREACHED),
        ({"status": "booked"}, Reach.UNREACHED),  # a substitute sees the patient
        ({"status": "cancelled"}, Reach.ANSWERED),
        ({"status": "picked_up"}, Reach.ANSWERED),
        ({"is_notified": False, "message": None}, Reach.WAITING),
        ({"is_notified": False, "offer": "accepted"}, Reach.ANSWERED),
        ({"is_restored": True, "is_notified": False}, Reach.RESTORED),
    ],
)
def test_who_knows(differing: dict[str, Any], reach: Reach) -> None:
    assert decide_reach(ReachFacts(**{**asdict(TOLD), **differing})) is reach


def test_only_those_nobody_reached_are_missing() -> None:
    assert {reach for reach in Reach if reach.is_missing} == {Reach.UNREACHED, Reach.TO_CALL}
