"""What the platform asks of whoever carries its messages (SMS providers, WeChat)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway has taken the message; `delivered`: it is already where it should be."""

    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The gateway has not taken the message. Permanent: it never will (no such number)."""

    permanent: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell: no answer in time. It is looked up before it is sent again."""


Outcome = Sent | Failed | Unknown


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message, ready to be carried.

    `key` is its own: the same at every attempt, and no other message's. `to` is a phone as
    +86 and eleven digits, or an openid. `text` is the whole message in `language`; `params`
    are the facts that it tells of, for providers that keep the templates themselves.
    `appointment_id`: the booking it tells of, where it is one, for a link to it.
    """

    key: str
    kind: str
    to: str
    text: str
    params: Mapping[str, str]
    language: str
    appointment_id: int | None = None


class Gateway(ABC):
    """One way to reach a person.

    A gateway that has sent a key must not send it twice; or it can look the key up.
    `languages`: those in which it can speak; in any other the message is in Chinese.
    """

    languages: frozenset[str] = frozenset({"zh", "en"})

    @abstractmethod
    async def send(self, parcel: Parcel) -> Outcome:
        """Send one message, or say why not."""

    async def look_up(self, key: str, to: str, first_tried: timedelta) -> Outcome | None:  # noqa: ARG002
        """What became of a message that may have been sent; None: it has not been sent.

        Asked before every attempt but the first. `first_tried`: how long ago, at the most.
        A gateway that knows its keys has nothing to look up.
        """
        return None
