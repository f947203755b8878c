"""The queues of clinic sessions: numbers, calls and what is announced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time

from guahao.rules.hall.calling import QueueEntry, QueueState
from guahao.rules.hall.numbers import SessionHours
from guahao.store.kernel.db import Tx

_COUNTED = "('booked', 'picked_up', 'no_show', 'unverified')"
_PERIOD_ORDER = "array_position('{morning,afternoon,evening}', s.period)"


@dataclass(frozen=True, slots=True)
class Range:
    """A number's time range."""

    comes_from: time
    comes_until: time


@dataclass(frozen=True, slots=True)
class QueueSessionRow:
    """A session on its day, as its queue needs it."""

    id: int
    hospital_id: int
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    capacity: int
    is_stopped: bool
    own_numbers: bool

    @property
    def hours(self) -> SessionHours:
        """Return when it sees patients."""
        return SessionHours(self.period, self.starts_at, self.ends_at, self.capacity)


@dataclass(frozen=True, slots=True)
class QueueNotice:
    """What the clerk announces: the doctor is late, calling pauses, or the room is another."""

    kind: str
    minutes: int | None
    room: str


@dataclass(frozen=True, slots=True)
class QueueDay:
    """A session with a queue: what a clerk chooses from and a board shows."""

    id: int
    department_id: int
    department_name: str
    department_name_en: str
    title: str
    specialty: str
    period: str
    starts_at: time | None
    ends_at: time | None
    is_stopped: bool
    expected: int
    waiting: int
    called: int
    passed: int
    seen: int
    notice_kind: str | None
    notice_minutes: int | None
    notice_room: str | None

    @property
    def notice(self) -> QueueNotice | None:
        """Return what is announced."""
        if self.notice_kind is None:
            return None
        return QueueNotice(self.notice_kind, self.notice_minutes, self.notice_room or "")


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """A booking's place in its queue."""

    appointment_id: int
    clinic_session_id: int
    number: int | None
    comes_from: time | None
    comes_until: time | None
    state: str
    room: str


@dataclass(frozen=True, slots=True)
class BoardDepartment:
    """A department of a hospital, and how many of its people wait today."""

    id: int
    name: str
    name_en: str
    sessions: int
    waiting: int


_ENTRY = "appointment_id, number, state, state_at, turn, requeued_at, room"


def _entry(*, state: str, **columns: object) -> QueueEntry:
    return QueueEntry(state=QueueState(state), **columns)  # type: ignore[arg-type]


async def session(tx: Tx, session_id: int) -> QueueSessionRow | None:
    """Return a session that this transaction may see, or None."""
    return await tx.record(
        QueueSessionRow,
        """
        SELECT s.id, s.hospital_id, s.visit_date, s.period, s.starts_at, s.ends_at, s.capacity,
               s.stopped_at IS NOT NULL AS is_stopped, h.own_queue_numbers AS own_numbers
        FROM clinic_sessions s JOIN hospitals h ON h.id = s.hospital_id
        WHERE s.id = %(id)s
        """,
        {"id": session_id},
    )


async def entries(tx: Tx, session_id: int) -> list[QueueEntry]:
    """Return all entries of a session, by number; lock the session first to change them."""
    return await tx.records(
        _entry,
        f"""
        SELECT {_ENTRY} FROM queue_entries WHERE clinic_session_id = %(id)s
        ORDER BY number NULLS LAST, appointment_id
        """,
        {"id": session_id},
    )


async def counted_bookings(tx: Tx, session_id: int) -> list[int]:
    """Return the session's bookings that count, by id."""
    rows = await tx.rows(
        f"""
        SELECT id FROM appointments
        WHERE clinic_session_id = %(id)s AND status IN {_COUNTED} ORDER BY id
        """,
        {"id": session_id},
    )
    return [row[0] for row in rows]


async def add(
    tx: Tx, session_id: int, added: Sequence[QueueEntry], ranges: Mapping[int, Range]
) -> None:
    """Add entries to a locked session; `ranges` by booking."""
    await tx.do(
        """
        INSERT INTO queue_entries (appointment_id, clinic_session_id, number, comes_from,
                                   comes_until, state, state_at, turn)
        SELECT id, %(session_id)s, number, comes_from, comes_until, state, %(now)s, turn
        FROM unnest(%(ids)s::bigint[], %(numbers)s::int[], %(from)s::time[], %(until)s::time[],
                    %(states)s::text[], %(turns)s::int[])
             AS new (id, number, comes_from, comes_until, state, turn)
        """,
        {
            "session_id": session_id,
            "now": tx.now,
            "ids": [e.appointment_id for e in added],
            "numbers": [e.number for e in added],
            "from": [_at(ranges, e, "comes_from") for e in added],
            "until": [_at(ranges, e, "comes_until") for e in added],
            "states": [e.state.value for e in added],
            "turns": [e.turn for e in added],
        },
    )


def _at(ranges: Mapping[int, Range], entry: QueueEntry, name: str) -> time | None:
    found = ranges.get(entry.appointment_id)
    return None if found is None else getattr(found, name)


async def save(
    tx: Tx, changed: Sequence[QueueEntry], ranges: Mapping[int, Range] | None = None
) -> None:
    """Write changed entries of locked sessions; `ranges`: of those that got their number now."""
    given = ranges or {}
    await tx.do(
        """
        UPDATE queue_entries q
        SET number = new.number, state = new.state, state_at = new.state_at, turn = new.turn,
            requeued_at = new.requeued_at, room = new.room,
            comes_from = coalesce(new.comes_from, q.comes_from),
            comes_until = coalesce(new.comes_until, q.comes_until)
        FROM unnest(%(ids)s::bigint[], %(numbers)s::int[], %(states)s::text[],
                    %(at)s::timestamptz[], %(turns)s::int[], %(requeued)s::timestamptz[],
                    %(rooms)s::text[], %(from)s::time[], %(until)s::time[])
             AS new (id, number, state, state_at, turn, requeued_at, room, comes_from, comes_until)
        WHERE q.appointment_id = new.id
        """,
        {
            "ids": [e.appointment_id for e in changed],
            "numbers": [e.number for e in changed],
            "states": [e.state.value for e in changed],
            "at": [e.state_at for e in changed],
            "turns": [e.turn for e in changed],
            "requeued": [e.requeued_at for e in changed],
            "rooms": [e.room for e in changed],
            "from": [_at(given, e, "comes_from") for e in changed],
            "until": [_at(given, e, "comes_until") for e in changed],
        },
    )


async def remove(tx: Tx, appointment_id: int) -> None:
    """Remove a booking without a number from its locked session's queue."""
    await tx.do(
        "DELETE FROM queue_entries WHERE appointment_id = %(id)s AND number IS NULL",
        {"id": appointment_id},
    )


async def range_of(tx: Tx, appointment_id: int) -> Range | None:
    """Return the time range of a booking's number, or None."""
    row = await tx.row(
        "SELECT comes_from, comes_until FROM queue_entries WHERE appointment_id = %(id)s",
        {"id": appointment_id},
    )
    return None if row is None or row[0] is None else Range(row[0], row[1])


async def own_places(tx: Tx, appointment_ids: Sequence[int]) -> dict[int, OwnPlace]:
    """Return the places of bookings that were picked up and have one, by booking."""
    found = await tx.records(
        OwnPlace,
        """
        SELECT appointment_id, clinic_session_id, number, comes_from, comes_until, state, room
        FROM queue_entries
        WHERE appointment_id = ANY(%(ids)s::bigint[]) AND state <> 'expected'
        """,
        {"ids": list(appointment_ids)},
    )
    return {place.appointment_id: place for place in found}


async def sessions_of(
    tx: Tx, visit_date: date, *, hospital_id: int | None = None, department_id: int | None = None
) -> list[QueueDay]:
    """Return a day's sessions that somebody booked, of a hospital or a department."""
    return await tx.records(
        QueueDay,
        f"""
        SELECT s.id, s.department_id, d.name AS department_name, d.name_en AS department_name_en,
               s.title, s.specialty, s.period, s.starts_at, s.ends_at,
               s.stopped_at IS NOT NULL AS is_stopped,
               q.expected, q.waiting, q.called, q.passed, q.seen,
               n.kind AS notice_kind, n.minutes AS notice_minutes, n.room AS notice_room
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE e.state = 'expected')::int AS expected,
                   count(*) FILTER (WHERE e.state = 'waiting')::int AS waiting,
                   count(*) FILTER (WHERE e.state = 'called')::int AS called,
                   count(*) FILTER (WHERE e.state = 'passed')::int AS passed,
                   count(*) FILTER (WHERE e.state = 'seen')::int AS seen
            FROM queue_entries e WHERE e.clinic_session_id = s.id) q
        LEFT JOIN queue_notices n ON n.clinic_session_id = s.id
        WHERE s.department_id IN (
                SELECT id FROM departments
                WHERE id = %(department_id)s OR hospital_id = %(hospital_id)s)
          AND s.visit_date = %(day)s AND (s.booked > 0 OR q.waiting + q.called + q.seen > 0)
        ORDER BY d.name, d.id, {_PERIOD_ORDER}, s.starts_at NULLS FIRST, s.title, s.id
        """,
        {"hospital_id": hospital_id, "department_id": department_id, "day": visit_date},
    )


async def entries_of_sessions(tx: Tx, session_ids: Sequence[int]) -> dict[int, list[QueueEntry]]:
    """Return the entries of sessions, by session."""
    rows = await tx.rows(
        f"""
        SELECT clinic_session_id, {_ENTRY} FROM queue_entries
        WHERE clinic_session_id = ANY(%(ids)s::bigint[]) AND state <> 'expected'
        ORDER BY clinic_session_id, number NULLS LAST, appointment_id
        """,
        {"ids": list(session_ids)},
    )
    found: dict[int, list[QueueEntry]] = {id: [] for id in session_ids}
    for id, appointment_id, number, state, *rest in rows:
        found[id].append(QueueEntry(appointment_id, number, QueueState(state), *rest))
    return found


async def department(tx: Tx, department_id: int) -> tuple[int, str, str] | None:
    """Return hospital, name and English name of a bookable department, or None."""
    row = await tx.row(
        """
        SELECT hospital_id, name, name_en FROM departments
        WHERE id = %(id)s AND on_platform
        """,
        {"id": department_id},
    )
    return None if row is None else (row[0], row[1], row[2])


async def departments_of(tx: Tx, hospital_id: int, day: date) -> list[BoardDepartment]:
    """Return a hospital's bookable departments with their queues of a day."""
    return await tx.records(
        BoardDepartment,
        """
        SELECT d.id, d.name, d.name_en, coalesce(q.sessions, 0) AS sessions,
               coalesce(q.waiting, 0) AS waiting
        FROM departments d
        LEFT JOIN departments parent ON parent.id = d.parent_id
        LEFT JOIN (
            SELECT s.department_id, count(DISTINCT s.id)::int AS sessions,
                   count(*) FILTER (WHERE e.state = 'waiting')::int AS waiting
            FROM clinic_sessions s JOIN queue_entries e ON e.clinic_session_id = s.id
            WHERE s.hospital_id = %(hospital_id)s AND s.visit_date = %(day)s
              AND s.department_id IN (SELECT id FROM departments
                                      WHERE hospital_id = %(hospital_id)s)
              AND e.state <> 'expected'
            GROUP BY s.department_id) q ON q.department_id = d.id
        WHERE d.hospital_id = %(hospital_id)s AND d.on_platform
          AND (d.parent_id IS NOT NULL OR q.sessions > 0)
        ORDER BY parent.position, parent.code, d.position, d.code
        """,
        {"hospital_id": hospital_id, "day": day},
    )


async def announce(tx: Tx, session_id: int, notice: QueueNotice | None) -> None:
    """Announce something of a session instead of what was announced; None: nothing."""
    if notice is None:
        await tx.do(
            "DELETE FROM queue_notices WHERE clinic_session_id = %(id)s", {"id": session_id}
        )
        return
    await tx.do(
        """
        INSERT INTO queue_notices (clinic_session_id, kind, minutes, room, noticed_at)
        VALUES (%(id)s, %(kind)s, %(minutes)s, %(room)s, %(now)s)
        ON CONFLICT (clinic_session_id) DO UPDATE
        SET kind = excluded.kind, minutes = excluded.minutes, room = excluded.room,
            noticed_at = excluded.noticed_at
        """,
        {
            "id": session_id,
            "kind": notice.kind,
            "minutes": notice.minutes,
            "room": notice.room,
            "now": tx.now,
        },
    )


async def notice_of(tx: Tx, session_id: int) -> QueueNotice | None:
    """Return what is announced of a session."""
    return await tx.record(
        QueueNotice,
        "SELECT kind, minutes, room FROM queue_notices WHERE clinic_session_id = %(id)s",
        {"id": session_id},
    )


async def set_own_numbers(tx: Tx, hospital_id: int, own: bool) -> None:
    """Let the hospital's own system give the numbers from now on, or the platform."""
    await tx.do(
        "UPDATE hospitals SET own_queue_numbers = %(own)s WHERE id = %(id)s",
        {"own": own, "id": hospital_id},
    )


async def sessions_of_bookings(
    tx: Tx, hospital_id: int, appointment_ids: Sequence[int]
) -> dict[int, int]:
    """Return the sessions of a hospital's bookings, by booking; others are left out."""
    rows = await tx.rows(
        """
        SELECT id, clinic_session_id FROM appointments
        WHERE id = ANY(%(ids)s::bigint[]) AND hospital_id = %(hospital_id)s
        """,
        {"ids": list(appointment_ids), "hospital_id": hospital_id},
    )
    return dict(rows)
