"""The public log: published, signed, checked against a draw's file by both verifiers."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.city import MONDAY_MORNING, Clock, ask, open_platform
from tests.flows.fairness.fair_city import add_applicants, add_clinic, hold_until, only_draw
from tests.rules.reading import check
from typer.testing import CliRunner

from guahao.cli import app
from guahao.flows.fairness import draws
from guahao.flows.fairness.drawn import log, proof_file
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.log import LogError, differences, read
from guahao.store.fairness.log import is_signed, public_key
from guahao.store.kernel.vault import Vault
from guahao.tools import draw_verifier

TEN = MONDAY_MORNING + timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def platform(database_url: str, clock: Clock) -> AsyncIterator[Platform]:
    async with open_platform(database_url, clock) as opened:
        yield opened


async def held_draw(platform: Platform, clock: Clock) -> tuple[bytes, bytes]:
    """The file of a draw that was held, and the log."""
    clinic = await add_clinic(platform, 2, TEN)
    await add_applicants(platform, clinic, range(1, 6))
    await hold_until(platform, clock, TEN)
    file = await proof_file(platform, await only_draw(platform))
    published = await log(platform)
    assert file is not None
    assert published is not None
    return file.encode(), published.encode()


def is_true(published: bytes, file: bytes) -> bool:
    """What `guahao fairness verify --log` checks."""
    try:
        found = read(published)
    except LogError:
        return False
    if found.key is None or not is_signed(found.key, found.seq, found.hash, found.signature):
        return False
    return differences(found, check(file)) is None


def is_true_to_anybody(published: bytes, file: bytes) -> bool:
    """What the stand-alone verifier checks."""
    try:
        draw_verifier.check_log(published, draw_verifier.verify(io.BytesIO(file)))
    except draw_verifier.Lie:
        return False
    return True


async def test_file_and_log_agree_and_both_verifiers_find_every_byte_that_is_changed(
    platform: Platform, clock: Clock
) -> None:
    file, published = await held_draw(platform, clock)
    assert is_true(published, file)
    assert is_true_to_anybody(published, file)
    for place in range(len(published)):
        changed = bytearray(published)
        changed[place] ^= 1
        assert not is_true(bytes(changed), file)
        assert not is_true_to_anybody(bytes(changed), file)


async def test_the_command_and_the_script_say_so(
    platform: Platform, clock: Clock, tmp_path: Path
) -> None:
    file, published = await held_draw(platform, clock)
    (tmp_path / "draw.txt").write_bytes(file)
    (tmp_path / "log.txt").write_bytes(published)
    (tmp_path / "false.txt").write_bytes(published.replace(b"closed", b"closes"))
    for name, status in (("log.txt", 0), ("false.txt", 1)):
        command = ["fairness", "verify", str(tmp_path / "draw.txt"), "--log", str(tmp_path / name)]
        found = CliRunner().invoke(app, command)
        assert found.exit_code == status, found.output
        alone = await asyncio.to_thread(run_alone, *command[2:])
        assert alone.returncode == status, alone.stdout
        last_line = published.decode().split("\n")[-4].split(" ")[:2]
        assert (" ".join(last_line) in found.output) is (status == 0)
        assert (" ".join(last_line) in alone.stdout) is (status == 0)


async def test_the_operator_writes_the_file_of_a_sensitive_draw_for_the_auditor(
    platform: Platform,
    clock: Clock,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, _ = await held_draw(platform, clock)
    assert await ask(platform, "SELECT is_sensitive FROM draws") == [(True,)]
    monkeypatch.setenv("GUAHAO_DATABASE_URL", database_url)
    monkeypatch.setenv("GUAHAO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GUAHAO_SECRET_KEY", "a secret key of the tests, long enough")
    written = tmp_path / "draw.txt"
    draw_id = await only_draw(platform)
    for number, status in ((draw_id, 0), (draw_id + 1, 1)):
        command = ["fairness", "file", str(number), str(written)]
        ended = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert ended.exit_code == status, ended.output
    assert written.read_bytes() == file


def run_alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", draw_verifier.__file__, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_another_file_of_the_same_draw_is_not_the_published_one(
    platform: Platform, clock: Clock
) -> None:
    file, published = await held_draw(platform, clock)
    draw_id = await only_draw(platform)
    own = check(file)
    assert differences(read(published), own) is None
    assert differences(read(published), replace(own, draw_id=draw_id + 1)) is not None
    assert differences(read(published), replace(own, sha256=bytes(32))) is not None
    heading = tuple(line.replace("entries 5", "entries 6") for line in own.heading)
    assert differences(read(published), replace(own, heading=heading)) is not None


async def test_the_log_comes_in_parts_each_signed(platform: Platform, clock: Clock) -> None:
    await held_draw(platform, clock)
    [[last]] = await ask(platform, "SELECT max(seq) FROM fairness_log")
    key = public_key(platform.vault)
    seq = 0
    published: list[str] = []
    while seq < last:
        part = await log(platform, seq, limit=4)
        assert part is not None
        found = read(part.encode())
        assert is_signed(key, found.seq, found.hash, found.signature)
        seq, published = found.seq, [*published, *found.published]
    whole = await log(platform)
    assert whole is not None
    assert (*published,) == read(whole.encode()).published
    empty = await log(platform, last)
    assert empty is not None
    assert read(empty.encode()).published == ()
    assert await log(platform, last + 1) is None


async def test_a_new_secret_key_names_its_public_key_in_the_log(
    platform: Platform, clock: Clock, database_url: str
) -> None:
    await held_draw(platform, clock)
    async with open_platform(database_url, clock) as rotated:
        other = Platform(
            rotated.db,
            Vault("another secret key, as long as the first", ["a secret key of the tests"]),
            rotated.policies,
            rotated.settings,
        )
        await draws.hold_draws(other)
        part = await log(other)
    assert part is not None
    found = read(part.encode())
    assert found.key == public_key(other.vault) != public_key(platform.vault)
    assert is_signed(found.key, found.seq, found.hash, found.signature)


async def test_the_application_cannot_change_a_line(platform: Platform, clock: Clock) -> None:
    await held_draw(platform, clock)
    for statement in ("UPDATE fairness_log SET line = ''", "DELETE FROM fairness_log"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await ask(platform, statement)


# What the applicants' records hold: name, document, phone, and how they registered.
CANARIES = ("张三", "110101", "1380000", "web", "api")
MOMENTS = {"09:30", "09:50", "10:00"}  # when the draw opened, closed and was drawn


def told_of_persons(public: str) -> list[str]:
    """What a published text holds beyond tickets, choices and the times of the draw itself."""
    entries = [line for line in public.split("\n") if line.startswith("entry ")]
    # Digits of a canary stand by chance in tickets, hashes and signatures.
    words = re.sub(r"[0-9a-f]{32,}", "", public)
    return [
        *(canary for canary in CANARIES if canary in words),
        *(line for line in entries if not re.fullmatch(r"entry [0-9a-f]{32} 1 1", line)),
        *({*re.findall(r"T(\d\d:\d\d):", public)} - MOMENTS),
        *([] if entries == sorted(entries) else ["not in the order of the tickets"]),
    ]


async def test_nothing_published_tells_of_a_person(platform: Platform, clock: Clock) -> None:
    """Canaries: no name, number, phone, account, patient or time of registration."""
    file, published = await held_draw(platform, clock)
    public = (file + published).decode()
    assert public.count("\nentry ") == 5
    assert told_of_persons(public) == []
    # The control: what would tell of a person is found where it is planted.
    first = next(line for line in public.split("\n") if line.startswith("entry "))
    for planted in ("张三", "+8613800000001", "110101199003071234", "web", "17", "T08:15:00"):
        assert told_of_persons(public.replace(first, f"{first} {planted}"))
        assert planted == "17" or told_of_persons(f"{public}note {planted}\n")
    later = public.replace(f"{first}\n", "").replace("\nentry ", f"\n{first}\nentry ", 2)
    assert told_of_persons(later) == ["not in the order of the tickets"]
