"""The booking desk: the requests that wait during a commit become the next batch.

A lane has one batch in flight and no timer: an idle desk books each request at once, a busy
desk books in batches. Requests for the same session share a lane, so that a hot session never
makes two lanes wait for each other. Correctness does not depend on any of this: a batch of a
single request takes the same path, several processes may book at once, and PostgreSQL decides.

Every caller gets an answer within five seconds. A batch has a deadline, at which its
connection is closed; a lost batch is retried until then, and the idempotency keys show what
was committed. Requests that waited too long in the queue are refused before anything is done.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter as Counts
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar, assert_never

import psycopg
import structlog
from prometheus_client import Counter, Gauge, Histogram
from psycopg_pool import PoolClosed, PoolTimeout

from guahao.flows.booking.booking import Answer, DeskRequest, book_batch
from guahao.flows.booking.rescheduling import (
    RescheduleAnswer,
    Rescheduled,
    RescheduleRequest,
    reschedule,
)
from guahao.flows.booking.together import (
    PairAnswer,
    PairBooked,
    PairNotBooked,
    PairRequest,
    book_pair,
)
from guahao.flows.booking.velocity import Velocity
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import BeforeOwnMoment, KeyMismatch, Refusal, Refused
from guahao.rules.people.logins import LoginRefused
from guahao.store.booking.booking import LIVE_CODE
from guahao.store.kernel.db import CommitUnknownError, DatabaseAwayError, DatabaseState
from guahao.store.kernel.views import AppointmentView

LANES_BESIDES = 2  # for pairs and for rescheduling; a batch of any lane holds a connection

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

_oldest = Gauge(
    "guahao_desk_oldest_seconds",
    "How long the oldest request waits for its answer",
    multiprocess_mode="livemax",
)

_TOLD_MAX = 10_000  # personal moments that a process remembers; about 5 MB
_ITERATIONS_BETWEEN_BATCHES = 2  # of the event loop
_TRIES = 3
# After these each request of a batch is tried alone. The last: psycopg has deallocated the
# connection's statements, and the transaction had begun before that was noticed.
_ONE_BY_ONE = (
    psycopg.IntegrityError,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.InvalidSqlStatementName,
)
_BUSY_RETRY_SECONDS = 2
# At most from a request to its answer. A request that waited longer than _QUEUE_SECONDS is
# refused, so that every batch has a second and a half left.
_ANSWER_SECONDS = 4.5
_QUEUE_SECONDS = 3.0
_BATCH_SECONDS = 3.5
_PAUSE_SECONDS = (0.02, 0.1)  # before a lost batch is retried


@dataclass(frozen=True, slots=True)
class Busy:
    """The queue is full or the desk is closing; nothing was done, and the caller may retry."""

    retry_after_seconds: int = _BUSY_RETRY_SECONDS
    code: ClassVar[str] = "busy"


@dataclass(frozen=True, slots=True)
class TooFast:
    """The account, its address or its network tries to book too often; nothing was done."""

    retry_after_seconds: int
    code: ClassVar[str] = "too_many_bookings"


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """The connection was lost around the commit; the same key finds the outcome."""

    retry_after_seconds: int = _BUSY_RETRY_SECONDS
    code: ClassVar[str] = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class NotBooked:
    """The database is away or was lost before the commit; nothing was done."""

    retry_after_seconds: int = _BUSY_RETRY_SECONDS
    code: ClassVar[str] = "booking_unavailable"


NotDecided = Busy | TooFast | OutcomeUnknown | NotBooked
DeskAnswer = Answer | NotDecided
DeskPairAnswer = PairAnswer | NotDecided
DeskRescheduleAnswer = RescheduleAnswer | NotDecided
_Request = TypeVar("_Request", bound=DeskRequest | PairRequest | RescheduleRequest)
_Answer = TypeVar("_Answer", bound=Answer | PairAnswer | RescheduleAnswer)
_Serve = Callable[
    [Platform, Sequence[_Request], float | None],
    Awaitable[Sequence[_Answer | NotDecided | Exception]],
]


@dataclass(slots=True)
class _Waiting(Generic[_Request, _Answer]):
    request: _Request
    answer: asyncio.Future[_Answer | NotDecided]
    since: float  # by the event loop's clock


class Desk:
    """Book in lanes, each with one batch in flight.

    `lanes`: batches in flight at once. `batch`: most requests in a transaction.
    `queue`: most requests waiting in all lanes; beyond it the answer is Busy.
    `patient`: without deadlines, for a tool whose callers wait as long as it takes.
    """

    def __init__(
        self, platform: Platform, *, lanes: int, batch: int, queue: int, patient: bool = False
    ) -> None:
        self._platform = platform
        self.velocity = Velocity(platform.settings, platform.rates)
        self._queue = queue
        self._waiting = 0
        # By what was asked: the own moment, in Unix seconds, and the answer until then.
        self._told: dict[tuple[Hashable, ...], tuple[float, Any]] = {}
        self._open = False
        self._lanes: list[_Lane[DeskRequest, Answer]] = [
            _Lane(platform, serve, batch, self._taken, patient) for _ in range(lanes)
        ]
        # Pairs are few, and their two sessions may be of two lanes: they are booked one by one.
        self._pairs: _Lane[PairRequest, PairAnswer] = _Lane(
            platform, serve_pairs, 1, self._taken, patient
        )
        self._reschedules: _Lane[RescheduleRequest, RescheduleAnswer] = _Lane(
            platform, serve_reschedules, 1, self._taken, patient
        )
        self._every: list[_Lane[Any, Any]] = [*self._lanes, self._pairs, self._reschedules]
        assert len(self._every) == lanes + LANES_BESIDES  # a process keeps a connection for each
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start the lanes."""
        self._open = True
        self._tasks = [asyncio.create_task(lane.work()) for lane in self._every]

    async def close(self) -> None:
        """Accept no more requests, answer those that wait, then stop."""
        self._open = False
        for lane in self._every:
            lane.close()
        await asyncio.gather(*self._tasks)

    @property
    def oldest_seconds(self) -> float:
        """Return how long the oldest request has waited; 0 if none waits."""
        now = asyncio.get_running_loop().time()
        oldest = max((now - since for lane in self._every if (since := lane.oldest)), default=0.0)
        _oldest.set(oldest)
        _waiting.set(self._waiting)
        return oldest

    async def book(
        self,
        actor: Actor,
        key: str,
        patient_id: int,
        session_id: int,
        channel: str,
        caller: Caller | None = None,
        login_id: int | None = None,
    ) -> DeskAnswer:
        """Book a place and return when the answer is durable.

        A caller that disconnects does not undo a batch under way. `caller`: where an account
        books from; its attempts are counted. Staff are not limited. `login_id`: the log-in of
        an account's token; the batch checks that it has not ended.
        """
        request = DeskRequest(actor, key, patient_id, session_id, channel, login_id=login_id)
        lane, what = self._lane_of(request), (patient_id, session_id)
        return await self._submit_counted(lane, request, caller, what)

    async def book_together(
        self, request: PairRequest, caller: Caller | None = None
    ) -> DeskPairAnswer:
        """Book two places or none, as `book` does; two attempts of an account are counted."""
        places = request.places
        return await self._submit_counted(self._pairs, request, caller, places, len(places))

    async def reschedule(
        self, request: RescheduleRequest, caller: Caller | None = None
    ) -> DeskRescheduleAnswer:
        """Book a place instead of a booking, as `book` does; an account's attempt is counted."""
        what = (request.appointment_id, request.session_id)
        return await self._submit_counted(self._reschedules, request, caller, what)

    async def _submit_counted(
        self,
        lane: _Lane[_Request, _Answer],
        request: _Request,
        caller: Caller | None,
        what: tuple[Hashable, ...],
        places: int = 1,
    ) -> _Answer | NotDecided:
        """Submit what an account asks for, unless it asks too often or before its own moment.

        `what`: what is asked for, under any key. Who asks for the same again before their own
        moment is answered as before, which costs the database nothing.
        """
        actor = request.actor
        if caller is None or actor.kind != "account":
            return await self._submit(lane, request)
        now = self._platform.db.seconds()
        wait_seconds = self.velocity.booking(actor.id, caller, now, places)
        if wait_seconds is not None:
            _answers.labels(TooFast.code).inc()
            return TooFast(wait_seconds)
        asked = (lane, actor.id, request.login_id, what)
        until, told = self._told.get(asked, (0.0, None))
        answer: _Answer | NotDecided
        if told is not None and now < until:
            _answers.labels(Refusal.NOT_RELEASED.value).inc()
            answer = told
        else:
            answer = await self._submit(lane, request)
            if (moment := _own_moment(answer)) is not None:
                if len(self._told) >= _TOLD_MAX:
                    self._told.clear()
                self._told[asked] = moment.timestamp(), answer
        if not isinstance(answer, OutcomeUnknown) and not _is_booked_since(now, answer):
            self.velocity.no_place(caller, now, places)
        return answer

    def submit(self, request: DeskRequest) -> asyncio.Future[DeskAnswer]:
        """Queue a request and return its future answer; requests for a session keep their order."""
        return self._submit(self._lane_of(request), request)

    def _lane_of(self, request: DeskRequest) -> _Lane[DeskRequest, Answer]:
        return self._lanes[request.session_id % len(self._lanes)]

    def _submit(
        self, lane: _Lane[_Request, _Answer], request: _Request
    ) -> asyncio.Future[_Answer | NotDecided]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Answer | NotDecided] = loop.create_future()
        if self._platform.db.state is not DatabaseState.ALIVE:
            _answers.labels(NotBooked.code).inc()
            answer.set_result(NotBooked())
            return answer
        if not self._open or self._waiting >= self._queue:
            _answers.labels("busy").inc()
            answer.set_result(Busy())
            return answer
        self._waiting += 1
        lane.add(_Waiting(request, answer, loop.time()))
        return answer

    def _taken(self, count: int) -> None:
        self._waiting -= count
        _waiting.set(self._waiting)


class _Lane(Generic[_Request, _Answer]):
    def __init__(
        self,
        platform: Platform,
        serve: _Serve[_Request, _Answer],
        batch: int,
        taken: Callable[[int], None],
        patient: bool,
    ) -> None:
        self._platform = platform
        self._serve_batch = serve
        self._batch = batch
        self._taken = taken
        self._patient = patient
        self._queue: deque[_Waiting[_Request, _Answer]] = deque()
        self._batch_since: float | None = None  # of the oldest request in the batch under way
        self._wake = asyncio.Event()
        self._closing = False

    @property
    def oldest(self) -> float | None:
        """Return the arrival of this lane's oldest request; None if there is none."""
        if self._batch_since is not None:
            return self._batch_since
        return self._queue[0].since if self._queue else None

    def add(self, waiting: _Waiting[_Request, _Answer]) -> None:
        self._queue.append(waiting)
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()

    async def work(self) -> None:
        """Serve batches until the lane is closed and empty."""
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            count = min(self._batch, len(self._queue))
            taken = [self._queue.popleft() for _ in range(count)]
            self._taken(count)
            # Callers that disconnected while waiting get no booking: they would not learn of it.
            batch = [waiting for waiting in taken if not waiting.answer.done()]
            if batch:
                await self._serve(batch)
                if self._batch > 1:
                    await self._let_answers_leave()

    async def _let_answers_leave(self) -> None:
        """Give way before the next batch takes the event loop.

        The callers read their answers, and requests whose bodies are being read join the next
        batch: fewer, larger batches.
        """
        for _ in range(_ITERATIONS_BETWEEN_BATCHES):
            await asyncio.sleep(0)

    async def _serve(self, batch: list[_Waiting[_Request, _Answer]]) -> None:
        deadline = None
        if not self._patient:
            now = asyncio.get_running_loop().time()
            batch = _still_in_time(batch, now)
            if not batch:
                return
            deadline = min(now + _BATCH_SECONDS, batch[0].since + _ANSWER_SECONDS)
        _batch_size.observe(len(batch))
        self._batch_since = batch[0].since
        try:
            with _batch_seconds.time():
                requests = [waiting.request for waiting in batch]
                answers = await self._serve_batch(self._platform, requests, deadline)
        finally:
            self._batch_since = None
        for outcome, count in Counts(map(_outcome, answers)).items():
            _answers.labels(outcome).inc(count)
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)


def _still_in_time(
    batch: list[_Waiting[_Request, _Answer]], now: float
) -> list[_Waiting[_Request, _Answer]]:
    """Refuse requests that waited too long to be answered in time, and return the others."""
    late = [waiting for waiting in batch if now - waiting.since > _QUEUE_SECONDS]
    for waiting in late:
        waiting.answer.set_result(Busy())
    if late:
        _answers.labels(Busy.code).inc(len(late))
        _log.warning("requests_waited_too_long", requests=len(late))
    return [waiting for waiting in batch if now - waiting.since <= _QUEUE_SECONDS]


async def serve(
    platform: Platform, requests: Sequence[DeskRequest], deadline: float | None = None
) -> Sequence[DeskAnswer | Exception]:
    """Book a batch; if it fails as a whole, book each of its requests alone.

    A batch whose connection is lost is retried until the deadline: the idempotency keys show
    what was committed. A violated constraint splits the batch, so that a single request cannot
    fail the others; but if another batch drew the same code at the same moment, new ones do.
    """
    book = partial(book_batch, platform, requests, deadline)
    try:
        try:
            return await _again_if_lost(platform, book, len(requests), deadline)
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name != LIVE_CODE:
                raise
            return await _again_if_lost(platform, book, len(requests), deadline)
    except _ONE_BY_ONE as error:
        _log.warning("batch_split", requests=len(requests), error=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - raised again to its caller
        if len(requests) == 1:
            return [error]
        _log.exception("batch_failed", requests=len(requests))
    return [
        await _serve_one(platform, partial(book_batch, platform, [request], deadline), deadline)
        for request in requests
    ]


async def serve_pairs(
    platform: Platform, pairs: Sequence[PairRequest], deadline: float | None = None
) -> Sequence[DeskPairAnswer | Exception]:
    """Book pairs, each in a transaction of its own."""

    async def book(pair: PairRequest) -> list[PairAnswer]:
        return [await book_pair(platform, pair, deadline)]

    return [await _serve_one(platform, partial(book, pair), deadline) for pair in pairs]


async def serve_reschedules(
    platform: Platform, requests: Sequence[RescheduleRequest], deadline: float | None = None
) -> Sequence[DeskRescheduleAnswer | Exception]:
    """Reschedule bookings, each in a transaction of its own."""

    async def serve_one(request: RescheduleRequest) -> list[RescheduleAnswer]:
        return [await reschedule(platform, request, deadline)]

    return [
        await _serve_one(platform, partial(serve_one, request), deadline) for request in requests
    ]


async def _again_if_lost(
    platform: Platform,
    book: Callable[[], Awaitable[Sequence[_Answer]]],
    requests: int,
    deadline: float | None,
) -> Sequence[_Answer | NotDecided]:
    """Book a batch, and retry until the deadline while the connection is lost.

    Without a deadline there is a single retry; with a deadline that has passed, a single
    attempt. The outcome is unknown as soon as any attempt may have committed.
    """
    now = asyncio.get_running_loop().time
    unknown, tried = False, 0
    while tried == 0 or (tried == 1 if deadline is None else now() < deadline):
        tried += 1
        try:
            return await book()
        except psycopg.errors.DeadlockDetected:
            raise
        except psycopg.OperationalError as error:
            unknown = unknown or isinstance(error, CommitUnknownError)
            _log.warning("database_lost", requests=requests, error=type(error).__name__)
            if isinstance(error, (DatabaseAwayError, PoolClosed)):
                break
            if tried == 1 and not isinstance(error, PoolTimeout):
                # Other connections go to the same server, which is silent or no longer the primary.
                await platform.db.drop_connections()
        if deadline is not None:
            await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - jitter
    return [OutcomeUnknown() if unknown else NotBooked() for _ in range(requests)]


async def _serve_one(
    platform: Platform,
    book: Callable[[], Awaitable[Sequence[_Answer]]],
    deadline: float | None,
) -> _Answer | NotDecided | Exception:
    """Book a single request, and retry where it races another process for a constraint."""
    failure: Exception = RuntimeError("not tried")
    for _ in range(_TRIES):
        try:
            [answer] = await _again_if_lost(platform, book, 1, deadline)
        except _ONE_BY_ONE as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - raised again to its caller
            return error
        else:
            return answer
    return failure


def _own_moment(answer: object) -> datetime | None:
    """Return the moment before which the same is refused again; None where there is none."""
    refused = answer.refused if isinstance(answer, PairNotBooked) else answer
    return refused.retry_from if isinstance(refused, BeforeOwnMoment) else None


def _is_booked_since(now: float, answer: object) -> bool:
    """Return whether an answer is a booking made after `now`, and not one made earlier."""
    match answer:
        case AppointmentView():
            booking = answer
        case Rescheduled():
            booking = answer.booking
        case PairBooked():
            booking = answer.bookings[0]
        case _:
            return False
    return booking.booked_at.timestamp() >= now


def _outcome(answer: DeskAnswer | DeskPairAnswer | DeskRescheduleAnswer | Exception) -> str:
    match answer:
        case AppointmentView():  # first, as most are
            return "booked"
        case Refused(reason) | PairNotBooked(Refused(reason)) | LoginRefused(reason):
            return reason.value
        case PairBooked():
            return "booked"
        case Rescheduled():
            return "rescheduled"
        case KeyMismatch():
            return "idempotency_mismatch"
        case Busy() | TooFast() | OutcomeUnknown() | NotBooked():
            return answer.code
        case Exception():
            return "failed"
        case never:
            assert_never(never)
