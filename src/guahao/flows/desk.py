"""The booking desk: what waits while a commit is under way becomes the next batch.

A lane has one batch in flight and no timer: an idle desk books one by one at once, a
busy one in batches. Requests for one session share a lane, so that a hot session never
makes two lanes wait for each other. Nothing here is needed for being right: a batch of
one takes the same path, other processes may book at the same time, PostgreSQL decides.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import psycopg
import structlog
from prometheus_client import Counter, Gauge, Histogram

from guahao.flows.accounts import Caller
from guahao.flows.booking import Answer, Wish, book_batch
from guahao.flows.kernel.velocity import Velocity
from guahao.flows.platform import Platform
from guahao.rules.facts import Actor
from guahao.rules.outcomes import KeyMismatch, NotLetIn, Refused

_log = structlog.get_logger("guahao.desk")
_batch_size = Histogram(
    "guahao_desk_batch_requests", "Requests a batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
_batch_seconds = Histogram(
    "guahao_desk_batch_seconds",
    "Time from taking a batch to its commit",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
_answers = Counter("guahao_desk_answers", "Answers by outcome", ["outcome"])
_waiting = Gauge(
    "guahao_desk_waiting_requests", "Requests in the queue", multiprocess_mode="livesum"
)

_TRIES = 3
_BUSY_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Busy:
    """The queue is full, or the desk is closing: nothing was done, come again."""

    retry_after_seconds: int = _BUSY_RETRY_SECONDS
    code: ClassVar[str] = "busy"


@dataclass(frozen=True, slots=True)
class TooFast:
    """The account, its address or its network tries to book too often: nothing was done."""

    retry_after_seconds: int
    code: ClassVar[str] = "too_many_bookings"


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """The database was lost around the commit: the same key asks what became of it."""

    retry_after_seconds: int = _BUSY_RETRY_SECONDS
    code: ClassVar[str] = "outcome_unknown"


NotDecided = Busy | TooFast | OutcomeUnknown
DeskAnswer = Answer | NotDecided


@dataclass(slots=True)
class _Waiting:
    wish: Wish
    answer: asyncio.Future[DeskAnswer]


class Desk:
    """Lanes of one batch in flight each, over one platform.

    `lanes`: batches in flight at once. `batch`: most requests in one transaction.
    `queue`: most requests waiting, over all lanes; beyond it the answer is Busy.
    """

    def __init__(self, platform: Platform, *, lanes: int, batch: int, queue: int) -> None:
        self._platform = platform
        self.velocity = Velocity(platform.settings, platform.rates)
        self._queue = queue
        self._waiting = 0
        self._open = False
        self._lanes = [_Lane(platform, batch, self._taken) for _ in range(lanes)]
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start the lanes."""
        self._open = True
        self._tasks = [asyncio.create_task(lane.work()) for lane in self._lanes]

    async def close(self) -> None:
        """Drain: take no more, answer all that waits, then stop."""
        self._open = False
        for lane in self._lanes:
            lane.close()
        await asyncio.gather(*self._tasks)

    async def book(
        self,
        actor: Actor,
        key: str,
        patient_id: int,
        session_id: int,
        channel: str,
        caller: Caller | None = None,
        log_in_id: int | None = None,
    ) -> DeskAnswer:
        """Book one place; returns when the answer is durable.

        A caller that goes away does not undo a batch that is under way. `caller`: from where
        an account books; its tries are counted. Staff book for everybody and are not limited.
        `log_in_id`: of an account's token; the batch finds out whether it has ended.
        """
        if caller is not None and actor.kind == "account":
            now = self._platform.db.clock().timestamp()
            wait_seconds = self.velocity.booking(actor.id, caller, now)
            if wait_seconds is not None:
                _answers.labels(TooFast.code).inc()
                return TooFast(wait_seconds)
        return await self.submit(
            Wish(actor, key, patient_id, session_id, channel, log_in_id=log_in_id)
        )

    def submit(self, wish: Wish) -> asyncio.Future[DeskAnswer]:
        """Queue a wish; the future is its answer. Wishes for one session keep their order."""
        answer: asyncio.Future[DeskAnswer] = asyncio.get_running_loop().create_future()
        if not self._open or self._waiting >= self._queue:
            _answers.labels("busy").inc()
            answer.set_result(Busy())
            return answer
        self._waiting += 1
        _waiting.set(self._waiting)
        self._lanes[wish.session_id % len(self._lanes)].add(_Waiting(wish, answer))
        return answer

    def _taken(self, count: int) -> None:
        self._waiting -= count
        _waiting.set(self._waiting)


class _Lane:
    def __init__(self, platform: Platform, batch: int, taken: Callable[[int], None]) -> None:
        self._platform = platform
        self._batch = batch
        self._taken = taken
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False

    def add(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()

    async def work(self) -> None:
        """Serve batches until closed and empty."""
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._next_batch()
            if batch:
                await self._serve(batch)

    def _next_batch(self) -> list[_Waiting]:
        count = min(self._batch, len(self._queue))
        batch = [self._queue.popleft() for _ in range(count)]
        self._taken(count)
        # Whoever went away while waiting gets no booking that nobody would hear of.
        return [waiting for waiting in batch if not waiting.answer.done()]

    async def _serve(self, batch: list[_Waiting]) -> None:
        _batch_size.observe(len(batch))
        with _batch_seconds.time():
            answers = await serve(self._platform, [waiting.wish for waiting in batch])
        for outcome, count in Counts(map(_outcome, answers)).items():
            _answers.labels(outcome).inc(count)
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)


async def serve(platform: Platform, wishes: Sequence[Wish]) -> Sequence[DeskAnswer | Exception]:
    """Book a batch; where it fails as a whole, find out which requests it fails for.

    A lost connection is tried again: the idempotency keys tell what was committed.
    A violated constraint splits the batch, so that one request cannot fail the others.
    """
    try:
        return await _book_again_if_lost(platform, wishes)
    except (psycopg.IntegrityError, psycopg.errors.DeadlockDetected) as error:
        _log.warning("batch_split", requests=len(wishes), error=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - raised again to the one it belongs to
        if len(wishes) == 1:
            return [error]
        _log.exception("batch_failed", requests=len(wishes))
    return [await _serve_one(platform, wish) for wish in wishes]


async def _book_again_if_lost(
    platform: Platform, wishes: Sequence[Wish]
) -> Sequence[DeskAnswer | Exception]:
    for _ in range(2):
        try:
            return await book_batch(platform, wishes)
        except psycopg.errors.DeadlockDetected:
            raise
        except psycopg.OperationalError as error:
            _log.warning("database_lost", requests=len(wishes), error=type(error).__name__)
    return [OutcomeUnknown() for _ in wishes]


async def _serve_one(platform: Platform, wish: Wish) -> DeskAnswer | Exception:
    """One request alone. A constraint may be met again by racing another process."""
    failure: Exception = RuntimeError("not tried")
    for _ in range(_TRIES):
        try:
            [answer] = await _book_again_if_lost(platform, [wish])
        except (psycopg.IntegrityError, psycopg.errors.DeadlockDetected) as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - raised again to its caller
            return error
        else:
            return answer
    return failure


def _outcome(answer: DeskAnswer | Exception) -> str:
    match answer:
        case Refused(reason):
            return reason.value
        case KeyMismatch():
            return "idempotency_mismatch"
        case NotLetIn(reason):
            return reason.value
        case OutcomeUnknown():
            return "outcome_unknown"
        case Exception():
            return "failed"
        case _:
            return "booked"
