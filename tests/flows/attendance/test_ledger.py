"""Excuses: a suspension follows from the no-shows that count, whatever is excused when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from tests.city import Clock, add_account, add_patient, add_session, ask, change, open_platform
from tests.web.staff_site import add_member

from guahao.flows.attendance import ledger
from guahao.flows.kernel.platform import Platform
from guahao.rules.attendance.ledger import ExcuseRefusal
from guahao.rules.attendance.penalties import suspended_until
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.tools.audit.audit import audit

FIRST = date(2026, 3, 10)
APART = timedelta(days=25)  # within the limits of S12


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


@pytest.fixture
async def supervisor(platform: Platform) -> Staff:
    return await add_member(platform, Role.SUPERVISOR)


async def no_shows(platform: Platform, count: int) -> tuple[int, list[int]]:
    """A patient, and that many no-shows 25 days apart, suspended as the rules say."""
    patient = await add_patient(platform, await add_account(platform))
    ids = []
    for n in range(count):
        session_id = await add_session(platform, FIRST + n * APART)
        [[id]] = await ask(
            platform,
            """
            WITH counted AS (
                UPDATE clinic_sessions SET booked = 1, attendance_known_at = now(),
                       settled_at = now()
                WHERE id = %s
            )
            INSERT INTO appointments (patient_id, clinic_session_id, hospital_id, department_id,
                                      visit_date, status, channel, code_enc, code_index,
                                      booked_at, changed_at)
            SELECT %s, id, hospital_id, department_id, visit_date, 'no_show', 'api',
                   '', sha256(int8send(id)), visit_date - interval '5 days', now()
            FROM clinic_sessions WHERE id = %s RETURNING id
            """,
            session_id,
            patient.id,
            session_id,
        )
        ids.append(id)
    until = suspended_until([FIRST + n * APART for n in range(count)], Policy())
    await change(platform, "UPDATE patients SET suspended_until = %s", until)
    return patient.id, ids


async def suspensions_agree(platform: Platform) -> bool:
    """What the audit derives by itself; the rest of it knows too little of these records."""
    [found] = [f for f in (await audit(platform)).findings if f.name == "suspensions"]
    return found.examined == 1 and found.disagreements == 0


async def until(platform: Platform) -> date | None:
    [[found]] = await ask(platform, "SELECT suspended_until FROM patients")
    return found  # type: ignore[no-any-return]


async def test_the_third_excused_ends_the_suspension_and_tells_once(
    platform: Platform, supervisor: Staff
) -> None:
    patient_id, ids = await no_shows(platform, 3)
    assert await until(platform) == date(2026, 7, 29)
    assert await ledger.excuse(platform, supervisor, ids[2], "住院") == patient_id
    assert await until(platform) is None
    answers = await ledger.excuse(platform, supervisor, ids[2], "住院")
    assert answers == Refused(ExcuseRefusal.ALREADY_EXCUSED)
    told = await ask(platform, "SELECT count(*) FROM messages WHERE kind = 'excused'")
    assert told == [(1,)]
    assert await suspensions_agree(platform)


async def test_the_first_excused_moves_the_suspension(
    platform: Platform, supervisor: Staff
) -> None:
    _, ids = await no_shows(platform, 4)
    await ledger.excuse(platform, supervisor, ids[0], "地震")
    # The fourth is the third now.
    assert await until(platform) == date(2026, 8, 24)


async def test_withdrawn_it_counts_again_and_is_told(platform: Platform, supervisor: Staff) -> None:
    patient_id, ids = await no_shows(platform, 6)
    assert await until(platform) == date(2027, 1, 13)
    await ledger.excuse(platform, supervisor, ids[1], "住院")
    assert await until(platform) == date(2026, 8, 24)
    await ledger.withdraw_excuse(platform, supervisor, ids[1], "证明不实")
    assert await until(platform) == date(2027, 1, 13)
    assert await ask(platform, "SELECT count(*) FROM messages WHERE kind = 'suspended'") == [(1,)]
    told = "SELECT count(*) FROM messages WHERE kind = 'excuse_withdrawn'"
    assert await ask(platform, told) == [(1,)]
    refused = await ledger.withdraw_excuse(platform, supervisor, ids[1], "证明不实")
    assert refused == Refused(ExcuseRefusal.NOT_EXCUSED)
    found = await ledger.ledger_of(platform, patient_id)
    assert found is not None
    assert [(one.action, one.reason) for one in found.decisions] == [
        ("withdraw_excuse", "证明不实"),
        ("excuse_no_show", "住院"),
    ]
    assert await suspensions_agree(platform)


async def test_excuses_at_once_end_as_one_after_the_other(
    platform: Platform, supervisor: Staff
) -> None:
    _, ids = await no_shows(platform, 6)
    await asyncio.gather(*[ledger.excuse(platform, supervisor, id, "住院") for id in ids[1:5]])
    assert await until(platform) is None
    assert await suspensions_agree(platform)


@pytest.mark.parametrize("status", ["booked", "picked_up", "unverified", "cancelled"])
async def test_only_a_no_show_is_excused(
    platform: Platform, supervisor: Staff, status: str
) -> None:
    _, [id] = await no_shows(platform, 1)
    await change(platform, "UPDATE appointments SET status = %s", status)
    assert await ledger.excuse(platform, supervisor, id, "x") == Refused(
        ExcuseRefusal.NOT_A_NO_SHOW
    )


async def test_neither_without_a_reason_nor_for_a_record_that_is_not_there(
    platform: Platform, supervisor: Staff
) -> None:
    _, [id] = await no_shows(platform, 1)
    assert await ledger.excuse(platform, supervisor, id, "  ") == Refused(
        ExcuseRefusal.REASON_NEEDED
    )
    assert await ledger.excuse(platform, supervisor, id + 99, "x") == Refused(ExcuseRefusal.UNKNOWN)


async def test_the_ledger_says_why(platform: Platform, supervisor: Staff) -> None:
    patient_id, ids = await no_shows(platform, 3)
    await ledger.excuse(platform, supervisor, ids[0], "住院")
    found = await ledger.ledger_of(platform, patient_id)
    assert found is not None
    assert [entry.reason for entry in found.entries] == [None, None, "住院"]
    assert found.suspensions == []
    assert await ledger.ledger_of(platform, patient_id + 99) is None


async def test_the_no_show_list_holds_who_is_suspended_today(platform: Platform) -> None:
    await no_shows(platform, 6)
    [one], after = await ledger.no_show_list(platform, None)
    assert (len(one.no_shows), one.patient.suspended_until, after) == (6, date(2027, 1, 13), None)
    await change(platform, "UPDATE patients SET suspended_until = '2026-11-30'")
    assert await ledger.no_show_list(platform, None) == ([], None)
