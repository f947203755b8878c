"""The status and sentence of every refusal on a page of the staff.

One module a room of the rules. A new reason needs an entry; a test checks this. What programs are
told, and citizens of a booking, is in `web/words/replies.py`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

from guahao.rules.kernel.outcomes import Refused
from guahao.web.words.refusals.sentence import Sentences
from guahao.web.words.refusals.supply import SUPPLY
from guahao.words.catalogue import Language

REFUSALS: Sentences = {**SUPPLY}


class Said(NamedTuple):
    """A refusal in the reader's language, and the status of the answer."""

    text: str
    status: int


def said(refused: Refused[Any], language: Language) -> Said:
    """Return the sentence of a refusal, filled in with what else the refusal holds."""
    sentence = REFUSALS[type(refused.reason)][refused.reason]
    held = {field.name: getattr(refused, field.name) for field in fields(refused)}
    text = sentence.words.of(language).format_map({**sentence.facts, **held})
    return Said(text, sentence.status)
