"""What follows from a call to a patient whom no message reached."""

from __future__ import annotations

from datetime import timedelta

import pytest

from guahao.rules.call_centre.call_tasks import CallOutcome, decide_after_call
from guahao.rules.call_centre.callers import RegisterRefusal, decide_phone


@pytest.mark.parametrize(
    ("outcome", "tries", "then"),
    [
        (CallOutcome.REACHED, 0, "reached"),
        (CallOutcome.WRONG_NUMBER, 3, "wrong_number"),
        (CallOutcome.NO_NEED, 9, "no_need"),
        (CallOutcome.NOT_REACHED, 0, timedelta(minutes=30)),
        (CallOutcome.NOT_REACHED, 1, timedelta(hours=2)),
        (CallOutcome.NOT_REACHED, 2, timedelta(hours=2)),
        (CallOutcome.NOT_REACHED, 3, "given_up"),
        (CallOutcome.NOT_REACHED, 4, "given_up"),
    ],
)
def test_a_task_is_closed_or_called_again(
    outcome: CallOutcome, tries: int, then: str | timedelta
) -> None:
    assert decide_after_call(outcome, tries) == then


@pytest.mark.parametrize(
    ("verified", "has_patients", "refusal"),
    [
        (False, True, RegisterRefusal.PHONE_IN_USE),
        (False, False, None),
        (True, True, None),
        (True, False, None),
    ],
)
def test_a_phone_with_patients_takes_another_from_its_verified_caller(
    verified: bool, has_patients: bool, refusal: RegisterRefusal | None
) -> None:
    assert decide_phone(verified=verified, has_patients=has_patients) is refusal
