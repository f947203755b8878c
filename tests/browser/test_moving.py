"""Moving, registering and removing persons, looked at in a browser by axe and at two widths."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import httpx
from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work
from tests.browser.visitor import DESKTOP, PHONE, Visitor
from tests.city import phone, resident_id

OLD, NEW = 7301, 7302
SHOTS = os.environ.get("GUAHAO_SHOTS")  # a folder for whoever wants to look


async def look(came: Visitor, name: str) -> None:
    """What must hold on every page, at the phone's width and the desk's."""
    await came.check()
    for size in (PHONE, DESKTOP):
        await came.page.set_viewport_size(size)  # type: ignore[arg-type]
        wide = await came.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide, f"{name} at {size['width']}"
        if SHOTS:
            path = Path(SHOTS) / f"{name}-{size['width']}.png"
            await came.page.screenshot(path=path, full_page=True)


async def code_sent_to(base: str, number: int) -> str:
    async with httpx.AsyncClient(base_url=base) as client:
        for _ in range(60):
            sent = await client.get("/demo/outbox", params={"to": phone(number), "limit": 1})
            for item in sent.json()["items"]:
                found = re.search(r"验证码 (\d{6})", item["text"])
                if found:
                    return found[1]
            await asyncio.sleep(0.5)
    raise AssertionError("no code was sent")


async def test_a_clerk_registers_moves_and_corrects(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "clerk")
    await desk.go("/staff/window/persons")
    await look(desk, "persons")
    await in_hand(desk, "任示例")
    await look(desk, "person-new")
    await desk.fill("手机号；没有手机的，填带区号的座机", phone(OLD))
    await desk.page.locator("[name=consent]").first.check()
    await desk.press("登记 Enter")
    assert "已登记" in await desk.text()
    await in_hand(desk, "任示列")
    assert "已登记，但姓名是" in await desk.text()
    await look(desk, "person-other-name")
    await desk.fill("请患者说出登记的号码", phone(OLD))
    await desk.page.get_by_label("原因（写入操作记录）").first.fill("登记时写错一个字")
    await desk.press("更正")
    assert "姓名与证件一致" in await desk.text()
    await in_hand(desk, "任示列")
    await look(desk, "person-same-name")
    await desk.fill("新手机号，或带区号的座机", phone(NEW))
    await desk.page.locator("#move-reason").fill("换号")
    await desk.press("发送验证码")
    await look(desk, "move-code")
    await desk.fill("新手机收到的验证码（6位数字）", await code_sent_to(desk.base, NEW))
    await desk.press("验证 Enter")
    assert "已登记到新号码" in await desk.text()


async def test_a_clerk_registers_a_newborn_and_settles_a_dispute(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "clerk")
    await desk.go("/staff/window/persons")
    await desk.page.locator("#id_type").select_option("99")
    await desk.fill("证件号码（按原件输入或刷卡）", "C123456789")
    await desk.fill("姓名（与证件一致）", "任小宝")
    await desk.page.get_by_label("已看过原件，证件是来人本人的").check()
    await desk.press("查找 Enter")
    await look(desk, "newborn")
    await desk.fill("手机号；没有手机的，填带区号的座机", "010-65551234转805")
    today = await desk.page.evaluate("new Date().toISOString().slice(0, 10)")
    assert await desk.page.locator("#birth_date").get_attribute("type") == "date"
    await desk.page.locator("#birth_date").fill(today.replace(today[:4], "1999"))
    await desk.page.locator("[name=consent]").first.check()
    await desk.page.locator("[name=guardian]").first.check()
    await desk.press("登记 Enter")
    assert "请填写出生医学证明上的出生日期" in await desk.text()
    await look(desk, "newborn-refused")
    await in_hand(desk, "任示丽", 305)
    await desk.fill("手机号；没有手机的，填带区号的座机", "010-65551234转806")
    await desk.page.locator("[name=consent]").first.check()
    await desk.press("登记 Enter")
    await in_hand(desk, "任示丽", 305)
    await look(desk, "person-on-landline")
    await desk.press("打印识别码")
    await look(desk, "slips-none")
    await desk.go("/staff/window/persons")
    async with desk.page.expect_navigation():
        await desk.page.get_by_role("button", name="English").click()
    await desk.page.locator("#id_no").fill(resident_id(305))
    await desk.page.locator("#name").fill("任示莉")
    await desk.page.locator("[name=seen]").check()
    await desk.press("Find Enter")
    await look(desk, "person-english")
    await desk.page.locator("#dispute-phone").fill("010-65551234转807")
    await desk.page.locator("#dispute-reason").fill("not registered by the patient")
    await desk.press("Void the earlier registration and send the code")
    await look(desk, "dispute-done-english")


async def in_hand(desk: Visitor, name: str, number: int = 301) -> None:
    await desk.go("/staff/window/persons")
    await desk.fill("证件号码（按原件输入或刷卡）", resident_id(number))
    await desk.fill("姓名（与证件一致）", name)
    await desk.page.get_by_label("已看过原件，证件是来人本人的").check()
    await desk.press("查找 Enter")


async def test_an_agent_verifies_by_sms_and_a_supervisor_sees_requests(
    new_visitor: NewVisitor,
) -> None:
    desk = await at_work(new_visitor, "agent")
    await desk.go("/staff/calls/register")
    await look(desk, "call-new")
    await desk.fill("手机号；没有手机的，填带区号的座机", phone(7303))
    await desk.fill("姓名（与证件一致）", "余示例")
    await desk.fill("证件号码", resident_id(303))
    await desk.page.locator("[name=consent]").check()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F2")
    await desk.go("/staff/calls")
    await desk.page.locator("#q").fill(phone(7303))
    await desk.page.locator("#q").press("Enter")
    await desk.page.wait_for_url("**/staff/calls/*")
    await look(desk, "call-unverified")
    await desk.press("发送核实码")
    await look(desk, "call-code-sent")
    await desk.go("/staff/calls/move")
    await look(desk, "move-by-document")
    await desk.fill("姓名（与证件一致）", "余示例")
    await desk.fill("证件号码", resident_id(303))
    await desk.fill("新手机号，或带区号的座机", "010-65551234转801")
    await desk.fill("确认是本人的依据（写入操作记录）", "能说出去年的就诊和住址")
    await desk.press("发送验证码")
    await look(desk, "move-waits")
    supervisor = await at_work(new_visitor, "supervisor")
    await supervisor.go("/staff/moves")
    await look(supervisor, "moves")
    await supervisor.press("审批")
    await look(supervisor, "move-decide")


async def test_an_owner_is_asked_before_a_patient_is_removed(new_visitor: NewVisitor) -> None:
    came = await new_visitor()
    await came.go("/login")
    await came.log_in(phone(7304))
    await came.go("/patients/new")
    await came.fill("姓名", "何示例")
    await came.fill("证件号码", resident_id(304))
    await came.page.locator("[name=consent]").check()
    await came.press("保存")
    await came.go("/patients")
    await look(came, "patients")
    await came.page.get_by_role("link", name="移除何示例").click()
    await came.page.wait_for_url("**/remove")
    await look(came, "patient-remove")
    await came.press("确定移除")
    assert "何示例" not in await came.text()
