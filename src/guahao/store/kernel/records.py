"""Rows: map dataclasses to their columns by name, and copy many rows at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from guahao.store.kernel.db import Tx

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@cache
def names(cls: type[DataclassInstance]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in order."""
    return tuple(field.name for field in fields(cls))


def columns(cls: type[DataclassInstance], alias: str = "", prefix: str = "") -> str:
    """Return the columns named after the fields, of the table `alias`, each under `prefix`."""
    table = f"{alias}." if alias else ""
    if not prefix:
        return ", ".join(f"{table}{name}" for name in names(cls))
    return ", ".join(f"{table}{name} AS {prefix}{name}" for name in names(cls))


def parameters(cls: type[DataclassInstance]) -> str:
    """Return the named parameters of the fields, to be given `asdict` of an instance."""
    return ", ".join(f"%({name})s" for name in names(cls))


def take(cls: type[T], row: dict[str, Any], prefix: str = "") -> T:
    """Make an instance of the columns under `prefix`, which are removed from the row."""
    return cls(**{name: row.pop(f"{prefix}{name}") for name in names(cls)})


_TARGET = re.compile(r"\s*COPY (?P<table>[a-z_]+) \((?P<columns>[a-z_,\s]+)\)\s+FROM STDIN\s*")


async def copy_rows(tx: Tx, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows into the table and columns of a `COPY table (columns) FROM STDIN`.

    They pass through a temporary table, because PostgreSQL refuses COPY into a table with
    row-level security.
    """
    found = _TARGET.fullmatch(statement)
    assert found is not None, statement
    table, columns = found["table"], found["columns"]
    await tx.do(f"CREATE TEMPORARY TABLE copied AS SELECT {columns} FROM {table} WITH NO DATA")
    async with tx.conn.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as sink:
        for row in rows:
            await sink.write_row(row)
    await tx.do(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM copied")
    await tx.do("DROP TABLE copied")
