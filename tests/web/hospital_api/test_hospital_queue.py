"""Queue numbers and calls that a hospital's own system sends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.city import Clock, ask, resident_id
from tests.flows.hall.hall_city import VISIT, Clinic, add_clinic
from tests.web.hospital_site import System, add_system
from tests.web.site import API, Site, problem

from guahao.rules.integration.clients import Scope


@pytest.fixture
async def clinic(site: Site, clock: Clock) -> Clinic:
    return await add_clinic(site.platform, clock)


@pytest.fixture
async def system(site: Site, clinic: Clinic) -> System:
    return await add_system(site, clinic.hospital_id)


def item(clinic: Clinic, place: int, state: str, minutes: int = 0, **more: Any) -> dict[str, Any]:
    at = (VISIT + timedelta(minutes=minutes)).isoformat()
    return {"appointment_id": clinic.bookings[place - 1], "state": state, "at": at, **more}


async def sent(system: System, *items: object) -> list[tuple[Any, ...]]:
    answer = await system.put("/queue", json={"items": list(items)})
    assert answer.status_code == 200, answer.text
    return [
        (given["result"], given.get("code") or given.get("state"), given.get("number"))
        for given in answer.json()["items"]
    ]


async def test_a_pick_up_answers_with_the_number_and_the_owner_reads_it(
    site: Site, clinic: Clinic, system: System
) -> None:
    for place in (1, 2):
        body = {"code": f"{place:08d}", "id_no": resident_id(place)}
        picked = (await system.post("/pickups", json=body)).json()
        assert picked["queue"] == {
            "number": place,
            "comes_from": "08:30",
            "comes_until": "08:40",
            "state": "waiting",
            "room": "",
        }
    await sent(system, item(clinic, 1, "called", room="3诊室"))
    [[account_id]] = await ask(
        site.platform,
        "SELECT account_id FROM patients p JOIN appointments a ON a.patient_id = p.id"
        " WHERE a.id = %s",
        clinic.bookings[1],
    )
    token = await site.log_in(account_id)
    own = await site.get(f"{API}/appointments/{clinic.bookings[1]}", token=token)
    assert own.json()["queue"] == {
        "number": 2,
        "comes_from": "08:30",
        "comes_until": "08:40",
        "state": "waiting",
        "room": "",
        "now": 1,
        "before": 0,
    }


async def test_reports_twice_and_out_of_order_do_no_harm(
    clinic: Clinic, system: System, clock: Clock
) -> None:
    await clinic.pick_up(1)
    clock.now = VISIT + timedelta(minutes=30)
    system = await system.renewed()
    seen, called = item(clinic, 1, "seen", 9), item(clinic, 1, "called", 5)
    assert await sent(system, seen, called) == [("changed", "seen", 1), ("unchanged", "seen", 1)]
    assert await sent(system, called, seen) == [("unchanged", "seen", 1)] * 2


async def test_each_item_is_refused_for_itself(clinic: Clinic, system: System) -> None:
    await clinic.pick_up(1, 2)
    good = item(clinic, 2, "called", room="5")
    assert await sent(
        system,
        item(clinic, 3, "called"),
        item(clinic, 1, "called", 3),
        item(clinic, 1, "called", -24 * 60),
        item(clinic, 1, "called", number=7),
        {**item(clinic, 1, "called"), "appointment_id": 10**6},
        {**item(clinic, 1, "called"), "at": "2026-12-03T08:20:00"},
        {**item(clinic, 1, "called"), "at": "0001-01-01T00:00:00+14:00"},
        item(clinic, 1, "expected"),
        item(clinic, 1, "called", room="很长的诊室名称" * 3),
        item(clinic, 1, "called", number=0),
        17,
        good,
    ) == [
        ("refused", "queue_not_picked_up", None),
        ("refused", "queue_time_ahead", None),
        ("refused", "queue_wrong_day", None),
        ("refused", "queue_number_fixed", None),
        ("refused", "queue_unknown", None),
        ("refused", "invalid_field", None),
        ("refused", "queue_wrong_day", None),
        ("refused", "invalid_field", None),
        ("refused", "invalid_field", None),
        ("refused", "invalid_field", None),
        ("refused", "not_an_object", None),
        ("changed", "called", 2),
    ]


async def test_a_hospital_gives_its_own_numbers_and_needs_the_scope(
    site: Site, clinic: Clinic, system: System
) -> None:
    answer = await system.put("/queue/settings", json={"own_numbers": True})
    assert answer.json() == {"own_numbers": True}
    body = {"code": "00000001", "id_no": resident_id(1)}
    picked = (await system.post("/pickups", json=body)).json()
    assert picked["queue"]["number"] is None
    assert await sent(
        system,
        item(clinic, 1, "waiting", number=42),
        item(clinic, 1, "waiting", number=42),
    ) == [("changed", "waiting", 42), ("unchanged", "waiting", 42)]
    other = await add_system(site, clinic.hospital_id, [Scope.SUPPLY])
    for path, sent_body in (("/queue", {"items": []}), ("/queue/settings", {"own_numbers": False})):
        problem(await other.put(path, json=sent_body), 403, "scope_missing")
    stranger = await add_system(site)
    assert await sent(stranger, item(clinic, 1, "seen")) == [("refused", "queue_unknown", None)]
