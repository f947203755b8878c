"""The keys of the call centre's pages: an action has the same key wherever it is.

Function keys type nothing, so they act in a field, too. Rows have the digits, which desk.js
gives out to what a page lists; in a field they act with Alt only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Each action by its name, with its key."""

    go: str = "F2"  # on with what the page is for
    register: str = "F3"  # a new caller
    send: str = "F4"  # an SMS to the registered phone
    apply: str = "F6"  # for places by draw
    reschedule: str = "F7"
    cancel: str = "F8"
    hang_up: str = "F9"
    back: str = "F10"


KEYS = Keys()
