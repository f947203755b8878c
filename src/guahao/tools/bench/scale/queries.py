"""A city with years of bookings, inserted set-based as the database's owner.

Only what is read holds real ciphertexts: the persons who book, and those who are searched for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from guahao.rules.kernel.text import compact, name_key
from guahao.store.kernel.connections import connecting
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_index
from guahao.tools.bench.reading import read_queries

READERS = 400  # persons 1 to so many are searched for; each has a booking today at hospital 1
_HOSPITALS_MOST = 146
_DAYS_LEAST = 10
_FUTURE_MOST = 30
_STRIDE = 7919  # spreads a session's places over persons

_FILL = """
    ALTER TABLE appointments DISABLE TRIGGER USER;
    ALTER TABLE accounts NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE patients NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE hospitals NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE departments NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE timetables NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE clinic_sessions NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE appointments NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
"""
_FILLED = "ALTER TABLE appointments ENABLE TRIGGER USER"
_PLACES = """
    INSERT INTO hospitals (id, code, name, grade, district, pickup_until_evening)
    SELECT n, 'B' || n, '压测医院' || n, '三级甲等', '城东区', '23:59:59'
    FROM generate_series(1, %(hospitals)s) n
"""
# A clinic a week in every department, whose sessions are still to be made.
_TIMETABLES = """
    INSERT INTO timetables (hospital_id, department_id, title, iso_weekday, period, fee_fen,
                            capacity)
    SELECT hospital_id, id, '普通门诊', 1 + id %% 7, 'morning', 2500, 30 FROM departments
    WHERE parent_id IS NOT NULL
"""
_SESSIONS = """
    INSERT INTO clinic_sessions (id, hospital_id, department_id, title, visit_date, period,
                                 fee_fen, capacity, settled_at, attendance_known_at)
    SELECT 1 + n, 1 + n %% %(departments)s / %(each)s, 1 + n %% %(departments)s, '主任医师',
           day, 'evening', 8000, 1000, past, past
    FROM generate_series(0, %(sessions)s - 1) n,
         LATERAL (SELECT %(first_day)s::date + n / %(departments)s AS day) d,
         LATERAL (SELECT CASE WHEN day < %(today)s::date - 1 THEN %(now)s::timestamptz END) p (past)
"""
_ACCOUNTS = """
    INSERT INTO accounts (id, phone_enc, phone_index, created_at)
    SELECT n, '', sha256(int8send(n)), %(now)s
    FROM generate_series(%(first)s::bigint, %(last)s) n
"""
_COPY_ACCOUNTS = "COPY accounts (id, phone_enc, phone_index, created_at) FROM STDIN"
_LOG_INS = """
    INSERT INTO log_ins (id, account_id, generation, door, created_at, last_seen_at, expires_at,
                         confirmed_at)
    SELECT id, id, 1, 'api', %(now)s, %(now)s, %(now)s::timestamptz + interval '1 day', %(now)s
    FROM accounts WHERE id < %(first)s
"""
_COPY_PATIENTS = """
    COPY patients (id, account_id, phone_slot, name_enc, name_index, id_type, id_no_enc,
                   id_no_index, person_index, created_at) FROM STDIN
"""
_PATIENTS = """
    INSERT INTO patients (id, account_id, phone_slot, name_enc, name_index, id_type, id_no_enc,
                          id_no_index, person_index, created_at)
    SELECT n, (n + 1) / 2, 2 - n %% 2, '', sha256(int8send(n %% 100000)), '03', '',
           sha256(int8send(-n)), sha256(int8send(n)), %(now)s
    FROM generate_series(%(first)s::bigint, %(last)s) n
"""
# In the order of visits, as bookings come in. Who would have two in a department on a day has one.
_APPOINTMENTS = """
    INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                              visit_date, status, channel, code_enc, code_index, code_live,
                              booked_at, changed_at)
    SELECT %(first)s + n * %(stride)s %% %(persons)s, s.id, s.hospital_id, s.department_id,
           s.visit_date,
           CASE WHEN s.visit_date >= %(today)s::date - 1 THEN 'booked'
                WHEN n %% 20 = 0 THEN 'no_show' ELSE 'picked_up' END,
           'web', '', sha256(int8send(n)), s.visit_date > %(today)s::date - 30,
           least(s.visit_date - 7, %(today)s::date - 1), least(s.visit_date, %(today)s::date - 1)
    FROM generate_series(1::bigint, %(bookings)s) n
    JOIN clinic_sessions s ON s.id = 1 + (n - 1) * %(sessions)s / %(bookings)s
    WHERE s.visit_date <> %(today)s  -- whose bookings are those that are searched for
    ON CONFLICT DO NOTHING
"""
_READERS_SESSION = """
    SELECT id, department_id FROM clinic_sessions
    WHERE hospital_id = 1 AND visit_date = %(today)s ORDER BY id LIMIT 1
"""
_COPY_APPOINTMENTS = """
    COPY appointments (id, patient_id, clinic_session_id, hospital_id, department_id, visit_date,
                       channel, code_enc, code_index, booked_at, changed_at) FROM STDIN
"""
_MESSAGES = """
    INSERT INTO messages (kind, account_id, patient_id, appointment_id, state, created_at,
                          changed_at)
    SELECT 'booked', (patient_id + 1) / 2, patient_id, id, 'delivered', booked_at, booked_at
    FROM appointments
"""
_COUNTERS = """
    UPDATE clinic_sessions s SET booked = n.places
    FROM (SELECT clinic_session_id, count(*) AS places FROM appointments GROUP BY 1) n
    WHERE s.id = n.clinic_session_id
"""
_SEQUENCES = """
    SELECT setval(pg_get_serial_sequence(t, 'id'), %(last)s)
    FROM unnest(ARRAY['hospitals', 'departments', 'clinic_sessions', 'accounts', 'patients',
                      'log_ins', 'appointments']) t
"""


@dataclass(frozen=True, slots=True)
class Past:
    """How large a city is: its bookings, its sessions, and the persons who will book.

    More sessions are more hospitals until there are 146, then more days. Persons 1 to `READERS`
    are searched for, the next `bookers` have no booking, all others two in the mean.
    """

    bookings: int
    sessions_asked: int
    bookers: int

    @property
    def hospitals(self) -> int:
        """Return the number of hospitals."""
        fitting = self.sessions_asked // (read_queries.DEPARTMENTS_EACH * _DAYS_LEAST)
        return min(max(fitting, 1), _HOSPITALS_MOST)

    @property
    def departments(self) -> int:
        """Return the number of departments; each has a session a day."""
        return self.hospitals * read_queries.DEPARTMENTS_EACH

    @property
    def days(self) -> int:
        """Return the number of days with sessions."""
        return max(self.sessions_asked // self.departments, _DAYS_LEAST)

    @property
    def future_days(self) -> int:
        """Return how many of the days are to come; today is one more."""
        return min(self.days // 2, _FUTURE_MOST)

    @property
    def sessions(self) -> int:
        """Return the number of sessions."""
        return self.days * self.departments

    @property
    def first_with_past(self) -> int:
        """Return the first person with earlier bookings; an odd number, the first of an account."""
        return (READERS + self.bookers) // 2 * 2 + 1

    @property
    def persons(self) -> int:
        """Return the number of persons with earlier bookings."""
        return max(self.bookings // 4 * 2, 2)

    @property
    def bookable(self) -> tuple[int, int]:
        """Return the first and the last session from the day after tomorrow on."""
        before = self.days - self.future_days + 1
        return before * self.departments + 1, self.sessions


def fill(url: str, vault: Vault, past: Past, now: datetime) -> None:
    """Fill a scratch database as its owner."""
    first, today = past.first_with_past, now.date()
    last = first + past.persons - 1
    numbers = {
        "hospitals": past.hospitals,
        "departments": past.departments,
        "each": read_queries.DEPARTMENTS_EACH,
        "sessions": past.sessions,
        "bookings": past.bookings,
        "first_day": today - timedelta(days=past.days - past.future_days - 1),
        "today": today,
        "now": now,
        "stride": _STRIDE,
        "persons": past.persons,
    }
    accounts = {"first": first // 2 + 1, "last": (last + 1) // 2, "now": now}
    with psycopg.connect(connecting(url), autocommit=True) as conn:
        conn.execute("SET work_mem = '256MB'")
        conn.execute(_FILL)
        conn.execute(_PLACES, numbers)
        for statement in read_queries.DEPARTMENTS_OF_HOSPITALS:
            conn.execute(statement, read_queries.described_departments())
        for statement in (_TIMETABLES, _SESSIONS):
            conn.execute(statement, numbers)
        _copy(conn, _COPY_ACCOUNTS, _accounts(vault, first // 2, now))
        conn.execute(_ACCOUNTS, accounts)
        conn.execute(_LOG_INS, accounts)
        _copy(conn, _COPY_PATIENTS, _patients(vault, first - 1, now))
        conn.execute(_PATIENTS, {"first": first, "last": last, "now": now})
        conn.execute("ANALYZE clinic_sessions")
        conn.execute(_APPOINTMENTS, {**numbers, "first": first})
        reader_ids = past.bookings + 1_000_000
        session = conn.execute(_READERS_SESSION, numbers).fetchone()
        assert session is not None
        _copy(conn, _COPY_APPOINTMENTS, _bookings(vault, session, reader_ids, now))
        conn.execute(_MESSAGES)
        conn.execute(_COUNTERS)
        conn.execute(_SEQUENCES, {"last": max(reader_ids + READERS, last, past.sessions)})
        conn.execute(_FILLED)


def _copy(conn: psycopg.Connection, statement: str, rows: Iterator[tuple[object, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(statement) as sink:
        for row in rows:
            sink.write_row(row)


def _accounts(vault: Vault, accounts: int, now: datetime) -> Iterator[tuple[object, ...]]:
    for n in range(1, accounts + 1):
        phone = f"+86{read_queries.phone_of(n)}"
        yield n, vault.seal("accounts", "phone", n, phone), vault.index("phone", phone), now


def _patients(vault: Vault, persons: int, now: datetime) -> Iterator[tuple[object, ...]]:
    for n in range(1, persons + 1):
        name, id_no = read_queries.name_of(n), compact(read_queries.document_of(n))
        sealed = vault.seal("patients", "name", n, name), vault.index("name", name_key(name))
        number = vault.seal("patients", "id_no", n, id_no), vault.index("id_no", id_no)
        account = read_queries.account_of(n)
        yield n, account, 2 - n % 2, *sealed, "03", *number, person_index(vault, id_no), now


def _bookings(
    vault: Vault, session: tuple[int, int], first_id: int, now: datetime
) -> Iterator[tuple[object, ...]]:
    """Yield a booking today at hospital 1 for each of the persons who are searched for."""
    session_id, department_id = session
    for person in range(1, READERS + 1):
        id = first_id + person
        code = f"{id * 61803399 % 10**8:08d}"
        sealed = vault.seal("appointments", "code", id, code), vault.index("code", code)
        booked_at = now - timedelta(days=1)
        visit = (session_id, 1, department_id, now.date(), "web")
        yield id, person, *visit, *sealed, booked_at, booked_at


async def database_bytes(tx: Tx) -> int:
    """Return how large the database is; a base backup copies as much, before compression."""
    [[size]] = await tx.rows("SELECT pg_database_size(current_database())")
    return int(size)


async def count_waiting(tx: Tx) -> int:
    """Count the sessions that a sweep has not settled."""
    [[count]] = await tx.rows(
        "SELECT count(*) FROM clinic_sessions WHERE settled_at IS NULL AND visit_date < %(today)s",
        {"today": tx.now.date()},
    )
    return int(count)
