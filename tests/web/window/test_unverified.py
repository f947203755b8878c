"""A hospital confirms who came where nobody knows; whoever did not is told, and may appeal."""

from __future__ import annotations

from datetime import date

import pytest
from tests.city import Clock, add_session, ask, reasons
from tests.supply import at
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen
from tests.web.staff_site import at_the_desk

from guahao.flows.attendance.penalties import sweep
from guahao.rules.staff.staff import Role
from guahao.tools.audit.audit import audit

LIST = "/staff/window/unverified"
THURSDAY = date(2026, 12, 3)


async def unverified(site: Site, clock: Clock) -> tuple[int, int, list[int]]:
    """A session of two bookings that nobody picked up, after the sweep; its hospital."""
    session_id = await add_session(site.platform, THURSDAY)
    for number in (1, 2):
        answer = await site.book(await add_citizen(site, number), session_id)
        assert answer.status_code == 201, answer.text
    clock.now = at("2026-12-03T20:30")
    assert await sweep(site.platform) == 2
    rows = await ask(site.platform, "SELECT id, hospital_id FROM appointments ORDER BY id")
    return session_id, rows[0][1], [row[0] for row in rows]


async def statuses(site: Site) -> list[str]:
    return [
        row[0] for row in await ask(site.platform, "SELECT status FROM appointments ORDER BY id")
    ]


async def told(site: Site, kind: str) -> int:
    [[times]] = await ask(site.platform, "SELECT count(*) FROM messages WHERE kind = %s", kind)
    return int(times)


async def test_a_clerk_confirms_who_came(site: Site, clock: Clock) -> None:
    session_id, hospital_id, [first, _] = await unverified(site, clock)
    clock.forward(days=5)
    reader = await at_the_desk(site, Role.CLERK, hospital_id)
    await reader.go(LIST)
    assert "确认就诊情况" in reader.text
    await reader.go(f"{LIST}/{session_id}")
    form = reader.form(f"{LIST}/{session_id}")
    ticks = [name for name in form.fields if name.startswith("a")]
    assert len(ticks) == 2
    for name in ticks:
        del form.fields[name]
    refused = await reader.send(form, **{f"a{first}": "on"}, reason=" ")
    assert refused.status_code == 422
    assert await statuses(site) == ["unverified", "unverified"]
    await reader.send(form, **{f"a{first}": "on"}, reason="门诊日志")
    assert "1人已就诊，1人记为爽约" in reader.text
    assert await statuses(site) == ["picked_up", "no_show"]
    assert await told(site, "no_show") == 1
    [(_, reason)] = await reasons(site.platform, "confirm_attendance")
    assert reason == "门诊日志"
    assert "没有待确认的门诊" in (await reader.go(LIST)).text
    names = ("no_shows_known", "suspensions", "settled_sessions_empty", "session_counters")
    found = {one.name: one.disagreements for one in (await audit(site.platform)).findings}
    assert [found[name] for name in names] == [0, 0, 0, 0]


async def test_twice_or_too_late_confirms_nothing(site: Site, clock: Clock) -> None:
    session_id, hospital_id, _ = await unverified(site, clock)
    colleague = await at_the_desk(site, Role.CLERK, hospital_id)
    await colleague.go(f"{LIST}/{session_id}")
    reader = await at_the_desk(site, Role.CLERK, hospital_id)
    await reader.go(f"{LIST}/{session_id}")
    form = reader.form(f"{LIST}/{session_id}")
    form.fields = {"csrf": form.fields["csrf"], "reason": "门诊日志"}
    assert (await reader.send(form)).status_code == 422
    assert "没有勾选任何人" in reader.text
    assert 'value="门诊日志"' in reader.text
    assert await told(site, "no_show") == 0
    await reader.send(form, nobody_came="on")
    assert await told(site, "no_show") == 2
    late = colleague.form(f"{LIST}/{session_id}")
    await colleague.send(late, nobody_came="on", reason="门诊日志")
    assert "可能已由他人确认" in colleague.text
    assert await told(site, "no_show") == 2


async def test_what_is_too_old_never_punishes(site: Site, clock: Clock) -> None:
    session_id, hospital_id, _ = await unverified(site, clock)
    reader = await at_the_desk(site, Role.CLERK, hospital_id)
    await reader.go(f"{LIST}/{session_id}")
    form = reader.form(f"{LIST}/{session_id}")
    clock.forward(days=31)
    reader = await at_the_desk(site, Role.CLERK, hospital_id)
    assert (await reader.go(f"{LIST}/{session_id}")).status_code == 404
    fresh = reader.form("/staff/logout")
    form.fields = {**fresh.fields, "reason": "门诊日志"}
    await reader.send(form)
    assert "不再确认" in reader.text
    assert await statuses(site) == ["unverified", "unverified"]


async def test_another_hospitals_clerk_sees_nothing_and_confirms_nothing(
    site: Site, clock: Clock
) -> None:
    session_id, hospital_id, _ = await unverified(site, clock)
    other_session = await add_session(site.platform, date(2026, 12, 20))
    [[other]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", other_session
    )
    if other == hospital_id:
        [[other]] = await ask(
            site.platform,
            "INSERT INTO hospitals (code, name, grade, district)"
            " VALUES ('X9', '另一医院', '三级甲等', '东城') RETURNING id",
        )
    reader = await at_the_desk(site, Role.CLERK, other)
    assert "没有待确认的门诊" in (await reader.go(LIST)).text
    assert (await reader.go(f"{LIST}/{session_id}")).status_code == 404
    form = reader.form("/staff/logout")
    form.action, form.fields["reason"] = f"{LIST}/{session_id}", "门诊日志"
    assert (await reader.send(form)).status_code == 404
    assert await statuses(site) == ["unverified", "unverified"]


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMINISTRATOR, Role.AUDITOR])
async def test_who_sees_to_the_hospitals_sees_what_waits_with_its_age(
    site: Site, clock: Clock, role: Role
) -> None:
    reader: Reader = await at_the_desk(site, role)
    assert "没有待确认的门诊" in (await reader.go("/staff/unverified")).text
    await unverified(site, clock)
    clock.forward(days=4)
    reader = await at_the_desk(site, role)
    page = (await reader.go("/staff/unverified")).text
    assert "12月3日 周四" in page
    assert '<td class="number">2</td>' in page
    assert '<td class="number">4</td>' in page
