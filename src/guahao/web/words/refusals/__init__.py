"""The status and sentence of every refusal on a page of the staff.

One module a room of the rules. A new reason needs an entry; a test checks this. What programs and
citizens are told is in `web/words/replies.py`, of one patient and of draws in `booking.py`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from typing import Any, NamedTuple

from guahao.rules.kernel.outcomes import Refused
from guahao.web.words.refusals.attendance import ATTENDANCE
from guahao.web.words.refusals.call_centre import CALL_CENTRE
from guahao.web.words.refusals.fairness import FAIRNESS
from guahao.web.words.refusals.hall import HALL
from guahao.web.words.refusals.hospitals import HOSPITALS
from guahao.web.words.refusals.integration import INTEGRATION
from guahao.web.words.refusals.kernel import KERNEL
from guahao.web.words.refusals.people import PEOPLE
from guahao.web.words.refusals.policy import POLICY
from guahao.web.words.refusals.reports import REPORTS
from guahao.web.words.refusals.sentence import Sentences
from guahao.web.words.refusals.staff import STAFF
from guahao.web.words.refusals.supply import SUPPLY
from guahao.words.catalogue import Language
from guahao.words.dates import format_day, format_time

REFUSALS: Sentences = {
    **ATTENDANCE,
    **CALL_CENTRE,
    **FAIRNESS,
    **HALL,
    **HOSPITALS,
    **INTEGRATION,
    **KERNEL,
    **PEOPLE,
    **POLICY,
    **REPORTS,
    **STAFF,
    **SUPPLY,
}


class Said(NamedTuple):
    """A refusal in the reader's language, and the status of the answer."""

    text: str
    status: int


def said(refused: Refused[Any], language: Language, today: date, **places: object) -> Said:
    """Return the sentence of a refusal, filled in with what else the refusal and the page hold."""
    sentence = REFUSALS[type(refused.reason)][refused.reason]
    held = {
        field.name: _written(getattr(refused, field.name), language, today)
        for field in fields(refused)
    }
    text = sentence.words.of(language).format_map({**sentence.facts, **held, **places})
    return Said(text, sentence.status)


def _written(value: object, language: Language, today: date) -> object:
    if isinstance(value, datetime):
        return format_time(value, language, today)
    if isinstance(value, date):
        return format_day(value, language, today)
    return value
