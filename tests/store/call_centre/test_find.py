"""Finding a caller reads few rows, however many people a city has."""

from __future__ import annotations

import psycopg
from tests.city import Clock, open_platform

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
        assert [one.patient.id for one in found] == list(
            range(OF_THE_NAME, OF_THE_NAME - SHOWN, -1)
        )
        assert read <= 3 * SHOWN
