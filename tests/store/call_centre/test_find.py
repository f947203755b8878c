"""Finding a caller by name: the newest on an account, and few rows read in a large city."""

from __future__ import annotations

import psycopg
from tests.city import Clock, add_account, add_patient, change, open_platform

from guahao.rules.call_centre.calls import Typed
from guahao.store.call_centre import calls
from guahao.store.kernel.db import Tx
from guahao.tools.bench import queries as bench

PERSONS, OF_THE_NAME, SHOWN = 20_000, 600, 21
ROWS_READ = """
    SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
    WHERE relname = 'patients'
"""


async def rows_read(tx: Tx) -> int:
    [[count]] = await tx.rows(ROWS_READ)
    return int(count)


async def test_a_common_name_whose_people_registered_long_ago_reads_only_those_shown(
    database_url: str,
) -> None:
    """Neither everybody from the newest on, nor all who have the name."""
    async with open_platform(database_url, Clock()) as platform:
        key, retired = platform.vault.index("name", "common"), b"a retired key's"
        async with platform.db.transaction() as tx:
            await bench.found_people(tx, PERSONS)
            await bench.add_persons(tx, platform.vault, PERSONS)
            await tx.do("UPDATE accounts SET phone_enc = NULL, phone_index = NULL")
            await tx.do(
                """
                UPDATE patients SET name_index =
                    CASE WHEN id <= %(last)s THEN %(key)s ELSE sha256(id::text::bytea) END
                """,
                {"last": OF_THE_NAME, "key": key},
            )
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE patients, accounts")
        async with platform.db.transaction() as tx:
            before = await rows_read(tx)
            found = await calls.find(tx, platform.vault, Typed.NAME, [retired, key], SHOWN)
            read = await rows_read(tx) - before
        assert [person.patient.id for person in found] == list(
            range(OF_THE_NAME, OF_THE_NAME - SHOWN, -1)
        )
        assert read <= 3 * SHOWN


async def test_who_was_removed_from_an_account_takes_nobodys_place(database_url: str) -> None:
    """A removed or displaced registration keeps the index of its name until it is erased."""
    async with open_platform(database_url, Clock()) as platform:
        account = await add_account(platform, 1)
        on_account = [(await add_patient(platform, account, n)).id for n in (1, 2)]
        removed = await add_account(platform, 2)
        left = [(await add_patient(platform, removed, n)).id for n in (3, 4)]
        key = platform.vault.index("name", "common")
        await change(platform, "UPDATE patients SET name_index = %s", key)
        await change(
            platform,
            "UPDATE patients SET account_id = NULL, phone_slot = NULL WHERE id = ANY(%s)",
            left,
        )
        async with platform.db.transaction() as tx:
            for limit in (1, 2, SHOWN):
                found = await calls.find(tx, platform.vault, Typed.NAME, [key], limit)
                assert [person.patient.id for person in found] == on_account[::-1][:limit]
