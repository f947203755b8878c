"""/status and its call of the API: true, in both languages, and without the database."""

from __future__ import annotations

from datetime import timedelta

from tests.city import Clock, add_booking, ask, change
from tests.web.site import API, CHINESE, ENGLISH, Site, add_citizen, closed
from tests.web.staff_site import at_the_desk

from guahao.flows.integration.webhooks import set_webhook
from guahao.flows.operations.observing import observe
from guahao.flows.staff.trail import Wanted, list_trail
from guahao.rules.integration.pushing import KINDS
from guahao.rules.staff.staff import SYSTEM, Role
from guahao.store.kernel.db import DatabaseState


async def told(site: Site) -> tuple[str, str]:
    """The page in Chinese and in English."""
    chinese = await site.get("/status", headers=CHINESE)
    english = await site.get("/status", headers=ENGLISH)
    assert chinese.status_code == english.status_code == 200
    return chinese.text, english.text


async def test_without_any_database_the_page_answers_and_claims_nothing() -> None:
    site = closed(Clock())
    site.platform.db.state = DatabaseState.AWAY
    chinese, english = await told(site)
    assert "暂时不能预约" in chinese
    assert "暂时不知道短信是否延迟" in chinese
    assert "Booking isn't available right now" in english
    assert "No check has been made yet" in english
    answer = await site.get(f"{API}/status")
    assert answer.json() == {
        "booking": "bad",
        "messages": "unknown",
        "message_delay_minutes": None,
        "hospitals": "unknown",
        "hospitals_not_answering": [],
        "maintenance": [],
        "checked_at": None,
    }


async def test_a_log_in_is_not_looked_up(site: Site) -> None:
    citizen = await add_citizen(site)
    away = closed(Clock())
    answer = await away.get("/status", headers={"Cookie": f"guahao_session={citizen.token}"})
    assert answer.status_code == 200


async def test_what_is_late_is_said_without_figures_or_persons(site: Site) -> None:
    platform = site.platform
    await add_booking(platform)
    await change(platform, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    await change(platform, "UPDATE messages SET created_at = %s", platform.db.clock())
    await observe(platform)
    chinese, english = await told(site)
    assert "预约正常" in chinese
    assert "短信正常" in chinese
    assert "医院系统正常" in chinese
    assert "Hospitals' systems are working" in english
    [[hospital_id, name]] = await ask(platform, "SELECT id, name FROM hospitals")
    await set_webhook(platform, SYSTEM, hospital_id, "http://127.0.0.1:9/events", KINDS)
    await change(platform, "UPDATE hospital_webhooks SET probe_at = now()")
    late = platform.db.clock() - timedelta(minutes=8)
    await change(platform, "UPDATE messages SET created_at = %s", late)
    await observe(platform, every_seconds=0)
    chinese, english = await told(site)
    assert "短信可能延迟约10分钟" in chinese
    assert name in chinese
    assert "SMS messages may be about 10 minutes late" in english
    for text in (chinese, english):
        for secret in ("张三", "13800000001", "127.0.0.1:9"):
            assert secret not in text
    answer = (await site.get(f"{API}/status")).json()
    assert (answer["messages"], answer["message_delay_minutes"]) == ("bad", 10)
    assert answer["hospitals_not_answering"] == [name]
    assert answer["checked_at"]


async def test_an_administrator_announces_maintenance(site: Site) -> None:
    desk = await at_the_desk(site, Role.ADMINISTRATOR)
    await desk.go("/staff/announcements/new")
    now = site.platform.db.clock().replace(tzinfo=None)
    await desk.send(
        None,
        title="今晚维护",
        title_en="Maintenance tonight",
        body="0:00至0:30暂停预约。",
        body_en="No booking from 0:00 to 0:30.",
        shown_from=now.isoformat(timespec="minutes"),
        shown_until=(now + timedelta(days=1)).isoformat(timespec="minutes"),
        is_maintenance="yes",
    )
    assert "已保存" in desk.text
    await observe(site.platform, every_seconds=0)
    chinese, english = await told(site)
    assert "今晚维护" in chinese
    assert "No booking from 0:00 to 0:30." in english
    [entry, *_], _ = await list_trail(site.platform, Wanted())
    assert entry.action == "add_announcement"
    [found] = (await site.get(f"{API}/status", headers=ENGLISH)).json()["maintenance"]
    assert found["title"] == "Maintenance tonight"
    site.platform.db.state = DatabaseState.AWAY
    try:
        chinese, _ = await told(site)  # also while the database is away, as planned
    finally:
        site.platform.db.state = DatabaseState.ALIVE
    assert "今晚维护" in chinese
    assert "暂时不能预约" in chinese


async def test_every_page_leads_there(site: Site) -> None:
    assert 'href="/status"' in (await site.get("/")).text
