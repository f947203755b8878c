"""The booking desk when everybody comes at once: real connections, real locks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest
from structlog.testing import capture_logs
from tests.city import THURSDAY, Clock, ask, change, change_as_owner, open_platform
from tests.crowd import WAITING, Person, add_clinic, add_crowd, book, booked, count, open_desk

from guahao.flows.booking.booking import DeskRequest
from guahao.flows.booking.desk import Busy, DeskAnswer, serve
from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.facts import Actor, BookingRequest
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import KeyMismatch, Refusal, Refused
from guahao.store.booking import booking as store
from guahao.store.kernel.db import Database, PipelinedTx
from guahao.store.kernel.views import AppointmentView
from guahao.store.policy.policy_book import PolicyBook


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as platform:
        yield platform


def outcomes(answers: list[DeskAnswer]) -> Counter[str]:
    return Counter(
        str(answer.reason) if isinstance(answer, Refused) else type(answer).__name__
        for answer in answers
    )


async def test_two_hundred_callers_share_a_session_of_twenty(platform: Platform) -> None:
    [session_id] = await add_clinic(platform, capacity=20)
    crowd = await add_crowd(platform, 200)
    async with open_desk(platform) as one, open_desk(platform) as other:
        desks = (one, other)
        answers = await asyncio.gather(
            *(book(desks[i % 2], person, session_id) for i, person in enumerate(crowd))
        )
    assert outcomes(answers) == {"AppointmentView": 20, "sold_out": 180}
    assert await count(platform, "appointments", "status = 'booked'") == 20
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(20,)]
    codes = {answer.code for answer in answers if isinstance(answer, AppointmentView)}
    assert len(codes) == 20


async def test_retries_of_one_key_all_get_the_one_answer(platform: Platform) -> None:
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    async with open_desk(platform) as one, open_desk(platform) as other:
        answers = await asyncio.gather(
            *(book(desk, person, session_id, "again") for desk in (one, other) * 5)
        )
    views = [answer for answer in answers if isinstance(answer, AppointmentView)]
    assert len(views) == 10
    assert len({(view.id, view.code, view.status, view.booked_at) for view in views}) == 1
    assert await count(platform, "appointments") == 1
    assert await count(platform, "messages") == 1


_ADD_REQUESTS = """
    INSERT INTO booking_requests (actor_kind, actor_id, idempotency_key, patient_id,
                                  clinic_session_id, outcome, decided_at)
    SELECT 'account', 0, 'k' || n, 0, 0, 'sold_out', now() FROM generate_series(1, 3000) n
"""
_ADD_APPOINTMENTS = """
    INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id, visit_date,
                              channel, code_enc, code_index, booked_at, changed_at, status)
    SELECT p.id, s.id, s.hospital_id, s.department_id, s.visit_date + n,
           'api', '', int8send(10 * p.id + n), now(), now(), 'picked_up'
    FROM patients p, clinic_sessions s, generate_series(0, 9) n WHERE p.id <> %s
"""
_ADD_SESSIONS = """
    INSERT INTO clinic_sessions (hospital_id, department_id, title, specialty, visit_date, period,
                                 fee_fen, capacity)
    SELECT hospital_id, department_id, title, 's' || n, visit_date, period, fee_fen, capacity
    FROM clinic_sessions, generate_series(1, 3000) n
"""
_ADD_LOGINS = """
    INSERT INTO log_ins (account_id, generation, door, created_at, last_seen_at, expires_at)
    SELECT id, 1, 'web', now(), now(), 'infinity' FROM accounts, generate_series(1, %s)
"""


async def test_a_desk_opened_in_an_empty_city_reads_no_more_in_a_large_one(
    platform: Platform,
) -> None:
    """Its connection keeps the plans of the first day; there is no ANALYZE before the second."""
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    request = BookingRequest(
        person.actor, "key", person.patient_id, session_id, "api", platform.db.clock()
    )

    async def rows_read(tx: PipelinedTx) -> int:
        """The rows that were read from tables that grow, for one booking."""
        counts = """
            SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
            WHERE relname IN ('appointments', 'booking_requests', 'clinic_sessions', 'log_ins',
                              'patients')
        """
        [[before]] = await tx.rows(counts)
        await store.load_batch(tx, platform.vault, [request], THURSDAY, ["12345678"], [1])
        [[after]] = await tx.rows(counts)
        return int(after - before)

    await change_as_owner(platform, _ADD_LOGINS, 1)
    await change_as_owner(platform, "ANALYZE")
    async with platform.db.pipelined_transaction() as tx:
        # More often than the server plans a prepared statement anew.
        *_, few = [await rows_read(tx) for _ in range(10)]
        await add_crowd(platform, 300)
        await change_as_owner(platform, _ADD_LOGINS, 10)
        await change_as_owner(platform, _ADD_REQUESTS)
        await change_as_owner(platform, _ADD_APPOINTMENTS, person.patient_id)
        await change_as_owner(platform, _ADD_SESSIONS)
        assert await rows_read(tx) == few


async def test_statements_that_the_server_forgot_delay_only_the_first_booking_of_a_day(
    platform: Platform, database_url: str
) -> None:
    """It asks for the policies before its own statements, in the same transaction."""
    [session_id] = await add_clinic(platform)
    db = Database(database_url, platform.db.clock, max_size=1)
    await db.open()
    try:
        for person in await add_crowd(platform, 2):
            own = replace(platform, db=db, policies=PolicyBook(Policy()))
            async with open_desk(own) as desk:
                assert isinstance(await book(desk, person, session_id), AppointmentView)
            async with db.transaction() as tx:  # as psycopg does when it rolls back
                await tx.do("DEALLOCATE ALL")
    finally:
        await db.close()
    assert await count(platform, "appointments") == 2


async def test_a_refusal_stands_under_its_key_even_when_a_place_comes_back(
    platform: Platform,
) -> None:
    [session_id] = await add_clinic(platform, capacity=0)
    [person] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk:
        first = await book(desk, person, session_id, "key")
        await change(platform, "UPDATE clinic_sessions SET capacity = 1")
        assert await book(desk, person, session_id, "key") == first == Refused(Refusal.SOLD_OUT)
        assert isinstance(await book(desk, person, session_id, "new"), AppointmentView)


async def test_the_same_key_for_another_body_is_refused(platform: Platform) -> None:
    first, second = await add_clinic(platform, [THURSDAY, THURSDAY + timedelta(days=30)])
    [person] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk:
        assert isinstance(await book(desk, person, first, "key"), AppointmentView)
        assert isinstance(await book(desk, person, second, "key"), KeyMismatch)
    assert await count(platform, "appointments") == 1


async def book_everywhere(platform: Platform) -> list[date]:
    """One patient books at 30 hospitals over ten days at once, through many connections."""
    dates = [THURSDAY + timedelta(days=n % 10) for n in range(30)]
    sessions = [session for day in dates for session in await add_clinic(platform, [day])]
    [person] = await add_crowd(platform, 1)
    async with (
        open_desk(platform, lanes=4, batch=1) as one,
        open_desk(platform, lanes=4, batch=2) as other,
    ):
        desks = (one, other)
        await asyncio.gather(
            *(book(desks[i % 2], person, session) for i, session in enumerate(sessions))
        )
    rows = await ask(platform, "SELECT visit_date FROM appointments")
    return [day for (day,) in rows]


def most_in_seven_days(dates: list[date]) -> int:
    return max(sum(0 <= (day - start).days < 7 for day in dates) for start in dates)


async def test_one_patient_everywhere_at_once_passes_no_limit(platform: Platform) -> None:
    dates = await book_everywhere(platform)
    assert max(Counter(dates).values()) <= 2
    assert most_in_seven_days(dates) <= 3
    assert 3 <= len(dates) <= 5


async def test_without_the_patients_lock_the_limits_would_be_passed(
    platform: Platform, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control of the test above: it must be able to fail."""
    unlocked = store._LOCK_PATIENTS.replace("FOR NO KEY UPDATE", "")
    monkeypatch.setattr(store, "_LOCK_PATIENTS", unlocked)
    for _ in range(5):
        if most_in_seven_days(await book_everywhere(platform)) > 3:
            return
        with psycopg.connect(database_url) as owner:
            owner.execute("TRUNCATE hospitals, patients, accounts CASCADE")
    pytest.fail("thirty bookings at once without a lock, five times, passed no limit")


async def test_one_request_that_fails_does_not_fail_its_neighbours(
    platform: Platform, database_url: str
) -> None:
    [session_id] = await add_clinic(platform)
    crowd = await add_crowd(platform, 5)
    refuse_in_the_database(database_url, crowd[2].patient_id)
    async with open_desk(platform) as desk:
        answers = await asyncio.gather(
            *(book(desk, person, session_id) for person in crowd), return_exceptions=True
        )
    assert [type(answer).__name__ for answer in answers] == [
        *("AppointmentView", "AppointmentView"),
        *("CheckViolation", "AppointmentView", "AppointmentView"),
    ]
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(4,)]


def refuse_in_the_database(database_url: str, patient_id: int) -> None:
    """A constraint that the rules know nothing of."""
    with psycopg.connect(database_url) as owner:
        owner.execute(f"ALTER TABLE appointments ADD CHECK (patient_id <> {patient_id})")


def end_all_connections(database_url: str) -> None:
    """What a restart of the server does to everybody."""
    with psycopg.connect(database_url) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_a_lost_connection_loses_no_booking_and_doubles_none(
    platform: Platform, database_url: str
) -> None:
    [session_id] = await add_clinic(platform, capacity=500)
    crowd = await add_crowd(platform, 300)
    async with open_desk(platform, batch=16) as desk:
        waiting = [asyncio.ensure_future(book(desk, person, session_id)) for person in crowd]
        for _ in range(3):
            await asyncio.sleep(0.02)
            end_all_connections(database_url)
        answers = await asyncio.gather(*waiting)
        unsure = [
            person
            for person, answer in zip(crowd, answers, strict=True)
            if not isinstance(answer, AppointmentView)
        ]
        for person in unsure:
            assert isinstance(await book(desk, person, session_id), AppointmentView)
    assert await count(platform, "appointments") == 300
    assert await ask(platform, "SELECT booked FROM clinic_sessions") == [(300,)]


async def test_a_full_queue_answers_busy_at_once(platform: Platform) -> None:
    [session_id] = await add_clinic(platform, capacity=500)
    crowd = await add_crowd(platform, 60)
    async with open_desk(platform, lanes=1, queue=10) as desk:
        answers = await asyncio.gather(*(book(desk, person, session_id) for person in crowd))
    assert outcomes(answers) == {"AppointmentView": 10, "Busy": 50}
    assert await count(platform, "booking_requests") == 10


async def test_closing_answers_all_that_wait_and_takes_no_more(platform: Platform) -> None:
    [session_id] = await add_clinic(platform, capacity=500)
    crowd = await add_crowd(platform, 100)
    async with open_desk(platform, batch=8) as desk:
        waiting = [asyncio.ensure_future(book(desk, person, session_id)) for person in crowd[1:]]
        await asyncio.sleep(0)
    assert outcomes(await asyncio.gather(*waiting)) == {"AppointmentView": 99}
    assert isinstance(await book(desk, crowd[0], session_id), Busy)


async def test_the_answers_of_a_batch_leave_before_the_next_one_begins(platform: Platform) -> None:
    """Or the answered callers would wait for the work of the next batch as well."""
    [session_id] = await add_clinic(platform)
    crowd = await add_crowd(platform, 3)
    still_waiting = []
    async with open_desk(platform, lanes=1, batch=2) as desk:

        async def call(person: Person) -> None:
            await book(desk, person, session_id)
            still_waiting.append(desk._waiting)

        await asyncio.gather(*map(call, crowd))
    assert still_waiting == [1, 1, 0]


async def test_what_the_desk_switches_off_is_on_again_after_its_transaction(
    platform: Platform, database_url: str
) -> None:
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    db = Database(database_url, platform.db.clock, max_size=1)
    await db.open()

    async def settings() -> object:
        async with db.transaction() as tx:
            return await tx.row("SELECT current_setting('enable_seqscan'), current_setting('jit')")

    try:
        before = await settings()
        async with open_desk(replace(platform, db=db)) as desk:
            assert isinstance(await book(desk, person, session_id), AppointmentView)
        assert await settings() == before
    finally:
        await db.close()


async def test_who_goes_away_while_waiting_gets_no_booking(platform: Platform) -> None:
    [session_id] = await add_clinic(platform)
    crowd = await add_crowd(platform, 3)
    async with open_desk(platform, lanes=1, batch=1) as desk:
        waiting = [asyncio.ensure_future(book(desk, person, session_id)) for person in crowd]
        await asyncio.sleep(0)  # the first is in the lane's hands, the others wait
        waiting[2].cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[2], asyncio.CancelledError)
    assert await count(platform, "appointments") == 2


async def test_who_goes_away_during_the_commit_finds_the_booking_under_the_key(
    platform: Platform,
) -> None:
    [session_id] = await add_clinic(platform)
    [person] = await add_crowd(platform, 1)
    async with open_desk(platform) as desk, platform.db.transaction() as holding:
        await holding.do("SELECT FROM patients FOR UPDATE")
        leaving = asyncio.ensure_future(book(desk, person, session_id))
        async with asyncio.timeout(30):
            while await ask(platform, WAITING) == [(0,)]:  # noqa: ASYNC110 - in PostgreSQL
                await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    assert await count(platform, "appointments") == 1
    async with open_desk(platform) as desk:
        assert isinstance(await book(desk, person, session_id), AppointmentView)
    assert await count(platform, "appointments") == 1


async def test_a_booking_has_one_message_and_one_job_and_a_refusal_none(
    platform: Platform,
) -> None:
    [session_id] = await add_clinic(platform, capacity=2)
    crowd = await add_crowd(platform, 4)
    async with open_desk(platform, lanes=1) as desk:
        await asyncio.gather(*(book(desk, person, session_id) for person in crowd))
    told = await ask(platform, "SELECT kind, id FROM messages ORDER BY id")
    assert [kind for kind, _ in told] == ["booked", "booked"]
    jobs = await ask(platform, "SELECT task_name, queue_name, args FROM procrastinate_jobs")
    assert all(job[:2] == ("deliver_messages", "notices") for job in jobs)
    assert sorted(id for job in jobs for id in job[2]["message_ids"]) == [id for _, id in told]


async def test_staff_may_book_for_the_person_before_them_an_account_for_its_own_only(
    platform: Platform,
) -> None:
    [session_id] = await add_clinic(platform)
    mine, other = await add_crowd(platform, 2)
    async with open_desk(platform) as desk:
        stolen = await desk.book(mine.actor, "k", other.patient_id, session_id, "api")
        staff = await desk.book(Actor("staff", 1), "k", other.patient_id, session_id, "phone")
        nobody = await desk.book(mine.actor, "n", 10**12, session_id, "api")
    assert stolen == nobody == Refused(Refusal.NOT_YOUR_PATIENT)
    assert isinstance(staff, AppointmentView)
    assert staff.channel == "phone"


async def test_a_code_that_another_batch_has_just_drawn_is_drawn_again(
    platform: Platform, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [session_id] = await add_clinic(platform)
    other, *crowd = await add_crowd(platform, 3)
    earlier = await booked(platform, other, session_id)
    draws = [["00000001", "00000002"], store.new_codes(2)]
    monkeypatch.setattr(store, "new_codes", lambda _: draws.pop(0))
    same_code = platform.vault.index("code", "00000001")
    requests = [
        DeskRequest(person.actor, f"k{n}", person.patient_id, session_id, "api")
        for n, person in enumerate(crowd)
    ]
    with capture_logs() as logs, psycopg.connect(database_url) as same_moment:
        same_moment.execute(
            "UPDATE appointments SET code_index = %s WHERE id = %s", (same_code, earlier.id)
        )
        serving = asyncio.create_task(serve(platform, requests))
        while await ask(platform, WAITING) == [(0,)]:  # noqa: ASYNC110 - in PostgreSQL
            await asyncio.sleep(0.01)
        same_moment.commit()
        answers = await serving
    assert all(isinstance(answer, AppointmentView) for answer in answers), answers
    assert logs == []  # not split into requests of one each
    assert draws == []
