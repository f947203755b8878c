"""Copy many rows at once, by way of a temporary table.

PostgreSQL refuses COPY into a table with row-level security.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from guahao.store.kernel.db import Tx

_TARGET = re.compile(r"\s*COPY (?P<table>[a-z_]+) \((?P<columns>[a-z_,\s]+)\)\s+FROM STDIN\s*")


async def copy_rows(tx: Tx, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows into the table and columns of a `COPY table (columns) FROM STDIN`."""
    found = _TARGET.fullmatch(statement)
    assert found is not None, statement
    table, columns = found["table"], found["columns"]
    await tx.do(f"CREATE TEMPORARY TABLE copied AS SELECT {columns} FROM {table} WITH NO DATA")
    async with tx.conn.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as sink:
        for row in rows:
            await sink.write_row(row)
    await tx.do(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM copied")
    await tx.do("DROP TABLE copied")
