"""What the platform asks of whoever carries its messages (SMS providers, WeChat)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


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
    """Nobody can tell: no answer in time. It is sent again under the same key."""


Outcome = Sent | Failed | Unknown


class Gateway(Protocol):
    """One way to reach a person."""

    async def send(
        self, key: str, kind: str, to: str, text: str, params: Mapping[str, str]
    ) -> Outcome:
        """Send one message, or say why not.

        `key` is the message's own: a gateway that has sent it must not send it twice.
        `to` is a phone as +86 and eleven digits. `text` is the whole message; `params` are
        the values in it, for providers that keep the templates themselves.
        """
