"""What an operator looks at: health, metrics, the log's promise, the demo's outbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from tests.city import Clock
from tests.web.site import API, ENGLISH, Site, add_citizen, booked, closed, problem

from guahao.settings import Settings
from guahao.store.messages import messages
from guahao.web.monitoring.logs import without_messages


async def test_a_process_lives_without_its_database_but_is_not_ready(closed_site: Site) -> None:
    live = await closed_site.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    ready = await closed_site.get("/health/ready", headers=ENGLISH)
    problem(ready, 503, "unavailable")
    assert ready.json()["reasons"] == ["database_away"]
    assert ready.headers["retry-after"]


async def test_a_process_with_its_database_is_ready(site: Site) -> None:
    ready = await site.get("/health/ready")
    asked = {"status": "ok", "reasons": [], "oldest_request_seconds": 0.0}
    assert (ready.status_code, ready.json()) == (200, asked)


async def test_without_the_database_every_call_says_to_come_again(closed_site: Site) -> None:
    for path in ("/hospitals", "/clinic-sessions?hospital_id=1&department_id=1", "/me"):
        answer = await closed_site.get(API + path, token=closed_site.token(1))
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["trace_id"]


async def test_a_failure_of_our_own_is_a_problem_too(site: Site, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("ALTER TABLE hospitals RENAME COLUMN grade TO rank")
    answer = await site.get(f"{API}/hospitals", headers=ENGLISH)
    detail = problem(answer, 500, "internal_error")
    assert "grade" not in answer.text
    assert "114" in detail
    assert len(answer.json()["trace_id"]) == 16


async def test_metrics_count_by_route_and_never_by_what_was_asked_for(closed_site: Site) -> None:
    await closed_site.get(f"{API}/appointments/98765432109876543210")
    await closed_site.get("/a/path/of/nobodys")
    await closed_site.call("BREW", f"{API}/me")
    metrics = (await closed_site.get("/metrics")).text
    unauthorized = 'method="GET",route="/api/v1/appointments/{appointment_id}",status="401"'
    assert f"guahao_http_requests_total{{{unauthorized}}}" in metrics
    assert 'guahao_http_requests_total{method="GET",route="none",status="404"}' in metrics
    assert 'guahao_http_requests_total{method="other",route="none",status="405"}' in metrics
    assert "guahao_http_request_seconds_bucket" in metrics
    for secret in ("98765432109876543210", "nobodys", "BREW"):
        assert secret not in metrics


def test_several_processes_share_their_counts(tmp_path: Path) -> None:
    program = (
        "from guahao.web.framework.metrics import count_request, exposition\n"
        "count_request('GET', '/x', 200, 0.01)\n"
        "print(exposition()[0].decode())"
    )
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    shown = [
        subprocess.run(
            [sys.executable, "-c", program], env=environ, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    line = 'guahao_http_requests_total{method="GET",route="/x",status="200"}'
    assert f"{line} 1.0" in shown[0]
    assert f"{line} 2.0" in shown[1]


def test_an_exception_is_logged_without_what_it_says() -> None:
    try:
        raise ValueError("phone 13800138000 is taken")
    except ValueError as error:
        for told in (error, True, (type(error), error, error.__traceback__)):
            event = without_messages(None, "error", {"event": "failed", "exc_info": told})
            assert event["error"] == "ValueError"
            assert "test_operations.py" in event["frames"][0]
            assert "13800138000" not in str(event)


# The demo's outbox ------------------------------------------------------------------------------


async def test_the_outbox_shows_what_was_sent_newest_first(site: Site) -> None:
    for number in (1, 2):
        await booked(site, await add_citizen(site, number))
        await site.deliver()
    both = (await site.get("/demo/outbox")).json()
    assert [item["to"] for item in both["items"]] == ["13800000002", "13800000001"]
    assert both["next"] is None
    [mine] = (await site.get("/demo/outbox?to=138 0000 0001")).json()["items"]
    assert mine.keys() == {"to", "kind", "text", "sent_at"}
    assert mine["kind"] == "booked"
    assert mine["sent_at"] == "2026-11-30T09:00:00+08:00"
    [newest] = (await site.get("/demo/outbox?limit=1")).json()["items"]
    assert newest == both["items"][0]


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def put_in_outbox(site: Site, phone: str, text: str) -> None:
    platform = site.platform
    async with platform.db.transaction() as tx:
        await messages.put_in_outbox(tx, platform.vault, f"{phone}{text}", "otp", phone, text)


async def test_the_outbox_is_a_page_for_a_browser(site: Site) -> None:
    await put_in_outbox(site, "+8613800000001", "<script>alert(1)</script>")
    for path in ("/demo/outbox", "/demo/outbox?to=%2B8613800000001"):
        answer = await site.get(path, headers=BROWSER)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "&lt;script&gt;" in answer.text
        assert "<script>" not in answer.text
    quoted = await site.get('/demo/outbox?to="><b>', headers=BROWSER)
    assert "<b>" not in quoted.text


async def test_the_phone_shows_one_row_a_number_and_all_that_one_got(site: Site) -> None:
    for phone, text in [("1", "first 012345."), ("2", "other"), ("1", "second 0123 4567!")]:
        await put_in_outbox(site, f"+861380000000{phone}", text)
    inbox = (await site.get("/demo/outbox", headers=BROWSER)).text
    assert inbox.count('class="thread"') == 2
    assert inbox.index("13800000001") < inbox.index("13800000002")
    assert "second <b>0123 4567</b>!" in inbox
    assert "first" not in inbox
    thread = (await site.get("/demo/outbox?to=13800000001", headers=BROWSER)).text
    assert thread.index("second") < thread.index("first <b>012345</b>.")
    assert "other" not in thread


@pytest.mark.parametrize(("language", "empty"), [("zh", "还没有短信"), ("en", "No messages yet")])
async def test_the_phone_speaks_both_languages_and_loads_nothing_from_elsewhere(
    site: Site, language: str, empty: str
) -> None:
    for path in ("/demo/outbox", "/demo/outbox?to=13800000001"):
        page = await site.get(path, headers={**BROWSER, "Accept-Language": language})
        assert empty in page.text
        assert "style=" not in page.text
        loaded = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', page.text)
        assert len(loaded) == 5
        for address in loaded:
            assert (await site.get(address)).status_code == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=all", "to=%00", "from=1"])
async def test_an_outbox_query_that_cannot_be_right(closed_site: Site, query: str) -> None:
    assert (await closed_site.get(f"/demo/outbox?{query}")).status_code == 422


async def test_production_has_no_outbox(clock: Clock) -> None:
    production = closed(clock, Settings(mode="production"))
    problem(await production.get("/demo/outbox"), 404, "not_found")
