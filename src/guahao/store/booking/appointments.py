"""Read appointments for their owner, and change their status.

Changes lock in the desk's order, so that no two flows deadlock: patients, then clinic
sessions, each by id, then the appointments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from hmac import compare_digest
from typing import Any

from guahao.rules.kernel.facts import AppointmentFacts
from guahao.store.hospitals.directory import rules_of, rules_on, rules_text
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView
from guahao.store.people.patients import open_patient
from guahao.store.supply.sessions import SESSION_COLUMNS, take_session

# Of a, h and s: the rules in force today (of a past visit, on its date), and the rules of the day
# of booking, which the appointment keeps where they are more lenient.
_RULES = rules_on("least(%(today)s::date, a.visit_date)") + rules_on(
    "(a.booked_at AT TIME ZONE 'Asia/Shanghai')::date", "k"
)
_VIEW = f"""
    SELECT {SESSION_COLUMNS},
           a.id AS appointment_id, a.status, a.code_enc, a.channel, a.booked_at, a.changed_at,
           w.declinable_until, a.substituted_at,
           p.id AS patient_id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until,
           {rules_text("k")} AS rules_kept
    FROM appointments a
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN hospitals h ON h.id = s.hospital_id
    {_RULES}
    JOIN departments d ON d.id = s.department_id
    JOIN patients p ON p.id = a.patient_id
    LEFT JOIN wins w ON w.appointment_id = a.id
"""
_BY_ID = _VIEW + "WHERE a.id = ANY(%(ids)s::bigint[])"
# PostgreSQL looks for an order of eight tables at most. The ninth is joined last, when the whole
# city may have been read, so what selects few rows is a condition on `a`, not a join.
_SHOWN = f"""
    {_VIEW}
    JOIN unnest(%(ids)s::bigint[], %(accounts)s::bigint[]) asked (id, account_id)
      ON asked.id = a.id
    WHERE a.id = ANY(%(ids)s::bigint[])
      AND (asked.account_id IS NULL OR asked.account_id = p.account_id)
"""
_OWN = _VIEW + "WHERE a.id = %(id)s AND p.account_id = %(account_id)s"
_BY_CODE = f"""
    {_VIEW}
    WHERE a.code_live AND a.code_index = ANY(%(codes)s::bytea[])
      AND p.person_index = ANY(%(persons)s::bytea[]) AND p.displaced_at IS NULL
"""
_OWN_BY_CODE = f"""
    {_VIEW}
    WHERE a.code_live AND a.code_index = ANY(%(codes)s::bytea[]) AND p.account_id = %(account_id)s
"""
_LISTED = f"""
    {_VIEW}
    WHERE a.patient_id = ANY(ARRAY(SELECT id FROM patients WHERE account_id = %(account_id)s))
      AND (a.status = 'booked'
           OR (a.visit_date >= %(today)s AND a.status IN ('picked_up', 'stopped'))) = %(current)s
"""


async def appointments_by_id(
    tx: Tx, vault: Vault, ids: Sequence[int]
) -> dict[int, AppointmentView]:
    """Return decrypted appointments by id; the caller has checked that they may be shown."""
    return {view.id: view for view in await _views(tx, vault, _BY_ID, ids=list(ids))}


async def appointments_shown(
    tx: Tx, vault: Vault, asked: Sequence[tuple[int, int | None]]
) -> dict[int, AppointmentView]:
    """Return appointments by id, of pairs with the account that asks, or None for staff.

    Appointments whose patient is no longer the account's are left out.
    """
    ids, accounts = [id for id, _ in asked], [account_id for _, account_id in asked]
    views = await _views(tx, vault, _SHOWN, ids=ids, accounts=accounts)
    return {view.id: view for view in views}


async def own_appointment(
    tx: Tx, vault: Vault, account_id: int, appointment_id: int
) -> AppointmentView | None:
    """Return an appointment of the account's patients; None if unknown or not theirs."""
    return await _one(tx, vault, _OWN, id=appointment_id, account_id=account_id)


async def own_appointment_by_code(
    tx: Tx, vault: Vault, account_id: int, code: str
) -> AppointmentView | None:
    """Return the appointment with this live code if it is the account's, else None."""
    codes = vault.indexes("code", code)
    return await _one(tx, vault, _OWN_BY_CODE, codes=codes, account_id=account_id)


async def live_of_person(tx: Tx, patient_id: int) -> list[int]:
    """Return the ids of a person's live bookings, over all their registrations."""
    rows = await tx.rows(
        """
        SELECT a.id FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE (p.id = %(id)s OR p.merged_into = %(id)s) AND a.status = 'booked' ORDER BY a.id
        """,
        {"id": patient_id},
    )
    return [row[0] for row in rows]


async def own_appointments(
    tx: Tx, vault: Vault, account_id: int, *, current: bool
) -> list[AppointmentView]:
    """Return the account's appointments, current or past (S13).

    Current are booked appointments, and those of today or later that were picked up or stopped.
    """
    return await _views(tx, vault, _LISTED, account_id=account_id, current=current)


async def appointment_by_code(
    tx: Tx, vault: Vault, code: str, person_indexes: list[bytes]
) -> AppointmentView | None:
    """Return the appointment whose live code and person both match (S9).

    None matches if a checked registration has displaced the one that booked.
    """
    codes = vault.indexes("code", code)
    return await _one(tx, vault, _BY_CODE, codes=codes, persons=person_indexes)


async def _views(tx: Tx, vault: Vault, sql: str, **params: object) -> list[AppointmentView]:
    return await tx.records(partial(_view, vault), sql, {"today": tx.now.date(), **params})


async def _one(tx: Tx, vault: Vault, sql: str, **params: object) -> AppointmentView | None:
    return await tx.record(partial(_view, vault), sql, {"today": tx.now.date(), **params})


def _view(
    vault: Vault,
    *,
    appointment_id: int,
    status: str,
    code_enc: bytes,
    channel: str,
    booked_at: datetime,
    changed_at: datetime,
    declinable_until: datetime | None,
    substituted_at: datetime | None,
    patient_id: int,
    name_enc: bytes,
    id_type: str,
    id_no_enc: bytes,
    suspended_until: date | None,
    rules_kept: str,
    **columns: Any,
) -> AppointmentView:
    """Decrypt a row of _VIEW; `columns`: of its session."""
    session = take_session(columns)
    return AppointmentView(
        appointment_id,
        status,
        vault.open("appointments", "code", appointment_id, code_enc),
        channel,
        booked_at,
        changed_at,
        replace(session, rules=session.rules.keeping(rules_of(rules_kept))),
        open_patient(vault, patient_id, name_enc, id_type, id_no_enc, suspended_until),
        declinable_until,
        substituted_at,
    )


@dataclass(frozen=True, slots=True)
class LockedAppointment:
    """An appointment whose patient, session and own row are locked."""

    id: int
    patient_id: int
    account_id: int | None
    clinic_session_id: int
    person_index: bytes | None  # None if the registration was displaced
    booked_on: date
    facts: AppointmentFacts

    def is_of(self, person_indexes: Sequence[bytes]) -> bool:
        """Return whether the booked person has any of these indexes."""
        known = self.person_index
        return known is not None and any(compare_digest(known, index) for index in person_indexes)


_PLACE = """
    SELECT a.patient_id, a.clinic_session_id
    FROM appointments a JOIN patients p ON p.id = a.patient_id
    WHERE a.id = %(id)s
      AND (%(account_id)s::bigint IS NULL OR p.account_id = %(account_id)s)
"""
# Lock a merged registration together with the registration that it counts towards.
_LOCK_PATIENTS = """
    SELECT 1 FROM patients
    WHERE id IN (SELECT unnest(%(ids)s::bigint[])
                 UNION SELECT merged_into FROM patients WHERE id = ANY(%(ids)s::bigint[]))
    ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_SESSIONS = (
    "SELECT 1 FROM clinic_sessions WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
)
_FACTS = f"""
    SELECT a.id, a.patient_id, p.account_id, a.clinic_session_id,
           CASE WHEN p.displaced_at IS NULL THEN p.person_index END AS person_index,
           (a.booked_at AT TIME ZONE 'Asia/Shanghai')::date AS booked_on,
           a.status, a.hospital_id, a.visit_date, s.period, s.starts_at,
           a.substituted_at IS NOT NULL AS is_substituted,
           {rules_text("r")} AS rules, {rules_text("k")} AS rules_kept
    FROM appointments a
    JOIN patients p ON p.id = a.patient_id
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN hospitals h ON h.id = a.hospital_id
    {_RULES}
"""
_LOCKED = f"""
    {_FACTS}
    WHERE a.id = %(id)s AND (%(account_id)s::bigint IS NULL OR p.account_id = %(account_id)s)
    FOR NO KEY UPDATE OF a
"""
_LOCKED_MANY = f"""
    {_FACTS} WHERE a.id = ANY(%(ids)s::bigint[]) ORDER BY a.id FOR NO KEY UPDATE OF a
"""


async def lock_persons(tx: Tx, patient_ids: Sequence[int]) -> None:
    """Lock persons in id order: the first lock of every flow that changes bookings."""
    await tx.do(_LOCK_PATIENTS, {"ids": array(sorted(set(patient_ids)))})


async def lock_sessions(tx: Tx, session_ids: Sequence[int]) -> None:
    """Lock clinic sessions in id order, after the persons."""
    await tx.do(_LOCK_SESSIONS, {"ids": array(sorted(set(session_ids)))})


async def lock_appointment(
    tx: Tx, appointment_id: int, account_id: int | None
) -> LockedAppointment | None:
    """Lock an appointment, its person and session; None if unknown or another account's.

    `account_id` is None for staff, who act for the person in front of them.
    """
    owner = {"id": appointment_id, "account_id": account_id}
    place = await tx.row(_PLACE, owner)
    if place is None:
        return None
    await lock_persons(tx, [place[0]])
    await lock_sessions(tx, [place[1]])
    return await tx.record(_locked, _LOCKED, {"today": tx.now.date(), **owner})


async def lock_appointments(tx: Tx, ids: Sequence[int]) -> dict[int, LockedAppointment]:
    """Lock appointments whose persons and sessions are locked, skipping unknown ids."""
    given = {"today": tx.now.date(), "ids": array(sorted(set(ids)))}
    return {locked.id: locked for locked in await tx.records(_locked, _LOCKED_MANY, given)}


async def appointment_facts(tx: Tx, appointment_id: int) -> LockedAppointment | None:
    """Return what `lock_appointment` returns without any lock, to show what could be done."""
    given = {"today": tx.now.date(), "id": appointment_id}
    return await tx.record(_locked, f"{_FACTS} WHERE a.id = %(id)s", given)


def _locked(
    *,
    id: int,
    patient_id: int,
    account_id: int | None,
    clinic_session_id: int,
    person_index: bytes | None,
    booked_on: date,
    rules: str,
    rules_kept: str,
    **facts: Any,
) -> LockedAppointment:
    """Make a row of _FACTS an appointment; `facts`: the other columns."""
    kept = rules_of(rules).keeping(rules_of(rules_kept))
    return LockedAppointment(
        id,
        patient_id,
        account_id,
        clinic_session_id,
        person_index,
        booked_on,
        AppointmentFacts(rules=kept, **facts),
    )


async def appointment_id_by_code(tx: Tx, vault: Vault, code: str) -> int | None:
    """Return the appointment with this live code; show it only once the document matches too."""
    row = await tx.row(
        "SELECT id FROM appointments WHERE code_live AND code_index = ANY(%(codes)s::bytea[])",
        {"codes": vault.indexes("code", code)},
    )
    return row[0] if row else None


async def set_status(tx: Tx, appointment_id: int, status: str) -> None:
    """Store a new status and its time."""
    await tx.do(
        "UPDATE appointments SET status = %(status)s, changed_at = %(now)s WHERE id = %(id)s",
        {"status": status, "now": tx.now, "id": appointment_id},
    )


async def return_place(tx: Tx, clinic_session_id: int) -> None:
    """Return a place of a session to the supply (S14)."""
    await tx.do(
        "UPDATE clinic_sessions SET booked = booked - 1 WHERE id = %(id)s",
        {"id": clinic_session_id},
    )


async def retire_codes(tx: Tx, visits_before: date) -> int:
    """Free the codes of visits before the date for other bookings; return how many."""
    return await tx.do(
        "UPDATE appointments SET code_live = false WHERE code_live AND visit_date < %(before)s",
        {"before": visits_before},
    )


async def purge_requests(tx: Tx, decided_before: datetime) -> int:
    """Delete idempotency keys decided before the moment; return how many."""
    return await tx.do(
        "DELETE FROM booking_requests WHERE decided_at < %(before)s", {"before": decided_before}
    )
