"""The call centre (114): find the caller, verify them, cancel, send the SMS again (S10, S14).

All that is shown, asked, looked at and done is in the audit trail. A call belongs to the
agent who opened it; it ends by a button, by opening another, or after half an hour.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hmac import compare_digest
from typing import assert_never

from guahao.flows.attendance.standing import Standing, standings_in
from guahao.flows.booking.cancelling import NotCancelled, not_cancelled, save_cancelled
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.supply.replacing import accept_in, decline_in
from guahao.rules.booking import order_no
from guahao.rules.booking.booking import counted_since
from guahao.rules.booking.outlook import Outlook, outlook
from guahao.rules.booking.replacing import ReplacementRefusal
from guahao.rules.call_centre.calls import (
    CALL_LASTS,
    DOCUMENT_TAIL,
    CallerCancelFacts,
    CallRefusal,
    Question,
    Typed,
    decide_attempt,
    decide_caller_cancel,
    decide_code,
    decide_look,
    decide_resend,
    decide_service,
    decide_use,
    decide_verification,
    is_verified,
    kinds_of,
    limits_passed,
    questions,
)
from guahao.rules.kernel.outcomes import DONE, CancelRefusal, Done, Refusal, Refused
from guahao.rules.kernel.text import (
    NameFault,
    compact,
    name_key,
    person_name,
    prose,
    same_name,
    typed,
)
from guahao.rules.people.documents import canonical_person
from guahao.rules.people.identity import valid_phone
from guahao.rules.people.phones import valid_any_phone
from guahao.rules.staff.staff import Staff
from guahao.store.booking import appointments as appointment_store
from guahao.store.booking.booking import own_patients
from guahao.store.call_centre import calls as store
from guahao.store.call_centre import results as result_store
from guahao.store.call_centre.calls import Call, FoundPerson, SentMessage
from guahao.store.call_centre.results import EarlierCall
from guahao.store.fairness import applications as application_store
from guahao.store.fairness.applications import ApplicationView
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault, VaultError
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.store.messages import messages
from guahao.store.people import accounts, spoken_codes
from guahao.store.people import patients as patient_store
from guahao.store.people.patients import person_indexes
from guahao.store.supply import replacements
from guahao.store.supply.replacements import OfferView

HITS_MAX = 20
MESSAGES_SHOWN = 20
APPLICATIONS_SHOWN = 10
CALLS_SHOWN = 10
CODE_DIGITS = 6
CODE_VALID = timedelta(minutes=5)
CODE_TRIES = 5
_HOUR, _DAY = 3600, 86400


@dataclass(frozen=True, slots=True)
class CallerCard:
    """All an agent works with. In the clear: the web masks while `call.looked_at` is None.

    `asked`: the questions of this call; `sms_right`: the code was right, the rest is not yet.
    """

    call: Call
    phone: str
    asked: list[Question]
    sms_right: bool
    standings: list[Standing]
    current: list[AppointmentView]
    past: list[AppointmentView]
    messages: list[SentMessage]
    applications: list[ApplicationView]
    offers: dict[int, OfferView]  # kept for stopped bookings, by the booking
    outlooks: dict[int, Outlook]  # what stands against a patient's next booking, by the patient
    earlier: list[EarlierCall]


@dataclass(frozen=True, slots=True)
class Hit:
    """A person whom a search found; `reference` lets this agent take the call on."""

    account_id: int
    phone: str
    patient: PatientView
    reference: str


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of a search, and the kind of text it assumed."""

    kind: Typed | None
    found: list[Hit]


# Finding ----------------------------------------------------------------------------------


async def search(platform: Platform, by: Staff, text: str) -> Hits:
    """Find callers by phone, document number, full name, code or order number.

    Return at most 21 hits: the last only shows that there are more than 20. Record the search
    and the kind of text in the trail, also where nobody was found.
    """
    kinds = kinds_of(text)
    if not kinds:
        return Hits(None, [])
    async with acting(platform, by.who) as act:
        kind, found = kinds[0], list[FoundPerson]()
        for kind in kinds:
            key = _key(platform.vault, kind, text)
            if key is not None:
                found = await store.find(act.tx, platform.vault, kind, key, HITS_MAX + 1)
            if found:
                break
        detail = {"kind": kind.value, "hits": len(found)}
        await act.record("search_callers", detail=detail)
        hits = [
            Hit(
                person.account_id,
                person.phone,
                person.patient,
                _reference(platform, by, person.account_id, kind, act.now),
            )
            for person in found
        ]
    return Hits(kind, hits)


def _key(vault: Vault, kind: Typed, text: str) -> list[bytes] | int | None:
    typed = compact(text)
    match kind:
        case Typed.PHONE:
            phone = valid_any_phone(text)
            return None if phone is None else vault.indexes("phone", phone.number)
        case Typed.CODE:
            return vault.indexes("code", typed)
        case Typed.ORDER_NO:
            return order_no.appointment_id(typed)
        case Typed.DOCUMENT:
            return person_indexes(vault, text)
        case Typed.NAME:
            name = person_name(text)
            return None if isinstance(name, NameFault) else vault.indexes("name", name_key(name))


def _reference(platform: Platform, by: Staff, account_id: int, kind: Typed, now: datetime) -> str:
    """Seal the account that this agent found, and by what, so that no other can be taken on."""
    text = f"{account_id} {kind.value} {int(now.timestamp())}"
    return urlsafe_b64encode(platform.vault.seal("calls", "found", by.id, text)).decode()


async def begin_call(platform: Platform, by: Staff, reference: str) -> int | None:
    """Take on a caller that this agent has just found; None for anything else."""
    try:
        sealed = urlsafe_b64decode(reference)
        text = platform.vault.open("calls", "found", by.id, sealed)
    except (VaultError, ValueError):
        return None
    account_id, kind, found_at = text.split()
    async with acting(platform, by.who) as act:
        if act.now.timestamp() - int(found_at) > CALL_LASTS.total_seconds():
            return None
        call_id = await store.begin(act.tx, by.id, int(account_id), Typed(kind))
        await act.record(
            "begin_call",
            ("account", int(account_id)),
            detail={"call": call_id, "found_by": kind},
        )
    return call_id


async def card(platform: Platform, by: Staff, call_id: int) -> CallerCard | None:
    """Return the caller's card; None where the call is over or another agent's.

    Until the caller is verified it holds the phone only: its holder, and what they have booked,
    are nobody else's business.
    """
    async with platform.db.transaction() as tx:
        call = await store.lock_own(tx, by.id, call_id)
        if call is None or decide_use(call, tx.now) is not None:
            return None
        vault, account_id = platform.vault, call.account_id
        phone = await accounts.phone_of(tx, vault, account_id) or ""
        asked = questions(call.found_by, by_sms=valid_phone(phone) is not None)
        if call.verified_at is None:
            sms_right = Question.SMS in await store.right_answers(tx, call_id)
            return CallerCard(call, phone, asked, sms_right, [], [], [], [], [], {}, {}, [])
        own = appointment_store.own_appointments
        return CallerCard(
            call,
            phone,
            asked,
            False,
            await standings_in(tx, platform, account_id),
            sorted(await own(tx, vault, account_id, current=True), key=_by_visit),
            sorted(await own(tx, vault, account_id, current=False), key=_by_visit, reverse=True),
            await store.messages_of(tx, account_id, MESSAGES_SHOWN),
            await application_store.of_account(tx, vault, account_id, None, APPLICATIONS_SHOWN),
            await replacements.of_account(tx, account_id),
            await _outlooks(tx, platform, account_id),
            await result_store.earlier_calls(tx, vault, account_id, CALLS_SHOWN),
        )


async def _outlooks(tx: Tx, platform: Platform, account_id: int) -> dict[int, Outlook]:
    """Return what stands against a booking of each patient, by the desk's own rules.

    Nothing is locked: the desk decides again.
    """
    policy = (await platform.policies.read(tx)).on(tx.now.date())
    since = counted_since(policy, tx.now.date())
    patients = await own_patients(tx, account_id, since)
    return {
        id: outlook(patient, tx.now, policy, checks_names=platform.checks_names)
        for id, patient in patients.items()
    }


def _by_visit(view: AppointmentView) -> tuple[date, int]:
    return view.session.visit_date, view.id


# Verifying --------------------------------------------------------------------------------


async def send_call_code(
    platform: Platform, by: Staff, call_id: int
) -> datetime | Refused[CallRefusal]:
    """Send a one-time code to the registered phone, to be read out; return when it expires."""
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, by.id, call_id)
        refusal = decide_use(call, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        phone = await accounts.phone_of(act.tx, platform.vault, call.account_id) or ""
        sent = None
        if valid_phone(phone) is not None:
            subject = platform.vault.index("throttle", f"caller {call.account_id}")
            sent = await throttle.hit(act.tx, "call_code", subject, _HOUR)
        refusal = decide_code(call.codes_sent, sent)
        if refusal is CallRefusal.NO_SMS:
            return Refused(refusal)
        account, detail = ("account", call.account_id), {"call": call.id}
        if refusal is not None:
            refused = {**detail, "refused": refusal.value}
            await act.record("send_call_code", account, detail=refused)
            return Refused(refusal)
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        until = act.now + CODE_VALID
        index = _code_index(platform, call.id, code)
        await spoken_codes.set_code(act.tx, "calls", call.id, index, CODE_TRIES, until)
        language = await accounts.language_of(act.tx, call.account_id)
        await messages.notify_phone(
            act.tx, platform.vault, "call_code", phone, language, code, until
        )
        await act.record("send_call_code", account, detail=detail)
    return until


def _code_index(platform: Platform, call_id: int, code: str) -> bytes:
    return platform.vault.index("call_code", f"{call_id} {code}")


async def verify(
    platform: Platform, by: Staff, call_id: int, said: Mapping[Question, str]
) -> bool | Refused[CallRefusal]:
    """Compare the caller's answers with the registration; return whether they are verified now.

    All answers must fit the same patient of the account. Every attempt is in the trail, also
    a refused attempt: what was asked and whether it was right, never what was said. Attempts
    are counted before anything is compared, and a right attempt is taken back.
    """
    asked = {question: text for question, text in said.items() if typed(text)}
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, by.id, call_id)
        refusal = decide_verification(call, act.now, asks=bool(asked))
        if refusal is not None:
            if refusal is CallRefusal.CALL_OVER:
                detail = {"call": call_id, "refused": refusal.value}
                await act.record("verify_caller", detail=detail)
            return Refused(refusal)
        assert call is not None
        account = ("account", call.account_id)
        phone = await accounts.phone_of(act.tx, platform.vault, call.account_id) or ""
        allowed = questions(call.found_by, by_sms=valid_phone(phone) is not None)
        asked = {question: text for question, text in asked.items() if question in allowed}
        index = platform.vault.index
        counters = [
            ("caller_attempts", index("throttle", f"caller {call.account_id}"), _DAY),
            ("agent_attempts", index("throttle", f"agent {by.id}"), _DAY),
        ]
        of_account, of_agent = [await throttle.hit(act.tx, *counter) for counter in counters]
        passed = limits_passed(call, of_account, of_agent)
        sms_right = Question.SMS in await store.right_answers(act.tx, call.id)
        if Question.SMS in asked and decide_attempt(passed, sms_right=True) is None:
            sms_right = await _is_code_right(act.tx, platform, call.id, asked[Question.SMS])
        refusal = decide_attempt(passed, sms_right=sms_right)
        if refusal is not None:
            detail = {
                "call": call.id,
                "asked": [question.value for question in asked],
                "refused": refusal.value,
                "limit": sorted(passed),
            }
            await act.record("verify_caller", account, detail=detail)
            return Refused(refusal)
        answers = await _compare(act.tx, platform, call.account_id, asked, sms_right=sms_right)
        await store.note_answers(act.tx, call.id, answers)
        if all(answers.values()) and answers:
            for counter in counters:
                await throttle.forgive(act.tx, *counter)
        right = {question for question, correct in answers.items() if correct}
        proven = right | ({Question.SMS} if sms_right else set())
        verified = call.verified_at is not None or is_verified(proven, call.found_by)
        if verified:
            await store.set_verified(act.tx, call.id)
        detail = {
            "call": call.id,
            "asked": {question.value: correct for question, correct in answers.items()},
            "verified": verified,
        }
        await act.record("verify_caller", account, detail=detail)
    return verified


async def _is_code_right(tx: Tx, platform: Platform, call_id: int, said: str) -> bool:
    """Return whether this is the call's live code, which serves once and allows five tries."""
    saved = await spoken_codes.take_try(tx, "calls", call_id)
    given = _code_index(platform, call_id, compact(said))
    if saved is None or not compare_digest(saved, given):
        return False
    await store.use_up_code(tx, call_id)
    return True


async def _compare(
    tx: Tx,
    platform: Platform,
    account_id: int,
    asked: Mapping[Question, str],
    *,
    sms_right: bool,
) -> dict[Question, bool]:
    """Return which answers are right, of the patient whom most answers fit."""
    spoken = {question: text for question, text in asked.items() if question is not Question.SMS}
    by_sms = {Question.SMS: sms_right} if Question.SMS in asked else {}
    phone = await accounts.phone_of(tx, platform.vault, account_id) or ""
    current = await appointment_store.own_appointments(tx, platform.vault, account_id, current=True)
    results = [
        {
            question: _is_right(question, text, patient, phone, current)
            for question, text in spoken.items()
        }
        for patient in await patient_store.of_account(tx, platform.vault, account_id)
    ]
    nothing = dict.fromkeys(spoken, False)
    best = max(results, key=lambda answers: sum(answers.values()), default=nothing)
    return by_sms | best


def _is_right(
    question: Question,
    text: str,
    patient: PatientView,
    phone: str,
    current: list[AppointmentView],
) -> bool:
    match question:
        case Question.SMS:
            raise AssertionError("the code is compared before")
        case Question.DOCUMENT:
            said = compact(text)
            if len(said) == DOCUMENT_TAIL:
                return _same(said, patient.id_no[-DOCUMENT_TAIL:])
            return _same(canonical_person(said), canonical_person(patient.id_no))
        case Question.NAME:
            return same_name(text, patient.name)
        case Question.PHONE:
            typed_phone = valid_any_phone(text)
            return typed_phone is not None and _same(typed_phone.number, phone)
        case Question.CODE:
            codes = [view.code for view in current if view.patient.id == patient.id]
            return any(_same(compact(text), code) for code in codes)


def _same(said: str, saved: str) -> bool:
    return compare_digest(said.encode(), saved.encode())


async def look(
    platform: Platform, by: Staff, call_id: int, reason: str
) -> Done | Refused[CallRefusal]:
    """Show personal data in full until the call ends; the agent says why."""
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, by.id, call_id)
        refusal = decide_look(call, reason, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        await store.set_looked(act.tx, call.id)
        await act.record(
            "look_at_personal_data",
            ("account", call.account_id),
            reason=prose(reason),
            detail={"call": call.id},
        )
    return DONE


async def end_call(platform: Platform, by: Staff, call_id: int) -> None:
    """End the call: its personal data is no longer shown."""
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, by.id, call_id)
        if call is None or decide_use(call, act.now) is not None:
            return
        await store.end(act.tx, call.id)
        await act.record("end_call", ("account", call.account_id), detail={"call": call.id})


# Doing ------------------------------------------------------------------------------------


async def cancel_for_caller(
    platform: Platform, by: Staff, call_id: int, appointment_id: int, reason: str
) -> AppointmentView | NotCancelled | Refused[CallRefusal]:
    """Cancel a verified caller's booking, by the patient's own rules and deadline (S14)."""
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, by.id, call_id)
        locked = None
        if call is not None:
            locked = await appointment_store.lock_appointment(
                act.tx, appointment_id, call.account_id
            )
        today = act.now.date()
        policy = (await platform.policies.read(act.tx)).for_cancelling(
            locked.booked_on if locked else today, today
        )
        facts = CallerCancelFacts(reason, call, locked.facts if locked else None)
        match decide_caller_cancel(facts, act.now, policy):
            case CallRefusal() as refusal:
                return Refused(refusal)
            case CancelRefusal() as refusal:
                return await not_cancelled(act.tx, platform, refusal, locked)
            case None:
                pass
            case never:
                assert_never(never)
        assert call is not None
        assert locked is not None
        cancelled = await save_cancelled(act.tx, platform, locked)
        await act.record(
            "cancel_appointment",
            ("appointment", appointment_id),
            reason=prose(reason),
            detail={"call": call.id},
            hospital_id=locked.facts.hospital_id,
        )
    return cancelled


async def answer_offer(
    platform: Platform, by: Staff, call_id: int, stopped_id: int, *, is_accepted: bool
) -> AppointmentView | Done | Refused[CallRefusal] | Refused[ReplacementRefusal] | Refused[Refusal]:
    """Accept or decline, for a verified caller, the place kept for their stopped booking."""
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, by.id, call_id)
        refusal = decide_service(call, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        if is_accepted:
            accepted = await accept_in(act.tx, platform, call.account_id, stopped_id, "phone")
            if not isinstance(accepted, AppointmentView):
                return accepted
            await act.record(
                "accept_replacement",
                ("appointment", accepted.id),
                detail={"call": call.id, "stopped": stopped_id},
                hospital_id=accepted.session.hospital_id,
            )
            return accepted
        declined = await decline_in(act.tx, platform, call.account_id, stopped_id)
        if isinstance(declined, Refused):
            return declined
        await act.record(
            "decline_replacement", ("appointment", stopped_id), detail={"call": call.id}
        )
    return DONE


async def resend(
    platform: Platform, by: Staff, call_id: int, appointment_id: int
) -> datetime | Refused[CallRefusal]:
    """Send the SMS with the code again, only to the registered phone (S10); return when."""
    async with acting(platform, by.who) as act:
        call = await store.lock_own(act.tx, by.id, call_id)
        locked = None
        if call is not None and decide_use(call, act.now) is None:
            locked = await appointment_store.lock_appointment(
                act.tx, appointment_id, call.account_id
            )
        status, resent = locked.facts.status if locked else None, 0
        if decide_resend(call, status, resent, act.now) is None:
            subject = platform.vault.index("throttle", f"resend {appointment_id}")
            resent = await throttle.hit(act.tx, "resend", subject, _HOUR)
        refusal = decide_resend(call, status, resent, act.now)
        if refusal is not None:
            return Refused(refusal)
        assert call is not None
        assert locked is not None
        await messages.notify(act.tx, "booked", [appointment_id])
        await act.record(
            "resend_code",
            ("appointment", appointment_id),
            detail={"call": call.id},
            hospital_id=locked.facts.hospital_id,
        )
        return act.now


# Names ------------------------------------------------------------------------------------

NAMES_A_CHUNK = 1000


async def index_names(platform: Platform) -> int:
    """Index the names of patients registered before there was a search; return how many."""
    done = 0
    while True:
        async with platform.db.transaction() as tx:
            found = await store.unnamed_patients(tx, platform.vault, NAMES_A_CHUNK)
            indexes = [
                (patient.id, platform.vault.index("name", name_key(patient.name)))
                for patient in found
            ]
            await store.index_names(tx, indexes)
        done += len(found)
        if len(found) < NAMES_A_CHUNK:
            return done
