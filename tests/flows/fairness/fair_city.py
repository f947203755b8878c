"""A department whose places wait for a draw, and people who apply for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tests.city import THURSDAY, Clock, add_account, add_patient, add_session, ask, change
from tests.rules.writing import Draw, drawn_order, write

from guahao.flows.fairness import draws
from guahao.flows.fairness.applications import ApplicationRequest, apply
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.allocating import DrawEntry, allocate
from guahao.rules.fairness.applying import Wishes
from guahao.rules.fairness.modes import Release, mode_of
from guahao.rules.fairness.proof import DrawSession
from guahao.rules.kernel.facts import Actor
from guahao.store.fairness import draws as draw_store
from guahao.store.fairness import entries as entry_store
from guahao.store.fairness import modes
from guahao.store.fairness.applications import ApplicationView
from guahao.store.kernel.db import Tx


@dataclass
class Applicant:
    """An account, its patients, and their application."""

    account_id: int
    patient_ids: tuple[int, ...]
    application_id: int


@dataclass
class Clinic:
    """A clinic session of a department whose places wait for a draw."""

    session_id: int
    department_id: int


async def hold(
    platform: Platform, session_id: int, places: int, draw_at: datetime, cause: str = "cancelled"
) -> None:
    """Let places of a session wait for a draw."""
    await change(
        platform,
        "UPDATE clinic_sessions SET held = held + %s, draw_at = least(draw_at, %s) WHERE id = %s",
        *(places, draw_at, session_id),
    )
    await change(
        platform,
        """
        INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        *(session_id, places, cause, platform.db.clock(), draw_at),
    )


async def add_clinic(
    platform: Platform,
    places: int,
    draw_at: datetime,
    visit_date: date = THURSDAY,
    cause: str = "cancelled",
) -> Clinic:
    """A session, in a department of its own, with so many places that wait for a draw."""
    session_id = await add_session(platform, visit_date)
    await hold(platform, session_id, places, draw_at, cause)
    [[department_id]] = await ask(
        platform, "SELECT department_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return Clinic(session_id, department_id)


async def add_sibling(
    platform: Platform, clinic: Clinic, places: int, draw_at: datetime, visit_date: date
) -> Clinic:
    """Another session of the same department."""
    [[id]] = await ask(
        platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date,
                                     period, starts_at, ends_at, fee_fen, capacity, booked)
        SELECT hospital_id, department_id, title, specialty, %s, period, starts_at, ends_at,
               fee_fen, capacity, 0
        FROM clinic_sessions WHERE id = %s RETURNING id
        """,
        *(visit_date, clinic.session_id),
    )
    await hold(platform, id, places, draw_at)
    return Clinic(id, clinic.department_id)


async def modes_of(tx: Tx, session_ids: Sequence[int]) -> dict[int, Release]:
    """How the places of each session are given out."""
    rows = await tx.rows(
        "SELECT id, hospital_id, department_id, title, visit_date FROM clinic_sessions"
        " WHERE id = ANY(%(ids)s)",
        {"ids": list(session_ids)},
    )
    decided = await modes.of_hospitals(tx, sorted({row[1] for row in rows}))
    return {id: mode_of(decided.get(hospital, ()), *of) for id, hospital, *of in rows}


def anything(platform: Platform, *, may_split: bool = False) -> Wishes:
    """Any session of the next two weeks, however soon it can no longer be cancelled."""
    today = platform.db.clock().date()
    return Wishes(today, today + timedelta(days=14), may_split=may_split, notice_hours=0)


async def add_applicant(
    platform: Platform,
    number: int,
    clinic: Clinic,
    *,
    patients: int = 1,
    wishes: Wishes | None = None,
) -> Applicant:
    """An account with patients of its own, who apply together."""
    account_id = await add_account(platform, number)
    ids = [
        (await add_patient(platform, account_id, 2 * number + nth)).id for nth in range(patients)
    ]
    return await applied(platform, account_id, tuple(ids), clinic, wishes)


async def applied(
    platform: Platform,
    account_id: int,
    patient_ids: tuple[int, ...],
    clinic: Clinic,
    wishes: Wishes | None = None,
) -> Applicant:
    key = f"{account_id}-{clinic.department_id}"
    made = await apply(
        platform,
        ApplicationRequest(
            Actor("account", account_id),
            key,
            patient_ids,
            clinic.department_id,
            wishes or anything(platform),
            "web",
        ),
    )
    assert isinstance(made, ApplicationView), made
    return Applicant(account_id, patient_ids, made.id)


async def add_applicants(
    platform: Platform, clinic: Clinic, numbers: Iterable[int], wishes: Wishes | None = None
) -> list[Applicant]:
    return [await add_applicant(platform, number, clinic, wishes=wishes) for number in numbers]


async def hold_until(platform: Platform, clock: Clock, moment: datetime) -> None:
    """Run the periodic job when draws open and close, before the last amendment, and then."""
    for due in (*(moment - timedelta(minutes=m) for m in (30, 10, 6)), moment):
        clock.now = max(clock.now, due)
        await draws.hold_draws(platform)


async def only_draw(platform: Platform) -> int:
    [[draw_id]] = await ask(platform, "SELECT id FROM draws")
    return int(draw_id)


async def expected_file(
    platform: Platform, draw_id: int, refused: Mapping[int, str] | None = None
) -> str:
    """The file of a closed draw, allotted at once and without a database by the rules alone.

    `refused`: patients whom a rule refuses, by their id.
    """
    async with platform.db.transaction() as tx:
        row = await draw_store.lock(tx, draw_id)
        sealed = await draw_store.sealed_secret(tx, draw_id)
        sessions = await draw_store.sessions(tx, draw_id)
        entered = await tx.records(
            _entered,
            """
            SELECT ticket, size, choices, may_split, lost, application_id FROM draw_entries
            WHERE draw_id = %s ORDER BY ticket
            """,
            (draw_id,),
        )
        applicants = await entry_store.applicants(tx, [id for _, id in entered if id])
    secret = bytes.fromhex(platform.vault.open("draws", "secret", draw_id, sealed))
    assert row.closed_at is not None
    opened, closed = (
        moment.isoformat(timespec="seconds") for moment in (row.opened_at, row.closed_at)
    )
    base = Draw(
        *(draw_id, opened, closed, (), row.long_waits_percent),
        tuple(DrawSession(s.clinic_session_id, s.places, s.places_left) for s in sessions),
        *(secret, ()),
        tuple(entry for entry, _ in entered),
        {},
    )

    def check(index: int, patient: int, _: int) -> str | None:
        application_id = entered[index][1]
        assert application_id is not None
        return (refused or {}).get(applicants[application_id].patients[patient])

    places = {s.number: s.places_left for s in sessions}
    base.results.update(allocate(base.entries, drawn_order(base), places, check))
    return write(base)


def _entered(
    ticket: bytes, choices: list[int], application_id: int | None, **row: Any
) -> tuple[DrawEntry, int | None]:
    return DrawEntry(bytes(ticket), choices=tuple(choices), **row), application_id


async def booked_patients(platform: Platform) -> list[int]:
    rows = await ask(platform, "SELECT patient_id FROM appointments WHERE status = 'booked'")
    return sorted(row[0] for row in rows)


async def counters(platform: Platform, clinic: Clinic) -> tuple[int, int, int]:
    """Booked, held and reserved places of a session."""
    [row] = await ask(
        platform,
        "SELECT booked, held, reserved FROM clinic_sessions WHERE id = %s",
        clinic.session_id,
    )
    return (row[0], row[1], row[2])
