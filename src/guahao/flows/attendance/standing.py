"""How a patient stands: no-shows of this year, and a suspension with its reason (S16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.penalties import Suspension, suspensions_by_date
from guahao.store.attendance import penalties as penalty_store
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import PatientView
from guahao.store.people import patients as patient_store


@dataclass(frozen=True, slots=True)
class Standing:
    """A patient's no-shows in this calendar year, and the suspension of today, if any."""

    patient: PatientView
    no_shows: list[date]
    suspension: Suspension | None


async def standings(platform: Platform, account_id: int) -> list[Standing]:
    """Return the standing of every patient of the account, in the order of their registration."""
    async with platform.db.transaction() as tx:
        return await standings_in(tx, platform, account_id)


async def standings_in(tx: Tx, platform: Platform, account_id: int) -> list[Standing]:
    """Return the same within a transaction."""
    own = await patient_store.of_account(tx, platform.vault, account_id)
    known = await penalty_store.no_shows_of(tx, [one.id for one in own])
    dates = {one.patient_id: sorted(one.no_shows) for one in known}
    policies, today = await platform.policies.read(tx), tx.now.date()
    return [
        Standing(
            one,
            [day for day in dates[one.id] if day.year == today.year],
            _running(
                suspensions_by_date(dates[one.id], policies, today), today, one.suspended_until
            ),
        )
        for one in own
    ]


def _running(found: list[Suspension], today: date, until: date | None) -> Suspension | None:
    """Return the suspension of today that ends last: what booking is refused for."""
    if until is None or today >= until:
        return None
    running = [one for one in found if one.start <= today < one.end]
    return max(running, key=lambda one: one.end, default=None)
