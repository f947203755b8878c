"""Hospitals' webhooks in a browser: set one, see what does not arrive, have it sent again."""

from __future__ import annotations

import psycopg
from tests.browser.conftest import NewVisitor
from tests.browser.desk import at_work

# As after a week of outage: the demo's own bookings, which nobody took.
KILL = """
    INSERT INTO hospital_deliveries (event_id, hospital_id, appointment_id, kind, at, attempts,
                                     due_since, next_at, dead_at, error)
    SELECT id, hospital_id, appointment_id, kind, at, 168, at, at, at, 'ConnectError: refused'
    FROM hospital_events WHERE hospital_id = (SELECT min(id) FROM hospitals) LIMIT 3
"""


async def test_an_administrator_sets_a_webhook_and_sends_dead_letters_again(
    new_visitor: NewVisitor, city_database_url: str
) -> None:
    desk = await at_work(new_visitor, "admin")
    await desk.go("/staff/pushes")
    await desk.check()
    await desk.page.select_option("#hospital_id", index=1)
    await desk.fill("推送地址", "http://localhost:9/events")
    await desk.press("保存")
    assert "whsec_" in await desk.text()
    await desk.check()
    await desk.press("停用")
    await desk.fill("原因", "系统升级")
    await desk.press("停用")
    with psycopg.connect(city_database_url) as conn:
        conn.execute(KILL)
    await desk.go("/staff/pushes")
    await desk.page.get_by_role("link", name="3", exact=True).click()
    assert "ConnectError" in await desk.text()
    await desk.check()
    async with desk.page.expect_navigation():
        await desk.page.keyboard.press("F4")
    assert "3条已重新排入发送" in await desk.text()
    await desk.check()
