"""The interface of a gateway for messages: an SMS provider, or WeChat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway has accepted the message; `delivered`: it has already arrived."""

    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The gateway has rejected the message. Permanent: it always will (no such number)."""

    permanent: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """No response in time. The message is looked up before it is sent again."""


Outcome = Sent | Failed | Unknown


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message, ready to be sent.

    `key` is its own: the same at every attempt, and no other message's. `to` is a phone as
    +86 and eleven digits, or an openid. `text` is the whole message in `language`; `params`
    are its facts, for providers that have the templates themselves.
    `appointment_id`: the booking that it is about, if any, for a link to it.
    """

    key: str
    kind: str
    to: str
    text: str
    params: Mapping[str, str]
    language: str
    appointment_id: int | None = None


class Gateway(ABC):
    """A channel to reach a person.

    A gateway that has sent a key must not send it twice; or it can look the key up.
    `languages`: those in which it can speak; in any other the message is in Chinese.
    """

    languages: frozenset[str] = frozenset({"zh", "en"})

    @abstractmethod
    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        """Send a message; return the outcome."""

    async def look_up(self, key: str, to: str, first_tried: timedelta) -> Outcome | None:  # noqa: ARG002
        """Look up a message that may have been sent; return None where it was not.

        Called before every attempt but the first. `first_tried`: how long ago, at the most.
        A gateway that knows its keys has nothing to look up.
        """
        return None
