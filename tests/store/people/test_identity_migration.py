"""Revision 0027 finds the persons in the registrations of a database that has been in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg
import pytest

from guahao.store.kernel.migrate import MigrationError, migrate
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_index

VAULT = Vault("a secret key of the tests, long enough")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
RESIDENT, OLD_RESIDENT = "110101199003070038", "110101900307003"


@dataclass
class OldDatabase:
    """A database at revision 0026, with a clinic session that everybody may have booked."""

    url: str
    conn: psycopg.Connection

    def account(self) -> int:
        row = self.conn.execute(
            "INSERT INTO accounts (phone_enc, phone_index, created_at)"
            " SELECT '', int4send(count(*)::int), %s FROM accounts RETURNING id",
            (NOW,),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def patient(
        self, account_id: int, slot: int, id_type: str, number: str, until: date | None = None
    ) -> int:
        row = self.conn.execute("SELECT nextval('patients_id_seq')").fetchone()
        assert row is not None
        self.conn.execute(
            """
            INSERT INTO patients (id, account_id, phone_slot, name_enc, id_type, id_no_enc,
                                  id_no_index, suspended_until, created_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                *(row[0], account_id, slot),
                VAULT.seal("patients", "name", row[0], "张三"),
                id_type,
                VAULT.seal("patients", "id_no", row[0], number),
                VAULT.index("id_no", number),
                *(until, NOW),
            ),
        )
        return int(row[0])

    def book(self, patient_id: int, status: str) -> int:
        row = self.conn.execute(
            """
            WITH hospital AS (
                INSERT INTO hospitals (code, name, grade, district)
                SELECT 'H' || count(*), '市第一医院', '三级甲等', '东城' FROM hospitals RETURNING id
            ), department AS (
                INSERT INTO departments (hospital_id, code, name)
                SELECT id, '03', '内科' FROM hospital RETURNING id, hospital_id
            ), session AS (
                INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date,
                                             period, fee_fen, capacity, booked)
                SELECT hospital_id, id, '主任医师', '2026-11-19', 'morning', 0, 9, 1
                FROM department RETURNING id, hospital_id, department_id, visit_date
            )
            INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                      visit_date, status, channel, code, booked_at, changed_at)
            SELECT %s, id, hospital_id, department_id, visit_date, %s, 'web',
                   to_char(id, 'FM00000000'), %s, %s
            FROM session RETURNING id
            """,
            (patient_id, status, NOW, NOW),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def all(self, query: str) -> list[tuple[object, ...]]:
        return self.conn.execute(query.encode()).fetchall()


@pytest.fixture
def old(empty_database_url: str) -> Iterator[OldDatabase]:
    migrate(empty_database_url, revision="0026")
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        yield OldDatabase(empty_database_url, conn)


def test_registrations_of_one_person_are_merged_and_listed(old: OldDatabase) -> None:
    first, second, third = old.account(), old.account(), old.account()
    other = old.patient(first, 1, "99", RESIDENT, date(2027, 2, 19))
    survivor = old.patient(second, 1, "01", RESIDENT)
    oldest_number = old.patient(second, 2, "03", OLD_RESIDENT)
    permit = old.patient(third, 1, "06", "H1234567801")
    picked_up = old.patient(third, 2, "99", "H12345678")
    alone = old.patient(first, 2, "03", "E12345678")
    old.book(picked_up, "picked_up")
    missed = old.book(other, "no_show")

    migrate(old.url, VAULT)

    rows = old.all("SELECT id, merged_into, account_id, phone_slot, checked_by FROM patients")
    assert {row[0]: row[1:] for row in rows} == {
        other: (survivor, first, None, None),
        survivor: (None, second, 1, None),
        oldest_number: (survivor, second, None, None),
        permit: (picked_up, third, None, None),
        picked_up: (None, third, 2, "pickup"),
        alone: (None, first, 2, None),
    }
    merges = old.all(
        "SELECT patient_id, survivor_id, account_id, why FROM person_merges ORDER BY patient_id"
    )
    assert merges == [
        (other, survivor, first, "migration"),
        (oldest_number, survivor, second, "migration"),
        (permit, picked_up, third, "migration"),
    ]
    # The record of what was booked stays where it was; the suspension is the person's.
    assert old.all(f"SELECT patient_id FROM appointments WHERE id = {missed}") == [(other,)]
    until = old.all(f"SELECT suspended_until FROM patients WHERE id = {survivor}")
    assert until == [(date(2027, 2, 19),)]


def test_every_registration_leads_to_its_person(
    old: OldDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = old.account()
    numbers = {old.patient(account_id, 1, "01", RESIDENT): RESIDENT}
    for n in range(12):  # more than a batch
        numbers[old.patient(old.account(), 1, "03", f"E{n:08d}")] = f"E{n:08d}"
    monkeypatch.setattr("guahao.store.kernel.migrate.ENCRYPTED_AT_ONCE", 5)
    migrate(old.url, VAULT)
    found = old.all("SELECT id, person_index FROM patients")
    right = {(id, person_index(VAULT, number)) for id, number in numbers.items()}
    assert set(found) == right


def test_a_database_with_patients_needs_its_key(old: OldDatabase) -> None:
    old.patient(old.account(), 1, "01", RESIDENT)
    with pytest.raises(MigrationError, match="GUAHAO_SECRET_KEY"):
        migrate(old.url)
    assert old.all("SELECT version_num FROM alembic_version") == [("0026",)]
    migrate(old.url, VAULT)


def test_nobody_has_two_current_registrations_afterwards(old: OldDatabase) -> None:
    account_id = old.account()
    patient_id = old.patient(account_id, 1, "01", RESIDENT)
    migrate(old.url, VAULT)
    with pytest.raises(psycopg.errors.UniqueViolation):
        old.conn.execute(
            """
            INSERT INTO patients (account_id, phone_slot, name_enc, id_type, id_no_enc,
                                  id_no_index, person_index, created_at)
            SELECT account_id, 2, '', '99', '', '', person_index, created_at
            FROM patients WHERE id = %s
            """,
            (patient_id,),
        )
