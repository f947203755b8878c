"""A hospital publishes departments and sessions by its own ids: once, again, wrong, at once."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from tests.city import THURSDAY, Clock, ask, change
from tests.crowd import add_crowd, book, open_desk
from tests.web.hospital_site import System, add_system, session_item
from tests.web.site import CHINESE, ENGLISH, Site, has_chinese, problem

from guahao.store.kernel.views import AppointmentView

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

FRIDAY = THURSDAY + timedelta(days=1)


@pytest.fixture
async def system(site: Site) -> System:
    found = await add_system(site)
    await found.publish_departments()
    return found


async def versions(site: Site, table: str = "clinic_sessions") -> list[tuple[Any, ...]]:
    """Which version of each row there is, and whether anybody locked it."""
    return await ask(site.platform, f"SELECT id, xmin, xmax, ctid FROM {table} ORDER BY id")


async def published(site: Site) -> list[tuple[Any, ...]]:
    return await ask(
        site.platform,
        "SELECT external_id, title, visit_date, capacity FROM clinic_sessions"
        " ORDER BY external_id, id",
    )


def results(body: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(one["result"], one.get("code")) for one in body["items"]]


async def booked_by(site: Site, count: int, session_id: int) -> list[int]:
    """How many places were booked by so many people; their appointments' ids."""
    crowd = await add_crowd(site.platform, count)
    async with open_desk(site.platform) as desk:
        answers = [await book(desk, person, session_id) for person in crowd]
    return [one.id for one in answers if isinstance(one, AppointmentView)]


async def test_sessions_are_made_changed_and_left_by_the_hospitals_ids(
    site: Site, system: System
) -> None:
    first = await system.publish([session_item(1), session_item(2, specialty="冠心病")])
    assert results(first) == [("created", None)] * 2
    assert [one["external_id"] for one in first["items"]] == ["S1", "S2"]
    before = await versions(site)
    trail = await ask(site.platform, "SELECT max(seq) FROM audit_trail")
    again = await system.publish([session_item(1), session_item(2, specialty="冠心病")])
    assert (again["unchanged"], again["created"], again["changed"]) == (2, 0, 0)
    assert [one["id"] for one in again["items"]] == [one["id"] for one in first["items"]]
    assert await versions(site) == before
    assert await ask(site.platform, "SELECT max(seq) FROM audit_trail") == trail
    changed = await system.publish(
        [session_item(1, capacity=5), session_item(2, starts_at="08:30")]
    )
    assert results(changed) == [("changed", None)] * 2
    assert await published(site) == [
        ("S1", "主任医师", THURSDAY, 5),
        ("S2", "主任医师", THURSDAY, 20),
    ]
    [[who, detail]] = await ask(
        site.platform,
        "SELECT who_name, detail::jsonb FROM audit_trail WHERE action = 'publish_sessions'"
        " ORDER BY seq DESC LIMIT 1",
    )
    assert who == system.client.client_id
    assert detail["changed"][str(first["items"][0]["id"])] == {"capacity": [20, 5]}


@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_what_is_wrong_is_refused_by_name_and_the_rest_is_carried_out(
    site: Site, system: System, language: dict[str, str], clock: Clock
) -> None:
    today = clock().date()
    wrong: list[tuple[Any, str, str | None]] = [
        (session_item(1, title=" "), "invalid_field", "title"),
        (session_item(1, capacity=-1), "invalid_field", "capacity"),
        (session_item(1, capacity=1001), "invalid_field", "capacity"),
        (session_item(1, fee_fen="80"), "invalid_field", "fee_fen"),
        (session_item(1, period="night"), "invalid_field", "period"),
        (session_item(1, starts_at="8:00"), "invalid_field", "starts_at"),
        (session_item(1, visit_date="2026-02-30"), "invalid_field", "visit_date"),
        (session_item(1, external_id="a b"), "invalid_field", "external_id"),
        (session_item(1, doctor="x"), "unknown_field", "doctor"),
        ({"external_id": "S1"}, "missing_field", "department_external_id"),
        (7, "not_an_object", None),
        (session_item(1, department_external_id="D1"), "item_department_unknown", None),
        (session_item(2, department_external_id="D9"), "item_department_unknown", None),
        (session_item(3, ends_at="09:00"), "item_hours", None),
        (session_item(4, starts_at="09:00", ends_at="09:00"), "item_hours", None),
        (session_item(4, starts_at="15:00"), "item_twice", None),
        (session_item(20, starts_at="15:00"), "item_outside_period", None),
        (session_item(21, starts_at="15:00", title="神医"), "item_outside_period", None),
        (session_item(5, day=today), "item_past", None),
        (session_item(6, day=today - timedelta(days=1)), "item_past", None),
        (session_item(7, day=today + timedelta(days=367)), "item_too_far", None),
        (session_item(8, day=date(9999, 12, 31)), "item_too_far", None),
        (session_item(9, title="神医"), "item_title_unknown", None),
        (session_item(3), "item_twice", None),
    ]
    right = [session_item(100), session_item(101, day=today + timedelta(days=1))]
    items = [right[0], *(one for one, _, _ in wrong), right[1]]
    answer = await system.put("/clinic-sessions", json={"items": items}, headers=language)
    body = answer.json()
    assert (body["created"], body["refused"]) == (2, len(wrong))
    told = body["items"][1:-1]
    for one, (item, code, field) in zip(told, wrong, strict=True):
        assert (one["result"], one["code"], one.get("field")) == ("refused", code, field), item
        assert has_chinese(one["detail"]) == (language is CHINESE)
    assert told[0]["external_id"] == "S1"
    assert [row[0] for row in await published(site)] == ["S100", "S101"]


async def test_a_list_that_is_none_or_too_long(site: Site, system: System) -> None:
    for body, status, code in (
        (b"", 400, "malformed_json"),
        (b"[]", 422, "not_an_object"),
        (b"{}", 422, "missing_field"),
        (b'{"items": []}', 422, "invalid_field"),
        (b'{"items": [' + b"1," * 10_000 + b"1]}", 422, "invalid_field"),
        (b'{"items": [' + b" " * 8 * 1024 * 1024 + b"1]}", 413, "list_too_large"),
    ):
        answer = await system.put(
            "/clinic-sessions", content=body, headers={"Content-Type": "application/json"}
        )
        problem(answer, status, code)
    assert await published(site) == []


async def test_what_somebody_booked_keeps_what_they_were_told(site: Site, system: System) -> None:
    [one] = (await system.publish([session_item(1)]))["items"]
    [appointment_id, *_] = await booked_by(site, 3, one["id"])
    for fields in (
        {"fee_fen": 9000},
        {"title": "副主任医师"},
        {"starts_at": "10:00"},
        {"visit_date": FRIDAY.isoformat()},
        {"period": "afternoon"},
    ):
        body = await system.publish([session_item(1, **fields)])
        assert results(body) == [("refused", "item_told")], fields
    few = await system.publish([session_item(1, capacity=2)])
    assert results(few) == [("refused", "item_below_booked")]
    assert few["items"][0]["booked"] == 3
    assert results(await system.publish([session_item(1, capacity=3)])) == [("changed", None)]
    # A place given back leaves what was told as it was: somebody may come back to it.
    await change(
        site.platform, "UPDATE appointments SET status = 'cancelled' WHERE id = %s", appointment_id
    )
    body = await system.publish([session_item(1, fee_fen=1, capacity=3)])
    assert results(body) == [("refused", "item_told")]


async def test_stopped_and_past_sessions_stay(site: Site, system: System, clock: Clock) -> None:
    await system.publish([session_item(1), session_item(2)])
    await change(
        site.platform, "UPDATE clinic_sessions SET stopped_at = now() WHERE external_id = 'S1'"
    )
    body = await system.publish([session_item(1, capacity=9), session_item(1), session_item(2)])
    assert results(body)[0] == ("refused", "item_stopped")
    assert results(await system.publish([session_item(1)])) == [("unchanged", None)]
    clock.now += timedelta(days=3)
    system = await system.renewed()
    assert results(await system.publish([session_item(2, capacity=9)])) == [("changed", None)]
    clock.now += timedelta(days=1)
    system = await system.renewed()
    assert results(await system.publish([session_item(2)])) == [("refused", "item_past")]
    assert results(await system.publish([session_item(2, capacity=9)])) == [("unchanged", None)]


async def test_a_title_that_is_offered_no_more_stays_where_it_is(
    site: Site, system: System
) -> None:
    await system.publish([session_item(1)])
    await change(site.platform, "UPDATE titles SET retired_at = now() WHERE name = '主任医师'")
    body = await system.publish([session_item(1, capacity=9), session_item(2)])
    assert results(body) == [("changed", None), ("refused", "item_title_unknown")]


async def test_one_hospitals_ids_are_nothing_to_another(site: Site, system: System) -> None:
    other = await add_system(site)
    await system.publish([session_item(1)])
    body = await other.publish([session_item(1, capacity=1)])
    assert results(body) == [("refused", "item_department_unknown")]
    await other.publish_departments()
    body = await other.publish([session_item(1, capacity=1)])
    assert results(body) == [("created", None)]
    assert [row[3] for row in await published(site)] == [20, 1]
    listed = (await other.get("/clinic-sessions")).json()["items"]
    assert [one["capacity"] for one in listed] == [1]


async def test_departments_are_made_changed_linked_and_refused(site: Site, system: System) -> None:
    await change(
        site.platform,
        "INSERT INTO departments (hospital_id, code, name) VALUES (%s, 'D8', '外科')",
        system.hospital_id,
    )

    async def put(*items: dict[str, Any]) -> list[tuple[str, str | None]]:
        return results((await system.put("/departments", json={"items": items})).json())

    one = {"external_id": "D1", "name": "内科"}
    two = {"external_id": "D2", "name": "心血管内科", "parent_external_id": "D1"}
    before = await versions(site, "departments")
    assert await put(two, one) == [("unchanged", None)] * 2
    assert await versions(site, "departments") == before
    child = {"external_id": "D9", "name": "普外科", "parent_external_id": "D8"}
    assert await put(child, {"external_id": "D8", "name": "外科"}) == [
        ("created", None),
        ("changed", None),
    ]
    assert await put({**two, "name": "心内科", "on_platform": False}) == [("changed", None)]
    await system.publish([session_item(1, department_external_id="D9")])
    assert await put(
        {"external_id": "D3", "name": "x", "parent_external_id": "D7"},
        {"external_id": "D4", "name": "x", "parent_external_id": "D9"},
        {"external_id": "D8", "name": "外科", "parent_external_id": "D1"},
        {"external_id": "D9", "name": "普外科"},
        {"external_id": "D5", "name": ""},
        {"external_id": "D1", "name": "内科"},
        {"external_id": "D1", "name": "内科"},
    ) == [
        ("refused", "item_parent_unknown"),
        ("refused", "item_parent_unknown"),
        ("refused", "item_level"),
        ("refused", "item_level"),
        ("refused", "invalid_field"),
        ("unchanged", None),
        ("refused", "item_twice"),
    ]
    # The rest as it is stored: the parent is refused all the same.
    assert await put({"external_id": "D1", "name": "内科", "parent_external_id": "D7"}) == [
        ("refused", "item_parent_unknown")
    ]
    listed = (await system.get("/departments")).json()["items"]
    assert [(one["external_id"], one["name"]) for one in listed] == [
        *(("D1", "内科"), ("D8", "外科"), ("D2", "心内科"), ("D9", "普外科")),
    ]
    assert listed[2]["parent_id"] == listed[0]["id"]
    found = await ask(site.platform, "SELECT search_keys FROM departments WHERE code = 'D9'")
    assert "puwaike" in found[0][0]


async def test_sessions_are_listed_in_pages(system: System) -> None:
    await system.publish([session_item(n, day=THURSDAY + timedelta(days=n)) for n in range(5)])
    seen: list[str] = []
    path = f"/clinic-sessions?date_to={THURSDAY + timedelta(days=3)}&limit=3"
    body = (await system.get(path)).json()
    while True:
        seen += [one["external_id"] for one in body["items"]]
        if body["next"] is None:
            break
        body = (await system.get(f"{path}&cursor={body['next']}")).json()
    assert seen == ["S0", "S1", "S2", "S3"]
    problem(
        await system.get("/clinic-sessions?date_from=2026-12-04&date_to=2026-12-03"),
        422,
        "invalid_period",
    )
    far = await system.get("/clinic-sessions?date_from=9999-12-31")
    assert far.json() == {"items": [], "next": None}


# At once ----------------------------------------------------------------------------------


async def test_the_same_list_twice_at_once_makes_one_set(site: Site, system: System) -> None:
    items = [session_item(n) for n in range(700)]
    bodies = await asyncio.gather(*(system.publish(items) for _ in range(4)))
    assert sum(body["created"] for body in bodies) == 700
    assert sum(body["unchanged"] for body in bodies) == 3 * 700
    assert len(await published(site)) == 700


async def test_lowering_places_in_a_rush_never_oversells(site: Site, system: System) -> None:
    """The desk's lanes and the feed on connections of their own; both must get something."""
    [one] = (await system.publish([session_item(1, capacity=60)]))["items"]
    crowd = await add_crowd(site.platform, 60)
    async with open_desk(site.platform, lanes=3, batch=2) as desk:
        rush = asyncio.gather(*(book(desk, person, one["id"]) for person in crowd))
        answers = []
        for places in range(59, 20, -1):
            answers += results(await system.publish([session_item(1, capacity=places)]))
        booked = [one for one in await rush if isinstance(one, AppointmentView)]
    [[capacity, counted]] = await ask(
        site.platform, "SELECT capacity, booked FROM clinic_sessions WHERE id = %s", one["id"]
    )
    assert counted == len(booked) <= capacity
    assert booked
    assert set(answers) <= {("changed", None), ("refused", "item_below_booked")}
    assert answers[0] == ("changed", None)
    assert answers[-1] == ("refused", "item_below_booked") or capacity == 21
