"""A small city to test in: its platform, its clock, and who and what is in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count

from stdnum.cn import ric
from tests.databases import ReusedConnection, reverse_unordered

from guahao.flows.booking.cancelling import save_cancelled
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.flows.people.patients import register_patient
from guahao.flows.supply import stops
from guahao.rules.booking.cancelling import decide_cancel
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.kernel.outcomes import CancelRefusal, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.stops import StopRefusal
from guahao.settings import Settings
from guahao.store.booking.appointments import lock_appointment
from guahao.store.kernel.db import Database, Row
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.store.messages import messages
from guahao.store.people import accounts
from guahao.store.policy.policy_book import PolicyBook
from guahao.store.staff import trail
from guahao.store.supply.stops import StopScope

MONDAY_MORNING = datetime(2026, 11, 30, 9, 0, tzinfo=CITY_TIME)
THURSDAY = date(2026, 12, 3)
# A city that gives returned and late places to whoever is first: for tests of other things.
NO_DRAWS = Policy(draw_returned_places=False)
LOOPBACK = Caller("127.0.0.1", limited=False)


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = MONDAY_MORNING

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


def hurrying() -> Callable[[], float]:
    """Seconds that pass at each look, so that no stored answer is served again."""
    return count(0.0, 10.0).__next__


@asynccontextmanager
async def open_platform(
    url: str,
    clock: Clock,
    *,
    settings: Settings | None = None,
    policy: Policy | None = None,
    prepared: bool = True,
    read_url: str | None = None,
    elapsed: Callable[[], float] | None = None,
) -> AsyncIterator[Platform]:
    """A platform on a migrated database, with connections for callers in parallel."""
    # All connections from the start: callers in parallel would queue for a growing pool.
    db = Database(url, clock, min_size=8, max_size=8, prepared=prepared, read_url=read_url)
    db.pool.connection_class = ReusedConnection
    vault = Vault("a secret key of the tests, long enough")
    await db.open()
    try:
        yield Platform(
            db,
            vault,
            PolicyBook(policy or Policy()),
            settings or Settings(),
            elapsed=elapsed or hurrying(),
        )
    finally:
        await db.close()


def phone(number: int) -> str:
    """A mobile number, as a person writes it."""
    return f"138{number:08d}"


def resident_id(number: int) -> str:
    """A resident ID whose birth date and check digit hold."""
    body = f"11010119900307{number:03d}"
    return body + str(ric.calc_check_digit(body + "?"))  # it leaves out the last character


async def add_account(platform: Platform, number: int = 1, language: str = "zh") -> int:
    async with platform.db.transaction() as tx:
        return await accounts.find_or_add(tx, platform.vault, f"+86{phone(number)}", language)


async def add_patient(
    platform: Platform, account_id: int, number: int = 1, name: str = "张三"
) -> PatientView:
    added = await register_patient(platform, account_id, name, "01", resident_id(number))
    assert isinstance(added, PatientView)
    return added


async def add_session(platform: Platform, visit_date: date = THURSDAY) -> int:
    """A morning clinic at a hospital of its own."""
    async with platform.db.transaction() as tx:
        row = await tx.row(
            """
            WITH hospital AS (
                INSERT INTO hospitals (code, name, grade, district, pickup_place)
                SELECT 'H' || count(*), '市第一医院', '三级甲等', '东城', '门诊楼一层'
                FROM hospitals
                RETURNING id
            ), department AS (
                INSERT INTO departments (hospital_id, code, name)
                SELECT id, '03.04', '心血管内科' FROM hospital
                RETURNING id, hospital_id
            )
            INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date,
                                         period, starts_at, ends_at, fee_fen, capacity, booked)
            SELECT hospital_id, id, '主任医师', '高血压', %s,
                   'morning', '08:30', '09:00', 8000, 20, 0
            FROM department
            RETURNING id
            """,
            (visit_date,),
        )
        assert row is not None
        return int(row[0])


async def add_appointment(
    platform: Platform, patient_id: int, session_id: int, code: str = "01234567"
) -> int:
    """A booking whose patient is yet to be told."""
    async with platform.db.transaction() as tx:
        id = await next_id(tx, "appointments")
        sealed = platform.vault.seal("appointments", "code", id, code)
        index = platform.vault.index("code", code)
        await tx.do(
            """
            INSERT INTO appointments (id, patient_id, clinic_session_id, hospital_id,
                                      department_id, visit_date, channel, code_enc, code_index,
                                      booked_at, changed_at)
            SELECT %s, %s, id, hospital_id, department_id, visit_date, 'api', %s, %s, %s, %s
            FROM clinic_sessions WHERE id = %s
            """,
            (id, patient_id, sealed, index, tx.now, tx.now, session_id),
        )
        return id


async def draw_codes(platform: Platform) -> None:
    """Give codes to bookings that a statement of a test has written without one."""
    async with platform.db.transaction() as tx:
        for (id,) in await tx.rows("SELECT id FROM appointments WHERE code_enc = ''"):
            code = f"{id:08d}"
            sealed = platform.vault.seal("appointments", "code", id, code)
            await tx.do(
                "UPDATE appointments SET code_enc = %s, code_index = %s WHERE id = %s",
                (sealed, platform.vault.index("code", code), id),
            )


async def add_booking(platform: Platform, number: int = 1) -> int:
    """An account, its patient, and a booking that a message will tell of; its id."""
    patient = await add_patient(platform, await add_account(platform, number), number)
    session_id = await add_session(platform)
    appointment_id = await add_appointment(platform, patient.id, session_id, f"{number:08d}")
    await notify(platform, "booked", appointment_id)
    return appointment_id


async def notify(platform: Platform, kind: str, *appointment_ids: int) -> None:
    async with platform.db.transaction() as tx:
        await messages.notify(tx, kind, appointment_ids)


async def outbox(platform: Platform, to: str | None = None) -> list[messages.OutboxItem]:
    async with platform.db.transaction() as tx:
        return await messages.outbox(tx, platform.vault, to, 100)


async def ask(platform: Platform, sql: str, *params: object) -> list[Row]:
    """Rows straight from the database."""
    async with platform.db.transaction() as tx:
        return reverse_unordered(sql, await tx.rows(sql, params))


async def audited_actions(platform: Platform) -> list[str]:
    """The actions of the audit trail, oldest first."""
    return [row[0] for row in await ask(platform, "SELECT action FROM audit_trail ORDER BY seq")]


async def ask_as_owner(platform: Platform, sql: str, *params: object) -> list[Row]:
    """Rows of columns that the application may not read."""
    async with platform.db.transaction() as tx:
        await tx.do("SET LOCAL ROLE NONE")
        return reverse_unordered(sql, await tx.rows(sql, params))


async def reasons(platform: Platform, action: str | None = None) -> list[tuple[str, str]]:
    """What the audit trail holds, the first entry first: action and reason."""
    async with platform.db.transaction() as tx:
        found = await trail.listed(tx, platform.vault, trail.Wanted(action=action), 1000)
    return [(entry.action, entry.reason) for entry in reversed(found)]


async def change(platform: Platform, sql: str, *params: object) -> None:
    """Make the database be so."""
    async with platform.db.transaction() as tx:
        await tx.do(sql, params)


async def change_as_owner(platform: Platform, sql: str, *params: object) -> None:
    """Change what the application may not write."""
    async with platform.db.transaction() as tx:
        await tx.do("SET LOCAL ROLE NONE")
        await tx.do(sql, params)


async def cancel_for_caller(
    platform: Platform, appointment_id: int
) -> AppointmentView | CancelRefusal:
    """Cancel as the hotline does for a verified caller, without the call."""
    async with platform.db.transaction() as tx:
        locked = await lock_appointment(tx, appointment_id, None)
        assert locked is not None
        policies = await platform.policies.read(tx)
        policy = policies.for_cancelling(locked.booked_on, tx.now.date())
        refusal = decide_cancel(locked.facts, "agent", tx.now, policy)
        return refusal or await save_cancelled(tx, platform, locked)


async def stop_session(platform: Platform, session_id: int) -> int | Refused[StopRefusal]:
    """Stop a session as a scheduler of its hospital; its patients are notified by `carry_on`."""
    [[hospital_id, day]] = await ask(
        platform, "SELECT hospital_id, visit_date FROM clinic_sessions WHERE id = %s", session_id
    )
    by = Staff(7, "scheduler", Role.SCHEDULER, hospital_id)
    return await stops.stop(platform, by, StopScope(day, day, session_id=session_id), "医生外出")
