"""The stand-in of a hospital's system speaks both sides: webhooks in, calls out, one book."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date

import httpx
import pytest
from tests.city import MONDAY_MORNING, Clock, ask, cancel_for_caller
from tests.crowd import Person, add_crowd, booked
from tests.pushing.city import push_all, pusher, stand_in
from tests.supply import at
from tests.web.hospital_site import System, add_system
from tests.web.site import Site

from guahao.flows.integration.webhooks import WebhookSet, set_webhook, switch
from guahao.rules.integration.pushing import KINDS
from guahao.rules.staff.staff import SYSTEM
from guahao.tools.hospital_caller import Caller, CallError, coming_days
from guahao.tools.stand_ins.hospital import Behaviour, StandIn, read_behaviour
from guahao.tools.webhook_verifier import Verifier

# What is published here is booked at once.
pytestmark = pytest.mark.no_draws

TUESDAY = date(2026, 12, 1)
THURSDAY = date(2026, 12, 3)


@dataclass
class His:
    """A hospital whose system hears by webhook and calls by itself."""

    site: Site
    access: System
    system: StandIn
    caller: Caller

    async def session(self, day: date) -> int:
        [[id]] = await ask(
            self.site.platform, "SELECT id FROM clinic_sessions WHERE visit_date = %s", day
        )
        return int(id)

    async def statuses(self) -> dict[int, str]:
        return dict(await ask(self.site.platform, "SELECT id, status FROM appointments"))

    async def told(self) -> None:
        """Until the book is the platform's."""
        pushing = pusher(self.site.platform)
        for _ in range(1000):
            await push_all(pushing)
            if self.system.statuses() == await self.statuses():
                return
        raise AssertionError(self.system.statuses())


@pytest.fixture
def wired(clock: Clock) -> Iterator[tuple[StandIn, str]]:
    with stand_in(clock) as made:
        yield made


@pytest.fixture
async def his(site: Site, wired: tuple[StandIn, str]) -> AsyncIterator[His]:
    system, url = wired
    access = await add_system(site)
    made = await set_webhook(site.platform, SYSTEM, access.hospital_id, url, KINDS)
    assert isinstance(made, WebhookSet)
    system.verifier = Verifier([made.secret or ""])
    async with site.client() as client:
        caller = Caller(client, access.client.client_id, access.client.secret, system)
        yield His(site, access, system, caller)


async def test_it_publishes_and_a_repeat_changes_nothing(his: His) -> None:
    days = coming_days(MONDAY_MORNING.date())
    his.system.behave(Behaviour(reorder=True, twice=1))
    assert (await his.caller.publish(days))["created"] == len(days)
    again = await his.caller.publish(days)
    assert (again["created"], again["unchanged"]) == (0, len(days))
    assert (await his.caller.places(TUESDAY, 5))["session"]["capacity"] == 5


async def test_numbers_attendance_and_lies_go_through_the_calls(his: His, clock: Clock) -> None:
    await his.caller.publish([THURSDAY])
    first, second, third = await add_crowd(his.site.platform, 3)
    made = [await book(his, one) for one in (first, second, third)]
    await his.told()
    clock.now = at("2026-12-03 08:30")
    taken = await his.caller.pick_up(made[0][1], first.id_no)
    assert taken["status"] == "picked_up"
    with pytest.raises(CallError, match="wrong_person"):
        await his.caller.pick_up(made[1][1], first.id_no)
    clock.now = at("2026-12-03 12:30")
    await his.told()
    waiting = his.system.waiting_on("2026-12-03")
    assert set(waiting) == {made[1][0], made[2][0]}
    assert (await his.caller.report(waiting))["changed"] == 2
    await his.told()
    assert set((await his.statuses()).values()) == {"picked_up"}
    his.system.behave(Behaviour(lie=1))  # the platform has to take its word
    assert (await his.caller.report({made[1][0]: True}))["items"][0]["result"] != "unchanged"


async def test_its_list_agrees_until_it_lies_or_does_things_twice(his: His, clock: Clock) -> None:
    await his.caller.publish([THURSDAY])
    for one in await add_crowd(his.site.platform, 2):
        await book(his, one)
    await his.told()
    compared = await his.caller.compare(clock.now)
    assert (compared["listed"], compared["agreed"], compared["differences"]) == (2, 2, [])
    before = await his.statuses()
    for behaviour, kind in (
        (Behaviour(lie=1), "missing_at_hospital"),
        (Behaviour(twice=1), "doubled"),
    ):
        his.system.behave(behaviour)
        told = (await his.caller.compare(clock.now))["differences"]
        assert [one["kind"] for one in told] == [kind, kind]
    assert await his.statuses() == before


async def test_it_catches_up_by_cursor_and_by_webhook_without_a_second_effect(his: His) -> None:
    await switch(his.site.platform, SYSTEM, his.access.hospital_id, on=False)
    await his.caller.publish([THURSDAY])
    patients = await add_crowd(his.site.platform, 3)
    made = [await book(his, one) for one in patients]
    await cancel_for_caller(his.site.platform, made[0][0])
    count = 0
    for _ in range(1000):
        count += await his.caller.catch_up()
        if count == 4:
            break
    assert his.system.statuses() == await his.statuses()
    assert his.system.received == []
    effects = list(his.system.effects)
    await switch(his.site.platform, SYSTEM, his.access.hospital_id, on=True)
    await push_all(pusher(his.site.platform))
    assert len(his.system.received) == 4
    assert his.system.effects == effects
    assert await his.caller.catch_up() == 0


async def test_a_webhook_and_the_call_show_one_booking_alike(his: His) -> None:
    await his.caller.publish([THURSDAY])
    [person] = await add_crowd(his.site.platform, 1)
    await book(his, person)
    await his.told()
    answer = await his.access.get("/bookings?visit_date=2026-12-03")
    [shown] = answer.json()["items"]
    [entry] = his.system.book.values()
    assert entry.booking == shown


async def test_a_wrong_secret_gets_it_no_token(his: His) -> None:
    his.caller.client_secret = "wrong"
    with pytest.raises(CallError, match="invalid_client"):
        await his.caller.catch_up()
    assert his.caller.token == ""


async def book(his: His, person: Person) -> tuple[int, str]:
    """Book the hospital's own session; the booking's id and code."""
    view = await booked(his.site.platform, person, await his.session(THURSDAY))
    return view.id, view.code


# The page --------------------------------------------------------------------------------------


async def test_its_page_shows_the_book_changes_manners_and_calls(
    his: His, wired: tuple[StandIn, str]
) -> None:
    system, url = wired
    await his.caller.publish([THURSDAY])
    [person] = await add_crowd(his.site.platform, 1)
    await book(his, person)
    await his.told()
    system.actions = {"say": lambda given: f"<{given['day']}>"}
    async with httpx.AsyncClient(base_url=url.removesuffix("/events")) as browser:
        assert "测试人" in (await browser.get("/")).text
        assert (await browser.get("/book")).json()["known"] == 1
        answer = await browser.post("/behaviour", data={"lose": "0.5", "reorder": "on"})
        assert answer.status_code == 303
        assert system.behaviour == Behaviour(lose=0.5, reorder=True)
        assert (await browser.post("/behaviour", data={"lose": "2"})).status_code == 400
        await browser.post("/call", data={"do": "say", "day": "2026-12-03"})
        assert "&lt;2026-12-03&gt;" in (await browser.get("/")).text
        assert (await browser.post("/call", data={"do": "other"})).status_code == 400
        assert (await browser.get("/nowhere")).status_code == 404


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, Behaviour()),
        ({"down": "on", "slow_seconds": "2.5"}, Behaviour(down=True, slow_seconds=2.5)),
        ({"slow_seconds": "601"}, None),
        ({"lie": "-0.1"}, None),
        ({"lose": "nan"}, None),
        ({"twice": "many"}, None),
    ],
)
def test_manners_are_read_strictly(given: dict[str, str], read: Behaviour | None) -> None:
    assert read_behaviour(given) == read
