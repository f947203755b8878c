"""A department whose places wait for a draw, and people who apply for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.city import add_account, add_patient, add_session, ask, change

from guahao.flows.fairness.applications import ApplicationRequest, apply
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.applying import Wishes
from guahao.rules.kernel.facts import Actor
from guahao.store.fairness.applications import ApplicationView


@dataclass
class Applicant:
    """An account, its patients, and what they applied for."""

    account_id: int
    patient_ids: tuple[int, ...]
    application: ApplicationView


async def hold(
    platform: Platform,
    session_id: int,
    places: int,
    draw_at: datetime,
    cause: str = "cancelled",
) -> None:
    """Let places of a session wait for a draw; the other places are booked by nobody we know."""
    await change(
        platform,
        """
        UPDATE clinic_sessions SET held = held + %s, draw_at = least(draw_at, %s) WHERE id = %s
        """,
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


async def department_of(platform: Platform, session_id: int) -> int:
    [[department_id]] = await ask(
        platform, "SELECT department_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(department_id)


async def another_session(platform: Platform, session_id: int, visit_date: date) -> int:
    """A session of the same department on another date."""
    [[id]] = await ask(
        platform,
        """
        INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date,
                                     period, starts_at, ends_at, fee_fen, capacity, booked)
        SELECT hospital_id, department_id, title, specialty, %s, period, starts_at, ends_at,
               fee_fen, capacity, 0
        FROM clinic_sessions WHERE id = %s RETURNING id
        """,
        visit_date,
        session_id,
    )
    return int(id)


async def add_applicant(
    platform: Platform,
    number: int,
    department_id: int,
    *,
    patients: int = 1,
    wishes: Wishes | None = None,
) -> Applicant:
    """An account with patients of its own, all of whom apply."""
    account_id = await add_account(platform, number)
    ids = []
    for nth in range(patients):
        patient = await add_patient(platform, account_id, 2 * number + nth)
        ids.append(patient.id)
    today = platform.db.clock().date()
    wanted = wishes or Wishes(today, today + timedelta(days=14), notice_hours=0)
    application = await apply(
        platform,
        ApplicationRequest(
            Actor("account", account_id), f"key-{number}", tuple(ids), department_id, wanted, "web"
        ),
    )
    assert isinstance(application, ApplicationView), application
    return Applicant(account_id, tuple(ids), application)


async def add_applicants(
    platform: Platform, department_id: int, numbers: Sequence[int]
) -> list[Applicant]:
    return [await add_applicant(platform, number, department_id) for number in numbers]


async def add_full_clinic(
    platform: Platform, places: int, draw_at: datetime, visit_date: date
) -> tuple[int, int]:
    """A session with so many places that wait for a draw; its id and its department's."""
    session_id = await add_session(platform, visit_date)
    await hold(platform, session_id, places, draw_at)
    return session_id, await department_of(platform, session_id)
