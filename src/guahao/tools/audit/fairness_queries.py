"""What the audit reads of fair release: the places that came back, and the finished draws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.kernel.limits import HospitalRules
from guahao.store.hospitals.directory import RULES_COLUMNS, rules_on, take_rules
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Returned:
    """Places that came back, as they were recorded."""

    id: int
    hospital_id: int
    department_id: int
    title: str
    visit_date: date
    held_at: datetime
    free_before: int
    was_free: bool
    rules: HospitalRules


async def returns(tx: Tx) -> list[Returned]:
    """Return every recorded return, with the hospital's rules of its day."""
    return await tx.records(
        _returned,
        f"""
        SELECT p.id, s.hospital_id, coalesce(p.department_id, s.department_id) AS department_id,
               coalesce(p.title, s.title) AS title,
               coalesce(p.visit_date, s.visit_date) AS visit_date, p.held_at,
               p.free_before, p.released_at IS NOT DISTINCT FROM p.held_at AS was_free,
               {RULES_COLUMNS}
        FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("(p.held_at AT TIME ZONE 'Asia/Shanghai')::date")}
        WHERE p.free_before IS NOT NULL AND p.places > 0 ORDER BY p.id
        """,
    )


def _returned(**row: Any) -> Returned:
    rules = take_rules(row)
    return Returned(rules=rules, **row)


async def published_draws(tx: Tx) -> list[tuple[int, bytes]]:
    """Return the finished draws, with the hash of the file that was published."""
    rows = await tx.rows("SELECT id, proof_sha256 FROM draws WHERE state = 'done' ORDER BY id")
    return [(id, published) for id, published in rows]


@dataclass(frozen=True, slots=True)
class BeaconRound:
    """A round of drand as draws used it, and these draws."""

    beacon: str
    round: int
    signature: bytes
    draw_ids: list[int]


async def beacon_rounds(tx: Tx) -> list[BeaconRound]:
    """Return the rounds of drand that draws used, with the signatures that they published."""
    return await tx.records(
        BeaconRound,
        """
        SELECT beacon, source_used[cardinality(source_used)] AS round,
               beacon_signature AS signature, array_agg(id ORDER BY id) AS draw_ids
        FROM draws
        WHERE beacon_signature IS NOT NULL AND source_used[cardinality(source_used)] IS NOT NULL
        GROUP BY 1, 2, 3 ORDER BY min(id)
        """,
    )


@dataclass(frozen=True, slots=True)
class Raised:
    """A session whose capacity was raised by its form or one call. `is_recorded`: as a return."""

    session_id: int
    visit_date: date
    at: datetime
    is_recorded: bool
    rules: HospitalRules


async def raised(tx: Tx) -> list[Raised]:
    """Return the sessions whose capacity was raised since returns are recorded.

    Without those that were stopped at some time, which have no free places then.
    """
    return await tx.records(
        _raised,
        f"""
        SELECT s.id AS session_id, s.visit_date, t.at,
               EXISTS (SELECT FROM held_places p
                       WHERE p.clinic_session_id = s.id AND p.held_at = t.at) AS is_recorded,
               {RULES_COLUMNS}
        FROM audit_trail t
        JOIN clinic_sessions s ON s.id = t.subject_id
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("(t.at AT TIME ZONE 'Asia/Shanghai')::date")}
        WHERE t.action = 'change_session' AND t.subject_kind = 'clinic_session'
          AND t.at >= (SELECT min(held_at) FROM held_places WHERE free_before IS NOT NULL)
          AND (t.detail::json -> 'after' ->> 'capacity')::int
            > (t.detail::json -> 'before' ->> 'capacity')::int
          AND NOT EXISTS (SELECT FROM stop_sessions o WHERE o.clinic_session_id = s.id)
        ORDER BY t.seq
        """,
    )


def _raised(**row: Any) -> Raised:
    rules = take_rules(row)
    return Raised(rules=rules, **row)


@dataclass(frozen=True, slots=True)
class GivenReason:
    """Why a choice of an entry was passed over, and what is still known of its persons then.

    The counts are of the patient with the most: bookings that counted when the draw was held,
    in the session's department on its date, on its date, in the days and the months around it.
    """

    draw_id: int
    drawn_at: datetime
    reason: str
    has_ended: bool
    was_stopped: bool
    has_lost_places: bool
    may_be_suspended: bool
    of_department: int
    of_day: int
    of_days: int
    of_months: int


async def given_reasons(
    tx: Tx, short_window_days: int, long_window_months: int
) -> list[GivenReason]:
    """Return the reasons that rules gave in finished draws whose applications are known."""
    return await tx.records(
        GivenReason,
        """
        WITH given AS (
            SELECT d.id AS draw_id, d.drawn_at, d.done_at, r.reason, e.application_id,
                   n.clinic_session_id, n.places_left, s.department_id, s.visit_date,
                   a.state <> 'live' AND a.changed_at <= d.done_at AS has_ended
            FROM draws d
            JOIN draw_entries e ON e.draw_id = d.id
            JOIN applications a ON a.id = e.application_id
            CROSS JOIN LATERAL unnest(e.reasons) WITH ORDINALITY AS r (reason, rank)
            JOIN draw_sessions n ON n.draw_id = d.id AND n.number = e.choices[r.rank]
            JOIN clinic_sessions s ON s.id = n.clinic_session_id
            WHERE d.state = 'done' AND r.reason <> 'full'
        )
        SELECT g.draw_id, g.drawn_at, g.reason, g.has_ended,
               EXISTS (SELECT FROM stop_sessions o
                       WHERE o.clinic_session_id = g.clinic_session_id) AS was_stopped,
               g.places_left > (SELECT coalesce(sum(p.places), 0) FROM held_places p
                                WHERE p.draw_id = g.draw_id
                                  AND p.clinic_session_id = g.clinic_session_id)
                   AS has_lost_places,
               coalesce(c.may_be_suspended, false) AS may_be_suspended,
               coalesce(c.of_department, 0) AS of_department, coalesce(c.of_day, 0) AS of_day,
               coalesce(c.of_days, 0) AS of_days, coalesce(c.of_months, 0) AS of_months
        FROM given g
        CROSS JOIN LATERAL (
            SELECT bool_or(k.may_be_suspended) AS may_be_suspended,
                   max(k.of_department) AS of_department, max(k.of_day) AS of_day,
                   max(k.of_days) AS of_days, max(k.of_months) AS of_months
            FROM application_patients ap
            JOIN patients p ON p.id = ap.patient_id
            CROSS JOIN LATERAL (
                SELECT bool_or(o.suspended_until IS NOT NULL OR b.status = 'no_show')
                           AS may_be_suspended,
                       count(*) FILTER (WHERE w.counts AND b.visit_date = g.visit_date
                                        AND b.department_id = g.department_id) AS of_department,
                       count(*) FILTER (WHERE w.counts AND b.visit_date = g.visit_date) AS of_day,
                       count(*) FILTER (WHERE w.counts AND abs(b.visit_date - g.visit_date)
                                        < %(days)s) AS of_days,
                       count(*) FILTER (WHERE w.counts AND b.visit_date BETWEEN
                                        g.visit_date - make_interval(months => %(months)s) AND
                                        g.visit_date + make_interval(months => %(months)s))
                           AS of_months
                FROM patients o
                LEFT JOIN appointments b ON b.patient_id = o.id
                CROSS JOIN LATERAL (SELECT b.booked_at <= g.done_at AND (
                    b.status IN ('booked', 'picked_up', 'no_show', 'unverified')
                    OR b.changed_at > g.drawn_at) AS counts) w
                WHERE o.id = coalesce(p.merged_into, p.id)
                   OR o.merged_into = coalesce(p.merged_into, p.id)
            ) k
            WHERE ap.application_id = g.application_id
        ) c
        ORDER BY g.draw_id
        """,
        {"days": short_window_days, "months": long_window_months},
    )


async def decided_entries(tx: Tx) -> int:
    """Count the entries of finished draws whose applications are known."""
    row = await tx.row(
        """
        SELECT count(*) FROM draw_entries e JOIN draws d ON d.id = e.draw_id
        WHERE d.state = 'done' AND e.application_id IS NOT NULL
        """
    )
    return 0 if row is None else row[0]
