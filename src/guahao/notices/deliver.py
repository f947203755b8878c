"""Send the messages that wait: claim, make the words, send, record.

At least once: a message is claimed in one transaction and recorded in another, and between
them it is sent outside any. Who dies in between leaves a claim whose lease ends; the message
is then looked up, and sent again under the same key where the gateway does not know it.

In the quiet hours of the policy a claimed message that can wait is held until the morning.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from guahao.notices.gateway import Failed, Gateway, Outcome, Parcel, Sent, Unknown
from guahao.notices.steady import SteadyClock
from guahao.notices.templates import FALLBACK_LANGUAGE, Context, notice
from guahao.rules.limits import Policy
from guahao.rules.messages.quiet_hours import held_until, visit_start
from guahao.store import messages
from guahao.store.db import Database
from guahao.store.messages import Outgoing
from guahao.store.policy_book import PolicyBook
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
    """Takes messages from the database to the gateway of their channel.

    `wechat`: None where the platform has no Official Account; SMS are then all there is.
    """

    db: Database
    vault: Vault
    policies: PolicyBook
    hotline: str
    gateway: Gateway
    wechat: Gateway | None = None
    steady: SteadyClock = field(default_factory=SteadyClock)

    async def deliver(self, message_ids: Sequence[int]) -> list[TryAgain]:
        """Send those of these messages that wait and that nobody else is sending."""
        again = []
        for start in range(0, len(message_ids), CHUNK):
            again += await self._deliver_chunk(message_ids[start : start + CHUNK])
        return again

    async def ask_for_receipts(self, message_ids: Sequence[int]) -> None:
        """Look up what became of SMS that the provider took and has said nothing of since."""
        async with self.db.transaction() as tx:
            waiting = await messages.load(tx, self.vault, message_ids)
            now = tx.now
        places = asyncio.Semaphore(SENDS_AT_ONCE)
        found = await asyncio.gather(
            *(self._look_up(places, message, now - message.created_at) for message in waiting),
            return_exceptions=True,
        )
        outcomes = [
            (message.id, _answered(message, outcome))
            for message, outcome in zip(waiting, found, strict=True)
            if outcome is not None
        ]
        delivered = [id for id, outcome in outcomes if outcome == Sent(delivered=True)]
        failed = [id for id, outcome in outcomes if outcome == Failed(permanent=True)]
        async with self.db.transaction() as tx:
            await messages.record_receipts(tx, delivered, failed)

    async def _look_up(
        self, places: asyncio.Semaphore, message: Outgoing, first_tried: timedelta
    ) -> Outcome | None:
        async with places, asyncio.timeout(SEND_TIMEOUT_SECONDS):
            return await self.gateway.look_up(_key(message), message.to or "", first_tried)

    async def _deliver_chunk(self, message_ids: Sequence[int]) -> list[TryAgain]:
        async with self.db.transaction() as tx:
            claimed = await messages.claim(tx, message_ids, wechat=self.wechat is not None)
        async with self.db.transaction() as tx:
            waiting = await messages.load(tx, self.vault, claimed)
            context = Context(await self.policies.read(tx), self.hotline, tx.now)
            held = _held(waiting, context, self.steady.moments(tx.now))
            if held:
                await messages.hold(tx, held)
        ready = [message for message in waiting if message.id not in held]
        states = await self._send_all(ready, context)
        if states:
            async with self.db.transaction() as tx:
                await messages.record(tx, {id: state for id, state in states.items() if state})
        again = _try_again([message for message in ready if states[message.id] is None])
        return [*([again] if again else []), *_in_the_morning(held, context.now)]

    async def _send_all(
        self, waiting: Sequence[Outgoing], context: Context
    ) -> dict[int, str | None]:
        """The new state of each message; None where it is to be tried again."""
        states: dict[int, str | None] = {message.id: "expired" for message in waiting}
        ready = [errand for message in waiting if (errand := self._errand(message, context))]
        places = asyncio.Semaphore(SENDS_AT_ONCE)
        outcomes = await asyncio.gather(
            *(_carry(places, errand) for errand in ready), return_exceptions=True
        )
        for errand, outcome in zip(ready, outcomes, strict=True):
            message = errand.message
            states[message.id] = _state(message, _answered(message, outcome))
        return states

    def _errand(self, message: Outgoing, context: Context) -> _Errand | None:
        """Who carries the message, and in which words; None where it is of no use any more."""
        gateway = self.wechat if message.channel == "wechat" else self.gateway
        to = message.to
        if gateway is None or to is None:
            return None
        if message.language not in gateway.languages:
            message = replace(message, language=FALLBACK_LANGUAGE)
        words = notice(message, context)
        if words is None:
            return None
        about = message.appointment.id if message.appointment else None
        parcel = Parcel(
            *(_key(message), message.kind, to, words.text, words.params),
            *(message.language, about),
        )
        return _Errand(message, gateway, parcel, context.now - message.created_at)


def _held(
    waiting: Sequence[Outgoing], context: Context, moments: Sequence[datetime]
) -> dict[int, datetime]:
    """Return until when each message that can wait is held."""
    policy = context.policies.on(context.now.date())
    holds = ((message.id, _hold(message, policy, moments)) for message in waiting)
    return {message_id: until for message_id, until in holds if until is not None}


def _hold(message: Outgoing, policy: Policy, moments: Sequence[datetime]) -> datetime | None:
    if message.appointment is None:
        return held_until(moments, policy, expires_at=message.expires_at)
    session = message.appointment.session
    return held_until(
        moments,
        policy,
        expires_at=message.expires_at,
        status=message.appointment.status,
        visit=visit_start(session.visit_date, session.period, session.starts_at, moments[0]),
    )


def _in_the_morning(held: Mapping[int, datetime], now: datetime) -> list[TryAgain]:
    """Deliver what is held when its quiet hours end; a second later, for clocks that differ."""
    by_end: dict[datetime, list[int]] = {}
    for message_id, until in held.items():
        by_end.setdefault(until, []).append(message_id)
    return [
        TryAgain(ids, max(1, math.ceil((until - now).total_seconds()) + 1))
        for until, ids in by_end.items()
    ]


def _key(message: Outgoing) -> str:
    return f"m{message.id}"


@dataclass(frozen=True, slots=True)
class _Errand:
    """A message, its gateway, and how long ago it was first tried, at the most."""

    message: Outgoing
    gateway: Gateway
    parcel: Parcel
    first_tried: timedelta


async def _carry(places: asyncio.Semaphore, errand: _Errand) -> Outcome:
    """Send it; what may have been sent before only where the gateway does not know of it."""
    gateway, parcel = errand.gateway, errand.parcel
    async with places, asyncio.timeout(SEND_TIMEOUT_SECONDS):
        if errand.message.attempts > 1:
            known = await gateway.look_up(parcel.key, parcel.to, errand.first_tried)
            if known is not None:
                return known
        return await gateway.send(parcel)


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
