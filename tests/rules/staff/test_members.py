"""Who is added to the staff and changed: each refusal where every later one stands as well."""

from __future__ import annotations

import pytest

from guahao.rules.staff.members import (
    MemberFacts,
    StaffRefusal,
    decide_disabling,
    decide_new_member,
    decide_password,
    decide_place,
    decide_role,
)
from guahao.rules.staff.staff import Role

NO = StaffRefusal
ADMINISTRATOR = MemberFacts(Role.ADMINISTRATOR, disabled=False)
FORMER = MemberFacts(Role.ADMINISTRATOR, disabled=True)
AGENT = MemberFacts(Role.AGENT, disabled=False)


@pytest.mark.parametrize(
    ("login", "name", "refusal"),
    [
        ("A", "", NO.LOGIN_INVALID),
        ("a", "张三", NO.LOGIN_INVALID),
        ("a" * 41, "张三", NO.LOGIN_INVALID),
        (".agent", "张三", NO.LOGIN_INVALID),
        ("agent one", "张三", NO.LOGIN_INVALID),
        ("agent.one", "", NO.NAME_INVALID),
        ("agent.one", "张" * 81, NO.NAME_INVALID),
        ("agent.one", "张\u0007三", NO.NAME_INVALID),
        ("agent.one", "张" * 80, None),
        ("a1", "张", None),
        ("a" * 40, "张三", None),
    ],
)
def test_which_login_and_name_a_member_has(
    login: str, name: str, refusal: StaffRefusal | None
) -> None:
    assert decide_new_member(login, name) is refusal


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("has_hospital", "is_known"), [(False, False), (True, False), (True, True)]
)
def test_clerks_and_schedulers_belong_to_a_hospital_and_nobody_else(
    role: Role, has_hospital: bool, is_known: bool
) -> None:
    of_hospital = role in {Role.CLERK, Role.SCHEDULER}
    fits = is_known if of_hospital else not has_hospital
    refusal = decide_place(role, has_hospital=has_hospital, is_known=is_known)
    assert refusal is (None if fits else NO.HOSPITAL_NEEDED)


@pytest.mark.parametrize(
    ("member", "administrators", "refusal"),
    [
        (None, 1, NO.UNKNOWN),
        (ADMINISTRATOR, 1, NO.LAST_ADMINISTRATOR),
        (ADMINISTRATOR, 2, None),
        (FORMER, 1, None),
        (AGENT, 1, None),
        (AGENT, 0, None),
    ],
)
def test_the_last_administrator_is_not_disabled(
    member: MemberFacts | None, administrators: int, refusal: StaffRefusal | None
) -> None:
    assert decide_disabling(member, administrators) is refusal


@pytest.mark.parametrize(
    ("member", "role", "administrators", "has_hospital", "refusal"),
    [
        (None, Role.AGENT, 1, True, NO.UNKNOWN),
        (ADMINISTRATOR, Role.AGENT, 1, True, NO.HOSPITAL_NEEDED),
        (ADMINISTRATOR, Role.AGENT, 1, False, NO.LAST_ADMINISTRATOR),
        (ADMINISTRATOR, Role.ADMINISTRATOR, 1, False, None),
        (ADMINISTRATOR, Role.AGENT, 2, False, None),
        (FORMER, Role.AGENT, 1, False, None),
        (AGENT, Role.CLERK, 1, True, None),
    ],
)
def test_who_gets_which_role(
    member: MemberFacts | None,
    role: Role,
    administrators: int,
    has_hospital: bool,
    refusal: StaffRefusal | None,
) -> None:
    decided = decide_role(
        member, role, administrators, has_hospital=has_hospital, is_known=has_hospital
    )
    assert decided is refusal


@pytest.mark.parametrize(
    ("logged_in", "right", "weak", "refusal"),
    [
        (False, False, True, NO.NOT_LOGGED_IN),
        (True, False, True, NO.PASSWORD_WRONG),
        (True, True, True, NO.PASSWORD_WEAK),
        (True, True, False, None),
    ],
)
def test_when_a_members_own_password_is_changed(
    logged_in: bool, right: bool, weak: bool, refusal: StaffRefusal | None
) -> None:
    assert decide_password(logged_in=logged_in, right=right, weak=weak) is refusal
