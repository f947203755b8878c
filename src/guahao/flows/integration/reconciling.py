"""Comparing a hospital's own list of bookings with ours; nothing but the findings is written.

The hospital sends its list (docs/decisions says why), each night for the days around. What
differs is kept with a proposed cure, which a person or the hospital's system carries out by
the flows there are; that it is done is noted by a person, or shown by the next list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.integration.clients import Client
from guahao.rules.integration.reconciling import Theirs, compare
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.store.integration import reconciliations as store
from guahao.store.integration.reconciliations import KeptDifference, Newest, Reconciliation
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_indexes

DAYS_MAX = 31  # a list
LIST_AGE_MAX = timedelta(hours=24)
_AHEAD_MAX = timedelta(minutes=5)  # by which the hospital's clock may be before ours
NOTE_MAX = 200
LATE_AFTER = timedelta(hours=30)  # a list a night; so long after the last, one is missing
_PAGE = 50


class ListRefusal(StrEnum):
    """Why a list was not compared."""

    DAYS = "list_days"
    MADE_AT = "list_made_at"
    DATE_OUTSIDE = "list_date_outside"


class SettleRefusal(StrEnum):
    """Why a difference was not noted as settled."""

    NOTE_NEEDED = "note_needed"
    NOT_OPEN = "not_open"


@dataclass(frozen=True, slots=True)
class Listed:
    """A booking of the hospital's list, with the document's number, where it tells it."""

    theirs: Theirs
    id_no: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison and its differences."""

    reconciliation: Reconciliation
    differences: list[KeptDifference]


async def reconcile(
    platform: Platform,
    by: Client,
    made_at: datetime,
    days: tuple[date, date],
    listed: Sequence[Listed],
) -> Report | ListRefusal:
    """Compare a complete list of these days, both included, and keep what differs."""
    first, last = days
    if last < first or last - first >= timedelta(days=DAYS_MAX):
        return ListRefusal.DAYS
    if any(not first <= one.theirs.visit_date <= last for one in listed):
        return ListRefusal.DATE_OUTSIDE
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        if not act.now - LIST_AGE_MAX <= made_at <= act.now + _AHEAD_MAX:
            return ListRefusal.MADE_AT
        named = [one.theirs.order_no for one in listed]
        ours = await store.ours(act.tx, hospital_id, first, last, named)
        documents = {one.document for one in ours}
        theirs = [_indexed(platform, one, documents) for one in listed]
        comparison = compare(ours, theirs, made_at)
        id = await store.add(
            act.tx, hospital_id, made_at, days, by.client_id, len(listed), comparison
        )
        report = await _report(act.tx, platform.vault, hospital_id, id)
        assert report is not None
        counts = {"listed": len(listed), "differing": len(comparison.found)}
        subject = ("reconciliation", id)
        await act.record("reconcile", subject, detail=counts)
        return report


def _indexed(platform: Platform, one: Listed, documents: set[bytes]) -> Theirs:
    """The document as the index by which persons are known here, of the new key or an old one."""
    if one.id_no is None:
        return one.theirs
    indexes = person_indexes(platform.vault, one.id_no)
    known = next((index for index in indexes if index in documents), indexes[0])
    return replace(one.theirs, document=known)


async def listed(
    platform: Platform, by: OfHospital, cursor: int | None
) -> tuple[list[Reconciliation], int | None]:
    """A page of the hospital's comparisons, newest first, and where the next begins."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        found = await store.listed(tx, by.own_hospital_id, cursor, _PAGE + 1)
    page = found[:_PAGE]
    return page, page[-1].id if len(found) > _PAGE else None


async def report(platform: Platform, by: OfHospital, id: int) -> Report | None:
    """A comparison of the hospital's with its differences."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await _report(tx, platform.vault, by.own_hospital_id, id)


async def newest(platform: Platform) -> list[Newest]:
    """For the city: every connected hospital's newest comparison, the most differing first."""
    async with platform.db.transaction() as tx:
        return await store.newest(tx)


async def settle(
    platform: Platform, by: Staff, reconciliation_id: int, id: int, note: str
) -> SettleRefusal | None:
    """Note that a difference is settled, and how; it stays in the history."""
    note = " ".join(note.split())
    if not 1 <= len(note) <= NOTE_MAX:
        return SettleRefusal.NOTE_NEEDED
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        if not await store.settle(
            act.tx, platform.vault, by.own_hospital_id, reconciliation_id, id, by.login, note
        ):
            return SettleRefusal.NOT_OPEN
        subject = ("reconciliation_difference", id)
        await act.record("settle_difference", subject, reason=note)
    return None


async def _report(tx: Tx, vault: Vault, hospital_id: int, id: int) -> Report | None:
    found = await store.one(tx, hospital_id, id)
    return None if found is None else Report(found, await store.differences(tx, vault, id))
