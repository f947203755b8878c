"""What stood in the clear is encrypted by the migration, and the audit trail's chain holds on."""

from __future__ import annotations

import hmac
from datetime import datetime

import msgspec
import psycopg
import pytest
from tests.city import Clock, open_platform, reasons

from guahao.flows.staff.trail import verify_trail
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.kernel.migrate import migrate
from guahao.store.kernel.vault import Vault

SECRET = "a secret key of the tests, long enough"
AT = datetime(2026, 11, 1, 9, 0, tzinfo=CITY_TIME)


def write_old_trail(url: str, entries: int) -> None:
    """Write a trail as it was before its reasons were encrypted."""
    key, link = Vault(SECRET).key_for("audit trail"), b""
    with psycopg.connect(url) as conn:
        for seq in range(1, entries + 1):
            reason = "张三来电" if seq % 2 else ""
            facts = (
                *(seq, AT.isoformat(timespec="microseconds"), "staff", 7, "agent", None),
                *("try_something", "thing", seq, reason, "{}"),
            )
            previous, link = link, hmac.digest(key, link + msgspec.json.encode(facts), "sha256")
            conn.execute(
                "INSERT INTO audit_trail VALUES"
                " (%s, %s, 'staff', 7, 'agent', NULL, 'try_something', 'thing', %s, %s, '{}', %s,"
                " %s)",
                (seq, AT, seq, reason, previous, link),
            )
        conn.execute("UPDATE audit_trail_head SET seq = %s, hash = %s", (entries, link))


@pytest.mark.parametrize("touched", [None, 4])
async def test_the_chain_is_written_anew_and_is_broken_where_it_was(
    empty_database_url: str, touched: int | None
) -> None:
    migrate(empty_database_url, revision="0032")
    write_old_trail(empty_database_url, 6)
    if touched:
        with psycopg.connect(empty_database_url) as conn:
            conn.execute("ALTER TABLE audit_trail DISABLE TRIGGER ALL")
            conn.execute("UPDATE audit_trail SET who_id = 8 WHERE seq = %s", (touched,))
    migrate(empty_database_url, Vault(SECRET))
    async with open_platform(empty_database_url, Clock()) as platform:
        verdict = await verify_trail(platform)
        assert verdict.broken_at == touched
        assert [reason for _, reason in await reasons(platform)] == ["张三来电", ""] * 3
    with psycopg.connect(empty_database_url) as conn:
        dump = conn.execute("SELECT string_agg(t::text, '') FROM audit_trail t").fetchone()
        assert dump is not None
        assert "张三" not in dump[0]
