"""The members of the staff: adding, changing, shutting out. Every change is in the audit trail."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.flows.kernel import hashing
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.hashing import HashingBusyError
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import prose
from guahao.rules.staff.members import (
    MemberFacts,
    StaffRefusal,
    decide_disabling,
    decide_new_member,
    decide_place,
    decide_role,
)
from guahao.rules.staff.staff import Role, Who
from guahao.store.people import login_failures
from guahao.store.staff import staff as store
from guahao.store.staff.staff import StaffListing, StaffRow

_WORDS = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that is mistaken for another


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A member with a temporary password, shown once and changed at the first log-in."""

    id: int
    login: str
    password: str
    expires_at: datetime


async def add_staff(
    platform: Platform, by: Who, login: str, name: str, role: Role, hospital_id: int | None
) -> NewStaff | Refused[StaffRefusal]:
    """Add a member with a temporary password. Clerks and schedulers belong to a hospital."""
    name = prose(name)
    refusal = decide_new_member(login, name)
    if refusal is not None:
        return Refused(refusal)
    password = _temporary_password()
    try:
        hashed = await hashing.KNOWN.hashed(password)
    except HashingBusyError:
        return Refused(StaffRefusal.BUSY)
    async with acting(platform, by) as act:
        refusal = decide_place(
            role,
            has_hospital=hospital_id is not None,
            is_known=await _is_known(act, hospital_id),
        )
        if refusal is not None:
            return Refused(refusal)
        expires_at = act.now + timedelta(hours=platform.settings.staff_password_hours)
        id = await store.add(act.tx, login, name, role, hospital_id, hashed, expires_at)
        if id is None:
            return Refused(StaffRefusal.LOGIN_TAKEN)
        await store.set_access(act.tx, id, by)
        detail = {"login": login, "role": role.value, "hospital_id": hospital_id}
        await act.record("add_staff", ("staff", id), detail=detail)
    return NewStaff(id, login, password, expires_at)


async def _is_known(act: Acting, hospital_id: int | None) -> bool:
    return hospital_id is not None and await store.hospital_exists(act.tx, hospital_id)


def _temporary_password() -> str:
    groups = ("".join(secrets.choice(_WORDS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


async def list_staff(platform: Platform) -> list[StaffListing]:
    """Return all members, by hospital, role and login."""
    async with platform.db.transaction() as tx:
        return await store.listed(tx)


async def staff_id_of(platform: Platform, login: str) -> int | None:
    """Return the id of a login, for the operator's commands."""
    async with platform.db.transaction() as tx:
        member = await store.by_login(tx, login)
    return None if member is None else member.id


async def hospital_id_of(platform: Platform, code: str) -> int | None:
    """Return the id of a hospital's code, for the operator's commands."""
    async with platform.db.transaction() as tx:
        return await store.hospital_id_of(tx, code)


async def reset_password(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> NewStaff | Refused[StaffRefusal]:
    """Give a member a new temporary password; every log-in of theirs ends."""
    password = _temporary_password()
    try:
        hashed = await hashing.KNOWN.hashed(password)
    except HashingBusyError:
        return Refused(StaffRefusal.BUSY)
    async with acting(platform, by) as act:
        member = await store.by_id(act.tx, staff_id, lock=True)
        if member is None:
            return Refused(StaffRefusal.UNKNOWN)
        expires_at = act.now + timedelta(hours=platform.settings.staff_password_hours)
        await store.set_password(act.tx, staff_id, hashed, temporary=True, expires_at=expires_at)
        await store.set_access(act.tx, staff_id, by)
        login_index = platform.vault.index("staff log-in", member.login)
        await login_failures.forgive_login(act.tx, login_index)
        await store.end_logins_of(act.tx, staff_id)
        await act.record("reset_password", ("staff", staff_id), reason=reason)
    return NewStaff(staff_id, member.login, password, expires_at)


async def reset_second_factor(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> Done | Refused[StaffRefusal]:
    """Forget a lost phone: it is enrolled anew at the next log-in. Every log-in ends."""
    async with acting(platform, by) as act:
        if await store.by_id(act.tx, staff_id, lock=True) is None:
            return Refused(StaffRefusal.UNKNOWN)
        await store.set_totp_secret(act.tx, platform.vault, staff_id, None)
        await store.set_access(act.tx, staff_id, by)
        await store.end_logins_of(act.tx, staff_id)
        await act.record("reset_second_factor", ("staff", staff_id), reason=reason)
    return DONE


async def disable_staff(
    platform: Platform, by: Who, staff_id: int, reason: str = ""
) -> Done | Refused[StaffRefusal]:
    """Shut a member out, at once. The last administrator stays."""
    async with acting(platform, by) as act:
        administrators = await store.enabled_administrators(act.tx)
        member = await store.by_id(act.tx, staff_id, lock=True)
        refusal = decide_disabling(_facts(member), administrators)
        if refusal is not None:
            return Refused(refusal)
        assert member is not None
        if member.disabled_at is None:
            await store.set_disabled(act.tx, staff_id, act.now)
            await store.end_logins_of(act.tx, staff_id)
            await act.record("disable_staff", ("staff", staff_id), reason=reason)
    return DONE


async def enable_staff(platform: Platform, by: Who, staff_id: int) -> Done | Refused[StaffRefusal]:
    """Let a member in again, with the password and the second factor they had."""
    async with acting(platform, by) as act:
        if await store.by_id(act.tx, staff_id, lock=True) is None:
            return Refused(StaffRefusal.UNKNOWN)
        await store.set_disabled(act.tx, staff_id, None)
        await store.set_access(act.tx, staff_id, by)
        await act.record("enable_staff", ("staff", staff_id))
    return DONE


async def change_role(
    platform: Platform,
    by: Who,
    staff_id: int,
    role: Role,
    hospital_id: int | None,
    reason: str = "",
) -> Done | Refused[StaffRefusal]:
    """Give a member another role; log-ins under the old one end."""
    async with acting(platform, by) as act:
        administrators = await store.enabled_administrators(act.tx)
        member = await store.by_id(act.tx, staff_id, lock=True)
        refusal = decide_role(
            _facts(member),
            role,
            administrators,
            has_hospital=hospital_id is not None,
            is_known=await _is_known(act, hospital_id),
        )
        if refusal is not None:
            return Refused(refusal)
        assert member is not None
        await store.set_role(act.tx, staff_id, role, hospital_id)
        await store.set_access(act.tx, staff_id, by)
        await store.end_logins_of(act.tx, staff_id)
        detail = {"from": member.role.value, "to": role.value, "hospital_id": hospital_id}
        await act.record("change_role", ("staff", staff_id), reason=reason, detail=detail)
    return DONE


def _facts(member: StaffRow | None) -> MemberFacts | None:
    return None if member is None else member.facts


async def end_logins_of(platform: Platform, by: Who, staff_id: int, reason: str = "") -> int:
    """Log a member out everywhere; return how many log-ins were open."""
    async with acting(platform, by) as act:
        ended = await store.end_logins_of(act.tx, staff_id)
        detail = {"sessions": ended}
        await act.record("end_sessions", ("staff", staff_id), reason=reason, detail=detail)
    return ended
