"""Filling an empty database with the demo city, in bulk and as the application's role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from guahao.store.hospitals.directory import RULES_ASKED
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import copy_rows
from guahao.store.kernel.views import SessionView
from guahao.store.supply.sessions import SESSION_COLUMNS, session_view

_COPY = {
    "hospitals": """
        COPY hospitals (id, search_keys, code, name, name_en, grade, district, district_en,
                        address, phone, notice, pickup_place,
                        address_en, pickup_place_en, notice_en, cycle_days, release_time,
                        next_day_stop_time, cancel_days_before, cancel_time,
                        pickup_until_morning, pickup_until_afternoon, pickup_until_evening,
                        checked_only, latitude, longitude)
        FROM STDIN
    """,
    "departments": """
        COPY departments (id, search_keys, hospital_id, parent_id, code, name, name_en,
                          on_platform) FROM STDIN
    """,
    "timetables": """
        COPY timetables (hospital_id, department_id, title, specialty, iso_weekday, period,
                         starts_at, ends_at, fee_fen, capacity) FROM STDIN
    """,
    "hospital_fees": """
        COPY hospital_fees (hospital_id, title, holds_from, fee_fen) FROM STDIN
    """,
    "announcements": """
        COPY announcements (title, title_en, body, body_en, shown_from) FROM STDIN
    """,
    "past_announcements": """
        COPY announcements (title, title_en, shown_from, shown_until) FROM STDIN
    """,
    "accounts": """
        COPY accounts (id, phone_enc, phone_index, created_at, notice_version) FROM STDIN
    """,
    "consents": """
        COPY consents (account_id, patient_id, notice_version, given_by, door, given_at) FROM STDIN
    """,
    "patients": """
        COPY patients (id, account_id, phone_slot, name_enc, id_type, id_no_enc, id_no_index,
                       person_index, suspended_until, checked_at, checked_by, created_at) FROM STDIN
    """,
    "appointments": """
        COPY appointments (id, patient_id, clinic_session_id, hospital_id, department_id,
                           visit_date, status, channel, code_enc, code_index, code_live,
                           booked_at, changed_at)
        FROM STDIN
    """,
    "clinic_sessions": """
        COPY clinic_sessions (id, hospital_id, department_id, title, specialty, visit_date, period,
                              starts_at, ends_at, fee_fen, capacity, booked, stopped_at,
                              attendance_known_at, settled_at) FROM STDIN
    """,
    "no_show_excuses": """
        COPY no_show_excuses (id, appointment_id, staff_id, reason_enc, excused_at) FROM STDIN
    """,
    "stops": """
        COPY stops (id, hospital_id, staff_id, reason_enc, first_date, last_date,
                    clinic_session_id, at, tell_at, done_at, told_at) FROM STDIN
    """,
    "calls": """
        COPY calls (id, staff_id, account_id, opened_at, verified_at, ended_at, found_by)
        FROM STDIN
    """,
    "call_questions": """
        COPY call_questions (call_id, asked, correct, asked_at) FROM STDIN
    """,
    "supply_imports": """
        COPY supply_imports (id, hospital_id, who_kind, who_id, who_name, filename, state, step,
                             found, at, decided_at, applied_at) FROM STDIN
    """,
    "hospital_imports": """
        COPY hospital_imports (staff_id, filename, at, applied_at) FROM STDIN
    """,
    "reconciliations": """
        COPY reconciliations (hospital_id, at, made_at, first_date, last_date, sent_by, listed,
                              agreed, too_new) FROM STDIN
    """,
    "audit_trail": """
        COPY audit_trail (seq, at, who_kind, who_id, who_name, hospital_id, action, subject_kind,
                          subject_id, reason_enc, detail, previous_hash, hash) FROM STDIN
    """,
}
_TAKE_IDS = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
# Of the first hospitals of the directory, which a visitor opens first.
_TO_FILL = f"""
    SELECT {SESSION_COLUMNS}
    FROM clinic_sessions s
    JOIN hospitals h ON h.id = s.hospital_id
    {RULES_ASKED}
    JOIN departments d ON d.id = s.department_id
    WHERE s.hospital_id = ANY(%s::bigint[]) AND d.code = ANY(%s::text[])
      AND s.visit_date BETWEEN %s AND %s
    ORDER BY s.visit_date, s.id
"""
_PAST_SESSION = """
    INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period, fee_fen,
                                 capacity, attendance_known_at, settled_at)
    VALUES (%s, %s, '普通门诊', %s, 'morning', 5000, 20, %s, %s)
    RETURNING id
"""
_COUNT_PLACES = """
    UPDATE clinic_sessions s SET booked = n.booked
    FROM (SELECT clinic_session_id, count(*) AS booked FROM appointments
          WHERE status IN ('booked', 'picked_up', 'no_show', 'unverified')
          GROUP BY clinic_session_id) n
    WHERE s.id = n.clinic_session_id AND s.booked <> n.booked
"""
# Today cannot be booked any more: only what people come to is on the platform, as before.
_CLOSE_DAY = """
    UPDATE clinic_sessions SET capacity = booked
    WHERE visit_date = %s AND capacity > booked
"""
_SUSPEND = """
    UPDATE patients p SET suspended_until = n.until
    FROM unnest(%s::bigint[], %s::date[]) n (id, until) WHERE p.id = n.id
"""
_STOP = "UPDATE clinic_sessions SET stopped_at = %s WHERE id = ANY(%s::bigint[])"


async def is_empty(tx: Tx) -> bool:
    """Return whether there is no hospital and nobody registered yet."""
    row = await tx.row(
        "SELECT NOT EXISTS (SELECT FROM hospitals) AND NOT EXISTS (SELECT FROM patients)"
    )
    return row is not None and row[0]


async def take_ids(tx: Tx, table: str, count: int) -> list[int]:
    """Return fresh ids of a table, for rows that must know their own."""
    return [row[0] for row in await tx.rows(_TAKE_IDS, (table, count))]


async def copy(tx: Tx, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows, each with the columns that _COPY names for its table."""
    await copy_rows(tx, _COPY[table], rows)


async def sessions_to_fill(
    tx: Tx, hospital_ids: list[int], department_codes: list[str], first: date, last: date
) -> list[SessionView]:
    """Return sessions of some departments on some dates, the earliest first."""
    rows = await tx.rows(_TO_FILL, (tx.now.date(), hospital_ids, department_codes, first, last))
    return [session_view(row) for row in rows]


async def add_past_session(tx: Tx, hospital_id: int, department_id: int, day: date) -> int:
    """Add a settled session whose attendance is known (S16); return its id."""
    row = await tx.row(_PAST_SESSION, (hospital_id, department_id, day, tx.now, tx.now))
    assert row is not None
    return int(row[0])


async def stop_sessions(tx: Tx, session_ids: list[int]) -> None:
    """Mark sessions as stopped; their appointments are written as such already."""
    await tx.do(_STOP, (tx.now, session_ids))


async def count_places(tx: Tx) -> None:
    """Set the counter of every session that has appointments."""
    await tx.do(_COUNT_PLACES)


async def suspend(tx: Tx, until: Mapping[int, date]) -> None:
    """Set until when patients are suspended."""
    await tx.do(_SUSPEND, (list(until), list(until.values())))


async def close_day(tx: Tx, day: date) -> None:
    """Take the places of a day off the platform that nobody has booked."""
    await tx.do(_CLOSE_DAY, (day,))
