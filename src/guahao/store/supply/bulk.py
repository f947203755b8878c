"""Many sessions at once: selecting and making them, and what is needed to undo an act."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from guahao.rules.supply.changes import SessionTerms
from guahao.store.kernel.db import Tx, json_columns, recordset
from guahao.store.supply.changes import TERMS, TERMS_TYPES


@dataclass(frozen=True, slots=True)
class Selection:
    """A hospital's sessions of some dates, both included, narrowed by what is not None.

    `weekdays`: only these (1 is Monday); none: all.
    """

    first: date
    last: date
    department_id: int | None = None
    title: str | None = None
    specialty: str | None = None
    period: str | None = None
    weekdays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedAct:
    """An act on many sessions, and what became of them when it was undone."""

    id: int
    kind: str
    by_name: str
    reason: str
    at: datetime
    undone_at: datetime | None
    sessions: int
    fates: dict[str, int]


@dataclass(frozen=True, slots=True)
class ActSession:
    """A session of an act; `before` None: the act made it."""

    session_id: int
    before: SessionTerms | None
    after: SessionTerms


async def selected(tx: Tx, hospital_id: int, selection: Selection, limit: int) -> list[int]:
    """Return the selected sessions that are not stopped, by date, at most so many."""
    rows = await tx.rows(
        """
        SELECT s.id FROM clinic_sessions s JOIN departments d ON d.id = s.department_id
        WHERE d.hospital_id = %(hospital_id)s
          AND s.department_id = coalesce(%(department_id)s::bigint, s.department_id)
          AND s.visit_date BETWEEN %(first)s AND %(last)s AND s.stopped_at IS NULL
          AND s.title = coalesce(%(title)s, s.title)
          AND s.specialty = coalesce(%(specialty)s, s.specialty)
          AND s.period = coalesce(%(period)s, s.period)
          AND (%(weekdays)s::int[] = '{}'
               OR extract(isodow FROM s.visit_date) = ANY(%(weekdays)s::int[]))
        ORDER BY s.visit_date, s.department_id,
                 array_position('{morning,afternoon,evening}', s.period), s.starts_at, s.id
        LIMIT %(limit)s
        """,
        {
            "hospital_id": hospital_id,
            "department_id": selection.department_id,
            "first": selection.first,
            "last": selection.last,
            "title": selection.title,
            "specialty": selection.specialty,
            "period": selection.period,
            "weekdays": list(selection.weekdays),
            "limit": limit,
        },
    )
    return [row[0] for row in rows]


async def add_sessions(tx: Tx, hospital_id: int, new: Sequence[SessionTerms]) -> list[int]:
    """Add sessions that follow no timetable; return their ids."""
    rows = await tx.rows(
        f"""
        INSERT INTO clinic_sessions (hospital_id, department_id, {TERMS})
        SELECT %(hospital_id)s, department_id, {TERMS}
        FROM json_to_recordset(%(sessions)s::json) AS n ({TERMS_TYPES})
        RETURNING id
        """,
        {
            "hospital_id": hospital_id,
            "sessions": recordset([json_columns(terms) for terms in new]),
        },
    )
    return [row[0] for row in rows]


async def save(
    tx: Tx,
    hospital_id: int,
    kind: str,
    by_name: str,
    reason: str,
    sessions: Mapping[int, tuple[SessionTerms | None, SessionTerms]],
) -> int:
    """Save an act with the sessions' terms before and after it; return its id."""
    row = await tx.row(
        """
        INSERT INTO supply_acts (hospital_id, kind, by_name, reason, at)
        VALUES (%(hospital_id)s, %(kind)s, %(by_name)s, %(reason)s, %(now)s) RETURNING id
        """,
        {
            "hospital_id": hospital_id,
            "kind": kind,
            "by_name": by_name,
            "reason": reason,
            "now": tx.now,
        },
    )
    assert row is not None
    await tx.do(
        """
        INSERT INTO supply_act_sessions (act_id, clinic_session_id, before, after)
        SELECT %(act_id)s, n.id, nullif(n.before, 'null'), n.after
        FROM jsonb_to_recordset(%(sessions)s::jsonb) AS n (id bigint, before jsonb, after jsonb)
        """,
        {
            "act_id": row[0],
            "sessions": json.dumps(
                [
                    {
                        "id": id,
                        "before": None if before is None else msgspec.to_builtins(before),
                        "after": msgspec.to_builtins(after),
                    }
                    for id, (before, after) in sessions.items()
                ]
            ),
        },
    )
    return int(row[0])


_ACT = """
    SELECT a.id, a.kind, a.by_name, a.reason, a.at, a.undone_at, count(s.act_id) AS sessions,
           (SELECT coalesce(jsonb_object_agg(undone, n), '{}')
            FROM (SELECT undone, count(*) AS n FROM supply_act_sessions
                  WHERE act_id = a.id AND undone IS NOT NULL GROUP BY undone) f) AS fates
    FROM supply_acts a LEFT JOIN supply_act_sessions s ON s.act_id = a.id
    WHERE a.hospital_id = %(hospital_id)s
"""


async def latest(tx: Tx, hospital_id: int, limit: int) -> list[SavedAct]:
    """Return a hospital's acts, the newest first."""
    return await tx.records(
        SavedAct,
        f"{_ACT} GROUP BY a.id ORDER BY a.id DESC LIMIT %(limit)s",
        {"hospital_id": hospital_id, "limit": limit},
    )


async def lock(tx: Tx, hospital_id: int, act_id: int) -> SavedAct | None:
    """Lock an act; None if unknown or another hospital's."""
    params = {"hospital_id": hospital_id, "id": act_id}
    await tx.do(
        """
        SELECT FROM supply_acts WHERE id = %(id)s AND hospital_id = %(hospital_id)s
        FOR NO KEY UPDATE
        """,
        params,
    )
    return await tx.record(SavedAct, f"{_ACT} AND a.id = %(id)s GROUP BY a.id", params)


async def sessions_of(tx: Tx, act_id: int) -> list[ActSession]:
    """Return the sessions of an act with their terms before and after it, by id."""
    return await tx.records(
        _act_session,
        """
        SELECT clinic_session_id AS session_id, before, after FROM supply_act_sessions
        WHERE act_id = %(id)s ORDER BY clinic_session_id
        """,
        {"id": act_id},
    )


def _act_session(*, session_id: int, before: Any, after: Any) -> ActSession:
    return ActSession(
        session_id,
        None if before is None else msgspec.convert(before, SessionTerms),
        msgspec.convert(after, SessionTerms),
    )


async def mark_undone(tx: Tx, act_id: int, fates: Mapping[int, str]) -> None:
    """Mark an act undone, with what became of each session."""
    await tx.do(
        "UPDATE supply_acts SET undone_at = %(now)s WHERE id = %(id)s",
        {"now": tx.now, "id": act_id},
    )
    await tx.do(
        """
        UPDATE supply_act_sessions s SET undone = n.fate
        FROM unnest(%(ids)s::bigint[], %(fates)s::text[]) AS n (id, fate)
        WHERE s.act_id = %(act_id)s AND s.clinic_session_id = n.id
        """,
        {"act_id": act_id, "ids": list(fates), "fates": list(fates.values())},
    )
