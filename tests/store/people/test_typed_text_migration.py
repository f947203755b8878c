"""Migration 0028: names and search keys that exist are made anew by the one function."""

from __future__ import annotations

import psycopg
import pytest

from guahao.rules.kernel.text import name_key
from guahao.store.hospitals.search import search_keys
from guahao.store.kernel.migrate import migrate
from guahao.store.kernel.vault import Vault

VAULT = Vault("a secret key of this test")


def add_patient(conn: psycopg.Connection, patient_id: int, name: str) -> None:
    number = f"P{patient_id:07}"
    conn.execute(
        """
        INSERT INTO patients (id, name_enc, id_type, id_no_enc, id_no_index, name_index, created_at)
        OVERRIDING SYSTEM VALUE
        VALUES (%s, %s, '03', %s, %s, %s, now())
        """,
        (
            patient_id,
            VAULT.seal("patients", "name", patient_id, name),
            VAULT.seal("patients", "id_no", patient_id, number),
            VAULT.index("id_no", number),
            VAULT.index("name", name),
        ),
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("张三", "张三"),
        ("张 三", "张三"),
        ("⽅芳", "方芳"),
        ("O’Neill", "O'Neill"),
        ("Zhang San", "Zhang San"),
        ("R2D2", "R2D2"),  # of a time when nobody looked
    ],
)
def test_a_stored_name_is_found_as_it_is_typed_today(
    empty_database_url: str, written: str, name: str
) -> None:
    migrate(empty_database_url, VAULT, revision="0026")
    with psycopg.connect(empty_database_url) as conn:
        add_patient(conn, 1, written)
    migrate(empty_database_url, VAULT, revision="0028")
    with psycopg.connect(empty_database_url) as conn:
        row = conn.execute("SELECT name_enc, name_index FROM patients").fetchone()
    assert row is not None
    assert VAULT.open("patients", "name", 1, row[0]) == name
    assert row[1] == VAULT.index("name", name_key(name))


def test_places_are_found_by_every_reading(empty_database_url: str) -> None:
    migrate(empty_database_url, revision="0026")
    with psycopg.connect(empty_database_url) as conn:
        conn.execute(
            "INSERT INTO hospitals (code, name, grade, district, search_keys)"
            " VALUES ('H1', '第一医院', '三级', '长堤区', 'diyiyiyuan')"
        )
        conn.execute(
            "INSERT INTO departments (hospital_id, code, name, search_keys)"
            " SELECT id, 'D1', '藏医科', 'cangyike' FROM hospitals"
        )
    migrate(empty_database_url, revision="0028")
    with psycopg.connect(empty_database_url) as conn:
        found = conn.execute(
            "SELECT search_keys FROM hospitals UNION ALL SELECT search_keys FROM departments"
        ).fetchall()
    expected = [search_keys("第一医院", "长堤区"), search_keys("藏医科")]
    assert sorted(found) == sorted((keys,) for keys in expected)
