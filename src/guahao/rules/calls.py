"""The call centre: what was typed into its one search box, and when a caller is verified."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from guahao.rules import order_no
from guahao.rules.identity import normalised, valid_phone

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
    """What a caller is asked. The document must be among what was right."""

    DOCUMENT = "document"
    NAME = "name"
    PHONE = "phone"
    CODE = "code"


def kinds_of(text: str) -> list[Typed]:
    """What the text can be, the likeliest first; empty where it can be nothing."""
    typed = normalised(text)
    if not typed:
        return []
    if not _HAS_DIGIT.search(typed):
        return [Typed.NAME]
    kinds = []
    if valid_phone(text) is not None:
        kinds.append(Typed.PHONE)
    if _CODE.fullmatch(typed):
        kinds.append(Typed.CODE)
    if order_no.appointment_id(typed) is not None:
        kinds.append(Typed.ORDER_NO)
    return [*kinds, Typed.DOCUMENT]


def is_verified(right: Iterable[Question]) -> bool:
    """Whether these right answers prove who calls: two, and the document among them (S10)."""
    answered = set(right)
    return Question.DOCUMENT in answered and len(answered) >= RIGHT_ANSWERS_NEEDED


def is_over(opened_at: datetime, ended_at: datetime | None, at: datetime) -> bool:
    """Whether a call can no longer be worked in: ended, or opened too long ago."""
    return ended_at is not None or at - opened_at >= CALL_LASTS
