"""Merged registrations count as one person: at the desk, for suspensions, in the audit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date

import pytest
from tests.city import (
    THURSDAY,
    Clock,
    add_account,
    add_appointment,
    add_patient,
    add_session,
    ask,
    change,
    open_platform,
)
from tests.crowd import open_desk
from tests.web.staff_site import add_member

from guahao.flows.attendance import window
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.merging import settle_merges
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.outcomes import DONE, Refusal, Refused
from guahao.rules.staff.staff import Role
from guahao.store.kernel.views import AppointmentView
from guahao.tools.audit.audit import audit, run
from guahao.tools.audit.queries import GaveWay

MISSED = [date(2026, 11, day) for day in (3, 4, 5)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as platform:
        yield platform


async def merged(platform: Platform) -> tuple[int, int]:
    """A person's current registration of account 1, and one of account 2 merged into it."""
    current, other = [
        (await add_patient(platform, await add_account(platform, number), number)).id
        for number in (1, 2)
    ]
    await change(
        platform,
        """
        INSERT INTO person_merges (patient_id, survivor_id, account_id, why, merged_at)
        SELECT id, %s, account_id, 'migration', %s FROM patients WHERE id = %s
        """,
        *(current, platform.db.clock(), other),
    )
    await change(
        platform,
        "UPDATE patients SET merged_into = %s, phone_slot = NULL WHERE id = %s",
        *(current, other),
    )
    return current, other


async def missed(platform: Platform, patient_id: int, day: date, code: str) -> None:
    id = await add_appointment(platform, patient_id, await add_session(platform, day), code)
    await change(platform, "UPDATE appointments SET status = 'no_show' WHERE id = %s", id)


async def book(platform: Platform, patient_id: int, session_id: int) -> object:
    [[account_id]] = await ask(
        platform, "SELECT account_id FROM patients WHERE id = %s", patient_id
    )
    async with open_desk(platform) as desk:
        actor = Actor("account", account_id)
        return await desk.book(actor, f"{session_id}", patient_id, session_id, "api")


async def wrong(platform: Platform) -> dict[str, list[int]]:
    found = (await audit(platform)).findings
    limits = ("day_limit", "once_a_department", "suspensions", "patients_a_phone")
    return {one.name: one.ids for one in found if one.disagreements and one.name in limits}


async def test_the_bookings_of_both_count_against_a_limit(platform: Platform) -> None:
    current, other = await merged(platform)
    session_id = await add_session(platform)
    await add_appointment(platform, other, session_id)
    answer = await book(platform, current, session_id)
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.DUPLICATE_DEPARTMENT
    assert await wrong(platform) == {}
    await add_appointment(platform, current, session_id, "11111111")
    assert await wrong(platform) == {"once_a_department": [current]}


async def test_no_shows_of_both_suspend_once_the_merge_is_settled(platform: Platform) -> None:
    current, other = await merged(platform)
    for n, (patient_id, day) in enumerate(zip((current, other, other), MISSED, strict=True)):
        await missed(platform, patient_id, day, f"{n:08d}")
    assert await wrong(platform) == {}  # to be settled
    settled = await asyncio.gather(*(settle_merges(platform) for _ in range(3)))
    assert sum(settled) == 1
    assert await settle_merges(platform) == 0
    [[until]] = await ask(platform, "SELECT suspended_until FROM patients WHERE id = %s", current)
    assert until is not None
    told = await ask(platform, "SELECT patient_id FROM messages WHERE kind = 'suspended'")
    assert told == [(current,)]
    assert await wrong(platform) == {}
    answer = await book(platform, current, await add_session(platform))
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.PATIENT_SUSPENDED
    await change(platform, "UPDATE patients SET suspended_until = NULL WHERE id = %s", current)
    assert await wrong(platform) == {"suspensions": [current]}


async def test_the_audit_lists_merges_without_a_fault(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    current, other = await merged(platform)
    result = await audit(platform)
    assert result.clean
    at = platform.db.clock()
    assert result.registrations.merged == [GaveWay(other, current, at, "migration", settled=False)]
    assert result.registrations.unchecked == 1
    assert await run(platform)
    said = capsys.readouterr().out
    assert f"patient {other} merged into patient {current} since 2026-11-30 09:00" in said
    assert "1 registrations are unchecked" in said
    assert "张三" not in said
    assert await run(platform, as_json=True)
    listed = json.loads(capsys.readouterr().out)["registrations"]["merged"]
    assert [(one["patient_id"], one["person_id"]) for one in listed] == [(other, current)]


async def test_both_accounts_hear_once_of_a_settled_merge(platform: Platform) -> None:
    current, other = await merged(platform)
    await change(platform, "UPDATE accounts SET language = 'en' WHERE id = 2")
    await settle_merges(platform)
    await settle_merges(platform)
    told = "SELECT patient_id FROM messages WHERE kind = 'merged' ORDER BY patient_id"
    assert await ask(platform, told) == [(current,), (other,)]


async def test_a_pick_up_taken_back_no_longer_checks_the_person(
    platform: Platform, clock: Clock
) -> None:
    patient = await add_patient(platform, await add_account(platform))
    booked = await book(platform, patient.id, await add_session(platform))
    assert isinstance(booked, AppointmentView)
    clock.now = clock.now.replace(year=2026, month=12, day=THURSDAY.day, hour=8)
    clerk = await add_member(platform, Role.CLERK, booked.session.hospital_id)
    await window.hand_out(platform, clerk, booked.code, patient.id_no)
    assert await ask(platform, "SELECT checked_by FROM patients") == [("pickup",)]
    assert await window.correct(platform, clerk, booked.id, "拿错了号") == DONE
    assert await ask(platform, "SELECT checked_by, checked_at FROM patients") == [(None, None)]
