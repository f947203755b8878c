"""An application ends with what it stands on: its patients' account, and their right to book."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.city import (
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
    outbox,
    resident_id,
)
from tests.flows.fairness.test_applications import (
    WEEK,
    add_department,
    applied,
    deliver,
    request,
    states,
    told,
)
from tests.web.staff_site import add_member

from guahao.flows.attendance.penalties import derive_suspensions
from guahao.flows.call_centre.call_tasks import make_call_tasks
from guahao.flows.fairness.applications import apply, own_application, own_applications, withdraw
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.moving import Moved, MovePending, ask_by_document, decide_move
from guahao.flows.people.patients import register_in, register_patient
from guahao.flows.people.privacy.records import Erased, OfAccount, OfPerson, erase, export
from guahao.flows.people.removing import remove_patient
from guahao.rules.fairness.applying import Wishes, WithdrawRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.people.identity import Document
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.store.booking.appointments import lock_persons
from guahao.store.fairness.applications import ApplicationView
from guahao.store.kernel.views import PatientView

ENDED = "application_ended"
LANDLINE = "010-65551234"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def of_two(
    platform: Platform, wishes: Wishes = WEEK
) -> tuple[int, PatientView, PatientView, ApplicationView]:
    """An account with two patients and their application."""
    account = await add_account(platform)
    first = await add_patient(platform, account, 1, "欧阳示例")
    second = await add_patient(platform, account, 2, "上官示例")
    department = await add_department(platform)
    made = await applied(platform, request(account, [first.id, second.id], department, "k", wishes))
    return account, first, second, made


async def test_a_removed_patient_ends_the_application_and_the_other_hears_of_it(
    platform: Platform,
) -> None:
    account, first, second, made = await of_two(platform)
    assert isinstance(await remove_patient(platform, account, first.id), PatientView)
    assert await states(platform) == [("removed", [False, False])]
    assert await told(platform, ENDED) == [(account, second.id, made.id)]
    await deliver(platform)
    [sent] = await outbox(platform)
    assert "上官示例在市第一医院 心血管内科的候补登记已结束：就诊人已不在原来的账户。" in sent.text
    assert "欧阳示例" not in sent.text
    # The account still sees the application, but not who has left.
    shown = await own_application(platform, account, made.id)
    assert shown is not None
    assert [patient.name for patient in shown.patients] == ["上官示例"]


async def test_an_account_sees_nothing_of_a_patient_who_left_it(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    made = await applied(platform, request(account, [patient.id], await add_department(platform)))
    await remove_patient(platform, account, patient.id)
    assert await own_applications(platform, account) == []
    assert await own_application(platform, account, made.id) is None
    assert await withdraw(platform, account, made.id) == Refused(WithdrawRefusal.UNKNOWN)
    assert await told(platform, ENDED) == []  # nobody is left to be told


async def test_a_patient_who_moves_is_told_at_the_new_phone(platform: Platform) -> None:
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    made = await applied(platform, request(account, [patient.id], await add_department(platform)))
    agent = await add_member(platform, Role.AGENT)
    supervisor = await add_member(platform, Role.SUPERVISOR)
    asked = await ask_by_document(
        platform, agent, "张三", "01", resident_id(1), LANDLINE, "手机丢了"
    )
    assert isinstance(asked, MovePending)
    moved = await decide_move(platform, supervisor, asked.move_id, "已核实", approve=True)
    assert isinstance(moved, Moved)
    assert await states(platform) == [("removed", [False])]
    [(new_account, patient_id, application_id)] = await told(platform, ENDED)
    assert new_account != account
    assert (patient_id, application_id) == (patient.id, made.id)
    # The new phone is a landline: an agent calls.
    await deliver(platform)
    await make_call_tasks(platform)
    kinds = await ask(platform, "SELECT kind FROM call_tasks ORDER BY kind")
    assert (ENDED,) in kinds
    assert await own_applications(platform, account) == []


async def test_applying_while_the_patient_is_removed_leaves_nothing_live(
    platform: Platform,
) -> None:
    """In either order: the application is refused, or it ends with the removal."""
    account = await add_account(platform)
    department = await add_department(platform)
    for number in range(1, 7):
        patient = await add_patient(platform, account, number)
        await asyncio.gather(
            apply(platform, request(account, [patient.id], department, f"k{number}")),
            remove_patient(platform, account, patient.id),
        )
    assert await ask(platform, "SELECT FROM applications WHERE state = 'live'") == []
    assert await ask(platform, "SELECT FROM application_patients WHERE is_live") == []


async def test_a_displaced_registration_loses_its_application(platform: Platform) -> None:
    stranger, own = await add_account(platform), await add_account(platform, 2)
    taken = await add_patient(platform, stranger)
    other = await add_patient(platform, stranger, 2)
    department = await add_department(platform)
    made = await applied(platform, request(stranger, [taken.id, other.id], department))
    async with platform.db.transaction() as tx:
        document = Document("01", resident_id(1))
        added = await register_in(tx, platform, own, "张三", document, in_hand=True)
    assert isinstance(added, PatientView)
    assert await states(platform) == [("removed", [False, False])]
    assert await told(platform, ENDED) == [(stranger, other.id, made.id)]
    # The person applies on the own account at once.
    await applied(platform, request(own, [added.id], department))


async def test_who_registers_again_has_no_application_of_before(platform: Platform) -> None:
    first, second = await add_account(platform), await add_account(platform, 2)
    person = await add_patient(platform, first)
    department = await add_department(platform)
    await applied(platform, request(first, [person.id], department))
    await remove_patient(platform, first, person.id)
    again = await register_patient(platform, second, "张三", "01", resident_id(1))
    assert isinstance(again, PatientView)
    await applied(platform, request(second, [again.id], department))
    assert await states(platform) == [("removed", [False]), ("live", [True])]


async def test_the_merged_registration_counts_towards_the_person(platform: Platform) -> None:
    """Should a merged registration have a live application, its person cannot apply again."""
    account = await add_account(platform)
    old, new = await add_patient(platform, account), await add_patient(platform, account, 2)
    department = await add_department(platform)
    await applied(platform, request(account, [old.id], department))
    await change(
        platform,
        "UPDATE patients SET merged_into = %s, phone_slot = NULL WHERE id = %s",
        new.id,
        old.id,
    )
    answer = await apply(platform, request(account, [new.id], department, "k2"))
    assert isinstance(answer, Refused)
    assert answer.reason == "already_applied"


async def suspend(platform: Platform, *patient_ids: int) -> None:
    """Let three no-shows of this year suspend the patients, until 2 March."""
    for patient_id in patient_ids:
        for n in range(3):
            session_id = await add_session(platform, date(2026, 11, 30) + timedelta(days=n - 2))
            id = await add_appointment(platform, patient_id, session_id, f"{session_id:08d}")
            await change(platform, "UPDATE appointments SET status = 'no_show' WHERE id = %s", id)
    async with platform.db.transaction() as tx:
        await lock_persons(tx, patient_ids)
        await derive_suspensions(tx, platform, list(patient_ids))


async def test_a_suspension_that_outlasts_the_application_ends_it(platform: Platform) -> None:
    account, first, _, made = await of_two(platform)
    await suspend(platform, first.id)
    assert await states(platform) == [("suspended", [False, False])]
    assert await told(platform, ENDED) == [(account, first.id, made.id)]
    assert [kind for (kind,) in await ask(platform, "SELECT kind FROM messages ORDER BY id")] == [
        "suspended",
        ENDED,
    ]


async def test_a_patient_who_goes_alone_as_well_keeps_the_application(platform: Platform) -> None:
    _, first, second, _ = await of_two(platform, replace(WEEK, may_split=True))
    await suspend(platform, first.id)
    assert await states(platform) == [("live", [True, True])]
    await change(platform, "UPDATE patients SET suspended_until = NULL")
    await suspend(platform, first.id, second.id)
    assert await states(platform) == [("suspended", [False, False])]


async def test_a_suspension_that_ends_before_changes_nothing(
    platform: Platform, clock: Clock
) -> None:
    """Dates are applied for only when they can be booked soon, so it is February by then."""
    account = await add_account(platform)
    patient = await add_patient(platform, account)
    clock.now = clock.now.replace(year=2027, month=2, day=20)
    spring = Wishes(date(2027, 2, 21), date(2027, 3, 10))
    await applied(
        platform, request(account, [patient.id], await add_department(platform), "k", spring)
    )
    await suspend(platform, patient.id)
    assert await states(platform) == [("live", [True])]


async def test_erasing_ends_it_and_the_copy_of_the_data_holds_it(platform: Platform) -> None:
    account, first, second, made = await of_two(platform)
    copy = await export(platform, OfAccount(account), SYSTEM)
    assert copy is not None
    [row] = copy["applications"]
    assert row["id"] == made.id
    assert row["patient_ids"] == [first.id, second.id]
    assert (row["hospital"], row["department"], row["state"]) == (
        "市第一医院",
        "心血管内科",
        "live",
    )
    assert copy["draws"] == []
    # Of a person who shares the account: the other's number is no name.
    of_first = await export(platform, OfPerson(first.id), SYSTEM)
    assert of_first is not None
    assert [row["patient_ids"] for row in of_first["applications"]] == [[first.id]]
    assert isinstance(await erase(platform, OfPerson(first.id), SYSTEM, "本人申请"), Erased)
    assert await states(platform) == [("removed", [False, False])]
    assert await told(platform, ENDED) == [(account, second.id, made.id)]
    assert isinstance(await erase(platform, OfAccount(account), SYSTEM, "本人申请"), Erased)
    assert await own_applications(platform, account) == []
