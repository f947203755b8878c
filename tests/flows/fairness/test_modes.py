"""A hospital decides how its places are given out; what patients were told stays so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta

import pytest
from tests.city import Clock, ask, open_platform, reasons
from tests.crowd import add_clinic
from tests.flows.fairness import fair_city

from guahao.flows.fairness.modes import decide, overview, preview, sweep, withdraw
from guahao.flows.hospitals.hospital_rules import change as change_rules
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.modes import FIRST_COME, DatedMode, ModeRefusal, Release
from guahao.rules.fairness.returning import ReleaseMode
from guahao.rules.kernel.limits import CITY_TIME, ONE_DAY, HospitalRules
from guahao.rules.kernel.outcomes import DONE, Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.tools.audit.audit import audit

DRAW, DRAW_20 = Release(ReleaseMode.DRAW), Release(ReleaseMode.DRAW, 20)
# The clock stands at Monday, 30 November 2026, 9:00. 4 March is released on 4 December, and its
# applications are taken from the 1st on.
EARLIEST = date(2027, 3, 4)
WHY = "号常在一分钟内约满"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def clinic(platform: Platform, *dates: date) -> tuple[Staff, int, list[int]]:
    """A hospital's scheduler, its department and its sessions on these dates."""
    session_ids = await add_clinic(platform, dates or (EARLIEST,))
    [[hospital_id, department_id]] = await ask(
        platform,
        "SELECT hospital_id, department_id FROM clinic_sessions WHERE id = %s",
        session_ids[0],
    )
    await ask(
        platform,
        "WITH head AS (INSERT INTO departments (hospital_id, code, name)"
        " VALUES (%s, '01', '内科') RETURNING id)"
        " UPDATE departments d SET parent_id = head.id FROM head WHERE d.id = %s RETURNING d.id",
        hospital_id,
        department_id,
    )
    scheduler = Staff(7, "scheduler", Role.SCHEDULER, hospital_id)
    return scheduler, int(department_id), session_ids


async def modes_of(platform: Platform, session_ids: list[int]) -> list[Release]:
    async with platform.db.transaction() as tx:
        found = await fair_city.modes_of(tx, session_ids)
    return [found[id] for id in session_ids]


async def test_a_decision_holds_from_its_visit_date_on(platform: Platform) -> None:
    by, department_id, ids = await clinic(platform, EARLIEST - ONE_DAY, EARLIEST)
    new = DatedMode(department_id, "主任医师", EARLIEST, DRAW_20)
    assert isinstance(await decide(platform, by, new, WHY), int)
    assert await modes_of(platform, ids) == [FIRST_COME, DRAW_20]
    found = await overview(platform, by)
    [row] = found.decisions
    assert (row.mode, row.reason, row.decided_by, row.department_name) == (
        new, WHY, "scheduler", "儿科",
    )  # fmt: skip
    assert await reasons(platform) == [("decide_release_mode", WHY)]


async def test_what_can_be_decided_is_said(platform: Platform) -> None:
    by, department_id, _ = await clinic(platform)
    found = await overview(platform, by)
    assert [department.id for department in found.departments] == [department_id]
    assert "主任医师" in found.titles
    assert found.earliest == EARLIEST


@pytest.mark.parametrize(
    ("new", "reason", "refusal"),
    [
        (DatedMode(999_999, None, EARLIEST, DRAW), WHY, ModeRefusal.UNKNOWN_DEPARTMENT),
        (DatedMode(None, "神医", EARLIEST, DRAW), WHY, ModeRefusal.UNKNOWN_TITLE),
        (DatedMode(None, None, EARLIEST, DRAW), " 　", ModeRefusal.NO_REASON),
        (
            DatedMode(None, None, EARLIEST, Release(ReleaseMode.DRAW, 51)),
            WHY,
            ModeRefusal.REFERRAL_PERCENT,
        ),
        (DatedMode(None, None, EARLIEST - ONE_DAY, DRAW), WHY, ModeRefusal.ANNOUNCED),
        (DatedMode(None, None, date(2029, 1, 1), DRAW), WHY, ModeRefusal.TOO_FAR),
        (DatedMode(None, None, EARLIEST, FIRST_COME), WHY, ModeRefusal.NO_CHANGE),
    ],
)
async def test_what_cannot_be_decided_is_refused(
    platform: Platform, new: DatedMode, reason: str, refusal: ModeRefusal
) -> None:
    by, _, _ = await clinic(platform)
    assert await decide(platform, by, new, reason) == Refused(refusal)
    assert await preview(platform, by, new, reason) == Refused(refusal)
    assert (await overview(platform, by)).decisions == []
    assert await reasons(platform) == []


async def test_another_hospital_s_department_is_unknown(platform: Platform) -> None:
    by, _, _ = await clinic(platform)
    _, foreign, _ = await clinic(platform)
    new = DatedMode(foreign, None, EARLIEST, DRAW)
    assert await decide(platform, by, new, WHY) == Refused(ModeRefusal.UNKNOWN_DEPARTMENT)


async def test_a_decision_on_what_has_changed_meanwhile_is_refused(platform: Platform) -> None:
    by, department_id, _ = await clinic(platform)
    seen = (await overview(platform, by)).version
    await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW), WHY, seen)
    new = DatedMode(department_id, None, EARLIEST, DRAW_20)
    assert await decide(platform, by, new, WHY, seen) == Refused(ModeRefusal.CHANGED_MEANWHILE)


async def test_a_decision_for_the_same_sessions_and_date_replaces_the_other(
    platform: Platform,
) -> None:
    by, _, ids = await clinic(platform)
    first = await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW), WHY)
    second = await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW_20), "留给转诊")
    assert second == first
    assert await modes_of(platform, ids) == [DRAW_20]


async def test_rules_to_come_that_release_earlier_move_the_earliest_date(
    platform: Platform,
) -> None:
    by, _, _ = await clinic(platform)
    week = HospitalRules(cycle_days=7)
    await change_rules(platform, by, date(2026, 12, 20), week)
    assert (await overview(platform, by)).earliest == EARLIEST
    await change_rules(platform, by, date(2026, 12, 1), HospitalRules(release_time=time(8)))
    assert (await overview(platform, by)).earliest == EARLIEST


async def test_a_decision_is_withdrawn_until_its_applications_are_taken(
    platform: Platform, clock: Clock
) -> None:
    by, _, ids = await clinic(platform)
    new = DatedMode(None, None, EARLIEST, DRAW)
    first = await decide(platform, by, new, WHY)
    assert isinstance(first, int)
    other, _, _ = await clinic(platform)
    assert await withdraw(platform, other, first, "写错了") == Refused(ModeRefusal.NOT_PENDING)
    assert await withdraw(platform, by, first, "写错了") == DONE
    assert await modes_of(platform, ids) == [FIRST_COME]
    assert await withdraw(platform, by, first, "写错了") == Refused(ModeRefusal.NOT_PENDING)
    second = await decide(platform, by, new, WHY)
    assert isinstance(second, int)
    clock.now += timedelta(hours=15)  # the 1st of December, 00:00
    assert await withdraw(platform, by, second, "写错了") == Refused(ModeRefusal.ANNOUNCED)
    assert await modes_of(platform, ids) == [DRAW]
    assert await reasons(platform, "withdraw_release_mode") == [("withdraw_release_mode", "写错了")]


async def test_the_preview_says_when_the_first_date_is_released(platform: Platform) -> None:
    by, _, _ = await clinic(platform)
    await change_rules(platform, by, date(2026, 12, 3), HospitalRules(release_time=time(8)))
    released = await preview(platform, by, DatedMode(None, None, EARLIEST, DRAW), WHY)
    assert not isinstance(released, Refused)
    assert released.isoformat() == "2026-12-04T08:00:00+08:00"


async def places(platform: Platform, session_ids: list[int]) -> list[tuple[object, ...]]:
    """Held, reserved and the draw of sessions."""
    return await ask(
        platform,
        "SELECT held, reserved, draw_at FROM clinic_sessions WHERE id = ANY(%s) ORDER BY id",
        session_ids,
    )


FREE = (0, 0, None)
RELEASED = datetime(2026, 12, 4, tzinfo=CITY_TIME)  # when 4 March is


async def test_sessions_that_exist_are_held_for_their_draw(platform: Platform) -> None:
    by, department_id, ids = await clinic(platform, EARLIEST - ONE_DAY, EARLIEST)
    await decide(platform, by, DatedMode(department_id, None, EARLIEST, DRAW_20), WHY)
    assert await places(platform, ids) == [FREE, (16, 4, RELEASED)]
    [[detail]] = await ask(
        platform, "SELECT detail::jsonb -> 'sessions' FROM audit_trail ORDER BY seq DESC LIMIT 1"
    )
    assert detail == 1
    assert (await audit(platform)).clean


async def test_another_share_for_referrals_is_counted_anew(platform: Platform) -> None:
    by, _, ids = await clinic(platform)
    await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW), WHY)
    assert await places(platform, ids) == [(20, 0, RELEASED)]
    await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW_20), "留给转诊")
    assert await places(platform, ids) == [(16, 4, RELEASED)]
    assert (await audit(platform)).clean


async def test_sessions_are_free_again_once_the_decision_is_withdrawn(platform: Platform) -> None:
    by, _, ids = await clinic(platform)
    decision = await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW_20), WHY)
    assert isinstance(decision, int)
    assert await withdraw(platform, by, decision, "写错了") == DONE
    assert await places(platform, ids) == [FREE]
    assert (await audit(platform)).clean


async def test_an_exception_frees_its_own_sessions_only(platform: Platform) -> None:
    by, department_id, ids = await clinic(platform, EARLIEST, EARLIEST + ONE_DAY)
    await ask(
        platform,
        "UPDATE clinic_sessions SET title = '知名专家' WHERE id = %s RETURNING id",
        ids[1],
    )
    await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW), WHY)
    exception = DatedMode(department_id, "主任医师", EARLIEST, FIRST_COME)
    assert isinstance(await decide(platform, by, exception, "号源充足"), int)
    assert [held for held, *_ in await places(platform, ids)] == [0, 20]
    assert (await audit(platform)).clean


# Sessions that missed a decision ----------------------------------------------------------------


async def test_a_session_made_beside_a_decision_follows_it_by_the_next_day(
    platform: Platform,
) -> None:
    by, _, ids = await clinic(platform)
    await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW_20), WHY)
    # As a transaction leaves it that had read the modes before the decision.
    await ask(platform, "UPDATE held_places SET released_at = held_at, places = 0 RETURNING id")
    await ask(
        platform,
        "UPDATE clinic_sessions SET held = 0, reserved = 0, draw_at = NULL RETURNING id",
    )
    assert await sweep(platform) == 1
    assert await places(platform, ids) == [(16, 4, RELEASED)]
    assert await sweep(platform) == 0
    # And where it was held although the decision was withdrawn.
    await ask(platform, "DELETE FROM release_modes RETURNING id")
    assert await sweep(platform) == 1
    assert await places(platform, ids) == [FREE]
    assert await sweep(platform) == 0


async def test_places_follow_the_release_until_it_is_announced(
    platform: Platform, clock: Clock
) -> None:
    later = EARLIEST + ONE_DAY
    by, _, ids = await clinic(platform, EARLIEST, later)
    await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW), WHY)
    clock.now += timedelta(hours=15)  # the 1st of December: EARLIEST is announced
    await ask(platform, "UPDATE hospitals SET release_time = '08:00' RETURNING id")
    assert await sweep(platform) == 1
    assert [draw_at for *_, draw_at in await places(platform, ids)] == [
        RELEASED,
        RELEASED + ONE_DAY + timedelta(hours=8),
    ]


async def test_no_decision_reaches_a_draw_that_was_announced_under_other_rules(
    platform: Platform, clock: Clock
) -> None:
    by, _, ids = await clinic(platform)
    await decide(platform, by, DatedMode(None, None, EARLIEST, DRAW), WHY)
    clock.now += timedelta(hours=15)
    # By the new rules 4 March is not released for months, and could be decided on.
    await ask(platform, "UPDATE hospitals SET cycle_days = 7 RETURNING id")
    assert (await overview(platform, by)).earliest == EARLIEST + ONE_DAY
    assert await sweep(platform) == 0
    assert await places(platform, ids) == [(20, 0, RELEASED)]
