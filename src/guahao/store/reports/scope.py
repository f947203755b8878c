"""What a report is about: days, a hospital, a department; and by what it is grouped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from psycopg.errors import QueryCanceled

from guahao.rules.reports.scope import ReportScope
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
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a key; `within`: of which hospital, for a department of one of several."""

    name: str
    name_en: str
    within: str = ""
    within_en: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and its parameters by name, to stand after WHERE."""

    sql: str
    params: dict[str, Any]


def of_place(scope: ReportScope, alias: str) -> Condition:
    """Return the scope's hospital and department, over a table that has both."""
    ids = {"hospital_id": scope.hospital_id, "department_id": scope.department_id}
    params = {column: id for column, id in ids.items() if id is not None}
    sql = "".join(f" AND {alias}.{column} = %({column})s" for column in params)
    return Condition(sql, params)


def of_bookings(scope: ReportScope, basis: Basis) -> Condition:
    """Return the scope's appointments, as `a`."""
    place = of_place(scope, "a")
    if basis is Basis.VISIT:
        days = "a.visit_date BETWEEN %(first)s AND %(last)s"
    else:
        days = "a.booked_at >= %(from)s AND a.booked_at < %(until)s"
    return Condition(days + place.sql, {**days_of(scope), **place.params})


def days_of(scope: ReportScope) -> dict[str, Any]:
    """Return the scope's days and moments as parameters: first and last, from and until."""
    begins, ends = scope.moments
    return {"first": scope.first, "last": scope.last, "from": begins, "until": ends}


class TooSlowError(Exception):
    """The database has cancelled a count that took longer than any report needs."""


@asynccontextmanager
async def counting(tx: Tx) -> AsyncIterator[None]:
    """Let this transaction sort in memory, and limit the time of its statements.

    The default memory spills to disk at a city's size. Raises TooSlowError.
    """
    await tx.do("SET LOCAL work_mem = '32MB'")
    await tx.do(
        "SELECT set_config('statement_timeout', %(most)s, true)", {"most": f"{STATEMENT_SECONDS}s"}
    )
    try:
        yield
    except QueryCanceled as error:
        raise TooSlowError from error


async def names(
    tx: Tx, grouping: Grouping, keys: Collection[Key], *, of_one_hospital: bool = False
) -> dict[Key, Name]:
    """Return the names of hospitals or departments by id; other keys are their own names."""
    if grouping is Grouping.HOSPITAL:
        sql = "SELECT id, name, name_en FROM hospitals WHERE id = ANY(%(ids)s::bigint[])"
    elif grouping is Grouping.DEPARTMENT:
        within = "" if of_one_hospital else ", h.name AS within, h.name_en AS within_en"
        sql = f"""
            SELECT d.id, d.name, d.name_en {within}
            FROM departments d JOIN hospitals h ON h.id = d.hospital_id
            WHERE d.id = ANY(%(ids)s::bigint[])
        """
    else:
        return {key: Name(str(key), "") for key in keys}
    return dict(await tx.records(_named, sql, {"ids": list(keys)}))


def _named(*, id: int, **row: str) -> tuple[Key, Name]:
    return id, Name(**row)


@dataclass(frozen=True, slots=True)
class ScopeChoice:
    """A hospital or a department to choose from."""

    id: int
    name: str
    name_en: str


async def hospitals(tx: Tx) -> list[ScopeChoice]:
    """Return every hospital that the reader may see, by id."""
    return await tx.records(ScopeChoice, "SELECT id, name, name_en FROM hospitals ORDER BY id")


async def departments(tx: Tx, hospital_id: int) -> list[ScopeChoice]:
    """Return a hospital's departments that have sessions of their own, hidden ones too."""
    return await tx.records(
        ScopeChoice,
        """
        SELECT id, name, name_en FROM departments d
        WHERE hospital_id = %(hospital_id)s
          AND NOT EXISTS (SELECT FROM departments c WHERE c.parent_id = d.id)
        ORDER BY code, id
        """,
        {"hospital_id": hospital_id},
    )
