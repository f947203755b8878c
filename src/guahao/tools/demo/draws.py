"""Draws of the demo city: past ones with their files, open applications, and one within hours.

Made by the platform's own flows, with the clock set to the moments of yesterday: people cancel
bookings of full sessions, others apply for the places, and the draws are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import date, datetime, time

from guahao.flows.booking.cancelling import save_cancelled
from guahao.flows.fairness.applications import ApplicationRequest, apply
from guahao.flows.fairness.draws import hold_draws
from guahao.flows.fairness.returning import follow_modes
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.applying import Wishes
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import ONE_DAY, RENOWNED_SPECIALIST
from guahao.rules.supply.releasing import city_time
from guahao.store.booking.appointments import lock_appointment, lock_sessions
from guahao.tools.demo import draws_queries as store
from guahao.tools.demo.draws_queries import Applicant, FullSession

_DRAWN_YESTERDAY = 4  # departments
_DRAWN_TODAY = 4
_DEPARTMENTS_TO_COME = 12  # with applications for a draw to come
_APPLICANTS = 24  # for each department: the file of a draw with fewer than 20 is not public
_CONTESTED_HOSPITALS = 2
_CANCELLED_AT = time(9, 5)
# The steps of yesterday's draw of ten o'clock.
_STEPS = (time(9, 6), time(9, 50), time(9, 54), time(10))


async def add_draws(platform: Platform, progress: Callable[[str, int, int], None]) -> None:
    """Add draws and applications to a demo city that has a past; nothing where nothing is full."""
    today = platform.db.clock().date()
    yesterday = today - ONE_DAY

    def at(moment: time) -> Platform:
        return _at(platform, city_time(yesterday, moment))

    async with at(_CANCELLED_AT).db.transaction() as tx:
        full = await store.full_sessions(
            tx,
            today + ONE_DAY,
            today + 9 * ONE_DAY,
            city_time(yesterday, time(8)),
        )
        people = iter(
            await store.applicants(tx, _APPLICANTS * (_DRAWN_YESTERDAY + _DEPARTMENTS_TO_COME))
        )
    # Those of the latest dates have a draw to come at every hour of the demo.
    drawn, coming = full[:_DRAWN_YESTERDAY], full[_DRAWN_YESTERDAY:][-_DRAWN_TODAY:]
    await _cancel(at(_CANCELLED_AT), drawn)
    for session in drawn:
        await _apply(at(_CANCELLED_AT), session.department_id, people, today, today + 14 * ONE_DAY)
    for done, moment in enumerate(_STEPS, start=1):
        await hold_draws(at(moment))
        progress("draws", done, len(_STEPS) + 2)
    await _cancel(platform, coming)
    await _draw_contested_titles(platform)
    await hold_draws(platform)
    async with platform.db.transaction() as tx:
        departments = await store.draws_to_come(tx)
        await store.record_earlier_returns(tx, city_time(yesterday, time()))
    progress("draws", len(_STEPS) + 1, len(_STEPS) + 2)
    for department_id, first, last in departments[:_DEPARTMENTS_TO_COME]:
        await _apply(platform, department_id, people, first, last)
    progress("draws", len(_STEPS) + 2, len(_STEPS) + 2)


def _at(platform: Platform, moment: datetime) -> Platform:
    """Return the platform at another moment, on the same connections."""
    db = copy(platform.db)
    db.clock, db.watch = lambda: moment, None
    return replace(platform, db=db)


async def _cancel(platform: Platform, sessions: Sequence[FullSession]) -> None:
    """Cancel a booking of each session, as the hotline does."""
    for session in sessions:
        async with platform.db.transaction() as tx:
            locked = await lock_appointment(tx, session.appointment_id, None)
            if locked is not None and locked.facts.status == "booked":
                await save_cancelled(tx, platform, locked)


async def _apply(
    platform: Platform, department_id: int, people: Iterator[Applicant], first: date, last: date
) -> None:
    """Let some people apply for places of a department; a refusal leaves one out."""
    wishes = Wishes(first, last, notice_hours=0)
    for number, person in zip(range(_APPLICANTS), people, strict=False):
        await apply(
            platform,
            ApplicationRequest(
                Actor("account", person.account_id),
                f"demo-{department_id}-{number}",
                (person.patient_id,),
                department_id,
                wishes,
                ("wechat", "web", "phone")[number % 3],
            ),
        )


async def _draw_contested_titles(platform: Platform) -> None:
    """Let some hospitals give out the places of renowned specialists by draws."""
    async with platform.db.transaction() as tx:
        contested = await store.contested_sessions(tx, RENOWNED_SPECIALIST, _CONTESTED_HOSPITALS)
        for hospital_id, session_ids in contested.items():
            await store.draw_title(tx, hospital_id, RENOWNED_SPECIALIST, tx.now.date())
            await lock_sessions(tx, session_ids)
            await follow_modes(tx, platform, session_ids)
