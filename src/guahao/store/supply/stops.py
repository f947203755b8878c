"""Stops (停诊): what a hospital stopped, which bookings that took, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from functools import partial
from typing import Any

from guahao.rules.attendance.pickup import pickup_deadline
from guahao.rules.booking.order_no import order_no
from guahao.rules.booking.stopping import StoppedBooking
from guahao.rules.staff.staff import Who
from guahao.rules.supply.stops import StopTimes, refused_undo
from guahao.store.hospitals.directory import rules_columns, rules_on, take_rules
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.records import take
from guahao.store.kernel.vault import Vault


@dataclass(frozen=True, slots=True)
class StopScope:
    """What is to be stopped: dates, both included, narrowed by what is not None."""

    first: date
    last: date
    department_id: int | None = None
    title: str | None = None
    period: str | None = None
    session_id: int | None = None
    weekdays: list[int] | None = None  # 1 is Monday; None: all


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop as it stands. `substitute`: whether another doctor sees the patients instead."""

    id: int
    hospital_id: int
    by_name: str
    reason: str
    scope: StopScope
    department_name: str | None
    department_name_en: str | None
    at: datetime
    notify_at: datetime
    done_at: datetime | None
    notified_at: datetime | None
    undone_at: datetime | None
    substitute: bool

    @property
    def times(self) -> StopTimes:
        """Return how far it has come."""
        return StopTimes(self.notify_at, self.done_at, self.notified_at, self.undone_at)

    @property
    def can_be_undone(self) -> bool:
        """Return whether its patients have not been notified yet."""
        return refused_undo(self.times) is None


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
class AffectedSession:
    """A session that a stop would take, and how many bookings of it. Nobody's name."""

    id: int
    department_name: str
    department_name_en: str
    title: str
    specialty: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
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
    """A stopped booking of which nobody could be notified. `state`: its message's, or no_phone."""

    appointment_id: int
    department_name: str
    department_name_en: str
    title: str
    visit_date: date
    period: str
    state: str

    @property
    def order_no(self) -> str:
        """Return the number under which the hotline finds the booking."""
        return order_no(self.appointment_id)


# Over s; takes `_scope`.
_IN_SCOPE = """
    s.hospital_id = %(hospital_id)s AND s.visit_date BETWEEN %(first)s AND %(last)s
    AND s.department_id = coalesce(%(department_id)s, s.department_id)
    AND s.title = coalesce(%(title)s, s.title) AND s.period = coalesce(%(period)s, s.period)
    AND s.id = coalesce(%(session_id)s, s.id)
    AND (%(weekdays)s::int[] IS NULL
         OR extract(isodow FROM s.visit_date) = ANY(%(weekdays)s::int[]))
    AND s.stopped_at IS NULL AND s.settled_at IS NULL
"""
_STOPS = """
    SELECT t.id, t.hospital_id, coalesce(m.login, t.client_id, '') AS by_name, t.reason_enc,
           t.first_date AS first, t.last_date AS last, t.department_id, t.title, t.period,
           t.clinic_session_id AS session_id, t.weekdays::int[] AS weekdays,
           d.name AS department_name, d.name_en AS department_name_en, t.at,
           t.tell_at AS notify_at, t.done_at, t.told_at AS notified_at, t.undone_at, t.substitute
    FROM stops t LEFT JOIN departments d ON d.id = t.department_id
    LEFT JOIN staff m ON m.id = t.staff_id
"""


def _scope(hospital_id: int, scope: StopScope) -> dict[str, Any]:
    return {"hospital_id": hospital_id, **asdict(scope)}


def _stop(vault: Vault, *, id: int, reason_enc: bytes, **row: Any) -> Stop:
    reason = vault.open("stops", "reason", id, reason_enc)
    return Stop(id=id, reason=reason, scope=take(StopScope, row), **row)


async def affected(tx: Tx, hospital_id: int, scope: StopScope) -> list[Affected]:
    """Return what the scope holds that is not stopped or over, by department, the fullest first."""
    return await tx.records(
        Affected,
        f"""
        SELECT d.id AS department_id, d.name AS department_name, d.name_en AS department_name_en,
               count(DISTINCT s.id) AS sessions, count(a.id) AS bookings,
               count(a.id) FILTER (WHERE p.account_id IS NULL) AS without_phone
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id
        LEFT JOIN appointments a ON a.clinic_session_id = s.id AND a.status = 'booked'
        LEFT JOIN patients p ON p.id = a.patient_id
        WHERE {_IN_SCOPE}
        GROUP BY d.id ORDER BY count(a.id) DESC, d.id
        """,
        _scope(hospital_id, scope),
    )


async def affected_sessions(
    tx: Tx, hospital_id: int, scope: StopScope, limit: int
) -> list[AffectedSession]:
    """Return the sessions of the scope, those with the most bookings first, at most so many."""
    return await tx.records(
        AffectedSession,
        f"""
        SELECT s.id, d.name AS department_name, d.name_en AS department_name_en, s.title,
               s.specialty, s.visit_date, s.period, s.starts_at, s.ends_at,
               count(a.id) AS bookings,
               count(a.id) FILTER (WHERE p.account_id IS NULL) AS without_phone
        FROM clinic_sessions s
        JOIN departments d ON d.id = s.department_id
        LEFT JOIN appointments a ON a.clinic_session_id = s.id AND a.status = 'booked'
        LEFT JOIN patients p ON p.id = a.patient_id
        WHERE {_IN_SCOPE}
        GROUP BY s.id, d.id ORDER BY count(a.id) DESC, s.visit_date, s.id LIMIT %(limit)s
        """,
        {**_scope(hospital_id, scope), "limit": limit},
    )


async def add(
    tx: Tx,
    vault: Vault,
    hospital_id: int,
    who: Who,
    reason: str,
    scope: StopScope,
    notify_at: datetime,
    *,
    substitute: bool,
) -> int:
    """Add a stop that has taken nothing yet; return its id. `who`: of the staff, or a client."""
    new_id = await next_id(tx, "stops")
    await tx.do(
        """
        INSERT INTO stops (id, hospital_id, staff_id, client_id, reason_enc, first_date,
                           last_date, department_id, title, period, clinic_session_id, weekdays, at,
                           tell_at, substitute)
        VALUES (%(id)s, %(hospital_id)s, %(staff_id)s, %(client_id)s, %(reason_enc)s, %(first)s,
                %(last)s, %(department_id)s, %(title)s, %(period)s, %(session_id)s,
                %(weekdays)s::int[], %(now)s, %(notify_at)s, %(substitute)s)
        """,
        {
            "id": new_id,
            "staff_id": who.id if who.kind == "staff" else None,
            "client_id": None if who.kind == "staff" else who.name,
            "reason_enc": vault.seal("stops", "reason", new_id, reason),
            "now": tx.now,
            "notify_at": notify_at,
            "substitute": substitute,
            **_scope(hospital_id, scope),
        },
    )
    return new_id


async def lock(tx: Tx, vault: Vault, stop_id: int) -> Stop | None:
    """Lock a stop before all that it touches; None if unknown or another hospital's."""
    found = await tx.row("SELECT 1 FROM stops WHERE id = %(id)s FOR NO KEY UPDATE", {"id": stop_id})
    return None if found is None else await by_id(tx, vault, stop_id)


async def by_id(tx: Tx, vault: Vault, stop_id: int) -> Stop | None:
    """Return a stop, or None."""
    return await tx.record(partial(_stop, vault), _STOPS + "WHERE t.id = %(id)s", {"id": stop_id})


async def of_session(tx: Tx, vault: Vault, session_id: int) -> Stop | None:
    """Return the stop that holds this session, or None."""
    return await tx.record(
        partial(_stop, vault),
        _STOPS
        + """
        JOIN stop_sessions o ON o.stop_id = t.id
        WHERE o.clinic_session_id = %(session_id)s AND o.restored_at IS NULL
        ORDER BY t.id DESC LIMIT 1
        """,
        {"session_id": session_id},
    )


async def latest(
    tx: Tx,
    vault: Vault,
    hospital_id: int,
    limit: int,
    *,
    before: int | None = None,
    with_bookings: bool = False,
) -> list[Stop]:
    """Return a hospital's stops, the newest first.

    `before`: those with a smaller id. `with_bookings`: those that took any.
    """
    return await tx.records(
        partial(_stop, vault),
        _STOPS
        + """
        WHERE t.hospital_id = %(hospital_id)s
          AND (%(before)s::bigint IS NULL OR t.id < %(before)s)
          AND (NOT %(with_bookings)s
               OR EXISTS (SELECT FROM stop_bookings b WHERE b.stop_id = t.id))
        ORDER BY t.id DESC LIMIT %(limit)s
        """,
        {
            "hospital_id": hospital_id,
            "limit": limit,
            "before": before,
            "with_bookings": with_bookings,
        },
    )


async def unfinished(tx: Tx) -> list[int]:
    """Return stops with something left to do: to take or bring back, or to notify of by now."""
    rows = await tx.rows(
        """
        SELECT id FROM stops
        WHERE done_at IS NULL OR (told_at IS NULL AND undone_at IS NULL AND tell_at <= %(now)s)
        ORDER BY id
        """,
        {"now": tx.now},
    )
    return [row[0] for row in rows]


async def lock_next_sessions(tx: Tx, stop: Stop, limit: int) -> list[int]:
    """Lock sessions of the scope that had not their turn yet, in order of id."""
    rows = await tx.rows(
        f"""
        SELECT s.id FROM clinic_sessions s
        WHERE {_IN_SCOPE}
          AND NOT EXISTS (SELECT FROM stop_sessions o
                          WHERE o.stop_id = %(stop_id)s AND o.clinic_session_id = s.id)
        ORDER BY s.id LIMIT %(limit)s FOR NO KEY UPDATE OF s
        """,
        {**_scope(stop.hospital_id, stop.scope), "stop_id": stop.id, "limit": limit},
    )
    return [row[0] for row in rows]


async def note_stopped(
    tx: Tx, stop_id: int, session_ids: Sequence[int], appointment_ids: Sequence[int]
) -> None:
    """Save what a stop took."""
    await tx.do(
        """
        INSERT INTO stop_sessions (stop_id, clinic_session_id)
        SELECT %(stop_id)s, unnest(%(ids)s::bigint[])
        """,
        {"stop_id": stop_id, "ids": list(session_ids)},
    )
    await tx.do(
        """
        INSERT INTO stop_bookings (stop_id, appointment_id)
        SELECT %(stop_id)s, unnest(%(ids)s::bigint[])
        """,
        {"stop_id": stop_id, "ids": list(appointment_ids)},
    )


async def substitute(tx: Tx, session_ids: Sequence[int]) -> list[int]:
    """Record that a substitute sees the patients of these locked sessions; return the bookings."""
    rows = await tx.rows(
        """
        UPDATE appointments SET substituted_at = %(now)s
        WHERE clinic_session_id = ANY(%(ids)s::bigint[]) AND status = 'booked'
          AND substituted_at IS NULL
        RETURNING id
        """,
        {"now": tx.now, "ids": list(session_ids)},
    )
    return sorted(row[0] for row in rows)


async def mark_done(tx: Tx, stop_id: int) -> None:
    """Mark a stop carried out: all of the scope is stopped, or restored."""
    await tx.do(
        "UPDATE stops SET done_at = %(now)s WHERE id = %(id)s", {"now": tx.now, "id": stop_id}
    )


async def mark_undone(tx: Tx, stop_id: int) -> None:
    """Mark a stop undone: nothing more is stopped, and the task notifies nobody."""
    await tx.do(
        "UPDATE stops SET undone_at = %(now)s, done_at = NULL WHERE id = %(id)s",
        {"now": tx.now, "id": stop_id},
    )


# Undoing ------------------------------------------------------------------------------------


async def next_to_restore(tx: Tx, stop_id: int, limit: int) -> list[int]:
    """Return sessions that an undone stop took and that did not have their turn, by id."""
    rows = await tx.rows(
        """
        SELECT clinic_session_id FROM stop_sessions
        WHERE stop_id = %(stop_id)s AND restored_at IS NULL
        ORDER BY clinic_session_id LIMIT %(limit)s
        """,
        {"stop_id": stop_id, "limit": limit},
    )
    return [row[0] for row in rows]


async def stopped_bookings(
    tx: Tx, stop_id: int, session_ids: Sequence[int]
) -> list[StoppedBooking]:
    """Return what the stop took of these sessions, in the order in which it was booked."""
    return await tx.records(
        _stopped_booking,
        f"""
        SELECT a.id, a.patient_id, s.id AS session_id, s.hospital_id, s.department_id,
               s.visit_date, s.period,
               (a.booked_at AT TIME ZONE 'Asia/Shanghai')::date AS booked_on, {rules_columns("r")}
        FROM stop_bookings b
        JOIN appointments a ON a.id = b.appointment_id AND a.status = 'stopped'
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN hospitals h ON h.id = s.hospital_id
        {rules_on("s.visit_date")}
        WHERE b.stop_id = %(stop_id)s AND a.clinic_session_id = ANY(%(ids)s::bigint[])
        ORDER BY a.booked_at, a.id
        """,
        {"stop_id": stop_id, "ids": list(session_ids)},
    )


def _stopped_booking(*, visit_date: date, period: str, **row: Any) -> StoppedBooking:
    deadline = pickup_deadline(visit_date, period, take_rules(row))
    return StoppedBooking(visit_date=visit_date, over_at=deadline, **row)


async def places_left(tx: Tx, session_ids: Sequence[int]) -> dict[int, int]:
    """Return how many places each of these sessions would have."""
    rows = await tx.rows(
        """
        SELECT id, capacity - booked - held - reserved FROM clinic_sessions
        WHERE id = ANY(%(ids)s::bigint[])
        """,
        {"ids": list(session_ids)},
    )
    return dict(rows)


async def restore(
    tx: Tx, stop_id: int, session_ids: Sequence[int], appointment_ids: Sequence[int]
) -> None:
    """Open locked sessions again and make these of their bookings live, with their codes.

    A session that the sweep has settled is over and stays as it is.
    """
    rows = await tx.rows(
        """
        UPDATE appointments SET status = 'booked', changed_at = %(now)s
        WHERE id = ANY(%(ids)s::bigint[]) AND status = 'stopped' RETURNING clinic_session_id
        """,
        {"now": tx.now, "ids": list(appointment_ids)},
    )
    await tx.do(
        """
        UPDATE clinic_sessions s SET stopped_at = NULL,
            booked = booked + (SELECT count(*) FROM unnest(%(places)s::bigint[]) n WHERE n = s.id)
        WHERE id = ANY(%(ids)s::bigint[]) AND settled_at IS NULL
        """,
        {"places": [row[0] for row in rows], "ids": list(session_ids)},
    )
    await _mark_restored(tx, stop_id, session_ids, appointment_ids)


async def end_substitution(tx: Tx, stop_id: int, session_ids: Sequence[int]) -> None:
    """Record that no substitute sees the patients of a stop in these locked sessions.

    Where another stop names a substitute for the session as well and has notified nobody yet, its
    patients become that stop's.
    """
    rows = await tx.rows(
        """
        WITH ended AS (
            SELECT a.id, (SELECT max(t.id) FROM stop_sessions o JOIN stops t ON t.id = o.stop_id
                          WHERE o.clinic_session_id = a.clinic_session_id AND t.id <> b.stop_id
                            AND t.substitute AND t.undone_at IS NULL AND t.told_at IS NULL
                         ) AS other_id
            FROM stop_bookings b JOIN appointments a ON a.id = b.appointment_id
            WHERE b.stop_id = %(stop_id)s AND a.clinic_session_id = ANY(%(ids)s::bigint[])
        ), handed_over AS (
            INSERT INTO stop_bookings (stop_id, appointment_id)
            SELECT other_id, id FROM ended WHERE other_id IS NOT NULL
            ON CONFLICT DO NOTHING
        ), cleared AS (
            UPDATE appointments a SET substituted_at = NULL
            FROM ended WHERE a.id = ended.id AND ended.other_id IS NULL
        )
        SELECT id FROM ended
        """,
        {"stop_id": stop_id, "ids": list(session_ids)},
    )
    await _mark_restored(tx, stop_id, session_ids, [row[0] for row in rows])


async def _mark_restored(
    tx: Tx, stop_id: int, session_ids: Sequence[int], appointment_ids: Sequence[int]
) -> None:
    await tx.do(
        """
        UPDATE stop_bookings SET restored_at = %(now)s
        WHERE stop_id = %(stop_id)s AND appointment_id = ANY(%(ids)s::bigint[])
        """,
        {"now": tx.now, "stop_id": stop_id, "ids": list(appointment_ids)},
    )
    await tx.do(
        """
        UPDATE stop_sessions SET restored_at = %(now)s
        WHERE stop_id = %(stop_id)s AND clinic_session_id = ANY(%(ids)s::bigint[])
        """,
        {"now": tx.now, "stop_id": stop_id, "ids": list(session_ids)},
    )


# Notifying ----------------------------------------------------------------------------------


async def not_notified(tx: Tx, stop_id: int) -> list[int]:
    """Return the stopped bookings of which nobody was notified."""
    rows = await tx.rows(
        """
        SELECT appointment_id FROM stop_bookings
        WHERE stop_id = %(stop_id)s AND told_at IS NULL AND restored_at IS NULL
        ORDER BY appointment_id
        """,
        {"stop_id": stop_id},
    )
    return [row[0] for row in rows]


async def record_notified(
    tx: Tx, stop_id: int, appointment_ids: Sequence[int], message_ids: Mapping[int, int]
) -> None:
    """Record by which messages these were notified; a person without a phone has no message."""
    ids = list(appointment_ids)
    await tx.do(
        """
        UPDATE stop_bookings b SET told_at = %(now)s, message_id = n.message_id
        FROM unnest(%(ids)s::bigint[], %(message_ids)s::bigint[]) AS n (appointment_id, message_id)
        WHERE b.stop_id = %(stop_id)s AND b.appointment_id = n.appointment_id
        """,
        {
            "now": tx.now,
            "ids": ids,
            "message_ids": [message_ids.get(id) for id in ids],
            "stop_id": stop_id,
        },
    )


async def mark_notified(tx: Tx, stop_id: int) -> None:
    """Mark the patients of a stop notified: it cannot be undone any more."""
    await tx.do(
        "UPDATE stops SET told_at = %(now)s WHERE id = %(id)s", {"now": tx.now, "id": stop_id}
    )


# A patient whom the SMS did not reach may have read it on WeChat.
REACHED = """
    FROM stop_bookings b
    LEFT JOIN LATERAL (
        SELECT CASE WHEN m.state = 'delivered' OR EXISTS (
                        SELECT FROM messages w WHERE w.beside_id = m.id AND w.state = 'delivered')
                    THEN 'delivered' ELSE m.state END AS state
        FROM messages m WHERE m.id = b.message_id) m ON true
"""


async def progress(tx: Tx, stop_id: int) -> Progress:
    """Count the sessions and bookings that a stop took, and who has been notified."""
    found = await tx.record(
        Progress,
        f"""
        SELECT (SELECT count(*) FROM stop_sessions WHERE stop_id = %(stop_id)s) AS sessions,
               count(*) AS bookings,
               count(*) FILTER (WHERE b.restored_at IS NOT NULL) AS restored,
               count(*) FILTER (WHERE b.restored_at IS NULL AND b.told_at IS NULL) AS waiting,
               count(*) FILTER (WHERE m.state IN ('queued', 'submitted')) AS on_the_way,
               count(*) FILTER (WHERE m.state = 'delivered') AS delivered,
               count(*) FILTER (WHERE m.state IN ('failed', 'unknown', 'expired', 'by_phone'))
                   AS failed,
               count(*) FILTER (WHERE b.told_at IS NOT NULL AND b.message_id IS NULL)
                   AS without_phone
        {REACHED}
        WHERE b.stop_id = %(stop_id)s
        """,
        {"stop_id": stop_id},
    )
    assert found is not None
    return found


async def unreached(tx: Tx, stop_id: int, limit: int) -> list[Unreached]:
    """Return the stopped bookings whose patient has to be called, by visit."""
    return await tx.records(
        Unreached,
        f"""
        SELECT a.id AS appointment_id, d.name AS department_name,
               d.name_en AS department_name_en, s.title, s.visit_date, s.period,
               coalesce(m.state, 'no_phone') AS state
        {REACHED}
        JOIN appointments a ON a.id = b.appointment_id
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        WHERE b.stop_id = %(stop_id)s AND b.told_at IS NOT NULL
          AND (b.message_id IS NULL OR m.state IN ('failed', 'unknown', 'expired', 'by_phone'))
        ORDER BY s.visit_date, s.id, a.id LIMIT %(limit)s
        """,
        {"stop_id": stop_id, "limit": limit},
    )
