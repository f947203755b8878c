"""The call centre (114): find the caller, verify them, cancel, send the SMS again (S10, S14).

Whatever is shown, asked, looked at and done is in the audit trail. A call belongs to the
agent who opened it; it ends by a button, by opening another, or after half an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hmac import compare_digest

from guahao.flows.cancelling import cancel_locked
from guahao.flows.patients import valid_name
from guahao.flows.platform import Platform
from guahao.flows.standing import Standing, standings_in
from guahao.rules import order_no
from guahao.rules.calls import (
    DOCUMENT_TAIL,
    WRONG_ANSWERS_MAX,
    Question,
    Typed,
    is_verified,
    kinds_of,
)
from guahao.rules.identity import normalised, valid_phone
from guahao.rules.outcomes import CancelRefusal
from guahao.rules.staff import Staff
from guahao.store import accounts, messages, throttle, trail
from guahao.store import appointments as appointment_store
from guahao.store import calls as store
from guahao.store import patients as patient_store
from guahao.store.calls import Call, Found, SentMessage
from guahao.store.db import Tx
from guahao.store.vault import Vault
from guahao.store.views import AppointmentView, PatientView

HITS_MAX = 20
MESSAGES_SHOWN = 20
CALLS_SHOWN = 10
RESENT_AN_HOUR = 3
_WRONG_A_DAY = 12  # for one account, whoever asks
_HOUR, _DAY = 3600, 86400


class CallRefusal(StrEnum):
    """Why something is not done in a call."""

    CALL_OVER = "call_over"
    NOT_VERIFIED = "call_not_verified"
    TOO_MANY_WRONG = "call_too_many_wrong"
    REASON_NEEDED = "call_reason_needed"
    UNKNOWN_APPOINTMENT = "call_unknown_appointment"
    NOT_LIVE = "call_not_live"
    RESENT_TOO_OFTEN = "call_resent_too_often"
    NOTHING_ASKED = "call_nothing_asked"


@dataclass(frozen=True, slots=True)
class Card:
    """All an agent works with. In the clear: the door masks while `call.looked_at` is None."""

    call: Call
    phone: str
    standings: list[Standing]
    current: list[AppointmentView]
    past: list[AppointmentView]
    messages: list[SentMessage]
    right: set[Question]


@dataclass(frozen=True, slots=True)
class CancelRefused:
    """Why the rules refuse to cancel, with the booking whose deadline the sentence names."""

    reason: CancelRefusal
    view: AppointmentView


# Finding ----------------------------------------------------------------------------------


async def search(platform: Platform, by: Staff, text: str) -> list[Found]:
    """Callers by phone, document number, full name, code or order number.

    At most 20 and one more, which says that there are more. That somebody searched is
    recorded, with the kind of thing that was searched for, also where nobody was found.
    """
    kinds = kinds_of(text)
    if not kinds:
        return []
    async with platform.db.transaction() as tx:
        kind, found = kinds[0], []
        for kind in kinds:
            found = await _find(tx, platform.vault, kind, text)
            if found:
                break
        detail = {"kind": kind.value, "hits": len(found)}
        await trail.record(tx, platform.vault, by.who, "search_callers", detail=detail)
    return found


async def _find(tx: Tx, vault: Vault, kind: Typed, text: str) -> list[Found]:
    key = _key(vault, kind, text)
    return [] if key is None else await store.find(tx, vault, kind.value, key, HITS_MAX + 1)


def _key(vault: Vault, kind: Typed, text: str) -> bytes | str | int | None:
    typed = normalised(text)
    match kind:
        case Typed.PHONE:
            phone = valid_phone(text)
            return None if phone is None else vault.index("phone", phone)
        case Typed.CODE:
            return typed
        case Typed.ORDER_NO:
            return order_no.appointment_id(typed)
        case Typed.DOCUMENT:
            return vault.index("id_no", typed)
        case Typed.NAME:
            name = valid_name(text)
            return None if name is None else vault.index("name", name)


async def begin_call(platform: Platform, by: Staff, account_id: int) -> int | None:
    """Take the caller of an account on; None where there is no such account."""
    async with platform.db.transaction() as tx:
        if await accounts.phone_of(tx, platform.vault, account_id) is None:
            return None
        call_id = await store.begin(tx, by.id, account_id)
        await trail.record(
            tx,
            platform.vault,
            by.who,
            "begin_call",
            ("account", account_id),
            detail={"call": call_id},
        )
    return call_id


async def recent_calls(platform: Platform, by: Staff) -> list[Call]:
    """The agent's own latest calls."""
    async with platform.db.transaction() as tx:
        return await store.recent(tx, by.id, CALLS_SHOWN)


async def card(platform: Platform, by: Staff, call_id: int) -> Card | None:
    """The caller's card; None where the call is over or another agent's."""
    async with platform.db.transaction() as tx:
        call = await store.open_call(tx, by.id, call_id)
        if call is None:
            return None
        vault, account_id = platform.vault, call.account_id
        phone = await accounts.phone_of(tx, vault, account_id)
        own = appointment_store.own_appointments
        return Card(
            call,
            phone or "",
            await standings_in(tx, platform, account_id),
            sorted(await own(tx, vault, account_id, current=True), key=_by_visit),
            sorted(await own(tx, vault, account_id, current=False), key=_by_visit, reverse=True),
            await store.messages_of(tx, account_id, MESSAGES_SHOWN),
            await store.right_answers(tx, call_id),
        )


def _by_visit(view: AppointmentView) -> tuple[date, int]:
    return view.session.visit_date, view.id


# Verifying --------------------------------------------------------------------------------


async def verify(
    platform: Platform, by: Staff, call_id: int, said: Mapping[Question, str]
) -> bool | CallRefusal:
    """Compare what the caller says with what is registered; whether they are verified now.

    All answers must fit one and the same patient of the account. Kept is what was asked and
    whether it was right, never what was said.
    """
    asked = {question: text for question, text in said.items() if text.strip()}
    if not asked:
        return CallRefusal.NOTHING_ASKED
    async with platform.db.transaction() as tx:
        call = await store.open_call(tx, by.id, call_id)
        if call is None:
            return CallRefusal.CALL_OVER
        if call.wrong_answers >= WRONG_ANSWERS_MAX:
            return CallRefusal.TOO_MANY_WRONG
        answers = await _compare(tx, platform, call.account_id, asked)
        if not await _may_go_on(tx, platform, call.account_id, answers):
            return CallRefusal.TOO_MANY_WRONG
        await store.note_answers(tx, call.id, answers)
        verified = call.verified_at is not None or is_verified(
            question for question, correct in answers.items() if correct
        )
        if verified:
            await store.set_verified(tx, call.id)
        detail = {
            "call": call.id,
            "asked": {question.value: correct for question, correct in answers.items()},
            "verified": verified,
        }
        subject = ("account", call.account_id)
        await trail.record(tx, platform.vault, by.who, "verify_caller", subject, detail=detail)
    return verified


async def _may_go_on(
    tx: Tx, platform: Platform, account_id: int, answers: Mapping[Question, bool]
) -> bool:
    """Wrong answers are counted for the account, over all calls and agents of a day."""
    subject = platform.vault.index("throttle", f"caller {account_id}")
    hits = 0
    for correct in answers.values():
        if not correct:
            hits = await throttle.hit(tx, "caller_wrong", subject, _DAY)
    return hits <= _WRONG_A_DAY


async def _compare(
    tx: Tx, platform: Platform, account_id: int, asked: Mapping[Question, str]
) -> dict[Question, bool]:
    """For the patient whom most answers fit."""
    phone = await accounts.phone_of(tx, platform.vault, account_id) or ""
    current = await appointment_store.own_appointments(tx, platform.vault, account_id, current=True)
    results = [
        {
            question: _is_right(question, text, patient, phone, current)
            for question, text in asked.items()
        }
        for patient in await patient_store.of_account(tx, platform.vault, account_id)
    ]
    nothing = dict.fromkeys(asked, False)
    return max(results, key=lambda answers: sum(answers.values()), default=nothing)


def _is_right(
    question: Question,
    text: str,
    patient: PatientView,
    phone: str,
    current: list[AppointmentView],
) -> bool:
    match question:
        case Question.DOCUMENT:
            typed = normalised(text)
            kept = patient.id_no if len(typed) != DOCUMENT_TAIL else patient.id_no[-DOCUMENT_TAIL:]
            return len(patient.id_no) >= len(typed) and _same(typed, kept)
        case Question.NAME:
            return _same(valid_name(text) or "", patient.name)
        case Question.PHONE:
            return _same(valid_phone(text) or "", phone)
        case Question.CODE:
            codes = [view.code for view in current if view.patient.id == patient.id]
            return any(_same(normalised(text), code) for code in codes)


def _same(said: str, kept: str) -> bool:
    return compare_digest(said.encode(), kept.encode())


async def look(platform: Platform, by: Staff, call_id: int, reason: str) -> CallRefusal | None:
    """Show personal data in full until the call ends; the agent says why."""
    if not reason.strip():
        return CallRefusal.REASON_NEEDED
    async with platform.db.transaction() as tx:
        call = await _verified(tx, by, call_id)
        if isinstance(call, CallRefusal):
            return call
        await store.set_looked(tx, call.id)
        await trail.record(
            tx,
            platform.vault,
            by.who,
            "look_at_personal_data",
            ("account", call.account_id),
            reason=reason.strip(),
            detail={"call": call.id},
        )
    return None


async def _verified(tx: Tx, by: Staff, call_id: int) -> Call | CallRefusal:
    call = await store.open_call(tx, by.id, call_id)
    if call is None:
        return CallRefusal.CALL_OVER
    return CallRefusal.NOT_VERIFIED if call.verified_at is None else call


async def end_call(platform: Platform, by: Staff, call_id: int) -> None:
    """The caller has hung up: nothing is shown any more."""
    async with platform.db.transaction() as tx:
        call = await store.open_call(tx, by.id, call_id)
        if call is None:
            return
        await store.end(tx, call.id)
        subject = ("account", call.account_id)
        detail = {"call": call.id}
        await trail.record(tx, platform.vault, by.who, "end_call", subject, detail=detail)


# Doing ------------------------------------------------------------------------------------


async def cancel_for_caller(
    platform: Platform, by: Staff, call_id: int, appointment_id: int, reason: str
) -> AppointmentView | CancelRefused | CallRefusal:
    """Cancel a verified caller's booking, by the same rules and deadline (S14)."""
    if not reason.strip():
        return CallRefusal.REASON_NEEDED
    async with platform.db.transaction() as tx:
        call = await _verified(tx, by, call_id)
        if isinstance(call, CallRefusal):
            return call
        outcome = await cancel_locked(tx, platform, appointment_id, call.account_id, "agent")
        if outcome is None:
            return CallRefusal.UNKNOWN_APPOINTMENT
        if isinstance(outcome, CancelRefusal):
            found = await appointment_store.appointments_by_id(tx, platform.vault, [appointment_id])
            return CancelRefused(outcome, found[appointment_id])
        await trail.record(
            tx,
            platform.vault,
            by.who,
            "cancel_appointment",
            ("appointment", appointment_id),
            reason=reason.strip(),
            detail={"call": call.id},
            hospital_id=outcome.session.hospital_id,
        )
    return outcome


async def resend(
    platform: Platform, by: Staff, call_id: int, appointment_id: int
) -> datetime | CallRefusal:
    """Send the SMS with the code again, to the registered phone and no other (S10); when."""
    async with platform.db.transaction() as tx:
        call = await _verified(tx, by, call_id)
        if isinstance(call, CallRefusal):
            return call
        locked = await appointment_store.lock_appointment(tx, appointment_id, call.account_id)
        if locked is None:
            return CallRefusal.UNKNOWN_APPOINTMENT
        if locked.facts.status != "booked":
            return CallRefusal.NOT_LIVE
        subject = platform.vault.index("throttle", f"resend {appointment_id}")
        if await throttle.hit(tx, "resend", subject, _HOUR) > RESENT_AN_HOUR:
            return CallRefusal.RESENT_TOO_OFTEN
        await messages.tell(tx, "booked", [appointment_id])
        await trail.record(
            tx,
            platform.vault,
            by.who,
            "resend_code",
            ("appointment", appointment_id),
            detail={"call": call.id},
            hospital_id=locked.facts.hospital_id,
        )
        return tx.now


# Names ------------------------------------------------------------------------------------

NAMES_A_CHUNK = 1000


async def index_names(platform: Platform) -> int:
    """Make patients registered before there was a search findable by name; how many."""
    done = 0
    while True:
        async with platform.db.transaction() as tx:
            found = await store.unnamed_patients(tx, platform.vault, NAMES_A_CHUNK)
            indexes = [(one.id, platform.vault.index("name", one.name)) for one in found]
            await store.index_names(tx, indexes)
        done += len(found)
        if len(found) < NAMES_A_CHUNK:
            return done
