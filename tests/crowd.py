"""Many people and many clinics at once, for what happens when all press "book" together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

from tests.city import THURSDAY, ask

from guahao.flows.attendance.window import TooManyGuesses, hand_out
from guahao.flows.booking.desk import Desk, DeskAnswer
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import PickupRefusal
from guahao.rules.staff.staff import Who
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.views import AppointmentView
from guahao.store.people.patients import person_index

# How many sessions wait for a lock.
WAITING = """
    SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE NOT l.granted AND a.datname = current_database()
"""


@dataclass(frozen=True)
class Person:
    """A patient and the account that books for it."""

    account_id: int
    patient_id: int
    id_no: str

    @property
    def actor(self) -> Actor:
        return Actor("account", self.account_id)


async def add_crowd(platform: Platform, count: int) -> list[Person]:
    """`count` persons with an account each; documents are passports, invented."""
    vault = platform.vault
    crowd = []
    async with platform.db.transaction() as tx:
        for _ in range(count):
            number = await next_id(tx, "patients")
            id_no, phone = f"E{number:08d}", f"+86139{number:08d}"
            account = await tx.row(
                "INSERT INTO accounts (phone_enc, phone_index, created_at)"
                " VALUES ('', %s, %s) RETURNING id",
                (vault.index("phone", phone), tx.now),
            )
            assert account is not None
            await tx.do(
                "UPDATE accounts SET phone_enc = %s WHERE id = %s",
                (vault.seal("accounts", "phone", account[0], phone), account[0]),
            )
            await tx.do(
                """
                INSERT INTO patients (id, account_id, phone_slot, name_enc, id_type, id_no_enc,
                                      id_no_index, person_index, created_at)
                OVERRIDING SYSTEM VALUE VALUES (%s, %s, 1, %s, '03', %s, %s, %s, %s)
                """,
                (
                    number,
                    account[0],
                    vault.seal("patients", "name", number, "测试人"),
                    vault.seal("patients", "id_no", number, id_no),
                    vault.index("id_no", id_no),
                    person_index(vault, id_no),
                    tx.now,
                ),
            )
            crowd.append(Person(account[0], number, id_no))
    return crowd


async def add_clinic(
    platform: Platform, dates: Sequence[date] = (THURSDAY,), capacity: int = 20
) -> list[int]:
    """A hospital with a department of its own, and a session on each date."""
    async with platform.db.transaction() as tx:
        rows = await tx.rows(
            """
            WITH hospital AS (
                INSERT INTO hospitals (code, name, grade, district)
                SELECT 'C' || count(*), '市第二医院', '三级甲等', '西城' FROM hospitals RETURNING id
            ), department AS (
                INSERT INTO departments (hospital_id, code, name)
                SELECT id, '04', '儿科' FROM hospital RETURNING id, hospital_id
            )
            INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,
                                         fee_fen, capacity)
            SELECT hospital_id, id, '主任医师', visit_date, 'morning', 8000, %s
            FROM department, unnest(%s::date[]) AS visit_date
            ORDER BY visit_date RETURNING id
            """,
            (capacity, list(dates)),
        )
        return [row[0] for row in rows]


@asynccontextmanager
async def open_desk(
    platform: Platform, *, lanes: int = 2, batch: int = 64, queue: int = 1000
) -> AsyncIterator[Desk]:
    """A desk that is drained at the end."""
    desk = Desk(platform, lanes=lanes, batch=batch, queue=queue)
    await desk.open()
    try:
        yield desk
    finally:
        await desk.close()


async def book(desk: Desk, person: Person, session_id: int, key: str = "") -> DeskAnswer:
    """One person books one place, under a key of its own where none is given."""
    key = key or f"{person.patient_id}-{session_id}"
    return await desk.book(person.actor, key, person.patient_id, session_id, "api")


async def booked(platform: Platform, person: Person, session_id: int) -> AppointmentView:
    """A booking that must succeed."""
    async with open_desk(platform) as desk:
        answer = await book(desk, person, session_id)
    assert isinstance(answer, AppointmentView), answer
    return answer


async def count(platform: Platform, table: str, condition: str = "true") -> int:
    [[found]] = await ask(platform, f"SELECT count(*) FROM {table} WHERE {condition}")
    return int(found)


@dataclass(frozen=True, slots=True)
class HospitalSystem:
    """A hospital's own system at its window."""

    own_hospital_id: int

    @property
    def who(self) -> Who:
        """Itself, as the audit trail names it."""
        return Who("client", 1, "hc_of_the_tests", self.own_hospital_id)


async def pick_up(
    platform: Platform, hospital_id: int, code: str, id_no: str
) -> AppointmentView | PickupRefusal:
    """Take a number at a hospital's window; return the booking, or why there is none."""
    answer = await hand_out(platform, HospitalSystem(hospital_id), code, id_no)
    assert not isinstance(answer, TooManyGuesses)
    return answer if isinstance(answer, AppointmentView) else answer.reason
