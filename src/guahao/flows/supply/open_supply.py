"""The supply as open data: what a hospital's sessions are, and whether they have changed."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import timedelta
from hashlib import sha256

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.supply.releasing import session_state
from guahao.store.hospitals import directory
from guahao.store.kernel.views import HospitalView, SessionView
from guahao.store.supply import open_supply

# As far as the timetables are rolled out: what opens tomorrow can be seen today.
PUBLISHED_DAYS = 93


@dataclass(frozen=True, slots=True)
class Supply:
    """A hospital's coming sessions, each with its state, by date."""

    sessions: list[tuple[SessionView, str]]


async def all_hospitals(platform: Platform) -> list[HospitalView]:
    """Return every hospital, by id."""
    async with platform.db.transaction() as tx:
        return await directory.search(tx, None, None, None, 0, 100_000)


async def supply_version(platform: Platform, hospital: HospitalView) -> str:
    """Return a digest that changes with everything that readers of the hospital's supply see.

    Also with the time, where that opens or closes a date: at midnight, at the release, at the
    next day's stop.
    """
    async with platform.db.transaction() as tx:
        now = tx.now
        first, last = now.date() + ONE_DAY, now.date() + timedelta(days=PUBLISHED_DAYS)
        counted = await open_supply.fingerprint(tx, hospital.id, first, last)
        policy = (await platform.policies.read(tx)).on(now.date())
    rules = hospital.rules
    clock = (now.time() >= rules.release_time, now.time() >= rules.next_day_stop_time)
    seen = (counted, first, clock, astuple(rules), astuple(policy))
    return sha256(repr(seen).encode()).hexdigest()[:32]


async def supply(platform: Platform, hospital: HospitalView) -> Supply:
    """Return the sessions of tomorrow and later."""
    async with platform.db.transaction() as tx:
        now = tx.now
        first, last = now.date() + ONE_DAY, now.date() + timedelta(days=PUBLISHED_DAYS)
        found = await open_supply.sessions_of_hospital(tx, hospital.id, first, last)
        policy = (await platform.policies.read(tx)).on(now.date())
    return Supply(
        [
            (
                view,
                session_state(
                    view.visit_date,
                    view.remaining,
                    view.stopped,
                    now,
                    view.rules,
                    policy,
                    view.held,
                ),
            )
            for view in found
        ]
    )
