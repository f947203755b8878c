"""A person's own data by the privacy law (PIPL): a copy of it, erasing it, consent to its use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from guahao.flows.people.log_ins import end_log_ins
from guahao.flows.platform import Platform
from guahao.rules.identity import valid_phone
from guahao.rules.limits import add_months
from guahao.rules.staff import Who
from guahao.store import accounts, trail
from guahao.store.appointments import lock_persons
from guahao.store.db import Tx
from guahao.store.people import privacy as store

EXPORT_FORMAT = 1


class ErasureRefusal(StrEnum):
    """Why a person's data is not erased now."""

    UNKNOWN = "unknown"
    LIVE_BOOKING = "live_booking"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Erased:
    """An account that is nobody's any more, and how many persons it had."""

    account_id: int
    persons: int


async def account_of_phone(platform: Platform, phone: str) -> int | None:
    """Return the account of a phone as somebody typed it; None where there is none."""
    e164 = valid_phone(phone)
    if e164 is None:
        return None
    async with platform.db.transaction() as tx:
        return await store.account_of_phone(tx, platform.vault.indexes("phone", e164))


async def export(platform: Platform, account_id: int, who: Who) -> dict[str, Any] | None:
    """Return everything that is stored of an account and its persons; None where unknown.

    Recorded in the trail, which holds no personal data.
    """
    vault = platform.vault
    async with platform.db.transaction() as tx:
        account = await store.account_row(tx, vault, account_id)
        if account is None:
            return None
        ids = await store.patients_of(tx, account_id)
        data = {
            "format": EXPORT_FORMAT,
            "exported_at": tx.now,
            "account": account,
            "patients": await store.patient_rows(tx, vault, ids),
            "appointments": await store.appointment_rows(tx, vault, ids),
            "excused_no_shows": await store.excuse_rows(tx, vault, ids),
            "messages": await store.message_rows(tx, account_id),
            "log_ins": await store.log_in_rows(tx, account_id),
            "calls": await store.call_rows(tx, account_id),
            "consents": await store.consent_rows(tx, account_id),
        }
        await trail.record(tx, vault, who, "export_personal_data", ("account", account_id))
        return data


async def erase(
    platform: Platform, account_id: int, who: Who, reason: str
) -> Erased | ErasureRefusal:
    """Erase an account's phone and its persons' names and documents.

    The bookings stay as the law on medical registration asks, without the person; so do the
    no-shows, so that whoever registers again within the year goes on where they were. Refused
    while a booking is live, a suspension lasts, or the account is restricted for abuse.
    """
    async with platform.db.transaction() as tx:
        if not await accounts.lock_account(tx, account_id):
            return ErasureRefusal.UNKNOWN
        account = await store.account_row(tx, platform.vault, account_id)
        if account is None:
            return ErasureRefusal.UNKNOWN
        restricted_until: date | None = account["restricted_until"]
        if restricted_until is not None and restricted_until > tx.now.date():
            return ErasureRefusal.SUSPENDED
        ids = await store.patients_of(tx, account_id)
        await lock_persons(tx, ids)
        standing = await store.standing_of(tx, ids)
        if any(person.live_bookings for person in standing):
            return ErasureRefusal.LIVE_BOOKING
        if any(person.suspended for person in standing):
            return ErasureRefusal.SUSPENDED
        await store.erase_patients(tx, platform.vault, ids)
        await store.erase_account(tx, account_id)
        await end_log_ins(tx, account_id, "staff")
        await trail.record(
            tx,
            platform.vault,
            who,
            "erase_personal_data",
            ("account", account_id),
            reason=reason,
            detail={"persons": len(ids)},
        )
        return Erased(account_id, len(ids))


async def forget_erased(tx: Tx) -> int:
    """Drop the last trace of erased persons: the keyed index, once nothing counts by it.

    No-shows count within a calendar year, bookings within three months.
    """
    year = date(tx.now.year, 1, 1)
    return await store.forget_indexes(tx, min(year, add_months(tx.now.date(), -3)), tx.now)
