"""Whether the patients of a stopped clinic know of it, for the window that sees whom it hits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reach(StrEnum):
    """How far the news has come to a patient; those to be called first."""

    UNREACHED = "unreached"
    TO_CALL = "to_call"
    ON_THE_WAY = "on_the_way"
    WAITING = "waiting"
    DELIVERED = "delivered"
    CALLED = "called"
    ANSWERED = "answered"
    RESTORED = "restored"

    @property
    def is_missing(self) -> bool:
        """Return whether somebody has to call."""
        return self in (Reach.UNREACHED, Reach.TO_CALL)


@dataclass(frozen=True, slots=True)
class ReachFacts:
    """What is known of a booking that a stop took, or that a substitute sees.

    `message`: the state of its message, None where the patient has no phone. `call`: None without
    a call task, "open", or the word under which it was closed. `offer`: the state of the newest
    place that was offered instead.
    """

    status: str
    is_restored: bool
    is_notified: bool
    message: str | None
    call: str | None
    offer: str | None


def decide_reach(facts: ReachFacts) -> Reach:
    """Decide whether the patient knows, is to be called, or is still to be notified.

    Who answered an offer, cancelled or came knows, even if the message failed.
    """
    if facts.is_restored:
        return Reach.RESTORED
    if facts.offer in ("accepted", "declined") or facts.status not in ("booked", "stopped"):
        return Reach.ANSWERED
    if not facts.is_notified:
        return Reach.WAITING
    if facts.message == "delivered":
        return Reach.DELIVERED
    match facts.call:
        case "open":
            return Reach.TO_CALL
        case "reached" | "no_need":
            return Reach.CALLED
        case "given_up" | "wrong_number":
            return Reach.UNREACHED
        case _:
            is_on_the_way = facts.message in ("queued", "submitted")
            return Reach.ON_THE_WAY if is_on_the_way else Reach.UNREACHED
