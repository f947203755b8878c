"""A clinic by weekly timetable and as a single session with another start: done, and said."""

from __future__ import annotations

import asyncio
from datetime import date, time, timedelta
from typing import Any

import pytest
from tests.city import THURSDAY, ask, change
from tests.web.browsing import Reader
from tests.web.hospital_site import System, add_system, session_item
from tests.web.scheduling.test_import import ROW, book, confirm, send, weekly, with_, words
from tests.web.scheduling.test_schedule import scheduler
from tests.web.site import CHINESE, ENGLISH, Site, has_chinese

from guahao.flows.supply import timetables
from guahao.flows.supply.schedules import roll_forward
from guahao.flows.supply.timetables import AddedSession
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.changes import Clinic
from guahao.store.supply.feeding import lock_feed

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

NEXT = THURSDAY + timedelta(days=7)
FAR = THURSDAY + timedelta(weeks=20)  # no session of a timetable is made so far ahead


@pytest.fixture
async def system(site: Site) -> System:
    """Of a hospital with a weekly timetable of its own for what `session_item` publishes."""
    found = await add_system(site)
    await found.publish_departments()
    await add_timetable(site, "D2")
    await roll_forward(site.platform)
    return found


async def add_timetable(
    site: Site, department: str, title: str = "主任医师", specialty: str = ""
) -> None:
    """On Thursdays at eight."""
    await change(
        site.platform,
        """
        INSERT INTO timetables (hospital_id, department_id, title, specialty, iso_weekday, period,
                                starts_at, ends_at, fee_fen, capacity)
        SELECT hospital_id, id, %s, %s, 4, 'morning', '08:00', '08:30', 8000, 20 FROM departments
        WHERE external_id = %s OR name = %s
        """,
        *(title, specialty, department, department),
    )


async def of_timetable(site: Site, day: date) -> int:
    """The session that the timetable made."""
    [[id]] = await ask(
        site.platform,
        "SELECT id FROM clinic_sessions WHERE timetable_id IS NOT NULL AND visit_date = %s",
        day,
    )
    return int(id)


def warned(body: dict[str, Any]) -> list[Any]:
    """Of each item: whether it has a warning, and the session that it names."""
    return [
        one["warning"]["clinic_session_id"] if "warning" in one else "no warning"
        for one in body["items"]
    ]


async def test_a_session_beside_a_timetables_is_made_and_the_item_says_so(
    site: Site, system: System
) -> None:
    items = [session_item(1), session_item(2, day=NEXT), session_item(3, day=FAR)]
    beside = [await of_timetable(site, THURSDAY), await of_timetable(site, NEXT), None]
    for result in ("created", "unchanged"):
        body = await system.publish(items)
        assert (body[result], body["refused"], body["warned"]) == (3, 0, 3)
        assert warned(body) == beside
        assert {one["warning"]["code"] for one in body["items"]} == {"beside_timetable"}
    both = "SELECT count(*) FROM clinic_sessions WHERE visit_date = %s"
    assert await ask(site.platform, both, THURSDAY) == [(2,)]


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_the_warning_is_a_sentence_in_the_callers_language(
    system: System, language: dict[str, str]
) -> None:
    answer = await system.put(
        "/clinic-sessions", json={"items": [session_item()]}, headers=language
    )
    [one] = answer.json()["items"]
    assert has_chinese(one["warning"]["detail"]) == (language is CHINESE)


async def test_another_clinic_is_not_warned_of(site: Site, system: System) -> None:
    refused = session_item(9, title="神医")
    others = [
        session_item(1, day=THURSDAY + timedelta(days=1)),
        session_item(2, period="afternoon"),
        session_item(3, title="副主任医师"),
        session_item(4, specialty="冠心病"),
        session_item(5, capacity=0),
    ]
    body = await system.publish([*others, refused])
    assert warned(body) == ["no warning"] * 6
    assert "warned" not in body
    another = await add_system(site)
    await another.publish_departments()
    assert warned(await another.publish([session_item()])) == ["no warning"]


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "beside"),
    [
        ("07:00", "08:00", False),
        ("07:00", "08:01", True),
        ("07:00", None, True),
        ("08:29", "09:00", True),
        ("08:30", "09:00", False),
        ("08:30", None, False),
    ],
)
async def test_time_slots_one_after_the_other_are_no_double_supply(
    site: Site, system: System, starts_at: str, ends_at: str | None, beside: bool
) -> None:
    item = session_item(1, starts_at=starts_at, ends_at=ends_at)
    session_id = await of_timetable(site, THURSDAY)
    assert warned(await system.publish([item])) == [session_id if beside else "no warning"]


@pytest.mark.parametrize(
    "cured",
    [
        "UPDATE timetables SET valid_until = '2026-12-02'",
        "UPDATE clinic_sessions SET capacity = 0 WHERE timetable_id IS NOT NULL",
        "UPDATE clinic_sessions SET stopped_at = now() WHERE timetable_id IS NOT NULL",
    ],
    ids=["ended", "no places", "stopped"],
)
async def test_once_it_is_on_offer_no_more_there_is_no_warning(
    site: Site, system: System, cured: str
) -> None:
    assert warned(await system.publish([session_item()])) == [await of_timetable(site, THURSDAY)]
    await change(site.platform, cured)
    assert warned(await system.publish([session_item()])) == ["no warning"]


async def test_a_session_that_takes_over_the_timetables_stands_beside_nothing(
    system: System,
) -> None:
    same = {"starts_at": "08:00", "ends_at": "08:30"}
    for result in ("changed", "unchanged"):
        body = await system.publish([session_item(1, **same), session_item(2, day=FAR, **same)])
        assert body["items"][0]["result"] == result
        assert warned(body) == ["no warning"] * 2
    beside_what_it_took_over = await system.publish([session_item(3)])
    assert warned(beside_what_it_took_over) == ["no warning"]


async def test_a_session_that_was_changed_meanwhile_is_not_taken_over(
    site: Site, system: System
) -> None:
    """It was of the same clinic when the list came, and no longer once its lock was had."""
    taken = await of_timetable(site, THURSDAY)
    async with site.platform.db.transaction() as tx:
        await tx.do("UPDATE clinic_sessions SET specialty = '高血压' WHERE id = %s", (taken,))
        publishing = asyncio.create_task(
            system.publish([session_item(1, starts_at="08:00", ends_at="08:30")])
        )
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not publishing.done() and not await ask(site.platform, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert (await publishing)["items"][0]["result"] == "created"
    assert await ask(
        site.platform,
        "SELECT specialty, external_id FROM clinic_sessions WHERE visit_date = %s ORDER BY id",
        THURSDAY,
    ) == [("高血压", None), ("", "S1")]


async def test_a_single_session_waits_for_what_the_hospitals_system_publishes(
    site: Site, system: System
) -> None:
    """Added in the same moment, it is beside the published session, and the form says so."""
    by = Staff(1, "scheduler", Role.SCHEDULER, system.hospital_id)
    [[department_id]] = await ask(
        site.platform, "SELECT id FROM departments WHERE external_id = 'D2'"
    )
    clinic = Clinic("主任医师", "", "morning", time(10), time(11), 8000, 20)
    async with site.platform.db.transaction() as tx:
        await lock_feed(tx, system.hospital_id)
        adding = asyncio.create_task(
            timetables.add_session(site.platform, by, department_id, THURSDAY, clinic)
        )
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not adding.done() and not await ask(site.platform, waiting):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert not adding.done()
        await tx.do(
            """
            INSERT INTO clinic_sessions (hospital_id, external_id, department_id, title, visit_date,
                                         period, starts_at, ends_at, fee_fen, capacity)
            SELECT hospital_id, 'S9', id, '主任医师', %s, 'morning', '10:30', '12:00', 8000, 20
            FROM departments WHERE id = %s
            """,
            (THURSDAY, department_id),
        )
    added = await adding
    assert isinstance(added, AddedSession)
    assert added.doubles


async def test_of_several_the_earliest_is_named(site: Site, system: System) -> None:
    await change(
        site.platform,
        """
        INSERT INTO timetables (hospital_id, department_id, title, iso_weekday, period, starts_at,
                                fee_fen, capacity)
        SELECT hospital_id, department_id, title, iso_weekday, period, hour, fee_fen, capacity
        FROM timetables, unnest('{07:00,10:00}'::time[]) hour
        """,
    )
    await roll_forward(site.platform)
    [[at_seven]] = await ask(
        site.platform,
        "SELECT id FROM clinic_sessions WHERE starts_at = '07:00' AND visit_date = %s",
        THURSDAY,
    )
    assert warned(await system.publish([session_item(1, starts_at="09:00")])) == [at_seven]


# A file ---------------------------------------------------------------------------------------


async def planning(site: Site) -> Reader:
    """A scheduler whose hospital has a timetable for what ROW says, on Thursdays."""
    reader, _ = await scheduler(site)
    await add_timetable(site, "心血管内科", specialty="高血压")
    # The hospital's session that is there already follows no timetable.
    await change(site.platform, "DELETE FROM clinic_sessions")
    await roll_forward(site.platform)
    return reader


async def test_the_preview_names_each_row_that_stands_beside_a_timetables_session(
    site: Site,
) -> None:
    reader = await planning(site)
    timeless = with_(start=None, end=None)
    rows = [with_(timeless, day=THURSDAY), with_(ROW), with_(timeless, day=NEXT)]
    await send(reader, book(*rows))
    said = words(reader)
    assert "有2行会使号源加倍" in said
    for row, day in ((2, THURSDAY), (4, NEXT)):
        id = await of_timetable(site, day)
        assert f"/staff/schedule/sessions/{id}" in reader.text
        assert f"十二月 {row} " in said
        assert f"每周排班的门诊 {id} 20" in said
    await confirm(reader)
    assert "已导入" in words(reader)
    assert "有2行会使号源加倍" in words(reader)
    await send(reader, book(*rows))
    assert "没有变化" in words(reader)
    assert "有2行会使号源加倍" in words(reader)


async def test_a_row_that_is_the_timetables_own_session_stands_beside_nothing(site: Site) -> None:
    reader = await planning(site)
    own = with_(day=THURSDAY, start=time(8), end=time(8, 30), places=12)
    await send(reader, book(own, with_(ROW)))
    assert "更改门诊 1" in words(reader)
    assert "号源加倍" not in words(reader)


async def test_a_timetable_in_a_file_beside_single_sessions_says_so(site: Site) -> None:
    reader = await planning(site)
    plain = with_(title="普通门诊", specialty="", day=THURSDAY, period="下午")
    await send(reader, book(with_(plain, start=time(14), end=time(15))))
    await confirm(reader)
    [[id]] = await ask(site.platform, "SELECT id FROM clinic_sessions WHERE timetable_id IS NULL")
    await send(reader, weekly(20))
    assert "有1行会使号源加倍" in words(reader)
    assert f"单个门诊 {id} 12" in words(reader)
