"""Applying for a caller: verified first, read back, listed on the card, withdrawn."""

from __future__ import annotations

from datetime import date

import pytest
from tests.city import Clock, add_patient, add_session, ask, reasons
from tests.web.browsing import Reader
from tests.web.call_centre.test_calls import on_the_line
from tests.web.site import Citizen, Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.flows.fairness import applications as flows
from guahao.flows.fairness.applications import ApplicationRequest
from guahao.rules.fairness.applying import AHEAD, Wishes
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import add_months
from guahao.rules.staff.staff import Role
from guahao.store.fairness.applications import ApplicationView
from guahao.web.http import csrf
from guahao.web.staff import sending


async def department(site: Site) -> int:
    """A department of a hospital of its own, with a clinic on Thursday."""
    session_id = await add_session(site.platform)
    [[department_id]] = await ask(
        site.platform, "SELECT department_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(department_id)


async def calling(site: Site, *, verified: bool = True) -> tuple[Reader, Citizen, str]:
    """An agent who serves a caller, the caller, and the call's address."""
    citizen = await add_citizen(site)
    reader = await on_the_line(site, await booked(site, citizen), verified=verified)
    return reader, citizen, reader.path


async def applications(site: Site) -> list[tuple[object, ...]]:
    return await ask(
        site.platform,
        "SELECT state, channel, title, periods, first_date::text, last_date::text"
        " FROM applications ORDER BY id",
    )


async def apply(reader: Reader, call: str, department_id: int, **typed: str) -> None:
    """Fill in the form, read it back, and submit it."""
    path = f"{call}/apply/{department_id}"
    await reader.go(path)
    await reader.send(reader.form(path), **typed)
    await reader.send(reader.form(path), step="save")


async def test_an_application_is_read_back_before_it_is_registered(site: Site) -> None:
    reader, citizen, call = await calling(site)
    department_id = await department(site)
    await reader.go(f"/staff/supply/departments/{department_id}?call={call.rpartition('/')[2]}")
    path = f"{call}/apply/{department_id}"
    assert f'href="{path}"' in reader.text
    await reader.go(path)
    asked = set(reader.form(path).fields) - {csrf.FIELD, sending.FIELD, "key"}
    assert asked == {"patients", "title", "period", "first_date", "last_date"}
    await reader.send(reader.form(path), title="主任医师", period="morning", last_date="2026-12-14")
    assert "请念给患者听" in reader.text
    assert (
        "张三登记市第一医院 · 心血管内科：12月1日 周二至12月14日 周一 · 主任医师 · 上午。"
        in reader.text
    )
    assert await applications(site) == []
    await reader.send(reader.form(path), step="save")
    assert "已登记" in reader.text
    assert "登记中" in reader.text
    assert await applications(site) == [
        ("live", "phone", "主任医师", ["morning"], "2026-12-01", "2026-12-14")
    ]
    [[account_id, patient_id]] = await ask(
        site.platform,
        "SELECT a.account_id, p.patient_id FROM applications a"
        " JOIN application_patients p ON p.application_id = a.id",
    )
    assert (account_id, patient_id) == (citizen.account_id, citizen.patient_id)
    [[detail]] = await ask(
        site.platform,
        "SELECT detail::jsonb -> 'call' FROM audit_trail WHERE action = 'apply_for_places'",
    )
    assert str(detail) == call.rpartition("/")[2]


async def test_two_patients_apply_for_the_same_session(site: Site) -> None:
    reader, citizen, call = await calling(site)
    second = await add_patient(site.platform, citizen.account_id, 2, "李四")
    both = f"{citizen.patient_id} {second.id}"
    await apply(reader, call, await department(site), patients=both)
    assert "张三、李四" in reader.text
    assert await ask(site.platform, "SELECT patient_id FROM application_patients ORDER BY 1") == [
        (citizen.patient_id,),
        (second.id,),
    ]


async def test_enter_twice_is_one_application(site: Site) -> None:
    reader, _, call = await calling(site)
    path = f"{call}/apply/{await department(site)}"
    await reader.go(path)
    await reader.send(reader.form(path))
    form = reader.form(path)
    for _ in range(2):
        await reader.send(form, step="save")
        assert "登记中" in reader.text
    assert len(await applications(site)) == 1


async def test_nothing_is_registered_before_the_caller_is_verified(site: Site) -> None:
    reader, _, call = await calling(site, verified=False)
    await reader.go(f"{call}/apply/{await department(site)}")
    assert "请先核实来电人" in reader.text


async def test_another_agent_s_call_is_over(site: Site) -> None:
    _, _, call = await calling(site)
    other = await at_the_desk(site, Role.AGENT)
    await other.go(f"{call}/apply/{await department(site)}")
    assert "通话已结束" in other.text


@pytest.mark.parametrize(
    ("typed", "said", "status"),
    [
        ({"patients": "999999"}, "请选择来电人的一位就诊人", 422),
        ({"patients": ""}, "请选择来电人的一位就诊人", 422),
        ({"first_date": "2026-12-15", "last_date": "2026-12-14"}, "先后不要颠倒", 422),
        ({"first_date": "2026-02-30"}, "先后不要颠倒", 422),
        ({"key": "x"}, "", 400),
    ],
)
async def test_what_cannot_be_read_is_asked_again(
    site: Site, typed: dict[str, str], said: str, status: int
) -> None:
    reader, _, call = await calling(site)
    path = f"{call}/apply/{await department(site)}"
    await reader.go(path)
    await reader.send(reader.form(path), **typed)
    assert reader.page.status_code == status
    assert said in reader.text
    assert await applications(site) == []


@pytest.mark.parametrize("typed", [{"period": "midnight"}, {"last_date": "2029-01-01"}])
async def test_what_no_draw_can_serve_is_refused_with_the_last_date(
    site: Site, clock: Clock, typed: dict[str, str]
) -> None:
    reader, _, call = await calling(site)
    path = f"{call}/apply/{await department(site)}"
    await reader.go(path)
    await reader.send(reader.form(path), step="save", **typed)
    assert reader.page.status_code == 422
    last = add_months(clock.now.date() + AHEAD, 3)
    assert f"最晚{last.year}年{last.month}月{last.day}日" in reader.text
    assert await applications(site) == []


async def test_a_second_application_for_a_department_is_refused(site: Site) -> None:
    reader, _, call = await calling(site)
    department_id = await department(site)
    await apply(reader, call, department_id)
    await apply(reader, call, department_id, title="主任医师")
    assert reader.page.status_code == 409
    assert "已有登记" in reader.text
    assert len(await applications(site)) == 1


async def test_an_application_is_withdrawn_with_a_reason(site: Site) -> None:
    reader, _, call = await calling(site)
    await apply(reader, call, await department(site))
    await reader.send(reader.form(f"{call}/applications/withdraw"))
    await reader.confirm("来电人已另约")
    assert "已撤回登记" in reader.text
    assert [row[0] for row in await applications(site)] == ["withdrawn"]
    assert await reasons(site.platform, "withdraw_application") == [
        ("withdraw_application", "来电人已另约")
    ]


async def test_somebody_else_s_application_is_not_withdrawn(site: Site) -> None:
    reader, _, call = await calling(site)
    await apply(reader, call, await department(site))
    withdraw = reader.form(f"{call}/applications/withdraw")
    other = await add_citizen(site, 2)
    theirs = await flows.apply(
        site.platform,
        ApplicationRequest(
            Actor("account", other.account_id),
            "a key",
            (other.patient_id,),
            await department(site),
            Wishes(date(2026, 12, 1), date(2026, 12, 20)),
            "web",
        ),
    )
    assert isinstance(theirs, ApplicationView)
    await reader.send(withdraw, application=str(theirs.id))
    await reader.confirm()
    assert "没有这个登记" in reader.text
    assert [row[0] for row in await applications(site)] == ["live", "live"]
