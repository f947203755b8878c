"""Places of sessions that nobody can simply book: they wait for a draw, or for the counter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_COLUMNS, rules_on, take_rules
from guahao.store.kernel.db import Tx, recordset


@dataclass(frozen=True, slots=True)
class SessionPlaces:
    """A session's places, and what decides who gets those that come back."""

    id: int
    hospital_id: int
    department_id: int
    title: str
    specialty: str
    visit_date: date
    period: str
    is_stopped: bool
    capacity: int
    booked: int
    held: int
    reserved: int
    offered: int  # of those reserved, to patients of a stopped clinic
    rules: HospitalRules

    @property
    def free(self) -> int:
        """Return the places that can be booked; none of a stopped session."""
        return 0 if self.is_stopped else self.capacity - self.booked - self.held - self.reserved


@dataclass(frozen=True, slots=True)
class HeldPlaces:
    """Places that came back, or that a session brought: they wait for a draw or are reserved.

    Without `draw_at` they are reserved, unless `is_free`: then anybody can book them at once, and
    the row only says that they came back. `free_before`: places of the session that were free
    just before; None where none came back.
    """

    session_id: int
    places: int
    cause: str
    draw_at: datetime | None
    free_before: int | None = None
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class WaitingPlaces:
    """A row of places that wait."""

    id: int
    session_id: int
    places: int
    cause: str
    draw_at: datetime | None
    is_in_closed_draw: bool


async def places_of(tx: Tx, session_ids: Collection[int]) -> dict[int, SessionPlaces]:
    """Return the places of sessions by id; lock the sessions first to decide on them."""
    found = await tx.records(
        _places,
        f"""
        SELECT s.id, s.hospital_id, s.department_id, s.title, s.specialty, s.visit_date,
               s.period, s.stopped_at IS NOT NULL AS is_stopped,
               s.capacity, s.booked, s.held, s.reserved,
               (SELECT count(*)::int FROM replacement_offers o
                WHERE o.clinic_session_id = s.id AND o.state = 'open') AS offered,
               {RULES_COLUMNS}
        FROM clinic_sessions s JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("%(today)s::date")}
        WHERE s.id = ANY(%(ids)s::bigint[]) ORDER BY s.id
        """,
        {"today": tx.now.date(), "ids": list(session_ids)},
    )
    return {places.id: places for places in found}


def _places(**row: Any) -> SessionPlaces:
    rules = take_rules(row)
    return SessionPlaces(rules=rules, **row)


async def hold(tx: Tx, kept: Sequence[HeldPlaces]) -> None:
    """Record places of locked sessions, and count there those that are kept."""
    if not kept:
        return
    params = {
        "now": tx.now,
        "kept": recordset(
            [
                {
                    "session_id": places.session_id,
                    "places": places.places,
                    "cause": places.cause,
                    "draw_at": None if places.draw_at is None else places.draw_at.isoformat(),
                    "free_before": places.free_before,
                    "is_free": places.is_free,
                }
                for places in kept
            ]
        ),
    }
    await tx.do(
        """
        INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at, free_before,
                                 released_at, department_id, title, visit_date)
        SELECT n.session_id, n.places, n.cause, %(now)s, n.draw_at, n.free_before,
               CASE WHEN n.is_free THEN %(now)s END, s.department_id, s.title, s.visit_date
        FROM json_to_recordset(%(kept)s::json)
            AS n (session_id bigint, places int, cause text, draw_at timestamptz,
                  free_before int, is_free boolean)
        JOIN clinic_sessions s ON s.id = n.session_id
        """,
        params,
    )
    await tx.do(
        """
        UPDATE clinic_sessions s
        SET held = s.held + n.held, reserved = s.reserved + n.reserved,
            draw_at = least(CASE WHEN s.held > 0 THEN s.draw_at END, n.draw_at)
        FROM (SELECT session_id, sum(CASE WHEN draw_at IS NOT NULL THEN places ELSE 0 END) AS held,
                     sum(CASE WHEN draw_at IS NULL THEN places ELSE 0 END) AS reserved,
                     min(draw_at) AS draw_at
              FROM json_to_recordset(%(kept)s::json)
                  AS k (session_id bigint, places int, draw_at timestamptz, is_free boolean)
              WHERE NOT is_free GROUP BY session_id) n
        WHERE s.id = n.session_id
        """,
        params,
    )


async def waiting(tx: Tx, session_ids: Collection[int]) -> list[WaitingPlaces]:
    """Return the places of sessions that wait, by id: the latest last."""
    return await tx.records(
        WaitingPlaces,
        """
        SELECT id, clinic_session_id AS session_id, places, cause, draw_at,
               draw_id IS NOT NULL AS is_in_closed_draw
        FROM held_places
        WHERE clinic_session_id = ANY(%(ids)s::bigint[]) AND released_at IS NULL
        ORDER BY id
        """,
        {"ids": list(session_ids)},
    )


async def replace_places(tx: Tx, left: Mapping[int, int]) -> None:
    """Set how many places wait in each row, by its id; a row without places is released."""
    await tx.do(
        """
        UPDATE held_places h
        SET places = n.places, released_at = CASE WHEN n.places = 0 THEN %(now)s END
        FROM unnest(%(ids)s::bigint[], %(places)s::int[]) AS n (id, places)
        WHERE h.id = n.id
        """,
        {"now": tx.now, "ids": list(left), "places": list(left.values())},
    )


async def count_anew(tx: Tx, session_ids: Collection[int]) -> None:
    """Count the waiting places and open offers of locked sessions, with their next draw."""
    await tx.do(
        """
        UPDATE clinic_sessions s
        SET held = n.held, reserved = n.reserved, draw_at = n.draw_at
        FROM (
            SELECT asked.id,
                   coalesce(sum(h.places) FILTER (WHERE h.draw_at IS NOT NULL), 0) AS held,
                   coalesce(sum(h.places) FILTER (WHERE h.draw_at IS NULL), 0) + (
                       SELECT count(*) FROM replacement_offers o
                       WHERE o.clinic_session_id = asked.id AND o.state = 'open') AS reserved,
                   min(h.draw_at) FILTER (WHERE h.places > 0) AS draw_at
            FROM unnest(%(ids)s::bigint[]) AS asked (id)
            LEFT JOIN held_places h ON h.clinic_session_id = asked.id AND h.released_at IS NULL
            GROUP BY asked.id
        ) n
        WHERE s.id = n.id
        """,
        {"ids": list(session_ids)},
    )
