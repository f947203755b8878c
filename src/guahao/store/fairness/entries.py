"""Entries of draws: fixed at closing, each with its result afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from guahao.rules.fairness.allocating import FULL, Entry, Result, Skipped, Won
from guahao.store.kernel.db import Tx, hexed, recordset


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
class Win:
    """A place that an entry won: its booking, and until when it can be declined."""

    appointment_id: int
    application_id: int
    patient_id: int
    declinable_until: datetime


async def add(tx: Tx, draw_id: int, entries: Iterable[tuple[Entry, int]]) -> None:
    """Store the entries of a draw, each with its application."""
    async with (
        tx.conn.cursor() as cursor,
        cursor.copy(
            "COPY draw_entries (draw_id, ticket, application_id, size, may_split, lost, choices)"
            " FROM STDIN"
        ) as copy,
    ):
        for entry, application_id in entries:
            choices = f"{{{','.join(map(str, entry.choices))}}}"
            await copy.write_row(
                (
                    draw_id,
                    hexed(entry.ticket),
                    application_id,
                    entry.size,
                    entry.may_split,
                    entry.lost,
                    choices,
                )
            )


_ENTRY = "encode(ticket, 'hex'), size, may_split, lost, choices, application_id"
_RESULT = "encode(ticket, 'hex'), position, session, patients, reasons"


async def entered(tx: Tx, draw_id: int) -> AsyncIterator[tuple[Entry, int | None]]:
    """Yield the entries of a closed draw, ascending by ticket, each with its application.

    None: an application that is forgotten, long after the draw.
    """
    alike: dict[str, tuple[int, ...]] = {}  # equal choices are one object
    async for row in _copied(tx, _ENTRY, "ORDER BY ticket", draw_id):
        ticket, size, may_split, lost, listed, application_id = row.split("\t")
        choices = alike.get(listed)
        if choices is None:
            choices = alike[listed] = tuple(map(int, listed[1:-1].split(",")))
        entry = Entry(bytes.fromhex(ticket), int(size), choices, may_split == "t", int(lost))
        yield entry, None if application_id == "\\N" else int(application_id)


async def _copied(tx: Tx, columns: str, order: str, draw_id: int) -> AsyncIterator[str]:
    """Yield rows of a draw in COPY's text form: 390 MB and a third of the time for a million."""
    query = sql.SQL(
        f"COPY (SELECT {columns} FROM draw_entries WHERE draw_id = {{id}} {order}) TO STDOUT"
    ).format(id=sql.Literal(draw_id))
    async with tx.conn.cursor() as cursor, cursor.copy(query) as copy:
        async for line in _lines(copy):
            yield line


async def _lines(copy: AsyncIterable[Any]) -> AsyncIterator[str]:
    """Yield the rows of a COPY in its text form, in which none of our values has escapes."""
    rest = b""
    async for block in copy:
        *lines, rest = (rest + bytes(block)).split(b"\n")
        for line in lines:
            yield line.decode()


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


async def count_losses(tx: Tx, draw_id: int) -> None:
    """Count a loss for each application that stands after its draw; call once, when it ends.

    Only where a place that it chose had gone to others: whom their own limit or suspension keeps
    from every choice has lost nothing, and could otherwise collect losses for the long waits.
    """
    await tx.do(
        """
        UPDATE applications a SET lost = a.lost + 1
        FROM (SELECT a.id FROM draw_entries e JOIN applications a ON a.id = e.application_id
              WHERE e.draw_id = %(draw_id)s AND e.session IS NULL AND a.state = 'live'
                AND %(full)s = ANY(e.reasons)
              ORDER BY a.id FOR NO KEY UPDATE OF a) lost
        WHERE a.id = lost.id
        """,
        {"draw_id": draw_id, "full": FULL},
    )


async def save_wins(tx: Tx, draw_id: int, wins: Sequence[Win]) -> None:
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


async def results(tx: Tx, draw_id: int) -> AsyncIterator[tuple[bytes, Result]]:
    """Yield ticket and result of each entry that is decided, by position."""
    alike: dict[str, tuple[str, ...]] = {}  # equal reasons are one object
    async for row in _copied(tx, _RESULT, "AND position IS NOT NULL ORDER BY position", draw_id):
        ticket, position, session, patients, listed = row.split("\t")
        reasons = alike.get(listed)
        if reasons is None:
            reasons = alike[listed] = tuple(filter(None, listed[1:-1].split(",")))
        result: Result = Skipped(int(position), reasons)
        if session != "\\N":
            won = tuple(map(int, patients[1:-1].split(",")))
            result = Won(int(position), int(session), won, reasons)
        yield bytes.fromhex(ticket), result


_OWN = """
    FROM draw_entries e JOIN applications a ON a.id = e.application_id
    WHERE a.id = %(application_id)s AND a.account_id = %(account_id)s
"""


async def draws_entered(tx: Tx, account_id: int, application_id: int) -> list[int]:
    """Return the draws that an account's application entered, the newest first."""
    rows = await tx.rows(
        f"SELECT e.draw_id {_OWN} ORDER BY e.draw_id DESC",
        {"account_id": account_id, "application_id": application_id},
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry with its result, if it has one; `index`: of its ticket among all, from 0."""

    entry: Entry
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
    entry = Entry(bytes(ticket), size, tuple(choices), may_split, lost)
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


async def forget_applications(tx: Tx, done_before: datetime) -> int:
    """Forget whose entries those of old draws were; return how many."""
    forgotten = await tx.do(
        """
        UPDATE draw_entries e SET application_id = NULL
        FROM draws d WHERE d.id = e.draw_id AND d.done_at < %(before)s
          AND e.application_id IS NOT NULL
        """,
        {"before": done_before},
    )
    await tx.do(
        """
        UPDATE wins w SET application_id = NULL
        FROM draws d WHERE d.id = w.draw_id AND d.done_at < %(before)s
          AND w.application_id IS NOT NULL
        """,
        {"before": done_before},
    )
    return forgotten
