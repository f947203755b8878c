"""Asking before an act that takes something away: what will happen, and why it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guahao.rules.kernel.reasons import REASON_MAX, full_reason
from guahao.rules.kernel.text import prose
from guahao.web.http.answers import Answer
from guahao.web.staff.page import StaffPage

CONFIRMED = "confirmed"
REASON = "reason"
_UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True)
class Act:
    """A destructive act in words. `question` names what it is done to; `consequences` is what
    will happen, a sentence each; `button` is the act; `back` leads away without it.
    """

    question: str
    consequences: Sequence[str]
    button: str
    back: str
    tab: str = ""


def confirmed(page: StaffPage, act: Act) -> str | Answer:
    """Return the reason, once it was asked for and given; until then the page that asks.

    The page sends the same fields to the same address again, with the reason. The reason belongs
    into the trail: give it to the flow.
    """
    typed = page.form.get(REASON, "")
    asked = page.form.get(CONFIRMED) == "yes"
    if asked and (reason := full_reason(typed)) is not None:
        return reason
    return page.show(
        "staff/confirm.html",
        _UNPROCESSABLE if asked else 200,
        act=act,
        fields={name: text for name, text in page.form.items() if name not in (CONFIRMED, REASON)},
        reason=prose(typed)[:REASON_MAX],
        refused=page.say("请写明原因，2到200个字。") if asked else "",
    )
