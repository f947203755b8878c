"""The status and sentence of every refusal on a page of the staff.

One module a room of the rules. A new reason needs an entry; a test checks this. What programs are
told, and citizens of a booking, is in `web/words/replies.py`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

from guahao.rules.kernel.outcomes import Refused
from guahao.web.words.refusals.attendance import ATTENDANCE
from guahao.web.words.refusals.hospitals import HOSPITALS
from guahao.web.words.refusals.integration import INTEGRATION
from guahao.web.words.refusals.people import PEOPLE
from guahao.web.words.refusals.policy import POLICY
from guahao.web.words.refusals.reports import REPORTS
from guahao.web.words.refusals.sentence import Sentences
from guahao.web.words.refusals.supply import SUPPLY
from guahao.words.catalogue import Language

REFUSALS: Sentences = {
    **ATTENDANCE,
    **HOSPITALS,
    **INTEGRATION,
    **PEOPLE,
    **POLICY,
    **REPORTS,
    **SUPPLY,
}


class Said(NamedTuple):
    """A refusal in the reader's language, and the status of the answer."""

    text: str
    status: int


def said(refused: Refused[Any], language: Language, **places: object) -> Said:
    """Return the sentence of a refusal, filled in with what else the refusal and the page hold."""
    sentence = REFUSALS[type(refused.reason)][refused.reason]
    held = {field.name: getattr(refused, field.name) for field in fields(refused)}
    text = sentence.words.of(language).format_map({**sentence.facts, **held, **places})
    return Said(text, sentence.status)
