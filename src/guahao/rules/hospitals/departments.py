"""What a hospital's departments may be: two levels, of which the second can be booked (S4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from guahao.rules.hospitals.hospitals import CODE
from guahao.rules.kernel.versions import version_of

NAME_MAX = 80  # characters


class DepartmentRefusal(StrEnum):
    """Why a department stays as it is, in order of precedence."""

    UNKNOWN = "department_unknown"
    CHANGED_MEANWHILE = "department_changed_meanwhile"
    NAME = "department_name"
    PARENT = "department_parent"
    NAME_TAKEN = "department_name_taken"
    CODE = "department_code"
    CODE_TAKEN = "department_code_taken"
    HAS_MEMBERS = "department_has_members"
    HAS_BOOKINGS = "department_has_bookings"


@dataclass(frozen=True, slots=True)
class Department:
    """`parent_id` None: of the first level, which has no sessions of its own."""

    id: int
    parent_id: int | None
    code: str
    name: str
    name_en: str
    on_platform: bool


@dataclass(frozen=True, slots=True)
class DepartmentEntry:
    """What is written of a department; `parent_id` None: of the first level."""

    parent_id: int | None
    name: str
    name_en: str


@dataclass(frozen=True, slots=True)
class DepartmentReach:
    """What hangs on a department. `sessions`: open ones after today; `bookings`: theirs, live.

    `ever_booked`: whether there was any booking at any time; `timetables`: those not ended;
    `members`: departments of the second level under it.
    """

    sessions: int
    bookings: int
    ever_booked: bool
    timetables: int
    members: int


def decide_addition(
    existing: Sequence[Department], entry: DepartmentEntry, code: str
) -> DepartmentRefusal | None:
    """Return why a department is not added to its hospital's existing ones."""
    refusal = _check_entry(existing, entry, None)
    if refusal is not None:
        return refusal
    if not CODE.fullmatch(code):
        return DepartmentRefusal.CODE
    taken = any(department.code == code for department in existing)
    return DepartmentRefusal.CODE_TAKEN if taken else None


def decide_change(
    existing: Sequence[Department], before: Department | None, seen: str, entry: DepartmentEntry
) -> DepartmentRefusal | None:
    """Return why a department is not given another entry.

    `before`: as it is now, None where it is not the hospital's; `seen`: the version that was shown.
    """
    if before is None:
        return DepartmentRefusal.UNKNOWN
    if version_of(before) != seen:
        return DepartmentRefusal.CHANGED_MEANWHILE
    return _check_entry(existing, entry, before)


def decide_visibility(department: Department | None) -> DepartmentRefusal | None:
    """Return why a department is neither shown nor hidden: the first level follows the second."""
    if department is None or department.parent_id is None:
        return DepartmentRefusal.UNKNOWN
    return None


def decide_deletion(
    department: Department | None, reach: DepartmentReach | None
) -> DepartmentRefusal | None:
    """Return why a department is not deleted: what was ever booked there has a history."""
    if department is None or reach is None:
        return DepartmentRefusal.UNKNOWN
    if reach.members:
        return DepartmentRefusal.HAS_MEMBERS
    return DepartmentRefusal.HAS_BOOKINGS if reach.ever_booked else None


def _check_entry(
    existing: Sequence[Department], entry: DepartmentEntry, before: Department | None
) -> DepartmentRefusal | None:
    if not 1 <= len(entry.name) <= NAME_MAX or len(entry.name_en) > NAME_MAX:
        return DepartmentRefusal.NAME
    heads = {department.id for department in existing if department.parent_id is None}
    if entry.parent_id is not None and entry.parent_id not in heads:
        return DepartmentRefusal.PARENT
    # Its level stays: sessions hang on the second, departments on the first.
    is_head = entry.parent_id is None
    if before is not None and (before.parent_id is None) != is_head:
        return DepartmentRefusal.PARENT
    others = [department for department in existing if before is None or department.id != before.id]
    same_level = [department for department in others if (department.parent_id is None) == is_head]
    taken = any(department.name == entry.name for department in same_level)
    return DepartmentRefusal.NAME_TAKEN if taken else None
