"""A person at a hospital's window with the document in hand: what the clerk may do."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

LOOK_UPS_AN_HOUR = 60
WRONG_PHONES_A_DAY = 5  # for a person, over all clerks
IN_HAND_FOR = timedelta(minutes=30)


class CounterRefusal(StrEnum):
    """Why nothing is done at the window, besides what registering and moving refuse."""

    ORIGINAL_NOT_SEEN = "counter_original_not_seen"
    REASON_NEEDED = "counter_reason_needed"
    LOOK_UP_AGAIN = "counter_look_up_again"
    TOO_MANY = "counter_too_many"
    PHONE_DIFFERS = "counter_phone_differs"
    PHONE_IN_USE = "counter_phone_in_use"
    SMS_GO_THERE = "counter_sms_go_there"


def is_in_hand(seen_at: datetime, now: datetime) -> bool:
    """Return whether a document that was looked up then still counts as in the clerk's hand."""
    return now - seen_at < IN_HAND_FOR


def decide_look_up(look_ups: int) -> CounterRefusal | None:
    """Return why a person is not looked up; `look_ups`: the clerk's this hour, including this."""
    return CounterRefusal.TOO_MANY if look_ups > LOOK_UPS_AN_HOUR else None


def decide_phone(*, is_landline: bool, has_patients: bool) -> CounterRefusal | None:
    """Return why nobody is registered to a phone.

    A mobile phone that has a patient takes another by its own log-in, or by moving with a code.
    """
    return CounterRefusal.PHONE_IN_USE if has_patients and not is_landline else None


def decide_check(tries: int, *, right: bool) -> CounterRefusal | None:
    """Return why a person is not marked as checked; `tries`: today's, including this.

    `right`: the person named the registered phone. A person who cannot must not confirm a
    stranger's registration, and moves it to their own phone instead.
    """
    if tries > WRONG_PHONES_A_DAY:
        return CounterRefusal.TOO_MANY
    return None if right else CounterRefusal.PHONE_DIFFERS


def decide_slips(*, on_landline: bool) -> CounterRefusal | None:
    """Return why codes are not printed: SMS bring them to a mobile phone."""
    return None if on_landline else CounterRefusal.SMS_GO_THERE
