"""Applications: registered once, seen by their owner alone, and ended when they cannot win."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import UniqueViolation
from tests.city import (
    THURSDAY,
    Clock,
    add_account,
    add_patient,
    add_session,
    ask,
    change,
    change_as_owner,
    open_platform,
    outbox,
    reasons,
)

from guahao.flows.fairness.applications import (
    ApplicationRequest,
    apply,
    expire,
    own_application,
    own_applications,
    withdraw,
)
from guahao.flows.kernel.platform import Platform
from guahao.notices.deliver import MessageSender
from guahao.notices.outbox import OutboxGateway
from guahao.rules.fairness.applying import (
    APPLIED_A_DAY,
    ApplicationRefusal,
    Wishes,
    WithdrawRefusal,
)
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.staff.staff import Who
from guahao.store.fairness import applications as store
from guahao.store.fairness.applications import ApplicationView

WEEK = Wishes(THURSDAY - timedelta(days=2), THURSDAY + timedelta(days=4))
AT_ONCE = 4  # requests, each with a connection
AGENT = Who("staff", 7, "客服小王")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def add_department(platform: Platform) -> int:
    """A department of a hospital of its own, with a session on Thursday."""
    session_id = await add_session(platform)
    rows = await ask(
        platform, "SELECT department_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(rows[0][0])


def request(
    account_id: int,
    patient_ids: Sequence[int],
    department_id: int,
    key: str = "k1",
    wishes: Wishes = WEEK,
    channel: str = "web",
) -> ApplicationRequest:
    actor = Actor("account", account_id)
    return ApplicationRequest(actor, key, tuple(patient_ids), department_id, wishes, channel)


async def applied(platform: Platform, asked: ApplicationRequest) -> ApplicationView:
    made = await apply(platform, asked)
    assert isinstance(made, ApplicationView), made
    return made


async def states(platform: Platform) -> list[tuple[str, list[bool]]]:
    """The state of each application, and whether its patients count as live."""
    rows = await ask(
        platform,
        """
        SELECT a.state, array_agg(ap.is_live ORDER BY ap.position)
        FROM applications a JOIN application_patients ap ON ap.application_id = a.id
        GROUP BY a.id ORDER BY a.id
        """,
    )
    return [(state, live) for state, live in rows]


async def told(platform: Platform, kind: str) -> list[tuple[int, int, int]]:
    """Messages of a kind: account, patient and application."""
    rows = await ask(
        platform,
        """
        SELECT account_id, patient_id, application_id FROM messages
        WHERE kind = %s AND channel = 'sms' ORDER BY id
        """,
        kind,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def test_an_application_is_registered_and_shown_to_its_owner(platform: Platform) -> None:
    account = await add_account(platform)
    first, second = await add_patient(platform, account), await add_patient(platform, account, 2)
    department = await add_department(platform)
    wishes = replace(WEEK, title="主任医师", periods=("afternoon", "morning"), may_split=True)
    made = await applied(platform, request(account, [second.id, first.id], department, "k", wishes))
    assert made.state == "live"
    assert [patient.id for patient in made.patients] == [second.id, first.id]
    assert made.wishes == wishes.normalised()
    assert (made.hospital_name, made.department_name) == ("市第一医院", "心血管内科")
    assert (made.lost, made.appointments, made.channel) == (0, (), "web")
    assert await own_applications(platform, account) == [made]
    assert await own_application(platform, account, made.id) == made
    # The page shows what was registered: an SMS for it would only cost money.
    assert await told(platform, "application_registered") == []


async def test_another_account_neither_sees_nor_withdraws_it(platform: Platform) -> None:
    account, stranger = await add_account(platform), await add_account(platform, 2)
    patient = await add_patient(platform, account)
    made = await applied(platform, request(account, [patient.id], await add_department(platform)))
    assert await own_application(platform, stranger, made.id) is None
    assert await own_applications(platform, stranger) == []
    assert await withdraw(platform, stranger, made.id) == Refused(WithdrawRefusal.UNKNOWN)
    assert await withdraw(platform, account, made.id + 1) == Refused(WithdrawRefusal.UNKNOWN)
    assert await states(platform) == [("live", [True])]
    not_theirs = request(stranger, [patient.id], made.department_id)
    assert await apply(platform, not_theirs) == Refused(ApplicationRefusal.NOT_YOUR_PATIENT)


async def test_the_same_request_twice_is_one_application(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    asked = request(account, [patient.id], await add_department(platform))
    made = await applied(platform, asked)
    assert await apply(platform, asked) == made
    # The same wishes, otherwise written.
    again = replace(asked, wishes=replace(WEEK, periods=("evening", "afternoon", "morning")))
    assert await apply(platform, again) == made
    assert (
        await apply(platform, replace(asked, wishes=replace(WEEK, title="医师"))) == KeyMismatch()
    )
    # The key belongs to the actor.
    other = await add_account(platform, 2)
    theirs = await add_patient(platform, other, 2)
    assert (await applied(platform, request(other, [theirs.id], made.department_id))).id != made.id
    # Once it is withdrawn, the same request still stands for it.
    await withdraw(platform, account, made.id)
    repeated = await apply(platform, asked)
    assert isinstance(repeated, ApplicationView)
    assert (repeated.id, repeated.state) == (made.id, "withdrawn")


async def test_a_refused_request_can_be_sent_again_under_its_key(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    department = await add_department(platform)
    made = await applied(platform, request(account, [patient.id], department))
    again = request(account, [patient.id], department, "k2")
    assert await apply(platform, again) == Refused(ApplicationRefusal.ALREADY_APPLIED)
    await withdraw(platform, account, made.id)
    assert (await applied(platform, again)).id != made.id


async def test_the_facts_of_the_rules_come_from_the_records(
    platform: Platform, clock: Clock
) -> None:
    """Each refusal of the rule is reached by what the database holds."""
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    department = await add_department(platform)
    asked = request(account, [patient.id], department)

    async def refused(**changed: object) -> ApplicationRefusal | None:
        answer = await apply(platform, replace(asked, **changed))  # type: ignore[arg-type]
        return answer.reason if isinstance(answer, Refused) else None

    assert await refused(department_id=department + 99) is ApplicationRefusal.UNKNOWN_DEPARTMENT
    assert await refused(patient_ids=(patient.id, patient.id + 99)) == "not_your_patient"
    past = replace(WEEK, first_date=clock.now.date() - ONE_DAY)
    assert await refused(wishes=past) is ApplicationRefusal.WISHES_IMPOSSIBLE
    elsewhere = await add_session(platform)
    ranked = replace(WEEK, ranked_sessions=(elsewhere,))
    assert await refused(wishes=ranked) is ApplicationRefusal.UNKNOWN_SESSION
    until = clock.now.date() + timedelta(days=9)
    for column, table, id, reason in [
        ("restricted_until", "accounts", account, ApplicationRefusal.ACCOUNT_RESTRICTED),
        ("suspended_until", "patients", patient.id, ApplicationRefusal.PATIENT_SUSPENDED),
    ]:
        await change(platform, f"UPDATE {table} SET {column} = %s WHERE id = %s", until, id)
        assert await refused() is reason
        await change(platform, f"UPDATE {table} SET {column} = NULL WHERE id = %s", id)
    today = clock.now.date()
    await change(platform, "UPDATE patients SET document_ends_on = %s", today)
    assert await refused() is ApplicationRefusal.DOCUMENT_ENDED
    await change(platform, "UPDATE patients SET document_ends_on = NULL")
    await change(platform, "UPDATE hospitals SET checked_only = true")
    assert await refused() is ApplicationRefusal.PERSON_UNCHECKED
    await change(platform, "UPDATE hospitals SET checked_only = false")
    await change(platform, "UPDATE departments SET on_platform = false WHERE id = %s", department)
    assert await refused() is ApplicationRefusal.UNKNOWN_DEPARTMENT


async def test_a_department_whose_clinics_are_in_those_below_it_is_not_applied_for(
    platform: Platform,
) -> None:
    """No draw would ever serve it: the draws are those of the departments below."""
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    department = await add_department(platform)
    rows = await ask(
        platform,
        "WITH head AS (INSERT INTO departments (hospital_id, code, name)"
        " SELECT hospital_id, '03', '内科' FROM departments WHERE id = %s RETURNING id)"
        " UPDATE departments d SET parent_id = head.id FROM head WHERE d.id = %s RETURNING head.id",
        *(department, department),
    )
    answer = await apply(platform, request(account, [patient.id], rows[0][0]))
    assert answer == Refused(ApplicationRefusal.UNKNOWN_DEPARTMENT)
    await applied(platform, request(account, [patient.id], department))


async def test_at_most_two_departments_a_person_and_twenty_applications_a_day(
    platform: Platform, clock: Clock
) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    departments = [await add_department(platform) for _ in range(3)]
    for n in range(2):
        await applied(platform, request(account, [patient.id], departments[n], f"a{n}"))
    third = request(account, [patient.id], departments[2], "a2")
    assert await apply(platform, third) == Refused(ApplicationRefusal.TOO_MANY_APPLICATIONS)
    for n in range(2, 20):
        [newest, *_] = await own_applications(platform, account)
        assert isinstance(await withdraw(platform, account, newest.id), ApplicationView)
        await applied(platform, request(account, [patient.id], departments[2], f"b{n}"))
    [newest, *_] = await own_applications(platform, account)
    await withdraw(platform, account, newest.id)
    last = request(account, [patient.id], departments[1], "c")
    assert await apply(platform, last) == Refused(ApplicationRefusal.TOO_MANY_TODAY)
    clock.forward(days=1)
    await applied(platform, replace(last, wishes=replace(WEEK, first_date=clock.now.date())))


async def test_pages_of_applications_newest_first(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    department = await add_department(platform)
    made = []
    for n in range(5):
        made.append(
            (await applied(platform, request(account, [patient.id], department, f"k{n}"))).id
        )
        await withdraw(platform, account, made[-1])
    first = await own_applications(platform, account, limit=3)
    rest = await own_applications(platform, account, first[-1].id, 3)
    assert [view.id for view in first + rest] == made[::-1]


async def test_what_staff_register_is_confirmed_and_stands_in_the_trail(
    platform: Platform,
) -> None:
    account = await add_account(platform)
    first, second = await add_patient(platform, account), await add_patient(platform, account, 2)
    asked = ApplicationRequest(
        Actor("staff", AGENT.id),
        "call-1",
        (first.id, second.id),
        await add_department(platform),
        WEEK,
        "phone",
        AGENT,
        {"call": 5},
    )
    made = await applied(platform, asked)
    assert await told(platform, "application_registered") == [(account, first.id, made.id)]
    withdrawn = await withdraw(platform, None, made.id, AGENT, {"call": 5})
    assert isinstance(withdrawn, ApplicationView)
    assert withdrawn.state == "withdrawn"
    actions = [action for action, _ in await reasons(platform)]
    assert actions == ["apply_for_places", "withdraw_application"]
    assert await withdraw(platform, None, made.id) == Refused(WithdrawRefusal.NOT_LIVE)


async def test_the_confirmation_is_sent_in_words(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    asked = request(account, [patient.id], await add_department(platform), channel="window")
    await applied(platform, replace(asked, actor=Actor("staff", 7)))
    await deliver(platform)
    [sent] = await outbox(platform)
    assert "已为张三登记候补：市第一医院 心血管内科，12月1日 周二至12月7日 周一" in sent.text


async def test_a_landline_hears_nothing_of_a_registration(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    await change(platform, "UPDATE accounts SET is_landline = true")
    asked = request(account, [patient.id], await add_department(platform), channel="phone")
    await applied(platform, replace(asked, actor=Actor("staff", 7)))
    assert await told(platform, "application_registered") == []


async def deliver(platform: Platform) -> None:
    """Send what waits."""
    ids = [row[0] for row in await ask(platform, "SELECT id FROM messages WHERE state = 'queued'")]
    gateway = OutboxGateway(platform.db, platform.vault)
    await MessageSender(platform.db, platform.vault, platform.policies, "114", gateway).deliver(ids)


# At the same moment -------------------------------------------------------------------------


async def test_a_double_tap_is_one_application(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    asked = request(account, [patient.id], await add_department(platform))
    answers = await asyncio.gather(*(apply(platform, asked) for _ in range(8)))
    assert {answer.id for answer in answers if isinstance(answer, ApplicationView)} == {
        (await own_applications(platform, account))[0].id
    }
    assert len(await states(platform)) == 1


async def test_one_key_for_two_patients_at_once_is_one_application(platform: Platform) -> None:
    """The two lock different persons, so that only the unique key stops the second."""
    account = await add_account(platform)
    patients = [await add_patient(platform, account, n) for n in (1, 2)]
    department = await add_department(platform)
    asked = [request(account, [patient.id], department) for patient in patients]
    answers = await asyncio.gather(*(apply(platform, one) for one in asked))
    assert len([a for a in answers if isinstance(a, ApplicationView)]) == 1
    assert KeyMismatch() in answers


async def applied_by_many(platform: Platform) -> list[object]:
    """Requests of one person in one department at the same moment, each with its key."""
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    department = await add_department(platform)
    asked = [request(account, [patient.id], department, f"k{n}") for n in range(AT_ONCE)]
    async with platform.db.transaction() as tx:
        await platform.policies.read(tx)  # the first to read a day's policies locks a row
    return await asyncio.gather(*(apply(platform, one) for one in asked), return_exceptions=True)


async def test_a_person_applies_once_in_a_department(platform: Platform) -> None:
    answers = await applied_by_many(platform)
    assert len([a for a in answers if isinstance(a, ApplicationView)]) == 1
    assert answers.count(Refused(ApplicationRefusal.ALREADY_APPLIED)) == AT_ONCE - 1


async def test_two_patients_of_an_account_together_apply_twenty_times_a_day(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each locks a person of their own, so that only the account's lock makes one wait."""
    account = await add_account(platform)
    patients = [await add_patient(platform, account, n) for n in (1, 2)]
    department = await add_department(platform)
    for n in range(APPLIED_A_DAY - 1):
        made = await applied(platform, request(account, [patients[0].id], department, f"a{n}"))
        await withdraw(platform, account, made.id)
    add = store.add

    async def add_late(*args: object) -> int | None:
        await asyncio.sleep(0.5)  # the other has read what counts, unless it waits
        return await add(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "add", add_late)
    last = [request(account, [patient.id], department, f"b{patient.id}") for patient in patients]
    answers = await asyncio.gather(*(apply(platform, asked) for asked in last))
    assert len([a for a in answers if isinstance(a, ApplicationView)]) == 1
    assert Refused(ApplicationRefusal.TOO_MANY_TODAY) in answers


def decide_before_anybody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the locks away, and let all requests read the facts before any application is stored."""
    everybody = asyncio.Barrier(AT_ONCE)
    add = store.add

    async def unlocked(_tx: object, _ids: object) -> None:
        return None

    async def add_together(*args: object) -> int | None:
        await everybody.wait()
        return await add(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("guahao.flows.fairness.applications.lock_persons", unlocked)
    monkeypatch.setattr(store, "lock_accounts", unlocked)
    monkeypatch.setattr(store, "add", add_together)


async def test_control_without_the_lock_the_index_refuses(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide_before_anybody_writes(monkeypatch)
    answers = await applied_by_many(platform)
    assert len([a for a in answers if isinstance(a, ApplicationView)]) == 1
    assert len([a for a in answers if isinstance(a, UniqueViolation)]) == AT_ONCE - 1


async def test_control_without_the_lock_and_the_index_there_are_two(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(platform.db.url) as conn:
        conn.execute("SET ROLE NONE")
        conn.execute("DROP INDEX application_patients_once_a_department")
    decide_before_anybody_writes(monkeypatch)
    answers = await applied_by_many(platform)
    assert len([a for a in answers if isinstance(a, ApplicationView)]) == AT_ONCE


# Ending -------------------------------------------------------------------------------------


async def test_an_application_that_no_draw_can_serve_expires_once(
    platform: Platform, clock: Clock
) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    department = await add_department(platform)
    # For Thursday, to be cancelled until Wednesday 15:00: the last draw is on Tuesday at 14:00.
    wishes = replace(WEEK, last_date=THURSDAY)
    made = await applied(platform, request(account, [patient.id], department, wishes=wishes))
    clock.now = clock.now.replace(month=12, day=1, hour=14)
    assert await expire(platform) == 0
    clock.forward(seconds=1)
    assert sum(await asyncio.gather(expire(platform), expire(platform))) == 1
    assert await states(platform) == [("expired", [False])]
    assert await told(platform, "application_ended") == [(account, patient.id, made.id)]
    await deliver(platform)
    [sent] = await outbox(platform)
    assert "张三在市第一医院 心血管内科的候补登记已结束：到期没有抽中。" in sent.text
    # The person may apply again.
    later = Wishes(clock.now.date(), THURSDAY + timedelta(days=7))
    await applied(platform, request(account, [patient.id], department, "k2", later))


async def test_an_application_in_a_draw_under_way_does_not_expire(
    platform: Platform, clock: Clock
) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    made = await applied(platform, request(account, [patient.id], await add_department(platform)))
    await change_as_owner(platform, _DRAW, clock.now, clock.now, clock.now, made.department_id)
    await change(platform, _ENTRY, made.id)
    clock.forward(days=30)
    assert await expire(platform) == 0
    await change(platform, "UPDATE draws SET state = 'done', seed = '', done_at = now()")
    assert await expire(platform) == 1


_DRAW = """
    INSERT INTO draws (hospital_id, department_id, kind, draw_at, closes_at, state, opened_at,
                       commitment, secret_enc, long_waits_percent, root)
    SELECT hospital_id, id, 'returned', %s, %s, 'closed', %s, '', '', 20, '' FROM departments
    WHERE id = %s
"""
_ENTRY = """
    INSERT INTO draw_entries (draw_id, ticket, application_id, size, may_split, lost, choices)
    SELECT id, '0123456789abcdef', %s, 1, false, 0, '{1}' FROM draws
"""
