"""Stops (停诊): what a hospital stopped, which bookings that took, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.order_no import order_no
from guahao.rules.booking.stopping import StoppedBooking
from guahao.rules.staff.staff import Who
from guahao.store.hospitals.directory import hospital_rules, rules_columns, rules_on
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to be stopped: dates, both included, narrowed by what is not None."""

    first: date
    last: date
    department_id: int | None = None
    title: str | None = None
    period: str | None = None
    session_id: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop as it stands."""

    id: int
    hospital_id: int
    by_name: str
    reason: str
    scope: Scope
    department_name: str | None
    department_name_en: str | None
    at: datetime
    tell_at: datetime
    done_at: datetime | None
    told_at: datetime | None
    undone_at: datetime | None

    @property
    def can_be_undone(self) -> bool:
        """While nobody was told."""
        return self.told_at is None and self.undone_at is None


@dataclass(frozen=True, slots=True)
class Affected:
    """What a stop would take in one department. `without_phone` of the bookings."""

    department_id: int
    department_name: str
    department_name_en: str
    sessions: int
    bookings: int
    without_phone: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stop has come. `waiting`: bookings whose message is still held back."""

    sessions: int
    bookings: int
    restored: int
    waiting: int
    on_the_way: int
    delivered: int
    failed: int
    without_phone: int


@dataclass(frozen=True, slots=True)
class Unreached:
    """A stopped booking of which nobody could be told. `state`: its message's, or no_phone."""

    appointment_id: int
    department_name: str
    department_name_en: str
    title: str
    visit_date: date
    period: str
    state: str

    @property
    def order_no(self) -> str:
        """The number under which the hotline finds the booking."""
        return order_no(self.appointment_id)


# Over s; takes hospital and then the scope.
_IN_SCOPE = """
    s.hospital_id = %s AND s.visit_date BETWEEN %s AND %s
    AND s.department_id = coalesce(%s, s.department_id)
    AND s.title = coalesce(%s, s.title) AND s.period = coalesce(%s, s.period)
    AND s.id = coalesce(%s, s.id)
    AND s.stopped_at IS NULL AND s.settled_at IS NULL
"""
_STOPS = """
    SELECT t.id, t.hospital_id, coalesce(m.login, t.client_id, ''), t.reason_enc,
           t.first_date, t.last_date, t.department_id, t.title, t.period, t.clinic_session_id,
           d.name, d.name_en, t.at, t.tell_at, t.done_at, t.told_at, t.undone_at
    FROM stops t LEFT JOIN departments d ON d.id = t.department_id
    LEFT JOIN staff m ON m.id = t.staff_id
"""


def _stop(vault: Vault, row: Sequence[Any]) -> Stop:
    reason = vault.open("stops", "reason", row[0], row[3])
    return Stop(*[*row[:3], reason, Scope(*row[4:10]), *row[10:]])


async def affected(tx: Tx, hospital_id: int, scope: Scope) -> list[Affected]:
    """What the scope holds that is not stopped or over, by department, the fullest first."""
    rows = await tx.rows(
        f"""
        SELECT d.id, d.name, d.name_en, count(DISTINCT s.id), count(a.id),
               count(a.id) FILTER (WHERE p.account_id IS NULL)
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id
        LEFT JOIN appointments a ON a.clinic_session_id = s.id AND a.status = 'booked'
        LEFT JOIN patients p ON p.id = a.patient_id
        WHERE {_IN_SCOPE}
        GROUP BY d.id ORDER BY count(a.id) DESC, d.id
        """,
        (hospital_id, *astuple(scope)),
    )
    return [Affected(*row) for row in rows]


async def add(
    tx: Tx,
    vault: Vault,
    hospital_id: int,
    who: Who,
    reason: str,
    scope: Scope,
    tell_at: datetime,
) -> int:
    """A stop that has taken nothing yet; its id. `who`: of the staff, or a client."""
    staff_id, client_id = (who.id, None) if who.kind == "staff" else (None, who.name)
    new_id = await next_id(tx, "stops")
    sealed = vault.seal("stops", "reason", new_id, reason)
    await tx.do(
        """
        INSERT INTO stops (id, hospital_id, staff_id, client_id, reason_enc, first_date,
                           last_date, department_id, title, period, clinic_session_id, at, tell_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (new_id, hospital_id, staff_id, client_id, sealed, *astuple(scope), tx.now, tell_at),
    )
    return new_id


async def lock(tx: Tx, vault: Vault, stop_id: int) -> Stop | None:
    """A stop, locked before all that it touches; None if unknown or another hospital's."""
    found = await tx.row("SELECT 1 FROM stops WHERE id = %s FOR NO KEY UPDATE", (stop_id,))
    return None if found is None else await one(tx, vault, stop_id)


async def one(tx: Tx, vault: Vault, stop_id: int) -> Stop | None:
    """A stop, or None."""
    row = await tx.row(_STOPS + "WHERE t.id = %s", (stop_id,))
    return None if row is None else _stop(vault, row)


async def of_session(tx: Tx, vault: Vault, session_id: int) -> Stop | None:
    """The stop that holds this session, or None."""
    row = await tx.row(
        _STOPS
        + """
        JOIN stop_sessions o ON o.stop_id = t.id
        WHERE o.clinic_session_id = %s AND o.restored_at IS NULL ORDER BY t.id DESC LIMIT 1
        """,
        (session_id,),
    )
    return None if row is None else _stop(vault, row)


async def latest(tx: Tx, vault: Vault, hospital_id: int, limit: int) -> list[Stop]:
    """A hospital's stops, the newest first."""
    rows = await tx.rows(
        _STOPS + "WHERE t.hospital_id = %s ORDER BY t.id DESC LIMIT %s", (hospital_id, limit)
    )
    return [_stop(vault, row) for row in rows]


async def unfinished(tx: Tx) -> list[int]:
    """Stops with something left to do: to take or bring back, or to tell of by now."""
    rows = await tx.rows(
        """
        SELECT id FROM stops
        WHERE done_at IS NULL OR (told_at IS NULL AND undone_at IS NULL AND tell_at <= %s)
        ORDER BY id
        """,
        (tx.now,),
    )
    return [row[0] for row in rows]


async def lock_next_sessions(tx: Tx, stop: Stop, limit: int) -> list[int]:
    """Sessions of the scope that are not stopped yet, locked in order of id."""
    rows = await tx.rows(
        f"SELECT s.id FROM clinic_sessions s WHERE {_IN_SCOPE}"
        " ORDER BY s.id LIMIT %s FOR NO KEY UPDATE OF s",
        (stop.hospital_id, *astuple(stop.scope), limit),
    )
    return [row[0] for row in rows]


async def note_stopped(
    tx: Tx, stop_id: int, session_ids: Sequence[int], appointment_ids: Sequence[int]
) -> None:
    """Keep what a stop took."""
    await tx.do(
        "INSERT INTO stop_sessions (stop_id, clinic_session_id) SELECT %s, unnest(%s::bigint[])",
        (stop_id, list(session_ids)),
    )
    await tx.do(
        "INSERT INTO stop_bookings (stop_id, appointment_id) SELECT %s, unnest(%s::bigint[])",
        (stop_id, list(appointment_ids)),
    )


async def mark_done(tx: Tx, stop_id: int) -> None:
    """All of the scope is stopped, or brought back."""
    await tx.do("UPDATE stops SET done_at = %s WHERE id = %s", (tx.now, stop_id))


async def mark_undone(tx: Tx, stop_id: int) -> None:
    """From here on it is brought back; nothing more is stopped, nobody told by the task."""
    await tx.do("UPDATE stops SET undone_at = %s, done_at = NULL WHERE id = %s", (tx.now, stop_id))


# Undoing ------------------------------------------------------------------------------------


async def next_to_restore(tx: Tx, stop_id: int, limit: int) -> list[int]:
    """Sessions that an undone stop took and that did not have their turn, by id."""
    rows = await tx.rows(
        """
        SELECT clinic_session_id FROM stop_sessions
        WHERE stop_id = %s AND restored_at IS NULL ORDER BY clinic_session_id LIMIT %s
        """,
        (stop_id, limit),
    )
    return [row[0] for row in rows]


async def stopped_bookings(
    tx: Tx, stop_id: int, session_ids: Sequence[int]
) -> list[StoppedBooking]:
    """What the stop took of these sessions, in the order in which it was booked."""
    rows = await tx.rows(
        f"""
        SELECT a.id, a.patient_id, s.id, s.hospital_id, s.department_id, s.visit_date,
               s.period, (a.booked_at AT TIME ZONE 'Asia/Shanghai')::date, {rules_columns("r")}
        FROM stop_bookings b
        JOIN appointments a ON a.id = b.appointment_id AND a.status = 'stopped'
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("s.visit_date")}
        WHERE b.stop_id = %s AND a.clinic_session_id = ANY(%s::bigint[])
        ORDER BY a.booked_at, a.id
        """,
        (stop_id, list(session_ids)),
    )
    return [
        StoppedBooking(
            *[*row[:6], pickup_deadline(row[5], row[6], hospital_rules(row[8:])), row[7]]
        )
        for row in rows
    ]


async def places_left(tx: Tx, session_ids: Sequence[int]) -> dict[int, int]:
    """How many places each of these sessions would have."""
    rows = await tx.rows(
        "SELECT id, capacity - booked FROM clinic_sessions WHERE id = ANY(%s::bigint[])",
        (list(session_ids),),
    )
    return {row[0]: row[1] for row in rows}


async def restore(
    tx: Tx, stop_id: int, session_ids: Sequence[int], appointment_ids: Sequence[int]
) -> None:
    """Open locked sessions again and make these of their bookings live, with their codes.

    A session that the sweep has settled is over and stays as it is.
    """
    rows = await tx.rows(
        """
        UPDATE appointments SET status = 'booked', changed_at = %s
        WHERE id = ANY(%s::bigint[]) AND status = 'stopped' RETURNING clinic_session_id
        """,
        (tx.now, list(appointment_ids)),
    )
    await tx.do(
        """
        UPDATE clinic_sessions s SET stopped_at = NULL,
            booked = booked + (SELECT count(*) FROM unnest(%s::bigint[]) n WHERE n = s.id)
        WHERE id = ANY(%s::bigint[]) AND settled_at IS NULL
        """,
        ([row[0] for row in rows], list(session_ids)),
    )
    await tx.do(
        """
        UPDATE stop_bookings SET restored_at = %s
        WHERE stop_id = %s AND appointment_id = ANY(%s::bigint[])
        """,
        (tx.now, stop_id, list(appointment_ids)),
    )
    await tx.do(
        """
        UPDATE stop_sessions SET restored_at = %s
        WHERE stop_id = %s AND clinic_session_id = ANY(%s::bigint[])
        """,
        (tx.now, stop_id, list(session_ids)),
    )


# Telling ------------------------------------------------------------------------------------


async def untold(tx: Tx, stop_id: int) -> list[int]:
    """The stopped bookings of which nobody was told."""
    rows = await tx.rows(
        """
        SELECT appointment_id FROM stop_bookings
        WHERE stop_id = %s AND told_at IS NULL AND restored_at IS NULL ORDER BY appointment_id
        """,
        (stop_id,),
    )
    return [row[0] for row in rows]


async def note_told(
    tx: Tx, stop_id: int, appointment_ids: Sequence[int], message_ids: Mapping[int, int]
) -> None:
    """These had their turn, by these messages; whoever has no phone has none."""
    ids = list(appointment_ids)
    await tx.do(
        """
        UPDATE stop_bookings b SET told_at = %s, message_id = n.message_id
        FROM unnest(%s::bigint[], %s::bigint[]) AS n (appointment_id, message_id)
        WHERE b.stop_id = %s AND b.appointment_id = n.appointment_id
        """,
        (tx.now, ids, [message_ids.get(id) for id in ids], stop_id),
    )


async def mark_told(tx: Tx, stop_id: int) -> None:
    """From here on it cannot be undone."""
    await tx.do("UPDATE stops SET told_at = %s WHERE id = %s", (tx.now, stop_id))


# Whoever the SMS did not reach may have read it on WeChat.
_REACHED = """
    FROM stop_bookings b
    LEFT JOIN LATERAL (
        SELECT CASE WHEN m.state = 'delivered' OR EXISTS (
                        SELECT FROM messages w WHERE w.beside_id = m.id AND w.state = 'delivered')
                    THEN 'delivered' ELSE m.state END AS state
        FROM messages m WHERE m.id = b.message_id) m ON true
"""


async def progress(tx: Tx, stop_id: int) -> Progress:
    """How many sessions and bookings a stop took, and who has been told."""
    row = await tx.row(
        f"""
        SELECT (SELECT count(*) FROM stop_sessions WHERE stop_id = %s),
               count(*),
               count(*) FILTER (WHERE b.restored_at IS NOT NULL),
               count(*) FILTER (WHERE b.restored_at IS NULL AND b.told_at IS NULL),
               count(*) FILTER (WHERE m.state IN ('queued', 'submitted')),
               count(*) FILTER (WHERE m.state = 'delivered'),
               count(*) FILTER (WHERE m.state IN ('failed', 'unknown', 'expired', 'by_phone')),
               count(*) FILTER (WHERE b.told_at IS NOT NULL AND b.message_id IS NULL)
        {_REACHED}
        WHERE b.stop_id = %s
        """,
        (stop_id, stop_id),
    )
    assert row is not None
    return Progress(*row)


async def unreached(tx: Tx, stop_id: int, limit: int) -> list[Unreached]:
    """The stopped bookings whose person somebody has to call, by visit."""
    rows = await tx.rows(
        f"""
        SELECT a.id, d.name, d.name_en, s.title, s.visit_date, s.period,
               coalesce(m.state, 'no_phone')
        {_REACHED}
        JOIN appointments a ON a.id = b.appointment_id
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        WHERE b.stop_id = %s AND b.told_at IS NOT NULL
          AND (b.message_id IS NULL OR m.state IN ('failed', 'unknown', 'expired', 'by_phone'))
        ORDER BY s.visit_date, s.id, a.id LIMIT %s
        """,
        (stop_id, limit),
    )
    return [Unreached(*row) for row in rows]
