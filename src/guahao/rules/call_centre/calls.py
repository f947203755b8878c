"""The call centre: what was typed into its one search box, and when a caller is verified."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules.booking import order_no
from guahao.rules.kernel.text import compact
from guahao.rules.people.phones import valid_any_phone

CALL_LASTS = timedelta(minutes=30)
RIGHT_ANSWERS_NEEDED = 2
WRONG_ANSWERS_MAX = 4
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

    SMS = "sms"  # the one-time code that was just sent to the registered phone
    DOCUMENT = "document"
    NAME = "name"
    PHONE = "phone"
    CODE = "code"


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
    NO_SMS = "call_no_sms"
    CODES_TOO_OFTEN = "call_codes_too_often"


def kinds_of(text: str) -> list[Typed]:
    """What the text can be, the likeliest first; empty where it can be nothing."""
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
    """Return whether these right answers prove who calls (S10).

    The document always, by which the caller may also have been found; and the code from the
    registered phone, or else so much that two answers beside what they were found by are right.
    """
    known = None if found_by is None else _ASKED_BY.get(found_by)
    answered = set(right) - {known}
    has_document = Question.DOCUMENT in answered or known is Question.DOCUMENT
    return has_document and (Question.SMS in answered or len(answered) >= RIGHT_ANSWERS_NEEDED)


def is_over(opened_at: datetime, ended_at: datetime | None, at: datetime) -> bool:
    """Whether a call can no longer be worked in: ended, or opened too long ago."""
    return ended_at is not None or at - opened_at >= CALL_LASTS
