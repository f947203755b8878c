"""The end of the audit trail: under a key, kept outside, and every cut is found."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.city import Clock, ask, open_platform
from tests.flows.staff.test_trail import append, as_owner

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff import staff
from guahao.flows.staff.trail import (
    Wanted,
    accept_trail,
    check_head,
    list_trail,
    trail_head,
    verify_trail,
)
from guahao.rules.staff.staff import SYSTEM, Role, Who
from guahao.settings import Settings
from guahao.store.kernel.vault import Vault
from guahao.store.staff.trail import TrailHead
from guahao.trail_sinks import SinkError, last_noted, send

CUT = "DELETE FROM audit_trail WHERE seq > 10"
REWRITE = """
    UPDATE audit_trail_head
    SET seq = (SELECT max(seq) FROM audit_trail),
        hash = (SELECT hash FROM audit_trail ORDER BY seq DESC LIMIT 1)
"""
EMPTY = ("TRUNCATE audit_trail", "UPDATE audit_trail_head SET seq = 0, hash = ''")


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


async def whys(platform: Platform, noted: TrailHead | None = None) -> set[str | None]:
    """What the quick look at the end and the walk through all say."""
    return {
        (await check_head(platform, noted)).why,
        (await verify_trail(platform, noted)).why,
    }


async def test_the_last_ten_cut_and_the_head_rewritten_is_found(
    platform: Platform, database_url: str
) -> None:
    await append(platform, 20)
    assert await whys(platform) == {None}
    as_owner(database_url, CUT, REWRITE)
    assert await whys(platform) == {"head_forged"}
    verdict = await verify_trail(platform)
    assert (verdict.broken_at, verdict.head.seq) == (11, 10)


async def test_what_is_appended_after_a_cut_does_not_hide_it(
    platform: Platform, database_url: str
) -> None:
    await append(platform, 20)
    as_owner(database_url, CUT, REWRITE)
    await append(platform, 5)
    assert await whys(platform) == {"cut"}
    assert (await verify_trail(platform)).broken_at == 11
    as_owner(database_url, "UPDATE audit_trail_head SET broken_at = NULL")
    assert await whys(platform) == {"head_forged"}
    assert await trail_head(platform) is None  # nothing is sent out that would say otherwise


@pytest.mark.parametrize(
    "mac", ["mac", "NULL", "'\\x00'"], ids=["the mac as it was", "no mac", "another mac"]
)
async def test_an_emptied_trail_is_found(platform: Platform, database_url: str, mac: str) -> None:
    new = await staff.add_staff(platform, SYSTEM, "admin.one", "管理员", Role.ADMINISTRATOR, None)
    assert isinstance(new, staff.NewStaff)
    assert await whys(platform) == {None}
    as_owner(database_url, *EMPTY, f"UPDATE audit_trail_head SET mac = {mac}, broken_at = NULL")
    assert await whys(platform) == {"emptied"}
    await append(platform, 3)
    assert await whys(platform) == {"cut"}


async def test_a_new_platform_is_whole(platform: Platform) -> None:
    assert await whys(platform) == {None}
    assert await trail_head(platform) == TrailHead(0, b"")


async def test_another_key_is_named_as_such(platform: Platform) -> None:
    await append(platform, 3)
    other = replace(platform, vault=Vault("another secret key, as long as the right one"))
    assert (await verify_trail(other)).why == "other_key"
    assert (await check_head(other)).why == "head_forged"


async def test_a_restored_backup_is_found_and_accepted_with_a_reason(
    platform: Platform, database_url: str, tmp_path: Path
) -> None:
    settings = Settings(trail_file=tmp_path / "heads")
    await append(platform, 10)
    kept = await ask(platform, "SELECT seq, hash, mac FROM audit_trail_head")
    await append(platform, 10)
    await _send(platform, settings)
    noted = last_noted(tmp_path / "heads", platform.vault).head
    assert noted is not None
    assert noted.seq == 20
    seq, digest, mac = kept[0]
    as_owner(
        database_url,
        CUT,
        f"UPDATE audit_trail_head SET seq = {seq}, hash = '\\x{bytes(digest).hex()}',"
        f" mac = '\\x{bytes(mac).hex()}'",
    )
    assert await whys(platform) == {None}  # the database alone cannot know
    assert await whys(platform, noted) == {"rolled_back"}
    await append(platform, 15, Who("staff", 9, "somebody.else"))
    assert await whys(platform, noted) == {"other_past"}
    await accept_trail(platform, SYSTEM, "机房断电，恢复了前一天的备份", noted)
    await _send(platform, settings)
    assert await whys(platform, last_noted(tmp_path / "heads", platform.vault).head) == {None}
    [entry], _ = await list_trail(platform, Wanted(action="accept_trail"))
    assert (entry.reason, entry.detail) == ("机房断电，恢复了前一天的备份", '{"head":20}')


async def test_a_head_that_old_processes_wrote_is_accepted_too(
    platform: Platform, database_url: str
) -> None:
    await append(platform, 3)
    as_owner(database_url, "UPDATE audit_trail_head SET mac = NULL")
    assert await whys(platform) == {"head_forged"}
    await accept_trail(platform, SYSTEM, "升级时旧进程还在运行", None)
    assert await whys(platform) == {None}


# Outside ------------------------------------------------------------------------------------


async def _send(platform: Platform, settings: Settings) -> None:
    head = await trail_head(platform)
    assert head is not None
    await asyncio.to_thread(send, settings, platform.vault, head)


async def test_a_file_keeps_every_head_and_a_forged_line_is_not_believed(
    platform: Platform, tmp_path: Path
) -> None:
    path = tmp_path / "outside" / "heads"
    settings = Settings(trail_file=path)
    assert last_noted(path, platform.vault).head is None
    for _ in range(3):
        await append(platform)
        await _send(platform, settings)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]
    assert path.stat().st_mode & 0o077 == 0
    noted = last_noted(path, platform.vault)
    assert noted.head == await trail_head(platform)
    forged = json.loads(lines[-1]) | {"seq": 1, "hash": json.loads(lines[0])["hash"]}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(forged) + "\nnot a head\n{\n")
    after = last_noted(path, platform.vault)
    assert (after.head, after.forged) == (noted.head, 1)
    other = Vault("another secret key, as long as the right one")
    assert last_noted(path, other).head is None


async def test_syslog_gets_a_message_of_rfc_5424(platform: Platform, tmp_path: Path) -> None:
    await append(platform, 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        port = server.getsockname()[1]
        await _send(platform, Settings(trail_syslog=f"udp://127.0.0.1:{port}"))
        message = server.recv(4096).decode()
    header, _, body = message.partition(" - ")
    priority, _, host, app, _, kind = header.split(" ")
    assert (priority, host, app) == ("<84>1", socket.gethostname(), "guahao")
    assert kind == "audit_trail_head"
    assert json.loads(body)["seq"] == 2
    # What a syslog server wrote to its file is read like our own.
    collected = tmp_path / "collected"
    collected.write_text(f"Nov 27 01:00:00 db1 {message}\n", encoding="utf-8")
    assert last_noted(collected, platform.vault).head == await trail_head(platform)


async def test_syslog_over_tcp_ends_each_message_with_a_line_feed(platform: Platform) -> None:
    await append(platform)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        port = server.getsockname()[1]
        await _send(platform, Settings(trail_syslog=f"tcp://127.0.0.1:{port}"))
        connection, _ = server.accept()
        with connection:
            assert connection.recv(4096).endswith(b"}\n")


async def test_a_sink_that_is_away_is_an_error_and_the_other_one_is_still_used(
    platform: Platform, tmp_path: Path
) -> None:
    await append(platform)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    path = tmp_path / "heads"
    settings = Settings(trail_file=path, trail_syslog=f"tcp://127.0.0.1:{port}")
    with pytest.raises(SinkError, match="GUAHAO_TRAIL_SYSLOG"):
        await _send(platform, settings)
    assert last_noted(path, platform.vault).head is not None
