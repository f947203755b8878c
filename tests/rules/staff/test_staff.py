"""Who may approve what another member of the staff has asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.helpers import NOW

from guahao.rules.staff.staff import SYSTEM, Role, Staff, Who, is_independent

DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)
SECOND = Staff(2, "second", Role.ADMINISTRATOR)


@pytest.mark.parametrize(
    ("access_by", "given_ago", "independent"),
    [
        (None, None, True),
        (1, 365 * DAY, False),  # the first member let them in
        (3, DAY - MOMENT, False),
        (3, DAY, True),
        (3, None, True),
        (None, MOMENT, True),
    ],
)
def test_a_second_member_was_let_in_by_somebody_else_a_day_ago(
    access_by: int | None, given_ago: timedelta | None, independent: bool
) -> None:
    given_at = None if given_ago is None else NOW - given_ago
    second = replace(SECOND, access_by=access_by, access_at=given_at)
    assert is_independent(second, 1, NOW) is independent


def test_an_administrator_acts_for_a_hospital_and_nobody_else_does() -> None:
    acting = SECOND.acting_for(7)
    assert acting.own_hospital_id == 7
    assert acting.who == Who("staff", 2, "second", 7)
    with pytest.raises(AssertionError):
        replace(SECOND, role=Role.SUPERVISOR).acting_for(7)
    with pytest.raises(AssertionError):
        SECOND.own_hospital_id  # noqa: B018 - it raises


def test_what_nobody_did_the_platform_did_itself() -> None:
    assert Who("system", 0, "guahao") == SYSTEM
