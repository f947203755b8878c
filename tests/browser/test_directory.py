"""An administrator's directory in a browser, by keyboard: from a hospital to the first page."""

from __future__ import annotations

from tests.browser.conftest import NewVisitor
from tests.browser.desk import Keys, at_work
from tests.browser.visitor import PHONE


async def test_an_administrator_keeps_the_directory(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "admin")
    await desk.go("/staff/hospitals")
    await desk.check()
    keys = Keys(desk)
    await keys.type("AL0003")
    await keys.go("Enter")
    await desk.page.get_by_role("link", name="儿童医院").click()
    await desk.page.wait_for_url("**/staff/hospitals/*")
    await desk.check()

    await desk.press("科室")
    await keys.go("F2")
    await desk.page.get_by_label("所属一级科室", exact=True).select_option(index=1)
    await desk.fill("代码（保存后不能更改）", "99.01")
    await desk.fill("名称", "演示门诊")
    await desk.check()
    await keys.go("F2")
    await desk.page.get_by_role("link", name="演示门诊").click()
    await desk.page.wait_for_url("**/departments/*")
    await desk.check()
    await desk.press("下平台")
    await desk.check()
    await desk.fill("原因", "演示用的科室")
    await desk.press("下平台")
    assert "患者看不到这个科室了" in await desk.text()
    await desk.check()

    await desk.press("费用表")
    await desk.page.get_by_label("职称", exact=True).select_option("主任医师")
    await desk.fill("医事服务费（元）", "88.50")
    await desk.press("预览影响")
    assert "已放出、无人预约" in await desk.text()
    await desk.check()
    await keys.go("F2")
    assert "起的门诊按新费用" in await desk.text()

    await desk.press("公告")
    await keys.go("F2")
    await desk.fill("标题", "演示公告")
    await desk.fill("正文（可分行）", "第一行\n第二行")
    await desk.fill("开始显示", "2026-11-30T08:00")
    await desk.check()
    await keys.go("F2")
    assert "显示中" in await desk.text()
    await desk.check()

    citizen = await new_visitor(viewport=PHONE)
    await citizen.go("/")
    await citizen.page.get_by_text("演示公告").click()
    assert "第二行" in await citizen.text()
    await citizen.check()
