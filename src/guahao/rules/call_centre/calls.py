"""The call centre: what the search box takes, when a caller is verified, what a call allows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules.booking import order_no
from guahao.rules.booking.cancelling import decide_cancel
from guahao.rules.kernel.facts import AppointmentFacts
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import CancelRefusal
from guahao.rules.kernel.reasons import stated_reason
from guahao.rules.kernel.text import compact
from guahao.rules.people.phones import valid_any_phone

CALL_LASTS = timedelta(minutes=30)
RIGHT_ANSWERS_NEEDED = 2
WRONG_ANSWERS_MAX = 4  # in a call
ATTEMPTS_A_DAY = 6  # wrong, for an account, over all its calls
ATTEMPTS_OF_AGENT_A_DAY = 60  # wrong, over all callers: people mishear, but not all day
CODES_A_CALL = 3
CODES_AN_HOUR = 6  # to a phone, over all calls
RESENT_AN_HOUR = 3
DOCUMENT_TAIL = 6  # characters; a caller may say the end of the number instead of all of it

_CODE = re.compile(r"[0-9]{8}")
_HAS_DIGIT = re.compile(r"[0-9]")


class Typed(StrEnum):
    """What a text in the search box can be."""

    PHONE = "phone"
    CODE = "code"
    ORDER_NO = "order_no"
    DOCUMENT = "document"
    NAME = "name"


class Question(StrEnum):
    """What a caller is asked, the strongest proof first."""

    SMS = "sms"  # the one-time code just sent to the registered phone
    DOCUMENT = "document"
    NAME = "name"
    PHONE = "phone"
    CODE = "code"


class CallRefusal(StrEnum):
    """Why something is not done in a call, in order of precedence."""

    NOTHING_ASKED = "call_nothing_asked"
    REASON_NEEDED = "call_reason_needed"
    CALL_OVER = "call_over"
    NOT_VERIFIED = "call_not_verified"
    TOO_MANY_WRONG = "call_too_many_wrong"
    UNKNOWN_PATIENT = "call_unknown_patient"
    UNKNOWN_APPOINTMENT = "call_unknown_appointment"
    NOT_LIVE = "call_not_live"
    RESENT_TOO_OFTEN = "call_resent_too_often"
    NO_SMS = "call_no_sms"
    CODES_TOO_OFTEN = "call_codes_too_often"


class AttemptLimit(StrEnum):
    """What counts attempts to verify a caller, by its name in the audit trail."""

    CALL = "call"
    ACCOUNT = "account"  # over all calls and agents of a day
    AGENT = "agent"  # over all callers of a day


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """A call as far as it decides what may be done in it.

    `found_by`: what the agent typed to find the caller; None for a new caller and a call task.
    """

    opened_at: datetime
    ended_at: datetime | None
    verified_at: datetime | None
    wrong_answers: int = 0
    codes_sent: int = 0
    found_by: Typed | None = None


def is_over(call: CallFacts, at: datetime) -> bool:
    """Return whether a call can no longer be worked in: ended, or opened too long ago."""
    return call.ended_at is not None or at - call.opened_at >= CALL_LASTS


def is_verified_now(call: CallFacts | None, at: datetime) -> bool:
    """Return whether a call goes on and its caller is verified; `call` None: there is none."""
    return decide_service(call, at) is None


def decide_use(call: CallFacts | None, at: datetime) -> CallRefusal | None:
    """Return why an agent cannot go on with a call, None where they can.

    `call` None: it is not this agent's.
    """
    return CallRefusal.CALL_OVER if call is None or is_over(call, at) else None


def decide_service(call: CallFacts | None, at: datetime) -> CallRefusal | None:
    """Return why the caller is not served, None where they are."""
    if call is None or is_over(call, at):
        return CallRefusal.CALL_OVER
    return CallRefusal.NOT_VERIFIED if call.verified_at is None else None


def decide_look(call: CallFacts | None, reason: str, at: datetime) -> CallRefusal | None:
    """Return why personal data is not shown in full, None where it is."""
    return decide_service(call, at) if stated_reason(reason) else CallRefusal.REASON_NEEDED


def decide_verification(call: CallFacts | None, at: datetime, *, asks: bool) -> CallRefusal | None:
    """Return why no answers are compared; `asks`: whether the agent typed any."""
    return decide_use(call, at) if asks else CallRefusal.NOTHING_ASKED


def limits_passed(call: CallFacts, of_account: int, of_agent: int) -> set[AttemptLimit]:
    """Return the limits that an attempt passes, which is counted already in the two of a day."""
    passed = {
        AttemptLimit.CALL: call.wrong_answers >= WRONG_ANSWERS_MAX,
        AttemptLimit.ACCOUNT: of_account > ATTEMPTS_A_DAY,
        AttemptLimit.AGENT: of_agent > ATTEMPTS_OF_AGENT_A_DAY,
    }
    return {limit for limit, is_passed in passed.items() if is_passed}


def decide_attempt(passed: set[AttemptLimit], *, sms_right: bool) -> CallRefusal | None:
    """Return why the answers are not compared, None where they are.

    Strangers may use up the account's limit, but not shut its phone out: a code that the caller
    read from the registered phone passes it.
    """
    stands = passed - {AttemptLimit.ACCOUNT} if sms_right else passed
    return CallRefusal.TOO_MANY_WRONG if stands else None


def decide_code(codes_of_call: int, sent_to_phone: int | None) -> CallRefusal | None:
    """Return why no code is sent to the registered phone, None where one is.

    `codes_of_call`: those sent before in this call. `sent_to_phone`: in this hour, with this
    one; None where no SMS reaches the phone.
    """
    if sent_to_phone is None:
        return CallRefusal.NO_SMS
    too_often = codes_of_call >= CODES_A_CALL or sent_to_phone > CODES_AN_HOUR
    return CallRefusal.CODES_TOO_OFTEN if too_often else None


@dataclass(frozen=True, slots=True)
class CallerCancelFacts:
    """A cancellation that a caller asks for.

    `call` None: it is not this agent's. `appointment` None: it is not the caller's.
    """

    reason: str
    call: CallFacts | None
    appointment: AppointmentFacts | None


def decide_caller_cancel(
    facts: CallerCancelFacts, at: datetime, policy: Policy
) -> CallRefusal | CancelRefusal | None:
    """Return why a caller's booking is not cancelled, None where it is (S14).

    By the law that holds for the patient's own cancellation, as the agent's.
    """
    if stated_reason(facts.reason) is None:
        return CallRefusal.REASON_NEEDED
    refusal = decide_service(facts.call, at)
    if refusal is not None:
        return refusal
    if facts.appointment is None:
        return CallRefusal.UNKNOWN_APPOINTMENT
    return decide_cancel(facts.appointment, "agent", at, policy)


def decide_resend(
    call: CallFacts | None, status: str | None, resent: int, at: datetime
) -> CallRefusal | None:
    """Return why the SMS with the code is not sent again, None where it is (S10).

    `status`: the booking's; None where it is not the caller's. `resent`: how often it was sent
    in this hour, with this time.
    """
    refusal = decide_service(call, at)
    if refusal is not None:
        return refusal
    if status is None:
        return CallRefusal.UNKNOWN_APPOINTMENT
    if status != "booked":
        return CallRefusal.NOT_LIVE
    return CallRefusal.RESENT_TOO_OFTEN if resent > RESENT_AN_HOUR else None


def kinds_of(text: str) -> list[Typed]:
    """Return what the text can be, the likeliest first; empty where it can be nothing."""
    typed = compact(text)
    if not typed:
        return []
    if not _HAS_DIGIT.search(typed):
        return [Typed.NAME]
    kinds = []
    if valid_any_phone(text) is not None:
        kinds.append(Typed.PHONE)
    if _CODE.fullmatch(typed):
        kinds.append(Typed.CODE)
    if order_no.appointment_id(typed) is not None:
        kinds.append(Typed.ORDER_NO)
    return [*kinds, Typed.DOCUMENT]


# What a caller was found by was typed by the agent: it is no secret in that call any more.
_ASKED_BY = {
    Typed.PHONE: Question.PHONE,
    Typed.CODE: Question.CODE,
    Typed.DOCUMENT: Question.DOCUMENT,
    Typed.NAME: Question.NAME,
}


def questions(found_by: Typed | None, *, by_sms: bool) -> list[Question]:
    """Return what may be asked of a caller who was found by this.

    Never what the agent has typed to find them. `by_sms`: whether SMS reach the phone.
    """
    known = None if found_by is None else _ASKED_BY.get(found_by)
    return [
        question
        for question in Question
        if question is not known and (by_sms or question is not Question.SMS)
    ]


def is_verified(right: Iterable[Question], found_by: Typed | None) -> bool:
    """Return whether these right answers prove the caller's identity (S10).

    The document is always needed, unless the caller was found by it. Beside it: the code from
    the registered phone, or two right answers in all, without what the caller was found by.
    """
    known = None if found_by is None else _ASKED_BY.get(found_by)
    answered = set(right) - {known}
    has_document = Question.DOCUMENT in answered or known is Question.DOCUMENT
    return has_document and (Question.SMS in answered or len(answered) >= RIGHT_ANSWERS_NEEDED)
