"""Booking for a caller, by the same desk and rules; registering one who is new (S2, S3, S7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from guahao.flows.booking.desk import Desk, DeskAnswer
from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.patients import (
    PatientRefusal,
    consent_refusal,
    record_consent,
    register_in,
)
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.text import NameFault, person_name
from guahao.rules.people.consent import Consent
from guahao.rules.people.documents import OTHER
from guahao.rules.people.identity import valid_document
from guahao.rules.people.phones import valid_any_phone
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


class RegisterRefusal(StrEnum):
    """Why a caller is not registered, besides what the patients' own flow refuses."""

    PHONE_INVALID = "phone_invalid"
    PHONE_IN_USE = "phone_in_use"


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
) -> Registered | PatientRefusal | RegisterRefusal | NameFault:
    """Register a caller to the phone they name, and take the call on.

    The agent has heard name and document; the phone is proven by the SMS that goes there
    with every booking. A landline gets none: what its patients are told becomes a call task,
    and nobody logs in by it. At most two patients a phone, each person once. Where a phone has a
    patient already, only its verified caller adds another: whoever names a stranger's phone
    would else be verified for the stranger's bookings.
    """
    typed = valid_any_phone(phone)
    if typed is None:
        return RegisterRefusal.PHONE_INVALID
    registered_name = person_name(name)
    if isinstance(registered_name, NameFault):
        return registered_name
    document = valid_document(id_type, id_no, platform.db.clock().date())
    if document is None:
        return PatientRefusal.ID_INVALID
    if document.id_type == OTHER:  # a counter sees the original, the hotline does not
        return PatientRefusal.COUNTER_ONLY
    refusal = consent_refusal(platform, consent, document)
    if refusal is not None:
        return refusal
    verdict = await platform.verifier.check(registered_name, document)
    async with acting(platform, by.who) as act:
        vault = platform.vault
        account_id = await accounts.of_phone(act.tx, vault, typed)
        await accounts.lock_account(act.tx, account_id)
        call_id = await call_store.verified_call(act.tx, by.id, account_id)
        if call_id is None and await patient_store.of_account(act.tx, vault, account_id):
            return RegisterRefusal.PHONE_IN_USE
        added = await register_in(act.tx, platform, account_id, registered_name, document, verdict)
        if isinstance(added, PatientRefusal):
            return added
        await record_consent(act.tx, account_id, added.id, consent, document, by)
        if call_id is None:
            call_id = await call_store.begin(act.tx, by.id, account_id)
            await call_store.set_verified(act.tx, call_id)
        detail = {"call": call_id, "account": account_id, "landline": typed.is_landline}
        subject = ("patient", added.id)
        await act.record("register_caller", subject, detail=detail)
    return Registered(call_id, added)


async def patients_of_call(
    platform: Platform, by: Staff, call_id: int
) -> list[PatientView] | CallRefusal:
    """For whom this agent may book in this call: the patients of a verified caller."""
    async with platform.db.transaction() as tx:
        call = await call_store.open_call(tx, by.id, call_id)
        if call is None:
            return CallRefusal.CALL_OVER
        if call.verified_at is None:
            return CallRefusal.NOT_VERIFIED
        return await patient_store.of_account(tx, platform.vault, call.account_id)


async def book_for_caller(
    platform: Platform,
    desk: Desk,
    by: Staff,
    call_id: int,
    patient_id: int,
    session_id: int,
    key: str,
) -> DeskAnswer | CallRefusal:
    """Book at the desk, as everybody does, and record it in the trail.

    The desk commits by itself; a process that dies before the record leaves the request
    under its key, from which `record_missing` writes it.
    """
    patients = await patients_of_call(platform, by, call_id)
    if isinstance(patients, CallRefusal):
        return patients
    if patient_id not in {patient.id for patient in patients}:
        return CallRefusal.UNKNOWN_APPOINTMENT
    answer = await desk.book(Actor("staff", by.id), key, patient_id, session_id, CHANNEL)
    if isinstance(answer, AppointmentView):
        async with acting(platform, by.who) as act:
            await act.record(
                "book_appointment",
                ("appointment", answer.id),
                detail={"call": call_id},
                hospital_id=answer.session.hospital_id,
            )
    return answer


async def record_missing(platform: Platform) -> int:
    """Record bookings by staff whose process died between booking and recording; how many."""
    async with platform.db.transaction() as tx:
        since, until = tx.now - _LOOKED_BACK, tx.now - _RECORDED_WITHIN
        found = await store.unrecorded(tx, since, until, _A_CHUNK)
        for one in found:
            await Acting(platform, tx, one.who).record(
                "book_appointment",
                ("appointment", one.appointment_id),
                detail={"recorded": "late"},
                hospital_id=one.hospital_id,
            )
    return len(found)
