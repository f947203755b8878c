"""Who decides on a person's data, until when, and how often an export is offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.people.privacy_requests import (
    DOWNLOADS,
    OFFERED_FOR,
    OPEN_FOR,
    RequestFacts,
    RequestRefusal,
    is_offered,
    refuse_decision,
)
from guahao.rules.staff.staff import SECOND_AFTER, Role, Staff

NOW = datetime(2026, 12, 1, 9, tzinfo=CITY_TIME)
MOMENT = timedelta(microseconds=1)
FILER, DECIDER, STRANGER = 1, 2, 3
WAITING = RequestFacts("export", "waiting", FILER, NOW, None, None, 0)
APPROVED = replace(WAITING, state="approved", decided_by=DECIDER, decided_at=NOW)


@pytest.mark.parametrize(
    ("staff_id", "later", "state", "withdraws", "refusal"),
    [
        (FILER, OPEN_FOR, "waiting", False, RequestRefusal.OVER),
        (DECIDER, OPEN_FOR, "waiting", False, RequestRefusal.OVER),
        (DECIDER, timedelta(0), "declined", False, RequestRefusal.OVER),
        (FILER, timedelta(0), "withdrawn", True, RequestRefusal.OVER),
        (DECIDER, timedelta(0), "waiting", True, RequestRefusal.NOT_OWN_REQUEST),
        (FILER, timedelta(0), "waiting", False, RequestRefusal.OWN_REQUEST),
        (DECIDER, OPEN_FOR - MOMENT, "waiting", False, None),
        (FILER, OPEN_FOR - MOMENT, "waiting", True, None),
    ],
)
def test_the_first_reason_decides(
    staff_id: int, later: timedelta, state: str, withdraws: bool, refusal: RequestRefusal | None
) -> None:
    request = replace(WAITING, state=state)
    by = Staff(staff_id, "supervisor", Role.SUPERVISOR)
    assert refuse_decision(request, by, NOW + later, withdraws=withdraws) == refusal


@pytest.mark.parametrize(
    ("access_by", "age", "withdraws", "refusal"),
    [
        (FILER, SECOND_AFTER * 100, False, RequestRefusal.NOT_INDEPENDENT),
        (STRANGER, SECOND_AFTER - MOMENT, False, RequestRefusal.NOT_INDEPENDENT),
        (STRANGER, SECOND_AFTER, False, None),
        (None, timedelta(0), False, None),  # by the operator
    ],
)
def test_nobody_makes_their_own_second_person(
    access_by: int | None, age: timedelta, withdraws: bool, refusal: RequestRefusal | None
) -> None:
    by = Staff(DECIDER, "supervisor", Role.SUPERVISOR, None, access_by, NOW - age)
    assert refuse_decision(WAITING, by, NOW, withdraws=withdraws) == refusal


def test_who_was_just_let_in_still_withdraws_what_is_theirs() -> None:
    by = Staff(FILER, "supervisor", Role.SUPERVISOR, None, STRANGER, NOW)
    assert refuse_decision(WAITING, by, NOW, withdraws=True) is None


@pytest.mark.parametrize(
    ("request_", "staff_id", "later", "offered"),
    [
        (APPROVED, FILER, timedelta(0), True),
        (APPROVED, DECIDER, OFFERED_FOR - MOMENT, True),
        (APPROVED, DECIDER, OFFERED_FOR, False),
        (APPROVED, STRANGER, timedelta(0), False),
        (replace(APPROVED, downloads=DOWNLOADS - 1), FILER, timedelta(0), True),
        (replace(APPROVED, downloads=DOWNLOADS), FILER, timedelta(0), False),
        (replace(APPROVED, kind="erasure"), FILER, timedelta(0), False),
        (replace(APPROVED, state="declined"), FILER, timedelta(0), False),
        (WAITING, FILER, timedelta(0), False),
    ],
)
def test_an_export_is_offered_to_the_two_for_a_while(
    request_: RequestFacts, staff_id: int, later: timedelta, offered: bool
) -> None:
    assert is_offered(request_, staff_id, NOW + later) is offered
