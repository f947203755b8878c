"""The administrator's pages of hospitals' systems, and a hospital's own log of its calls."""

from __future__ import annotations

import re

from tests.city import ask
from tests.web.hospital_site import add_hospital, add_system, logged, token_answer
from tests.web.site import Site
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

LIST = "/staff/hospital-clients"


async def test_an_administrator_adds_rotates_changes_and_disables(site: Site) -> None:
    hospital_id = await add_hospital(site)
    admin = await at_the_desk(site, Role.ADMINISTRATOR)
    await admin.go(LIST)
    assert "还没有医院系统接入" in admin.text

    async def send(path: str, **fields: str) -> str:
        csrf = admin.form().fields["csrf"]
        answer = await admin.client.post(path, data={"csrf": csrf, **fields})
        return answer.text

    for fields, why in (
        ({"name": "HIS", "scope_supply": "on"}, "请选择医院"),
        ({"hospital_id": f"{hospital_id}", "scope_supply": "on"}, "请填写系统名称"),
        ({"hospital_id": f"{hospital_id}", "name": "HIS"}, "请至少选择一项权限"),
        (
            {"hospital_id": f"{hospital_id}", "name": "x", "scope_supply": "1", "certificate": "z"},
            "64个十六进制字符",
        ),
    ):
        await admin.go(LIST)
        assert why in await send(LIST, **fields)
    await admin.go(LIST)
    shown = await send(
        LIST, hospital_id=f"{hospital_id}", name="<b>HIS", scope_supply="on", scope_bookings="on"
    )
    assert "&lt;b&gt;HIS" in shown
    client_id, secret = re.findall(r'<code class="secret">([^<]+)</code>', shown)
    assert (await token_answer(site, client_id, secret)).json()["scope"] == "bookings supply"
    [[id]] = await ask(site.platform, "SELECT id FROM hospital_clients")
    one = f"{LIST}/{id}"
    await admin.go(one)
    assert secret not in admin.text
    assert "POST /hospital/token" in admin.text
    confirmed = {"confirmed": "yes", "reason": "例行更换"}
    assert "立即失效" in await send(one, do="rotate", overlap_hours="0")  # asks first
    assert (await token_answer(site, client_id, secret)).status_code == 200
    rotated = await send(one, do="rotate", overlap_hours="0", **confirmed)
    new = re.findall(r'<code class="secret">([^<]+)</code>', rotated)[1]
    assert (await token_answer(site, client_id, secret)).status_code == 401
    assert (await token_answer(site, client_id, new)).status_code == 200
    await admin.go(one)
    assert "密钥已过期" in admin.text
    for fields, why in (
        ({"do": "rotate", "overlap_hours": "x"}, "0至720小时"),
        ({"do": "change"}, "请至少选择一项权限"),
        ({"do": "explode"}, "没有这个操作"),
    ):
        await admin.go(one)
        assert why in await send(one, **fields)
    await admin.go(one)
    await send(one, do="change", scope_attendance="on")
    assert (await token_answer(site, client_id, new)).json()["scope"] == "attendance"
    await admin.go(one)
    assert "从下一次调用起全部拒绝" in await send(one, do="disable")
    assert (await token_answer(site, client_id, new)).status_code == 200
    await send(one, do="disable", **confirmed)
    assert (await token_answer(site, client_id, new)).status_code == 401
    await admin.go(one)
    assert "已停用" in admin.text
    await send(one, do="enable")
    assert (await token_answer(site, client_id, new)).status_code == 200
    assert (await admin.go(f"{LIST}/999")).status_code == 404
    actions = await ask(
        site.platform,
        "SELECT action FROM audit_trail WHERE subject_kind = 'hospital_client' ORDER BY seq",
    )
    assert [row[0].split("_")[0] for row in actions] == [
        *("add", "rotate", "change", "disable", "enable"),
    ]


async def test_a_scheduler_reads_the_calls_of_the_own_hospital_in_pages(site: Site) -> None:
    mine, other = await add_system(site), await add_system(site)
    await ask(
        site.platform,
        """
        INSERT INTO hospital_calls (at, hospital_id, client_id, call, status, why, duration_ms,
                                    request_id)
        SELECT now(), %s, 'hc_x', 'GET /n' || n, 401, 'token_expired', 1, 'r'
        FROM generate_series(1, 150) n RETURNING id
        """,
        mine.hospital_id,
    )
    assert await logged(site, other.hospital_id)
    scheduler = await at_the_desk(site, Role.SCHEDULER, mine.hospital_id)
    await scheduler.go("/staff/schedule/api-calls")
    assert "GET /n150<" in scheduler.text
    assert "登录已过期" in scheduler.text
    assert "GET /n50<" not in scheduler.text
    [before] = re.findall(r'name="before" value="(\d+)"', scheduler.text)
    await scheduler.go(f"/staff/schedule/api-calls?before={before}")
    assert "GET /n50<" in scheduler.text
    assert other.client.client_id not in scheduler.text
    await scheduler.go("/staff/schedule/api-calls?before=x")
    assert "GET /n150<" in scheduler.text
