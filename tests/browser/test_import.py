"""A scheduler imports a file with a wrong cell, mends it, and sees it imported: by keyboard."""

from __future__ import annotations

from datetime import date

from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work
from tests.browser.visitor import PATIENCE_SECONDS, Visitor

from guahao.sheets.write import Column, Kind, Table, workbook

COLUMNS = (
    *(Column("科室"), Column("职称"), Column("专业"), Column("就诊日期", Kind.DATE)),
    *(Column("时段"), Column("费用", Kind.MONEY), Column("号源数", Kind.NUMBER)),
)


def file(department: str, places: int) -> dict[str, object]:
    """A file as a browser's form takes it."""
    row = (department, "主任医师", "演示导入", date(2026, 12, 15), "下午", 8000, places)
    content = workbook([Table("十二月", COLUMNS, [row])])
    return {"name": "十二月.xlsx", "mimeType": "application/octet-stream", "buffer": content}


async def send(desk: Visitor, sent: dict[str, object], wanted: str) -> None:
    """Upload it and wait until the worker has looked at it."""
    await desk.go("/staff/schedule/import")
    await desk.check()
    await desk.page.set_input_files("#file", sent)  # type: ignore[arg-type]
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F2")
    await desk.page.wait_for_selector(wanted, timeout=PATIENCE_SECONDS * 1000)
    await desk.check()


async def test_a_scheduler_mends_a_file_and_imports_it(new_visitor: NewVisitor) -> None:
    desk = await at_work(new_visitor, "scheduler")
    await desk.go("/staff/schedule")
    department = await desk.page.locator("#department option").first.inner_text()

    await send(desk, file(department, -1), ".faults")
    assert "G2" in await desk.text()
    assert "不能是负数" in await desk.text()

    await send(desk, file(department, 7), ".numbers")
    assert "没有问题" in await desk.text()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F2")
    await desk.page.get_by_role("heading", name="已导入").wait_for(timeout=PATIENCE_SECONDS * 1000)
    await desk.check()
    await desk.go("/staff/schedule?week=2026-12-15")
    assert "演示导入" in await desk.text()
