"""What production does not start with, and what its public port does not show."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.acceptance.ports import free_port
from tests.city import Clock, change
from tests.web.http.test_real_server import serving
from tests.web.site import Site, closed
from tests.web.staff_site import add_member

from guahao.flows.staff.demo_staff import DEMO_STAFF, demo_staff_left
from guahao.rules.staff.staff import Role
from guahao.settings import Settings, SettingsError
from guahao.wiring import refuse_demo_staff


async def test_metrics_are_not_on_productions_public_port(clock: Clock) -> None:
    site = closed(clock, Settings(mode="production"))
    assert (await site.get("/metrics")).status_code == 404
    assert (await site.get("/health/live")).status_code == 200


def test_health_and_metrics_have_a_socket_of_their_own(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    with serving(database_url, tmp_path, workers=2, settings={"GUAHAO_METRICS_PORT": str(port)}):
        machine = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{machine}/health/live").json() == {"status": "ok"}
        assert httpx.get(f"{machine}/health/ready").status_code == 200
        assert "guahao_http_requests_total" in httpx.get(f"{machine}/metrics").text
        assert httpx.get(f"{machine}/staff").status_code == 404


async def test_production_does_not_serve_the_demos_staff(site: Site) -> None:
    await refuse_demo_staff(site.platform)
    one = next(one for one in DEMO_STAFF if one.role is Role.AGENT)
    member = await add_member(site.platform, Role.AGENT)
    await change(site.platform, "UPDATE staff SET login = %s WHERE id = %s", one.login, member.id)
    assert await demo_staff_left(site.platform) == []  # somebody else of that login
    await change(site.platform, "UPDATE staff SET name = %s WHERE id = %s", one.name, member.id)
    with pytest.raises(SettingsError, match=one.login):
        await refuse_demo_staff(site.platform)
