"""Each role's main work in a browser, by keyboard, with axe."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import httpx
from tests.browser.conftest import NewVisitor
from tests.browser.desk import Keys, at_work
from tests.browser.visitor import PATIENCE_SECONDS, PHONE, Visitor
from tests.city import phone, resident_id

# Of the demo city: invented.
CALLER = ("13800000001", "11990019850501001X", "张示例")
# Of nobody else in the city of these tests: the others count from 101 and 501.
NEWCOMER = 991  # nobody of the other tests


STROKES_MAX = 25  # after the caller's number, as everything that follows until the read-back
PAGES_MAX = 4


async def test_an_agent_books_with_25_strokes_on_4_pages(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "agent")
    await desk.check()
    pages: list[str] = []
    desk.page.on("framenavigated", lambda frame: pages.append(urlsplit(frame.url).path))
    keys = Keys(desk)
    phone, document, _ = CALLER
    await keys.type(phone)
    await keys.go("Enter")
    assert re.fullmatch(r"/staff/calls/\d+", desk.path)
    await desk.check()
    assert document not in await desk.text()
    typed = 0
    sent = len(await call_codes(desk, phone))
    await keys.go("F4")
    code = await new_call_code(desk, phone, after=sent)
    await keys.type(code)
    await keys.press("Tab")
    await keys.type(document[-6:])
    typed += len(code) + len(document[-6:])
    await keys.go("Enter")
    assert "已核实" in await desk.text()
    await desk.check()
    await keys.type("xnk")
    typed += len("xnk")
    await desk.page.wait_for_selector("#places a kbd")
    await desk.check()
    await keys.go("Alt+1")
    await desk.check()
    await keys.go("1")
    await desk.check()
    await keys.press("2")  # the caller has two patients, and nobody is chosen beforehand
    await keys.go("F2")
    assert "请向来电人复述" in await desk.text(), await desk.text()
    await desk.check()
    strokes = typed + sum(len(key.split("+")) for key in keys.pressed)  # Alt is a stroke, too
    assert strokes <= STROKES_MAX, (typed, keys.pressed)
    # The call, verified or not, is a single page; so are a form and its answer.
    assert len(set(pages)) <= PAGES_MAX, pages

    await _reschedules_and_cancels_by_keys(desk)


async def test_a_list_of_a_stop_shows_all_of_a_row_on_a_phone(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "clerk")
    await desk.page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await desk.go("/staff/window/stops")
    hidden = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
    assert not await desk.page.evaluate(f"{hidden}.length")
    await desk.check()
    await desk.page.get_by_role("link", name="打开名单").first.click()
    await desk.page.wait_for_url("**/staff/window/stops/*")
    assert not await desk.page.evaluate(f"{hidden}.length")
    assert "通知情况" in await desk.page.evaluate(
        "getComputedStyle(document.querySelector('[data-label=通知情况]'), '::before').content"
    )
    await desk.check()


async def _reschedules_and_cancels_by_keys(desk: Visitor) -> None:
    keys = Keys(desk)
    await keys.go("F10")
    await desk.page.locator("#q").blur()
    await keys.press("1")  # the first of the caller's bookings
    await keys.go("F7")
    await desk.check()
    await keys.press("1")
    await keys.press("/")
    await desk.page.keyboard.type("演示：来电人改期")
    await keys.go("F2")
    assert "已改约" in await desk.text(), await desk.text()
    await desk.page.locator("#q").blur()
    await keys.press("1")
    await keys.go("F8")
    await desk.check()
    await keys.type("演示：来电人不来了")
    await keys.go("F2")
    assert "已退号" in await desk.text(), await desk.text()
    assert len(keys.pressed) <= 12, keys.pressed
    await keys.go("F9")
    await desk.check()
    await keys.go("3")
    assert desk.path == "/staff/calls"
    assert "已退号" in await desk.text()


async def call_codes(desk: Visitor, phone: str) -> list[str]:
    """The codes that this phone was sent to be read out, the newest first."""
    async with httpx.AsyncClient(base_url=desk.base) as client:
        answer = await client.get("/demo/outbox", params={"to": phone, "limit": 100})
    sent = [item["text"] for item in answer.json()["items"] if item["kind"] == "call_code"]
    return [re.findall(r"\d{6}", text)[0] for text in sent]


async def new_call_code(desk: Visitor, phone: str, *, after: int) -> str:
    """The newest code, as soon as it has come."""
    for _ in range(PATIENCE_SECONDS * 10):
        codes = await call_codes(desk, phone)
        if len(codes) > after:
            return codes[0]
        await asyncio.sleep(0.1)
    raise AssertionError("no code came")


async def test_an_agent_registers_a_new_caller_whom_the_telephone_system_announced(
    new_visitor: NewVisitor,
) -> None:
    desk = await at_work(new_visitor, "agent")
    await desk.go(f"/staff/calls/new?phone={phone(NEWCOMER)}")
    await desk.page.wait_for_selector("text=没有找到")  # looked up by itself
    assert phone(NEWCOMER) not in desk.page.url
    keys = Keys(desk)
    await keys.go("F3")
    await desk.check()
    await keys.type("新示例")
    await desk.fill("证件号码", resident_id(NEWCOMER))
    await desk.page.locator("[name=consent]").check()
    await keys.go("F2")
    assert "已登记" in await desk.text()
    assert "新示例" in await desk.text()


async def test_a_clerk_hears_why_not_and_goes_on_with_the_next(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "clerk")
    await desk.check()
    keys = Keys(desk)
    await keys.type("12345678")
    await keys.press("Enter")  # a scanner's, which leads to the document
    await keys.type("11990019850501001X")
    await keys.go("Enter")
    assert "证件与识别码不符" in await desk.text()
    focused = await desk.page.evaluate("document.activeElement.id")
    assert focused == "code"
    await desk.check()
    for path in ("/staff/window/today", "/staff/window/print?date=2026-12-03"):
        await desk.go(path)
        await desk.check()


async def test_a_supervisor_excuses_a_no_show(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "supervisor")
    await desk.go("/staff/no-shows")
    await desk.check()
    await desk.page.get_by_role("link", name="赵**").first.click()
    await desk.page.wait_for_url("**/no-shows/*")
    await desk.check()
    await desk.page.get_by_label("原因（写入操作记录）").first.fill("演示：住院证明")
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("Enter")
    assert "已记为有正当理由" in await desk.text()
    assert "没有暂停预约" in await desk.text()
    await desk.check()


async def test_an_administrator_adds_somebody(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "admin")
    await desk.go("/staff/members")
    await desk.check()
    await desk.fill("登录名", "agent.new")
    await desk.fill("姓名", "演示新人")
    await desk.press("增加")
    assert "临时密码" in await desk.text()
    await desk.check()


async def test_an_administrator_connects_a_hospitals_system(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "admin")
    await desk.go("/staff/hospital-clients")
    await desk.check()
    await desk.page.get_by_label("所属医院").select_option(index=1)
    await desk.fill("系统名称", "演示系统")
    await desk.page.get_by_label("发布科室和号源、停诊").check()
    await desk.press("增加")
    assert "密钥只显示这一次" in await desk.text()
    await desk.check()
    client_id, secret = await desk.page.locator("code.secret").all_inner_texts()
    form = {"grant_type": "client_credentials"}
    async with httpx.AsyncClient(base_url=desk.base, auth=(client_id, secret)) as client:
        answer = await client.post("/api/v1/hospital/token", data=form)
    assert answer.status_code == 200
    await desk.press("停用")
    await desk.check()
    await desk.fill("原因", "演示结束")
    await desk.press("停用")
    assert "POST /hospital/token" in await desk.text()
    assert "已停用" in await desk.text()
    await desk.check()


async def test_an_auditor_reads_and_verifies_the_trail(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "auditor", locale="en-US")
    await desk.go("/staff/trail")
    await desk.check()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F6")
    assert "The audit trail is intact" in await desk.text()
    await desk.check()
