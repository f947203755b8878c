"""Words for the tests of the supply: moments in the city, and rows to put into its tables."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any

import psycopg
from psycopg import sql
from tests.databases import reverse_unordered

from guahao.rules.kernel.limits import CITY_TIME

_numbers = count(1)


def at(text: str) -> datetime:
    """A moment in the city."""
    return datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


class Rows:
    """Writes rows as the database's owner, with what a test does not care about filled in."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def hospital(self, **columns: Any) -> int:
        given = {"name": "安澜市测试医院", "grade": "三级", "district": "城东区", **columns}
        return self._add("hospitals", code=f"T{next(_numbers)}", **given)

    def department(self, hospital_id: int, **columns: Any) -> int:
        number = next(_numbers)
        given = {"name": f"科室{number}", "code": f"{number}", **columns}
        return self._add("departments", hospital_id=hospital_id, **given)

    def timetable(self, hospital_id: int, department_id: int, **columns: Any) -> int:
        given = {
            "title": "普通门诊",
            "iso_weekday": 1,
            "period": "morning",
            "fee_fen": 5000,
            "capacity": 20,
            **columns,
        }
        return self._add(
            "timetables", hospital_id=hospital_id, department_id=department_id, **given
        )

    def session(
        self, hospital_id: int, department_id: int, visit_date: date, **columns: Any
    ) -> int:
        given = {
            "title": "普通门诊",
            "period": "morning",
            "fee_fen": 5000,
            "capacity": 20,
            "visit_date": visit_date,
            **columns,
        }
        return self._add(
            "clinic_sessions", hospital_id=hospital_id, department_id=department_id, **given
        )

    def patient(self, *, with_account: bool = True) -> int:
        number, now = next(_numbers), at("2026-01-01")
        account_id = None
        if with_account:
            index = f"phone {number}".encode()
            account_id = self._add("accounts", phone_enc=b"", phone_index=index, created_at=now)
        return self._add(
            "patients",
            account_id=account_id,
            phone_slot=1 if with_account else None,
            name_enc=b"",
            id_type="01",
            id_no_enc=b"",
            created_at=now,
            id_no_index=f"document {number}".encode(),
            person_index=f"person {number}".encode(),
        )

    def appointment(self, patient_id: int, session_id: int, status: str = "booked") -> int:
        """A booking of a session, with its place counted as the status asks."""
        place = self.conn.execute(
            "SELECT hospital_id, department_id, visit_date FROM clinic_sessions WHERE id = %s",
            (session_id,),
        ).fetchone()
        assert place is not None
        if status not in ("cancelled", "stopped"):
            self.conn.execute(
                "UPDATE clinic_sessions SET booked = booked + 1 WHERE id = %s", (session_id,)
            )
        return self._add(
            "appointments",
            patient_id=patient_id,
            clinic_session_id=session_id,
            status=status,
            **dict(zip(("hospital_id", "department_id", "visit_date"), place, strict=True)),
            channel="api",
            code_enc=b"",
            code_index=f"code {next(_numbers)}".encode(),
            booked_at=at("2026-01-01"),
            changed_at=at("2026-01-01"),
        )

    def offer(self, patient_id: int, session_id: int) -> int:
        """A place that is offered to a patient whose booking elsewhere was stopped."""
        self.conn.execute(
            "UPDATE clinic_sessions SET reserved = reserved + 1 WHERE id = %s", (session_id,)
        )
        return self._add(
            "replacement_offers",
            stopped_appointment_id=next(_numbers),
            clinic_session_id=session_id,
            patient_id=patient_id,
            offered_at=at("2026-01-01"),
            accept_until=at("2030-01-01"),
        )

    def all(self, statement: str) -> list[tuple[Any, ...]]:
        return reverse_unordered(statement, self.conn.execute(statement.encode()).fetchall())

    def one(self, statement: str) -> tuple[Any, ...]:
        (row,) = self.all(statement)
        return row

    def _add(self, table: str, **columns: Any) -> int:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        row = self.conn.execute(statement, list(columns.values())).fetchone()
        assert row is not None
        return int(row[0])
