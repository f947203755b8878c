"""Push a hospital's events: in order per appointment, retried until they are taken, for days.

A round reads what is due, sends it, and saves the outcome. What is killed in between is sent
again: the receiver recognises an event by its id. No transaction is open while events are sent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from guahao.pushing.bodies import body_of
from guahao.pushing.sender import IN_FLIGHT, ReceiverPool, SendFailure, WebhookSender
from guahao.pushing.signing import signed_headers
from guahao.rules.integration.pushing import (
    FAILURES_UNTIL_OPEN,
    GIVE_UP_AFTER,
    Undelivered,
    is_hopeless,
    probe_wait,
    retry_wait,
)
from guahao.store.integration import hospital_events as log
from guahao.store.integration import webhooks as store
from guahao.store.integration.hospital_bookings import HospitalBooking, by_id
from guahao.store.integration.hospital_events import EventCursor, EventsForgotten, HospitalEvent
from guahao.store.integration.webhooks import Attempt, Delivery, Webhook
from guahao.store.kernel.db import Database, Tx
from guahao.store.kernel.vault import Vault

ROUND = 64  # appointments in a round at most
ROUNDS_A_RUN = 500
CONNECTIONS = 2
_READ_AT_ONCE = 4 * ROUND

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Round:
    """What a round sends: a list for each appointment, each in order."""

    webhook: Webhook
    keys: list[str]
    cursor: EventCursor
    turns: dict[int, list[Delivery]] = field(default_factory=dict)
    left: list[Attempt] = field(default_factory=list)  # what waits, or is dead, without a try
    bookings: Mapping[int, HospitalBooking] = field(default_factory=dict)
    retried: set[int] = field(default_factory=set)

    @property
    def room(self) -> int:
        """Return how many appointments still fit; a hospital that was down gets one as a probe."""
        return (1 if self.is_probe else ROUND) - len(self.turns)

    @property
    def is_probe(self) -> bool:
        """Return whether the round only tests if the hospital answers again."""
        return self.webhook.failures_in_row >= FAILURES_UNTIL_OPEN


@dataclass(slots=True)
class _Course:
    """The progress of a round. `failures_in_row` counts on from the rounds before."""

    failures_in_row: int
    delivered: list[int] = field(default_factory=list)
    failed: int = 0
    error: str = ""
    tried: list[Attempt] = field(default_factory=list)

    @property
    def is_hopeless(self) -> bool:
        return self.failures_in_row >= FAILURES_UNTIL_OPEN and self.failed > 0


class Pusher:
    """Pushes for any hospital; `chance` spreads the waits, 0 to 1."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        sender: WebhookSender,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._vault = vault
        self._sender = sender
        self._chance = chance
        self._turns = asyncio.Semaphore(CONNECTIONS)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Tx]:
        """Limit the connections: runs of all hospitals at once must not take every one."""
        async with self._turns, self._db.transaction() as tx:
            yield tx

    async def hospitals_due(self) -> list[int]:
        """Return the hospitals to push for now."""
        async with self._transaction() as tx:
            return await store.with_something_due(tx)

    async def push(self, hospital_id: int) -> None:
        """Send a hospital all that is due, until there is nothing, or it does not answer."""
        async with self._transaction() as tx:
            run = await store.begin_run(tx, hospital_id)
            webhook = None if run is None else await store.of_run(tx, hospital_id, run)
        if run is None or webhook is None:
            return
        connection = self._sender.connect(webhook.url)
        try:
            for _ in range(ROUNDS_A_RUN):
                if not await self._round(hospital_id, run, connection):
                    return
        finally:
            await connection.close()

    async def _round(self, hospital_id: int, run: int, connection: ReceiverPool) -> bool:
        """Run a round; return whether another may find something to do."""
        async with self._transaction() as tx:
            this = await self._prepare(tx, hospital_id, run)
        if this is None:
            return False
        course = _Course(this.webhook.failures_in_row)
        if this.turns:
            await self._send(this, connection, course)
        moved = this.cursor != this.webhook.cursor
        return await self._record(hospital_id, run, this, course) and (
            bool(course.delivered) or course.failed > 0 or moved
        )

    # What is sent now --------------------------------------------------------------------

    async def _prepare(self, tx: Tx, hospital_id: int, run: int) -> Round | None:
        webhook = await store.of_run(tx, hospital_id, run)
        if webhook is None or (webhook.probe_at is not None and webhook.probe_at > tx.now):
            return None
        await store.give_up(tx, hospital_id, tx.now - GIVE_UP_AFTER)
        keys = await store.secrets_of(tx, self._vault, hospital_id)
        this = Round(webhook, keys, webhook.cursor)
        if not this.is_probe:
            await self._take_due(tx, this)
        found = await log.changes(tx, hospital_id, webhook.cursor, _READ_AT_ONCE)
        if isinstance(found, EventsForgotten):
            logger.warning("webhook_events_forgotten", hospital=hospital_id)
            this.cursor = found.go_on_from
        else:
            _take(this, found, await store.waiting_appointments(tx, hospital_id), tx.now)
        if this.is_probe:
            # What is new first: what failed before may be refused for itself.
            await self._take_due(tx, this)
        this.bookings = await by_id(tx, self._vault, hospital_id, list(this.turns))
        return this

    async def _take_due(self, tx: Tx, this: Round) -> None:
        hospital_id = this.webhook.hospital_id
        for delivery in await store.due(tx, hospital_id, this.room, any_time=this.is_probe):
            this.turns[delivery.appointment_id] = [delivery]
            this.retried.add(delivery.event_id)

    # Sending it ---------------------------------------------------------------------------

    async def _send(self, this: Round, connection: ReceiverPool, course: _Course) -> None:
        turns = iter(list(this.turns.values()))

        async def caller() -> None:
            for turn in turns:
                await self._send_turn(this, connection, turn, course)

        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))

    async def _send_turn(
        self, this: Round, connection: ReceiverPool, turn: Sequence[Delivery], course: _Course
    ) -> None:
        """Send an appointment's events in order, until one is not taken."""
        for place, delivery in enumerate(turn):
            now = self._db.clock()
            if course.is_hopeless:
                course.tried += [
                    _waiting(rest, now)
                    for rest in turn[place:]
                    if rest.event_id not in this.retried  # waits already, and says why
                ]
                return
            body = body_of(delivery, this.bookings[delivery.appointment_id])
            headers = signed_headers(this.keys, delivery.event_id, body, now)
            failure = await connection.send(body, headers)
            if failure is not None:
                course.tried.append(self._failed(delivery, failure, course))
                course.tried += [_waiting(rest, now) for rest in turn[place + 1 :]]
                return
            course.failures_in_row = 0
            course.delivered.append(delivery.event_id)

    def _failed(self, delivery: Delivery, failure: SendFailure, course: _Course) -> Attempt:
        now, attempts = self._db.clock(), delivery.attempts + 1
        course.failed += 1
        course.failures_in_row = 0 if failure.of_event_alone else course.failures_in_row + 1
        course.error = failure.error
        dead_at = now if is_hopeless(delivery.due_since, now) else None
        wait = retry_wait(attempts, self._chance())
        return Attempt(delivery, attempts, now + wait, dead_at, failure.error)

    # The outcome -------------------------------------------------------------------------

    async def _record(self, hospital_id: int, run: int, this: Round, course: _Course) -> bool:
        wait = probe_wait(course.failures_in_row, self._chance())
        async with self._transaction() as tx:
            result = store.RunResult(
                this.cursor,
                course.failures_in_row,
                None if wait is None else tx.now + wait,
                len(course.delivered),
                course.failed,
                course.error,
            )
            if not await store.finish_round(tx, hospital_id, run, result):
                return False
            await store.save_deliveries(tx, hospital_id, [*this.left, *course.tried])
            if this.retried:
                await store.drop_delivered(tx, course.delivered)
            if this.is_probe and course.failures_in_row == 0:
                await store.retry_now(tx, hospital_id)
        if course.failed:
            logger.warning(
                "webhook_failed", hospital=hospital_id, failed=course.failed, error=course.error
            )
        return True


def _take(this: Round, events: Sequence[HospitalEvent], waiting: set[int], now: datetime) -> None:
    """Assign the next events of the log to their appointments, as long as there is room."""
    for event in events:
        delivery = Delivery(event.id, event.appointment_id, event.kind, event.at, 0, event.at)
        if event.kind in this.webhook.kinds:
            if is_hopeless(event.at, now):
                this.left.append(Attempt(delivery, 0, now, now, Undelivered.TOO_OLD))
            elif event.appointment_id in waiting:
                this.left.append(_waiting(delivery, now))
            elif event.appointment_id in this.turns and not this.is_probe:
                this.turns[event.appointment_id].append(delivery)
            elif this.room > 0:
                this.turns[event.appointment_id] = [delivery]
            else:
                return
        this.cursor = event.cursor


def _waiting(delivery: Delivery, now: datetime) -> Attempt:
    return Attempt(delivery, delivery.attempts, now, None, Undelivered.WAITS)
