"""What a report is about: days, a hospital, a department; and by what it is grouped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from psycopg.errors import QueryCanceled

from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.kernel.db import Tx

Key = date | int | str
STATEMENT_SECONDS = 15  # a year of a large city takes two
CITY_DAY = "({} AT TIME ZONE 'Asia/Shanghai')::date"


class Basis(StrEnum):
    """Which day of a booking counts: that of the visit, or that on which it was made."""

    VISIT = "visit"
    MADE = "made"


class Grouping(StrEnum):
    """What the rows of a report are."""

    DAY = "day"
    HOSPITAL = "hospital"
    DEPARTMENT = "department"
    TITLE = "title"
    CHANNEL = "channel"
    KIND = "kind"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class Scope:
    """Both days included; None narrows nothing."""

    first: date
    last: date
    hospital_id: int | None = None
    department_id: int | None = None

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """The first midnight, and the one after the last day."""
        after = self.last + timedelta(days=1)
        return (
            datetime.combine(self.first, time(), CITY_TIME),
            datetime.combine(after, time(), CITY_TIME),
        )


@dataclass(frozen=True, slots=True)
class Name:
    """What a key is called; `within`: of which hospital, for a department of one of several."""

    name: str
    name_en: str
    within: str = ""
    within_en: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and its parameters, to stand after WHERE."""

    sql: str
    params: tuple[Any, ...]


def of_place(scope: Scope, alias: str) -> Condition:
    """The scope's hospital and department, over a table that has both."""
    asked = {"hospital_id": scope.hospital_id, "department_id": scope.department_id}
    given = {column: id for column, id in asked.items() if id is not None}
    sql = "".join(f" AND {alias}.{column} = %s" for column in given)
    return Condition(sql, tuple(given.values()))


def of_bookings(scope: Scope, basis: Basis) -> Condition:
    """The scope's appointments, as `a`."""
    place = of_place(scope, "a")
    if basis is Basis.VISIT:
        days = Condition("a.visit_date BETWEEN %s AND %s", (scope.first, scope.last))
    else:
        days = Condition("a.booked_at >= %s AND a.booked_at < %s", scope.moments)
    return Condition(days.sql + place.sql, (*days.params, *place.params))


class TooSlowError(Exception):
    """The database has ended a count that took longer than any report needs."""


@asynccontextmanager
async def counting(tx: Tx) -> AsyncIterator[None]:
    """Let this transaction sort and group in memory (the default spills at a city's size), and
    let no statement of it run away. Raises TooSlowError.
    """
    await tx.do("SET LOCAL work_mem = '32MB'")
    await tx.do("SELECT set_config('statement_timeout', %s, true)", (f"{STATEMENT_SECONDS}s",))
    try:
        yield
    except QueryCanceled as error:
        raise TooSlowError from error


async def names(
    tx: Tx, grouping: Grouping, keys: Collection[Key], *, of_one_hospital: bool = False
) -> dict[Key, Name]:
    """What hospitals or departments of these ids are called; others are their own names."""
    if grouping is Grouping.HOSPITAL:
        rows = await tx.rows(
            "SELECT id, name, name_en FROM hospitals WHERE id = ANY(%s::bigint[])", (list(keys),)
        )
        return {row[0]: Name(*row[1:]) for row in rows}
    if grouping is Grouping.DEPARTMENT:
        rows = await tx.rows(
            """
            SELECT d.id, d.name, d.name_en, h.name, h.name_en
            FROM departments d JOIN hospitals h ON h.id = d.hospital_id
            WHERE d.id = ANY(%s::bigint[])
            """,
            (list(keys),),
        )
        return {row[0]: Name(*row[1:3]) if of_one_hospital else Name(*row[1:]) for row in rows}
    return {key: Name(str(key), "") for key in keys}


@dataclass(frozen=True, slots=True)
class Place:
    """A hospital or a department to choose from."""

    id: int
    name: str
    name_en: str


async def hospitals(tx: Tx) -> list[Place]:
    """Every hospital that the reader may see, by id."""
    return _places(await tx.rows("SELECT id, name, name_en FROM hospitals ORDER BY id"))


async def departments(tx: Tx, hospital_id: int) -> list[Place]:
    """A hospital's departments that have sessions of their own, also those taken off."""
    return _places(
        await tx.rows(
            """
            SELECT id, name, name_en FROM departments d
            WHERE hospital_id = %s AND NOT EXISTS (SELECT FROM departments c
                                                   WHERE c.parent_id = d.id)
            ORDER BY code, id
            """,
            (hospital_id,),
        )
    )


def _places(rows: Sequence[tuple[Any, ...]]) -> list[Place]:
    return [Place(*row) for row in rows]
