"""Read appointments for their owner, and change their status.

Changes lock in the desk's order, so that no two flows deadlock: patients, then clinic
sessions, each by id, then the appointments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hmac import compare_digest

from psycopg.rows import TupleRow

from guahao.rules.kernel.facts import AppointmentFacts
from guahao.store.hospitals.directory import (
    RULES_COLUMNS,
    hospital_rules,
    rules_columns,
    rules_of,
    rules_on,
    rules_text,
)
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView
from guahao.store.people.patients import open_patient
from guahao.store.supply.sessions import SESSION_COLUMNS, SESSION_WIDTH, session_view

# Of a, h and s: the rules in force today (of a past visit, on its date), and the rules of the day
# of booking, which the appointment keeps where they are more lenient.
_RULES = rules_on("least(%s::date, a.visit_date)") + rules_on(
    "(a.booked_at AT TIME ZONE 'Asia/Shanghai')::date", "k"
)
_VIEW = f"""
    SELECT {SESSION_COLUMNS},
           a.id, a.status, a.code_enc, a.channel, a.booked_at, a.changed_at,
           w.declinable_until, a.substituted_at,
           p.id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until,
           {rules_text("k")}
    FROM appointments a
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN hospitals h ON h.id = s.hospital_id
    {_RULES}
    JOIN departments d ON d.id = s.department_id
    JOIN patients p ON p.id = a.patient_id
    LEFT JOIN wins w ON w.appointment_id = a.id
"""
_BY_ID = _VIEW + "WHERE a.id = ANY(%s::bigint[])"
# PostgreSQL looks for an order of eight tables at most. The ninth is joined last, when the whole
# city may have been read, so what selects few rows is a condition on `a`, not a join.
_SHOWN = f"""
    {_VIEW}
    JOIN unnest(%s::bigint[], %s::bigint[]) asked (id, account_id) ON asked.id = a.id
    WHERE a.id = ANY(%s::bigint[])
      AND (asked.account_id IS NULL OR asked.account_id = p.account_id)
"""
_OWN = _VIEW + "WHERE a.id = %s AND p.account_id = %s"
_BY_CODE = (
    _VIEW
    + "WHERE a.code_live AND a.code_index = ANY(%s::bytea[]) AND p.person_index = ANY(%s::bytea[])"
    " AND p.displaced_at IS NULL"
)
_OWN_BY_CODE = _VIEW + "WHERE a.code_live AND a.code_index = ANY(%s::bytea[]) AND p.account_id = %s"
_LISTED = f"""
    {_VIEW}
    WHERE a.patient_id = ANY(ARRAY(SELECT id FROM patients WHERE account_id = %s))
      AND (a.status = 'booked'
           OR (a.visit_date >= %s AND a.status IN ('picked_up', 'stopped'))) = %s
"""


_WIDTH = SESSION_WIDTH + 13  # the columns before the rules of the day of booking, the last


async def appointments_by_id(
    tx: Tx, vault: Vault, ids: Sequence[int]
) -> dict[int, AppointmentView]:
    """Return decrypted appointments by id; the caller has checked that they may be shown."""
    rows = await tx.rows(_BY_ID, (tx.now.date(), list(ids)))
    return {view.id: view for view in (_view(vault, row) for row in rows)}


async def appointments_shown(
    tx: Tx, vault: Vault, asked: Sequence[tuple[int, int | None]]
) -> dict[int, AppointmentView]:
    """Return appointments by id, of pairs with the account that asks, or None for staff.

    Appointments whose patient is no longer the account's are left out.
    """
    ids, accounts = [id for id, _ in asked], [account_id for _, account_id in asked]
    rows = await tx.rows(_SHOWN, (tx.now.date(), ids, accounts, ids))
    return {view.id: view for view in (_view(vault, row) for row in rows)}


async def own_appointment(
    tx: Tx, vault: Vault, account_id: int, appointment_id: int
) -> AppointmentView | None:
    """Return an appointment of the account's patients; None if unknown or not theirs."""
    row = await tx.row(_OWN, (tx.now.date(), appointment_id, account_id))
    return _view(vault, row) if row else None


async def own_appointment_by_code(
    tx: Tx, vault: Vault, account_id: int, code: str
) -> AppointmentView | None:
    """Return the appointment with this live code if it is the account's, else None."""
    indexes = vault.indexes("code", code)
    row = await tx.row(_OWN_BY_CODE, (tx.now.date(), indexes, account_id))
    return _view(vault, row) if row else None


async def live_of_person(tx: Tx, patient_id: int) -> list[int]:
    """Return the ids of a person's live bookings, over all their registrations."""
    rows = await tx.rows(
        """
        SELECT a.id FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE (p.id = %s OR p.merged_into = %s) AND a.status = 'booked' ORDER BY a.id
        """,
        (patient_id, patient_id),
    )
    return [row[0] for row in rows]


async def own_appointments(
    tx: Tx, vault: Vault, account_id: int, *, current: bool
) -> list[AppointmentView]:
    """Return the account's appointments, current or past (S13).

    Current are booked appointments, and those of today or later that were picked up or stopped.
    """
    today = tx.now.date()
    rows = await tx.rows(_LISTED, (today, account_id, today, current))
    return [_view(vault, row) for row in rows]


async def appointment_by_code(
    tx: Tx, vault: Vault, code: str, person_indexes: list[bytes]
) -> AppointmentView | None:
    """Return the appointment whose live code and person both match (S9).

    None matches if a checked registration has displaced the one that booked.
    """
    indexes = vault.indexes("code", code)
    row = await tx.row(_BY_CODE, (tx.now.date(), indexes, person_indexes))
    return _view(vault, row) if row else None


def _view(vault: Vault, row: TupleRow) -> AppointmentView:
    own, person = row[SESSION_WIDTH : SESSION_WIDTH + 8], row[SESSION_WIDTH + 8 : _WIDTH]
    session = session_view(row[:SESSION_WIDTH])
    kept = session.rules.keeping(rules_of(row[_WIDTH]))
    id, status, code_enc, *rest, declinable_until, substituted_at = own
    code = vault.open("appointments", "code", id, code_enc)
    patient = open_patient(vault, *person)
    session = replace(session, rules=kept)
    shown = [id, status, code, *rest, session, patient, declinable_until, substituted_at]
    return AppointmentView(*shown)


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
    WHERE a.id = %s AND (%s::bigint IS NULL OR p.account_id = %s)
"""
# Lock a merged registration together with the registration that it counts towards.
_LOCK_PATIENTS = """
    SELECT 1 FROM patients
    WHERE id IN (SELECT unnest(%(ids)s::bigint[])
                 UNION SELECT merged_into FROM patients WHERE id = ANY(%(ids)s::bigint[]))
    ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_SESSIONS = (
    "SELECT 1 FROM clinic_sessions WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
)
_FACTS = f"""
    SELECT a.id, a.patient_id, p.account_id, a.clinic_session_id,
           CASE WHEN p.displaced_at IS NULL THEN p.person_index END,
           (a.booked_at AT TIME ZONE 'Asia/Shanghai')::date,
           a.status, a.hospital_id, a.visit_date, s.period, {RULES_COLUMNS},
           {rules_columns("k")}, s.starts_at, a.substituted_at IS NOT NULL
    FROM appointments a
    JOIN patients p ON p.id = a.patient_id
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN hospitals h ON h.id = a.hospital_id
    {_RULES}
"""
_LOCKED = f"""
    {_FACTS} WHERE a.id = %s AND (%s::bigint IS NULL OR p.account_id = %s)
    FOR NO KEY UPDATE OF a
"""
_LOCKED_MANY = f"{_FACTS} WHERE a.id = ANY(%s::bigint[]) ORDER BY a.id FOR NO KEY UPDATE OF a"


async def lock_persons(tx: Tx, patient_ids: Sequence[int]) -> None:
    """Lock persons in id order: the first lock of every flow that changes bookings."""
    await tx.do(_LOCK_PATIENTS, {"ids": array(sorted(set(patient_ids)))})


async def lock_sessions(tx: Tx, session_ids: Sequence[int]) -> None:
    """Lock clinic sessions in id order, after the persons."""
    await tx.do(_LOCK_SESSIONS, (array(sorted(set(session_ids))),))


async def lock_appointment(
    tx: Tx, appointment_id: int, account_id: int | None
) -> LockedAppointment | None:
    """Lock an appointment, its person and session; None if unknown or another account's.

    `account_id` is None for staff, who act for the person in front of them.
    """
    owner = (appointment_id, account_id, account_id)
    place = await tx.row(_PLACE, owner)
    if place is None:
        return None
    await lock_persons(tx, [place[0]])
    await lock_sessions(tx, [place[1]])
    row = await tx.row(_LOCKED, (tx.now.date(), *owner))
    return None if row is None else _locked(row)


async def lock_appointments(tx: Tx, ids: Sequence[int]) -> dict[int, LockedAppointment]:
    """Lock appointments whose persons and sessions are locked, skipping unknown ids."""
    rows = await tx.rows(_LOCKED_MANY, (tx.now.date(), array(sorted(set(ids)))))
    return {row[0]: _locked(row) for row in rows}


async def appointment_facts(tx: Tx, appointment_id: int) -> LockedAppointment | None:
    """Return what `lock_appointment` returns without any lock, to show what could be done."""
    row = await tx.row(f"{_FACTS} WHERE a.id = %s", (tx.now.date(), appointment_id))
    return None if row is None else _locked(row)


def _locked(row: TupleRow) -> LockedAppointment:
    rules = hospital_rules(row[10:19]).keeping(hospital_rules(row[19:28]))
    facts = AppointmentFacts(*[*row[6:10], rules, *row[28:]])
    return LockedAppointment(*[*row[:6], facts])


async def appointment_id_by_code(tx: Tx, vault: Vault, code: str) -> int | None:
    """Return the appointment with this live code; show it only once the document matches too."""
    row = await tx.row(
        "SELECT id FROM appointments WHERE code_live AND code_index = ANY(%s::bytea[])",
        (vault.indexes("code", code),),
    )
    return row[0] if row else None


async def set_status(tx: Tx, appointment_id: int, status: str) -> None:
    """Store a new status and its time."""
    await tx.do(
        "UPDATE appointments SET status = %s, changed_at = %s WHERE id = %s",
        (status, tx.now, appointment_id),
    )


async def return_place(tx: Tx, clinic_session_id: int) -> None:
    """Return a place of a session to the supply (S14)."""
    await tx.do(
        "UPDATE clinic_sessions SET booked = booked - 1 WHERE id = %s", (clinic_session_id,)
    )


async def retire_codes(tx: Tx, visits_before: date) -> int:
    """Free the codes of visits before the date for other bookings; return how many."""
    return await tx.do(
        "UPDATE appointments SET code_live = false WHERE code_live AND visit_date < %s",
        (visits_before,),
    )


async def purge_requests(tx: Tx, decided_before: datetime) -> int:
    """Delete idempotency keys decided before the moment; return how many."""
    return await tx.do("DELETE FROM booking_requests WHERE decided_at < %s", (decided_before,))
