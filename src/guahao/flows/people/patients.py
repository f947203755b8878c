"""Register a patient: a real person with a name and an identity document (S2, S3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial

from guahao.flows.fairness.applications import end_of_patients
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.displacing import displace_registrations
from guahao.identity_check.gateway import Verdict
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault, person_name, same_name
from guahao.rules.people.consent import Consent, check_consent, given_by
from guahao.rules.people.documents import birth_certificate_end, is_adult
from guahao.rules.people.identity import Document, valid_document
from guahao.rules.people.registering import (
    PatientRefusal,
    Registering,
    as_patients_hear,
    decide_document,
    decide_place,
    decide_registration,
)
from guahao.rules.staff.staff import Staff
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people import accounts, erasing, privacy, registrations
from guahao.store.people import patients as store
from guahao.store.people.registrations import Registration


async def register_patient(
    platform: Platform,
    account_id: int,
    name: str,
    id_type: str,
    id_no: str,
    born: date | None = None,
    *,
    consent: Consent | None = None,
) -> PatientView | Refused[PatientRefusal] | NameFault:
    """Register a person to an account's phone, by its owner; at most two, and each person once.

    `born`: asked of a newborn with a birth certificate, whom a checked adult of the account
    registers until the first birthday. Other documents of type 99 are for a counter.
    `consent`: None only for a client that does not send it; nothing is recorded then, and no
    child registered.
    Raises LookupError where there is no such account.
    """
    registered_name = person_name(name)
    if isinstance(registered_name, NameFault):
        return registered_name
    today = platform.db.clock().date()
    document = valid_document(id_type, id_no, today)
    refusal = decide_document(document, born, today, is_seen=False, is_relative=True)
    if refusal is not None:
        return Refused(refusal)
    assert document is not None
    refusal = check_consent(consent, document, today)
    if refusal is not None:
        return Refused(refusal)
    ends_on = None
    if born is not None and document.is_birth_certificate:
        ends_on = birth_certificate_end(born, today)
    async with platform.db.transaction() as tx:
        # Before the verifier is asked: a full account hears the same of every name and number.
        if not await store.has_room_or(tx, platform.vault, account_id, document):
            return Refused(PatientRefusal.PHONE_LIMIT)
    verdict = await platform.verifier.check(registered_name, document)
    async with platform.db.transaction() as tx:
        if ends_on is not None and not await _has_checked_adult(tx, platform.vault, account_id):
            return Refused(PatientRefusal.GUARDIAN_NEEDED)
        answer = await register_in(
            tx, platform, account_id, registered_name, document, verdict, ends_on=ends_on
        )
        if isinstance(answer, Refused):
            return Refused(as_patients_hear(answer.reason))
        await record_consent(tx, account_id, answer.id, consent, document)
    return answer


async def _has_checked_adult(tx: Tx, vault: Vault, account_id: int) -> bool:
    await accounts.lock_account(tx, account_id)
    return any(
        view.is_checked and is_adult(Document(view.id_type, view.id_no), tx.now.date())
        for view in await store.of_account(tx, vault, account_id)
    )


async def record_consent(
    tx: Tx,
    account_id: int,
    patient_id: int,
    consent: Consent | None,
    document: Document,
    recorded_by: Staff | None = None,
) -> None:
    """Record a consent that `check_consent` found sufficient, in the registration's transaction.

    `recorded_by`: the member of staff whom the person told. A hospital's own role does not write
    it: the caller is the platform's.
    """
    if consent is None:
        return
    by = given_by(consent, document, tx.now.date())
    staff_id = None if recorded_by is None else recorded_by.id
    await privacy.add_consent(
        tx, account_id, patient_id, consent.version, by, consent.channel, staff_id
    )


async def register_in(
    tx: Tx,
    platform: Platform,
    account_id: int,
    name: str,
    document: Document,
    verdict: Verdict = Verdict.UNKNOWN,
    *,
    in_hand: bool = False,
    settles: bool = False,
    ends_on: date | None = None,
) -> PatientView | Refused[PatientRefusal]:
    """Register a person within a transaction that has locked nothing of persons or bookings.

    `verdict`: what the platform's verifier said of name and document, asked before the
    transaction. `in_hand`: a member of staff has the document in hand, which checks the person
    without the verifier; the caller records it in the trail. A checked registration displaces
    an unchecked registration of another account (flows.people.displacing). A checked
    registration of another account refuses it with ID_TAKEN: staff move the person or settle
    whose registration it is (flows.people.moving). `settles`: staff have settled it; then even
    a checked registration is displaced.
    """
    if not await accounts.lock_account(tx, account_id):
        raise LookupError(f"no account {account_id}")
    checked_by = "staff" if in_hand else None
    if checked_by is None and verdict is Verdict.MATCH:
        checked_by = platform.verifier.name
    if verdict is Verdict.MISMATCH and not in_hand:
        return Refused(PatientRefusal.IDENTITY_MISMATCH)
    # Twice: somebody else may register the person between the look and the insert.
    for _ in range(2):
        answer = await _place(
            tx, platform, account_id, name, document, checked_by, ends_on, settles=settles
        )
        if answer is not None:
            return answer
    return Refused(PatientRefusal.ID_TAKEN)


async def _place(
    tx: Tx,
    platform: Platform,
    account_id: int,
    name: str,
    document: Document,
    checked_by: str | None,
    ends_on: date | None,
    *,
    settles: bool,
) -> PatientView | Refused[PatientRefusal] | None:
    """Put a person on a locked account; None where somebody else was quicker."""
    vault = platform.vault
    old = await registrations.lock_current(tx, vault, document)
    decided = Registering.ADD
    if old is not None:
        decided = decide_registration(
            own=old.account_id == account_id,
            without_account=old.account_id is None,
            is_checked=old.is_checked,
            checks=checked_by is not None,
            settles=settles,
            was_shown=old.was_shown,
        )
    registered = None
    if old is not None and decided is Registering.KEEP:
        registered = (await store.by_id(tx, vault, [old.id]))[old.id]
    slot = await store.free_slot(tx, account_id)
    refusal = decide_place(
        decided,
        same_name=registered is not None and same_name(name, registered.name),
        has_slot=slot is not None,
    )
    if refusal is not None:
        return Refused(refusal)
    if registered is not None:
        return registered
    if old is not None and decided is Registering.CHECK:
        await registrations.set_checked(tx, vault, old.id, name, document, checked_by or "")
        return (await store.by_id(tx, vault, [old.id]))[old.id]
    assert slot is not None
    new_id = await next_id(tx, "patients")
    record = (
        None if old is None else await _give_way(tx, platform, old, decided, new_id, checked_by)
    )
    if ends_on is None and old is not None and document.is_birth_certificate:
        ends_on = old.document_ends_on
    added = await store.add(
        tx, vault, new_id, account_id, slot, name, document, checked_by, ends_on
    )
    if added is None or record is None:
        return added
    await record()
    return (await store.by_id(tx, vault, [new_id]))[new_id]


async def _give_way(
    tx: Tx,
    platform: Platform,
    old: Registration,
    decided: Registering,
    new_id: int,
    checked_by: str | None,
) -> Callable[[], Awaitable[None]]:
    """Free the place of a person's registration; return what to call after the new insert."""
    if old.is_erased:
        await erasing.forget_index(tx, old.id)
    if decided is Registering.CONTINUE:
        # A new row, also after an erasure: the pages and the copy of the data follow the row,
        # and an unchecked registration may be a stranger's.
        await registrations.merge_into(tx, old, new_id)
        await end_of_patients(tx, [old.id])
        return partial(registrations.record_merge, tx, old, new_id, "registered_again")
    displaced = await displace_registrations(tx, platform, old.id)
    if decided is Registering.TAKE_OVER:
        await registrations.merge_into(tx, old, new_id)
        return partial(registrations.record_merge, tx, old, new_id, "dispute")
    await registrations.set_displaced(tx, list(displaced.accounts))
    cancelled = displaced.cancelled
    return partial(
        registrations.record_displaced, tx, displaced.accounts, new_id, checked_by or "", cancelled
    )
