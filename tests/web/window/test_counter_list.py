"""The counter list: what came back after the last draw, for the hospital's own window."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.city import MONDAY_MORNING, THURSDAY, Clock, add_session, ask, change
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.flows.fairness.counter import counter_list, give_place, undo_giving
from guahao.rules.fairness.counter import CounterPlaceRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff

PATH = "/staff/window/counter"
GIVE = f"{PATH}/give"


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
    assert "还剩3个号，已给出0个" in reader.text
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
        assert ("还剩1个号" in reader.text) is listed


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


# Giving places ------------------------------------------------------------------------------------


async def of_hospital(site: Site, session_id: int) -> Staff:
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return Staff(1, "clerk", Role.CLERK, hospital_id)


@pytest.mark.usefixtures("thursday")
async def test_a_place_is_given_once_and_can_be_taken_back(site: Site) -> None:
    session_id = await add_session(site.platform, THURSDAY)
    await kept(site, session_id, 2)
    reader = await clerk(site, session_id)
    await reader.go(PATH)
    form = reader.form(GIVE)
    await reader.send(form)
    assert "已给出1个号，这个门诊还剩1个" in reader.text
    await reader.send(form)  # a double click: the same form gives no second place
    await reader.go(PATH)
    assert "还剩1个号，已给出1个" in reader.text
    await reader.send(reader.form(GIVE))
    assert "还剩0个号，已给出2个" in reader.text
    assert GIVE not in reader.text  # nothing is left to give
    await reader.send(reader.form(f"{PATH}/undo"))
    assert "已撤销，这个门诊还剩1个号" in reader.text
    assert "还剩1个号，已给出1个" in reader.text
    assert await ask(
        site.platform, "SELECT action FROM audit_trail WHERE action LIKE '%%counter%%' ORDER BY seq"
    ) == [("give_counter_place",), ("give_counter_place",), ("undo_counter_place",)]


@pytest.mark.usefixtures("thursday")
async def test_two_windows_at_once_do_not_give_the_same_place(site: Site) -> None:
    session_id = await add_session(site.platform, THURSDAY)
    await kept(site, session_id, 1)
    by = await of_hospital(site, session_id)
    outcomes = await asyncio.gather(*(give_place(site.platform, by, session_id) for _ in range(4)))
    assert sorted(map(str, outcomes)) == sorted(
        map(str, [0, *[Refused(CounterPlaceRefusal.NONE_LEFT)] * 3])
    )
    [listed] = await counter_list(site.platform, by, THURSDAY)
    assert (listed.left, listed.given) == (0, 1)
    assert listed.last_given is not None
    assert await undo_giving(site.platform, by, listed.last_given) == 1
    again = await undo_giving(site.platform, by, listed.last_given)
    assert again == Refused(CounterPlaceRefusal.UNDONE)


@pytest.mark.usefixtures("thursday")
async def test_nobody_gives_places_of_others_of_tomorrow_or_of_a_stopped_clinic(
    site: Site,
) -> None:
    own, others = [await add_session(site.platform, THURSDAY) for _ in range(2)]
    tomorrow = await add_session(site.platform, THURSDAY + timedelta(days=1))
    for session_id in (own, others, tomorrow):
        await kept(site, session_id, 1)
    by, stranger = await of_hospital(site, own), await of_hospital(site, others)
    assert await give_place(site.platform, by, others) == Refused(CounterPlaceRefusal.UNKNOWN)
    assert await give_place(site.platform, by, 999_999) == Refused(CounterPlaceRefusal.UNKNOWN)
    evening = await of_hospital(site, tomorrow)
    assert await give_place(site.platform, evening, tomorrow) == Refused(
        CounterPlaceRefusal.NOT_TODAY
    )
    assert await give_place(site.platform, by, own) == 0
    [listed] = await counter_list(site.platform, by, THURSDAY)
    assert listed.last_given is not None
    refused = await undo_giving(site.platform, stranger, listed.last_given)
    assert refused == Refused(CounterPlaceRefusal.UNKNOWN)
    await change(site.platform, "UPDATE clinic_sessions SET stopped_at = now() WHERE id = %s", own)
    assert await give_place(site.platform, by, own) == Refused(CounterPlaceRefusal.STOPPED)


@pytest.mark.usefixtures("thursday")
@pytest.mark.parametrize("wrong", ["", "x", "0", "99999999999999999999"])
async def test_a_form_without_a_clinic_is_not_found(site: Site, wrong: str) -> None:
    session_id = await add_session(site.platform, THURSDAY)
    await kept(site, session_id, 1)
    reader = await clerk(site, session_id)
    await reader.go(PATH)
    assert (await reader.send(reader.form(GIVE), session_id=wrong)).status_code == 404
    await reader.go(PATH)
    await reader.send(reader.form(GIVE))
    page = await reader.send(reader.form(f"{PATH}/undo"), given_id=wrong)
    assert page.status_code == 404
