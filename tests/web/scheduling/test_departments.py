"""A hospital's departments: what patients see of them, and what stays when they are hidden."""

from __future__ import annotations

import asyncio

from tests.city import Clock, ask, change, resident_id
from tests.crowd import count
from tests.web.browsing import Reader
from tests.web.scheduling.test_schedule import book_it, scheduler
from tests.web.site import Site, add_citizen
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.hospitals import departments as flows
from guahao.rules.hospitals.departments import DepartmentEntry, DepartmentRefusal
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.staff.staff import Role, Staff

LIST = "/staff/schedule/departments"


async def ids_of(site: Site) -> dict[str, int]:
    """The departments' ids by code."""
    return {row[0]: row[1] for row in await ask(site.platform, "SELECT code, id FROM departments")}


async def add(reader: Reader, list_path: str = LIST, **typed: str) -> str:
    await reader.go(f"{list_path}/new")
    await reader.send(None, **typed)
    return reader.text.rpartition("选择科室")[2]


async def citizen_sees(site: Site) -> str:
    """Return a hospital's departments as a citizen reads them, below those soonest."""
    [[hospital_id]] = await ask(site.platform, "SELECT id FROM hospitals ORDER BY id LIMIT 1")
    reader = Reader.of(site)
    await reader.go(f"/hospitals/{hospital_id}")
    return reader.text.rpartition("选择科室")[2]


async def test_a_department_is_added_renamed_and_found_by_its_pinyin(site: Site) -> None:
    reader, _ = await scheduler(site)
    ids = await ids_of(site)
    parent = str(ids["03"])
    said = await add(reader, code="03.11", name="感染科", name_en="Infections", parent=parent)
    assert "已添加" in said
    assert "感染科" in await citizen_sees(site)
    path = f"{LIST}/{(await ids_of(site))['03.11']}"
    await reader.go(path)
    await reader.send(reader.form(path), name="肝病科")
    assert "已保存" in reader.text
    citizen = Reader.of(site)
    await citizen.go("/search?q=ganbing")
    assert "肝病科" in citizen.text


BAD = (
    ({"name": ""}, "请填写名称"),
    ({"name": "心血管内科"}, "已有同名的科室"),
    ({"code": "03.04"}, "已有科室使用这个代码"),
    ({"code": "a b"}, "代码须为"),
    ({"parent": "999999"}, "请从列表中选择一级科室"),
)


async def test_a_bad_field_is_named_and_nothing_is_added(site: Site) -> None:
    reader, _ = await scheduler(site)
    parent = str((await ids_of(site))["03"])
    given = {"code": "03.11", "name": "感染科", "parent": parent}
    for typed, said in BAD:
        assert said in await add(reader, **given | typed)
        assert reader.page.status_code == 422
    assert await count(site.platform, "departments") == 2


async def test_one_off_the_platform_is_hidden_and_its_bookings_stay(
    site: Site, clock: Clock
) -> None:
    reader, session_id = await scheduler(site)
    await book_it(site, session_id)
    path = f"{LIST}/{(await ids_of(site))['03.04']}"
    await reader.go(path)
    assert "<dt>其中的预约</dt><dd>1</dd>" in reader.text
    await reader.send(reader.form(f"{path}/platform"), do="hide")
    assert "1个预约，照常就诊" in reader.text
    await reader.confirm()
    assert "已有的预约照常就诊" in reader.text
    assert "心血管内科" not in await citizen_sees(site)
    refused = await site.book(await add_citizen(site, 2), session_id)
    assert refused.json()["code"] == "unknown_session"
    # The scheduler still plans there, and the patient still has the booking.
    await reader.go("/staff/schedule")
    assert "（未上平台）" in reader.text
    assert "1 / 20" in reader.text
    await site.deliver()  # so that the newest SMS will be the log-in's
    citizen = Reader.of(site)
    await citizen.log_in(1)
    await citizen.go("/bookings")
    assert "心血管内科" in citizen.text
    clock.forward(days=3)
    await _is_handed_out(site, session_id)


async def _is_handed_out(site: Site, session_id: int) -> None:
    [[hospital_id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    [[id, sealed]] = await ask(site.platform, "SELECT id, code_enc FROM appointments")
    code = site.platform.vault.open("appointments", "code", id, sealed)
    clerk = await at_the_desk(site, Role.CLERK, hospital_id)
    await clerk.go("/staff/window")
    await clerk.send(None, code=code, id_no=resident_id(1))
    assert await ask(site.platform, "SELECT status FROM appointments") == [("picked_up",)]


async def test_back_on_the_platform_its_timetables_make_their_sessions(site: Site) -> None:
    await scheduler(site)
    department_id = (await ids_of(site))["03.04"]
    await change(
        site.platform,
        """
        INSERT INTO timetables (hospital_id, department_id, title, iso_weekday, period, fee_fen,
                                capacity)
        SELECT hospital_id, id, '主任医师', 4, 'morning', 8000, 10 FROM departments WHERE id = %s
        """,
        department_id,
    )
    by = await _by(site)
    assert await flows.set_on_platform(site.platform, by, department_id, on_platform=False) == 0
    assert await flows.set_on_platform(site.platform, by, department_id, on_platform=True) == 13
    assert await flows.set_on_platform(site.platform, by, department_id, on_platform=True) == 0
    assert await count(site.platform, "clinic_sessions", "timetable_id IS NOT NULL") == 13


async def test_the_first_level_is_seen_as_long_as_one_of_its_own_is(site: Site) -> None:
    await scheduler(site)
    ids, by = await ids_of(site), await _by(site)
    shown = "SELECT on_platform FROM departments WHERE code = '03'"
    await flows.set_on_platform(site.platform, by, ids["03.04"], on_platform=False)
    assert await ask(site.platform, shown) == [(False,)]
    await flows.add(site.platform, by, "03.05", DepartmentEntry(ids["03"], "血液科", ""))
    assert await ask(site.platform, shown) == [(True,)]


async def test_the_order_is_the_patients_order(site: Site) -> None:
    reader, _ = await scheduler(site)
    ids, by = await ids_of(site), await _by(site)
    for code, name in (("03.05", "血液科"), ("03.06", "肾病科")):
        await flows.add(site.platform, by, code, DepartmentEntry(ids["03"], name, ""))
    await reader.go(LIST)
    last = (await ids_of(site))["03.06"]
    for _ in range(3):  # at the top it stays
        await reader.send(reader.form(f"{LIST}/{last}/move"), do="up")
    seen = await citizen_sees(site)
    assert seen.index("肾病科") < seen.index("心血管内科") < seen.index("血液科")
    await flows.move(site.platform, by, last, up=False)
    seen = await citizen_sees(site)
    assert seen.index("心血管内科") < seen.index("肾病科") < seen.index("血液科")


async def test_one_with_bookings_is_not_deleted_and_one_without_goes_with_its_plan(
    site: Site,
) -> None:
    reader, session_id = await scheduler(site)
    await book_it(site, session_id)
    ids, by = await ids_of(site), await _by(site)
    await reader.go(f"{LIST}/{ids['03.04']}")
    assert "记录要保留，不能删除" in reader.text
    refused = await flows.delete(site.platform, by, ids["03.04"])
    assert refused == Refused(DepartmentRefusal.HAS_BOOKINGS)
    assert await flows.delete(site.platform, by, ids["03"]) == Refused(
        DepartmentRefusal.HAS_MEMBERS
    )
    new = await flows.add(site.platform, by, "03.05", DepartmentEntry(ids["03"], "血液科", ""))
    assert isinstance(new, int)
    await reader.go(f"{LIST}/{new}")
    await reader.send(reader.form(f"{LIST}/{new}/delete"))
    await reader.confirm()
    assert "已删除" in reader.text
    assert set(await ids_of(site)) == {"03", "03.04"}


async def test_who_books_while_it_is_deleted_keeps_the_booking(site: Site) -> None:
    _, session_id = await scheduler(site)
    ids, by = await ids_of(site), await _by(site)
    citizen = await add_citizen(site)
    refused, booked = await asyncio.gather(
        flows.delete(site.platform, by, ids["03.04"]), site.book(citizen, session_id)
    )
    kept = await count(site.platform, "appointments")
    assert kept == (1 if booked.status_code == 201 else 0)
    assert (refused == Refused(DepartmentRefusal.HAS_BOOKINGS)) == (kept == 1)


async def test_who_saves_second_is_told(site: Site) -> None:
    first, _ = await scheduler(site)
    [[hospital_id]] = await ask(site.platform, "SELECT id FROM hospitals")
    second = await at_the_desk(site, Role.ADMINISTRATOR)
    id = (await ids_of(site))["03.04"]
    own, theirs = f"{LIST}/{id}", f"/staff/hospitals/{hospital_id}/departments/{id}"
    await first.go(own)
    await second.go(theirs)
    await first.send(first.form(own), name="心内科")
    await second.send(second.form(theirs), name_en="Heart")
    assert second.page.status_code == 409
    assert "现为：心内科" in second.text
    rows = await ask(site.platform, "SELECT name, name_en FROM departments WHERE id = %s", id)
    assert rows == [("心内科", "")]


async def _by(site: Site) -> Staff:
    [[hospital_id]] = await ask(site.platform, "SELECT id FROM hospitals")
    return await add_member(site.platform, Role.SCHEDULER, hospital_id)
