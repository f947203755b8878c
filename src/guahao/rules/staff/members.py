"""Adding members of the staff and changing what they may do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.staff.staff import HOSPITAL_ROLES, Role

NAME_LENGTHS = range(1, 81)
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")


class StaffRefusal(StrEnum):
    """Why a member of the staff is not added or changed, in order of precedence."""

    LOGIN_INVALID = "staff_login_invalid"
    NAME_INVALID = "staff_name_invalid"
    BUSY = "staff_busy"  # too many passwords are being hashed
    UNKNOWN = "staff_unknown"
    HOSPITAL_NEEDED = "staff_hospital_needed"
    LOGIN_TAKEN = "staff_login_taken"
    LAST_ADMINISTRATOR = "staff_last_administrator"
    NOT_LOGGED_IN = "staff_not_logged_in"
    PASSWORD_WRONG = "staff_password_wrong"  # noqa: S105 - a word, not a password
    PASSWORD_WEAK = "staff_password_weak"  # noqa: S105


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """A member as far as it decides about a change: their role, and whether they can log in."""

    role: Role
    disabled: bool


def decide_new_member(login: str, name: str) -> StaffRefusal | None:
    """Return why nobody is added under this login and name, None where somebody may be."""
    if not _LOGIN.fullmatch(login):
        return StaffRefusal.LOGIN_INVALID
    fits = name.isprintable() and len(name) in NAME_LENGTHS
    return None if fits else StaffRefusal.NAME_INVALID


def decide_place(role: Role, *, has_hospital: bool, is_known: bool) -> StaffRefusal | None:
    """Return why a role does not fit a hospital, None where it does.

    Clerks and schedulers belong to a hospital, all others to none. `has_hospital`: whether one
    was named; `is_known`: whether the platform has it.
    """
    fits = is_known if role in HOSPITAL_ROLES else not has_hospital
    return None if fits else StaffRefusal.HOSPITAL_NEEDED


def decide_disabling(member: MemberFacts | None, administrators: int) -> StaffRefusal | None:
    """Return why a member is not disabled, None where they are or were before.

    `administrators`: those who can log in. The last of them stays.
    """
    if member is None:
        return StaffRefusal.UNKNOWN
    if member.role is Role.ADMINISTRATOR and not member.disabled and administrators <= 1:
        return StaffRefusal.LAST_ADMINISTRATOR
    return None


def decide_role(
    member: MemberFacts | None,
    role: Role,
    administrators: int,
    *,
    has_hospital: bool,
    is_known: bool,
) -> StaffRefusal | None:
    """Return why a member does not get a role, None where they do."""
    if member is None:
        return StaffRefusal.UNKNOWN
    misplaced = decide_place(role, has_hospital=has_hospital, is_known=is_known)
    if misplaced is not None:
        return misplaced
    # Without the administrator's role they leave the administrators as if disabled.
    return None if role is Role.ADMINISTRATOR else decide_disabling(member, administrators)


def decide_password(*, logged_in: bool, right: bool, weak: bool) -> StaffRefusal | None:
    """Return why a member's own password is not changed, None where it is.

    `logged_in`: their log-in goes on and the password is still the one that was compared.
    `right`: the old password and, with a second factor, its code.
    """
    if not logged_in:
        return StaffRefusal.NOT_LOGGED_IN
    if not right:
        return StaffRefusal.PASSWORD_WRONG
    return StaffRefusal.PASSWORD_WEAK if weak else None
