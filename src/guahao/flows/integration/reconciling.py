"""Compare a hospital's own list of bookings with ours; only the differences are written.

The hospital sends its list (docs/decisions says why), each night for the days around. What
differs is saved with a proposed cure, which a person or the hospital's system carries out by
other flows; a person records that it is settled, or the next list shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.integration.clients import Client
from guahao.rules.integration.reconciling import (
    Difference,
    HospitalListItem,
    ListRefusal,
    SettleRefusal,
    compare,
    decide_list,
    decide_settling,
)
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.store.integration import reconciliations as store
from guahao.store.integration.reconciliations import (
    NewestReconciliation,
    Reconciliation,
    SavedDifference,
)
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_indexes

LATE_AFTER = timedelta(hours=30)  # a list comes each night; after so long one is missing
AT_ONCE = 500  # are settled by one act: each is an entry of the trail, whose end it locks
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A booking of the hospital's list, with the document's number, where the list has it."""

    theirs: HospitalListItem
    id_no: str | None


@dataclass(frozen=True, slots=True)
class ReconciliationDetail:
    """A comparison and its differences."""

    reconciliation: Reconciliation
    differences: list[SavedDifference]


async def reconcile(
    platform: Platform,
    by: Client,
    made_at: datetime,
    days: tuple[date, date],
    listed: Sequence[Listed],
) -> ReconciliationDetail | Refused[ListRefusal]:
    """Compare a complete list of these days, both included, and save what differs."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        visit_dates = [booking.theirs.visit_date for booking in listed]
        refusal = decide_list(days, visit_dates, made_at, act.now)
        if refusal is not None:
            return Refused(refusal)
        named = [booking.theirs.order_no for booking in listed]
        ours = await store.ours(act.tx, hospital_id, days, named)
        documents = {booking.document for booking in ours}
        theirs = [_indexed(platform, booking, documents) for booking in listed]
        comparison = compare(ours, theirs, made_at)
        id = await store.add(
            act.tx, hospital_id, made_at, days, by.client_id, len(listed), comparison
        )
        report = await _report(act.tx, platform.vault, hospital_id, id)
        assert report is not None
        counts = {"listed": len(listed), "differing": len(comparison.found)}
        await act.record("reconcile", ("reconciliation", id), detail=counts)
        return report


def _indexed(platform: Platform, booking: Listed, documents: set[bytes]) -> HospitalListItem:
    """Return a booking with its document as the index by which we know persons.

    By the new key, or by an old one where ours are still indexed by that.
    """
    if booking.id_no is None:
        return booking.theirs
    indexes = person_indexes(platform.vault, booking.id_no)
    known = next((index for index in indexes if index in documents), indexes[0])
    return replace(booking.theirs, document=known)


async def listed(
    platform: Platform, by: OfHospital, cursor: int | None
) -> tuple[list[Reconciliation], int | None]:
    """Return a page of the hospital's comparisons, newest first, and where the next begins."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.listed(tx, by.own_hospital_id, cursor, _PAGE + 1)
    page = found[:_PAGE]
    return page, page[-1].id if len(found) > _PAGE else None


async def report(platform: Platform, by: OfHospital, id: int) -> ReconciliationDetail | None:
    """Return a comparison of the hospital's with its differences, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await _report(tx, platform.vault, by.own_hospital_id, id)


async def newest(platform: Platform) -> list[NewestReconciliation]:
    """Return every connected hospital's newest comparison, the most differing first."""
    async with platform.db.transaction() as tx:
        return await store.newest(tx)


async def settle(
    platform: Platform, by: Staff, reconciliation_id: int, id: int, note: str
) -> Done | Refused[SettleRefusal]:
    """Record that a difference is settled, and how; it stays in the history."""
    note = " ".join(note.split())
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        is_open = await store.lock_open(act.tx, hospital_id, reconciliation_id, id)
        refusal = decide_settling(note, is_open=is_open)
        if refusal is not None:
            return Refused(refusal)
        await store.settle(act.tx, platform.vault, id, by.login, note)
        await act.record("settle_difference", ("reconciliation_difference", id), reason=note)
    return DONE


async def settle_kind(
    platform: Platform, by: Staff, reconciliation_id: int, kind: Difference, note: str
) -> int | Refused[SettleRefusal]:
    """Record that open differences of a kind are settled, at most AT_ONCE; return how many."""
    note = " ".join(note.split())
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        ids = await store.lock_open_of_kind(act.tx, hospital_id, reconciliation_id, kind, AT_ONCE)
        refusal = decide_settling(note, is_open=bool(ids))
        if refusal is not None:
            return Refused(refusal)
        for id in ids:
            await store.settle(act.tx, platform.vault, id, by.login, note)
            await act.record("settle_difference", ("reconciliation_difference", id), reason=note)
    return len(ids)


async def _report(tx: Tx, vault: Vault, hospital_id: int, id: int) -> ReconciliationDetail | None:
    found = await store.one(tx, hospital_id, id)
    return (
        None
        if found is None
        else ReconciliationDetail(found, await store.differences(tx, vault, id))
    )
