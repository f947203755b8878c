"""How hospitals decided that places are given out, with the visit dates from which it holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.fairness.modes import DatedMode, Release
from guahao.rules.fairness.returning import APPLICATIONS_OPEN, ReleaseMode
from guahao.store.kernel.db import Tx

_MODE = "m.department_id, m.title, m.holds_from, m.mode, m.referral_percent"


@dataclass(frozen=True, slots=True)
class Decision:
    """A hospital's decision as people read it, with who made it and why."""

    id: int
    mode: DatedMode
    department_name: str | None
    reason: str
    decided_by: str
    decided_at: datetime


async def of_hospitals(tx: Tx, hospital_ids: Sequence[int]) -> Mapping[int, list[DatedMode]]:
    """Return the decisions of each hospital; none for a hospital that never decided."""
    found: defaultdict[int, list[DatedMode]] = defaultdict(list)
    for hospital_id, decision in await tx.records(
        _by_hospital,
        f"SELECT hospital_id, {_MODE} FROM release_modes m WHERE hospital_id = ANY(%(ids)s)",
        {"ids": list(hospital_ids)},
    ):
        found[hospital_id].append(decision)
    return found


async def listed(tx: Tx, hospital_id: int) -> list[Decision]:
    """Return a hospital's decisions: the hospital's own first, then by department, title, date."""
    return await tx.records(
        _decision,
        f"""
        SELECT m.id, {_MODE}, d.name AS department_name, m.reason, m.decided_by, m.decided_at
        FROM release_modes m LEFT JOIN departments d ON d.id = m.department_id
        WHERE m.hospital_id = %(hospital_id)s
        ORDER BY d.name NULLS FIRST, d.id, m.title NULLS FIRST, m.holds_from
        """,
        {"hospital_id": hospital_id},
    )


async def put(tx: Tx, hospital_id: int, new: DatedMode, reason: str, decided_by: str) -> int:
    """Save a decision in place of another for the same sessions and date; return its id."""
    row = await tx.row(
        """
        INSERT INTO release_modes AS m (hospital_id, department_id, title, mode, referral_percent,
                                        holds_from, reason, decided_by, decided_at)
        VALUES (%(hospital_id)s, %(department_id)s, %(title)s, %(mode)s, %(referral_percent)s,
                %(holds_from)s, %(reason)s, %(decided_by)s, %(now)s)
        ON CONFLICT (hospital_id, department_id, title, holds_from) DO UPDATE
        SET mode = excluded.mode, referral_percent = excluded.referral_percent,
            reason = excluded.reason, decided_by = excluded.decided_by,
            decided_at = excluded.decided_at
        RETURNING id
        """,
        {
            "hospital_id": hospital_id,
            "department_id": new.department_id,
            "title": new.title,
            "mode": new.release.mode,
            "referral_percent": new.release.referral_percent,
            "holds_from": new.holds_from,
            "reason": reason,
            "decided_by": decided_by,
            "now": tx.now,
        },
    )
    assert row is not None
    return int(row[0])


async def delete(tx: Tx, hospital_id: int, decision_id: int) -> None:
    """Delete a decision of this hospital."""
    await tx.do(
        "DELETE FROM release_modes WHERE id = %(id)s AND hospital_id = %(hospital_id)s",
        {"id": decision_id, "hospital_id": hospital_id},
    )


async def titles_used(tx: Tx, hospital_id: int) -> list[str]:
    """Return the titles of a hospital's sessions to come and of its decisions."""
    rows = await tx.rows(
        """
        SELECT title FROM clinic_sessions
        WHERE hospital_id = %(hospital_id)s AND visit_date > %(today)s
        UNION SELECT title FROM release_modes
        WHERE hospital_id = %(hospital_id)s AND title IS NOT NULL
        ORDER BY title
        """,
        {"hospital_id": hospital_id, "today": tx.now.date()},
    )
    return [title for (title,) in rows]


@dataclass(frozen=True, slots=True)
class ModeSession:
    """A session of a hospital, and what decides how its places are given out."""

    id: int
    department_id: int
    title: str
    visit_date: date


async def sessions_of(tx: Tx, hospital_id: int, scope: DatedMode) -> list[ModeSession]:
    """Return the sessions that a decision is about, by id."""
    return await tx.records(
        ModeSession,
        """
        SELECT id, department_id, title, visit_date FROM clinic_sessions
        WHERE hospital_id = %(hospital_id)s AND visit_date >= %(holds_from)s
          AND (%(department_id)s::bigint IS NULL OR department_id = %(department_id)s)
          AND (%(title)s::text IS NULL OR title = %(title)s)
        ORDER BY id
        """,
        {
            "hospital_id": hospital_id,
            "holds_from": scope.holds_from,
            "department_id": scope.department_id,
            "title": scope.title,
        },
    )


async def announced_until(tx: Tx, hospital_id: int) -> date | None:
    """Return the last visit date whose draw at the release takes applications, or None.

    It keeps its moment although the hospital's rules have changed since.
    """
    row = await tx.row(
        """
        SELECT max(s.visit_date) FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        WHERE s.hospital_id = %(hospital_id)s AND p.cause = 'release' AND p.released_at IS NULL
          AND p.draw_at <= %(released_by)s
        """,
        {"hospital_id": hospital_id, "released_by": tx.now + APPLICATIONS_OPEN},
    )
    return None if row is None else row[0]


async def deciding_hospitals(tx: Tx) -> list[int]:
    """Return the hospitals that decided on release modes, or did and whose places still wait."""
    rows = await tx.rows(
        """
        SELECT hospital_id FROM release_modes
        UNION SELECT s.hospital_id FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        WHERE p.cause = 'release' AND p.released_at IS NULL
        ORDER BY 1
        """
    )
    return [row[0] for row in rows]


async def sessions_from(tx: Tx, hospital_id: int, day: date) -> list[int]:
    """Return a hospital's sessions that are not stopped, from a visit date on."""
    rows = await tx.rows(
        """
        SELECT id FROM clinic_sessions
        WHERE hospital_id = %(hospital_id)s AND visit_date >= %(day)s AND stopped_at IS NULL
        ORDER BY id
        """,
        {"hospital_id": hospital_id, "day": day},
    )
    return [row[0] for row in rows]


def _by_hospital(*, hospital_id: int, **row: Any) -> tuple[int, DatedMode]:
    return hospital_id, _dated(row)


def _decision(
    *,
    id: int,
    department_name: str | None,
    reason: str,
    decided_by: str,
    decided_at: datetime,
    **row: Any,
) -> Decision:
    return Decision(id, _dated(row), department_name, reason, decided_by, decided_at)


def _dated(row: dict[str, Any]) -> DatedMode:
    release = Release(ReleaseMode(row.pop("mode")), row.pop("referral_percent"))
    return DatedMode(**row, release=release)
