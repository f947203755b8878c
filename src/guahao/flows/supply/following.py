"""Sessions that follow their timetables: what they take over of a change, what an end leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import assert_never

from guahao.flows.fairness.returning import returning_places
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.supply.changes import (
    SessionRefused,
    SessionTerms,
    decide_following,
    decide_withdrawal,
    earliest_new_day,
)
from guahao.rules.supply.fees import listed_fee
from guahao.rules.supply.planning import FOR_EVER
from guahao.store.kernel.db import Tx
from guahao.store.supply import changes, fees
from guahao.store.supply import timetables as store
from guahao.store.supply.timetables import TimetableChange


@dataclass(frozen=True, slots=True)
class Following:
    """Sessions that a change reaches: `free` have no booking, `taken` have."""

    free: int
    taken: int


async def follow(
    tx: Tx, platform: Platform, changed: Mapping[int, TimetableChange], *, dry_run: bool = False
) -> Following:
    """Give the sessions of locked timetables what they take over, from tomorrow on.

    A session's fee is its day's on the hospital's list, unless the timetable has its own price.
    """
    today = tx.now.date()
    spans = {id: (earliest_new_day(today), new.valid_until) for id, new in changed.items()}
    timetable_ids = await store.sessions_of(tx, spans, lock=not dry_run)
    facts = await changes.facts_by_id(tx, list(timetable_ids))
    hospital_ids = {new.hospital_id for new in changed.values() if not new.fee_is_own}
    dated = {hospital_id: await fees.dated(tx, hospital_id) for hospital_id in hospital_ids}

    @cache
    def fee_on(hospital_id: int, title: str, day: date) -> int | None:
        return listed_fee(dated[hospital_id], title, day)

    taken: dict[int, SessionTerms] = {}
    free = 0
    for id, session in facts.items():
        new = changed[timetable_ids[id]]
        clinic = new.clinic
        if not new.fee_is_own:
            listed = fee_on(new.hospital_id, clinic.title, session.terms.visit_date)
            clinic = clinic if listed is None else replace(clinic, fee_fen=listed)
        outcome = decide_following(session, clinic, today)
        if not isinstance(outcome, SessionRefused):
            taken[id] = outcome
            free += not session.booked
    if not dry_run:
        differing = {id: terms for id, terms in taken.items() if terms != facts[id].terms}
        async with returning_places(tx, platform, list(differing), Cause.CAPACITY_RAISED):
            await changes.change_sessions(tx, differing)
    return Following(free, len(taken) - free)


async def withdraw(tx: Tx, platform: Platform, ended: Mapping[int, date]) -> Following:
    """Remove the sessions after the last days of locked timetables, or close them to bookings."""
    spans = {id: (last + ONE_DAY, FOR_EVER) for id, last in ended.items()}
    return await withdraw_sessions(
        tx, platform, list(await store.sessions_of(tx, spans, lock=True))
    )


async def withdraw_sessions(tx: Tx, platform: Platform, session_ids: Sequence[int]) -> Following:
    """Remove locked sessions that nobody ever booked, and close the others to new bookings."""
    facts = await changes.facts_by_id(tx, session_ids)
    removed: list[int] = []
    closed: dict[int, SessionTerms] = {}
    for id, session in facts.items():
        match decide_withdrawal(session, tx.now.date()):
            case None:
                removed.append(id)
            case SessionTerms() as terms:
                closed[id] = terms
            case SessionRefused():
                pass
            case never:
                assert_never(never)
    await changes.remove_sessions(tx, removed)
    async with returning_places(tx, platform, list(closed), Cause.CAPACITY_RAISED):
        await changes.change_sessions(tx, closed)
    taken = sum(facts[id].booked > 0 for id in closed)
    return Following(len(removed) + len(closed) - taken, taken)
