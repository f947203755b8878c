"""The scheduler's main work, in a browser: places, rules with a preview, a stop and its undo."""

from __future__ import annotations

import psycopg
from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work


async def name_in_english(new_visitor: NewVisitor, specialty: str, english: str) -> None:
    """Other tests see a new specialty, too: among them one that wants every page in English."""
    admin = await at_work(new_visitor, "admin")
    await admin.go("/staff/specialties")
    await admin.fill("专业（与排班中的写法一致）", specialty)
    await admin.fill("英文（空着为删除）", english)
    async with admin.page.expect_navigation():
        await admin.page.keyboard.press("F2")
    assert specialty in await admin.text()


async def test_a_scheduler_plans_changes_rules_stops_and_undoes(new_visitor: NewVisitor) -> None:
    await name_in_english(new_visitor, "疑难会诊", "Complex cases")
    desk = await at_work(new_visitor, "scheduler")
    await desk.go("/staff/schedule?week=2026-12-07")
    await desk.check()

    await desk.page.keyboard.press("F2")
    await desk.page.wait_for_url("**/staff/schedule/new*")
    await desk.page.get_by_label("职称", exact=True).select_option("主任医师")
    await desk.fill("专业（可不填）", "疑难会诊")
    await desk.fill("医事服务费（元）", "100")
    for weekday in ("周一", "周二", "周三", "周四", "周五"):
        await desk.page.get_by_label(weekday, exact=True).check()
    await desk.page.get_by_label("上午", exact=True).check()
    await desk.fill("上午 号源数", "3")
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F4")
    assert "保存后的前5周" in await desk.text()
    await desk.check()
    # A Monday-to-Friday clinic in one form: shown once, sent once.
    sent: list[str] = []
    desk.page.on(
        "request", lambda request: sent.append(request.method) if request.method == "POST" else None
    )
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F2")
    assert sent.count("POST") == 1
    assert "已添加5条每周排班" in await desk.text()

    await desk.page.get_by_role("link", name="疑难会诊").first.click()
    await desk.page.wait_for_url("**/sessions/*")
    await desk.fill("号源数", "5")
    await desk.check()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F2")
    assert "0 / 5" in await desk.text()

    await desk.go("/staff/schedule/rules")
    await desk.fill("退号截止：时间", "12:30")
    await desk.press("预览患者看到的内容")
    assert "就诊前一天 12:30 之前。" in await desk.text()
    await desk.check()

    await desk.go("/staff/schedule/stop?first=2026-12-08&title=主任医师")
    await desk.page.get_by_label("停诊原因", exact=False).fill("演示：医生外出")
    await desk.check()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F8")
    assert "患者还没有收到通知" in await desk.text()
    await desk.check()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F8")
    assert "停诊已撤销" in await desk.text()
    await desk.check()


async def test_a_scheduler_decides_how_places_are_given_out(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "scheduler")
    await desk.go("/staff/schedule/release")
    await desk.check()
    await desk.fill("原因", "号常被秒抢")
    await desk.page.get_by_role("button", name="预览患者看到的内容").click()
    await desk.page.get_by_text("早登记晚登记").wait_for()
    await desk.check()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F2")
    assert "已决定" in await desk.text()
    await desk.check()
    # The whole hospital's decision stands before all others.
    async with desk.page.expect_navigation():
        await desk.page.get_by_role("button", name="撤回").first.click()
    await desk.check()
    await desk.fill("原因", "只是试试")
    async with desk.page.expect_navigation():
        await desk.page.get_by_role("button", name="撤回").click()
    assert "已撤回" in await desk.text()


async def test_the_commission_and_a_clerk_see_what_draws_gave_and_left(
    new_visitor: NewVisitor,
) -> None:
    for login, path in (("auditor", "/staff/reports/fairness"), ("clerk", "/staff/window/counter")):
        desk = await at_work(new_visitor, login)
        await desk.go(path)
        await desk.check()


async def test_a_clerk_gives_places_of_the_counter_list_and_takes_one_back(
    new_visitor: NewVisitor, city_database_url: str
) -> None:
    with psycopg.connect(city_database_url, autocommit=True) as conn:
        conn.execute(
            """
            INSERT INTO held_places (clinic_session_id, places, cause, held_at)
            SELECT c.id, 2, 'cancelled', '2026-11-29T20:00:00+08:00'
            FROM clinic_sessions c JOIN staff m ON m.hospital_id = c.hospital_id
            WHERE m.login = 'clerk' AND c.visit_date = '2026-11-30' AND c.stopped_at IS NULL
            ORDER BY c.id LIMIT 2
            """
        )
    desk = await at_work(new_visitor, "clerk")
    await desk.go("/staff/window/counter")
    await desk.check()
    for button, said in (("给出1个号", "还剩1个"), ("撤销上一个", "还剩2个号")):
        async with desk.page.expect_navigation():
            await desk.page.get_by_role("button", name=button).first.click()
        assert said in await desk.text()
        await desk.check()
