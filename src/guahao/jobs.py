"""Background jobs: thin tasks that call a flow, or a sender of messages or events.

Every task may run twice, late, or in two workers at once. Periodic tasks follow real time, and
flows compare due times with the platform's clock, which a demo may set. Nightly work therefore
runs every hour and does nothing until something is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial

import psycopg
import structlog
from procrastinate import App, BaseConnector, PsycopgConnector, RetryDecision, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status

from guahao import trail_sinks
from guahao.clock import uptime
from guahao.flows.attendance import penalties
from guahao.flows.call_centre import call_tasks, caller_booking, calls
from guahao.flows.fairness import applications, draws, modes
from guahao.flows.kernel.platform import Platform
from guahao.flows.messages import overdue, reminders
from guahao.flows.operations import housekeeping
from guahao.flows.operations.recording import Recording
from guahao.flows.people import account_reviews, merging
from guahao.flows.people.privacy import retention
from guahao.flows.policy import policies, policy_trials
from guahao.flows.supply import calendars, replacing, schedules, stops
from guahao.flows.supply.imports import importing
from guahao.notices.deliver import MessageSender, TryAgain
from guahao.notices.gateway import Gateway
from guahao.pushing.pusher import Pusher
from guahao.pushing.sender import AllowedAddresses, WebhookSender
from guahao.rules.operations.schedules import SCHEDULES
from guahao.store.kernel.db import ClockError
from guahao.store.messages.messages import URGENT

PUSHES = "hospitals"
NOTICES = "notices"
REDELIVERING_SECONDS = 60.0  # then the next run goes on
JOBS_KEPT_HOURS = 7 * 24
# A job for a moment of the platform's clock may come so much too early by the database's.
DRAW_AWAITED_SECONDS = 5.0
# A worker without a heartbeat for so long is dead, and its jobs can be claimed.
DEAD_AFTER_SECONDS = 30.0
FREED_MAX = 5  # a job that outlived so many workers is what kills them


class _AfterDatabaseErrors(RetryStrategy):
    """Retry after database errors; at once after a wrong clock, as another process may be right."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, ClockError):
            return RetryDecision(retry_at=None)
        return super().get_retry_decision(exception=exception, job=job)


# Retry jobs that a database restart interrupts after 2, 4, 8 s and so on.
AFTER_DATABASE_ERRORS = _AfterDatabaseErrors(
    max_attempts=7,
    exponential_wait=2,
    retry_exceptions=[psycopg.OperationalError, psycopg.InterfaceError, ConnectorException],
)

# The flows that run by their schedule and take nothing but the platform.
_FLOWS: Mapping[str, Callable[[Platform], Awaitable[object]]] = {
    "begin_policies": policies.begin,
    "carry_on_stops": stops.carry_on,
    "expire_applications": applications.expire,
    "follow_release_modes": modes.sweep,
    "find_accounts_to_review": account_reviews.find_accounts_to_review,
    "index_names": calls.index_names,
    "lapse_replacements": replacing.lapse,
    "make_call_tasks": call_tasks.make_call_tasks,
    "purge": housekeeping.delete_expired,
    "record_staff_bookings": caller_booking.record_missing,
    "remind": reminders.remind,
    "retire_codes": penalties.retire_codes,
    "roll_forward": schedules.roll_forward,
    "send_trail_head": trail_sinks.send_head,
    "settle_merges": merging.settle_merges,
    "void_sweep": penalties.sweep,
}

log = structlog.get_logger(__name__)


def create_jobs(
    platform: Platform,
    gateway: Gateway,
    wechat: Gateway | None = None,
    sender: WebhookSender | None = None,
    connector: BaseConnector | None = None,
) -> App:
    """Return the background tasks, on connections of the application's role; not yet open.

    `gateway` carries the SMS; `wechat` what goes beside them, where there is such an account;
    `sender` notifies hospitals, by the operator's settings where it is not given.
    """
    app = App(connector=connector or PsycopgConnector(conninfo=platform.db.url))
    message_sender = MessageSender(
        platform.db, platform.vault, platform.policies, platform.settings.hotline, gateway, wechat
    )

    @app.task(name="deliver_messages", queue=NOTICES, retry=AFTER_DATABASE_ERRORS)
    async def deliver_messages(message_ids: list[int]) -> None:
        """Send messages; defer a later job for those that fail for now."""
        for again in await message_sender.deliver(message_ids):
            await _deliver_later(app, again)

    recording = Recording(platform)
    if sender is None:
        settings = platform.settings
        sender = WebhookSender(AllowedAddresses(settings.demo, settings.webhook_networks))
    for name, flow in _FLOWS.items():
        _every(app, recording, name, partial(flow, platform))
    delete_old = partial(retention.delete_old, platform)
    _every(app, recording, "delete_old", delete_old, retry=AFTER_DATABASE_ERRORS)
    _add_redelivery(app, recording, platform, message_sender)
    _add_deferred_flows(app, recording, platform)
    _add_pushing(app, recording, Pusher(platform.db, platform.vault, sender))
    _add_care_of_jobs(app, recording)
    return app


def _add_redelivery(
    app: App, recording: Recording, platform: Platform, message_sender: MessageSender
) -> None:
    async def redeliver() -> None:
        """Deliver messages whose job was lost or failed."""
        await overdue.give_up(platform)
        await redeliver_all(soon_expired=False)

    async def redeliver_urgent() -> None:
        """Deliver the messages that a person waits for, such as one-time passwords."""
        await redeliver_all(soon_expired=True)

    async def redeliver_all(*, soon_expired: bool) -> None:
        last = uptime() + REDELIVERING_SECONDS
        while uptime() < last:
            lost = await overdue.find_undelivered(platform, soon_expired=soon_expired)
            for again in await message_sender.deliver(lost):
                await _deliver_later(app, again)
            if len(lost) < overdue.BATCH:
                return

    async def ask_for_receipts() -> None:
        """Look up messages that the provider accepted without sending a receipt."""
        while True:
            silent = await overdue.claim_without_receipt(platform)
            await message_sender.ask_for_receipts(silent)
            if len(silent) < overdue.BATCH:
                return

    # Not alone: a worker that died would hold the lock, and with it every message.
    _every(app, recording, "redeliver", redeliver, queue=NOTICES, alone=False)
    _every(
        app,
        recording,
        "redeliver_urgent",
        redeliver_urgent,
        queue=NOTICES,
        priority=URGENT,
        alone=False,
    )
    _every(app, recording, "ask_for_receipts", ask_for_receipts)


async def _deliver_later(app: App, again: TryAgain) -> None:
    later = app.configure_task(
        "deliver_messages",
        queue=NOTICES,
        priority=URGENT if again.urgent else 0,
        schedule_in={"seconds": again.wait_seconds},
    )
    await later.defer_async(message_ids=list(again.message_ids))


def _add_deferred_flows(app: App, recording: Recording, platform: Platform) -> None:
    """Add the flows that other flows defer, and the sweeps that find what was left undone."""

    @app.task(name="advance_draw", queue="default", retry=AFTER_DATABASE_ERRORS)
    async def advance_draw(draw_id: int) -> None:
        """Do the steps of a draw that are due; wait for one that is due in a moment."""
        while (wait := await draws.advance(platform, draw_id)) is not None:
            if wait > DRAW_AWAITED_SECONDS:
                return
            await asyncio.sleep(wait)

    @app.task(name=importing.TASK, queue=importing.QUEUE, retry=AFTER_DATABASE_ERRORS)
    async def carry_out_import(import_id: int) -> None:
        """Check an uploaded file, or apply a confirmed one."""
        await importing.carry_out(platform, import_id)

    async def carry_on_imports() -> None:
        """Finish the imports of a process that died; delete those that nobody confirmed."""
        await importing.carry_on(platform)
        await importing.forget_old(platform)

    @app.task(name="try_policy", queue="default", retry=AFTER_DATABASE_ERRORS)
    async def try_policy(trial_id: int) -> None:
        """Replay what was recorded under a proposed policy."""
        await policy_trials.carry_out(platform, trial_id)

    @app.task(name="follow_calendar", queue="default", retry=AFTER_DATABASE_ERRORS)
    async def follow_calendar(day: str) -> None:
        """Let every hospital's sessions follow the calendar of a date that the city corrected."""
        await calendars.carry_out(platform, date.fromisoformat(day))

    # Not alone: a worker that died would hold the lock, and with it every draw.
    _every(app, recording, "hold_draws", partial(draws.hold_draws, platform), alone=False)
    _every(app, recording, "carry_on_imports", carry_on_imports)


def _add_pushing(app: App, recording: Recording, pusher: Pusher) -> None:
    async def wake_pushers() -> None:
        """Defer a job for each hospital with events to send, so that none waits for another."""
        for hospital_id in await pusher.hospitals_due():
            name = f"push-{hospital_id}"
            run = app.configure_task("push_to_hospital", lock=name, queueing_lock=name)
            with suppress(AlreadyEnqueued):
                await run.defer_async(hospital_id=hospital_id)

    @app.task(name="push_to_hospital", queue=PUSHES)
    async def push_to_hospital(hospital_id: int) -> None:
        """Send a hospital its events."""
        await pusher.push(hospital_id)

    _every(app, recording, "wake_pushers", wake_pushers, queue=PUSHES)


def _add_care_of_jobs(app: App, recording: Recording) -> None:
    async def purge_jobs() -> None:
        """Delete finished jobs, and failed ones after a week."""
        await app.job_manager.delete_old_jobs(
            JOBS_KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )

    async def retry_stalled() -> None:
        """Free the jobs of workers that died."""
        stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_SECONDS)
        for job in stalled:
            await _free(app, job)

    _every(app, recording, "purge_jobs", purge_jobs)
    # Not alone: if its own worker died while it ran, no other could free its lock.
    _every(app, recording, "retry_stalled", retry_stalled, alone=False)


async def _free(app: App, job: Job) -> None:
    """Run a dead worker's job again; a periodic one ends, as the next is due soon anyway.

    The next one waits already, and of the same periodic task only one may. A job at which one
    worker after the other died ends as failed.
    """
    try:
        if job.attempts >= FREED_MAX:
            log.error("job_given_up", job_id=job.id, task=job.task_name, attempts=job.attempts)
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
        elif job.queueing_lock is None:
            await app.job_manager.retry_job(job)
        else:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    except ConnectorException:
        # Another worker freed it first, or the dead one was alive and has finished.
        log.info("stalled_job_gone", job_id=job.id, task=job.task_name)


def _every(
    app: App,
    recording: Recording,
    name: str,
    work: Callable[[], Awaitable[object]],
    *,
    alone: bool = True,
    queue: str = "periodic",
    priority: int = 0,
    retry: RetryStrategy | bool = False,
) -> None:
    """Run `work` by its schedule: one job waits at most; `alone`: one runs at most."""

    @app.periodic(cron=SCHEDULES[name].cron)
    @app.task(
        name=name,
        queue=queue,
        queueing_lock=name,
        lock=name if alone else None,
        priority=priority,
        retry=retry,
    )
    async def run(timestamp: int) -> None:  # noqa: ARG001 - procrastinate's
        async with recording.recorded(name):
            await work()
