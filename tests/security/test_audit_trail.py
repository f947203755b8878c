"""Attacks on the audit trail by somebody who owns the database but not the key."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.city import ask
from tests.flows.staff.test_trail import as_owner
from tests.web.site import Site
from tests.web.staff_site import add_member, at_the_desk

from guahao import trail_sinks, wiring
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff import staff
from guahao.flows.staff.trail import trail_head
from guahao.jobs import create_jobs
from guahao.notices.outbox import OutboxGateway
from guahao.rules.staff.staff import SYSTEM, Role


def outside(platform: Platform, path: Path) -> Platform:
    """The same platform, with a file for the end of its trail."""
    return replace(platform, settings=replace(platform.settings, trail_file=path))


async def send(platform: Platform) -> None:
    """What the worker does every minute."""
    app = create_jobs(platform, OutboxGateway(platform.db, platform.vault))
    await app.tasks["send_trail_head"].func(0)


async def reported(platform: Platform, capsys: pytest.CaptureFixture[str]) -> str:
    """What a start of the web or of a worker says of the trail."""
    capsys.readouterr()
    await wiring.report_trail(platform)
    return capsys.readouterr().out


async def test_deeds_cut_from_the_end_are_seen_at_the_start_and_on_the_page(
    site: Site, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = outside(site.platform, tmp_path / "heads")
    members = [await add_member(platform, Role.AGENT) for _ in range(3)]
    admin = await at_the_desk(site, Role.ADMINISTRATOR)
    for one in members:
        await staff.disable_staff(platform, SYSTEM, one.id, "离职")
    await send(platform)
    assert await reported(platform, capsys) == ""
    await admin.go("/staff/trail")
    assert "操作记录不完整" not in admin.text
    as_owner(
        database_url,
        "DELETE FROM audit_trail WHERE action = 'disable_staff'",
        "UPDATE audit_trail_head SET seq = (SELECT max(seq) FROM audit_trail),"
        " hash = (SELECT hash FROM audit_trail ORDER BY seq DESC LIMIT 1)",
    )
    assert "head_forged" in await reported(platform, capsys)
    await admin.go("/staff/trail")
    assert "末尾的校验值不是本平台写的" in admin.text
    await admin.send(admin.form("/staff/trail/verify"))
    assert "操作记录不完整" in admin.text
    await send(platform)  # nothing is sent out that says otherwise
    noted = trail_sinks.last_noted(tmp_path / "heads", platform.vault)
    assert noted.head is not None
    assert noted.head.seq == 7


async def test_a_database_put_back_to_an_hour_ago_is_seen(
    site: Site, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = outside(site.platform, tmp_path / "heads")
    await add_member(platform, Role.AGENT)
    before = await ask(platform, "SELECT seq, hash, mac FROM audit_trail_head")
    await add_member(platform, Role.AGENT)
    await send(platform)
    seq, digest, mac = before[0]
    as_owner(
        database_url,
        f"DELETE FROM audit_trail WHERE seq > {seq}",
        f"UPDATE audit_trail_head SET seq = {seq}, hash = '\\x{bytes(digest).hex()}',"
        f" mac = '\\x{bytes(mac).hex()}'",
    )
    assert "rolled_back" in await reported(platform, capsys)


async def test_a_forged_line_outside_is_seen(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "heads"
    platform = outside(site.platform, path)
    await add_member(platform, Role.AGENT)
    await send(platform)
    line = await asyncio.to_thread(path.read_text, "utf-8")
    forged = line.replace('"seq":1', '"seq":0')
    await asyncio.to_thread(path.write_text, line + forged, "utf-8")
    assert "sink_forged" in await reported(platform, capsys)


async def test_the_end_is_sent_every_minute_and_only_what_is_whole(
    site: Site, tmp_path: Path
) -> None:
    platform = outside(site.platform, tmp_path / "heads")
    await send(platform)
    await add_member(platform, Role.AGENT)
    for _ in range(2):
        await send(platform)
    lines = (await asyncio.to_thread((tmp_path / "heads").read_text, "utf-8")).splitlines()
    assert len(lines) == 3
    noted = trail_sinks.last_noted(tmp_path / "heads", platform.vault)
    assert noted.head == await trail_head(platform)
