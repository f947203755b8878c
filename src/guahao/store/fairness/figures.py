"""What came of draws, counted for the commission: by level, by channel, by reason, by account."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.rules.reports.scope import ReportScope
from guahao.store.kernel.db import Tx
from guahao.store.reports.scope import days_of, of_place

FORGOTTEN = "forgotten"  # the channel of entries whose application is forgotten by now

# The finished draws of the scope, by the moment of the draw.
_DRAWN = "d.state = 'done' AND d.draw_at >= %(from)s AND d.draw_at < %(until)s"


@dataclass(frozen=True, slots=True)
class DrawFigures:
    """Draws of a kind and level of proof. `places`: drawn; `won`: of these, with a winner.

    `entries`: of one or two `patients` each. `waiters`: entries of a draw, the median.
    """

    kind: str
    level: str
    draws: int
    places: int
    entries: int
    waiters: int
    patients: int
    won: int


async def of_draws(tx: Tx, scope: ReportScope) -> list[DrawFigures]:
    """Count the draws by kind and by who could have known the result."""
    place = of_place(scope, "d")
    return await tx.records(
        DrawFigures,
        f"""
        SELECT d.kind, CASE WHEN d.beacon_signature IS NOT NULL THEN 'beacon'
                            WHEN cardinality(d.source_values) > 0 THEN 'witnessed'
                            ELSE 'operator' END AS level,
               count(*) AS draws, coalesce(sum(s.places), 0)::int AS places,
               coalesce(sum(e.entries), 0)::int AS entries,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY d.entries) AS waiters,
               coalesce(sum(e.patients), 0)::int AS patients,
               coalesce(sum(e.won), 0)::int AS won
        FROM draws d
        CROSS JOIN LATERAL (SELECT sum(places_left) AS places FROM draw_sessions
                            WHERE draw_id = d.id) s
        CROSS JOIN LATERAL (SELECT count(*) AS entries, sum(size) AS patients,
                                   sum(cardinality(patients)) FILTER (WHERE session IS NOT NULL)
                                       AS won
                            FROM draw_entries WHERE draw_id = d.id) e
        WHERE {_DRAWN} {place.sql}
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {**days_of(scope), **place.params},
    )


async def waiters(tx: Tx, scope: ReportScope) -> int | None:
    """Return the median of how many entries the draws had; None without draws."""
    place = of_place(scope, "d")
    row = await tx.row(
        f"""
        SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY d.entries)
        FROM draws d WHERE {_DRAWN} {place.sql}
        """,
        {**days_of(scope), **place.params},
    )
    return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """Entries by the channel of their application, and what became of the places they won.

    `cancelled`: by anybody, declined ones apart. `missed`: no-shows and those not verified. Of
    forgotten ones only `patients` and `won` are known.
    """

    channel: str
    patients: int
    won: int
    picked_up: int
    missed: int
    declined: int
    cancelled: int
    waiting: int


async def by_channel(tx: Tx, scope: ReportScope) -> list[ChannelFigures]:
    """Count entries and wins by channel, the busiest first."""
    place = of_place(scope, "d")
    return await tx.records(
        ChannelFigures,
        f"""
        WITH entered AS (
            SELECT coalesce(a.channel, '{FORGOTTEN}') AS channel, sum(e.size) AS patients,
                   sum(cardinality(e.patients)) FILTER (WHERE a.id IS NULL) AS forgotten
            FROM draws d JOIN draw_entries e ON e.draw_id = d.id
            LEFT JOIN applications a ON a.id = e.application_id
            WHERE {_DRAWN} {place.sql} GROUP BY 1
        ), won AS (
            SELECT a.channel, count(*) AS won,
                   count(*) FILTER (WHERE p.status = 'picked_up') AS picked_up,
                   count(*) FILTER (WHERE p.status IN ('no_show', 'unverified')) AS missed,
                   count(w.declined_at) AS declined,
                   count(*) FILTER (WHERE p.status IN ('cancelled', 'stopped')
                                    AND w.declined_at IS NULL) AS cancelled,
                   count(*) FILTER (WHERE p.status = 'booked') AS waiting
            FROM draws d JOIN wins w ON w.draw_id = d.id
            JOIN appointments p ON p.id = w.appointment_id
            JOIN applications a ON a.id = w.application_id
            WHERE {_DRAWN} {place.sql} GROUP BY 1
        )
        SELECT channel, coalesce(patients, 0)::int AS patients,
               coalesce(won, forgotten, 0)::int AS won,
               coalesce(picked_up, 0) AS picked_up, coalesce(missed, 0) AS missed,
               coalesce(declined, 0) AS declined, coalesce(cancelled, 0) AS cancelled,
               coalesce(waiting, 0) AS waiting
        FROM entered FULL JOIN won USING (channel) ORDER BY patients DESC, channel
        """,
        {**days_of(scope), **place.params},
    )


@dataclass(frozen=True, slots=True)
class Skips:
    """How often a choice of an entry that won nothing was passed over for a reason."""

    reason: str
    choices: int


async def skips(tx: Tx, scope: ReportScope) -> list[Skips]:
    """Count why entries won nothing, for each of their choices, the most frequent reason first."""
    place = of_place(scope, "d")
    return await tx.records(
        Skips,
        f"""
        SELECT r.reason, count(*) AS choices
        FROM draws d JOIN draw_entries e ON e.draw_id = d.id AND e.session IS NULL
        CROSS JOIN LATERAL unnest(e.reasons) AS r (reason)
        WHERE {_DRAWN} {place.sql} GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        {**days_of(scope), **place.params},
    )


@dataclass(frozen=True, slots=True)
class PersonsAPhone:
    """Accounts that entered draws for so many different persons (`most`: or more)."""

    persons: int
    accounts: int
    entries: int
    won: int


PERSONS_MOST = 5


async def persons_a_phone(tx: Tx, scope: ReportScope) -> list[PersonsAPhone]:
    """Count the accounts by how many persons they entered for, over the scope's draws.

    A phone has two patients at a time (S3). More of them over time, each in turn, is what a
    scalper's phone looks like.
    """
    place = of_place(scope, "d")
    return await tx.records(
        PersonsAPhone,
        f"""
        WITH entered AS (
            SELECT a.account_id, a.id, count(*) AS entries
            FROM draws d JOIN draw_entries e ON e.draw_id = d.id
            JOIN applications a ON a.id = e.application_id
            WHERE {_DRAWN} {place.sql} GROUP BY 1, 2
        ), phones AS (
            SELECT e.account_id, sum(e.entries) AS entries,
                   (SELECT count(DISTINCT p.patient_id) FROM application_patients p
                    WHERE p.application_id = ANY(array_agg(e.id))) AS persons,
                   (SELECT count(*) FROM wins w JOIN draws d ON d.id = w.draw_id
                    WHERE w.application_id = ANY(array_agg(e.id))
                      AND {_DRAWN} {place.sql}) AS won
            FROM entered e GROUP BY 1
        )
        SELECT least(persons, %(most)s)::int AS persons, count(*) AS accounts,
               sum(entries)::int AS entries, sum(won)::int AS won
        FROM phones GROUP BY 1 ORDER BY 1
        """,
        {**days_of(scope), **place.params, "most": PERSONS_MOST},
    )


@dataclass(frozen=True, slots=True)
class TicketResult:
    """What a ticket of a draw came to; `chosen` are the numbers of the draw's sessions."""

    draw_id: int
    hospital_id: int
    department_id: int
    state: str
    size: int
    may_split: bool
    lost: int
    chosen: list[int]
    position: int | None
    session: int | None
    patients: list[int] | None
    reasons: list[str] | None


async def result_of_ticket(tx: Tx, draw_id: int, ticket: bytes) -> TicketResult | None:
    """Return an entry of a draw by its ticket; None where the draw has no such ticket."""
    return await tx.record(
        TicketResult,
        """
        SELECT e.draw_id, d.hospital_id, d.department_id, d.state, e.size, e.may_split, e.lost,
               e.choices AS chosen, e.position, e.session, e.patients, e.reasons
        FROM draw_entries e JOIN draws d ON d.id = e.draw_id
        WHERE e.draw_id = %(draw_id)s AND e.ticket = %(ticket)s
        """,
        {"draw_id": draw_id, "ticket": ticket},
    )
