"""A day as a hospital's window reads and writes it: sessions, who is expected, who came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import Any

from guahao.rules.attendance.window import DaySessionFacts
from guahao.rules.booking.order_no import order_no
from guahao.rules.people.identity import masked_document, masked_name
from guahao.store.attendance.penalties import ChangedAppointment, rules_promised
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import open_patient
from guahao.store.supply.sessions import one as one_session

_COUNTED = "('booked', 'picked_up', 'no_show', 'unverified')"
_PERIOD_ORDER = "array_position('{morning,afternoon,evening}', s.period)"


@dataclass(frozen=True, slots=True)
class DaySession:
    """A clinic session of a day with what became of its bookings."""

    id: int
    department_name: str
    department_name_en: str
    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    stopped: bool
    attendance_known: bool
    booked: int
    picked_up: int
    no_show: int
    unverified: int


@dataclass(frozen=True, slots=True)
class DayEntry:
    """A person expected at the window: the name masked, the document by its ends.

    `code_ends`: the first two and the last two digits of the code, to check it by on paper.
    """

    appointment_id: int
    session_id: int
    department_name: str
    department_name_en: str
    title: str
    period: str
    starts_at: time | None
    status: str
    changed_at: datetime
    name: str
    document: str
    code_ends: str

    @property
    def order_no(self) -> str:
        """Return the number under which people speak of the booking."""
        return order_no(self.appointment_id)


_ENTRIES_OF_HOSPITAL = f"""
    SELECT a.id AS appointment_id, a.clinic_session_id AS session_id, d.name AS department_name,
           d.name_en AS department_name_en, s.title, s.period, s.starts_at, a.status,
           a.changed_at, a.code_enc, p.id AS patient_id, p.name_enc, p.id_type, p.id_no_enc,
           p.suspended_until
    FROM appointments a
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN departments d ON d.id = s.department_id
    JOIN patients p ON p.id = a.patient_id
    WHERE s.hospital_id = %(hospital_id)s AND a.status IN {_COUNTED}
"""
_ENTRIES = f"{_ENTRIES_OF_HOSPITAL} AND s.visit_date = %(day)s"
_IN_ORDER = f"ORDER BY d.name, s.department_id, {_PERIOD_ORDER}, s.starts_at, s.id, a.id"


async def sessions_of_day(tx: Tx, hospital_id: int, day: date) -> list[DaySession]:
    """Return the sessions that somebody booked, by department and period."""
    return await tx.records(
        DaySession,
        f"""
        SELECT s.id, d.name AS department_name, d.name_en AS department_name_en, s.title,
               s.specialty, s.period, s.starts_at, s.ends_at, s.stopped_at IS NOT NULL AS stopped,
               s.attendance_known_at IS NOT NULL AS attendance_known,
               count(*) FILTER (WHERE a.status = 'booked') AS booked,
               count(*) FILTER (WHERE a.status = 'picked_up') AS picked_up,
               count(*) FILTER (WHERE a.status = 'no_show') AS no_show,
               count(*) FILTER (WHERE a.status = 'unverified') AS unverified
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id
        JOIN appointments a ON a.clinic_session_id = s.id AND a.status IN {_COUNTED}
        WHERE s.hospital_id = %(hospital_id)s AND s.visit_date = %(day)s
          AND s.department_id IN (SELECT id FROM departments WHERE hospital_id = %(hospital_id)s)
        GROUP BY s.id, d.id
        ORDER BY d.name, d.id, {_PERIOD_ORDER}, s.starts_at, s.id
        """,
        {"hospital_id": hospital_id, "day": day},
    )


async def entries_of_day(
    tx: Tx, vault: Vault, hospital_id: int, day: date, session_ids: Sequence[int] | None
) -> list[DayEntry]:
    """Return who is expected on a day, in these sessions or all, by department, period and time."""
    return await tx.records(
        partial(_entry, vault),
        f"""
        {_ENTRIES} AND (%(ids)s::bigint[] IS NULL OR s.id = ANY(%(ids)s::bigint[])) {_IN_ORDER}
        """,
        {
            "hospital_id": hospital_id,
            "day": day,
            "ids": None if session_ids is None else list(session_ids),
        },
    )


async def entries_of_person(
    tx: Tx, vault: Vault, hospital_id: int, day: date, person_indexes: list[bytes]
) -> list[DayEntry]:
    """Return a person's bookings on a day; none of a registration that was displaced."""
    return await tx.records(
        partial(_entry, vault),
        f"""
        {_ENTRIES} AND p.person_index = ANY(%(person_indexes)s::bytea[])
        AND p.displaced_at IS NULL {_IN_ORDER}
        """,
        {"hospital_id": hospital_id, "day": day, "person_indexes": person_indexes},
    )


async def entry(tx: Tx, vault: Vault, hospital_id: int, appointment_id: int) -> DayEntry | None:
    """Return a booking of this hospital, of any day, or None."""
    return await tx.record(
        partial(_entry, vault),
        f"{_ENTRIES_OF_HOSPITAL} AND a.id = %(id)s",
        {"hospital_id": hospital_id, "id": appointment_id},
    )


def _entry(
    vault: Vault,
    *,
    appointment_id: int,
    code_enc: bytes,
    patient_id: int,
    name_enc: bytes,
    id_type: str,
    id_no_enc: bytes,
    suspended_until: date | None,
    **columns: Any,
) -> DayEntry:
    patient = open_patient(vault, patient_id, name_enc, id_type, id_no_enc, suspended_until)
    code = vault.open("appointments", "code", appointment_id, code_enc)
    return DayEntry(
        appointment_id=appointment_id,
        name=masked_name(patient.name),
        document=masked_document(patient.id_no),
        code_ends=f"{code[:2]}…{code[-2:]}",
        **columns,
    )


async def code_belongs_to(tx: Tx, vault: Vault, code: str, person_indexes: list[bytes]) -> bool:
    """Return whether a live code is of a booking of the person with this document, anywhere."""
    row = await tx.row(
        """
        SELECT FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE a.code_live AND a.code_index = ANY(%(code_indexes)s::bytea[])
          AND p.person_index = ANY(%(person_indexes)s::bytea[]) AND p.displaced_at IS NULL
        """,
        {"code_indexes": vault.indexes("code", code), "person_indexes": person_indexes},
    )
    return row is not None


async def session_of_day(tx: Tx, hospital_id: int, session_id: int) -> DaySessionFacts | None:
    """Return a session of this hospital, with the rules promised to those who wait, or None."""
    view = await one_session(tx, session_id)
    if view is None or view.hospital_id != hospital_id:
        return None
    promised = tuple(session.rules for session in await rules_promised(tx, [session_id]))
    return DaySessionFacts(view.visit_date, view.period, view.stopped, view.rules, promised)


async def waiting_of_session(tx: Tx, session_id: int) -> list[int]:
    """Return the bookings of a session that were not picked up and are not no-shows yet."""
    rows = await tx.rows(
        """
        SELECT id FROM appointments
        WHERE clinic_session_id = %(id)s AND status IN ('booked', 'unverified')
        """,
        {"id": session_id},
    )
    return [row[0] for row in rows]


async def is_settled(tx: Tx, session_id: int) -> bool:
    """Return whether no sweep looks at the session any more."""
    row = await tx.row(
        "SELECT settled_at IS NOT NULL FROM clinic_sessions WHERE id = %(id)s", {"id": session_id}
    )
    assert row is not None
    return bool(row[0])


async def know_attendance(tx: Tx, session_id: int) -> None:
    """Mark a session's attendance as known, and exclude it from all later sweeps."""
    await tx.do(
        """
        UPDATE clinic_sessions
        SET attendance_known_at = coalesce(attendance_known_at, %(now)s),
            settled_at = coalesce(settled_at, %(now)s)
        WHERE id = %(id)s
        """,
        {"now": tx.now, "id": session_id},
    )


async def of_session(tx: Tx, session_id: int, appointment_ids: Sequence[int]) -> list[int]:
    """Return which of these bookings are of this session."""
    rows = await tx.rows(
        """
        SELECT id FROM appointments
        WHERE clinic_session_id = %(session_id)s AND id = ANY(%(ids)s::bigint[])
        """,
        {"session_id": session_id, "ids": list(appointment_ids)},
    )
    return [row[0] for row in rows]


async def enter_pick_ups(tx: Tx, appointment_ids: Sequence[int]) -> list[ChangedAppointment]:
    """Record pick-ups that are only entered now, also of bookings that were void already."""
    return await tx.records(
        ChangedAppointment,
        """
        UPDATE appointments SET status = 'picked_up', changed_at = %(now)s
        WHERE id = ANY(%(ids)s::bigint[]) AND status IN ('booked', 'unverified', 'no_show')
        RETURNING id AS appointment_id, patient_id
        """,
        {"now": tx.now, "ids": list(appointment_ids)},
    )
