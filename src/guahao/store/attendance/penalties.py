"""What the sweep reads and writes: overdue sessions, no-shows, suspensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.booking.appointments import lock_persons, lock_sessions
from guahao.store.hospitals.directory import RULES_COLUMNS, hospital_rules, rules_columns, rules_on
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class UnsettledSession:
    """A session of today or before whose bookings may be due to become void."""

    id: int
    visit_date: date
    period: str
    rules: HospitalRules


@dataclass(frozen=True, slots=True)
class ChangedAppointment:
    """An appointment that a statement changed, and whose it is."""

    appointment_id: int
    patient_id: int


@dataclass(frozen=True, slots=True)
class AttendanceRecord:
    """What is recorded of a session: whether its hospital reported it, whether any came that day.

    `any_pick_up`: in any session of the hospital on that visit date.
    """

    session_id: int
    reported: bool
    any_pick_up: bool


@dataclass(frozen=True, slots=True)
class NoShows:
    """A person's no-shows by visit date, and the suspension recorded so far."""

    patient_id: int
    suspended_until: date | None
    no_shows: list[date]


async def unsettled_sessions(tx: Tx, after: int, limit: int) -> list[UnsettledSession]:
    """Sessions of today or before that no sweep has settled, by id, above `after`."""
    rows = await tx.rows(
        f"""
        SELECT s.id, s.visit_date, s.period, {RULES_COLUMNS}
        FROM clinic_sessions s JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("s.visit_date")}
        WHERE s.settled_at IS NULL AND s.visit_date <= %s AND s.id > %s
        ORDER BY s.id LIMIT %s
        """,
        (tx.now.date(), after, limit),
    )
    return [UnsettledSession(*[*row[:3], hospital_rules(row[3:])]) for row in rows]


async def rules_promised(tx: Tx, session_ids: Sequence[int]) -> list[UnsettledSession]:
    """Of these sessions, each with every set of rules under which a waiting booking was made.

    Only where the hospital ever changed its rules: elsewhere there is one set.
    """
    rows = await tx.rows(
        f"""
        SELECT DISTINCT s.id, s.visit_date, s.period, {rules_columns("k")}
        FROM clinic_sessions s
        JOIN hospitals h ON h.id = s.hospital_id
        JOIN appointments a ON a.clinic_session_id = s.id AND a.status = 'booked'
        {rules_on("(a.booked_at AT TIME ZONE 'Asia/Shanghai')::date", "k")}
        WHERE s.id = ANY(%s::bigint[])
          AND EXISTS (SELECT FROM hospital_rules c WHERE c.hospital_id = s.hospital_id)
        """,
        (list(session_ids),),
    )
    return [UnsettledSession(*[*row[:3], hospital_rules(row[3:])]) for row in rows]


async def waiting_patients(tx: Tx, session_ids: Sequence[int]) -> list[int]:
    """Patients with a booking of these sessions that was not picked up."""
    rows = await tx.rows(
        """
        SELECT DISTINCT patient_id FROM appointments
        WHERE clinic_session_id = ANY(%s::bigint[]) AND status = 'booked'
        """,
        (list(session_ids),),
    )
    return [row[0] for row in rows]


async def attendance(tx: Tx, session_ids: Sequence[int]) -> list[AttendanceRecord]:
    """Return what these sessions' hospitals have recorded of who came (S16)."""
    return await tx.records(
        AttendanceRecord,
        """
        SELECT s.id AS session_id, s.attendance_known_at IS NOT NULL AS reported,
               EXISTS (SELECT FROM appointments a
                       WHERE a.hospital_id = s.hospital_id AND a.visit_date = s.visit_date
                         AND a.status = 'picked_up') AS any_pick_up
        FROM clinic_sessions s
        WHERE s.id = ANY(%(ids)s::bigint[])
        """,
        {"ids": list(session_ids)},
    )


async def void_waiting(tx: Tx, session_ids: Sequence[int], status: str) -> list[ChangedAppointment]:
    """What is still booked in these sessions becomes `no_show` or `unverified`."""
    rows = await tx.rows(
        """
        UPDATE appointments SET status = %s, changed_at = %s
        WHERE clinic_session_id = ANY(%s::bigint[]) AND status = 'booked'
        RETURNING id, patient_id
        """,
        (status, tx.now, list(session_ids)),
    )
    return [ChangedAppointment(*row) for row in rows]


async def mark_settled(tx: Tx, session_ids: Sequence[int]) -> None:
    """No later sweep looks at these sessions again."""
    await tx.do(
        "UPDATE clinic_sessions SET settled_at = %s WHERE id = ANY(%s::bigint[])",
        (tx.now, list(session_ids)),
    )


async def lock_appointments_persons_and_sessions(tx: Tx, appointment_ids: Sequence[int]) -> None:
    """Lock everything these appointments count in, in the order of all flows."""
    rows = await tx.rows(
        "SELECT patient_id, clinic_session_id FROM appointments WHERE id = ANY(%s::bigint[])",
        (list(appointment_ids),),
    )
    await lock_persons(tx, [row[0] for row in rows])
    await lock_sessions(tx, [row[1] for row in rows])


async def record_attendance(
    tx: Tx, appointment_ids: Sequence[int], status: str
) -> list[ChangedAppointment]:
    """Set what the hospital reported; its session's attendance is then known."""
    rows = await tx.rows(
        """
        WITH changed AS (
            UPDATE appointments SET status = %s, changed_at = %s
            WHERE id = ANY(%s::bigint[]) AND status IN ('booked', 'unverified')
            RETURNING id, patient_id, clinic_session_id
        ), known AS (
            UPDATE clinic_sessions SET attendance_known_at = %s
            WHERE id IN (SELECT clinic_session_id FROM changed) AND attendance_known_at IS NULL
        )
        SELECT id, patient_id FROM changed
        """,
        (status, tx.now, list(appointment_ids), tx.now),
    )
    return [ChangedAppointment(*row) for row in rows]


async def no_shows_of(tx: Tx, patient_ids: Sequence[int]) -> list[NoShows]:
    """No-shows of these persons that are not excused, and what is recorded of suspensions.

    Those of a registration that was merged count towards the person's current one.
    """
    return await tx.records(
        NoShows,
        """
        WITH persons AS (
            SELECT DISTINCT coalesce(merged_into, id) AS id FROM patients
            WHERE id = ANY(%(ids)s::bigint[])
        ), registrations AS (
            SELECT id, id AS patient_id FROM persons
            UNION ALL
            SELECT m.survivor_id, m.patient_id
            FROM person_merges m JOIN persons ON persons.id = m.survivor_id
        )
        SELECT p.id AS patient_id, p.suspended_until,
               coalesce(array_agg(a.visit_date) FILTER (WHERE a.id IS NOT NULL), '{}') AS no_shows
        FROM registrations r JOIN patients p ON p.id = r.id
        LEFT JOIN appointments a ON a.patient_id = r.patient_id AND a.status = 'no_show'
         AND NOT EXISTS (SELECT FROM no_show_excuses e
                         WHERE e.appointment_id = a.id AND e.withdrawn_at IS NULL)
        GROUP BY p.id ORDER BY p.id
        """,
        {"ids": list(patient_ids)},
    )


async def set_suspended_until(tx: Tx, patient_id: int, until: date | None) -> None:
    """Record the end of the latest suspension, exclusive."""
    await tx.do("UPDATE patients SET suspended_until = %s WHERE id = %s", (until, patient_id))
