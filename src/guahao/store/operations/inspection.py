"""What `guahao doctor` reads besides the shared measurements."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from guahao.store.kernel.vault import Vault, VaultError

Conn = AsyncConnection[TupleRow]

# Of tables that every platform fills, and that no secret role guards.
_SAMPLED = (
    ("trail_keys", "first_seq", "key_enc", "key"),
    ("accounts", "id", "phone_enc", "phone"),
    ("patients", "id", "name_enc", "name"),
    ("appointments", "id", "code_enc", "code"),
)


async def unforced_tables(conn: Conn) -> list[str]:
    """Return the tables whose row security does not hold for their owner, as it should."""
    cursor = await conn.execute(
        """
        SELECT relname::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND relrowsecurity AND NOT relforcerowsecurity
        ORDER BY relname
        """,
        prepare=False,
    )
    return [row[0] for row in await cursor.fetchall()]


async def unopened_columns(conn: Conn, vault: Vault) -> tuple[list[str], int]:
    """Open the newest value of some sealed columns; which do not open, and how many were tried."""
    unopened, tried = [], 0
    for table, key, column, bound_to in _SAMPLED:
        cursor = await conn.execute(
            f"SELECT {key}, {column} FROM {table} WHERE length({column}) > 0"
            f" ORDER BY {key} DESC LIMIT 1",
            prepare=False,
        )
        row = await cursor.fetchone()
        if row is None:
            continue
        tried += 1
        try:
            vault.open(table, bound_to, row[0], row[1])
        except VaultError:
            unopened.append(f"{table}.{column}")
    return unopened, tried


async def database_seconds(conn: Conn) -> float:
    """Return the database's time, in Unix seconds."""
    cursor = await conn.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
    row = await cursor.fetchone()
    assert row is not None
    return float(row[0])
