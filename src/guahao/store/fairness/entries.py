"""Entries of draws: fixed at closing, each with its result afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import scalar_row

from guahao.rules.fairness.allocating import FULL, LONG_WAIT_LOSSES, DrawEntry, Result, Skipped, Won
from guahao.rules.fairness.applying import Wishes
from guahao.store.fairness.applications import take_wishes
from guahao.store.kernel.db import Tx, hexed, recordset
from guahao.store.kernel.records import columns


@dataclass(frozen=True, slots=True)
class Applicant:
    """An application of an entry, when its places are given out. `patients`: by their position."""

    id: int
    account_id: int
    actor_kind: str
    actor_id: int
    channel: str
    patients: list[int]


@dataclass(frozen=True, slots=True)
class WonPlace:
    """A place that an entry won: its booking, and until when it can be declined."""

    appointment_id: int
    application_id: int
    patient_id: int
    declinable_until: datetime


@dataclass(frozen=True, slots=True)
class AppliedWishes:
    """Wishes of live applications, which are alike for many; `key`: what they are stored as."""

    key: str
    wishes: Wishes


_KEY = f"ROW({columns(Wishes, 'a')})::text"
_APPLIED = """
    a.state = 'live' AND a.department_id = %(department_id)s AND a.created_at < %(made_before)s
"""


async def wishes_in(tx: Tx, department_id: int, made_before: datetime) -> list[AppliedWishes]:
    """Return what the live applications of a department wish that were made before a moment."""
    return await tx.records(
        _applied_wishes,
        f"""
        SELECT DISTINCT {_KEY} AS key, {columns(Wishes, "a")} FROM applications a WHERE {_APPLIED}
        """,
        {"department_id": department_id, "made_before": made_before},
    )


def _applied_wishes(key: str, **row: Any) -> AppliedWishes:
    return AppliedWishes(key, take_wishes(row))


async def enter(
    tx: Tx,
    draw_id: int,
    department_id: int,
    made_before: datetime,
    choices: Mapping[str, tuple[int, ...]],
) -> int:
    """Store an entry with a new ticket for each live application; return how many.

    `choices`: of the applications whose wishes have this key; those without do not enter. A
    ticket is 128 bits of SHA-256 over 244 random bits, which PostgreSQL takes from the system.
    """
    rows = [{"key": key, "choices": chosen} for key, chosen in choices.items()]
    return await tx.do(
        f"""
        INSERT INTO draw_entries (draw_id, ticket, application_id, size, may_split, lost, choices)
        SELECT %(draw_id)s,
               substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16)
                   AS ticket,
               a.id, p.size, a.may_split AND p.size > 1, a.lost, c.choices
        FROM applications a
        JOIN json_to_recordset(%(rows)s::json) AS c (key text, choices int[]) ON c.key = {_KEY}
        CROSS JOIN LATERAL (SELECT count(*) AS size FROM application_patients ap
                            WHERE ap.application_id = a.id) p
        WHERE {_APPLIED} ORDER BY ticket
        """,
        {
            "draw_id": draw_id,
            "department_id": department_id,
            "made_before": made_before,
            "rows": recordset(rows),
        },
    )


@dataclass(frozen=True, slots=True)
class Undecided:
    """An entry without a result. `application_id`: None where the application is forgotten."""

    entry: DrawEntry
    application_id: int | None


_BY_SEED = "sha256(%(seed)s::bytea || ticket)"  # rules/fairness/drawing.py order_of


async def long_waits(tx: Tx, draw_id: int, seed: bytes, places: int) -> list[DrawEntry]:
    """Return the entries that lost before and may come first, in the order of the seed.

    Of each size as many as `places` can serve: more cannot be among the first.
    """
    return await tx.records(
        _entry,
        f"""
        SELECT {_ENTRY} FROM (
            SELECT e.*, {_BY_SEED} AS key,
                   row_number() OVER (PARTITION BY size ORDER BY {_BY_SEED}) AS number
            FROM draw_entries e WHERE draw_id = %(draw_id)s AND lost >= %(losses)s
        ) e WHERE number * size <= %(places)s ORDER BY key
        """,
        {"draw_id": draw_id, "seed": seed, "places": places, "losses": LONG_WAIT_LOSSES},
    )


async def undecided(
    tx: Tx, draw_id: int, seed: bytes, first: Sequence[bytes], limit: int
) -> list[Undecided]:
    """Return the next entries without a result, in the order of the draw.

    `first`: tickets that come before the order of the seed.
    """
    return await tx.records(
        _undecided,
        f"""
        SELECT {_ENTRY}, application_id FROM draw_entries
        WHERE draw_id = %(draw_id)s AND position IS NULL
        ORDER BY ticket = ANY(%(first)s::bytea[]) DESC, {_BY_SEED} LIMIT %(limit)s
        """,
        {"draw_id": draw_id, "seed": seed, "first": list(first), "limit": limit},
    )


_ENTRY = columns(DrawEntry)


def _entry(ticket: bytes, choices: list[int], **row: Any) -> DrawEntry:
    return DrawEntry(ticket=bytes(ticket), choices=tuple(choices), **row)


def _undecided(application_id: int | None, **row: Any) -> Undecided:
    return Undecided(_entry(**row), application_id)


async def places_won(tx: Tx, draw_id: int) -> dict[int, int]:
    """Return the places that were won so far, by the number of the session."""
    rows = await tx.rows(
        """
        SELECT session, sum(cardinality(patients))::int FROM draw_entries
        WHERE draw_id = %(draw_id)s AND session IS NOT NULL GROUP BY session
        """,
        {"draw_id": draw_id},
    )
    return dict(rows)


async def applicants(tx: Tx, application_ids: Sequence[int]) -> dict[int, Applicant]:
    """Return applications with their patients, by id."""
    found = await tx.records(
        Applicant,
        """
        SELECT a.id, a.account_id, a.actor_kind, a.actor_id, a.channel,
               array_agg(p.patient_id ORDER BY p.position) AS patients
        FROM applications a JOIN application_patients p ON p.application_id = a.id
        WHERE a.id = ANY(%(ids)s::bigint[]) GROUP BY a.id
        """,
        {"ids": list(application_ids)},
    )
    return {applicant.id: applicant for applicant in found}


async def save_results(tx: Tx, draw_id: int, results: Mapping[bytes, Result]) -> None:
    """Store the results of entries by their tickets."""
    rows: list[dict[str, Any]] = []
    for ticket, result in results.items():
        row: dict[str, Any] = {
            "ticket": hexed(ticket),
            "position": result.position,
            "reasons": result.reasons,
        }
        if isinstance(result, Won):
            row |= {"session": result.session, "patients": result.patients}
        rows.append(row)
    await tx.do(
        """
        UPDATE draw_entries e
        SET position = n.position, session = n.session, patients = n.patients, reasons = n.reasons
        FROM json_to_recordset(%(rows)s::json)
            AS n (ticket bytea, position int, session int, patients smallint[], reasons text[])
        WHERE e.draw_id = %(draw_id)s AND e.ticket = n.ticket
        """,
        {"draw_id": draw_id, "rows": recordset(rows)},
    )


async def skip_rest(tx: Tx, draw_id: int, seed: bytes, cursor: int) -> int:
    """Store that no place was left for all entries after the first `cursor`; return how many.

    In the order of the draw, in which those with long waits come before all others.
    """
    return await tx.do(
        """
        UPDATE draw_entries e
        SET position = %(cursor)s + n.number,
            reasons = array_fill(%(full)s::text, ARRAY[n.choices])
        FROM (SELECT ticket, cardinality(choices) AS choices,
                     row_number() OVER (ORDER BY sha256(%(seed)s::bytea || ticket)) AS number
              FROM draw_entries WHERE draw_id = %(draw_id)s AND position IS NULL) n
        WHERE e.draw_id = %(draw_id)s AND e.ticket = n.ticket
        """,
        {"draw_id": draw_id, "seed": seed, "cursor": cursor, "full": FULL},
    )


async def count_losses(tx: Tx, draw_id: int, day: date) -> None:
    """Count a loss for each application that stands after its draw; call once, when it ends.

    At most one a day, and only where a place that it chose had gone to others. An applicant whose
    own limit or suspension rules out every choice has lost nothing, and could otherwise collect
    losses for the long waits.
    """
    await tx.do(
        """
        UPDATE applications a SET lost = a.lost + 1, lost_on = %(day)s
        FROM (SELECT a.id FROM draw_entries e JOIN applications a ON a.id = e.application_id
              WHERE e.draw_id = %(draw_id)s AND e.session IS NULL AND a.state = 'live'
                AND a.lost_on IS DISTINCT FROM %(day)s AND %(full)s = ANY(e.reasons)
              ORDER BY a.id FOR NO KEY UPDATE OF a) lost
        WHERE a.id = lost.id
        """,
        {"draw_id": draw_id, "day": day, "full": FULL},
    )


async def save_wins(tx: Tx, draw_id: int, wins: Sequence[WonPlace]) -> None:
    """Store the places that were won, for declining and for the figures."""
    await tx.do(
        """
        INSERT INTO wins (appointment_id, draw_id, application_id, patient_id, won_at,
                          declinable_until)
        SELECT appointment_id, %(draw_id)s, application_id, patient_id, %(now)s, declinable_until
        FROM json_to_recordset(%(rows)s::json)
            AS n (appointment_id bigint, application_id bigint, patient_id bigint,
                  declinable_until timestamptz)
        """,
        {
            "draw_id": draw_id,
            "now": tx.now,
            "rows": recordset(
                [
                    {
                        "appointment_id": win.appointment_id,
                        "application_id": win.application_id,
                        "patient_id": win.patient_id,
                        "declinable_until": win.declinable_until,
                    }
                    for win in wins
                ]
            ),
        },
    )


# Reading --------------------------------------------------------------------------------------


# The lines of a draw's file, byte for byte as rules/fairness/proof.py writes them, which tests
# compare: for a million entries Python takes half a minute and PostgreSQL three seconds.
_ENTRY_LINE = f"""
    concat('entry ', encode(ticket, 'hex'), ' ', size, CASE WHEN may_split THEN 's' END, ' ',
           array_to_string(choices, ','), CASE WHEN lost >= {LONG_WAIT_LOSSES} THEN ' wait' END)
"""
_RESULT_LINE = """
    concat_ws(' ', 'result', position, encode(ticket, 'hex'),
              CASE WHEN session IS NULL THEN 'skipped' ELSE concat('won ', session, ' ',
                  (SELECT string_agg((patient + 1)::text, ',') FROM unnest(patients) patient)) END,
              nullif(array_to_string(reasons, ' '), ''))
"""
_LINES_AT_ONCE = 5000


def entry_lines(tx: Tx, draw_id: int) -> AsyncIterator[list[str]]:
    """Yield the lines of a closed draw's entries in parts, ascending by ticket."""
    return _lines(tx, _ENTRY_LINE, "ORDER BY ticket", draw_id)


def result_lines(tx: Tx, draw_id: int) -> AsyncIterator[list[str]]:
    """Yield the lines of the results of a draw's entries in parts, by position."""
    return _lines(tx, _RESULT_LINE, "AND position IS NOT NULL ORDER BY position", draw_id)


async def _lines(tx: Tx, line: str, order: str, draw_id: int) -> AsyncIterator[list[str]]:
    """Yield lines in parts, so that a million need no memory."""
    async with tx.conn.cursor(name="lines", row_factory=scalar_row) as cursor:
        await cursor.execute(
            f"SELECT {line} FROM draw_entries WHERE draw_id = %(draw_id)s {order}",
            {"draw_id": draw_id},
        )
        while lines := await cursor.fetchmany(_LINES_AT_ONCE):
            yield lines


_OWN = """
    FROM draw_entries e JOIN applications a ON a.id = e.application_id
    WHERE a.id = %(application_id)s AND a.account_id = %(account_id)s
"""


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry with its result, if it has one; `index`: of its ticket among all, from 0."""

    entry: DrawEntry
    result: Result | None
    index: int


async def own(tx: Tx, account_id: int, application_id: int, draw_id: int) -> OwnEntry | None:
    """Return the entry of an account's application in a draw; None if there is none."""
    row = await tx.row(
        f"""
        SELECT e.ticket, e.size, e.choices, e.may_split, e.lost,
               e.position, e.session, e.patients, e.reasons,
               (SELECT count(*) FROM draw_entries o
                WHERE o.draw_id = e.draw_id AND o.ticket < e.ticket)
        {_OWN} AND e.draw_id = %(draw_id)s
        """,
        {"account_id": account_id, "application_id": application_id, "draw_id": draw_id},
    )
    if row is None:
        return None
    ticket, size, choices, may_split, lost, position, session, patients, reasons, index = row
    entry = DrawEntry(bytes(ticket), size, tuple(choices), may_split, lost)
    result: Result | None = None
    if session is not None:
        result = Won(position, session, tuple(patients), tuple(reasons))
    elif position is not None:
        result = Skipped(position, tuple(reasons))
    return OwnEntry(entry, result, index)


async def last_won(tx: Tx, draw_id: int) -> dict[int, int]:
    """Return the position of the last entry that won a place of each session."""
    rows = await tx.rows(
        """
        SELECT session, max(position) FROM draw_entries
        WHERE draw_id = %(draw_id)s AND session IS NOT NULL GROUP BY session
        """,
        {"draw_id": draw_id},
    )
    return dict(rows)


async def forget_entrants(tx: Tx, before: datetime) -> int:
    """Delete all that links persons to the tickets of draws that ended before a moment.

    Return how many entries were forgotten. An application that ended as long ago is deleted: its
    wishes would tell its entries by their choices. Of the losses before an entry remains what its
    draw's file says.
    """
    forgotten = await tx.do(
        """
        UPDATE draw_entries e
        SET application_id = NULL,
            lost = CASE WHEN e.lost >= %(losses)s THEN %(losses)s ELSE 0 END
        FROM draws d WHERE d.id = e.draw_id AND d.done_at < %(before)s
          AND e.application_id IS NOT NULL
        """,
        {"before": before, "losses": LONG_WAIT_LOSSES},
    )
    await tx.do(
        "DELETE FROM wins w USING draws d WHERE d.id = w.draw_id AND d.done_at < %(before)s",
        {"before": before},
    )
    await tx.do(
        """
        WITH ended AS (
            SELECT a.id FROM applications a
            WHERE a.state <> 'live' AND a.changed_at < %(before)s
              AND NOT EXISTS (SELECT FROM draw_entries e WHERE e.application_id = a.id)
              AND NOT EXISTS (SELECT FROM wins w WHERE w.application_id = a.id)
        ), patients AS (
            DELETE FROM application_patients ap USING ended WHERE ap.application_id = ended.id
        )
        DELETE FROM applications a USING ended WHERE a.id = ended.id
        """,
        {"before": before},
    )
    return forgotten
