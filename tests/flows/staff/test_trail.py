"""The audit trail: append-only, one chain, and every way to touch it is found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta

import psycopg
import pytest
from tests.city import Clock, ask, change, open_platform

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.trail import TrailHead, list_trail, verify_trail
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.staff.staff import SYSTEM, Who
from guahao.store.kernel.vault import Vault, VaultError
from guahao.store.staff import trail
from guahao.store.staff.trail import Wanted


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as opened:
        yield opened


async def append(platform: Platform, count: int = 1, who: Who = SYSTEM) -> None:
    for n in range(count):
        async with platform.db.transaction() as tx:
            await trail.record(
                tx,
                platform.vault,
                who,
                "try_something",
                ("thing", n),
                reason="试一试",
                detail={"n": n},
            )


def as_owner(url: str, *statements: str) -> None:
    """What somebody does who owns the database and takes the guard away."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        for statement in statements:
            conn.execute(statement.encode())


async def test_an_untouched_trail_holds(platform: Platform) -> None:
    assert (await verify_trail(platform)).holds
    await append(platform, 5)
    verdict = await verify_trail(platform)
    assert (verdict.holds, verdict.entries, verdict.head.seq) == (True, 5, 5)


async def test_concurrent_entries_make_one_chain(platform: Platform) -> None:
    await asyncio.gather(*[append(platform, 10, Who("staff", n, f"s{n}")) for n in range(8)])
    verdict = await verify_trail(platform)
    assert (verdict.holds, verdict.entries) == (True, 80)


ON_THE_FIRST = datetime(2026, 11, 30, 9, tzinfo=CITY_TIME)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [4, 3, 2, 1]),
        (Wanted(before=3), [2, 1]),
        (Wanted(first=date(2026, 12, 1)), [4, 3]),
        (Wanted(last=date(2026, 11, 30)), [2, 1]),
        (Wanted(first=date(2026, 12, 1), last=date(2026, 12, 1)), [3]),
        (Wanted(first=date(2026, 12, 3)), []),
        (Wanted(first=date.min, last=date.max), [4, 3, 2, 1]),
        (Wanted(who="s1"), [4, 2]),
        (Wanted(who="s1", last=date(2026, 12, 1)), [2]),
        (Wanted(action="try_something", subject_id=0), [4, 3, 2, 1]),
        (Wanted(subject_id=1), []),
        (Wanted(action="try_nothing"), []),
    ],
)
async def test_the_auditor_finds_what_was_asked_for_and_no_more(
    database_url: str, wanted: Wanted, found: list[int]
) -> None:
    clock = Clock(ON_THE_FIRST)
    async with open_platform(database_url, clock) as platform:
        for day, who in ((0, 0), (0, 1), (1, 0), (2, 1)):
            clock.now = ON_THE_FIRST + timedelta(days=day)
            await append(platform, 1, Who("staff", who, f"s{who}"))
        entries, _ = await list_trail(platform, wanted)
    assert [entry.seq for entry in entries] == found


TOUCHED = {
    "a reason edited": ("UPDATE audit_trail SET reason_enc = '' WHERE seq = 3", 3, "changed"),
    "a detail edited": ("UPDATE audit_trail SET detail = '{}' WHERE seq = 3", 3, "changed"),
    "another doer": ("UPDATE audit_trail SET who_id = 7 WHERE seq = 3", 3, "changed"),
    "another time": (
        "UPDATE audit_trail SET at = at + interval '1 microsecond' WHERE seq = 3",
        3,
        "changed",
    ),
    "another hospital": ("UPDATE audit_trail SET hospital_id = 1 WHERE seq = 3", 3, "changed"),
    "a deletion": ("DELETE FROM audit_trail WHERE seq = 3", 3, "missing"),
    "the first deleted": ("DELETE FROM audit_trail WHERE seq = 1", 1, "missing"),
    "two exchanged": (
        (
            "UPDATE audit_trail SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3);"
            "UPDATE audit_trail SET seq = -seq WHERE seq < 0"
        ),
        2,
        "changed",
    ),
    "the end deleted": ("DELETE FROM audit_trail WHERE seq > 4", 5, "cut"),
    "all deleted": ("TRUNCATE audit_trail", 1, "cut"),
    "one inserted": (
        (
            "INSERT INTO audit_trail SELECT 7, at, who_kind, who_id, who_name, hospital_id, action,"
            " subject_kind, subject_id, detail, hash, hash, reason_enc FROM audit_trail"
            " WHERE seq = 6"
        ),
        7,
        "changed",
    ),
    "a hash edited with its entry": (
        "UPDATE audit_trail SET reason_enc = '', hash = sha256(previous_hash) WHERE seq = 3",
        3,
        "changed",
    ),
}


@pytest.mark.parametrize(("statement", "at", "why"), TOUCHED.values(), ids=TOUCHED.keys())
async def test_whatever_is_touched_is_found(
    platform: Platform, database_url: str, statement: str, at: int, why: str
) -> None:
    await append(platform, 6)
    as_owner(database_url, *statement.split(";"))
    verdict = await verify_trail(platform)
    assert (verdict.broken_at, verdict.why) == (at, why)


async def test_a_cut_with_its_head_written_back_is_found_by_a_noted_head(
    platform: Platform, database_url: str
) -> None:
    await append(platform, 4)
    earlier = await ask(platform, "SELECT seq, hash, mac FROM audit_trail_head")
    await append(platform, 2)
    noted = (await verify_trail(platform)).head
    seq, digest, mac = earlier[0]
    as_owner(
        database_url,
        f"DELETE FROM audit_trail WHERE seq > {seq}",
        f"UPDATE audit_trail_head SET seq = {seq}, hash = '\\x{bytes(digest).hex()}',"
        f" mac = '\\x{bytes(mac).hex()}'",
    )
    assert (await verify_trail(platform)).holds
    assert (await verify_trail(platform, noted)).why == "rolled_back"
    await append(platform, 5, Who("staff", 9, "somebody.else"))
    assert (await verify_trail(platform, noted)).why == "other_past"
    assert (await verify_trail(platform, TrailHead(seq, bytes(digest)))).holds


async def test_who_has_not_the_key_cannot_forge_it(platform: Platform) -> None:
    await append(platform, 3)
    forger = Vault("another secret key, as long as the right one")
    with pytest.raises(VaultError):
        async with platform.db.transaction() as tx:
            await trail.record(tx, forger, SYSTEM, "try_something")
    async with platform.db.transaction() as tx:
        await trail.begin_key(tx, forger)
        await trail.record(tx, forger, SYSTEM, "try_something")
    assert (await verify_trail(platform)).broken_at == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_trail SET reason_enc = ''",
        "DELETE FROM audit_trail",
        "TRUNCATE audit_trail",
    ],
)
@pytest.mark.parametrize("owner", [False, True], ids=["the application", "the owner"])
async def test_it_is_append_only(
    platform: Platform, database_url: str, statement: str, owner: bool
) -> None:
    await append(platform)

    def by_the_owner() -> None:
        with psycopg.connect(database_url) as conn:
            conn.execute(statement.encode())

    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)
    if owner:
        with pytest.raises(refusals):
            by_the_owner()
    else:
        with pytest.raises(refusals):
            await change(platform, statement)
    assert (await verify_trail(platform)).entries == 1
