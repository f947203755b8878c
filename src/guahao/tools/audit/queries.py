"""The audit's invariants, each a statement that finds the rows that violate it.

Nothing here trusts derived data: counters are counted anew, and suspensions and booking dates
are derived again by PostgreSQL's calendar, not by the code of the rules. All statements read the
same snapshot, so that they may run while people book.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.kernel.limits import Policy
from guahao.store.hospitals.directory import rules_columns, rules_on
from guahao.store.kernel.db import Tx
from guahao.store.policy import policies as store_policies

IDS_SHOWN = 20
DAY_0 = date(2000, 1, 1)

_COUNTED = "status IN ('booked', 'picked_up', 'no_show', 'unverified')"
# Each hospital's rules on each day on which somebody booked there, far fewer than bookings.
_RULES_BY_DAY = f"""
    SELECT asked.hospital, asked.day AS asked, {rules_columns("r")},
           coalesce((SELECT horizon_months FROM policies WHERE holds_from <= asked.day
                     ORDER BY holds_from DESC LIMIT 1), %(horizon_months)s) AS horizon_months
    FROM (SELECT DISTINCT hospital_id AS hospital,
                 (booked_at AT TIME ZONE 'Asia/Shanghai')::date AS day FROM appointments) asked
    JOIN hospitals h ON h.id = asked.hospital
    {rules_on("asked.day")}
"""
_FETCHED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant.

    `of`: the kind of record, whose ids are listed. `examined`: the rows to check.
    `disagreeing`: a statement that finds the ids that violate it.
    """

    name: str
    clause: str
    says: str
    of: str
    examined: str
    disagreeing: str


CHECKS = (
    Check(
        "session_counters",
        "S7",
        "a session's counter is the number of its bookings",
        "clinic session",
        "clinic_sessions",
        f"""
        SELECT s.id
        FROM clinic_sessions s
        LEFT JOIN (SELECT clinic_session_id, count(*) AS places FROM appointments
                   WHERE {_COUNTED} GROUP BY clinic_session_id) a ON a.clinic_session_id = s.id
        WHERE s.booked <> coalesce(a.places, 0)
        """,
    ),
    Check(
        "never_oversold",
        "S7",
        "no session has sold more places than it has",
        "clinic session",
        "clinic_sessions",
        "SELECT id FROM clinic_sessions WHERE NOT booked BETWEEN 0 AND capacity",
    ),
    Check(
        "copies",
        "S12",
        "an appointment's hospital, department and date are its session's",
        "appointment",
        "appointments",
        """
        SELECT a.id
        FROM appointments a LEFT JOIN clinic_sessions s ON s.id = a.clinic_session_id
        WHERE (a.hospital_id, a.department_id, a.visit_date)
              IS DISTINCT FROM (s.hospital_id, s.department_id, s.visit_date)
        """,
    ),
    Check(
        "bookable_dates",
        "S4, S6",
        "booked when its visit date was open, by its hospital's rules and the policy of that day",
        "appointment",
        "appointments",
        f"""
        SELECT id
        FROM (SELECT a.id, a.visit_date, h.release_time, h.next_day_stop_time,
                     h.asked AS day, a.at::time AS clock,
                     least((h.asked + make_interval(months => h.horizon_months))::date,
                           h.asked + h.cycle_days) AS furthest,
                     least((h.asked - 1 + make_interval(months => h.horizon_months))::date,
                           h.asked - 1 + h.cycle_days) AS furthest_yesterday
              FROM (SELECT *, booked_at AT TIME ZONE 'Asia/Shanghai' AS at FROM appointments) a
              JOIN ({_RULES_BY_DAY}) h ON h.hospital = a.hospital_id AND h.asked = a.at::date
             ) booked
        WHERE visit_date <= day
           OR (visit_date = day + 1 AND clock >= next_day_stop_time)
           OR visit_date > furthest
           OR (visit_date > furthest_yesterday AND clock < release_time)
        """,
    ),
    Check(
        "once_a_department",
        "S12",
        "the bookings of a person in one department on one date are within the limit",
        "patient",
        f"(SELECT DISTINCT patient_id FROM appointments WHERE {_COUNTED}) p",
        f"""
        SELECT coalesce(p.merged_into, p.id) AS id
        FROM appointments a JOIN patients p ON p.id = a.patient_id WHERE {_COUNTED}
        GROUP BY coalesce(p.merged_into, p.id), visit_date, hospital_id, department_id
        HAVING count(*) > %(per_department_and_day)s
        """,
    ),
    Check(
        "live_codes_unique",
        "S8",
        "no two bookings share a live code",
        "appointment",
        "appointments WHERE code_live",
        """
        SELECT unnest(array_agg(id)) AS id FROM appointments WHERE code_live
        GROUP BY code_index HAVING count(*) > 1
        """,
    ),
    Check(
        "codes_kept_and_retired",
        "S8",
        "a code lives until its visit is long enough past, and then serves others",
        "appointment",
        "appointments",
        # Codes are retired during a day, so a day more is allowed.
        """
        SELECT id FROM appointments
        WHERE (NOT code_live AND visit_date >= %(today)s - %(code_kept_days)s)
           OR (code_live AND visit_date < %(today)s - %(code_kept_days)s - 1)
        """,
    ),
    Check(
        "requests_kept_their_word",
        "S7",
        "a request answered with a booking has it, for its patient and session",
        "appointment",
        "booking_requests WHERE outcome = 'booked'",
        """
        SELECT r.appointment_id AS id
        FROM booking_requests r LEFT JOIN appointments a ON a.id = r.appointment_id
        WHERE r.outcome = 'booked'
          AND (r.patient_id, r.clinic_session_id)
              IS DISTINCT FROM (a.patient_id, a.clinic_session_id)
        """,
    ),
    Check(
        "one_request_a_booking",
        "S7",
        "no two requests were answered with the same booking",
        "appointment",
        "booking_requests WHERE outcome = 'booked'",
        """
        SELECT appointment_id AS id FROM booking_requests WHERE outcome = 'booked'
        GROUP BY appointment_id HAVING count(*) > 1
        """,
    ),
    Check(
        "one_answer_a_key",
        "idempotency",
        "a caller's idempotency key has one answer",
        "caller",
        "booking_requests",
        """
        SELECT actor_id AS id FROM booking_requests
        GROUP BY actor_kind, actor_id, idempotency_key HAVING count(*) > 1
        """,
    ),
    Check(
        "bookings_told",
        "S8",
        "a booking made at the desk for somebody with a phone has a message telling of it",
        "appointment",
        "booking_requests WHERE outcome = 'booked'",
        # An import and the demo city book without the desk, and so without request and message.
        """
        SELECT a.id
        FROM (SELECT DISTINCT appointment_id FROM booking_requests WHERE outcome = 'booked') r
        JOIN appointments a ON a.id = r.appointment_id
        JOIN patients p ON p.id = a.patient_id
        LEFT JOIN (SELECT appointment_id, count(*) AS times FROM messages
                   WHERE kind IN ('booked', 'rescheduled') AND channel = 'sms'
                   GROUP BY appointment_id) m ON m.appointment_id = a.id
        WHERE p.account_id IS NOT NULL AND coalesce(m.times, 0) = 0
        """,
    ),
    Check(
        "staff_bookings_recorded",
        "S10",
        "a booking made by staff for a caller is in the audit trail",
        "appointment",
        "booking_requests WHERE actor_kind = 'staff' AND outcome = 'booked'",
        """
        SELECT DISTINCT r.appointment_id AS id FROM booking_requests r
        WHERE r.actor_kind = 'staff' AND r.outcome = 'booked'
          AND NOT EXISTS (SELECT FROM audit_trail t
                          WHERE t.subject_kind = 'appointment' AND t.subject_id = r.appointment_id
                            AND t.action IN ('book_appointment', 'reschedule_appointment'))
        """,
    ),
    Check(
        "messages_tell_of_records",
        "S8",
        "a message tells of a booking that exists, to its own patient",
        "message",
        "messages WHERE appointment_id IS NOT NULL",
        """
        SELECT m.id
        FROM messages m LEFT JOIN appointments a ON a.id = m.appointment_id
        WHERE m.appointment_id IS NOT NULL AND m.patient_id IS DISTINCT FROM a.patient_id
        """,
    ),
    Check(
        "stopped_sessions_empty",
        "stop",
        "a stopped session has no live booking",
        "clinic session",
        "clinic_sessions WHERE stopped_at IS NOT NULL",
        """
        SELECT DISTINCT s.id
        FROM clinic_sessions s JOIN appointments a ON a.clinic_session_id = s.id
        WHERE s.stopped_at IS NOT NULL AND a.status = 'booked'
        """,
    ),
    Check(
        "places_counted",
        "fairness",
        "a session counts as held and reserved the places that wait",
        "clinic session",
        "clinic_sessions",
        """
        SELECT s.id FROM clinic_sessions s
        LEFT JOIN (
            SELECT clinic_session_id,
                   coalesce(sum(places) FILTER (WHERE draw_at IS NOT NULL), 0) AS held,
                   coalesce(sum(places) FILTER (WHERE draw_at IS NULL), 0) AS reserved
            FROM held_places WHERE released_at IS NULL GROUP BY 1
        ) w ON w.clinic_session_id = s.id
        LEFT JOIN (
            SELECT clinic_session_id, count(*) AS offered FROM replacement_offers
            WHERE state = 'open' GROUP BY 1
        ) o ON o.clinic_session_id = s.id
        WHERE s.held <> coalesce(w.held, 0)
           OR s.reserved <> coalesce(w.reserved, 0) + coalesce(o.offered, 0)
        """,
    ),
    Check(
        "returns_recorded",
        "fairness",
        "a place of a cancelled booking came back by the return rule",
        "appointment",
        "appointments WHERE status = 'cancelled'",
        """
        SELECT a.id FROM appointments a
        WHERE a.status = 'cancelled'
          AND a.changed_at >= (SELECT min(held_at) FROM held_places WHERE free_before IS NOT NULL)
          AND a.visit_date > (a.changed_at AT TIME ZONE 'Asia/Shanghai')::date
          AND NOT EXISTS (SELECT FROM held_places p
                          WHERE p.clinic_session_id = a.clinic_session_id
                            AND p.held_at = a.changed_at AND p.free_before IS NOT NULL)
        """,
    ),
    Check(
        "undone_stops_recorded",
        "fairness",
        "places that an undone stop brought came by the return rule",
        "clinic session",
        "stop_sessions WHERE restored_at IS NOT NULL",
        """
        SELECT DISTINCT o.clinic_session_id AS id
        FROM stop_sessions o
        JOIN stop_bookings b ON b.stop_id = o.stop_id AND b.restored_at IS NULL
        JOIN appointments a ON a.id = b.appointment_id
                           AND a.clinic_session_id = o.clinic_session_id
        WHERE o.restored_at >= (SELECT min(held_at) FROM held_places WHERE free_before IS NOT NULL)
          AND NOT EXISTS (SELECT FROM held_places p
                          WHERE p.clinic_session_id = o.clinic_session_id
                            AND p.cause IN ('stop_undone', 'release')
                            AND p.held_at = o.restored_at)
        """,
    ),
    Check(
        "draws_are_to_come",
        "fairness",
        "no place waits for a draw that is past",
        "clinic session",
        "held_places",
        """
        SELECT DISTINCT s.id
        FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        WHERE p.released_at IS NULL AND p.places > 0 AND s.stopped_at IS NULL AND d.on_platform
          AND p.draw_at < %(now)s::timestamptz - interval '1 hour'
          AND NOT EXISTS (SELECT FROM draws w WHERE w.id = p.draw_id AND w.state <> 'done')
        """,
    ),
    Check(
        "applications_stand",
        "fairness",
        "an application stands for patients whom its account has, once a person and department",
        "application",
        "applications",
        """
        SELECT DISTINCT a.id
        FROM applications a
        LEFT JOIN application_patients ap ON ap.application_id = a.id
        LEFT JOIN patients p ON p.id = ap.patient_id
        WHERE ap.application_id IS NULL OR ap.department_id <> a.department_id
           OR ap.is_live <> (a.state = 'live')
           OR (a.state = 'live' AND p.account_id IS DISTINCT FROM a.account_id)
        """,
    ),
    Check(
        "wins_booked",
        "fairness",
        "a win is a booking of its patient in a session of the draw",
        "appointment",
        "wins",
        """
        SELECT w.appointment_id AS id
        FROM wins w
        LEFT JOIN appointments a ON a.id = w.appointment_id AND a.patient_id = w.patient_id
        LEFT JOIN draw_sessions s ON s.draw_id = w.draw_id
                                 AND s.clinic_session_id = a.clinic_session_id
        WHERE a.id IS NULL OR s.draw_id IS NULL
        """,
    ),
    Check(
        "draws_within_places",
        "fairness",
        "a draw gave out no more places of a session than it had",
        "draw",
        "draws WHERE state = 'done'",
        """
        SELECT DISTINCT s.draw_id AS id
        FROM draw_sessions s JOIN (
            SELECT draw_id, session, sum(cardinality(patients)) AS given
            FROM draw_entries WHERE session IS NOT NULL GROUP BY 1, 2
        ) e ON e.draw_id = s.draw_id AND e.session = s.number
        WHERE e.given > s.places_left
        """,
    ),
    Check(
        "settled_sessions_empty",
        "S15",
        "no booking of a settled session waits to be picked up",
        "clinic session",
        "clinic_sessions WHERE settled_at IS NOT NULL",
        """
        SELECT DISTINCT s.id
        FROM clinic_sessions s JOIN appointments a ON a.clinic_session_id = s.id
        WHERE s.settled_at IS NOT NULL AND a.status = 'booked'
        """,
    ),
    Check(
        "substituted_no_no_show",
        "stopped clinic",
        "a patient who did not come to a substitute is no no-show",
        "appointment",
        "appointments WHERE status = 'no_show'",
        "SELECT id FROM appointments WHERE status = 'no_show' AND substituted_at IS NOT NULL",
    ),
    Check(
        "no_shows_known",
        "S16",
        "a no-show stands only where the hospital's attendance is known",
        "appointment",
        "appointments WHERE status = 'no_show'",
        """
        SELECT a.id
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        LEFT JOIN (SELECT DISTINCT hospital_id, visit_date FROM appointments
                   WHERE status = 'picked_up') came
          ON came.hospital_id = a.hospital_id AND came.visit_date = a.visit_date
        WHERE a.status = 'no_show' AND s.attendance_known_at IS NULL
          AND came.hospital_id IS NULL
        """,
    ),
    Check(
        "patients_a_phone",
        "S3",
        "no phone has more registered patients than it may",
        "account",
        "accounts",
        """
        SELECT account_id AS id FROM patients
        WHERE account_id IS NOT NULL AND merged_into IS NULL
        GROUP BY account_id HAVING count(*) > %(patients_per_phone)s
        """,
    ),
    Check(
        "events_agree",
        "hospitals",
        "what hospitals were to hear of a booking ends with how it stands",
        "appointment",
        "appointments",
        # Events of old changes are deleted.
        """
        SELECT coalesce(a.id, last.appointment_id) AS id
        FROM (SELECT a.*, s.hospital_id AS hospital
              FROM appointments a JOIN clinic_sessions s ON s.id = a.clinic_session_id) a
        FULL JOIN (SELECT DISTINCT ON (appointment_id) * FROM hospital_events
                   ORDER BY appointment_id, id DESC) last ON last.appointment_id = a.id
        WHERE CASE WHEN last.id IS NULL
                   THEN a.changed_at >= %(now)s - make_interval(days => %(events_kept_days)s)
                   ELSE (a.status, a.hospital)
                        IS DISTINCT FROM (replace(last.kind, 'restored', 'booked'),
                                          last.hospital_id) END
        """,
    ),
    Check(
        "changes_in_their_time",
        "clock",
        "a booking was made and changed when the database's own clock says so",
        "appointment",
        "hospital_events",
        # A demo has its own clock and its own past.
        """
        SELECT appointment_id AS id FROM hospital_events
        WHERE %(same_time)s AND at > %(now)s + interval '1 minute'
           OR %(real_time)s AND abs(extract(epoch FROM at - recorded_at)) > 60
        """,
    ),
    Check(
        "sessions_settled_in_their_time",
        "clock",
        "a session was settled when the database's own clock says so, and not before its day",
        "clinic session",
        "clinic_sessions WHERE settled_at IS NOT NULL",
        # Registrations with a live booking are found by another check.
        """
        SELECT s.id FROM clinic_sessions s
        WHERE %(same_time)s AND s.settled_at IS NOT NULL AND s.visit_date > %(today)s
              AND NOT EXISTS (SELECT FROM appointments a
                              WHERE a.clinic_session_id = s.id AND a.status = 'booked')
           OR %(real_time)s
              AND abs(extract(epoch FROM s.settled_at - s.settled_recorded_at)) > 60
        """,
    ),
    Check(
        "voided_on_their_day",
        "clock",
        "no booking is void before the day of its visit",
        "appointment",
        "appointments WHERE status IN ('no_show', 'unverified')",
        """
        SELECT id FROM appointments
        WHERE %(same_time)s AND status IN ('no_show', 'unverified') AND visit_date > %(today)s
        """,
    ),
    Check(
        "policy_days_closed_in_their_time",
        "clock",
        "no day that is still to come is closed to changes of the policy",
        "day",
        "policy_days WHERE closed_until > '2020-01-01'",
        """
        SELECT 1 AS id FROM policy_days WHERE %(same_time)s AND closed_until > %(today)s
        """,
    ),
    Check(
        "person_once",
        "S12",
        "a person has one current registration over all documents",
        "patient",
        "patients",
        """
        SELECT unnest(array_agg(id)) AS id FROM patients
        WHERE displaced_at IS NULL AND merged_into IS NULL
        GROUP BY person_index HAVING count(*) > 1
        """,
    ),
)


async def size(tx: Tx, examined: str) -> int:
    """Return how many rows a check examines; `examined` is the check's."""
    row = await tx.row(f"SELECT count(*) FROM {examined}")
    assert row is not None
    return int(row[0])


async def disagreeing(tx: Tx, check: Check, numbers: Mapping[str, Any]) -> tuple[int, list[int]]:
    """Return how many ids violate a check, and the first IDS_SHOWN of them."""
    statement = f"""
        WITH found AS MATERIALIZED (SELECT DISTINCT id FROM ({check.disagreeing}) disagreeing)
        SELECT (SELECT count(*) FROM found),
               ARRAY(SELECT id FROM found ORDER BY id LIMIT {IDS_SHOWN})
    """
    row = await (await tx.conn.execute(statement, numbers)).fetchone()
    assert row is not None
    return row[0], row[1]


@dataclass(frozen=True, slots=True)
class Counted:
    """A counted booking in days since 2000: its visit, and the first days of its policies.

    `promised`: the policy of the day of booking. `kept`: that of the day on which a stop was
    undone, if so, else the same.
    """

    visit: int
    promised: int
    kept: int


async def policies(tx: Tx, first: Policy) -> dict[int, Policy]:
    """Return every policy by its first day since 2000; `first` holds from day 0."""
    rows = await store_policies.entries(tx)
    begins = {(row.dated.holds_from - DAY_0).days: row.dated.policy for row in rows}
    return {0: first, **begins}


async def counted_bookings(tx: Tx) -> AsyncIterator[tuple[int, list[Counted]]]:
    """Stream each person's counted bookings (S12) in the order of booking.

    A booking that was restored when a stop was undone counts as booked then.
    """
    policy_of = """coalesce((SELECT max(holds_from) FROM policies
        WHERE holds_from <= ({} AT TIME ZONE 'Asia/Shanghai')::date), date '2000-01-01')
        - date '2000-01-01'"""
    statement = f"""
        SELECT patient_id,
               array_agg(ARRAY[visit_date - date '2000-01-01', {policy_of.format("booked_at")},
                               {policy_of.format("made_at")}] ORDER BY made_at, id)
        FROM (SELECT a.id, coalesce(p.merged_into, p.id) AS patient_id, a.visit_date, a.booked_at,
                     greatest(a.booked_at, b.restored_at) AS made_at
              FROM appointments a JOIN patients p ON p.id = a.patient_id
              LEFT JOIN (SELECT appointment_id, max(restored_at) AS restored_at
                         FROM stop_bookings WHERE restored_at IS NOT NULL
                         GROUP BY appointment_id) b ON b.appointment_id = a.id
              WHERE {_COUNTED}) made
        GROUP BY patient_id
    """
    async for row in _streamed(tx, statement):
        yield row[0], [Counted(*booking) for booking in row[1]]


@dataclass(frozen=True, slots=True)
class GaveWay:
    """A registration that was replaced by its person's current registration; without names.

    `how`: why it was merged, or how the registration that displaced it was checked. `settled`:
    whether the suspension takes the merge into account already.
    """

    patient_id: int
    person_id: int
    since: datetime
    how: str
    settled: bool


async def merged(tx: Tx) -> list[GaveWay]:
    """Return every merged registration, by time."""
    rows = await tx.rows(
        """
        SELECT patient_id, survivor_id, merged_at, why, settled_at IS NOT NULL
        FROM person_merges ORDER BY merged_at, patient_id
        """
    )
    return [GaveWay(*row) for row in rows]


async def displaced(tx: Tx) -> list[GaveWay]:
    """Return every registration that a checked registration has displaced, by time."""
    rows = await tx.rows(
        """
        SELECT patient_id, displaced_by, displaced_at, checked_by, true
        FROM displaced_registrations ORDER BY displaced_at, patient_id
        """
    )
    return [GaveWay(*row) for row in rows]


async def unchecked(tx: Tx) -> int:
    """Count the unchecked current registrations of accounts."""
    row = await tx.row(
        """
        SELECT count(*) FROM patients
        WHERE checked_at IS NULL AND account_id IS NOT NULL
          AND displaced_at IS NULL AND merged_into IS NULL
        """
    )
    assert row is not None
    return int(row[0])


async def derived_policies(tx: Tx) -> set[int]:
    """Return the first days, since 2000, of the policies already applied to suspensions."""
    rows = await tx.rows("SELECT holds_from FROM policies WHERE suspensions_derived_at IS NOT NULL")
    return {(row[0] - DAY_0).days for row in rows}


async def suspended(tx: Tx) -> AsyncIterator[tuple[int, date | None, list[date]]]:
    """Stream each person's suspension, and the no-shows that count, by date.

    Merged registrations count for their person. Persons with unsettled merges are left out.
    """
    statement = """
        SELECT p.id, p.suspended_until,
               coalesce(array_agg(a.visit_date ORDER BY a.visit_date)
                        FILTER (WHERE a.id IS NOT NULL), '{}')
        FROM patients p JOIN patients r ON coalesce(r.merged_into, r.id) = p.id
        LEFT JOIN appointments a ON a.patient_id = r.id AND a.status = 'no_show'
         AND NOT EXISTS (SELECT FROM no_show_excuses e
                         WHERE e.appointment_id = a.id AND e.withdrawn_at IS NULL)
        WHERE NOT EXISTS (SELECT FROM person_merges m
                          WHERE m.survivor_id = p.id AND m.settled_at IS NULL)
        GROUP BY p.id
    """
    async for row in _streamed(tx, statement):
        yield row[0], row[1], row[2]


async def no_shows_months_later(tx: Tx, months: Sequence[int]) -> dict[tuple[date, int], date]:
    """Return the date that many months later, for each date of a no-show and number of months."""
    rows = await tx.rows(
        """
        SELECT visit_date, months, (visit_date + make_interval(months => months))::date
        FROM (SELECT DISTINCT visit_date FROM appointments WHERE status = 'no_show') no_shows,
             unnest(%s::int[]) months
        """,
        (list(months),),
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def days_months_later(tx: Tx, months: int) -> dict[int, int]:
    """Return the end of each window that may start on a counted date, in days since 2000.

    The calendar is PostgreSQL's, which clamps a month to its last day.
    """
    rows = await tx.rows(
        f"""
        SELECT first, (date '2000-01-01' + first + make_interval(months => %s))::date
                      - date '2000-01-01'
        FROM (SELECT min(visit_date - date '2000-01-01') AS earliest,
                     max(visit_date - date '2000-01-01') AS latest
              FROM appointments WHERE {_COUNTED}) counted,
             generate_series(earliest - 31 * %s, latest) first
        """,
        (months, months),
    )
    return {row[0]: row[1] for row in rows}


async def sealed_patients(
    tx: Tx, every: int, rest: int
) -> AsyncIterator[tuple[int, bytes, bytes, bytes, bytes]]:
    """Stream a sample of patients: id, sealed name and document, both indexes."""
    # Erased persons have neither name nor document.
    statement = """
        SELECT id, name_enc, id_no_enc, id_no_index, person_index FROM patients
        WHERE erased_at IS NULL AND id %% %s = %s
    """
    async for row in _streamed(tx, statement, (every, rest)):
        yield row[0], row[1], row[2], row[3], row[4]


async def sealed_accounts(tx: Tx, every: int, rest: int) -> AsyncIterator[tuple[int, bytes, bytes]]:
    """Stream a sample of accounts with a phone: id, sealed phone, its index."""
    statement = (
        "SELECT id, phone_enc, phone_index FROM accounts"
        " WHERE id %% %s = %s AND phone_enc IS NOT NULL"
    )
    async for row in _streamed(tx, statement, (every, rest)):
        yield row[0], row[1], row[2]


async def sealed_codes(tx: Tx, every: int, rest: int) -> AsyncIterator[tuple[int, bytes, bytes]]:
    """Stream a sample of appointments: id, sealed code, its index."""
    statement = "SELECT id, code_enc, code_index FROM appointments WHERE id %% %s = %s"
    async for row in _streamed(tx, statement, (every, rest)):
        yield row[0], row[1], row[2]


async def _streamed(
    tx: Tx, statement: str, params: tuple[Any, ...] | None = None
) -> AsyncIterator[tuple[Any, ...]]:
    """Stream rows by a server-side cursor, a few thousand in memory at a time."""
    async with tx.conn.cursor(name="audit") as cursor:
        cursor.itersize = _FETCHED_AT_ONCE
        await cursor.execute(statement, params)
        async for row in cursor:
            yield row
