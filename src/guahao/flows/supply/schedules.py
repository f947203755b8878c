"""The supply: which clinic sessions there are, with their states, rolled out each night."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.rolling_out import roll_out
from guahao.rules.kernel.limits import Policy
from guahao.rules.supply.planning import ROLLED_DAYS
from guahao.rules.supply.releasing import session_state
from guahao.store.kernel.views import SessionView
from guahao.store.supply import sessions


async def list_sessions(
    platform: Platform,
    hospital_id: int,
    department_id: int,
    date_from: date | None,
    date_to: date | None,
    title: str | None,
    specialty: str | None,
) -> list[tuple[SessionView, str]]:
    """Return a department's sessions, each with its state, by date, period, start and title.

    From today on, even if earlier dates are requested, up to the last session if no end is given.
    Closed and unreleased sessions are included, with their states.
    """
    async with platform.db.transaction() as tx:
        today = tx.now.date()
        start = max(date_from or today, today)
        found = await sessions.in_department(
            tx, hospital_id, department_id, start, date_to, title, specialty
        )
        policy = (await platform.policies.read(tx)).on(today)
    return [(view, _state(view, tx.now, policy)) for view in found]


async def one_session(platform: Platform, session_id: int) -> tuple[SessionView, str] | None:
    """Return a session with its state, or None."""
    async with platform.db.transaction() as tx:
        view = await sessions.one(tx, session_id)
        policy = (await platform.policies.read(tx)).on(tx.now.date())
    return None if view is None else (view, _state(view, tx.now, policy))


async def sessions_by_ids(
    platform: Platform, session_ids: Sequence[int]
) -> list[tuple[SessionView, str]]:
    """Return these sessions, each with its state, by id; unknown ids are left out."""
    async with platform.db.transaction() as tx:
        found = await sessions.by_ids(tx, session_ids)
        policy = (await platform.policies.read(tx)).on(tx.now.date())
    return [(view, _state(view, tx.now, policy)) for view in found]


async def sessions_of_departments(
    platform: Platform, department_ids: Sequence[int]
) -> list[tuple[SessionView, str]]:
    """Return the sessions of these departments from today on, each with its state, by id."""
    async with platform.db.transaction() as tx:
        found = await sessions.in_departments(tx, department_ids, tx.now.date())
        policy = (await platform.policies.read(tx)).on(tx.now.date())
    return [(view, _state(view, tx.now, policy)) for view in found]


def _state(view: SessionView, at: datetime, policy: Policy) -> str:
    return session_state(
        view.visit_date, view.remaining, view.stopped, at, view.rules, policy, view.held
    )


async def roll_forward(platform: Platform, days: int = ROLLED_DAYS) -> int:
    """Make the sessions of all timetables from today to today + `days`; return how many.

    Safe to run twice, late or in two workers. A transaction is one hospital's, so that none
    is long and a failure keeps what was done.
    """
    async with platform.db.transaction() as tx:
        hospital_ids = await sessions.hospitals_with_timetables(tx)
    made = 0
    for hospital_id in hospital_ids:
        async with platform.db.transaction() as tx:
            today = tx.now.date()
            made += await roll_out(tx, platform, hospital_id, today, today + timedelta(days=days))
    return made
