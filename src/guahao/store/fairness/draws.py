"""Draws, their sessions, and the places that wait for them.

A step of a draw locks it first: draws, patients by id, clinic sessions by id, appointments.
Rows of `held_places` are guarded by the locks of their clinic sessions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from guahao.rules.fairness.returning import APPLICATIONS_OPEN
from guahao.store.fairness import held
from guahao.store.hospitals.directory import rules_on
from guahao.store.hospitals.search import department_matches
from guahao.store.kernel.db import Tx, recordset
from guahao.store.kernel.records import columns, take


@dataclass(frozen=True, slots=True)
class DrawToOpen:
    """Places of a department that wait for a draw which is not opened yet."""

    hospital_id: int
    department_id: int
    kind: str
    draw_at: datetime
    code: str
    names: list[str]  # the department's and its parent's


@dataclass(frozen=True, slots=True)
class NewDraw:
    """A draw to be opened. `sources`: first values of outside chains, and which value is used.

    `beacon`: what the last of them stands for, if it is a chain of drand.
    """

    id: int
    hospital_id: int
    department_id: int
    kind: str
    draw_at: datetime
    closes_at: datetime
    commitment: bytes
    secret_enc: bytes
    sources: Sequence[tuple[bytes, int]]
    beacon: str | None
    long_waits_percent: int
    is_sensitive: bool


@dataclass(frozen=True, slots=True)
class DrawRow:
    """A draw as it is stored. `cursor`: how many entries have their result."""

    id: int
    hospital_id: int
    department_id: int
    kind: str
    draw_at: datetime
    closes_at: datetime
    state: str
    opened_at: datetime
    commitment: bytes
    source_firsts: list[bytes]
    source_indexes: list[int]
    beacon: str | None
    long_waits_percent: int
    is_sensitive: bool
    closed_at: datetime | None
    root: bytes | None
    entries: int | None
    secret: bytes | None
    source_values: list[bytes] | None
    source_used: list[int | None] | None
    beacon_signature: bytes | None
    seed: bytes | None
    drawn_at: datetime | None
    waiting_since: datetime | None
    cursor: int
    done_at: datetime | None
    proof_sha256: bytes | None


@dataclass(frozen=True, slots=True)
class DrawSessionRow:
    """A session of a draw. `held`: its places that still wait for the draw; 0 when stopped."""

    number: int
    clinic_session_id: int
    places: int
    places_left: int
    held: int


_COLUMNS = columns(DrawRow)
IS_SHOWN = "(SELECT d.on_platform FROM departments d WHERE d.id = s.department_id)"
# Of held_places p and their clinic_sessions s: what waits for a draw that is not closed. Places of
# a department that is hidden, and of a stopped session, wait until these come back.
_WAITS = f"""
    p.released_at IS NULL AND p.draw_id IS NULL AND p.draw_at IS NOT NULL AND p.places > 0
    AND s.stopped_at IS NULL AND {IS_SHOWN}
"""
# Of held_places p.
KIND = "CASE WHEN p.cause = 'release' THEN 'release' ELSE 'returned' END"
# A department's places for the draw of one moment and kind.
_OF_DRAW = f"""
    s.department_id = %(department_id)s AND p.draw_at = %(draw_at)s AND {KIND} = %(kind)s
    AND {_WAITS}
"""
# Its draw is past, or was closed without it.
_MISSED = f"""
    {_WAITS} AND p.draw_at <= %(now)s
    AND NOT EXISTS (SELECT FROM draws w WHERE w.department_id = s.department_id
                    AND w.draw_at = p.draw_at AND w.kind = {KIND} AND w.state = 'open')
"""


# Opening --------------------------------------------------------------------------------------


async def to_open(tx: Tx) -> list[DrawToOpen]:
    """Return the draws that places wait for and that can be opened now."""
    return await tx.records(
        DrawToOpen,
        f"""
        SELECT DISTINCT s.hospital_id, s.department_id, {KIND} AS kind, p.draw_at, d.code,
               ARRAY[d.name, coalesce(above.name, '')] AS names
        FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        LEFT JOIN departments above ON above.id = d.parent_id
        WHERE {_WAITS} AND p.draw_at > %(now)s
          AND (p.cause <> 'release' OR p.draw_at <= %(released_by)s)
          AND NOT EXISTS (SELECT FROM draws w WHERE w.department_id = s.department_id
                          AND w.draw_at = p.draw_at AND w.kind = {KIND})
        ORDER BY p.draw_at, s.department_id
        """,
        {"now": tx.now, "released_by": tx.now + APPLICATIONS_OPEN},
    )


async def open_draw(tx: Tx, new: NewDraw) -> bool:
    """Store a new draw; return False if another worker has opened it."""
    opened = await tx.do_secret(
        """
        INSERT INTO draws (id, hospital_id, department_id, kind, draw_at, closes_at, opened_at,
                           commitment, secret_enc, source_firsts, source_indexes, beacon,
                           long_waits_percent, is_sensitive)
        VALUES (%(id)s, %(hospital_id)s, %(department_id)s, %(kind)s, %(draw_at)s, %(closes_at)s,
                %(now)s, %(commitment)s, %(secret_enc)s, %(firsts)s::bytea[], %(indexes)s::int[],
                %(beacon)s, %(long_waits_percent)s, %(is_sensitive)s)
        ON CONFLICT (department_id, draw_at, kind) DO NOTHING
        """,
        {
            "id": new.id,
            "hospital_id": new.hospital_id,
            "department_id": new.department_id,
            "kind": new.kind,
            "draw_at": new.draw_at,
            "closes_at": new.closes_at,
            "now": tx.now,
            "commitment": new.commitment,
            "secret_enc": new.secret_enc,
            "firsts": [first for first, _ in new.sources],
            "indexes": [index for _, index in new.sources],
            "beacon": new.beacon,
            "long_waits_percent": new.long_waits_percent,
            "is_sensitive": new.is_sensitive,
        },
    )
    return bool(opened)


# Steps of one draw ----------------------------------------------------------------------------


async def unfinished(tx: Tx) -> list[tuple[int, str]]:
    """Return id and state of the draws that are not done, the earliest first."""
    rows = await tx.rows("SELECT id, state FROM draws WHERE state <> 'done' ORDER BY draw_at, id")
    return [(row[0], row[1]) for row in rows]


async def get(tx: Tx, draw_id: int) -> DrawRow | None:
    """Return a draw, or None."""
    return await tx.record(DrawRow, f"SELECT {_COLUMNS} FROM draws WHERE id = %s", (draw_id,))


async def lock(tx: Tx, draw_id: int) -> DrawRow:
    """Lock a draw until the commit: the first lock of every step."""
    row = await tx.record(
        DrawRow, f"SELECT {_COLUMNS} FROM draws WHERE id = %s FOR UPDATE", (draw_id,)
    )
    if row is None:
        raise LookupError(f"no draw {draw_id}")
    return row


async def sealed_secret(tx: Tx, draw_id: int) -> bytes:
    """Return the encrypted secret of a draw, which is revealed after its entries are closed."""
    row = await tx.secret_row(
        "SELECT secret_enc FROM draws WHERE id = %(draw_id)s", {"draw_id": draw_id}
    )
    assert row is not None
    return bytes(row[0])


async def names_of(tx: Tx, department_id: int) -> tuple[str, list[str]]:
    """Return a department's code, and its name and its parent's."""
    row = await tx.row(
        """
        SELECT d.code, ARRAY[d.name, coalesce(above.name, '')]
        FROM departments d LEFT JOIN departments above ON above.id = d.parent_id
        WHERE d.id = %(id)s
        """,
        {"id": department_id},
    )
    assert row is not None
    return row[0], row[1]


async def waiting_sessions(tx: Tx, draw: DrawRow) -> list[int]:
    """Return the sessions that have places for a draw that is not closed."""
    rows = await tx.rows(
        f"""
        SELECT DISTINCT s.id FROM held_places p JOIN clinic_sessions s ON s.id = p.clinic_session_id
        WHERE {_OF_DRAW} ORDER BY s.id
        """,
        _of_draw(draw),
    )
    return [row[0] for row in rows]


async def claim_places(tx: Tx, draw: DrawRow) -> dict[int, int]:
    """Take the waiting places of locked sessions into a draw; return how many, by session."""
    await tx.do(
        f"""
        UPDATE held_places p SET draw_id = %(draw_id)s
        FROM clinic_sessions s WHERE s.id = p.clinic_session_id AND {_OF_DRAW}
        """,
        _of_draw(draw),
    )
    rows = await tx.rows(
        """
        SELECT clinic_session_id, sum(places)::int FROM held_places
        WHERE draw_id = %(draw_id)s GROUP BY clinic_session_id
        """,
        {"draw_id": draw.id},
    )
    return dict(rows)


def _of_draw(draw: DrawRow) -> dict[str, Any]:
    """Return the parameters of _OF_DRAW."""
    return {
        "draw_id": draw.id,
        "department_id": draw.department_id,
        "draw_at": draw.draw_at,
        "kind": draw.kind,
    }


async def close(
    tx: Tx,
    draw: DrawRow,
    places: Sequence[tuple[int, int]],
    entries: int,
    root: bytes,
    *,
    is_sensitive: bool,
) -> None:
    """Store that a draw is closed, with its sessions: the id and the places of each."""
    rows = [
        {"number": number, "id": id, "places": count}
        for number, (id, count) in enumerate(places, 1)
    ]
    await tx.do(
        """
        INSERT INTO draw_sessions (draw_id, number, clinic_session_id, places, places_left)
        SELECT %(draw_id)s, number, id, places, places
        FROM json_to_recordset(%(rows)s::json) AS n (number int, id bigint, places int)
        """,
        {"draw_id": draw.id, "rows": recordset(rows)},
    )
    await tx.do(
        """
        UPDATE draws SET state = 'closed', closed_at = %(now)s, root = %(root)s,
                         entries = %(entries)s, is_sensitive = %(is_sensitive)s
        WHERE id = %(draw_id)s
        """,
        {
            "draw_id": draw.id,
            "now": tx.now,
            "root": root,
            "entries": entries,
            "is_sensitive": is_sensitive,
        },
    )


async def sessions(tx: Tx, draw_id: int) -> list[DrawSessionRow]:
    """Return the sessions of a closed draw by number."""
    return await tx.records(
        DrawSessionRow,
        """
        SELECT n.number, n.clinic_session_id, n.places, n.places_left,
               CASE WHEN s.stopped_at IS NULL THEN coalesce(
                   (SELECT sum(p.places) FROM held_places p
                    WHERE p.draw_id = n.draw_id AND p.clinic_session_id = n.clinic_session_id
                      AND p.released_at IS NULL), 0) ELSE 0 END::int AS held
        FROM draw_sessions n LEFT JOIN clinic_sessions s ON s.id = n.clinic_session_id
        WHERE n.draw_id = %(draw_id)s ORDER BY n.number
        """,
        {"draw_id": draw_id},
    )


async def amend(tx: Tx, draw_id: int, places_left: Mapping[int, int]) -> None:
    """Store the places that are left, by the number of the session."""
    rows = [{"number": number, "places": places} for number, places in places_left.items()]
    await tx.do(
        """
        UPDATE draw_sessions s SET places_left = n.places
        FROM json_to_recordset(%(rows)s::json) AS n (number int, places int)
        WHERE s.draw_id = %(draw_id)s AND s.number = n.number
        """,
        {"draw_id": draw_id, "rows": recordset(rows)},
    )


async def leave_out(tx: Tx, draw_id: int) -> None:
    """Take the waiting places of stopped or hidden, locked sessions out of a draw that is closed.

    When these come back, their places have missed the draw, and wait for the next.
    """
    await tx.do(
        f"""
        UPDATE held_places p SET draw_id = NULL
        FROM clinic_sessions s
        WHERE p.draw_id = %(draw_id)s AND p.released_at IS NULL
          AND s.id = p.clinic_session_id AND (s.stopped_at IS NOT NULL OR NOT {IS_SHOWN})
        """,
        {"draw_id": draw_id},
    )


async def wait(tx: Tx, draw_id: int) -> bool:
    """Store that an outside source keeps a closed draw waiting; return whether it is new."""
    waiting = await tx.do(
        """
        UPDATE draws SET waiting_since = %(now)s
        WHERE id = %(draw_id)s AND state = 'closed' AND waiting_since IS NULL
        """,
        {"draw_id": draw_id, "now": tx.now},
    )
    return bool(waiting)


async def reveal(
    tx: Tx,
    draw_id: int,
    drawn_at: datetime,
    secret: bytes,
    used: Sequence[int | None],
    values: Sequence[bytes],
    beacon_signature: bytes | None,
    seed: bytes,
) -> None:
    """Store what decides a closed draw; its places are given out from now on."""
    await tx.do(
        """
        UPDATE draws SET state = 'drawing', drawn_at = %(drawn_at)s, secret = %(secret)s,
                         source_used = %(used)s::int[], source_values = %(values)s::bytea[],
                         beacon_signature = %(beacon_signature)s,
                         seed = %(seed)s, waiting_since = NULL
        WHERE id = %(draw_id)s
        """,
        {
            "draw_id": draw_id,
            "drawn_at": drawn_at,
            "secret": secret,
            "used": list(used),
            "values": list(values),
            "beacon_signature": beacon_signature,
            "seed": seed,
        },
    )


async def advance(tx: Tx, draw_id: int, cursor: int) -> None:
    """Store how many entries of a locked draw have their result."""
    await tx.do(
        "UPDATE draws SET cursor = %(cursor)s WHERE id = %(draw_id)s",
        {"draw_id": draw_id, "cursor": cursor},
    )


async def finish(tx: Tx, draw_id: int, proof_sha256: bytes) -> None:
    """Store that a draw is done."""
    await tx.do(
        """
        UPDATE draws SET state = 'done', done_at = %(now)s, proof_sha256 = %(proof_sha256)s
        WHERE id = %(draw_id)s
        """,
        {"draw_id": draw_id, "now": tx.now, "proof_sha256": proof_sha256},
    )


# Places ---------------------------------------------------------------------------------------


async def take_places(tx: Tx, draw_id: int, taken: Mapping[int, int]) -> None:
    """Take places of locked sessions out of a draw: they stop waiting, for a booking each.

    A row of which only some places are taken is split, so that the rows of a session always
    add up to what came back.
    """
    rows = [{"id": id, "taken": count} for id, count in taken.items()]
    await tx.do(
        """
        WITH waiting AS (
            SELECT p.id, p.places, n.taken - (sum(p.places) OVER earlier - p.places) AS taken
            FROM held_places p
            JOIN json_to_recordset(%(rows)s::json) AS n (id bigint, taken int)
              ON n.id = p.clinic_session_id
            WHERE p.draw_id = %(draw_id)s AND p.released_at IS NULL
            WINDOW earlier AS (PARTITION BY p.clinic_session_id ORDER BY p.id)
        ), split AS (
            INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at, draw_id,
                                     free_before, department_id, title, visit_date)
            SELECT p.clinic_session_id, w.places - w.taken, p.cause, p.held_at, p.draw_at,
                   p.draw_id, p.free_before, p.department_id, p.title, p.visit_date
            FROM waiting w JOIN held_places p ON p.id = w.id
            WHERE w.taken > 0 AND w.taken < w.places
        )
        UPDATE held_places p SET released_at = %(now)s, places = least(w.places, w.taken)
        FROM waiting w WHERE p.id = w.id AND w.taken > 0
        """,
        {"draw_id": draw_id, "rows": recordset(rows), "now": tx.now},
    )
    await held.count_anew(tx, list(taken))


async def free_places(tx: Tx, draw_id: int, for_counter: Sequence[int]) -> None:
    """Free the places of locked sessions that a draw did not give out.

    `for_counter`: sessions that cannot be booked any more; the hospital's counter has theirs.
    """
    parameters = {"draw_id": draw_id, "now": tx.now, "for_counter": list(for_counter)}
    freed = await tx.rows(
        """
        UPDATE held_places SET released_at = %(now)s
        WHERE draw_id = %(draw_id)s AND released_at IS NULL
          AND clinic_session_id <> ALL(%(for_counter)s::bigint[])
        RETURNING clinic_session_id
        """,
        parameters,
    )
    reserved = await tx.rows(
        """
        UPDATE held_places SET draw_at = NULL
        WHERE draw_id = %(draw_id)s AND released_at IS NULL
        RETURNING clinic_session_id
        """,
        parameters,
    )
    await held.count_anew(tx, sorted({row[0] for row in (*freed, *reserved)}))


@dataclass(frozen=True, slots=True)
class MissedPlaces:
    """A session with places whose draw cannot happen any more."""

    clinic_session_id: int
    visit_date: date
    stops_at: time


async def missed(tx: Tx, limit: int) -> list[MissedPlaces]:
    """Return sessions with places whose draw is past or was closed without them."""
    return await tx.records(
        MissedPlaces,
        f"""
        SELECT DISTINCT s.id AS clinic_session_id, s.visit_date,
               coalesce(r.next_day_stop_time, h.next_day_stop_time) AS stops_at
        FROM held_places p
        JOIN clinic_sessions s ON s.id = p.clinic_session_id
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("%(today)s::date")}
        WHERE {_MISSED} ORDER BY s.id LIMIT %(limit)s
        """,
        {"now": tx.now, "today": tx.now.date(), "limit": limit},
    )


async def defer_places(tx: Tx, session_id: int, draw_at: datetime | None) -> None:
    """Give missed places of a locked session another draw; None: the hospital's counter.

    A draw at the release that was missed becomes a draw of returned places.
    """
    await tx.do(
        f"""
        UPDATE held_places p
        SET draw_at = %(draw_at)s,
            cause = CASE cause WHEN 'release' THEN 'published_late' ELSE cause END
        FROM clinic_sessions s
        WHERE s.id = p.clinic_session_id AND s.id = %(session_id)s AND {_MISSED}
        """,
        {"session_id": session_id, "draw_at": draw_at, "now": tx.now},
    )
    await held.count_anew(tx, [session_id])


# Reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicDraw:
    """A draw with the names of its place; `places` after amendments, `won` so far."""

    draw: DrawRow
    hospital_name: str
    hospital_name_en: str
    department_name: str
    department_name_en: str
    places: int
    won: int


_PUBLIC = f"""
    SELECT {columns(DrawRow, "w")}, h.name AS hospital_name, h.name_en AS hospital_name_en,
           d.name AS department_name, d.name_en AS department_name_en,
           (SELECT coalesce(sum(s.places_left), 0)::int FROM draw_sessions s
            WHERE s.draw_id = w.id) AS places,
           (SELECT coalesce(sum(cardinality(e.patients)), 0)::int FROM draw_entries e
            WHERE e.draw_id = w.id AND e.session IS NOT NULL) AS won
    FROM draws w
    JOIN hospitals h ON h.id = w.hospital_id
    JOIN departments d ON d.id = w.department_id
    WHERE (%(hospital_id)s::bigint IS NULL OR w.hospital_id = %(hospital_id)s)
      AND (%(department_id)s::bigint IS NULL OR w.department_id = %(department_id)s)
"""


async def public(
    tx: Tx,
    *,
    draw_id: int | None = None,
    hospital_id: int | None = None,
    department_id: int | None = None,
    state: str | None = None,
    q: str = "",
    before: int | None = None,
    limit: int = 1,
) -> list[PublicDraw]:
    """Return the draws that match, the newest first. `q`: words of hospital or department."""
    matches, words = department_matches(q)
    return await tx.records(
        _public_draw,
        f"""
        {_PUBLIC}
          AND (%(draw_id)s::bigint IS NULL OR w.id = %(draw_id)s)
          AND (%(state)s::text IS NULL OR w.state = %(state)s)
          AND (%(before)s::bigint IS NULL OR w.id < %(before)s)
          AND {matches}
        ORDER BY w.id DESC LIMIT %(limit)s
        """,
        {
            **words,
            "draw_id": draw_id,
            "hospital_id": hospital_id,
            "department_id": department_id,
            "state": state,
            "before": before,
            "limit": limit,
        },
    )


async def coming(
    tx: Tx,
    *,
    hospital_id: int | None = None,
    department_id: int | None = None,
    q: str = "",
    after: int | None = None,
    limit: int = 1,
) -> list[PublicDraw]:
    """Return the draws that are not held yet, by day, hospital and time.

    `after`: the id of the draw before the first one here, also if it has been held meanwhile.
    """
    matches, words = department_matches(q)
    order = "(w.draw_at AT TIME ZONE 'Asia/Shanghai')::date, w.hospital_id, w.draw_at, w.id"
    return await tx.records(
        _public_draw,
        f"""
        {_PUBLIC}
          AND w.state <> 'done' AND {matches}
          AND (%(after)s::bigint IS NULL
               OR ({order}) > (SELECT {order} FROM draws w WHERE w.id = %(after)s))
        ORDER BY {order} LIMIT %(limit)s
        """,
        {
            **words,
            "hospital_id": hospital_id,
            "department_id": department_id,
            "after": after,
            "limit": limit,
        },
    )


def _public_draw(**row: Any) -> PublicDraw:
    return PublicDraw(draw=take(DrawRow, row), **row)
