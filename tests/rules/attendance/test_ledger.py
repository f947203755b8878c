"""When a no-show is excused, and when it counts again (S16)."""

from __future__ import annotations

import pytest

from guahao.rules.attendance.ledger import (
    ExcuseFacts,
    ExcuseRefusal,
    decide_excuse,
    decide_withdrawal,
)


@pytest.mark.parametrize(
    ("reason", "status", "excused", "answer"),
    [
        ("", None, True, ExcuseRefusal.REASON_NEEDED),
        ("ill", None, True, ExcuseRefusal.UNKNOWN),
        ("ill", "picked_up", True, ExcuseRefusal.NOT_A_NO_SHOW),
        ("ill", "unverified", False, ExcuseRefusal.NOT_A_NO_SHOW),
        ("ill", "no_show", True, ExcuseRefusal.ALREADY_EXCUSED),
        ("ill", "no_show", False, None),
    ],
)
def test_the_first_obstacle_to_an_excuse_answers(
    reason: str, status: str | None, excused: bool, answer: ExcuseRefusal | None
) -> None:
    assert decide_excuse(ExcuseFacts(reason, status, excused)) is answer


@pytest.mark.parametrize(
    ("reason", "status", "excused", "answer"),
    [
        ("", None, False, ExcuseRefusal.REASON_NEEDED),
        ("forged", None, False, ExcuseRefusal.UNKNOWN),
        ("forged", "no_show", False, ExcuseRefusal.NOT_EXCUSED),
        ("forged", "no_show", True, None),
        ("forged", "picked_up", True, None),
    ],
)
def test_the_first_obstacle_to_withdrawing_an_excuse_answers(
    reason: str, status: str | None, excused: bool, answer: ExcuseRefusal | None
) -> None:
    assert decide_withdrawal(ExcuseFacts(reason, status, excused)) is answer
