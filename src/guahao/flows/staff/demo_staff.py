"""Invented members of the staff for the demo: one of each role, with codes to log in by.

In demo mode only. Their second factors follow from the demo's own key, so that the demo can
show the current code to people without an authenticator at hand.
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass

import pyotp

from guahao.flows.kernel import hashing
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.logins import TOTP_STEP_SECONDS
from guahao.rules.staff.staff import HOSPITAL_ROLES, SYSTEM, Role
from guahao.store.kernel.db import Tx
from guahao.store.staff import demo_staff as demo_store
from guahao.store.staff import staff as store
from guahao.store.staff import trail

PASSWORD = "demo-password-114"  # noqa: S105 - the demo's, printed at its start
_SECRET_BYTES = 20


@dataclass(frozen=True, slots=True)
class DemoStaff:
    """Somebody invented; `hospital`: whose, counted from the first of the city."""

    login: str
    name: str
    role: Role
    hospital: int = 0


DEMO_STAFF = (
    DemoStaff("agent", "演示坐席", Role.AGENT),
    DemoStaff("supervisor", "演示班长", Role.SUPERVISOR),
    DemoStaff("clerk", "演示窗口", Role.CLERK),
    DemoStaff("scheduler", "演示排班", Role.SCHEDULER),
    DemoStaff("clerk2", "演示窗口二", Role.CLERK, hospital=1),
    DemoStaff("admin", "演示管理员", Role.ADMINISTRATOR),
    DemoStaff("auditor", "演示审计", Role.AUDITOR),
)


async def add_demo_staff(platform: Platform) -> int:
    """Add those who are missing; how many were. Nothing outside of the demo."""
    if not platform.settings.demo:
        return 0
    hashed = await hashed_password()
    async with platform.db.transaction() as tx:
        await demo_store.forget_codes_to_come(tx, int(tx.now.timestamp()) // TOTP_STEP_SECONDS)
        return len(await add_demo_staff_in(tx, platform, hashed))


async def hashed_password() -> str:
    """Return the hash of the demo's password; it takes a while, so before the transaction."""
    return await hashing.KNOWN.hashed(PASSWORD)


async def add_demo_staff_in(tx: Tx, platform: Platform, hashed: str) -> dict[str, int]:
    """Add those who are missing, as of the transaction's time; their ids by login."""
    hospital_ids = await demo_store.first_hospitals(tx, 2)
    added: dict[str, int] = {}
    for member in DEMO_STAFF:
        if member.hospital >= len(hospital_ids):
            continue
        hospital_id = hospital_ids[member.hospital] if member.role in HOSPITAL_ROLES else None
        id = await store.add(
            tx, member.login, member.name, member.role, hospital_id, hashed, tx.now
        )
        if id is None:
            continue
        await store.set_password(tx, id, hashed, temporary=False)
        await store.set_totp_secret(tx, platform.vault, id, _secret(platform, member.login))
        detail = {"login": member.login, "role": member.role.value, "hospital_id": hospital_id}
        await trail.record(tx, platform.vault, SYSTEM, "add_staff", ("staff", id), detail=detail)
        added[member.login] = id
    return added


async def demo_staff_left(platform: Platform) -> list[str]:
    """Return the logins of the demo's staff that are active in this database."""
    async with platform.db.transaction() as tx:
        return await demo_staff_in(tx)


async def demo_staff_in(tx: Tx) -> list[str]:
    """Add the demo's staff within a transaction."""
    return await store.active_logins(tx, [(one.login, one.name) for one in DEMO_STAFF])


def current_codes(platform: Platform) -> list[tuple[DemoStaff, str]]:
    """Return each of them with the code of this moment."""
    now = platform.db.clock()
    return [(one, pyotp.TOTP(_secret(platform, one.login)).at(now)) for one in DEMO_STAFF]


def _secret(platform: Platform, login: str) -> str:
    return b32encode(platform.vault.index("demo staff", login)[:_SECRET_BYTES]).decode()
