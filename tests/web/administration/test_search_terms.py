"""The administrator's list of search terms: edited with a reason, to a file and back."""

from __future__ import annotations

import html

import pytest
from tests.city import add_session, ask, change
from tests.web.browsing import Reader
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.flows.hospitals.files.term_reading import HEADINGS, shipped_terms
from guahao.rules.staff.staff import Role
from guahao.sheets.write import Column, Table, csv_file
from guahao.store.hospitals import search_terms as store

TERMS = "/staff/search-terms"
FEVER = {
    "kind": "complaint",
    "name": "发烧",
    "name_en": "Fever",
    "also": "发热，高烧\nfever",
    "targets": "03.01 呼吸内科\n16.02",
    "children": "07.81 普通儿科",
    "urgent": "",
    "reason": "试用",
}


@pytest.fixture
async def admin(site: Site) -> Reader:
    return await at_the_desk(site, Role.ADMINISTRATOR)


async def terms(site: Site) -> list[tuple[object, ...]]:
    return await ask(
        site.platform, "SELECT name, also, targets, children, urgent FROM search_terms ORDER BY id"
    )


async def trail(site: Site) -> list[str]:
    rows = await ask(
        site.platform,
        "SELECT action FROM audit_trail WHERE subject_kind = 'search_term' ORDER BY seq",
    )
    return [action for (action,) in rows]


async def test_a_term_is_added_changed_and_deleted_with_a_reason(site: Site, admin: Reader) -> None:
    await admin.go(f"{TERMS}/new")
    await admin.send(admin.form(f"{TERMS}/new"), **FEVER | {"reason": ""})
    assert (admin.page.status_code, await terms(site)) == (422, [])
    assert "请写明原因" in admin.text
    await admin.send(admin.form(f"{TERMS}/new"), **FEVER)
    assert await terms(site) == [
        ("发烧", ["发热", "高烧", "fever"], ["03.01 呼吸内科", "16.02"], ["07.81 普通儿科"], False)
    ]
    assert "已添加" in admin.text
    [[id]] = await ask(site.platform, "SELECT id FROM search_terms")
    await admin.go(f"{TERMS}/{id}")
    await admin.send(admin.form(f"{TERMS}/{id}"), urgent="yes", reason="急症")
    assert (await terms(site))[0][-1] is True
    await admin.go(f"{TERMS}/{id}")
    await admin.send(admin.form(f"{TERMS}/{id}/delete"))
    assert "删除“发烧”？" in admin.text
    await admin.confirm("重复")
    assert await terms(site) == []
    assert await trail(site) == ["add_search_term", "change_search_term", "delete_search_term"]


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("name", "", "请填写名称"),
        ("name", "？", "请填写名称"),
        ("name", "长" * 41, "不超过40个字"),
        ("name_en", "x" * 41, "不能超过40个字符"),
        ("also", "高烧、？", "其他说法每个须有文字"),
        ("also", "、".join(f"词{n}" for n in range(81)), "最多80个"),
        ("targets", "", "请填写1到8个科室"),
        ("targets", "心血管内科", "科室须先写编码"),
        ("children", "儿科", "科室须先写编码"),
        ("kind", "hospital", "医院的叫法没有儿童科室"),
    ],
)
async def test_a_wrong_entry_is_refused_and_stays_in_the_form(
    site: Site, admin: Reader, field: str, typed: str, said: str
) -> None:
    await admin.go(f"{TERMS}/new")
    await admin.send(admin.form(f"{TERMS}/new"), **FEVER | {field: typed})
    assert admin.page.status_code == 422
    assert said in html.unescape(admin.text)
    assert await terms(site) == []
    assert admin.form(f"{TERMS}/new").fields["reason"] == "试用"


async def test_the_second_of_two_editors_is_told(site: Site, admin: Reader) -> None:
    await admin.go(f"{TERMS}/new")
    await admin.send(admin.form(f"{TERMS}/new"), **FEVER)
    [[id]] = await ask(site.platform, "SELECT id FROM search_terms")
    other = await at_the_desk(site, Role.ADMINISTRATOR)
    for reader in (admin, other):
        await reader.go(f"{TERMS}/{id}")
    await admin.send(admin.form(f"{TERMS}/{id}"), name_en="High fever", reason="更准")
    await other.send(other.form(f"{TERMS}/{id}"), name_en="Temperature", reason="更准")
    assert other.page.status_code == 409
    assert "别人更改了这个用语" in other.text
    assert "现为：High fever" in other.text


async def test_a_name_stands_once_in_its_kind(site: Site, admin: Reader) -> None:
    for kind, status in (("complaint", 200), ("complaint", 422), ("department", 200)):
        await admin.go(f"{TERMS}/new")
        await admin.send(admin.form(f"{TERMS}/new"), **FEVER | {"kind": kind})
        assert admin.page.status_code == status
    assert len(await terms(site)) == 2


async def test_the_list_that_comes_with_the_platform_is_loaded_once(
    site: Site, admin: Reader
) -> None:
    await admin.go(TERMS)
    await admin.send(admin.form(f"{TERMS}/shipped"))
    confirm = f"{admin.path}/confirm"
    await admin.send(admin.form(confirm))
    assert admin.page.status_code == 422
    await admin.send(admin.form(confirm), reason="医师已审阅")
    assert f"新增{len(shipped_terms())}条，更改0条" in admin.text
    assert len(await terms(site)) == len(shipped_terms())
    await admin.go(TERMS)
    await admin.send(admin.form(f"{TERMS}/shipped"))
    assert "没有变化" in admin.text


@pytest.mark.parametrize("query", ["", "?as=csv"])
async def test_what_was_exported_changes_nothing_when_it_is_imported(
    site: Site, admin: Reader, query: str
) -> None:
    async with site.platform.db.transaction() as tx:
        await store.add(tx, shipped_terms())
    answer = await admin.client.get(f"{TERMS}/export{query}")
    await upload(admin, answer.content, "search.csv" if query else "search.xlsx")
    assert "没有变化" in admin.text
    assert f"<dt>不变</dt><dd>{len(shipped_terms())}</dd>" in admin.text


async def test_a_column_that_is_missing_stays_as_it_is(site: Site, admin: Reader) -> None:
    await admin.go(f"{TERMS}/new")
    await admin.send(admin.form(f"{TERMS}/new"), **FEVER)
    await upload(admin, b"Kind,Name,Departments\nComplaint,\xe5\x8f\x91\xe7\x83\xa7,03.02\n")
    await admin.send(admin.form(f"{admin.path}/confirm"), reason="改科室")
    assert await terms(site) == [
        ("发烧", ["发热", "高烧", "fever"], ["03.02"], ["07.81 普通儿科"], False)
    ]


BAD = (
    ({"kind": "病"}, "不认识这个词"),
    ({"name": ""}, "名称须有文字"),
    ({"name": "长" * 41}, "太长"),
    ({"also": "高烧、？"}, "每个说法须有文字"),
    ({"targets": ""}, "科室须为1到8个"),
    ({"targets": "呼吸内科"}, "科室须为1到8个"),
    ({"urgent": "也许"}, "不认识这个词"),
    ({"kind": "医院"}, "医院的叫法没有儿童科室"),
)


@pytest.mark.parametrize(("wrong", "said"), BAD)
async def test_a_wrong_cell_is_named_and_nothing_is_imported(
    site: Site, admin: Reader, wrong: dict[str, str], said: str
) -> None:
    right = {
        "kind": "症状", "name": "发烧", "targets": "03.01 呼吸内科", "children": "07.81 普通儿科",
    }  # fmt: skip
    await upload(admin, book(right | {"name": "咳嗽"}, right | wrong))
    assert said in html.unescape(admin.text)
    assert "没有更改任何用语" in admin.text
    assert await terms(site) == []


async def test_the_same_term_twice_and_other_files_are_refused(admin: Reader) -> None:
    row = {"kind": "症状", "name": "发烧", "targets": "03.01"}
    await upload(admin, book(row, row))
    assert "与第2行是同一条" in admin.text
    await upload(admin, b"a,b\n1,2\n")
    assert "找不到列名" in admin.text
    await upload(admin, b"%PDF-1.4")
    assert "文件无法读取" in admin.text


async def test_a_citizen_finds_what_the_administrator_has_added(site: Site, admin: Reader) -> None:
    name = "呼吸内科"
    await add_session(site.platform)
    await change(
        site.platform,
        """
        INSERT INTO departments (hospital_id, parent_id, code, name)
        SELECT hospital_id, id, '03.01', %s FROM departments
        """,
        name,
    )
    citizen = Reader.of(site)
    await citizen.go("/search?q=发烧")
    assert "没有找到" in citizen.text
    await admin.go(f"{TERMS}/new")
    await admin.send(admin.form(f"{TERMS}/new"), **FEVER)
    for typed in ("发烧", "fashao", "我有点发热", "fever"):
        await citizen.go(f"/search?q={typed}")
        assert name in citizen.text
        assert "这不是诊断" in citizen.text


@pytest.mark.parametrize("role", [Role.AGENT, Role.AUDITOR, Role.SUPERVISOR])
async def test_others_have_no_such_page(site: Site, role: Role) -> None:
    reader = await at_the_desk(site, role)
    for path in (TERMS, f"{TERMS}/new", f"{TERMS}/export", f"{TERMS}/import"):
        assert (await reader.go(path)).status_code == 403


async def upload(reader: Reader, data: bytes, name: str = "search.csv") -> None:
    await reader.go(f"{TERMS}/import")
    form = reader.form(f"{TERMS}/import")
    reader.page = await reader.client.post(
        form.action, data={"csrf": form.fields["csrf"]}, files={"file": (name, data)}
    )


def book(*rows: dict[str, str]) -> bytes:
    columns = [Column(heading.titles[0]) for heading in HEADINGS]
    return csv_file(
        Table("terms", columns, [[row.get(one.name, "") for one in HEADINGS] for row in rows])
    )
