"""Send the messages that wait: claim, make the words, send, record.

At least once: a message is claimed in one transaction and recorded in another, and between
them it is sent outside any. Who dies in between leaves a claim whose lease ends; the message
is then sent again under the same key, which a gateway sends only once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from guahao.notices.gateway import Failed, Gateway, Outcome, Sent, Unknown
from guahao.notices.templates import Context, Notice, notice
from guahao.rules.limits import Policy
from guahao.store import messages
from guahao.store.db import Database
from guahao.store.messages import Outgoing
from guahao.store.vault import Vault

# A claim's lease must outlast its sending: 64 messages, 16 at once, of at most 20 s each.
CHUNK = 64
SENDS_AT_ONCE = 16
SEND_TIMEOUT_SECONDS = 20
FIRST_WAIT_SECONDS = 120  # longer than the lease, or the next attempt would find it held
LONGEST_WAIT_SECONDS = 480

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Messages that still wait, and in how many seconds to deliver them again."""

    message_ids: list[int]
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Courier:
    """Takes messages from the database to a gateway."""

    db: Database
    vault: Vault
    policy: Policy
    hotline: str
    gateway: Gateway

    async def deliver(self, message_ids: Sequence[int]) -> list[TryAgain]:
        """Send those of these messages that wait and that nobody else is sending."""
        again = []
        for start in range(0, len(message_ids), CHUNK):
            rest = await self._deliver_chunk(message_ids[start : start + CHUNK])
            if rest is not None:
                again.append(rest)
        return again

    async def _deliver_chunk(self, message_ids: Sequence[int]) -> TryAgain | None:
        async with self.db.transaction() as tx:
            claimed = await messages.claim(tx, message_ids)
        async with self.db.transaction() as tx:
            waiting = await messages.load(tx, self.vault, claimed)
            context = Context(self.policy, self.hotline, tx.now)
        states = await self._send_all(waiting, context)
        async with self.db.transaction() as tx:
            await messages.record(tx, {id: state for id, state in states.items() if state})
        return _try_again([message for message in waiting if states[message.id] is None])

    async def _send_all(
        self, waiting: Sequence[Outgoing], context: Context
    ) -> dict[int, str | None]:
        """The new state of each message; None where it is to be tried again."""
        worded = {message.id: notice(message, context) for message in waiting}
        ready = [(message, words) for message in waiting if (words := worded[message.id])]
        places = asyncio.Semaphore(SENDS_AT_ONCE)
        outcomes = await asyncio.gather(
            *(self._send(places, message, words) for message, words in ready),
            return_exceptions=True,
        )
        states: dict[int, str | None] = dict.fromkeys(worded, "expired")
        for (message, _), outcome in zip(ready, outcomes, strict=True):
            states[message.id] = _state(message, _answered(message, outcome))
        return states

    async def _send(self, places: asyncio.Semaphore, message: Outgoing, words: Notice) -> Outcome:
        async with places, asyncio.timeout(SEND_TIMEOUT_SECONDS):
            return await self.gateway.send(
                f"m{message.id}", message.kind, message.to, words.text, words.params
            )


def _answered(message: Outgoing, outcome: Outcome | BaseException) -> Outcome:
    """The gateway's answer; where it raised or timed out, nobody can tell."""
    if not isinstance(outcome, BaseException):
        return outcome
    # The error's type alone: its text may quote the message or the phone.
    log.warning("message_unanswered", message_id=message.id, error=type(outcome).__name__)
    return Unknown()


def _state(message: Outgoing, outcome: Outcome) -> str | None:
    last = message.attempts >= messages.ATTEMPTS_MAX
    match outcome:
        case Sent(delivered):
            return "delivered" if delivered else "submitted"
        case Failed(permanent):
            return "failed" if permanent or last else None
        case Unknown():
            return "unknown" if last else None


def _try_again(left: Sequence[Outgoing]) -> TryAgain | None:
    """Wait 2, 4, then 8 minutes each time, by the message that was tried least."""
    if not left:
        return None
    doublings = min(message.attempts for message in left) - 1
    wait = min(FIRST_WAIT_SECONDS * 2 ** min(doublings, 8), LONGEST_WAIT_SECONDS)
    return TryAgain([message.id for message in left], wait)
