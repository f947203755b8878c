"""The supervisor's overview: it counts what there is, names agents, and never callers."""

from __future__ import annotations

import re

import pytest
from tests.city import Clock, change, phone, resident_id
from tests.web.browsing import Reader
from tests.web.call_centre.test_calls import on_the_line, verify
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role


def rows(reader: Reader) -> list[list[str]]:
    """The tables' rows, as they are read."""
    found = re.findall(r"<tr>(.*?)</tr>", reader.text, re.DOTALL)
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in found if "<td" in row]


async def test_a_supervisor_lands_there_and_others_do_not_see_it(site: Site) -> None:
    reader = await at_the_desk(site, Role.SUPERVISOR)
    await reader.go("/staff")
    assert reader.path == "/staff/calls/overview"
    assert "现在没有通话" in reader.text
    assert "今天还没有通话" in reader.text
    agent = await at_the_desk(site, Role.AGENT)
    assert (await agent.go("/staff/calls/overview")).status_code == 403


async def test_it_counts_calls_outcomes_tasks_and_refused_look_ups(
    site: Site, clock: Clock
) -> None:
    booking = await booked(site, await add_citizen(site))
    done = await on_the_line(site, booking)
    base = done.path.partition("?")[0]
    await done.send(done.form(f"{base}/end"))
    await done.send(done.form(f"{base}/result"), result="booked")
    guessing = await on_the_line(site, booking, verified=False)
    for _ in range(2):
        await verify(guessing, document="000000", name="李四")
    assert "答错次数过多" in await verify(guessing, document=resident_id(1), name="张三")
    await change(
        site.platform,
        """
        INSERT INTO call_tasks (appointment_id, kind, message_id, visit_date, created_at,
                                not_before)
        SELECT id, 'stopped', 7, visit_date, %s, %s FROM appointments
        """,
        clock.now,
        clock.now,
    )
    clock.forward(minutes=25)
    reader = await at_the_desk(site, Role.SUPERVISOR)
    await reader.go("/staff/calls/overview")
    found = rows(reader)
    assert [row[1:] for row in found if row[-1] == "未核实"] == [["25分钟", "未核实"]]
    assert ["停诊通知未送达", "1", "1", "25分钟"] in found
    outcomes = sorted(row[1:] for row in found if len(row) == 10)
    assert outcomes == [
        ["1", "0", "0", "0", "0", "0", "0", "1", "1"],  # on the line: refused once
        ["1", "1", "0", "0", "0", "0", "0", "0", "0"],
    ]
    for private in ("张三", phone(1), resident_id(1), booking["order_no"]):
        assert private not in reader.text


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_it_is_written_in_both_languages(site: Site, language: str) -> None:
    reader = await at_the_desk(site, Role.SUPERVISOR, language=language)
    await reader.go("/staff/calls/overview")
    title = {"zh": "客服总览", "en": "Call centre"}[language]
    assert f"<h1>{title}</h1>" in reader.text
