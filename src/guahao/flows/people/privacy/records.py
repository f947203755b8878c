"""A person's own data by the privacy law (PIPL): a copy of it, and erasing it.

The rule stands here once, for the owner on the pages, two members of staff
(flows.people.privacy.requests) and the operator. Locks: the account, the persons, and then what is
about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from guahao.flows.fairness.applications import end_of_patients
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.logins import end_logins
from guahao.rules.kernel.limits import add_months
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.identity import valid_document
from guahao.rules.people.own_data import (
    ErasureFacts,
    ErasureRefusal,
    decide_erasure,
    decide_subject,
)
from guahao.rules.people.phones import valid_any_phone
from guahao.rules.staff.staff import Who
from guahao.store.booking.appointments import lock_persons
from guahao.store.kernel.db import Tx
from guahao.store.people import accounts, erasing, persons
from guahao.store.people import privacy as store
from guahao.store.people.privacy import DataSubject

EXPORT_FORMAT = 2


@dataclass(frozen=True, slots=True)
class OfAccount:
    """An account and every person on it."""

    id: int


@dataclass(frozen=True, slots=True)
class OfPerson:
    """A person, on an account or on none, with an account that is theirs alone."""

    id: int


Whose = OfAccount | OfPerson


@dataclass(frozen=True, slots=True)
class Erased:
    """What is nobody's any more: the account, None where others stay on it, and how many
    registrations.
    """

    account_id: int | None
    persons: int


async def account_of_phone(platform: Platform, phone: str) -> OfAccount | None:
    """Return the account of a phone as somebody typed it; None where there is none."""
    typed = valid_any_phone(phone)
    if typed is None:
        return None
    async with platform.db.transaction() as tx:
        found = await store.account_of_phone(tx, platform.vault.indexes("phone", typed.number))
    return None if found is None else OfAccount(found)


async def person_of_document(platform: Platform, id_type: str, id_no: str) -> OfPerson | None:
    """Return the person of a document, whether an account has them or none; None where unknown."""
    document = valid_document(id_type, id_no, platform.db.clock().date())
    if document is None:
        return None
    async with platform.db.transaction() as tx:
        found = await persons.of_document(tx, platform.vault, document)
    return None if found is None else OfPerson(found.patient.id)


async def subject_of(tx: Tx, platform: Platform, whose: Whose) -> DataSubject | None:
    """Return whose data it is, with every registration; None where unknown or erased."""
    if isinstance(whose, OfAccount):
        return await store.subject_of_account(tx, platform.vault, whose.id)
    return await store.subject_of_person(tx, platform.vault, whose.id)


async def export(platform: Platform, whose: Whose, who: Who) -> dict[str, Any] | None:
    """Return everything that is stored of an account or a person; None where unknown.

    Recorded in the trail, which holds no personal data.
    """
    async with acting(platform, who) as act:
        return await export_in(act, whose)


async def export_in(
    act: Acting, whose: Whose, detail: dict[str, object] | None = None
) -> dict[str, Any] | None:
    """Export within a transaction; `detail` goes into the trail."""
    tx, vault = act.tx, act.vault
    subject = await subject_of(tx, act.platform, whose)
    if subject is None:
        return None
    ids = subject.patient_ids
    # A person who shares an account gets the phone that they are registered to, and no more of it.
    account_id = subject.account_id
    if account_id is None and isinstance(whose, OfPerson):
        account_id = await store.account_of(tx, whose.id)
    account = None if account_id is None else await store.account_row(tx, vault, account_id)
    if account is not None and subject.account_id is None:
        account = {"phone": account["phone"]}
    own_account = subject.account_id
    data = {
        "format": EXPORT_FORMAT,
        "exported_at": tx.now,
        "account": account,
        "patients": await store.patient_rows(tx, vault, subject),
        "registered_by_others": await store.rows_of_others(tx, vault, subject),
        "appointments": await store.appointment_rows(tx, vault, ids),
        "applications": await store.application_rows(tx, ids),
        "draws": await store.draw_rows(tx, ids),
        "excused_no_shows": await store.excuse_rows(tx, vault, ids),
        "moves": await store.move_rows(tx, vault, ids),
        "account_reviews": []
        if own_account is None
        else await store.review_rows(tx, vault, own_account),
        "privacy_requests": await store.request_rows(tx, vault, ids),
        **await store.rows_of_accounts(tx, vault, subject, await store.account_ids_of(tx, subject)),
    }
    about = ("account", whose.id) if isinstance(whose, OfAccount) else ("patient", whose.id)
    await act.record("export_personal_data", about, detail=detail)
    return data


async def erase(
    platform: Platform, whose: Whose, who: Who, reason: str
) -> Erased | Refused[ErasureRefusal]:
    """Erase names and documents of an account or a person, and the phone that was theirs alone.

    The bookings stay as the law on medical registration asks, without the person; so do the
    no-shows, so that a person who registers again within the year goes on where they were.
    Refused while a booking is live, a suspension lasts, or the account is restricted for abuse.
    """
    async with acting(platform, who) as act:
        return await erase_in(act, whose, reason)


async def erase_in(
    act: Acting,
    whose: Whose,
    reason: str,
    detail: dict[str, object] | None = None,
) -> Erased | Refused[ErasureRefusal]:
    """Erase within a transaction that has locked nothing of persons or accounts."""
    tx, platform, vault = act.tx, act.platform, act.vault
    subject = await lock_subject(tx, platform, whose)
    if isinstance(subject, Refused):
        return subject
    refusal = decide_erasure(await _facts(tx, platform, subject), act.now.date())
    if refusal is not None:
        return Refused(refusal)
    account_id, registrations = subject.account_id, subject.registrations
    await erasing.erase_patients(tx, vault, registrations)
    await end_of_patients(tx, registrations)
    if account_id is not None:
        await erasing.erase_account(tx, vault, account_id)
        await end_logins(tx, account_id, "staff")
    about = ("account", whose.id) if isinstance(whose, OfAccount) else ("patient", whose.id)
    await act.record(
        "erase_personal_data",
        about,
        reason=reason,
        detail={"persons": len(registrations), **(detail or {})},
    )
    return Erased(account_id, len(registrations))


async def check_erasure(platform: Platform, whose: Whose) -> ErasureRefusal | None:
    """Return what stands in the way of erasing now; None where nothing does."""
    async with platform.db.transaction() as tx:
        subject = await subject_of(tx, platform, whose)
        if subject is None:
            return ErasureRefusal.UNKNOWN
        return decide_erasure(await _facts(tx, platform, subject), tx.now.date())


async def _facts(tx: Tx, platform: Platform, subject: DataSubject) -> ErasureFacts:
    restricted_until: date | None = None
    if subject.account_id is not None:
        account = await store.account_row(tx, platform.vault, subject.account_id)
        restricted_until = account["restricted_until"]
    standing = await erasing.standing_of(tx, subject.registrations)
    return ErasureFacts(
        restricted_until,
        live_bookings=any(person.live_bookings for person in standing),
        suspended=any(person.suspended for person in standing),
    )


async def lock_subject(
    tx: Tx, platform: Platform, whose: Whose
) -> DataSubject | Refused[ErasureRefusal]:
    """Lock all of a subject, and read it again as it is then."""
    seen = locked = await subject_of(tx, platform, whose)
    if seen is not None:
        account_id = seen.account_id
        if account_id is None and isinstance(whose, OfPerson):
            account_id = await store.account_of(tx, whose.id)
        await accounts.lock_accounts(tx, [] if account_id is None else [account_id])
        await lock_persons(tx, seen.registrations)
        locked = await subject_of(tx, platform, whose)
    refusal = decide_subject(seen, locked)
    if refusal is not None:
        return Refused(refusal)
    assert locked is not None
    return locked


async def forget_erased(tx: Tx) -> int:
    """Drop the last trace of erased persons: the keyed index, once nothing counts by it."""
    return await erasing.forget_indexes(tx, visits_that_count_from(tx.now.date()), tx.now)


def visits_that_count_from(today: date) -> date:
    """Return the first visit date that may count for a person who registers again.

    No-shows count within a calendar year, bookings within three months.
    """
    return min(date(today.year, 1, 1), add_months(today, -3))
