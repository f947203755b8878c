"""Send the messages that wait: claim, render, send, record.

At least once: a message is claimed in one transaction and recorded in another, and between
them it is sent outside any. A worker that dies in between leaves a claim whose lease ends; the
message is then looked up, and sent again under the same key where the gateway does not know it.

A worker that was stopped and goes on after its lease (a zombie) sends nothing any more: before
each send it looks at a clock that runs while the process, or the machine, is stopped. Only where
it was stopped within the call to the gateway can both send; then the gateway's own handling of
the key decides.

A message of which a record does not open, or that cannot be put into words, fails alone: it is
tried a few times, as another worker may have the right keys, and then ends as failed.

In the quiet hours of the policy a claimed message that can wait is held until the morning.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from guahao.clock import uptime
from guahao.notices.gateway import Failed, Gateway, Outcome, OutgoingMessage, Sent, Unknown
from guahao.notices.steady import SteadyClock
from guahao.notices.templates import FALLBACK_LANGUAGE, Context, notice
from guahao.rules.kernel.limits import Policy
from guahao.rules.messages.quiet_hours import held_until, visit_start
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.messages import messages
from guahao.store.messages.messages import ClaimedMessage, UnreadableMessage
from guahao.store.policy.policy_book import PolicyBook

CHUNK = 16  # all sent at once, so that none waits within its lease for another's answer
SEND_TIMEOUT_SECONDS = 20.0
SHORT_SEND_TIMEOUT_SECONDS = 8.0  # of what soon expires
FIRST_WAIT_SECONDS = 120
LONGEST_WAIT_SECONDS = 480
SHORT_FIRST_WAIT_SECONDS = 5  # of what soon expires: a person waits for it
UNREADABLE_ATTEMPTS = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Messages to retry, and in how many seconds."""

    message_ids: list[int]
    wait_seconds: int
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class MessageSender:
    """Sends messages from the database through the gateway of their channel.

    `wechat`: None where the platform has no Official Account; SMS are then all there is.
    """

    db: Database
    vault: Vault
    policies: PolicyBook
    hotline: str
    gateway: Gateway
    wechat: Gateway | None = None
    steady: SteadyClock = field(default_factory=SteadyClock)
    uptime: Callable[[], float] = uptime

    async def deliver(self, message_ids: Sequence[int]) -> list[TryAgain]:
        """Send those of these messages that wait and that no other worker is sending."""
        again = []
        for start in range(0, len(message_ids), CHUNK):
            again += await self._deliver_chunk(message_ids[start : start + CHUNK])
        return again

    async def ask_for_receipts(self, message_ids: Sequence[int]) -> None:
        """Look up SMS that the provider accepted and has sent no receipt for."""
        async with self.db.transaction() as tx:
            waiting = (await messages.load(tx, self.vault, message_ids)).outgoing
            now = tx.now
        places = asyncio.Semaphore(CHUNK)
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
        self, places: asyncio.Semaphore, message: ClaimedMessage, first_tried: timedelta
    ) -> Outcome | None:
        async with places, asyncio.timeout(SEND_TIMEOUT_SECONDS):
            return await self.gateway.look_up(_key(message), message.to or "", first_tried)

    async def _deliver_chunk(self, message_ids: Sequence[int]) -> list[TryAgain]:
        claimed_at = self.uptime()
        async with self.db.transaction() as tx:
            claimed = await messages.claim(tx, message_ids, wechat=self.wechat is not None)
        async with self.db.transaction() as tx:
            loaded = await messages.load(tx, self.vault, claimed)
            context = Context(await self.policies.read(tx), self.hotline, tx.now)
            held = _held(loaded.outgoing, context, self.steady.moments(tx.now))
            if held:
                await messages.hold(tx, held)
        ready = [message for message in loaded.outgoing if message.id not in held]
        tried: list[ClaimedMessage | UnreadableMessage] = [*ready, *loaded.unreadable]
        outcomes = await self._send_all(ready, context, claimed_at)
        outcomes |= {one.id: _unreadable(one, "VaultError") for one in loaded.unreadable}
        states = {message.id: _state(message, outcomes[message.id]) for message in tried}
        attempts = {message.id: message.attempts for message in tried}
        again = _try_again([message for message in tried if states[message.id] is None])
        waits = {id: later.wait_seconds for later in again for id in later.message_ids}
        async with self.db.transaction() as tx:
            over = {id: (state, attempts[id]) for id, state in states.items() if state}
            if over:
                await messages.record(tx, over)
            if waits:
                await messages.retry(tx, {id: (attempts[id], wait) for id, wait in waits.items()})
        return [*again, *_in_the_morning(held, context.now)]

    async def _send_all(
        self, waiting: Sequence[ClaimedMessage], context: Context, claimed_at: float
    ) -> dict[int, Outcome | _Expired]:
        """Return what came of each message."""
        outcomes: dict[int, Outcome | _Expired] = {}
        errands = []
        for message in waiting:
            try:
                errand = self._errand(message, context, claimed_at)
            except Exception as error:  # noqa: BLE001 - of this message alone
                outcomes[message.id] = _unreadable(message, type(error).__name__)
                continue
            if errand is None:
                outcomes[message.id] = _Expired()
            else:
                errands.append(errand)
        found = await asyncio.gather(
            *(self._carry(errand) for errand in errands), return_exceptions=True
        )
        for errand, outcome in zip(errands, found, strict=True):
            outcomes[errand.message.id] = _answered(errand.message, outcome)
        return outcomes

    def _errand(
        self, message: ClaimedMessage, context: Context, claimed_at: float
    ) -> _Errand | None:
        """Return the message in words, with its gateway; None where it is of no use any more."""
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
        outgoing = OutgoingMessage(
            *(_key(message), message.kind, to, words.text, words.params),
            *(message.language, about),
        )
        lease, timeout = messages.LEASE.total_seconds(), SEND_TIMEOUT_SECONDS
        if message.expires_at is not None:
            left = (message.expires_at - context.now).total_seconds()
            lease = min(messages.SHORT_LEASE.total_seconds(), left)
            timeout = min(SHORT_SEND_TIMEOUT_SECONDS, lease)
        first_tried = context.now - message.created_at
        return _Errand(message, gateway, outgoing, first_tried, claimed_at + lease, timeout)

    async def _carry(self, errand: _Errand) -> Outcome:
        """Send a message; one that may have been sent before only if the gateway has no record.

        Nothing where its lease might end meanwhile: another worker may send it then.
        """
        gateway, outgoing = errand.gateway, errand.outgoing
        async with asyncio.timeout(errand.timeout_seconds):
            if errand.message.attempts > 1:
                known = await gateway.look_up(outgoing.key, outgoing.to, errand.first_tried)
                if known is not None:
                    return known
            if self.uptime() + errand.timeout_seconds > errand.lease_ends:
                log.warning("message_lease_over", message_id=errand.message.id)
                return Failed(permanent=False)
            return await gateway.send(outgoing)


def _held(
    waiting: Sequence[ClaimedMessage], context: Context, moments: Sequence[datetime]
) -> dict[int, datetime]:
    """Return until when each message that can wait is held."""
    policy = context.policies.on(context.now.date())
    holds = ((message.id, _hold(message, policy, moments)) for message in waiting)
    return {message_id: until for message_id, until in holds if until is not None}


def _hold(message: ClaimedMessage, policy: Policy, moments: Sequence[datetime]) -> datetime | None:
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


def _key(message: ClaimedMessage) -> str:
    return f"m{message.id}"


@dataclass(frozen=True, slots=True)
class _Errand:
    """A message, its gateway, and how long ago it was first tried, at the most.

    `lease_ends`: the uptime until which nobody else claims it, or until which it is of use.
    """

    message: ClaimedMessage
    gateway: Gateway
    outgoing: OutgoingMessage
    first_tried: timedelta
    lease_ends: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class _Expired:
    """The message is of no use any more, or nobody is left to receive it."""


def _answered(message: ClaimedMessage, outcome: Outcome | BaseException) -> Outcome:
    """Return the gateway's answer; where it raised or timed out, the outcome is unknown."""
    if not isinstance(outcome, BaseException):
        return outcome
    # The error's type alone: its text may quote the message or the phone.
    log.warning("message_unanswered", message_id=message.id, error=type(outcome).__name__)
    return Unknown()


def _unreadable(message: ClaimedMessage | UnreadableMessage, error: str) -> Failed:
    log.error(
        "message_unreadable",
        message_id=message.id,
        kind=message.kind,
        attempts=message.attempts,
        error=error,
        advice="run: guahao audit",
    )
    return Failed(permanent=message.attempts >= UNREADABLE_ATTEMPTS)


def _state(message: ClaimedMessage | UnreadableMessage, outcome: Outcome | _Expired) -> str | None:
    """Return the message's new state; None where it is to be tried again."""
    last = message.attempts >= messages.ATTEMPTS_MAX
    match outcome:
        case Sent(delivered):
            return "delivered" if delivered else "submitted"
        case Failed(permanent):
            return "failed" if permanent or last else None
        case Unknown():
            return "unknown" if last else None
        case _Expired():
            return "expired"


def _try_again(left: Sequence[ClaimedMessage | UnreadableMessage]) -> list[TryAgain]:
    """Wait 2, 4, then 8 minutes each time, by the message that was tried least.

    What soon expires is tried again in 5, 10, 20 s and so on.
    """
    again = []
    for soon_expired in (True, False):
        some = [
            message
            for message in left
            if (isinstance(message, ClaimedMessage) and message.expires_at is not None)
            is soon_expired
        ]
        if not some:
            continue
        first = SHORT_FIRST_WAIT_SECONDS if soon_expired else FIRST_WAIT_SECONDS
        doublings = min(message.attempts for message in some) - 1
        wait = min(first * 2 ** min(doublings, 8), LONGEST_WAIT_SECONDS)
        again.append(TryAgain([message.id for message in some], wait, urgent=soon_expired))
    return again
