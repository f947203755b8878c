"""Background work with procrastinate's own worker: nothing lost, nothing done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest
from procrastinate import App
from psycopg import sql
from tests.city import (
    LOOPBACK,
    THURSDAY,
    Clock,
    add_account,
    add_booking,
    add_patient,
    ask,
    change,
    notify,
    open_platform,
    outbox,
    phone,
)
from tests.crowd import add_clinic, open_desk

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.one_time_passwords import request_otp
from guahao.jobs import FREED_MAX, create_jobs
from guahao.notices.gateway import Failed, Outcome, OutgoingMessage
from guahao.notices.outbox import OutboxGateway
from guahao.rules.kernel.facts import Actor
from guahao.store.kernel import throttle
from guahao.store.kernel.views import AppointmentView
from guahao.worker import WORKERS, run_worker

PERIODIC = {
    "redeliver",
    "redeliver_urgent",
    "ask_for_receipts",
    "void_sweep",
    "settle_merges",
    "remind",
    "retire_codes",
    "expire_applications",
    "begin_policies",
    "hold_draws",
    "follow_release_modes",
    "find_accounts_to_review",
    "roll_forward",
    "send_trail_head",
    "carry_on_stops",
    "lapse_replacements",
    "carry_on_imports",
    "index_names",
    "make_call_tasks",
    "record_staff_bookings",
    "purge",
    "delete_old",
    "purge_jobs",
    "retry_stalled",
    "wake_pushers",
}


ONE_CALL = """
    INSERT INTO hospital_calls (at, hospital_id, client_id, call, status, duration_ms, request_id)
    VALUES (%s, 1, 'hc_x', 'GET /hospital/calls', 200, 1, %s)
"""


class Unsteady(OutboxGateway):
    """A gateway that takes nothing until it is up."""

    up = False

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        if not self.up:
            return Failed(permanent=False)
        return await super().send(outgoing)


class Hanging(OutboxGateway):
    """A gateway that takes a one-time password, and lets everything else hang until it is up."""

    up: asyncio.Event

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        if outgoing.kind != "otp":
            await self.up.wait()
        return await super().send(outgoing)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


@pytest.fixture
def gateway(platform: Platform) -> Unsteady:
    gateway = Unsteady(platform.db, platform.vault)
    gateway.up = True
    return gateway


@pytest.fixture
async def app(platform: Platform, gateway: Unsteady) -> AsyncIterator[App]:
    app = create_jobs(platform, gateway)
    async with app.open_async():
        yield app


async def work(platform: Platform, gateway: Unsteady) -> None:
    """Workers come until nothing is due: one goes when no job waits, though one may follow."""
    due = "status = 'todo' AND coalesce(scheduled_at <= now(), true)"
    for _ in range(5):
        await run_worker(platform, gateway, wait=False)
        if not await ask(platform, f"SELECT FROM procrastinate_jobs WHERE {due}"):
            return
    pytest.fail("jobs are due that no worker takes")


async def run(app: App, platform: Platform, gateway: Unsteady, *tasks: str) -> None:
    """The time of these periodic tasks has come."""
    for task in tasks:
        await app.configure_task(task).defer_async(timestamp=0)
    await work(platform, gateway)


def test_every_task_has_a_worker_that_takes_its_queue(
    platform: Platform, gateway: Unsteady
) -> None:
    tasks = create_jobs(platform, gateway).tasks.values()
    library = "builtin"  # the library's own, which we do not defer
    taken = [queue for queues, *_ in WORKERS for queue in queues]
    assert {task.queue for task in tasks} - {library} == set(taken)
    assert len(taken) == len(set(taken))


async def states(platform: Platform) -> list[str]:
    return [row[0] for row in await ask(platform, "SELECT state FROM messages ORDER BY id")]


async def jobs(platform: Platform, task: str) -> list[str]:
    rows = await ask(
        platform, "SELECT status::text FROM procrastinate_jobs WHERE task_name = %s", task
    )
    return [row[0] for row in rows]


async def die_at_work(app: App, platform: Platform, task: str) -> None:
    """A worker takes the task's job, and its machine goes down."""
    worker = await app.job_manager.register_worker()
    taken = await app.job_manager.fetch_job(queues=None, worker_id=worker)
    assert taken is not None
    assert taken.task_name == task
    await change(
        platform, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'"
    )


async def test_a_worker_delivers_what_committed(platform: Platform, gateway: Unsteady) -> None:
    await add_booking(platform, 1)
    await request_otp(platform, phone(2), LOOPBACK, "zh")
    await work(platform, gateway)
    assert sorted(item.kind for item in await outbox(platform)) == ["booked", "otp"]
    assert await states(platform) == ["delivered", "delivered"]
    assert await jobs(platform, "deliver_messages") == []


async def test_a_one_time_password_overtakes(app: App, platform: Platform) -> None:
    await add_booking(platform, 1)
    await request_otp(platform, phone(2), LOOPBACK, "zh")
    [(otp,)] = await ask(platform, "SELECT id FROM messages WHERE kind = 'otp'")
    worker = await app.job_manager.register_worker()
    first = await app.job_manager.fetch_job(queues=None, worker_id=worker)
    assert first is not None
    assert first.task_kwargs == {"message_ids": [otp]}


async def test_a_one_time_password_does_not_wait_for_what_hangs_at_the_provider(
    platform: Platform,
) -> None:
    for number in range(1, 7):
        await add_booking(platform, number)
    gateway = Hanging(platform.db, platform.vault)
    gateway.up = asyncio.Event()
    worker = asyncio.create_task(run_worker(platform, gateway))
    try:
        async with asyncio.timeout(60):
            while await jobs(platform, "deliver_messages") != ["doing"] * 6:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await request_otp(platform, phone(9), LOOPBACK, "zh")
            while await states(platform) != ["queued"] * 6 + ["delivered"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        gateway.up.set()
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def test_what_the_gateway_cannot_take_now_is_tried_again_later(
    platform: Platform, gateway: Unsteady, clock: Clock
) -> None:
    await add_booking(platform)
    gateway.up = False
    await work(platform, gateway)
    later = "scheduled_at BETWEEN now() + interval '1 minute' AND now() + interval '2 minutes'"
    assert await ask(
        platform, f"SELECT task_name, status::text FROM procrastinate_jobs WHERE {later}"
    ) == [("deliver_messages", "todo")]
    assert await states(platform) == ["queued"]

    clock.forward(minutes=2)
    await change(platform, "UPDATE procrastinate_jobs SET scheduled_at = now()")
    gateway.up = True
    await work(platform, gateway)
    assert await states(platform) == ["delivered"]
    assert len(await outbox(platform)) == 1


async def test_a_message_whose_job_was_lost_is_delivered_after_half_a_minute(
    app: App, platform: Platform, gateway: Unsteady, clock: Clock
) -> None:
    for number in (1, 2):
        await add_booking(platform, number)
    await change(platform, "DELETE FROM procrastinate_jobs")
    clock.forward(seconds=29)
    await run(app, platform, gateway, "redeliver")
    assert await states(platform) == ["queued", "queued"]
    clock.forward(seconds=1)
    await run(app, platform, gateway, "redeliver")
    assert await states(platform) == ["delivered", "delivered"]
    assert len(await outbox(platform)) == 2


async def test_the_delivery_of_a_dead_worker_is_done_by_another(
    app: App, platform: Platform, gateway: Unsteady
) -> None:
    await add_booking(platform)
    await die_at_work(app, platform, "deliver_messages")
    await run(app, platform, gateway, "retry_stalled")
    assert await states(platform) == ["delivered"]
    assert await jobs(platform, "deliver_messages") == []


@pytest.mark.parametrize("task", ["void_sweep", "retry_stalled"])
async def test_a_periodic_task_goes_on_after_its_worker_died(
    app: App, platform: Platform, gateway: Unsteady, task: str
) -> None:
    await app.configure_task(task).defer_async(timestamp=0)
    await die_at_work(app, platform, task)
    await app.configure_task(task).defer_async(timestamp=300)
    if task != "retry_stalled":
        await app.configure_task("retry_stalled").defer_async(timestamp=0)
    await work(platform, gateway)
    assert await jobs(platform, task) == []


async def test_a_living_workers_job_is_left_alone(
    app: App, platform: Platform, gateway: Unsteady
) -> None:
    await add_booking(platform)
    await app.job_manager.fetch_job(queues=None, worker_id=await app.job_manager.register_worker())
    await run(app, platform, gateway, "retry_stalled")
    assert await jobs(platform, "deliver_messages") == ["doing"]


async def test_the_sweep_voids_and_its_messages_go_out(
    app: App, platform: Platform, gateway: Unsteady, clock: Clock
) -> None:
    await add_booking(platform)
    await change(platform, "UPDATE clinic_sessions SET attendance_known_at = %s", clock.now)
    clock.now = clock.now.replace(year=2026, month=12, day=3, hour=11, minute=29)
    await run(app, platform, gateway, "void_sweep")
    assert await ask(platform, "SELECT status FROM appointments") == [("booked",)]
    clock.forward(minutes=1)
    await run(app, platform, gateway, "void_sweep")
    assert await ask(platform, "SELECT status FROM appointments") == [("no_show",)]
    assert (await outbox(platform))[0].kind == "no_show"


async def test_the_evening_before_reminders_go_out_once(
    app: App, platform: Platform, gateway: Unsteady, clock: Clock
) -> None:
    await add_booking(platform)
    clock.now = clock.now.replace(month=12, day=2, hour=17, minute=59)
    await run(app, platform, gateway, "remind")
    assert [item.kind for item in await outbox(platform)] == ["booked"]
    clock.forward(minutes=1)
    for _ in range(2):
        await run(app, platform, gateway, "remind")
    assert [item.kind for item in await outbox(platform)] == ["reminder", "booked"]


async def test_timetables_are_rolled_forward_once(
    app: App, platform: Platform, gateway: Unsteady
) -> None:
    await add_booking(platform)
    await change(
        platform,
        """
        INSERT INTO timetables (hospital_id, department_id, title, iso_weekday, period,
                                fee_fen, capacity)
        SELECT hospital_id, id, '普通门诊', 1, 'morning', 5000, 30 FROM departments
        """,
    )
    for _ in range(2):
        await run(app, platform, gateway, "roll_forward")
    rows = await ask(
        platform, "SELECT visit_date FROM clinic_sessions WHERE timetable_id IS NOT NULL"
    )
    mondays = [row[0] for row in rows]
    assert len(mondays) == len(set(mondays)) >= 13
    assert {day.isoweekday() for day in mondays} == {1}


async def test_what_has_served_is_forgotten(
    app: App, platform: Platform, gateway: Unsteady, clock: Clock
) -> None:
    await request_otp(platform, phone(1), LOOPBACK, "zh")
    await change(
        platform,
        """
        INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                                      clinic_session_id, outcome, decided_at)
        SELECT 'account', 1, days::text, 1, 1, 'sold_out', %s + days * interval '1 day'
        FROM unnest(ARRAY[0, 2]) days
        """,
        clock.now,
    )
    await change(platform, ONE_CALL, clock.now, "old")
    clock.now += timedelta(days=101)
    await change(platform, ONE_CALL, clock.now - timedelta(days=90) + timedelta(seconds=1), "kept")
    async with platform.db.transaction() as tx:
        await throttle.hit(tx, "kept", b"", 60)
    await run(app, platform, gateway, "purge", "delete_old")
    assert await ask(platform, "SELECT scope FROM throttle_counts") == [("kept",)]
    assert await ask(platform, "SELECT 1 FROM one_time_passwords") == []
    assert await ask(platform, "SELECT idempotency_key FROM booking_requests") == [("2",)]
    assert await ask(platform, "SELECT request_id FROM hospital_calls") == [("kept",)]


async def test_old_codes_are_retired(
    app: App, platform: Platform, gateway: Unsteady, clock: Clock
) -> None:
    await add_booking(platform)
    clock.now += (THURSDAY + timedelta(days=31)) - clock.now.date()
    await run(app, platform, gateway, "retire_codes")
    assert await ask(platform, "SELECT code_live FROM appointments") == [(False,)]


async def test_failed_jobs_are_kept_for_a_week(
    app: App, platform: Platform, gateway: Unsteady
) -> None:
    for _ in range(2):
        await app.configure_task("gone").defer_async()
    await work(platform, gateway)
    assert await jobs(platform, "gone") == ["failed", "failed"]
    await change(
        platform,
        """
        UPDATE procrastinate_events SET at = now() - interval '8 days'
        WHERE job_id = (SELECT min(id) FROM procrastinate_jobs WHERE task_name = 'gone')
        """,
    )
    await run(app, platform, gateway, "purge_jobs")
    assert await jobs(platform, "gone") == ["failed"]


async def test_every_periodic_task_may_run_twice_with_nothing_to_do(
    app: App, platform: Platform, gateway: Unsteady
) -> None:
    assert {name for name, _ in app.periodic_registry.periodic_tasks} == PERIODIC
    for _ in range(2):
        await run(app, platform, gateway, *sorted(PERIODIC))
    failed = "SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'"
    assert await ask(platform, failed) == []


async def test_no_job_carries_personal_data(platform: Platform) -> None:
    appointment_id = await add_booking(platform)
    await notify(platform, "cancelled", appointment_id)
    await request_otp(platform, phone(2), LOOPBACK, "zh")
    rows = await ask(platform, "SELECT args FROM procrastinate_jobs ORDER BY id")
    ids = [row[0] for row in await ask(platform, "SELECT id FROM messages ORDER BY id")]
    assert [row[0] for row in rows] == [{"message_ids": [message_id]} for message_id in ids]


async def test_no_transaction_of_a_booking_notifies(platform: Platform, database_url: str) -> None:
    """NOTIFY takes a lock of the whole server that lasts until the commit has returned."""
    triggers = """
        SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = 'procrastinate_jobs'::regclass AND p.prosrc LIKE '%%notify%%'
          AND t.tgtype & 4 > 0
    """
    assert await ask(platform, triggers) == []
    [session_id] = await add_clinic(platform, [THURSDAY])
    account_id = await add_account(platform)
    patient = await add_patient(platform, account_id)
    channels = ["procrastinate_any_queue_v1", "procrastinate_queue_v1#notices"]
    with psycopg.connect(database_url, autocommit=True) as conn:
        for channel in channels:
            conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        async with open_desk(platform) as desk:
            booked = await desk.book(
                Actor("account", account_id), "key", patient.id, session_id, "web"
            )
        assert isinstance(booked, AppointmentView)
        assert await jobs(platform, "deliver_messages") == ["todo"]
        # Notifications arrive in the order of the commits: there was none before ours.
        await change(platform, "SELECT pg_notify(%s, 'ours')", channels[0])
        [notified] = list(conn.notifies(timeout=60, stop_after=1))
        assert notified.payload == "ours"


async def test_a_job_that_meets_an_error_of_the_database_is_tried_again(
    platform: Platform, gateway: Unsteady, database_url: str
) -> None:
    await add_booking(platform)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            """
            CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION USING ERRCODE = 'admin_shutdown'; END $$
            """
        )
        owner.execute(
            "CREATE TRIGGER away BEFORE UPDATE ON messages"
            " FOR EACH STATEMENT EXECUTE FUNCTION away()"
        )
        await work(platform, gateway)
        assert await jobs(platform, "deliver_messages") == ["todo"]
        owner.execute("DROP TRIGGER away ON messages")
    await change(platform, "UPDATE procrastinate_jobs SET scheduled_at = now()")
    await work(platform, gateway)
    assert await states(platform) == ["delivered"]


async def test_a_job_at_which_one_worker_after_the_other_died_is_given_up(
    app: App, platform: Platform, gateway: Unsteady
) -> None:
    await add_booking(platform)
    for _ in range(FREED_MAX):
        await die_at_work(app, platform, "deliver_messages")
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
            await app.job_manager.retry_job(job)
    await die_at_work(app, platform, "deliver_messages")
    await run(app, platform, gateway, "retry_stalled")
    assert await jobs(platform, "deliver_messages") == ["failed"]
