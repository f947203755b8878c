"""What a hospital charges for each title, from a date on (docs/decisions/0015).

A fee holds for visits from its date on. Sessions that are made from then on have it; those
that are there already keep theirs, unless the administrator, having seen how many, gives it to
those that nobody holds a booking of. Who has booked pays what they were told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hospitals.titles import Title
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.rules.supply.fees import (
    DatedFee,
    FeeEffect,
    FeeRefusal,
    PricedSession,
    decide_fee,
    listed_fee,
    refused_fee,
    refused_same,
)
from guahao.store.hospitals import titles
from guahao.store.hospitals.hospital_rules import lock_hospital
from guahao.store.kernel.db import Tx
from guahao.store.supply import changes
from guahao.store.supply import fees as store


@dataclass(frozen=True, slots=True)
class FeeList:
    """The city's titles, and the hospital's fees for them, each title's by date."""

    titles: list[Title]
    fees: list[DatedFee]

    @property
    def version(self) -> str:
        """Return what a form that shows the list gives back."""
        return version_of(tuple(self.fees))


@dataclass(frozen=True, slots=True)
class FeeReach:
    """Sessions of a fee's days and title that have another fee.

    `free`: nobody holds a booking, they can follow; `taken`: somebody has booked for what was
    told; `own`: they have a price of their own.
    """

    free: int
    taken: int
    own: int


@dataclass(frozen=True, slots=True)
class FeeChanged:
    """What became of a change: `applied` sessions without a booking have it now."""

    applied: int


async def fee_list(platform: Platform, by: Staff) -> FeeList:
    """Return the list of the hospital that they act for."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        return FeeList(await titles.listed(tx), await store.dated(tx, hospital_id))


async def offered(platform: Platform, by: Staff, day: date) -> list[tuple[Title, int | None]]:
    """Return the titles that a form offers, each with the hospital's fee for visits on that day."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        fees = await store.on_day(tx, hospital_id, day)
        found = await titles.listed(tx)
    return [(title, fees.get(title.name)) for title in found if title.retired_at is None]


async def preview(platform: Platform, by: Staff, fee: DatedFee) -> FeeReach | Refused[FeeRefusal]:
    """Return how many sessions a new fee would meet."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        refused = refused_fee(fee, tx.now.date(), {title.name for title in await titles.listed(tx)})
        if refused is not None:
            return Refused(refused)
        dated = await store.dated(tx, hospital_id)
        effects = [effect for _, effect in await _effects(tx, hospital_id, fee, dated, lock=False)]
    reach = FeeReach(
        effects.count(FeeEffect.FREE), effects.count(FeeEffect.TAKEN), effects.count(FeeEffect.OWN)
    )
    refused = refused_same(
        fee.fee_fen, listed_fee(dated, fee.title, fee.holds_from), reached=reach.free
    )
    return reach if refused is None else Refused(refused)


async def change(
    platform: Platform, by: Staff, seen: str, fee: DatedFee, *, to_sessions: bool
) -> FeeChanged | Refused[FeeRefusal]:
    """Change a fee from a date on, where the list is as it was `seen`.

    `to_sessions`: also of the sessions of those days that nobody holds a booking of. Who books
    meanwhile is waited for, and keeps what they were told.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await lock_hospital(act.tx, hospital_id)
        stored = FeeList(await titles.listed(act.tx), await store.dated(act.tx, hospital_id))
        refused = refused_fee(fee, act.now.date(), {title.name for title in stored.titles})
        if refused is not None:
            return Refused(refused)
        if stored.version != seen:
            return Refused(FeeRefusal.CHANGED_MEANWHILE)
        following: dict[int, PricedSession] = {}
        if to_sessions:
            found = await _effects(act.tx, hospital_id, fee, stored.fees, lock=True)
            following = {
                session.id: session for session, effect in found if effect is FeeEffect.FREE
            }
        before = listed_fee(stored.fees, fee.title, fee.holds_from)
        refused = refused_same(fee.fee_fen, before, reached=len(following))
        if refused is not None:
            return Refused(refused)
        await changes.change_sessions(
            act.tx,
            {
                id: replace(session.facts.terms, fee_fen=fee.fee_fen)
                for id, session in following.items()
            },
        )
        if before != fee.fee_fen:
            await store.put(act.tx, hospital_id, fee)
        detail = {"before": before, "after": asdict(fee), "sessions": len(following)}
        await act.record("change_fee", ("hospital", hospital_id), detail=detail)
        return FeeChanged(len(following))


async def _effects(
    tx: Tx, hospital_id: int, fee: DatedFee, dated: Sequence[DatedFee], *, lock: bool
) -> list[tuple[PricedSession, FeeEffect | None]]:
    """Decide what a fee does to each session of its days, until its title's next fee begins."""
    later = [
        known.holds_from
        for known in dated
        if known.title == fee.title and known.holds_from > fee.holds_from
    ]
    days = (fee.holds_from - ONE_DAY, fee.holds_from)
    listed = [listed_fee(dated, fee.title, day) for day in days]
    list_fees = {fee_fen for fee_fen in listed if fee_fen is not None}
    found = await store.sessions_with_another_fee(
        tx, hospital_id, fee, min(later, default=None), lock=lock
    )
    return [
        (session, decide_fee(session, fee.fee_fen, list_fees, tx.now.date())) for session in found
    ]
