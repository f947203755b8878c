"""An invented city with two months of bookings, inserted set-based, for `guahao bench read`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from guahao.flows.hospitals.files.term_reading import shipped_terms
from guahao.rules.kernel.text import compact, name_key
from guahao.store.hospitals import search_terms
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import copy_rows
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_index
from guahao.tools.bench.queries import LOGINS
from guahao.tools.demo import city

HOSPITALS = 146
DEPARTMENTS_EACH = 20
# Clinic sessions are every second day, so far back and ahead of today.
DAYS_EACH_WAY = 60
# One person in a hundred has the same name, like the commonest name of a city.
COMMONEST_NAME = "王伟"
_SURNAMES = "赵钱孙李周吴郑冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN = "子梓宇浩欣怡雨晨博文思雅嘉琪俊杰志明丽娜建国秀英桂兰海涛雪梅红霞"

_HOSPITALS = """
    INSERT INTO hospitals (code, name, grade, district, pickup_until_evening)
    SELECT 'B' || n, '压测医院' || n, '三级甲等', '城东区', '23:59:59' FROM generate_series(1, %s) n
"""
# Real names, so that needs and initials find them. The booked departments have the first numbers.
_PARENTS = """
    INSERT INTO departments (id, hospital_id, code, name)
    SELECT h.id * 100 + 1000000 + p.number, h.id, p.code, p.name
    FROM hospitals h, unnest(%(parent_codes)s::text[], %(parents)s::text[])
         WITH ORDINALITY p (code, name, number)
"""
_DEPARTMENTS = """
    INSERT INTO departments (id, hospital_id, parent_id, code, name, name_en, search_keys)
    SELECT (h.id - 1) * %(each)s + d.number, h.id, parent.id, d.code, d.name, d.name_en, d.keys
    FROM hospitals h
    CROSS JOIN unnest(%(codes)s::text[], %(names)s::text[], %(english)s::text[], %(keys)s::text[])
               WITH ORDINALITY d (code, name, name_en, keys, number)
    JOIN departments parent
      ON parent.hospital_id = h.id AND parent.code = split_part(d.code, '.', 1)
"""
DEPARTMENTS_OF_HOSPITALS = (_PARENTS, _DEPARTMENTS)
_SESSIONS = """
    INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                 fee_fen, capacity, settled_at, attendance_known_at)
    SELECT d.hospital_id, d.id, '主任医师', days.day, 'evening', 8000, 1000, past.at, past.at
    FROM departments d,
         LATERAL (SELECT %s::date + n AS day FROM generate_series(-%s, %s, 2) n) days,
         LATERAL (SELECT CASE WHEN days.day < %s THEN %s::timestamptz END AS at) past
    WHERE d.parent_id IS NOT NULL
    ORDER BY d.id, days.day
"""
_ACCOUNTS = "COPY accounts (id, phone_enc, phone_index, created_at) FROM STDIN"
_PATIENTS = """
    COPY patients (id, account_id, phone_slot, name_enc, name_index, id_type, id_no_enc,
                   id_no_index, person_index, created_at) FROM STDIN
"""
_CODES = "CREATE TEMPORARY TABLE codes (id bigint, code_enc bytea, code_index bytea) ON COMMIT DROP"
_COPY_CODES = "COPY codes FROM STDIN"
# Each person has a past and a future booking; codes are spread like drawn codes.
_VISITS = """
    WITH wish AS (
        SELECT n AS patient_id, 1 + n * 7 %% %s AS department_id,
               %s::date + 2 * (n / 13 %% %s)::int * %s + least(%s, 0) * 2 AS visit_date,
               n * 2 + %s AS id
        FROM generate_series(1::bigint, %s) n
    ), made AS (
        INSERT INTO appointments (id, patient_id, clinic_session_id, hospital_id, department_id,
                                  visit_date, status, channel, code_enc, code_index, code_live,
                                  booked_at, changed_at)
        SELECT w.id, w.patient_id, s.id, s.hospital_id, s.department_id, s.visit_date,
               CASE WHEN s.visit_date >= %s THEN 'booked'
                    WHEN w.patient_id %% 20 = 0 THEN 'no_show' ELSE 'picked_up' END,
               'web', c.code_enc, c.code_index, s.visit_date > %s::date - 30, %s, %s
        FROM wish w JOIN clinic_sessions s USING (department_id, visit_date)
        JOIN codes c ON c.id = w.id
        RETURNING id, patient_id, clinic_session_id
    ), told AS (
        INSERT INTO messages (kind, account_id, patient_id, appointment_id, state, created_at,
                              changed_at)
        SELECT 'booked', p.account_id, p.id, made.id, 'delivered', %s, %s
        FROM made JOIN patients p ON p.id = made.patient_id
    )
    UPDATE clinic_sessions s SET booked = s.booked + n.places
    FROM (SELECT clinic_session_id, count(*) AS places FROM made GROUP BY 1) n
    WHERE s.id = n.clinic_session_id
"""


def phone_of(account: int) -> str:
    """Return the invented phone of an account, as people write it."""
    return f"138{account:08d}"


def account_of(person: int) -> int:
    """Return the account of a person; persons 1 and 2 have account 1."""
    return (person + 1) // 2


def document_of(person: int) -> str:
    """Return the invented passport number of a person."""
    return f"B{person:08d}"


def name_of(person: int) -> str:
    """Return an invented name; some dozen persons share each, many the commonest."""
    if person % 100 == 0:
        return COMMONEST_NAME
    surname = _SURNAMES[person % len(_SURNAMES)]
    given = person // len(_SURNAMES)
    size = len(_GIVEN)
    return surname + _GIVEN[given % size] + _GIVEN[given // size % size]


def department_names() -> list[str]:
    """Return the names of the departments that every hospital has."""
    return [department.name for department in _departments()]


def _departments() -> list[city.Department]:
    [hospital] = city.hospitals(1)
    departments = [each for each in city.departments(hospital) if each.on_platform]
    return departments[:DEPARTMENTS_EACH]


def described_departments() -> dict[str, object]:
    """Return the values of DEPARTMENTS_OF_HOSPITALS."""
    departments, parents = _departments(), city.parents()
    return {
        "each": DEPARTMENTS_EACH,
        "parent_codes": list(parents),
        "parents": [name for name, _ in parents.values()],
        "codes": [one.code for one in departments],
        "names": [one.name for one in departments],
        "english": [one.name_en for one in departments],
        "keys": [search_keys(one.name) for one in departments],
    }


async def add_terms(tx: Tx) -> None:
    """Add the list of complaints that the platform comes with."""
    await search_terms.add(tx, shipped_terms())


async def found_city(tx: Tx, vault: Vault, persons: int) -> None:
    """Create 146 hospitals, their sessions for two months each way, and the persons."""
    today = tx.now.date()
    await tx.do(_HOSPITALS, (HOSPITALS,))
    described = described_departments()
    for statement in DEPARTMENTS_OF_HOSPITALS:
        await tx.do(statement, described)
    await add_terms(tx)
    await tx.do(_SESSIONS, (today, DAYS_EACH_WAY, DAYS_EACH_WAY, today, tx.now))
    await copy_rows(tx, _ACCOUNTS, _accounts(tx, vault, account_of(persons)))
    await tx.do(LOGINS, (tx.now, tx.now, tx.now, tx.now))
    await copy_rows(tx, _PATIENTS, _patients(tx, vault, persons))


def _accounts(tx: Tx, vault: Vault, accounts: int) -> Iterator[tuple[object, ...]]:
    for n in range(1, accounts + 1):
        phone = f"+86{phone_of(n)}"
        yield n, vault.seal("accounts", "phone", n, phone), vault.index("phone", phone), tx.now


def _patients(tx: Tx, vault: Vault, persons: int) -> Iterator[tuple[object, ...]]:
    for n in range(1, persons + 1):
        name, id_no = name_of(n), compact(document_of(n))
        sealed = vault.seal("patients", "name", n, name), vault.index("name", name_key(name))
        number = vault.seal("patients", "id_no", n, id_no), vault.index("id_no", id_no)
        person = person_index(vault, id_no)
        yield n, account_of(n), 2 - n % 2, *sealed, "03", *number, person, tx.now


async def add_visits(tx: Tx, vault: Vault, persons: int) -> None:
    """Add a past and a future booking with its message for each person."""
    today: date = tx.now.date()
    await tx.do(_CODES)
    async with tx.conn.cursor() as cursor, cursor.copy(_COPY_CODES) as sink:
        for id in range(2, persons * 2 + 2):
            code = f"{id * 61803399 % 10**8:08d}"
            sealed = vault.seal("appointments", "code", id, code)
            await sink.write_row((id, sealed, vault.index("code", code)))
    await tx.do("ANALYZE codes")
    await tx.do(
        "SELECT nextval('appointments_id_seq') FROM generate_series(1, %s)", (persons * 2 + 1,)
    )
    departments, days = HOSPITALS * DEPARTMENTS_EACH, DAYS_EACH_WAY // 2
    for way in (-1, 1):
        place = (departments, today, days, way, way, (way + 1) // 2, persons)
        await tx.do(_VISITS, (*place, today, today, tx.now, tx.now, tx.now, tx.now))


async def some_codes(
    tx: Tx, vault: Vault, hospital_id: int, limit: int
) -> list[tuple[str, int, int]]:
    """Return code, person and id of today's bookings at a hospital."""
    rows = await tx.rows(
        """
        SELECT code_enc, patient_id, id FROM appointments
        WHERE hospital_id = %s AND visit_date = %s AND status = 'booked' ORDER BY id LIMIT %s
        """,
        (hospital_id, tx.now.date(), limit),
    )
    return [(vault.open("appointments", "code", row[2], row[0]), row[1], row[2]) for row in rows]
