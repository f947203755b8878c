"""The morning's city: people, staff, what clerks hand out and citizens cancel, a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.staff import add_staff
from guahao.rules.kernel.limits import NEW_CITY
from guahao.rules.kernel.policies import DatedPolicy
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import copy_rows
from guahao.store.kernel.vault import Vault
from guahao.store.policy import policies
from guahao.tools.bench import queries as city
from guahao.tools.bench.rush import queries as rush

HOSPITAL_ID = 1  # of the clerk
_CANCEL_DAYS = 5  # from today to the visits that are cancelled
_SESSION = """
    INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                 fee_fen, capacity, booked)
    SELECT hospital_id, id, '主任医师', %(day)s, 'evening', 8000, %(places)s, %(places)s
    FROM departments WHERE hospital_id = %(hospital_id)s ORDER BY id LIMIT 1
    RETURNING id, department_id
"""
_APPOINTMENTS = """
    COPY appointments (id, patient_id, clinic_session_id, hospital_id, department_id, visit_date,
                       channel, code_enc, code_index, booked_at, changed_at) FROM STDIN
"""


@dataclass(frozen=True, slots=True)
class ExistingBooking:
    """A booking that exists before the release."""

    id: int
    person: int
    code: str


@dataclass(frozen=True, slots=True)
class Release:
    """Sessions that are released at one moment, with so many places each."""

    at: datetime
    sessions: tuple[int, ...]
    hospitals: tuple[int, ...]
    departments: tuple[int, ...]
    places: int


async def found(
    platform: Platform, persons: int, pick_ups: int, cancels: int
) -> tuple[list[ExistingBooking], list[ExistingBooking]]:
    """Fill the database; return today's visits, and later ones. The last persons have them."""
    async with platform.db.transaction() as tx:
        everybody = persons + pick_ups + cancels
        await city.found_city(tx, 1, everybody)
        await city.add_persons(tx, platform.vault, everybody)
        await rush.check_persons(tx)
        await _seal_phones(tx, platform.vault, everybody)
        await tx.do("UPDATE hospitals SET pickup_until_evening = '23:59:59'")
        today = tx.now.date()
        ends = (persons, persons + pick_ups, everybody)
        first, second = (range(start + 1, end + 1) for start, end in pairwise(ends))
        return (
            await _visits(tx, platform.vault, first, today),
            await _visits(tx, platform.vault, second, today + timedelta(days=_CANCEL_DAYS)),
        )


async def _seal_phones(tx: Tx, vault: Vault, accounts: int) -> None:
    """Give every account a phone that can be shown to agents and written to."""
    ids = range(1, accounts + 1)
    phones = [f"+86138{id:08d}" for id in ids]
    await tx.do(
        """
        UPDATE accounts a SET phone_enc = n.sealed, phone_index = n.found_by
        FROM unnest(%(ids)s::bigint[], %(sealed)s::bytea[], %(found_by)s::bytea[])
            AS n (id, sealed, found_by)
        WHERE a.id = n.id
        """,
        {
            "ids": list(ids),
            "sealed": [vault.seal("accounts", "phone", id, phones[id - 1]) for id in ids],
            "found_by": [vault.index("phone", phone) for phone in phones],
        },
    )


async def _visits(tx: Tx, vault: Vault, persons: Sequence[int], day: date) -> list[ExistingBooking]:
    wanted = {"day": day, "places": len(persons), "hospital_id": HOSPITAL_ID}
    [[session_id, department_id]] = await tx.rows(_SESSION, wanted)
    ids = await tx.rows(
        "SELECT nextval('appointments_id_seq') FROM generate_series(1, %(count)s)",
        {"count": len(persons)},
    )
    visits = [
        ExistingBooking(id, person, f"{id * 61803399 % 10**8:08d}")
        for (id,), person in zip(ids, persons, strict=True)
    ]
    booked_at = tx.now - timedelta(days=1)
    await copy_rows(
        tx,
        _APPOINTMENTS,
        (
            (
                *(visit.id, visit.person, session_id, HOSPITAL_ID, department_id, day, "api"),
                vault.seal("appointments", "code", visit.id, visit.code),
                vault.index("code", visit.code),
                *(booked_at, booked_at),
            )
            for visit in visits
        ),
    )
    return visits


async def let_patients_cancel(platform: Platform) -> None:
    """Let citizens cancel themselves, so that cancels are single requests; before anything else.

    A policy of a day on which the platform has worked cannot be changed any more.
    """
    await add_staff(platform, SYSTEM, "bench-policy", "压测人员", Role.ADMINISTRATOR, None)
    policy = replace(NEW_CITY, cancel_channels=frozenset({"agent", "patient"}))
    async with platform.db.transaction() as tx:
        [[staff_id]] = await tx.rows("SELECT min(id) FROM staff")
        await policies.put(tx, DatedPolicy(tx.now.date(), policy), staff_id, "bench")


async def release(platform: Platform, number: int, at: datetime, places: int) -> Release:
    """Create three hospitals that release at this moment, with places in a session of each."""
    async with platform.db.transaction() as tx:
        prepared = await rush.prepare(tx, number, at, places)
        rows = await tx.rows(
            """
            SELECT hospital_id, department_id FROM clinic_sessions
            WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id
            """,
            {"ids": list(prepared.sessions)},
        )
    hospitals, departments = zip(*rows, strict=True)
    return Release(at, prepared.sessions, hospitals, departments, places)


async def server_pid(platform: Platform) -> int:
    """Return the process id of a backend of the server, where this machine has it."""
    async with platform.db.transaction() as tx:
        [[pid]] = await tx.rows("SELECT pg_backend_pid()")
    return int(pid)
