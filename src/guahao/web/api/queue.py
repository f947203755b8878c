"""A booking's place in the queue of the visit day, as its owner and the hospital read it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.hall.queues import OwnQueue
from guahao.rules.hall.calling import QueueState
from guahao.store.hall.queues import OwnPlace
from guahao.web.api.sessions import clock

QUEUE_STATES = tuple(state.value for state in QueueState if state is not QueueState.EXPECTED)
State = Annotated[str, msgspec.Meta(extra_json_schema={"enum": QUEUE_STATES})]


class QueueOut(msgspec.Struct):
    """The queue number with its time range; null until the hospital's system has given it.

    `now` and `before`, for the owner only: the number called last, and about how many people are
    called before.
    """

    number: int | None
    comes_from: str | None
    comes_until: str | None
    state: State
    room: str
    now: int | UnsetType | None = UNSET
    before: int | UnsetType = UNSET


def place_out(place: OwnPlace) -> QueueOut:
    """Return a place as the hospital reads it."""
    return QueueOut(
        place.number, clock(place.comes_from), clock(place.comes_until), place.state, place.room
    )


def queue_out(queue: OwnQueue) -> QueueOut:
    """Return a place as its owner reads it."""
    shown = place_out(queue.place)
    shown.now, shown.before = queue.now, queue.before
    return shown
