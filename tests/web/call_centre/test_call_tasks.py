"""Whom no message reached is called: once, by one agent, and not when there is no need."""

from __future__ import annotations

import asyncio

import pytest
from tests.city import Clock, ask, audited_actions, change, phone
from tests.flows.supply.replaced import stop_clinic
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.call_centre.call_tasks import (
    ClaimedTask,
    claim_task,
    confirm_answerer,
    finish_task,
    make_call_tasks,
)
from guahao.rules.call_centre.call_tasks import CallOutcome
from guahao.rules.staff.staff import Role

LOSE = "UPDATE messages SET state = 'failed' WHERE kind = 'booked'"


async def lost(site: Site, count: int = 1) -> None:
    """Bookings whose SMS did not arrive."""
    for number in range(1, count + 1):
        await booked(site, await add_citizen(site, number))
    await change(site.platform, LOSE)


async def outcomes(site: Site) -> list[str | None]:
    return [row[0] for row in await ask(site.platform, "SELECT outcome FROM call_tasks")]


async def test_a_task_is_made_once_however_often_it_is_looked_for(site: Site) -> None:
    await lost(site)
    made = [await make_call_tasks(site.platform) for _ in range(3)]
    assert made == [1, 0, 0]


@pytest.mark.parametrize(
    "changed",
    [
        "UPDATE messages SET state = 'delivered'",
        "UPDATE messages SET state = 'submitted'",
        "UPDATE appointments SET status = 'picked_up'",
        "UPDATE appointments SET visit_date = '2026-11-29'",
        """
        INSERT INTO messages (kind, account_id, patient_id, appointment_id, channel, beside_id,
                              state, created_at, changed_at)
        SELECT kind, account_id, patient_id, appointment_id, 'wechat', id, 'delivered',
               created_at, changed_at
        FROM messages
        """,
    ],
    ids=["delivered", "on its way", "no longer true", "visit past", "reached by WeChat"],
)
async def test_nobody_is_called_without_need(site: Site, changed: str) -> None:
    await lost(site)
    await change(site.platform, changed)
    assert await make_call_tasks(site.platform) == 0


async def test_a_task_closes_itself_when_the_message_arrives_after_all(site: Site) -> None:
    await lost(site)
    await make_call_tasks(site.platform)
    await change(site.platform, "UPDATE messages SET state = 'delivered'")
    await make_call_tasks(site.platform)
    assert await outcomes(site) == ["no_need"]


async def test_stopped_clinics_come_first(site: Site) -> None:
    await lost(site, 2)
    await change(
        site.platform,
        "UPDATE appointments SET status = 'stopped' WHERE id = (SELECT max(id) FROM appointments)",
    )
    await change(
        site.platform,
        "UPDATE messages SET kind = 'stopped'"
        " WHERE appointment_id = (SELECT max(id) FROM appointments)",
    )
    await make_call_tasks(site.platform)
    agent = await add_member(site.platform, Role.AGENT)
    taken = await claim_task(site.platform, agent)
    assert taken is not None
    assert (taken.task.kind, taken.phone) == ("stopped", f"+86{phone(2)}")


async def test_two_agents_at_once_get_two_tasks(site: Site) -> None:
    await lost(site, 3)
    await make_call_tasks(site.platform)
    agents = [await add_member(site.platform, Role.AGENT) for _ in range(4)]
    taken = await asyncio.gather(*[claim_task(site.platform, agent) for agent in agents])
    ids = [one.task.id for one in taken if one is not None]
    assert len(ids) == len(set(ids)) == 3


async def test_who_does_not_answer_is_called_four_times_at_most(site: Site, clock: Clock) -> None:
    await lost(site)
    await make_call_tasks(site.platform)
    agent = await add_member(site.platform, Role.AGENT)
    for minutes in (30, 120, 120, 0):
        taken = await claim_task(site.platform, agent)
        assert isinstance(taken, ClaimedTask)
        done = await finish_task(site.platform, agent, taken.task.id, CallOutcome.NOT_REACHED)
        assert done
        if minutes:
            clock.forward(minutes=minutes - 1)
            assert await claim_task(site.platform, agent) is None
            clock.forward(minutes=1)
    assert await outcomes(site) == ["given_up"]


async def test_a_task_left_lying_goes_to_somebody_else(site: Site, clock: Clock) -> None:
    await lost(site)
    await make_call_tasks(site.platform)
    first, second = [await add_member(site.platform, Role.AGENT) for _ in range(2)]
    mine = await claim_task(site.platform, first)
    assert mine is not None
    assert await claim_task(site.platform, second) is None
    clock.forward(minutes=15)
    assert await claim_task(site.platform, second) is not None
    assert not await finish_task(site.platform, first, mine.task.id, CallOutcome.REACHED)
    assert await outcomes(site) == [None]


async def test_an_agent_takes_a_task_calls_and_notes_what_came_of_it(site: Site) -> None:
    await lost(site)
    await make_call_tasks(site.platform)
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/tasks")
    assert phone(1) not in reader.text
    await reader.send(reader.form("/staff/tasks"))
    assert phone(1) in reader.text
    # What to speak of is health: not before the agent has confirmed who answers.
    for hidden in ("市第一医院", "心血管内科", "已告知本人"):
        assert hidden not in reader.text
    [[task]] = await ask(site.platform, "SELECT id FROM call_tasks")
    answered = reader.form(f"/staff/tasks/{task}/answered")
    await reader.send(answered)
    assert "心血管内科" in reader.text
    form = reader.form(f"/staff/tasks/{task}")
    await reader.send(form, outcome="reached")
    assert "已记录" in reader.text
    assert await outcomes(site) == ["reached"]
    actions = await audited_actions(site.platform)
    assert actions[-3:] == ["take_call_task", "confirm_answerer", "finish_call_task"]
    other = await add_member(site.platform, Role.AGENT)
    assert await confirm_answerer(site.platform, other, task) is None
    await reader.go("/staff/tasks")
    await reader.send(reader.form("/staff/tasks"))
    assert "现在没有要回的电话" in reader.text
    assert await outcomes(site) == ["reached"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("substituted", "由同职称的其他医生接诊"),
        ("replacement_offered", "医院为您留了另一个号"),
        ("replacement_lapsed", "不再保留"),
    ],
)
async def test_an_agent_says_what_the_message_would_have_said(
    site: Site, kind: str, said: str
) -> None:
    booking = await booked(site, await add_citizen(site))
    if kind == "substituted":
        await change(site.platform, "UPDATE appointments SET substituted_at = booked_at")
    else:
        await (await stop_clinic(site.platform, booking["clinic_session_id"])).offer()
    if kind == "replacement_lapsed":
        lapsed = "UPDATE replacement_offers SET state = 'lapsed', decided_at = offered_at"
        await change(site.platform, lapsed)
    await change(site.platform, "UPDATE messages SET kind = %s, state = 'by_phone'", kind)
    assert await make_call_tasks(site.platform) == 1
    reader = await at_the_desk(site, Role.AGENT)
    await reader.go("/staff/tasks")
    await reader.send(reader.form("/staff/tasks"))
    [[task]] = await ask(site.platform, "SELECT id FROM call_tasks")
    await reader.send(reader.form(f"/staff/tasks/{task}/answered"))
    assert said in reader.text
    assert "已成功" not in reader.text
