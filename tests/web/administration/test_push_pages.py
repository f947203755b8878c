"""Where hospitals are told, by the administrator; dead letters, also by the hospital's own."""

from __future__ import annotations

from tests.city import add_session, ask, change
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.flows.integration.webhooks import set_webhook
from guahao.flows.operations.observing import observe
from guahao.flows.staff.trail import Wanted, list_trail
from guahao.rules.integration.pushing import KINDS
from guahao.rules.staff.staff import SYSTEM, Role

URL = "https://his.example.cn/guahao/events"
KILL = """
    INSERT INTO hospital_deliveries (event_id, hospital_id, appointment_id, kind, at, attempts,
                                     due_since, next_at, dead_at, error)
    SELECT id, hospital_id, appointment_id, kind, at, 168, at, at, at, %s FROM hospital_events
"""


async def hospital_of(site: Site, session_id: int) -> int:
    [[id]] = await ask(
        site.platform, "SELECT hospital_id FROM clinic_sessions WHERE id = %s", session_id
    )
    return int(id)


async def with_dead_letters(site: Site, error: str = "HTTP 503") -> list[int]:
    """Two hospitals that are told, each with one dead letter."""
    hospitals = []
    for number in (1, 2):
        made = await booked(site, await add_citizen(site, number))
        hospitals.append(await hospital_of(site, made["clinic_session_id"]))
        await set_webhook(site.platform, SYSTEM, hospitals[-1], URL, KINDS)
    await change(site.platform, KILL, error)
    return hospitals


async def dead(site: Site) -> list[int]:
    rows = await ask(
        site.platform,
        "SELECT hospital_id FROM hospital_deliveries WHERE dead_at IS NOT NULL ORDER BY 1",
    )
    return [row[0] for row in rows]


async def webhook(site: Site) -> tuple[object, ...]:
    [row] = await ask(
        site.platform, "SELECT url, kinds, enabled, previous_until FROM hospital_webhooks"
    )
    return tuple(row)


async def post(reader: Reader, path: str, **fields: str) -> str:
    """Send a form of the page that is open; where it leads."""
    csrf = reader.form().fields["csrf"]
    answer = await reader.client.post(path, data={"csrf": csrf, **fields})
    return answer.text


async def test_an_administrator_sets_rotates_and_switches(site: Site) -> None:
    hospital_id = await hospital_of(site, await add_session(site.platform))
    desk = await at_the_desk(site, Role.ADMINISTRATOR)
    await desk.go("/staff/pushes")
    shown = await post(
        *(desk, "/staff/pushes"),
        hospital_id=str(hospital_id),
        url=URL,
        kind_booked="on",
        kind_stopped="on",
    )
    assert "whsec_" in shown
    assert await webhook(site) == (URL, ["booked", "stopped"], True, None)
    await desk.go("/staff/pushes")
    assert "whsec_" not in desk.text  # shown once
    path = f"/staff/pushes/{hospital_id}"
    confirmed = {"confirmed": "yes", "reason": "换了厂商"}
    assert "whsec_" not in await post(desk, path, do="rotate")  # asks first
    assert "whsec_" in await post(desk, path, do="rotate", **confirmed)
    await post(desk, path, do="off")
    assert (await webhook(site))[2] is True
    await post(desk, path, do="off", **confirmed)
    entries, _ = await list_trail(site.platform, Wanted())
    assert {entry.reason for entry in entries} == {"", "换了厂商"}
    url, _, enabled, previous_until = await webhook(site)
    assert (url, enabled) == (URL, False)
    assert previous_until is not None
    actions = await ask(site.platform, "SELECT action, detail FROM audit_trail ORDER BY seq")
    assert [row[0] for row in actions][-3:] == [
        "set_webhook",
        "rotate_webhook_secret",
        "switch_webhook_off",
    ]
    assert "whsec_" not in str(actions)


async def test_what_is_wrong_is_said_and_typed_in_still(site: Site) -> None:
    hospital_id = str(await hospital_of(site, await add_session(site.platform)))
    desk = await at_the_desk(site, Role.ADMINISTRATOR)
    await desk.go("/staff/pushes")
    for fields, says in (
        ({"hospital_id": hospital_id, "url": "http://his.example.cn/"}, "https://"),
        ({"hospital_id": hospital_id, "url": "https://a:b@c/"}, "推送地址不对"),
        ({"hospital_id": hospital_id, "url": URL}, "至少选择一种"),
        ({"hospital_id": "", "url": URL, "kind_booked": "on"}, "请先选择医院"),
        ({"hospital_id": "9" * 40, "url": URL, "kind_booked": "on"}, "请先选择医院"),
    ):
        shown = await post(desk, "/staff/pushes", **fields)
        assert says in shown
        assert f'value="{fields["url"]}"' in shown
    assert await ask(site.platform, "SELECT FROM hospital_webhooks") == []


async def test_dead_letters_are_listed_and_sent_again_one_or_all(site: Site) -> None:
    first, second = await with_dead_letters(site, "too_old")
    desk = await at_the_desk(site, Role.ADMINISTRATOR)
    await desk.go("/staff/pushes")
    await desk.go(f"/staff/pushes/{first}")
    assert "发生已超过七天" in desk.text
    [[event]] = await ask(
        site.platform, "SELECT event_id FROM hospital_deliveries WHERE hospital_id = %s", first
    )
    assert "1条已重新排入发送" in await post(desk, f"/staff/pushes/{first}/again", event=str(event))
    assert await dead(site) == [second]
    assert "没有可重发" in await post(desk, f"/staff/pushes/{first}/again", event="1; DROP")
    await post(desk, f"/staff/pushes/{second}/again", event="all")
    assert await dead(site) == []
    await desk.go(f"/staff/pushes/{first}")
    assert "没有未送达的事件" in desk.text


async def test_a_scheduler_sees_and_sends_the_hospitals_own(site: Site) -> None:
    own, other = await with_dead_letters(site)
    desk = await at_the_desk(site, Role.SCHEDULER, own)
    await desk.go("/staff/schedule/push")
    assert "HTTP 503" in desk.text
    [[theirs]] = await ask(
        site.platform, "SELECT event_id FROM hospital_deliveries WHERE hospital_id = %s", other
    )
    await post(desk, "/staff/schedule/push/again", event=str(theirs))
    assert await dead(site) == sorted([own, other])
    await post(desk, "/staff/schedule/push/again", event="all")
    assert await dead(site) == [other]


async def test_a_hospital_that_is_not_told_says_how_it_would_be(site: Site) -> None:
    own = await hospital_of(site, await add_session(site.platform))
    desk = await at_the_desk(site, Role.SCHEDULER, own)
    await desk.go("/staff/schedule/push")
    assert "没有设置推送" in desk.text


async def test_metrics_tell_of_every_webhook(site: Site) -> None:
    await with_dead_letters(site)
    await change(site.platform, "UPDATE hospital_webhooks SET delivered = 7, probe_at = now()")
    await observe(site.platform)
    metrics = (await site.get("/metrics")).text
    [[code]] = await ask(site.platform, "SELECT code FROM hospitals ORDER BY id LIMIT 1")
    for sample in ("delivered_total", "failed_total", "waiting", "dead", "open", "lag_seconds"):
        assert f'guahao_webhook_{sample}{{hospital="{code}"}}' in metrics
    assert f'guahao_webhook_dead{{hospital="{code}"}} 1.0' in metrics
    assert f'guahao_webhook_open{{hospital="{code}"}} 1.0' in metrics
