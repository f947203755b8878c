"""A hospital's departments: added, renamed, put in order, shown or hidden (S4).

By the hospital's own scheduler, or by an administrator who acts for it. Hiding a department
from patients cancels no booking: patients still see theirs under My registrations, and the
window hands out their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from psycopg.errors import ForeignKeyViolation

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.rolling_out import roll_out
from guahao.rules.hospitals.departments import (
    Department,
    DepartmentEntry,
    DepartmentReach,
    DepartmentRefusal,
    decide_addition,
    decide_change,
    decide_deletion,
    decide_visibility,
)
from guahao.rules.hospitals.ordering import moved
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.rules.supply.planning import ROLLED_DAYS
from guahao.store.hospitals import departments as store
from guahao.store.hospitals.hospital_rules import lock_hospital
from guahao.store.kernel.db import Tx


def version(department: Department) -> str:
    """Return what a form that shows the department sends back."""
    return version_of(department)


async def listed(platform: Platform, by: Staff) -> list[Department]:
    """Return all departments of the hospital, each of the first level before its members."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.listed(tx, by.own_hospital_id)


async def one(
    platform: Platform, by: Staff, department_id: int
) -> tuple[Department, DepartmentReach] | None:
    """Return a department and what hangs on it, None where it is not the hospital's."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = _of(await store.listed(tx, by.own_hospital_id), department_id)
        return None if found is None else (found, await store.reach(tx, department_id))


async def add(
    platform: Platform, by: Staff, code: str, entry: DepartmentEntry
) -> int | Refused[DepartmentRefusal]:
    """Add a department, on the platform at once where it can be booked; return its id."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        existing = await _locked(act.tx, hospital_id)
        refusal = decide_addition(existing, entry, code)
        if refusal is not None:
            return Refused(refusal)
        id = await store.add(act.tx, hospital_id, code, entry)
        await store.follow_members(act.tx, hospital_id)
        detail = {"code": code, "after": asdict(entry)}
        await act.record("add_department", ("department", id), detail=detail)
        return id


async def change(
    platform: Platform, by: Staff, department_id: int, seen: str, entry: DepartmentEntry
) -> Done | Refused[DepartmentRefusal]:
    """Rename a department that is still the version `seen`, or put it under another."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        existing = await _locked(act.tx, hospital_id)
        before = _of(existing, department_id)
        refusal = decide_change(existing, before, seen, entry)
        if refusal is not None:
            return Refused(refusal)
        assert before is not None
        await store.change(act.tx, department_id, entry)
        await store.follow_members(act.tx, hospital_id)
        was = DepartmentEntry(before.parent_id, before.name, before.name_en)
        detail = {"before": asdict(was), "after": asdict(entry)}
        await act.record("change_department", ("department", department_id), detail=detail)
        return DONE


async def set_on_platform(
    platform: Platform, by: Staff, department_id: int, *, on_platform: bool, reason: str = ""
) -> int | Refused[DepartmentRefusal]:
    """Show a department to patients or hide it; return how many sessions were made for it.

    Its timetables made none while it was hidden. A department that is so already stays.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        before = _of(await _locked(act.tx, hospital_id), department_id)
        refusal = decide_visibility(before)
        if refusal is not None:
            return Refused(refusal)
        assert before is not None
        if before.on_platform == on_platform:
            return 0
        reach = await store.reach(act.tx, department_id)
        await store.set_on_platform(act.tx, department_id, on_platform=on_platform)
        await store.follow_members(act.tx, hospital_id)
        made = 0
        if on_platform:
            today = act.now.date()
            last = today + timedelta(days=ROLLED_DAYS)
            made = await roll_out(act.tx, platform, hospital_id, today, last)
        action = "show_department" if on_platform else "hide_department"
        detail = {"sessions": reach.sessions, "bookings": reach.bookings, "made": made}
        await act.record(action, ("department", department_id), reason=reason, detail=detail)
        return made


async def move(
    platform: Platform, by: Staff, department_id: int, *, up: bool
) -> Done | Refused[DepartmentRefusal]:
    """Move a department a place up or down on its level; at the end it stays."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        existing = await _locked(act.tx, hospital_id)
        found = _of(existing, department_id)
        if found is None:
            return Refused(DepartmentRefusal.UNKNOWN)
        before = [other.id for other in existing if other.parent_id == found.parent_id]
        after = moved(before, department_id, up=up)
        if after != before:
            await store.put_in_order(act.tx, after)
            detail = {"before": before, "after": after}
            await act.record("move_department", ("department", department_id), detail=detail)
        return DONE


async def delete(
    platform: Platform, by: Staff, department_id: int, reason: str = ""
) -> Done | Refused[DepartmentRefusal]:
    """Delete a department that was never booked, with its timetables and sessions."""
    hospital_id = by.own_hospital_id
    try:
        async with acting(platform, by.who, hospital_id=hospital_id) as act:
            found = _of(await _locked(act.tx, hospital_id), department_id)
            reach = None if found is None else await store.reach(act.tx, department_id)
            refusal = decide_deletion(found, reach)
            if refusal is not None:
                return Refused(refusal)
            assert found is not None
            assert reach is not None
            await store.delete(act.tx, department_id)
            await store.follow_members(act.tx, hospital_id)
            detail = {"before": asdict(found), "sessions": reach.sessions}
            await act.record(
                "delete_department", ("department", department_id), reason=reason, detail=detail
            )
            return DONE
    except ForeignKeyViolation:
        # A stop names it, or it was booked in this very moment: it has a history.
        return Refused(DepartmentRefusal.HAS_BOOKINGS)


async def _locked(tx: Tx, hospital_id: int) -> list[Department]:
    """Return the hospital's departments, which nobody else changes until the commit."""
    await lock_hospital(tx, hospital_id)
    return await store.listed(tx, hospital_id)


def _of(departments: Sequence[Department], id: int) -> Department | None:
    return next((department for department in departments if department.id == id), None)
