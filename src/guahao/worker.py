"""Run the background tasks, in workers that survive restarts of the database.

procrastinate's worker does not recover from every lost connection: it may stop, hang on a job, or
take no more jobs. So the first lost connection ends a generation, all workers of the process, and
the next one starts once the database answers. The old one finishes its running jobs; jobs that it
leaves behind have no living worker and are freed.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from guahao.flows.kernel.platform import Platform
from guahao.jobs import DEAD_AFTER_SECONDS, NOTICES, PUSHES, create_jobs
from guahao.notices.gateway import Gateway
from guahao.processes import Backoff
from guahao.pushing.sender import WebhookSender
from guahao.store.kernel.connections import Connection, Pool

# Each queue has workers of its own, so that none waits for another's work: a one-time password
# waits neither for large imports nor for batches that hang with their provider, and no hospital
# waits for a slow one. The last figure is the polling interval in seconds.
WORKERS = (
    (["default", "imports", "periodic"], 4, 1.0),
    ([NOTICES], 16, 0.5),
    ([PUSHES], 256, 1.0),
)
HEARTBEAT_SECONDS = 5.0
SHUTDOWN_SECONDS = 25.0
RESTART_SECONDS = (0.25, 5.0)  # the first and the longest wait
_CLOCK_SECONDS = 0.2
_CONNECTIONS = 8
_CONNECTION_SECONDS = 5.0  # without a connection for so long, the database is away

log = structlog.get_logger(__name__)


async def run_worker(
    platform: Platform,
    gateway: Gateway,
    wechat: Gateway | None = None,
    sender: WebhookSender | None = None,
    *,
    wait: bool = True,
) -> None:
    """Work until SIGTERM, SIGINT or cancellation, then finish the started jobs.

    Without `wait`, work until no due job is left.
    """

    def create(connector: PsycopgConnector) -> App:
        return create_jobs(platform, gateway, wechat, sender, connector)

    if wait:
        with _stop_signals() as stop:
            await _work_on(platform, create, stop)
        return
    app = create(_Connector(platform.db.url))
    async with app.open_async():
        for worker in _workers(app, wait=False):
            await _run(worker)


async def _work_on(
    platform: Platform, create: Callable[[PsycopgConnector], App], stop: asyncio.Event
) -> None:
    """Run generations in turn; an old generation drains while the next works."""
    conninfo = platform.db.url
    waits = Backoff(*RESTART_SECONDS)
    draining: set[asyncio.Task[None]] = set()
    try:
        while not stop.is_set():
            await _first(_until_the_clock_is(platform, wrong=False), stop.wait())
            if stop.is_set():
                return
            connector = _Connector(conninfo)
            generation = _Generation(create(connector))
            task = asyncio.create_task(generation.run(stop))
            draining.add(task)
            task.add_done_callback(draining.discard)
            await _first(
                generation.over.wait(), _until_the_clock_is(platform, wrong=True), stop.wait()
            )
            if stop.is_set():
                return
            if not generation.over.is_set():
                connector.lose("clock wrong")
            wait = waits.next()
            log.warning(
                "worker_restarts",
                in_seconds=round(wait, 2),
                restarts=waits.count,
                why=generation.why,
            )
            await _first(asyncio.sleep(wait), stop.wait())
            await _until_the_database_answers(platform, waits, stop)
    finally:
        stop.set()
        await asyncio.gather(*draining, return_exceptions=True)


class _Generation:
    """The workers of this process, until the first of them fails."""

    def __init__(self, app: App) -> None:
        self.over = asyncio.Event()
        self.why = ""
        self._app = app

    async def run(self, stop: asyncio.Event) -> None:
        """Work until a failure or `stop`, then finish the started jobs; never raises."""
        connector = self._app.connector
        assert isinstance(connector, _Connector)
        try:
            async with self._app.open_async():
                workers = _workers(self._app)
                tasks = [asyncio.create_task(_run(worker)) for worker in workers]
                try:
                    await _first(*map(asyncio.shield, tasks), connector.lost.wait(), stop.wait())
                    self.why = connector.why or _failure(tasks)
                finally:
                    self.over.set()
                    for worker in workers:
                        worker.stop()  # type: ignore[no-untyped-call]
                    await asyncio.gather(*tasks, return_exceptions=True)
        except (psycopg.Error, ConnectorException) as error:
            self.why = type(error.__cause__ or error).__name__
        finally:
            self.over.set()


async def _run(worker: Worker) -> None:
    await worker.run()  # type: ignore[no-untyped-call]


def _failure(tasks: list[asyncio.Task[None]]) -> str:
    """Return the type of the first error of a worker, without its text, which may quote a row."""
    errors = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    return next((type(error).__name__ for error in errors if error is not None), "worker ended")


class _Connector(PsycopgConnector):
    """The connections of a generation; the first that is lost ends it."""

    def __init__(self, conninfo: str) -> None:
        super().__init__(
            pool_factory=Pool,  # type: ignore[arg-type]
            connection_class=Connection,
            conninfo=conninfo,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_CONNECTION_SECONDS,
            reconnect_timeout=float("inf"),
        )
        self.lost = asyncio.Event()
        self.why = ""

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        with self._noting_loss():
            await super().execute_query_async(query, **arguments)

    async def execute_query_one_async(
        self, query: LiteralString, **arguments: Any
    ) -> dict[str, Any]:
        with self._noting_loss():
            row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
            return row

    async def execute_query_all_async(
        self, query: LiteralString, **arguments: Any
    ) -> list[dict[str, Any]]:
        with self._noting_loss():
            rows: list[dict[str, Any]] = await super().execute_query_all_async(query, **arguments)
            return rows

    @contextmanager
    def _noting_loss(self) -> Iterator[None]:
        try:
            yield
        except ConnectorException as error:
            if isinstance(error.__cause__, psycopg.OperationalError):
                self.lose(type(error.__cause__).__name__)
            raise

    def lose(self, why: str) -> None:
        """End the generation, for this reason unless it has a reason already."""
        self.why = self.why or why
        self.lost.set()


def _workers(app: App, *, wait: bool = True) -> list[Worker]:
    return [
        Worker(
            app,
            queues=queues,
            concurrency=concurrency,
            wait=wait,
            delete_jobs="successful",
            shutdown_graceful_timeout=SHUTDOWN_SECONDS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=DEAD_AFTER_SECONDS,
            install_signal_handlers=False,
            listen_notify=False,
            fetch_job_polling_interval=poll_seconds,
        )
        for queues, concurrency, poll_seconds in WORKERS
    ]


async def _until_the_clock_is(platform: Platform, *, wrong: bool) -> None:
    """Wait until the clock is certainly wrong, or no longer is."""
    watch = platform.db.watch
    while (watch is not None and watch.is_wrong) is not wrong:  # noqa: ASYNC110 - the clock jumps
        await asyncio.sleep(_CLOCK_SECONDS)


async def _until_the_database_answers(
    platform: Platform, waits: Backoff, stop: asyncio.Event
) -> None:
    """Wait with our own back-off, because a pool's reaches half a minute."""
    while not stop.is_set():
        try:
            async with await Connection.connect(platform.db.url):
                pass
            await platform.db.pool.check()
        except psycopg.OperationalError as error:
            wait = waits.next()
            log.warning(
                "database_away", again_in_seconds=round(wait, 2), error=type(error).__name__
            )
            await _first(asyncio.sleep(wait), stop.wait())
        else:
            return


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _first(*awaitables: Any) -> None:
    """Wait for the first of these awaitables, and cancel the others."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
