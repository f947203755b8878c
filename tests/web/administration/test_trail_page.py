"""The audit trail by name: places and members instead of ids, and filters that find them."""

from __future__ import annotations

import psycopg
from tests.supply import Rows
from tests.web.site import Site
from tests.web.staff_site import add_member, at_the_desk

from guahao.flows.kernel.acting import acting
from guahao.rules.staff.staff import Role

A, B = "安澜市甲医院", "安澜市乙医院"


async def test_the_trail_names_places_and_members_and_finds_them(
    site: Site, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        rows = Rows(conn)
        first = rows.hospital(name=A, name_en="Hospital A")
        second = rows.hospital(name=B, name_en="Hospital B")
        department = rows.department(first, name="甲内科", name_en="Medicine")
    member = await add_member(site.platform, Role.SCHEDULER, first)
    async with acting(site.platform, member.who) as act:
        await act.record(
            "change_department",
            ("department", department),
            reason="改名",
            detail={"parent_id": department},
            hospital_id=first,
        )
    async with acting(
        site.platform, (await add_member(site.platform, Role.CLERK, second)).who
    ) as act:
        await act.record("log_in", hospital_id=second)

    auditor = await at_the_desk(site, Role.AUDITOR)
    await auditor.go(f"/staff/trail?hospital={first}")
    assert f"<b>甲内科 · {A}</b>" in auditor.text
    assert f"上级科室 <b>甲内科 · {A}</b>" in auditor.text
    assert f'演示人员 <span class="fact">{member.login}</span>' in auditor.text
    assert f'<span class="fact">{B}</span>' not in auditor.text
    await auditor.go("/staff/trail?kind=department&action=change_department")
    assert "<b>甲内科" in auditor.text
    await auditor.go(f"/staff/trail?kind=department&hospital={second}")
    assert "没有符合条件的记录" in auditor.text
    english = await at_the_desk(site, Role.AUDITOR, language="en")
    await english.go(f"/staff/trail?hospital={first}")
    assert "<b>Medicine · Hospital A</b>" in english.text


async def test_any_filter_of_the_trail_is_answered(site: Site) -> None:
    auditor = await at_the_desk(site, Role.AUDITOR)
    for query in ("hospital=x", "hospital=99999999999999999999", "kind=%00", f"kind={'x' * 999}"):
        assert (await auditor.go(f"/staff/trail?{query}")).status_code == 200, query
