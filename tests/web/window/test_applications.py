"""Applying at a hospital's window, with the document in hand: its own departments alone."""

from __future__ import annotations

from datetime import date

from tests.city import Clock, add_session, ask, reasons
from tests.web.browsing import Reader
from tests.web.call_centre.test_moving import look_up
from tests.web.scheduling.test_schedule import scheduler
from tests.web.site import Site, add_citizen
from tests.web.staff_site import at_the_desk

from guahao.flows.fairness import applications as flows
from guahao.flows.fairness.applications import ApplicationRequest
from guahao.rules.fairness.applying import Wishes
from guahao.rules.kernel.facts import Actor
from guahao.rules.staff.staff import Role
from guahao.store.fairness.applications import ApplicationView

PERSONS = "/staff/window/persons"
LIST, APPLY = f"{PERSONS}/applications", f"{PERSONS}/apply"


async def clerk(site: Site) -> tuple[Reader, int]:
    """A clerk of a hospital with a department of the second level, and the department."""
    _, session_id = await scheduler(site)
    [[hospital_id, department_id]] = await ask(
        site.platform,
        "SELECT hospital_id, department_id FROM clinic_sessions WHERE id = %s",
        session_id,
    )
    return await at_the_desk(site, Role.CLERK, hospital_id), int(department_id)


async def to_list(reader: Reader) -> None:
    await look_up(reader)
    await reader.send(reader.form(LIST))


async def apply(reader: Reader, department_id: int, **typed: str) -> None:
    await reader.send(reader.form(APPLY), department=str(department_id))
    await reader.send(reader.form(APPLY), **typed)
    await reader.send(reader.form(APPLY), step="save")


async def states(site: Site) -> list[tuple[object, ...]]:
    return await ask(site.platform, "SELECT state, channel FROM applications ORDER BY id")


async def test_a_person_at_the_window_applies_and_withdraws(site: Site) -> None:
    await add_citizen(site)
    reader, department_id = await clerk(site)
    await to_list(reader)
    assert "没有候补登记" in reader.text
    await reader.send(reader.form(APPLY), department=str(department_id))
    await reader.send(reader.form(APPLY), title="主任医师")
    assert "请念给患者听" in reader.text
    assert "张*登记市第一医院 · 心血管内科" in reader.text
    assert await states(site) == []
    await reader.send(reader.form(APPLY), step="save")
    assert "已登记" in reader.text
    assert await states(site) == [("live", "window")]
    await reader.send(reader.form(f"{LIST}/withdraw"))
    await reader.confirm("患者已约到")
    assert "已撤回登记" in reader.text
    assert await states(site) == [("withdrawn", "window")]
    assert await reasons(site.platform, "withdraw_application") == [
        ("withdraw_application", "患者已约到")
    ]


async def test_another_hospital_s_department_is_not_offered(site: Site) -> None:
    await add_citizen(site)
    reader, _ = await clerk(site)
    [[foreign]] = await ask(
        site.platform,
        "SELECT department_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    await to_list(reader)
    await reader.send(reader.form(APPLY), department=str(foreign))
    assert reader.page.status_code == 422
    assert "请选择科室" in reader.text
    assert await states(site) == []


async def test_applications_at_other_hospitals_are_not_shown(site: Site) -> None:
    citizen = await add_citizen(site)
    [[foreign]] = await ask(
        site.platform,
        "SELECT department_id FROM clinic_sessions WHERE id = %s",
        await add_session(site.platform),
    )
    theirs = await flows.apply(
        site.platform,
        ApplicationRequest(
            Actor("account", citizen.account_id),
            "a key",
            (citizen.patient_id,),
            int(foreign),
            Wishes(date(2026, 12, 1), date(2026, 12, 20)),
            "web",
        ),
    )
    assert isinstance(theirs, ApplicationView)
    reader, department_id = await clerk(site)
    await to_list(reader)
    assert "没有候补登记" in reader.text
    await apply(reader, department_id)
    await reader.send(reader.form(f"{LIST}/withdraw"), application=str(theirs.id))
    await reader.confirm()
    assert "没有这个登记" in reader.text
    assert await states(site) == [("live", "web"), ("live", "window")]


async def test_who_is_registered_under_another_name_does_not_apply(site: Site) -> None:
    await add_citizen(site)
    reader, _ = await clerk(site)
    assert "但姓名是" in await look_up(reader, name="张珊")
    assert LIST not in reader.text
    form = reader.form(f"{PERSONS}/dispute")
    form.action = LIST
    await reader.send(form)
    assert reader.page.status_code == 422
    assert await states(site) == []


async def test_half_an_hour_later_the_person_is_looked_up_again(site: Site, clock: Clock) -> None:
    await add_citizen(site)
    reader, department_id = await clerk(site)
    await to_list(reader)
    await reader.send(reader.form(APPLY), department=str(department_id))
    await reader.send(reader.form(APPLY))
    form = reader.form(APPLY)
    clock.forward(minutes=20)
    await reader.go("/staff/window")  # or the log-in ends, too
    clock.forward(minutes=11)
    await reader.send(form, step="save")
    assert "请重新按证件查找" in reader.text
    assert await states(site) == []
