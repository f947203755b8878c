"""How long a log-in of the staff is locked, and how long somebody waits to approve."""

from __future__ import annotations

from datetime import timedelta

from guahao.rules.staff import logins, members, staff


def test_the_limits_of_a_log_in() -> None:
    assert logins.FAILURES_BEFORE_LOCK == 5
    assert timedelta(minutes=15) == logins.FIRST_LOCK
    assert timedelta(days=1) == logins.LONGEST_LOCK == logins.FAILURES_FORGOTTEN
    assert timedelta(minutes=10) == logins.HALF_LOGIN


def test_who_belongs_where() -> None:
    assert timedelta(hours=24) == staff.SECOND_AFTER
    assert (members.NAME_LENGTHS.start, members.NAME_LENGTHS.stop) == (1, 81)
    assert {staff.Role.CLERK, staff.Role.SCHEDULER} == staff.HOSPITAL_ROLES
    assert {staff.Role.AGENT, staff.Role.SUPERVISOR} == staff.CALL_CENTRE_ROLES
