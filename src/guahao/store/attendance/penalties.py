"""What the sweep reads and writes: overdue sessions, no-shows, suspensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.booking.appointments import lock_persons, lock_sessions
from guahao.store.hospitals.directory import RULES_COLUMNS, rules_columns, rules_on, take_rules
from guahao.store.kernel.db import Tx, array


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


async def unsettled_ids(tx: Tx) -> list[int]:
    """Return the sessions of today or before that no sweep has settled, by date."""
    # Ordered by id, and in pages, PostgreSQL read every session of the past: it cannot know that
    # nearly all of them are settled.
    rows = await tx.rows(
        """
        SELECT id FROM clinic_sessions
        WHERE settled_at IS NULL AND visit_date <= %(today)s
        ORDER BY visit_date, id
        """,
        {"today": tx.now.date()},
    )
    return [row[0] for row in rows]


async def unsettled_sessions(tx: Tx, session_ids: Sequence[int]) -> list[UnsettledSession]:
    """Return those of these sessions that no sweep has settled, by id."""
    # OFFSET 0: by their ids, and not by the index of all that is unsettled, of weeks to come too.
    return await tx.records(
        _unsettled_session,
        f"""
        SELECT s.id, s.visit_date, s.period, {RULES_COLUMNS}
        FROM (SELECT * FROM clinic_sessions WHERE id = ANY(%(ids)s::bigint[]) OFFSET 0) s
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("s.visit_date")}
        WHERE s.settled_at IS NULL ORDER BY s.id
        """,
        {"ids": array(session_ids)},
    )


async def rules_promised(tx: Tx, session_ids: Sequence[int]) -> list[UnsettledSession]:
    """Return these sessions, each with every set of rules under which a waiting booking was made.

    Only those of hospitals that ever changed their rules: elsewhere there is one set.
    """
    return await tx.records(
        _unsettled_session,
        f"""
        SELECT DISTINCT s.id, s.visit_date, s.period, {rules_columns("k")}
        FROM clinic_sessions s
        JOIN hospitals h ON h.id = s.hospital_id
        JOIN appointments a ON a.clinic_session_id = s.id AND a.status = 'booked'
        {rules_on("(a.booked_at AT TIME ZONE 'Asia/Shanghai')::date", "k")}
        WHERE s.id = ANY(%(ids)s::bigint[])
          AND EXISTS (SELECT FROM hospital_rules c WHERE c.hospital_id = s.hospital_id)
        """,
        {"ids": array(session_ids)},
    )


def _unsettled_session(*, id: int, visit_date: date, period: str, **rules: Any) -> UnsettledSession:
    return UnsettledSession(id, visit_date, period, take_rules(rules))


async def waiting_patients(tx: Tx, session_ids: Sequence[int]) -> list[int]:
    """Return the patients with a booking of these sessions that was not picked up."""
    rows = await tx.rows(
        """
        SELECT DISTINCT patient_id FROM appointments
        WHERE clinic_session_id = ANY(%(ids)s::bigint[]) AND status = 'booked'
        """,
        {"ids": array(session_ids)},
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
        {"ids": array(session_ids)},
    )


async def void_waiting(tx: Tx, session_ids: Sequence[int], status: str) -> list[ChangedAppointment]:
    """Make `no_show` or `unverified` of what is still booked in these sessions."""
    return await tx.records(
        ChangedAppointment,
        """
        UPDATE appointments SET status = %(status)s, changed_at = %(now)s
        WHERE clinic_session_id = ANY(%(ids)s::bigint[]) AND status = 'booked'
        RETURNING id AS appointment_id, patient_id
        """,
        {"status": status, "now": tx.now, "ids": array(session_ids)},
    )


# Bookings that must not become no-shows: those that a substitute saw, and those won in a draw of
# which nobody told the patient. What the provider took counts as told until its receipt says
# otherwise; so does a call that was answered.
_SPARED = """
    SELECT a.id FROM appointments a
    WHERE {which} AND a.status IN ('booked', 'unverified') AND a.substituted_at IS NOT NULL
    UNION ALL
    SELECT a.id FROM wins w
    JOIN appointments a ON a.id = w.appointment_id
    JOIN patients p ON p.id = a.patient_id
    LEFT JOIN applications o ON o.id = w.application_id
    WHERE {which} AND a.status IN ('booked', 'unverified')
      AND NOT EXISTS (SELECT FROM messages m
                      WHERE m.account_id IN (p.account_id, o.account_id)
                        AND m.appointment_id = a.id AND m.kind IN ('draw_won', 'booked', 'reminder')
                        AND m.state IN ('submitted', 'delivered'))
      AND NOT EXISTS (SELECT FROM call_tasks t
                      WHERE t.appointment_id = a.id AND t.outcome = 'reached')
"""


async def void_spared(tx: Tx, session_ids: Sequence[int]) -> int:
    """Make `unverified` of the waiting bookings in these sessions that may be no no-shows."""
    spared = _SPARED.format(which="a.clinic_session_id = ANY(%(ids)s::bigint[])")
    return await tx.do(
        f"""
        UPDATE appointments SET status = 'unverified', changed_at = %(now)s
        WHERE status = 'booked' AND id IN ({spared})
        """,
        {"now": tx.now, "ids": array(session_ids)},
    )


async def _not_spared(tx: Tx, appointment_ids: Sequence[int]) -> list[int]:
    """Return these bookings without those that may be no no-shows."""
    async with tx.as_platform():
        rows = await tx.rows(
            _SPARED.format(which="a.id = ANY(%(ids)s::bigint[])"),
            {"ids": array(appointment_ids)},
        )
    spared = {row[0] for row in rows}
    return [id for id in appointment_ids if id not in spared]


async def mark_settled(tx: Tx, session_ids: Sequence[int]) -> None:
    """Exclude these sessions from all later sweeps."""
    await tx.do(
        "UPDATE clinic_sessions SET settled_at = %(now)s WHERE id = ANY(%(ids)s::bigint[])",
        {"now": tx.now, "ids": array(session_ids)},
    )


async def lock_appointments_persons_and_sessions(tx: Tx, appointment_ids: Sequence[int]) -> None:
    """Lock everything these appointments count in, in the order of all flows."""
    rows = await tx.rows(
        "SELECT patient_id, clinic_session_id FROM appointments WHERE id = ANY(%(ids)s::bigint[])",
        {"ids": array(appointment_ids)},
    )
    await lock_persons(tx, [row[0] for row in rows])
    await lock_sessions(tx, [row[1] for row in rows])


async def record_attendance(
    tx: Tx, appointment_ids: Sequence[int], status: str
) -> list[ChangedAppointment]:
    """Set what the hospital reported, and mark the attendance of its sessions as known.

    A booking that a substitute saw and a win that nobody told its patient of are left out of the
    no-shows.
    """
    if status == "no_show":
        appointment_ids = await _not_spared(tx, appointment_ids)
    return await tx.records(
        ChangedAppointment,
        """
        WITH changed AS (
            UPDATE appointments SET status = %(status)s, changed_at = %(now)s
            WHERE id = ANY(%(ids)s::bigint[]) AND status IN ('booked', 'unverified')
            RETURNING id, patient_id, clinic_session_id
        ), known AS (
            UPDATE clinic_sessions SET attendance_known_at = %(now)s
            WHERE id IN (SELECT clinic_session_id FROM changed) AND attendance_known_at IS NULL
        )
        SELECT id AS appointment_id, patient_id FROM changed
        """,
        {"status": status, "now": tx.now, "ids": array(appointment_ids)},
    )


async def no_shows_of(tx: Tx, patient_ids: Sequence[int]) -> list[NoShows]:
    """Return these persons' no-shows that are not excused, and their recorded suspensions.

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
        {"ids": array(patient_ids)},
    )


async def set_suspended_until(tx: Tx, patient_id: int, until: date | None) -> None:
    """Record the end of the latest suspension, exclusive."""
    await tx.do(
        "UPDATE patients SET suspended_until = %(until)s WHERE id = %(id)s",
        {"until": until, "id": patient_id},
    )
