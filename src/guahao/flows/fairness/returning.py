"""How a place reappears, the only way: free, held for a draw, or for the counter.

Every flow that gives places back or adds them does so inside `returning_places`, under the locks
of the sessions, so that no place is free for a moment in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.modes import FIRST_COME, DatedMode, Release, mode_of, referral_places
from guahao.rules.fairness.returning import (
    Cause,
    Fate,
    ReleaseMode,
    Return,
    ReturnFacts,
    returned,
)
from guahao.rules.kernel.limits import Policy
from guahao.rules.supply.releasing import opens_at
from guahao.store.fairness import held as store
from guahao.store.fairness import modes
from guahao.store.fairness.held import HeldPlaces, SessionPlaces, WaitingPlaces
from guahao.store.kernel.db import Tx


@asynccontextmanager
async def returning_places(
    tx: Tx, platform: Platform, session_ids: Collection[int], cause: Cause
) -> AsyncIterator[None]:
    """Decide, after the change in the block, about every place that it made free.

    The sessions are locked. A session that the block removes is left out.
    """
    before = await store.places_of(tx, session_ids)
    yield
    # What waits is written by the platform, also where a hospital's staff act.
    async with tx.as_platform():
        await _settle(tx, platform, before, session_ids, cause)


async def new_places(tx: Tx, platform: Platform, session_ids: Collection[int]) -> None:
    """Decide about the places of sessions that this transaction made."""
    async with tx.as_platform():
        await _settle(tx, platform, {}, session_ids, Cause.PUBLISHED_LATE)


async def places_lost_in_stop(
    tx: Tx, platform: Platform, lost: Mapping[int, int], session_ids: Sequence[int]
) -> None:
    """Decide about the places of sessions whose stop was undone, all of them locked.

    `lost`: places by session, of bookings that the stop took and that could not be restored.
    Places that were free before the stop are free again.
    """
    after = await store.places_of(tx, session_ids)
    free_before = {id: places.free - lost.get(id, 0) for id, places in after.items()}
    async with tx.as_platform():
        await _hold(tx, platform, after.values(), free_before, Cause.STOP_UNDONE)


async def follow_modes(tx: Tx, platform: Platform, session_ids: Collection[int]) -> None:
    """Hold or free the places of locked, unreleased sessions as their release modes say now."""
    before = await store.places_of(tx, session_ids)
    releases = await _releases(tx, before.values())
    policy = (await platform.policies.read(tx)).on(tx.now.date())
    waiting = await store.waiting(tx, session_ids)
    is_released = {
        id: tx.now >= opens_at(places.visit_date, places.rules, policy)
        for id, places in before.items()
    }
    freed = [
        row.id
        for row in waiting
        if row.cause in (Cause.RELEASE, Cause.REFERRAL) and not is_released[row.session_id]
    ]
    await store.replace_places(tx, dict.fromkeys(freed, 0))
    await store.count_anew(tx, session_ids)
    by_draw = [
        places
        for places in (await store.places_of(tx, session_ids)).values()
        if releases[places.id].mode is ReleaseMode.DRAW and not is_released[places.id]
    ]
    await _hold(tx, platform, by_draw, {}, Cause.RELEASE)


async def against_modes(tx: Tx, platform: Platform, session_ids: Collection[int]) -> list[int]:
    """Return the unreleased sessions whose places wait otherwise than their release modes say."""
    found = await store.places_of(tx, session_ids)
    releases = await _releases(tx, found.values())
    policy = (await platform.policies.read(tx)).on(tx.now.date())
    waiting: dict[int, list[WaitingPlaces]] = {id: [] for id in found}
    for row in await store.waiting(tx, session_ids):
        if row.cause in (Cause.RELEASE, Cause.REFERRAL):
            waiting[row.session_id].append(row)
    wrong = []
    for id, places in found.items():
        opens = opens_at(places.visit_date, places.rules, policy)
        if tx.now >= opens:
            continue
        if releases[id].mode is ReleaseMode.DRAW:
            moments = {row.draw_at for row in waiting[id] if row.cause == Cause.RELEASE}
            if places.free > 0 or moments - {opens}:
                wrong.append(id)
        elif waiting[id]:
            wrong.append(id)
    return wrong


async def _settle(
    tx: Tx,
    platform: Platform,
    before: Mapping[int, SessionPlaces],
    session_ids: Collection[int],
    cause: Cause,
) -> None:
    if not session_ids:
        return
    after = await store.places_of(tx, session_ids)
    await _trim(tx, before, after)
    if await _take_back(tx, before, after):
        after = await store.places_of(tx, session_ids)
    free_before = {
        id: places.free
        for id, places in before.items()
        if id in after and _is_same_clinic(places, after[id])
    }
    await _hold(tx, platform, after.values(), free_before, cause)


def _is_same_clinic(before: SessionPlaces, after: SessionPlaces) -> bool:
    """Return whether a session was not turned into another, whose places nobody could have seen."""
    return (before.department_id, before.title, before.visit_date) == (
        after.department_id,
        after.title,
        after.visit_date,
    )


async def _take_back(
    tx: Tx, before: Mapping[int, SessionPlaces], after: Mapping[int, SessionPlaces]
) -> bool:
    """Release the waiting places of sessions that were turned into others; return whether any were.

    An application chose the session by its date, title, specialty and period, so that a draw that
    is closed cannot give out another.
    """
    both = [(places, after[id]) for id, places in before.items() if id in after]
    turned = {now.id for then, now in both if not _is_same_clinic(then, now)}
    other_wishes = {
        now.id for then, now in both if (then.specialty, then.period) != (now.specialty, now.period)
    }
    if not turned | other_wishes:
        return False
    taken = [
        row
        for row in await store.waiting(tx, sorted(turned | other_wishes))
        if row.session_id in turned or row.is_in_closed_draw
    ]
    await store.replace_places(tx, {row.id: 0 for row in taken})
    await store.count_anew(tx, sorted({row.session_id for row in taken}))
    return bool(taken)


async def _trim(
    tx: Tx, before: Mapping[int, SessionPlaces], after: Mapping[int, SessionPlaces]
) -> None:
    """Take from the waiting rows, the latest first, what a smaller capacity leaves no room for."""
    smaller = {
        id: (places.held, places.reserved - places.offered)
        for id, places in after.items()
        if id in before and (places.held < before[id].held or places.reserved < before[id].reserved)
    }
    if not smaller:
        return
    left: dict[int, int] = {}
    for row in await store.waiting(tx, list(smaller)):
        held, reserved = smaller[row.session_id]
        room = reserved if row.draw_at is None else held
        left[row.id] = min(row.places, room)
        if row.draw_at is None:
            smaller[row.session_id] = held, room - left[row.id]
        else:
            smaller[row.session_id] = room - left[row.id], reserved
    await store.replace_places(tx, left)
    await store.count_anew(tx, list(smaller))


async def _hold(
    tx: Tx,
    platform: Platform,
    sessions: Iterable[SessionPlaces],
    free_before: Mapping[int, int],
    cause: Cause,
) -> None:
    """Hold or reserve what is free now and must not be; `free_before`: none of a new session."""
    gained = {
        places.id: (places, places.free - free_before.get(places.id, 0))
        for places in sessions
        if places.free > free_before.get(places.id, 0)
    }
    if not gained:
        return
    releases = await _releases(tx, [places for places, _ in gained.values()])
    policy = (await platform.policies.read(tx)).on(tx.now.date())
    sharing = [id for id in gained if releases[id].referral_percent]
    waiting = await store.waiting(tx, sharing) if sharing else []
    kept: list[HeldPlaces] = []
    for id, (places, count) in gained.items():
        before = free_before.get(id, 0)
        opens = opens_at(places.visit_date, places.rules, policy)
        found = _fate(tx, places, releases[id], policy, was_full=before <= 0)
        if found.fate is Fate.FREE:
            # Of a date that is released the swap index counts what came back; new is not back.
            if tx.now >= opens and cause is not Cause.PUBLISHED_LATE:
                kept.append(HeldPlaces(id, count, cause, None, before, is_free=True))
        elif found.draw_at == opens:
            kept += _for_release(id, count, opens, releases[id], waiting)
        else:
            kept.append(HeldPlaces(id, count, cause, found.draw_at, before))
    await store.hold(tx, kept)


def _for_release(
    session_id: int, count: int, opens: datetime, release: Release, waiting: Iterable[WaitingPlaces]
) -> Iterator[HeldPlaces]:
    """Divide places between the draw at the release and the declared share for referrals."""
    drawn, referred = (
        sum(row.places for row in waiting if (row.session_id, row.cause) == (session_id, cause))
        for cause in (Cause.RELEASE, Cause.REFERRAL)
    )
    referrals = referral_places(count, drawn, referred, release.referral_percent)
    if referrals:
        yield HeldPlaces(session_id, referrals, Cause.REFERRAL, None)
    yield HeldPlaces(session_id, count - referrals, Cause.RELEASE, opens)


def _fate(
    tx: Tx, places: SessionPlaces, release: Release, policy: Policy, *, was_full: bool
) -> Return:
    facts = ReturnFacts(
        places.visit_date,
        release.mode,
        was_full,
        opens_at(places.visit_date, places.rules, policy),
        places.rules.next_day_stop_time,
        policy.draw_returned_places,
    )
    return returned(facts, tx.now)


async def _releases(tx: Tx, sessions: Iterable[SessionPlaces]) -> dict[int, Release]:
    """Return how the places of each session are given out."""
    sessions = list(sessions)
    hospital_ids = sorted({places.hospital_id for places in sessions})
    decisions: Mapping[int, list[DatedMode]] = await modes.of_hospitals(tx, hospital_ids)
    return {
        places.id: mode_of(
            decisions[places.hospital_id], places.department_id, places.title, places.visit_date
        )
        if places.hospital_id in decisions
        else FIRST_COME
        for places in sessions
    }
