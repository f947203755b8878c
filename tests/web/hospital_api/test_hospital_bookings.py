"""A hospital's system serves its patients: sessions, bookings, changes, numbers, attendance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.city import THURSDAY, Clock, ask, change
from tests.crowd import Person, add_crowd, book, open_desk
from tests.supply import at
from tests.web.hospital_site import System, add_system, session_item
from tests.web.site import Site, problem
from tests.web.staff_site import add_member

from guahao.flows.attendance.penalties import sweep
from guahao.flows.attendance.window import GUESSES_PER_CODE_DAY
from guahao.flows.supply import stops
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff
from guahao.rules.supply.stops import StopRefusal
from guahao.store.kernel.views import AppointmentView
from guahao.store.supply.stops import StopScope

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

FRIDAY = THURSDAY + timedelta(days=1)


@dataclass(frozen=True)
class Booked:
    """A booking and whose it is."""

    person: Person
    view: AppointmentView

    @property
    def shown(self) -> dict[str, str]:
        """What the patient shows at the window."""
        return {"code": self.view.code, "id_no": self.person.id_no}


@dataclass
class Clinic:
    """A hospital with one session, S1 on Thursday morning, and its bookings."""

    site: Site
    clock: Clock
    system: System
    session_id: int
    booked: list[Booked]

    async def go_to(self, moment: str) -> None:
        """Move the clock there; the old token has expired then."""
        self.clock.now = at(moment)
        self.system = await self.system.renewed()

    async def statuses(self) -> list[str]:
        rows = await ask(self.site.platform, "SELECT status FROM appointments ORDER BY id")
        return [row[0] for row in rows]


async def add_bookings(site: Site, session_id: int, count: int) -> list[Booked]:
    crowd = await add_crowd(site.platform, count)
    async with open_desk(site.platform) as desk:
        made = [(person, await book(desk, person, session_id)) for person in crowd]
    return [Booked(person, view) for person, view in made if isinstance(view, AppointmentView)]


@pytest.fixture
async def clinic(site: Site, clock: Clock) -> Clinic:
    system = await add_system(site)
    await system.publish_departments()
    [item] = (await system.publish([session_item(1, starts_at="08:00")]))["items"]
    return Clinic(site, clock, system, item["id"], await add_bookings(site, item["id"], 3))


# One session ------------------------------------------------------------------------------


async def test_places_change_and_never_below_what_is_booked(clinic: Clinic) -> None:
    path = "/clinic-sessions/S1/capacity"
    for capacity, changed in ((5, True), (5, False), (3, True)):
        body = (await clinic.system.put(path, json={"capacity": capacity})).json()
        assert (body["changed"], body["session"]["capacity"]) == (changed, capacity)
    problem(await clinic.system.put(path, json={"capacity": 2}), 409, "item_below_booked")
    problem(await clinic.system.put(path, json={"capacity": -1}), 422, "invalid_field")
    await clinic.go_to("2026-12-04T09:00")
    problem(await clinic.system.put(path, json={"capacity": 9}), 409, "item_past")


async def test_places_in_other_sessions_are_offered_with_a_stop(clinic: Clinic) -> None:
    system, path = clinic.system, "/clinic-sessions/S1/replacements"
    other = session_item(2, starts_at="08:00", visit_date="2026-12-10")
    await system.publish([session_item(1, starts_at="08:00"), other])
    given = [{"external_id": "S2", "added": 2}]
    body = {"sessions": given, "accept_until": "2026-12-02T18:00:00+08:00"}
    problem(await system.post(path, json=body), 409, "replacement_nobody")
    await system.post("/clinic-sessions/S1/stop", json={"reason": "医生外出"})
    unknown = {**body, "sessions": [{"external_id": "S9", "added": 1}]}
    problem(await system.post(path, json=unknown), 409, "replacement_other_clinic")
    soon = {**body, "accept_until": "2026-11-30T09:30:00+08:00"}
    problem(await system.post(path, json=soon), 422, "replacement_too_soon")
    answer = await system.post(path, json=body)
    assert answer.json() == {"offers": 2, "without": 1}
    problem(
        await system.post("/clinic-sessions/S9/replacements", json=body), 404, "own_session_unknown"
    )
    assert await ask(
        clinic.site.platform, "SELECT reserved FROM clinic_sessions WHERE external_id = 'S2'"
    ) == [(2,)]


async def test_a_stop_is_taken_back_until_people_are_told(clinic: Clinic) -> None:
    system, body = clinic.system, {"reason": "医生外出"}
    stopped = (await system.post("/clinic-sessions/S1/stop", json=body)).json()
    assert (stopped["changed"], stopped["bookings"], stopped["can_be_undone"]) == (True, 3, True)
    assert stopped["session"]["stopped"]
    again = (await system.post("/clinic-sessions/S1/stop", json=body)).json()
    assert (again["changed"], again["told_from"]) == (False, stopped["told_from"])
    problem(
        await system.put("/clinic-sessions/S1/capacity", json={"capacity": 9}), 409, "item_stopped"
    )
    back = (await system.post("/clinic-sessions/S1/unstop")).json()
    assert (back["changed"], back["session"]["booked"]) == (True, 3)
    assert await clinic.statuses() == ["booked"] * 3
    assert not (await system.post("/clinic-sessions/S1/unstop")).json()["changed"]
    assert (await system.post("/clinic-sessions/S1/stop", json=body)).json()["changed"]
    clinic.clock.forward(minutes=5)
    await stops.carry_on(clinic.site.platform)
    problem(await system.post("/clinic-sessions/S1/unstop"), 409, "stop_told")
    assert await clinic.statuses() == ["stopped"] * 3
    rows = await ask(
        clinic.site.platform,
        "SELECT action FROM audit_trail WHERE who_kind = 'client' AND action LIKE '%%stop%%'"
        " ORDER BY seq",
    )
    assert [row[0] for row in rows] == ["stop_sessions", "undo_stop", "stop_sessions"]


async def test_a_substitute_keeps_the_bookings_until_and_after_people_are_told(
    clinic: Clinic,
) -> None:
    system, body = clinic.system, {"reason": "医生外出", "substitute": True}
    set_in = (await system.post("/clinic-sessions/S1/stop", json=body)).json()
    assert (set_in["changed"], set_in["bookings"], set_in["substitute"]) == (True, 3, True)
    assert (set_in["session"]["stopped"], set_in["session"]["booked"]) == (False, 3)
    again = (await system.post("/clinic-sessions/S1/stop", json=body)).json()
    assert (again["changed"], again["told_from"]) == (False, set_in["told_from"])
    back = (await system.post("/clinic-sessions/S1/unstop")).json()
    assert (back["changed"], back["substitute"]) == (True, False)
    assert not (await system.post("/clinic-sessions/S1/unstop")).json()["changed"]
    assert (await system.post("/clinic-sessions/S1/stop", json=body)).json()["changed"]
    clinic.clock.forward(minutes=5)
    await stops.carry_on(clinic.site.platform)
    problem(await system.post("/clinic-sessions/S1/unstop"), 409, "stop_told")
    assert await clinic.statuses() == ["booked"] * 3
    await clinic.go_to("2026-12-03T12:00")
    await sweep(clinic.site.platform)
    answer = await clinic.system.post("/clinic-sessions/S1/stop", json=body)
    assert not answer.json()["changed"]
    await clinic.system.post("/clinic-sessions/S1/close")
    assert await clinic.statuses() == ["unverified"] * 3


async def test_a_session_that_is_over_gets_no_substitute(clinic: Clinic) -> None:
    await clinic.go_to("2026-12-03T12:00")
    await sweep(clinic.site.platform)
    body = {"reason": "医生外出", "substitute": True}
    answer = await clinic.system.post("/clinic-sessions/S1/stop", json=body)
    problem(answer, 409, "stop_past")


async def test_what_a_scheduler_stopped_with_others_is_taken_back_there(clinic: Clinic) -> None:
    platform, hospital_id = clinic.site.platform, clinic.system.hospital_id
    member = await add_member(platform, Role.SCHEDULER, hospital_id)
    staff = Staff(member.id, member.login, Role.SCHEDULER, hospital_id)
    assert isinstance(await stops.stop(platform, staff, StopScope(THURSDAY, FRIDAY), "停电"), int)
    problem(await clinic.system.post("/clinic-sessions/S1/unstop"), 409, "stop_wider")
    listed = await stops.latest(platform, staff)
    assert [one.by_name for one in listed] == [member.login]


async def test_a_stop_that_a_scheduler_was_quicker_with_changes_nothing(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, hospital_id = clinic.site.platform, clinic.system.hospital_id
    member = await add_member(platform, Role.SCHEDULER, hospital_id)
    staff = Staff(member.id, member.login, Role.SCHEDULER, hospital_id)
    stop = stops.stop

    async def stop_later(*asked: Any, **more: Any) -> int | Refused[StopRefusal]:
        assert isinstance(await stop(platform, staff, StopScope(THURSDAY, FRIDAY), "停电"), int)
        return await stop(*asked, **more)

    monkeypatch.setattr(stops, "stop", stop_later)
    answer = await clinic.system.post("/clinic-sessions/S1/stop", json={"reason": "医生外出"})
    body = answer.json()
    assert (body["changed"], body["session"]["stopped"], body["bookings"]) == (False, True, 3)
    assert [found.reason for found in await stops.latest(platform, staff)] == ["停电"]


async def test_what_is_settled_is_not_said_to_be_stopped(clinic: Clinic) -> None:
    await clinic.go_to("2026-12-03T12:00")
    assert await sweep(clinic.site.platform) == 3
    answer = await clinic.system.post("/clinic-sessions/S1/stop", json={"reason": "医生外出"})
    problem(answer, 409, "stop_past")
    assert await clinic.statuses() == ["unverified"] * 3


async def test_sessions_that_cannot_be_stopped(clinic: Clinic) -> None:
    far = clinic.clock().date() + timedelta(days=200)
    await clinic.system.publish([session_item(2, day=far)])
    stop = {"reason": "x"}
    problem(await clinic.system.post("/clinic-sessions/S2/stop", json=stop), 409, "stop_too_far")
    problem(
        await clinic.system.post("/clinic-sessions/S1/stop", json={"reason": " "}),
        422,
        "invalid_field",
    )
    await clinic.go_to("2026-12-04T09:00")
    problem(await clinic.system.post("/clinic-sessions/S1/stop", json=stop), 409, "stop_past")


async def test_a_closed_session_makes_no_shows_of_who_did_not_come(clinic: Clinic) -> None:
    await clinic.go_to("2026-12-03T09:00")
    problem(await clinic.system.post("/clinic-sessions/S1/close"), 409, "window_too_early")
    shown = clinic.booked[0].shown
    assert (await clinic.system.post("/pickups", json=shown)).status_code == 200
    await clinic.go_to("2026-12-03T11:30")
    closed = (await clinic.system.post("/clinic-sessions/S1/close")).json()
    assert closed == {"id": clinic.session_id, "no_shows": 2}
    assert (await clinic.system.post("/clinic-sessions/S1/close")).json()["no_shows"] == 0
    assert sorted(await clinic.statuses()) == ["no_show", "no_show", "picked_up"]


async def test_another_hospitals_ids_name_nothing(clinic: Clinic) -> None:
    other = await add_system(clinic.site)
    one = clinic.booked[0]
    before = await clinic.statuses()
    for path, body in (("capacity", {"capacity": 9}), ("stop", {"reason": "x"})):
        method = "PUT" if path == "capacity" else "POST"
        for id in ("S1", "%00", "nothing"):
            answer = await other.call(method, f"/clinic-sessions/{id}/{path}", json=body)
            problem(answer, 404, "own_session_unknown")
    for path in ("unstop", "close"):
        answer = await other.post(f"/clinic-sessions/S1/{path}")
        problem(answer, 404, "own_session_unknown")
    problem(await other.post("/bookings/lookup", json=one.shown), 404, "own_booking_unknown")
    problem(await other.post("/pickups", json=one.shown), 409, "wrong_hospital")
    items = [{"appointment_id": one.view.id, "seen": True}]
    body = (await other.put("/attendance", json={"items": items})).json()
    assert body["items"][0]["code"] == "attendance_unknown"
    for path in (f"/bookings?visit_date={THURSDAY}", "/changes"):
        assert (await other.get(path)).json()["items"] == []
    assert await clinic.statuses() == before


# Reading ----------------------------------------------------------------------------------


async def test_a_days_bookings_come_in_pages_with_the_persons_and_without_codes(
    clinic: Clinic,
) -> None:
    path = f"/bookings?visit_date={THURSDAY}&limit=2"
    first = await clinic.system.get(path)
    second = await clinic.system.get(f"{path}&cursor={first.json()['next']}")
    items = first.json()["items"] + second.json()["items"]
    assert second.json()["next"] is None
    assert [one["id"] for one in items] == [one.view.id for one in clinic.booked]
    assert [one["patient"]["id_no"] for one in items] == [b.person.id_no for b in clinic.booked]
    assert {one["session_external_id"] for one in items} == {"S1"}
    assert items[0]["patient"]["name"] == "测试人"
    for one in clinic.booked:
        assert one.view.code not in first.text + second.text
    rows = await ask(
        clinic.site.platform,
        "SELECT who_name, detail::jsonb FROM audit_trail WHERE action = 'read_bookings'"
        " ORDER BY seq",
    )
    assert {row[0] for row in rows} == {clinic.system.client.client_id}
    assert [len(row[1]["appointments"]) for row in rows] == [2, 1]
    nothing = await clinic.system.get(f"/bookings?visit_date={FRIDAY}")
    assert nothing.json() == {"items": [], "next": None}
    problem(await clinic.system.get("/bookings"), 422, "missing_field")


async def test_after_days_away_every_change_comes_once_and_in_order(clinic: Clinic) -> None:
    system = clinic.system
    cursor = (await system.get("/changes")).json()["next"]
    first, second, third = clinic.booked
    platform = clinic.site.platform
    status = "UPDATE appointments SET status = %s WHERE id = %s"
    more = await add_bookings(clinic.site, clinic.session_id, 2)
    await change(platform, status, "cancelled", first.view.id)
    await change(platform, status, "stopped", second.view.id)
    await change(platform, status, "booked", second.view.id)
    await clinic.go_to("2026-12-03T09:00")
    await clinic.system.post("/pickups", json=third.shown)
    seen: list[tuple[int, str]] = []
    while True:
        body = (await clinic.system.get(f"/changes?after={cursor}&limit=2")).json()
        assert body["complete"]
        cursor = body["next"]
        seen += [(one["booking"]["id"], one["kind"]) for one in body["items"]]
        if not body["items"]:
            break
    assert sorted(seen[:2]) == sorted((one.view.id, "booked") for one in more)
    assert seen[2:] == [
        (first.view.id, "cancelled"),
        (second.view.id, "stopped"),
        (second.view.id, "restored"),
        (third.view.id, "picked_up"),
    ]
    everything = (await clinic.system.get("/changes")).json()["items"]
    assert len(everything) == 3 + len(seen)
    assert everything[-1]["booking"]["status"] == "picked_up"
    for wrong in ("x", "1", "1-2-3", "g-1", "1-%00", "f" * 16 + "-1"):
        problem(await clinic.system.get(f"/changes?after={wrong}"), 422, "invalid_field")


async def test_who_was_away_for_too_long_is_told_to_list_anew(clinic: Clinic) -> None:
    old = (await clinic.system.get("/changes?limit=1")).json()["next"]
    await change(clinic.site.platform, "DELETE FROM hospital_events")
    await change(
        clinic.site.platform,
        "UPDATE hospital_event_clock SET purged_through = hospital_events_settled() - 1",
    )
    body = (await clinic.system.get(f"/changes?after={old}")).json()
    assert (body["items"], body["complete"]) == ([], False)
    await add_bookings(clinic.site, clinic.session_id, 1)
    body = (await clinic.system.get(f"/changes?after={body['next']}")).json()
    assert ([one["kind"] for one in body["items"]], body["complete"]) == (["booked"], True)


async def test_a_look_up_needs_both_and_wrong_ones_are_counted(clinic: Clinic) -> None:
    first, second, _ = clinic.booked
    body = (await clinic.system.post("/bookings/lookup", json=first.shown)).json()
    assert (body["id"], body["patient"]["id_no"]) == (first.view.id, first.person.id_no)
    assert "code" not in body
    mixed = {"code": first.view.code, "id_no": second.person.id_no}
    for _ in range(GUESSES_PER_CODE_DAY):
        answer = await clinic.system.post("/bookings/lookup", json=mixed)
        problem(answer, 404, "own_booking_unknown")
    for path in ("/bookings/lookup", "/pickups"):
        throttled = await clinic.system.post(path, json=first.shown)
        problem(throttled, 429, "guesses_throttled")
        assert int(throttled.headers["retry-after"]) > 0
    other = await clinic.system.post("/bookings/lookup", json=second.shown)
    assert other.status_code == 200


# At the window ----------------------------------------------------------------------------


async def test_every_reason_why_there_is_no_number(clinic: Clinic) -> None:
    first, second, third = clinic.booked

    async def refused(shown: dict[str, str], status: int, code: str) -> dict[str, Any]:
        answer = await clinic.system.post("/pickups", json=shown)
        problem(answer, status, code)
        body: dict[str, Any] = answer.json()
        return body

    early = await refused(first.shown, 409, "wrong_day")
    assert early["visit_from"] == THURSDAY.isoformat()
    await change(
        clinic.site.platform,
        "UPDATE appointments SET status = 'cancelled' WHERE id = %s",
        second.view.id,
    )
    await clinic.go_to("2026-12-03T09:00")
    await refused({"code": first.view.code, "id_no": third.person.id_no}, 404, "wrong_person")
    await refused({"code": "00000000", "id_no": third.person.id_no}, 404, "wrong_person")
    await refused(second.shown, 409, "not_booked")
    number = (await clinic.system.post("/pickups", json=first.shown)).json()
    assert (number["id"], number["status"]) == (first.view.id, "picked_up")
    assert number["patient"]["name"] == "测**"[: len(number["patient"]["name"])]
    assert first.person.id_no not in str(number)
    again = await refused(first.shown, 409, "already_picked_up")
    assert "09:00" in again["detail"]
    await clinic.go_to("2026-12-03T11:30")
    late = await refused(third.shown, 409, "pickup_too_late")
    assert "11:30" in late["detail"]
    for body in ({"code": "1"}, {"code": "1234567", "id_no": "1"}, {}):
        assert (await clinic.system.post("/pickups", json=body)).status_code == 422


async def test_attendance_is_reported_item_by_item_and_again_changes_nothing(
    clinic: Clinic,
) -> None:
    first, second, third = (one.view.id for one in clinic.booked)
    platform = clinic.site.platform

    async def send(*items: Any) -> list[tuple[str, str | None]]:
        answer = await clinic.system.put("/attendance", json={"items": list(items)})
        assert answer.status_code == 200, answer.text
        return [(one["result"], one.get("code")) for one in answer.json()["items"]]

    def item(id: int, seen: bool) -> dict[str, Any]:
        return {"appointment_id": id, "seen": seen}

    early = ("refused", "attendance_too_early")
    assert await send(item(first, True), item(second, False)) == [early, early]
    await clinic.go_to("2026-12-03T12:00")
    await change(platform, "UPDATE appointments SET status = 'cancelled' WHERE id = %s", third)
    expected = [("changed", None), ("changed", None), ("refused", "attendance_not_booked")]
    sent = (item(first, True), item(second, False), item(third, False))
    assert await send(*sent) == expected
    before = await ask(platform, "SELECT id, xmin FROM appointments ORDER BY id")
    assert await send(*sent) == [("unchanged", None), ("unchanged", None), expected[2]]
    assert await ask(platform, "SELECT id, xmin FROM appointments ORDER BY id") == before
    # A message that came late punishes nobody; who has a number is no no-show.
    assert await send(
        item(second, True),
        item(first, False),
        item(10**12, True),
        {"appointment_id": "x", "seen": True},
        {"seen": 1},
        item(2**70, True),
    ) == [
        ("changed", None),
        ("refused", "attendance_picked_up"),
        ("refused", "attendance_unknown"),
        ("refused", "invalid_field"),
        ("refused", "invalid_field"),
        ("refused", "invalid_field"),
    ]
    assert await clinic.statuses() == ["picked_up", "picked_up", "cancelled"]
    await change(platform, "UPDATE appointments SET status = 'unverified' WHERE id = %s", second)
    await clinic.go_to("2027-01-03T09:00")
    assert await send(item(second, True)) == [("refused", "attendance_too_old")]


async def test_the_last_report_of_a_booking_counts_however_long_the_list(clinic: Clinic) -> None:
    first = clinic.booked[0].view.id
    await clinic.go_to("2026-12-03T12:00")
    others = [{"appointment_id": 10**12 + n, "seen": True} for n in range(250)]
    items = [
        {"appointment_id": first, "seen": False},
        *others,
        {"appointment_id": first, "seen": True},
    ]
    answer = (await clinic.system.put("/attendance", json={"items": items})).json()
    assert [one["result"] for one in (answer["items"][0], answer["items"][-1])] == ["changed"] * 2
    assert (await clinic.statuses())[0] == "picked_up"
    told = "SELECT count(*) FROM messages WHERE kind = 'no_show'"
    assert await ask(clinic.site.platform, told) == [(0,)]


async def test_no_shows_that_are_reported_suspend_and_are_taken_back(clinic: Clinic) -> None:
    person, platform = clinic.booked[0].person, clinic.site.platform
    days = [clinic.clock().date() + timedelta(days=n) for n in (10, 20)]
    made = await clinic.system.publish(session_item(n + 5, day=d) for n, d in enumerate(days))
    async with open_desk(platform) as desk:
        views = [clinic.booked[0].view]
        for one in made["items"]:
            view = await book(desk, person, one["id"])
            assert isinstance(view, AppointmentView)
            views.append(view)
    await clinic.go_to("2026-12-21T09:00")
    absent = [{"appointment_id": one.id, "seen": False} for one in views]
    assert (await clinic.system.put("/attendance", json={"items": absent})).json()["changed"] == 3

    async def until() -> object:
        [[found]] = await ask(
            platform, "SELECT suspended_until FROM patients WHERE id = %s", person.patient_id
        )
        return found

    assert await until() is not None
    late = [{"appointment_id": views[1].id, "seen": True}]
    assert (await clinic.system.put("/attendance", json={"items": late})).json()["changed"] == 1
    assert await until() is None
