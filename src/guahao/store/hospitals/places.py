"""Where there is a place, and when soonest: departments and hospitals of a search (S1, S4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.fairness.returning import DrawKind, applications_until
from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import rules_of, rules_on, rules_text
from guahao.store.hospitals.search import HospitalHit
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.records import columns, take


@dataclass(frozen=True, slots=True)
class Candidate:
    """A department that a search means, and the days of its hospital that can be booked.

    `tier`: how well it matches, the best first.
    """

    department_id: int
    tier: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class OpenPlace:
    """A department, the first day on which it has places, how many, and from which fee on.

    `soonest` None: no day that can be booked has a place; `draw_at` is then the next draw of
    places that wait, and `is_release` whether that is the draw at their release. Money in 分.
    """

    id: int
    code: str
    name: str
    name_en: str
    hospital: HospitalHit
    latitude: float | None
    longitude: float | None
    soonest: date | None
    remaining: int
    fee_fen: int | None
    fee_fen_most: int | None
    draw_at: datetime | None
    is_release: bool

    @property
    def apply_until(self) -> datetime | None:
        """Return until when an application takes part in the next draw."""
        if self.draw_at is None:
            return None
        kind = DrawKind.RELEASE if self.is_release else DrawKind.RETURNED
        return applications_until(kind, self.draw_at)


@dataclass(frozen=True, slots=True)
class OpenHospital:
    """A hospital, the first day on which any of its departments has places, and how many have."""

    hospital: HospitalHit
    latitude: float | None
    longitude: float | None
    soonest: date | None
    departments: int


# A place that can be booked, on s = clinic_sessions.
_FREE = "s.stopped_at IS NULL AND s.booked + s.held + s.reserved < s.capacity"
# Each department is looked up in the index, from its first day on until a place is found: never
# all sessions of all days.
_SOONEST = f"""
    LEFT JOIN LATERAL (
        SELECT s.visit_date FROM clinic_sessions s
        WHERE s.department_id = asked.id AND s.visit_date BETWEEN asked.first AND asked.last
          AND {_FREE}
        ORDER BY s.visit_date LIMIT 1) free ON true
"""
_ASKED = """
    unnest(%(ids)s::bigint[], %(tiers)s::int[], %(firsts)s::date[], %(lasts)s::date[])
        AS asked (id, tier, first, last)
"""
_PLACES = f"""
    WITH found AS MATERIALIZED (
        SELECT asked.id, asked.tier, free.visit_date AS soonest, d.hospital_id
        FROM {_ASKED}
        JOIN departments d ON d.id = asked.id AND d.on_platform
        {_SOONEST}
        WHERE NOT %(only_open)s OR free.visit_date IS NOT NULL
        ORDER BY asked.tier, free.visit_date NULLS LAST, d.hospital_id, d.id
        OFFSET %(skip)s LIMIT %(limit)s
    )
    SELECT d.id, d.code, d.name, d.name_en, {columns(HospitalHit, "h", "hospital_")},
           h.latitude, h.longitude, found.soonest, coalesce(there.remaining, 0) AS remaining,
           there.fee_fen, there.fee_fen_most,
           waiting.draw_at, coalesce(waiting.is_release, false) AS is_release
    FROM found
    JOIN departments d ON d.id = found.id
    JOIN hospitals h ON h.id = found.hospital_id
    LEFT JOIN LATERAL (
        SELECT sum(s.capacity - s.booked - s.held - s.reserved)::int AS remaining,
               min(s.fee_fen) AS fee_fen, max(s.fee_fen) AS fee_fen_most
        FROM clinic_sessions s
        WHERE s.department_id = found.id AND s.visit_date = found.soonest AND {_FREE}) there ON true
    LEFT JOIN LATERAL (
        SELECT p.draw_at, p.cause = 'release' AS is_release
        FROM clinic_sessions s JOIN held_places p ON p.clinic_session_id = s.id
        WHERE s.department_id = found.id AND s.visit_date > %(today)s AND s.held > 0
          AND s.stopped_at IS NULL AND p.released_at IS NULL AND p.places > 0
          AND p.draw_at > %(now)s
        ORDER BY p.draw_at LIMIT 1) waiting ON found.soonest IS NULL
    ORDER BY found.tier, found.soonest NULLS LAST, found.hospital_id, found.id
"""
_HOSPITALS = f"""
    SELECT {columns(HospitalHit, "h", "hospital_")}, h.latitude, h.longitude,
           there.soonest, coalesce(there.departments, 0) AS departments
    FROM unnest(%(ids)s::bigint[], %(firsts)s::date[], %(lasts)s::date[])
         WITH ORDINALITY AS place (id, first, last, number)
    JOIN hospitals h ON h.id = place.id
    LEFT JOIN LATERAL (
        SELECT min(free.visit_date) AS soonest, count(free.visit_date)::int AS departments
        FROM (SELECT d.id, place.first, place.last FROM departments d
              WHERE d.hospital_id = place.id AND d.on_platform AND d.parent_id IS NOT NULL) asked
        {_SOONEST}) there ON true
    ORDER BY place.number
"""
# Most hospitals have the same rules.
_RULES = f"""
    SELECT {rules_text("r")} AS rules, array_agg(h.id) AS ids
    FROM hospitals h {rules_on("%(today)s::date")} GROUP BY rules
"""


async def rules_of_hospitals(tx: Tx) -> list[tuple[HospitalRules, list[int]]]:
    """Return the rules in force today, each with the hospitals (ids) that have them."""
    rows = await tx.rows(_RULES, {"today": tx.now.date()})
    return [(rules_of(text), ids) for text, ids in rows]


async def open_places(
    tx: Tx, candidates: Sequence[Candidate], *, only_open: bool, skip: int, limit: int
) -> list[OpenPlace]:
    """Return the departments by tier, then the one with the soonest place first."""
    return await tx.records(
        _place,
        _PLACES,
        {
            "ids": array(one.department_id for one in candidates),
            "tiers": array(one.tier for one in candidates),
            "firsts": array(one.first for one in candidates),
            "lasts": array(one.last for one in candidates),
            "only_open": only_open,
            "skip": skip,
            "limit": limit,
            "today": tx.now.date(),
            "now": tx.now,
        },
    )


async def open_hospitals(tx: Tx, days: Sequence[tuple[int, date, date]]) -> list[OpenHospital]:
    """Return these hospitals in this order; `days`: id, first and last day to be booked."""
    return await tx.records(
        _hospital,
        _HOSPITALS,
        {
            "ids": array(id for id, _, _ in days),
            "firsts": array(first for _, first, _ in days),
            "lasts": array(last for _, _, last in days),
        },
    )


def _place(**row: Any) -> OpenPlace:
    return OpenPlace(hospital=take(HospitalHit, row, "hospital_"), **row)


def _hospital(**row: Any) -> OpenHospital:
    return OpenHospital(hospital=take(HospitalHit, row, "hospital_"), **row)
