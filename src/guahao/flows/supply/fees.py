"""What a hospital charges for each title, from a date on (docs/decisions/0015).

A fee holds for visits from its date on. Sessions that are made from then on have it; those
that are there already keep theirs, unless the administrator, having seen how many, gives it to
those without a booking. Whoever has booked pays what they were told.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.timetables import FEE_MAX_FEN
from guahao.rules.hospitals.titles import Title
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.store.hospitals import titles
from guahao.store.hospitals.hospital_rules import lock_hospital
from guahao.store.supply import fees as store
from guahao.store.supply.fees import DatedFee, FeeReach

AHEAD_DAYS = 366  # later is a slip of the keyboard


class FeeRefusal(StrEnum):
    """Why a fee is not changed."""

    TITLE = "fee_title"
    FEE = "fee_fee"
    DATE = "fee_date"
    NO_CHANGE = "fee_no_change"
    CHANGED_MEANWHILE = "fee_changed_meanwhile"


@dataclass(frozen=True, slots=True)
class FeeList:
    """The city's titles, and the hospital's fees for them, each title's by date."""

    titles: list[Title]
    fees: list[DatedFee]

    @property
    def version(self) -> str:
        """What a form that shows the list gives back."""
        return version_of(tuple(self.fees))


@dataclass(frozen=True, slots=True)
class FeeChanged:
    """What became of a change: `applied` sessions without a booking have it now."""

    applied: int


async def fee_list(platform: Platform, by: Staff) -> FeeList:
    """The list of the hospital that they act for."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        return FeeList(await titles.listed(tx), await store.dated(tx, hospital_id))


async def offered(platform: Platform, by: Staff, day: date) -> list[tuple[Title, int | None]]:
    """The titles that a form offers, each with the hospital's fee for visits on that day."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        fees = await store.on_day(tx, hospital_id, day)
        there = await titles.listed(tx)
    return [(one, fees.get(one.name)) for one in there if one.retired_at is None]


def _refused(fee: DatedFee, today: date, known: set[str]) -> FeeRefusal | None:
    if fee.title not in known:
        return FeeRefusal.TITLE
    if not 0 <= fee.fee_fen <= FEE_MAX_FEN:
        return FeeRefusal.FEE
    # Nobody books for today (S4); whoever came yesterday has paid.
    near = today + ONE_DAY <= fee.holds_from <= today + timedelta(days=AHEAD_DAYS)
    return None if near else FeeRefusal.DATE


async def preview(platform: Platform, by: Staff, fee: DatedFee) -> FeeReach | FeeRefusal:
    """How many sessions a new fee would meet."""
    hospital_id = by.own_hospital_id
    async with platform.db.transaction(hospital_id=hospital_id) as tx:
        known = {one.name for one in await titles.listed(tx)}
        refused = _refused(fee, tx.now.date(), known)
        if refused is not None:
            return refused
        reach = await store.reach(tx, hospital_id, fee)
        listed = await store.on_day(tx, hospital_id, fee.holds_from)
        same = listed.get(fee.title) == fee.fee_fen
        return FeeRefusal.NO_CHANGE if same and not reach.free else reach


async def change(
    platform: Platform, by: Staff, seen: str, fee: DatedFee, *, to_sessions: bool
) -> FeeChanged | FeeRefusal:
    """A fee from a date on, where the list is as it was `seen`.

    `to_sessions`: also to the sessions of those days that are there and nobody has booked.
    """
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await lock_hospital(act.tx, hospital_id)
        there = FeeList(await titles.listed(act.tx), await store.dated(act.tx, hospital_id))
        refused = _refused(fee, act.now.date(), {one.name for one in there.titles})
        if refused is not None:
            return refused
        if there.version != seen:
            return FeeRefusal.CHANGED_MEANWHILE
        before = (await store.on_day(act.tx, hospital_id, fee.holds_from)).get(fee.title)
        applied = await store.apply(act.tx, hospital_id, fee) if to_sessions else 0
        if before == fee.fee_fen and not applied:
            return FeeRefusal.NO_CHANGE
        if before != fee.fee_fen:
            await store.put(act.tx, hospital_id, fee)
        detail = {"before": before, "after": asdict(fee), "sessions": applied}
        subject = ("hospital", hospital_id)
        await act.record("change_fee", subject, detail=detail)
        return FeeChanged(applied)
