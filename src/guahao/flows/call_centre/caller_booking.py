"""Book for a caller, by the same desk and rules; register a new caller (S2, S3, S7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from guahao.flows.booking.desk import Desk, DeskAnswer, DeskPairAnswer
from guahao.flows.booking.together import PairBooked, PairRequest, WantedPlace
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.patients import record_consent, register_in
from guahao.rules.call_centre.callers import RegisterRefusal, decide_phone
from guahao.rules.call_centre.calls import (
    CallRefusal,
    decide_service,
    is_verified_now,
)
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault, person_name
from guahao.rules.people.consent import Consent, check_consent
from guahao.rules.people.identity import valid_document
from guahao.rules.people.phones import valid_any_phone
from guahao.rules.people.registering import PatientRefusal, decide_document
from guahao.rules.staff.staff import Staff
from guahao.store.call_centre import caller_booking as store
from guahao.store.call_centre import calls as call_store
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.store.people import accounts
from guahao.store.people import patients as patient_store

CHANNEL = "phone"
_RECORDED_WITHIN = timedelta(minutes=2)
# What is missing for longer, because no worker ran, is found by the audit.
_LOOKED_BACK = timedelta(days=7)
_A_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Registered:
    """A new caller, on the line and verified by what was asked for the registration."""

    call_id: int
    patient: PatientView


async def register_caller(
    platform: Platform,
    by: Staff,
    phone: str,
    name: str,
    id_type: str,
    id_no: str,
    *,
    consent: Consent | None = None,
) -> Registered | Refused[PatientRefusal | RegisterRefusal] | NameFault:
    """Register a caller to the phone they name, and take the call on.

    The agent has heard name and document; the phone is proven by the SMS that goes there
    with every booking. A landline gets none: messages to its patients become call tasks,
    and nobody logs in by it. At most two patients a phone, each person once.
    """
    valid = valid_any_phone(phone)
    if valid is None:
        return Refused(RegisterRefusal.PHONE_INVALID)
    registered_name = person_name(name)
    if isinstance(registered_name, NameFault):
        return registered_name
    today = platform.db.clock().date()
    document = valid_document(id_type, id_no, today)
    refusal = decide_document(document, None, today, is_seen=False, is_relative=False)
    if refusal is not None:
        return Refused(refusal)
    assert document is not None
    refusal = check_consent(consent, document, today)
    if refusal is not None:
        return Refused(refusal)
    verdict = await platform.verifier.check(registered_name, document)
    async with acting(platform, by.who) as act:
        tx, vault = act.tx, act.vault
        account_id = await accounts.of_phone(tx, vault, valid)
        await accounts.lock_account(tx, account_id)
        call = await call_store.latest_with(tx, by.id, account_id)
        is_verified = is_verified_now(call, act.now)
        has_patients = bool(await patient_store.of_account(tx, vault, account_id))
        in_use = decide_phone(verified=is_verified, has_patients=has_patients)
        if in_use is not None:
            return Refused(in_use)
        added = await register_in(tx, platform, account_id, registered_name, document, verdict)
        if isinstance(added, Refused):
            return added
        await record_consent(tx, account_id, added.id, consent, document, by)
        if call is not None and is_verified:
            call_id = call.id
        else:
            call_id = await call_store.begin(tx, by.id, account_id)
            await call_store.set_verified(tx, call_id)
        await act.record(
            "register_caller",
            ("patient", added.id),
            detail={"call": call_id, "account": account_id, "landline": valid.is_landline},
        )
    return Registered(call_id, added)


async def patients_of_call(
    platform: Platform, by: Staff, call_id: int
) -> list[PatientView] | Refused[CallRefusal]:
    """Return the patients this agent may book for in this call: a verified caller's."""
    async with platform.db.transaction() as tx:
        call = await call_store.lock_own(tx, by.id, call_id)
        refusal = decide_service(call, tx.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        return await patient_store.of_account(tx, platform.vault, call.account_id)


async def book_for_caller(
    platform: Platform,
    desk: Desk,
    by: Staff,
    call_id: int,
    patient_id: int,
    session_id: int,
    key: str,
) -> DeskAnswer | Refused[CallRefusal]:
    """Book at the desk, as everybody does, and record it in the trail.

    The desk commits by itself; a process that dies before the record leaves the request
    under its key, from which `record_missing` writes it.
    """
    patients = await patients_of_call(platform, by, call_id)
    if isinstance(patients, Refused):
        return patients
    if patient_id not in {patient.id for patient in patients}:
        return Refused(CallRefusal.UNKNOWN_PATIENT)
    answer = await desk.book(Actor("staff", by.id), key, patient_id, session_id, CHANNEL)
    if isinstance(answer, AppointmentView):
        await _record(platform, by, call_id, [answer])
    return answer


async def book_both_for_caller(
    platform: Platform,
    desk: Desk,
    by: Staff,
    call_id: int,
    patient_ids: tuple[int, int],
    session_id: int,
    key: str,
) -> DeskPairAnswer | Refused[CallRefusal]:
    """Book both of the caller's patients or neither, and record it as `book_for_caller` does."""
    patients = await patients_of_call(platform, by, call_id)
    if isinstance(patients, Refused):
        return patients
    if not {patient.id for patient in patients}.issuperset(patient_ids):
        return Refused(CallRefusal.UNKNOWN_PATIENT)
    first, second = patient_ids
    places = (WantedPlace(first, session_id), WantedPlace(second, session_id))
    answer = await desk.book_together(PairRequest(Actor("staff", by.id), key, places, CHANNEL))
    if isinstance(answer, PairBooked):
        await _record(platform, by, call_id, answer.bookings)
    return answer


async def _record(
    platform: Platform, by: Staff, call_id: int, bookings: Sequence[AppointmentView]
) -> None:
    async with acting(platform, by.who) as act:
        for booking in bookings:
            await act.record(
                "book_appointment",
                ("appointment", booking.id),
                detail={"call": call_id},
                hospital_id=booking.session.hospital_id,
            )


async def record_missing(platform: Platform) -> int:
    """Record staff's bookings whose process died before recording them; return how many."""
    async with platform.db.transaction() as tx:
        since, until = tx.now - _LOOKED_BACK, tx.now - _RECORDED_WITHIN
        bookings = await store.unrecorded(tx, since, until, _A_CHUNK)
        for booking in bookings:
            await Acting(platform, tx, booking.who).record(
                "book_appointment",
                ("appointment", booking.appointment_id),
                detail={"recorded": "late"},
                hospital_id=booking.hospital_id,
            )
    return len(bookings)
