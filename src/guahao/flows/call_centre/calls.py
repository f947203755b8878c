"""The call centre (114): find the caller, verify them, cancel, send the SMS again (S10, S14).

Whatever is shown, asked, looked at and done is in the audit trail. A call belongs to the
agent who opened it; it ends by a button, by opening another, or after half an hour.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hmac import compare_digest

from guahao.flows.attendance.standing import Standing, standings_in
from guahao.flows.booking.cancelling import cancel_locked
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking import order_no
from guahao.rules.call_centre.calls import (
    CALL_LASTS,
    DOCUMENT_TAIL,
    WRONG_ANSWERS_MAX,
    CallRefusal,
    Question,
    Typed,
    is_verified,
    kinds_of,
    questions,
)
from guahao.rules.kernel.outcomes import CancelRefusal
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
from guahao.store.call_centre import calls as store
from guahao.store.call_centre.calls import Call, Found, SentMessage
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault, VaultError
from guahao.store.kernel.views import AppointmentView, PatientView
from guahao.store.messages import messages
from guahao.store.people import accounts, spoken_codes
from guahao.store.people import patients as patient_store
from guahao.store.people.patients import person_indexes

HITS_MAX = 20
MESSAGES_SHOWN = 20
CALLS_SHOWN = 10
RESENT_AN_HOUR = 3
ATTEMPTS_A_DAY = 6  # wrong, for an account, over all its calls
ATTEMPTS_OF_AGENT_A_DAY = 60  # wrong, over all callers: people mishear, but not all day
CODE_DIGITS = 6
CODE_VALID = timedelta(minutes=5)
CODE_TRIES = 5
CODES_A_CALL = 3
_CODES_AN_HOUR = 6  # to a phone, over all calls
_HOUR, _DAY = 3600, 86400


@dataclass(frozen=True, slots=True)
class Card:
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A person whom a search found; `reference` lets this agent take the call on."""

    account_id: int
    phone: str
    patient: PatientView
    reference: str


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found, and what the text was taken for."""

    kind: Typed | None
    found: list[Hit]


@dataclass(frozen=True, slots=True)
class CancelRefused:
    """Why the rules refuse to cancel, with the booking whose deadline the sentence names."""

    reason: CancelRefusal
    view: AppointmentView


# Finding ----------------------------------------------------------------------------------


async def search(platform: Platform, by: Staff, text: str) -> Hits:
    """Find callers by phone, document number, full name, code or order number.

    At most 20 and one more, which says that there are more. That somebody searched is
    recorded, with the kind of thing that was searched for, also where nobody was found.
    """
    kinds = kinds_of(text)
    if not kinds:
        return Hits(None, [])
    async with acting(platform, by.who) as act:
        kind, found = kinds[0], []
        for kind in kinds:
            found = await _find(act.tx, platform.vault, kind, text)
            if found:
                break
        detail = {"kind": kind.value, "hits": len(found)}
        await act.record("search_callers", detail=detail)
        hits = [
            Hit(
                one.account_id,
                one.phone,
                one.patient,
                _reference(platform, by, one.account_id, kind, act.now),
            )
            for one in found
        ]
    return Hits(kind, hits)


async def _find(tx: Tx, vault: Vault, kind: Typed, text: str) -> list[Found]:
    key = _key(vault, kind, text)
    return [] if key is None else await store.find(tx, vault, kind.value, key, HITS_MAX + 1)


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
    """Seal whom this agent found and by what, so that no other account can be taken on."""
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


async def recent_calls(platform: Platform, by: Staff) -> list[Call]:
    """The agent's own latest calls."""
    async with platform.db.transaction() as tx:
        return await store.recent(tx, by.id, CALLS_SHOWN)


async def card(platform: Platform, by: Staff, call_id: int) -> Card | None:
    """Return the caller's card; None where the call is over or another agent's.

    Until the caller is verified it holds the phone only: whom it belongs to, and what they
    have booked where, is nobody else's business.
    """
    async with platform.db.transaction() as tx:
        call = await store.open_call(tx, by.id, call_id)
        if call is None:
            return None
        vault, account_id = platform.vault, call.account_id
        phone = await accounts.phone_of(tx, vault, account_id) or ""
        asked = questions(call.found_by, by_sms=valid_phone(phone) is not None)
        if call.verified_at is None:
            sms_right = Question.SMS in await store.right_answers(tx, call_id)
            return Card(call, phone, asked, sms_right, [], [], [], [])
        own = appointment_store.own_appointments
        return Card(
            call,
            phone,
            asked,
            False,
            await standings_in(tx, platform, account_id),
            sorted(await own(tx, vault, account_id, current=True), key=_by_visit),
            sorted(await own(tx, vault, account_id, current=False), key=_by_visit, reverse=True),
            await store.messages_of(tx, account_id, MESSAGES_SHOWN),
        )


def _by_visit(view: AppointmentView) -> tuple[date, int]:
    return view.session.visit_date, view.id


# Verifying --------------------------------------------------------------------------------


async def send_call_code(platform: Platform, by: Staff, call_id: int) -> datetime | CallRefusal:
    """Send a one-time code to the registered phone, for the caller to read out; until when."""
    async with acting(platform, by.who) as act:
        call = await store.open_call(act.tx, by.id, call_id)
        if call is None:
            return CallRefusal.CALL_OVER
        phone = await accounts.phone_of(act.tx, platform.vault, call.account_id)
        if phone is None or valid_phone(phone) is None:
            return CallRefusal.NO_SMS
        subject = platform.vault.index("throttle", f"caller {call.account_id}")
        sent = await throttle.hit(act.tx, "call_code", subject, _HOUR)
        detail: dict[str, object] = {"call": call.id}
        if call.codes_sent >= CODES_A_CALL or sent > _CODES_AN_HOUR:
            detail["refused"] = CallRefusal.CODES_TOO_OFTEN.value
            await act.record("send_call_code", ("account", call.account_id), detail=detail)
            return CallRefusal.CODES_TOO_OFTEN
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        until = act.now + CODE_VALID
        index = _code_index(platform, call.id, code)
        await spoken_codes.set_code(act.tx, "calls", call.id, index, CODE_TRIES, until)
        language = await accounts.language_of(act.tx, call.account_id)
        await messages.tell_phone(act.tx, platform.vault, "call_code", phone, language, code, until)
        await act.record("send_call_code", ("account", call.account_id), detail=detail)
    return until


def _code_index(platform: Platform, call_id: int, code: str) -> bytes:
    return platform.vault.index("call_code", f"{call_id} {code}")


async def verify(
    platform: Platform, by: Staff, call_id: int, said: Mapping[Question, str]
) -> bool | CallRefusal:
    """Compare what the caller says with what is registered; whether they are verified now.

    All answers must fit the same patient of the account. Every attempt is in the trail, also
    a refused attempt: what was asked and whether it was right, never what was said. The
    counters are read first, and what is beyond them is refused without being compared.
    """
    asked = {question: text for question, text in said.items() if typed(text)}
    if not asked:
        return CallRefusal.NOTHING_ASKED
    async with acting(platform, by.who) as act:
        call = await store.open_call(act.tx, by.id, call_id)
        if call is None:
            detail = {"call": call_id, "refused": CallRefusal.CALL_OVER.value}
            await act.record("verify_caller", detail=detail)
            return CallRefusal.CALL_OVER
        phone = await accounts.phone_of(act.tx, platform.vault, call.account_id) or ""
        allowed = questions(call.found_by, by_sms=valid_phone(phone) is not None)
        asked = {question: text for question, text in asked.items() if question in allowed}
        over = await _counters_passed(act.tx, platform, by, call)
        sms_right = Question.SMS in await store.right_answers(act.tx, call.id)
        if Question.SMS in asked and not over - {_ACCOUNT}:
            sms_right = await _is_code_right(act.tx, platform, call.id, asked[Question.SMS])
        # Strangers may use up the account's counter, but not shut its phone out.
        if over - ({_ACCOUNT} if sms_right else set()):
            detail = {
                "call": call.id,
                "asked": [question.value for question in asked],
                "refused": CallRefusal.TOO_MANY_WRONG.value,
                "limit": sorted(over),
            }
            await act.record("verify_caller", ("account", call.account_id), detail=detail)
            return CallRefusal.TOO_MANY_WRONG
        answers = await _compare(act.tx, platform, call.account_id, asked, sms_right=sms_right)
        await store.note_answers(act.tx, call.id, answers)
        if all(answers.values()) and answers:
            await _forgive(act.tx, platform, by, call)
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
        await act.record("verify_caller", ("account", call.account_id), detail=detail)
    return verified


_ACCOUNT = "account"


def _counters(platform: Platform, by: Staff, call: Call) -> list[tuple[str, str, bytes, int]]:
    index = platform.vault.index
    account = index("throttle", f"caller {call.account_id}")
    agent = index("throttle", f"agent {by.id}")
    return [
        (_ACCOUNT, "caller_attempts", account, ATTEMPTS_A_DAY),
        ("agent", "agent_attempts", agent, ATTEMPTS_OF_AGENT_A_DAY),
    ]


async def _counters_passed(tx: Tx, platform: Platform, by: Staff, call: Call) -> set[str]:
    """Count an attempt before anything is compared; the names of the limits that it passes.

    Counted for the call, for the account over all calls and agents of a day, and for the agent
    over all callers; a right attempt is taken back.
    """
    over = {"call"} if call.wrong_answers >= WRONG_ANSWERS_MAX else set()
    for name, scope, subject, most in _counters(platform, by, call):
        if await throttle.hit(tx, scope, subject, _DAY) > most:
            over.add(name)
    return over


async def _forgive(tx: Tx, platform: Platform, by: Staff, call: Call) -> None:
    for _, scope, subject, _ in _counters(platform, by, call):
        await throttle.forgive(tx, scope, subject, _DAY)


async def _is_code_right(tx: Tx, platform: Platform, call_id: int, said: str) -> bool:
    """Whether this is the call's living code, which serves once and bears five tries."""
    kept = await spoken_codes.take_try(tx, "calls", call_id)
    given = _code_index(platform, call_id, compact(said))
    if kept is None or not compare_digest(kept, given):
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
    """For the patient whom most answers fit."""
    told = {question: text for question, text in asked.items() if question is not Question.SMS}
    by_sms = {Question.SMS: sms_right} if Question.SMS in asked else {}
    phone = await accounts.phone_of(tx, platform.vault, account_id) or ""
    current = await appointment_store.own_appointments(tx, platform.vault, account_id, current=True)
    results = [
        {
            question: _is_right(question, text, patient, phone, current)
            for question, text in told.items()
        }
        for patient in await patient_store.of_account(tx, platform.vault, account_id)
    ]
    nothing = dict.fromkeys(told, False)
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


def _same(said: str, kept: str) -> bool:
    return compare_digest(said.encode(), kept.encode())


async def look(platform: Platform, by: Staff, call_id: int, reason: str) -> CallRefusal | None:
    """Show personal data in full until the call ends; the agent says why."""
    if not prose(reason):
        return CallRefusal.REASON_NEEDED
    async with acting(platform, by.who) as act:
        call = await _verified(act.tx, by, call_id)
        if isinstance(call, CallRefusal):
            return call
        await store.set_looked(act.tx, call.id)
        await act.record(
            "look_at_personal_data",
            ("account", call.account_id),
            reason=prose(reason),
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
    async with acting(platform, by.who) as act:
        call = await store.open_call(act.tx, by.id, call_id)
        if call is None:
            return
        await store.end(act.tx, call.id)
        subject = ("account", call.account_id)
        detail = {"call": call.id}
        await act.record("end_call", subject, detail=detail)


# Doing ------------------------------------------------------------------------------------


async def cancel_for_caller(
    platform: Platform, by: Staff, call_id: int, appointment_id: int, reason: str
) -> AppointmentView | CancelRefused | CallRefusal:
    """Cancel a verified caller's booking, by the same rules and deadline (S14)."""
    if not prose(reason):
        return CallRefusal.REASON_NEEDED
    async with acting(platform, by.who) as act:
        call = await _verified(act.tx, by, call_id)
        if isinstance(call, CallRefusal):
            return call
        outcome = await cancel_locked(act.tx, platform, appointment_id, call.account_id, "agent")
        if outcome is None:
            return CallRefusal.UNKNOWN_APPOINTMENT
        if isinstance(outcome, CancelRefusal):
            found = await appointment_store.appointments_by_id(
                act.tx, platform.vault, [appointment_id]
            )
            return CancelRefused(outcome, found[appointment_id])
        await act.record(
            "cancel_appointment",
            ("appointment", appointment_id),
            reason=prose(reason),
            detail={"call": call.id},
            hospital_id=outcome.session.hospital_id,
        )
    return outcome


async def resend(
    platform: Platform, by: Staff, call_id: int, appointment_id: int
) -> datetime | CallRefusal:
    """Send the SMS with the code again, to the registered phone and no other (S10); when."""
    async with acting(platform, by.who) as act:
        call = await _verified(act.tx, by, call_id)
        if isinstance(call, CallRefusal):
            return call
        locked = await appointment_store.lock_appointment(act.tx, appointment_id, call.account_id)
        if locked is None:
            return CallRefusal.UNKNOWN_APPOINTMENT
        if locked.facts.status != "booked":
            return CallRefusal.NOT_LIVE
        subject = platform.vault.index("throttle", f"resend {appointment_id}")
        if await throttle.hit(act.tx, "resend", subject, _HOUR) > RESENT_AN_HOUR:
            return CallRefusal.RESENT_TOO_OFTEN
        await messages.tell(act.tx, "booked", [appointment_id])
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
    """Make patients registered before there was a search findable by name; how many."""
    done = 0
    while True:
        async with platform.db.transaction() as tx:
            found = await store.unnamed_patients(tx, platform.vault, NAMES_A_CHUNK)
            indexes = [(one.id, platform.vault.index("name", name_key(one.name))) for one in found]
            await store.index_names(tx, indexes)
        done += len(found)
        if len(found) < NAMES_A_CHUNK:
            return done
