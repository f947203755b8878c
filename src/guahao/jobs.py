"""Background work, in thin tasks: each calls what does the work and knows nothing else.

Every task may run twice, late, or in two workers at once. The periodic ones follow real
time; what is due they ask the platform's clock, which in a demo may stand elsewhere. So
what belongs to the night runs every hour, and does nothing where nothing is due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
import structlog
from procrastinate import App, BaseConnector, PsycopgConnector, RetryDecision, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status

from guahao import trail_sinks
from guahao.clock import uptime
from guahao.flows.attendance import penalties
from guahao.flows.call_centre import call_tasks, caller_booking, calls
from guahao.flows.kernel.platform import Platform
from guahao.flows.messages import overdue, reminders
from guahao.flows.operations import housekeeping
from guahao.flows.operations.recording import Recording
from guahao.flows.people import account_reviews, merging
from guahao.flows.people.privacy import retention
from guahao.flows.policy import policies, policy_trials
from guahao.flows.supply import schedules, stops
from guahao.flows.supply.imports import importing
from guahao.notices.deliver import Courier, TryAgain
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
# A worker without a heartbeat for so long is dead: its jobs are free.
DEAD_AFTER_SECONDS = 30.0
FREED_MAX = 5  # a job at which so many workers died is what kills them


class _AfterDatabaseErrors(RetryStrategy):
    """What a process with a wrong clock cannot do, another does at once; it tells no time."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, ClockError):
            return RetryDecision(retry_at=None)
        return super().get_retry_decision(exception=exception, job=job)


# What a database restart cuts short is done again, after 2, 4, 8 s and so on.
AFTER_DATABASE_ERRORS = _AfterDatabaseErrors(
    max_attempts=7,
    exponential_wait=2,
    retry_exceptions=[psycopg.OperationalError, psycopg.InterfaceError, ConnectorException],
)

log = structlog.get_logger(__name__)


def create_jobs(
    platform: Platform,
    gateway: Gateway,
    wechat: Gateway | None = None,
    sender: WebhookSender | None = None,
    connector: BaseConnector | None = None,
) -> App:
    """The background tasks, on connections of the application's role; not yet open.

    `gateway` carries the SMS; `wechat` what goes beside them, where there is such an account;
    `sender` tells hospitals, by the operator's settings where it is not given.
    """
    app = App(connector=connector or PsycopgConnector(conninfo=platform.db.url))
    courier = Courier(
        platform.db, platform.vault, platform.policies, platform.settings.hotline, gateway, wechat
    )
    recording = Recording(platform)
    _add_delivery(app, courier)
    _add_redelivery(app, recording, platform, courier)
    _add_platform_tasks(app, recording, platform)
    _add_retention(app, recording, platform)
    _add_trail(app, recording, platform)
    _add_imports(app, recording, platform)
    _add_reviews(app, recording, platform)
    _add_pushing(app, recording, Pusher(platform.db, platform.vault, sender or _sender(platform)))
    _add_policies(app, recording, platform)
    _add_care_of_jobs(app, recording)
    return app


def _sender(platform: Platform) -> WebhookSender:
    settings = platform.settings
    return WebhookSender(AllowedAddresses(settings.demo, settings.webhook_networks))


def _add_delivery(app: App, courier: Courier) -> None:
    @app.task(name="deliver_messages", queue=NOTICES, retry=AFTER_DATABASE_ERRORS)
    async def deliver_messages(message_ids: list[int]) -> None:
        """Send messages; where that fails for now, a later job tries again."""
        for again in await courier.deliver(message_ids):
            await _deliver_later(app, again)


async def _deliver_later(app: App, again: TryAgain) -> None:
    later = app.configure_task(
        "deliver_messages",
        queue=NOTICES,
        priority=URGENT if again.urgent else 0,
        schedule_in={"seconds": again.wait_seconds},
    )
    await later.defer_async(message_ids=list(again.message_ids))


def _add_redelivery(app: App, recording: Recording, platform: Platform, courier: Courier) -> None:
    async def redeliver() -> None:
        """Deliver what waits although no job came for it, or although its job failed."""
        await overdue.give_up(platform)
        await redeliver_all(soon_expired=False)

    async def redeliver_urgent() -> None:
        """The same for what a person waits for, and for nothing else."""
        await redeliver_all(soon_expired=True)

    async def redeliver_all(*, soon_expired: bool) -> None:
        last = uptime() + REDELIVERING_SECONDS
        while uptime() < last:
            lost = await overdue.find_undelivered(platform, soon_expired=soon_expired)
            for again in await courier.deliver(lost):
                await _deliver_later(app, again)
            if len(lost) < overdue.BATCH:
                return

    async def ask_for_receipts() -> None:
        """Look up what the provider took long ago, and has sent no receipt for."""
        while True:
            silent = await overdue.claim_without_receipt(platform)
            await courier.ask_for_receipts(silent)
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


def _add_platform_tasks(app: App, recording: Recording, platform: Platform) -> None:
    async def void_sweep() -> None:
        """Void what was not picked up in time (S15), derive suspensions (S16)."""
        await penalties.sweep(platform)

    async def remind() -> None:
        """Remind of tomorrow's visits, from 18:00 on."""
        await reminders.remind(platform)

    async def retire_codes() -> None:
        """Free the codes of visits long past (S8)."""
        await penalties.retire_codes(platform)

    async def roll_forward() -> None:
        """Roll the timetables out to the end of the horizon (S4)."""
        await schedules.roll_forward(platform)

    async def carry_on_stops() -> None:
        """Finish what was being stopped, and tell of stops whose time to undo is over."""
        await stops.carry_on(platform)

    async def index_names() -> None:
        """Make patients who were registered otherwise findable by name."""
        await calls.index_names(platform)

    async def make_call_tasks() -> None:
        """Let agents call whom no message reached."""
        await call_tasks.make_call_tasks(platform)

    async def record_staff_bookings() -> None:
        """Write into the trail what a process that died could not."""
        await caller_booking.record_missing(platform)

    async def purge() -> None:
        """Delete what has expired: counters, passwords, log-ins, keys, forms, events."""
        await housekeeping.delete_expired(platform)

    _every(app, recording, "void_sweep", void_sweep)
    _every(app, recording, "remind", remind)
    _every(app, recording, "retire_codes", retire_codes)
    _every(app, recording, "roll_forward", roll_forward)
    _every(app, recording, "carry_on_stops", carry_on_stops)
    _every(app, recording, "purge", purge)
    _every(app, recording, "index_names", index_names)
    _every(app, recording, "make_call_tasks", make_call_tasks)
    _every(app, recording, "record_staff_bookings", record_staff_bookings)


def _add_retention(app: App, recording: Recording, platform: Platform) -> None:
    async def delete_old() -> None:
        """Delete what is older than it is kept for, and the last trace of erased persons."""
        await retention.delete_old(platform)

    _every(app, recording, "delete_old", delete_old, retry=AFTER_DATABASE_ERRORS)


def _add_trail(app: App, recording: Recording, platform: Platform) -> None:
    async def send_trail_head() -> None:
        """Send the end of the audit trail to where nobody with the database can change it."""
        await trail_sinks.send_head(platform)

    _every(app, recording, "send_trail_head", send_trail_head)


def _add_reviews(app: App, recording: Recording, platform: Platform) -> None:
    async def find_accounts() -> None:
        """Open a review for accounts that book or cancel more than most."""
        await account_reviews.find_accounts_to_review(platform)

    _every(app, recording, "find_accounts_to_review", find_accounts)


def _add_imports(app: App, recording: Recording, platform: Platform) -> None:
    @app.task(name=importing.TASK, queue=importing.QUEUE, retry=AFTER_DATABASE_ERRORS)
    async def carry_out_import(import_id: int) -> None:
        """Check a file that came in, or apply one that was confirmed."""
        await importing.carry_out(platform, import_id)

    async def carry_on_imports() -> None:
        """Finish what a process that died could not; forget what nobody confirmed."""
        await importing.carry_on(platform)
        await importing.forget_old(platform)

    _every(app, recording, "carry_on_imports", carry_on_imports)


def _add_policies(app: App, recording: Recording, platform: Platform) -> None:
    async def begin_policies() -> None:
        """Derive suspensions again where a policy of the platform has begun (S16)."""
        await policies.begin(platform)

    async def settle_merges() -> None:
        """Derive the suspensions of persons whose registrations were merged (S16)."""
        await merging.settle_merges(platform)

    _every(app, recording, "begin_policies", begin_policies)
    _every(app, recording, "settle_merges", settle_merges)

    @app.task(name="try_policy", queue="default", retry=AFTER_DATABASE_ERRORS)
    async def try_policy(trial_id: int) -> None:
        """Replay what was recorded under a proposed policy."""
        await policy_trials.carry_out(platform, trial_id)


def _add_pushing(app: App, recording: Recording, pusher: Pusher) -> None:
    async def wake_pushers() -> None:
        """One run for every hospital that is to be told something; none waits for another."""
        for hospital_id in await pusher.hospitals_due():
            name = f"push-{hospital_id}"
            run = app.configure_task("push_to_hospital", lock=name, queueing_lock=name)
            with suppress(AlreadyEnqueued):
                await run.defer_async(hospital_id=hospital_id)

    @app.task(name="push_to_hospital", queue=PUSHES)
    async def push_to_hospital(hospital_id: int) -> None:
        """Tell one hospital what it is to hear of."""
        await pusher.push(hospital_id)

    _every(app, recording, "wake_pushers", wake_pushers, queue=PUSHES)


def _add_care_of_jobs(app: App, recording: Recording) -> None:
    async def purge_jobs() -> None:
        """Forget finished jobs; those that failed are kept for a week."""
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
    work: Callable[[], Awaitable[None]],
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
