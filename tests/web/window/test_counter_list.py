"""The counter list: what came back after the last draw, for the hospital's own window."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, add_session, ask, change
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

PATH = "/staff/window/counter"


async def kept(site: Site, session_id: int, places: int, **columns: object) -> None:
    """Places of a session that wait, for the counter unless told otherwise."""
    given = {"cause": "cancelled", "draw_at": None, "released_at": None, **columns}
    await change(
        site.platform,
        """
        INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at, released_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        *(session_id, places, given["cause"], MONDAY_MORNING),
        *(given["draw_at"], given["released_at"]),
    )


async def clerk(site: Site, session_id: int) -> Reader:
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return await at_the_desk(site, Role.CLERK, hospital_id)


@pytest.fixture
def thursday(clock: Clock) -> None:
    clock.now = MONDAY_MORNING + timedelta(days=3)


@pytest.mark.usefixtures("thursday")
async def test_the_counter_s_places_of_today_are_listed(site: Site) -> None:
    session_id = await add_session(site.platform, THURSDAY)
    await kept(site, session_id, 1)
    await kept(site, session_id, 2, cause="declined")
    reader = await clerk(site, session_id)
    await reader.go(PATH)
    assert "心血管内科" in reader.text
    assert "<b>3</b>" in reader.text
    assert "合计3个号" in reader.text
    assert "data-print" in reader.text


@pytest.mark.usefixtures("thursday")
@pytest.mark.parametrize(
    "columns",
    [
        {"cause": "referral"},
        {"draw_at": MONDAY_MORNING},
        {"released_at": MONDAY_MORNING},
        {"places": 0},
    ],
)
async def test_other_places_are_not_the_counter_s(site: Site, columns: dict[str, object]) -> None:
    session_id = await add_session(site.platform, THURSDAY)
    await kept(site, session_id, **{"places": 1, **columns})  # type: ignore[arg-type]
    reader = await clerk(site, session_id)
    await reader.go(PATH)
    assert "没有窗口号" in reader.text


@pytest.mark.usefixtures("thursday")
async def test_nor_are_those_of_a_stopped_clinic_or_of_another_hospital(site: Site) -> None:
    own, stopped = [await add_session(site.platform, THURSDAY) for _ in range(2)]
    for session_id in (own, stopped):
        await kept(site, session_id, 1)
    await change(
        site.platform, "UPDATE clinic_sessions SET stopped_at = now() WHERE id = %s", stopped
    )
    for session_id, listed in ((own, True), (stopped, False)):
        reader = await clerk(site, session_id)
        await reader.go(PATH)
        assert ("合计1个号" in reader.text) is listed


async def test_tomorrow_s_list_can_be_printed_in_the_evening_and_no_later_one(site: Site) -> None:
    session_id = await add_session(site.platform, THURSDAY)
    await kept(site, session_id, 1)
    reader = await clerk(site, session_id)
    for asked in ("2026-12-03", "x", "9999-99-99"):  # three days ahead of the clock
        await reader.go(f"{PATH}?date={asked}")
        assert reader.page.status_code == 200
        assert "没有窗口号" in reader.text
        assert "11月30日" in reader.text
    await reader.go(f"{PATH}?date=2026-12-01")
    assert "明天的号还会变" in reader.text
