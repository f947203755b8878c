"""A hospital's departments: added, renamed, put in order, kept off the platform (S4).

By the hospital's own scheduler, or by an administrator who acts for it. There are two levels:
what stands under a department of the first level can be booked, the first level itself not.
Moving one off the platform hides it from patients and takes no booking away: whoever has one
finds it under My registrations, and the window hands the number out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum

from psycopg.errors import ForeignKeyViolation

from guahao.flows.hospitals.titles import moved
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.schedules import ROLLED_DAYS
from guahao.rules.hospitals.hospitals import CODE
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import departments as store
from guahao.store.hospitals.departments import Department, Reach
from guahao.store.hospitals.hospital_rules import lock_hospital
from guahao.store.kernel.db import Tx
from guahao.store.supply import sessions

NAME_MAX = 80  # characters


class DepartmentRefusal(StrEnum):
    """Why a department stays as it is."""

    UNKNOWN = "department_unknown"
    NAME = "department_name"
    NAME_TAKEN = "department_name_taken"
    CODE = "department_code"
    CODE_TAKEN = "department_code_taken"
    PARENT = "department_parent"
    CHANGED_MEANWHILE = "department_changed_meanwhile"
    HAS_MEMBERS = "department_has_members"
    HAS_BOOKINGS = "department_has_bookings"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written of a department; `parent_id` None: of the first level."""

    parent_id: int | None
    name: str
    name_en: str


def version(department: Department) -> str:
    """What a form that shows it gives back."""
    return version_of(department)


async def listed(platform: Platform, by: Staff) -> list[Department]:
    """All departments of the hospital, each of the first level before its own."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.listed(tx, by.own_hospital_id)


async def one(platform: Platform, by: Staff, department_id: int) -> tuple[Department, Reach] | None:
    """A department and what hangs on it; None if it is not the hospital's."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = _of(await store.listed(tx, by.own_hospital_id), department_id)
        return None if found is None else (found, await store.reach(tx, department_id))


async def add(platform: Platform, by: Staff, code: str, new: Entry) -> int | DepartmentRefusal:
    """A department; one that can be booked is on the platform from the start. Its id."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        there = await _locked(act.tx, hospital_id)
        refused = _refused(there, new, None) or _refused_code(there, code)
        if refused is not None:
            return refused
        id = await store.add(act.tx, hospital_id, new.parent_id, code, new.name, new.name_en)
        await store.follow_members(act.tx, hospital_id)
        detail = {"code": code, "after": asdict(new)}
        await act.record("add_department", ("department", id), detail=detail)
        return id


async def change(
    platform: Platform, by: Staff, department_id: int, seen: str, new: Entry
) -> DepartmentRefusal | None:
    """Rename it or put it under another, where it is as it was `seen`; None when done."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        there = await _locked(act.tx, hospital_id)
        before = _of(there, department_id)
        if before is None:
            return DepartmentRefusal.UNKNOWN
        if version(before) != seen:
            return DepartmentRefusal.CHANGED_MEANWHILE
        refused = _refused(there, new, before)
        if refused is not None:
            return refused
        await store.change(act.tx, department_id, new.parent_id, new.name, new.name_en)
        await store.follow_members(act.tx, hospital_id)
        was = Entry(before.parent_id, before.name, before.name_en)
        detail = {"before": asdict(was), "after": asdict(new)}
        await act.record("change_department", ("department", department_id), detail=detail)
        return None


async def set_on_platform(
    platform: Platform, by: Staff, department_id: int, *, on_platform: bool, reason: str = ""
) -> int | DepartmentRefusal:
    """Show it to patients or hide it from them; how many sessions were made for it.

    Its timetables made none while it was hidden. To ask for what is so already is no error.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        before = _of(await _locked(act.tx, hospital_id), department_id)
        if before is None or before.parent_id is None:
            return DepartmentRefusal.UNKNOWN
        if before.on_platform == on_platform:
            return 0
        reach = await store.reach(act.tx, department_id)
        await store.set_on_platform(act.tx, department_id, on_platform=on_platform)
        await store.follow_members(act.tx, hospital_id)
        made = 0
        if on_platform:
            today = act.now.date()
            last = today + timedelta(days=ROLLED_DAYS)
            made = await sessions.roll_out(act.tx, hospital_id, today, last)
        action = "show_department" if on_platform else "hide_department"
        detail = {"sessions": reach.sessions, "bookings": reach.bookings, "made": made}
        await act.record(action, ("department", department_id), reason=reason, detail=detail)
        return made


async def move(
    platform: Platform, by: Staff, department_id: int, *, up: bool
) -> DepartmentRefusal | None:
    """One place up or down among its own; at the end it stays."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        there = await _locked(act.tx, hospital_id)
        found = _of(there, department_id)
        if found is None:
            return DepartmentRefusal.UNKNOWN
        before = [one.id for one in there if one.parent_id == found.parent_id]
        after = moved(before, department_id, up=up)
        if after != before:
            await store.put_in_order(act.tx, after)
            detail = {"before": before, "after": after}
            await act.record("move_department", ("department", department_id), detail=detail)
        return None


async def delete(
    platform: Platform, by: Staff, department_id: int, reason: str = ""
) -> DepartmentRefusal | None:
    """Remove one that nobody ever booked, with its timetables and sessions; None when done."""
    hospital_id = by.own_hospital_id
    try:
        async with acting(platform, by.who, hospital_id=hospital_id) as act:
            found = _of(await _locked(act.tx, hospital_id), department_id)
            if found is None:
                return DepartmentRefusal.UNKNOWN
            reach = await store.reach(act.tx, department_id)
            if reach.members:
                return DepartmentRefusal.HAS_MEMBERS
            if reach.ever_booked:
                return DepartmentRefusal.HAS_BOOKINGS
            await store.delete(act.tx, department_id)
            await store.follow_members(act.tx, hospital_id)
            detail = {"before": asdict(found), "sessions": reach.sessions}
            await act.record(
                "delete_department", ("department", department_id), reason=reason, detail=detail
            )
            return None
    except ForeignKeyViolation:
        # A stop names it, or somebody has booked in this very moment: it has a history.
        return DepartmentRefusal.HAS_BOOKINGS


async def _locked(tx: Tx, hospital_id: int) -> list[Department]:
    """The hospital's departments, which nobody else changes until the commit."""
    await lock_hospital(tx, hospital_id)
    return await store.listed(tx, hospital_id)


def _of(there: list[Department], department_id: int) -> Department | None:
    return next((one for one in there if one.id == department_id), None)


def _refused(
    there: list[Department], new: Entry, before: Department | None
) -> DepartmentRefusal | None:
    """What no department may be; `before`: as it is now, None for a new one."""
    if not 1 <= len(new.name) <= NAME_MAX or len(new.name_en) > NAME_MAX:
        return DepartmentRefusal.NAME
    if new.parent_id is not None:
        parent = _of(there, new.parent_id)
        if parent is None or parent.parent_id is not None:
            return DepartmentRefusal.PARENT
    # Its level stays: sessions hang on the second, departments on the first.
    if before is not None and (before.parent_id is None) != (new.parent_id is None):
        return DepartmentRefusal.PARENT
    others = [one for one in there if before is None or one.id != before.id]
    same_level = [one for one in others if (one.parent_id is None) == (new.parent_id is None)]
    taken = any(one.name == new.name for one in same_level)
    return DepartmentRefusal.NAME_TAKEN if taken else None


def _refused_code(there: list[Department], code: str) -> DepartmentRefusal | None:
    if not CODE.fullmatch(code):
        return DepartmentRefusal.CODE
    taken = any(one.code == code for one in there)
    return DepartmentRefusal.CODE_TAKEN if taken else None
