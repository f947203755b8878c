"""Whom a stopped clinic hits, as the hospital's window sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from tests.city import THURSDAY, Clock, add_session, ask, change
from tests.crowd import count
from tests.flows.supply.replaced import NEXT_WEEK, Replaced, stop_clinic
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen
from tests.web.staff_site import at_the_desk

from guahao.flows.attendance import stopped as flows
from guahao.flows.call_centre.call_tasks import make_call_tasks
from guahao.flows.supply import stops
from guahao.flows.supply.replacing import accept
from guahao.flows.supply.stops import GRACE
from guahao.rules.staff.staff import Role, Staff
from guahao.store.supply.stops import StopScope

pytestmark = pytest.mark.no_draws
LIST = "/staff/window/stops"


@dataclass
class Hit:
    """A stopped clinic whose patients were notified."""

    site: Site
    stop: Replaced
    account_ids: list[int]
    orders: list[str]

    @property
    def page(self) -> str:
        return f"{LIST}/{self.stop.stop_id}"

    async def message(self, number: int, state: str) -> None:
        await change(
            self.site.platform,
            "UPDATE messages SET state = %s WHERE id = (SELECT message_id FROM stop_bookings"
            " ORDER BY appointment_id OFFSET %s LIMIT 1)",
            *(state, number),
        )

    async def clerk(self, hospital_id: int | None = None) -> Reader:
        hospital = hospital_id or self.stop.by.hospital_id
        return await at_the_desk(self.site, Role.CLERK, hospital)


async def hit(site: Site, clock: Clock, people: int = 4) -> Hit:
    session_id = await add_session(site.platform)
    citizens = [await add_citizen(site, n) for n in range(1, people + 1)]
    orders = []
    for citizen in citizens:
        booked = await site.book(citizen, session_id)
        assert booked.status_code == 201, booked.text
        orders.append(booked.json()["order_no"])
    stop = await stop_clinic(site.platform, session_id)
    clock.now += GRACE
    await stops.carry_on(site.platform)
    return Hit(site, stop, [citizen.account_id for citizen in citizens], orders)


def rows(reader: Reader) -> dict[str, str]:
    """Each row of the list by its order number."""
    found = {}
    for row in reader.page.text.split("<tr>")[2:]:
        order = re.findall(r"<td[^>]*>(.*?)</td>", row)[0]
        found[order] = row
    return found


async def test_those_to_be_called_stand_first_and_each_row_says_who_knows(
    site: Site, clock: Clock
) -> None:
    it = await hit(site, clock)
    await it.message(0, "delivered")
    await it.message(1, "failed")
    await it.message(2, "failed")
    await change(
        site.platform,
        "UPDATE stop_bookings SET message_id = NULL WHERE appointment_id = (SELECT max(id)"
        " FROM appointments)",
    )
    await make_call_tasks(site.platform)
    await change(
        site.platform,
        "UPDATE call_tasks SET closed_at = created_at, outcome = 'reached' WHERE appointment_id ="
        " (SELECT id FROM appointments ORDER BY id OFFSET 2 LIMIT 1)",
    )
    clerk = await it.clerk()
    await clerk.go(LIST)
    assert "没有通知到" in clerk.text
    await clerk.go(it.page)
    said = rows(clerk)
    assert list(said) == [it.orders[n] for n in (3, 1, 0, 2)]
    for order, words in zip(
        said, ("没有登记电话", "未送达，客服待致电", "已送达", "客服已致电"), strict=True
    ):
        assert words in said[order], order
    assert "2位患者没有通知到" in clerk.text
    assert "张*" in clerk.text
    assert "张三" not in clerk.text


async def test_who_accepted_another_place_knows(site: Site, clock: Clock) -> None:
    it = await hit(site, clock, people=1)
    await it.stop.offer()
    [[id]] = await ask(site.platform, "SELECT stopped_appointment_id FROM replacement_offers")
    clerk = await it.clerk()
    await clerk.go(it.page)
    assert "已留号，等待答复" in rows(clerk)[it.orders[0]]
    await accept(site.platform, it.account_ids[0], id, "web")
    await clerk.go(it.page)
    row = rows(clerk)[it.orders[0]]
    assert "患者已答复" in row
    assert "已接受留号" in row


async def test_a_substitute_and_an_undone_stop(site: Site) -> None:
    session_id = await add_session(site.platform)
    assert (await site.book(await add_citizen(site), session_id)).status_code == 201
    [[hospital_id]] = await ask(site.platform, "SELECT hospital_id FROM appointments")
    by = Staff(7, "scheduler", Role.SCHEDULER, hospital_id)
    scope = StopScope(THURSDAY, THURSDAY, session_id=session_id)
    stop_id = await stops.stop(site.platform, by, scope, "外出", substitute=True)
    assert isinstance(stop_id, int)
    clerk = await at_the_desk(site, Role.CLERK, hospital_id)
    await clerk.go(f"{LIST}/{stop_id}")
    assert "待通知" in clerk.text
    assert "换医生，照常就诊" in clerk.text
    await stops.undo(site.platform, by, stop_id)
    await clerk.go(f"{LIST}/{stop_id}")
    assert "已撤销，预约照旧" in clerk.text
    assert "已恢复" in clerk.text


async def test_only_the_own_window_opens_a_list_and_that_is_recorded(
    site: Site, clock: Clock
) -> None:
    it = await hit(site, clock)
    clerk = await it.clerk()
    await clerk.go(it.page)
    looked = await ask(
        site.platform,
        "SELECT subject_id, detail::jsonb ->> 'entries' FROM audit_trail"
        " WHERE action = 'list_stopped_patients'",
    )
    assert looked == [(it.stop.stop_id, "4")]
    elsewhere = await add_session(site.platform)
    [[other_id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", elsewhere
    )
    assert other_id != it.stop.by.hospital_id
    for stranger in (
        await it.clerk(other_id),
        await at_the_desk(site, Role.SCHEDULER, it.stop.by.hospital_id),
        await at_the_desk(site, Role.AGENT),
    ):
        answer = await stranger.client.get(it.page)
        assert answer.status_code in (403, 404)
        assert it.orders[0] not in answer.text
    stranger = await it.clerk(other_id)
    await stranger.go(LIST)
    assert "没有影响患者的停诊" in stranger.text
    assert await count(site.platform, "audit_trail", "action = 'list_stopped_patients'") == 1


async def test_a_long_list_is_paged_and_printed_as_a_whole(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows, "ENTRIES_A_PAGE", 2)
    it = await hit(site, clock, people=5)
    await it.message(4, "failed")
    clerk = await it.clerk()
    await clerk.go(it.page)
    assert "共5个预约，本页是第1到2个" in clerk.text
    seen = list(rows(clerk))
    assert seen == [it.orders[4], it.orders[0]]  # who is to be called stands first
    for number, said in ((2, "本页是第3到4个"), (3, "本页是第5到5个")):
        await clerk.go(f"{it.page}?page={number}")
        assert said in clerk.text
        assert "1位患者没有通知到" in clerk.text
        seen += rows(clerk)
    assert sorted(seen) == sorted(it.orders)
    assert "?page=4" not in clerk.text
    await clerk.go(f"{it.page}?page=99")  # the last there is
    assert list(rows(clerk)) == seen[4:]
    await clerk.go(f"{it.page}?all=yes")
    assert list(rows(clerk)) == seen
    assert "共5个预约，全部列出" in clerk.text
    looked = await ask(
        site.platform,
        "SELECT (detail::jsonb ->> 'entries')::int FROM audit_trail"
        " WHERE action = 'list_stopped_patients' ORDER BY seq",
    )
    assert [entries for (entries,) in looked] == [2, 2, 1, 1, 5]


async def test_earlier_stops_are_listed_and_those_without_bookings_are_not(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows, "STOPS_A_PAGE", 1)
    it = await hit(site, clock, people=1)
    by, platform = it.stop.by, site.platform
    [[later]] = await ask(
        platform, "SELECT id FROM clinic_sessions WHERE visit_date > %s", THURSDAY
    )
    assert (await site.book(await add_citizen(site, 2), later)).status_code == 201
    day = NEXT_WEEK
    second = await stops.stop(platform, by, StopScope(day, day, session_id=later), "会议")
    await change(
        platform,
        "INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period,"
        " fee_fen, capacity, booked) SELECT hospital_id, department_id, '普通', visit_date, period,"
        " fee_fen, capacity, 0 FROM clinic_sessions WHERE id = %s",
        later,
    )
    assert isinstance(await stops.stop(platform, by, StopScope(day, day), "会议"), int)
    clerk = await it.clerk()
    await clerk.go(LIST)
    assert f'href="{LIST}/{second}"' in clerk.text
    assert f'href="{it.page}"' not in clerk.text
    await clerk.go(f"{LIST}?before={second}")
    assert f'href="{it.page}"' in clerk.text
    assert "更早的停诊" not in clerk.text
