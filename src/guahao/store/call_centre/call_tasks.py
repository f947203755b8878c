"""Call tasks: patients whom no message reached, for the agents to call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from guahao.store.kernel.db import Tx

TAKEN_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class CallTask:
    """A patient to call, about a booking or, without one, about the patient's registration.

    `tries`: the calls made so far.
    """

    id: int
    appointment_id: int | None
    patient_id: int | None
    account_id: int | None
    kind: str
    visit_date: date | None
    tries: int
    not_before: datetime
    taken_by: int | None
    topic: str | None = None  # of a call that the account asked for
    asked_about: int | None = None  # the booking that it asked about
    not_after: datetime | None = None


_COLUMNS = """
    id, appointment_id, patient_id, account_id, kind, visit_date, tries, not_before, taken_by,
    topic, asked_about, not_after
"""
_URGENT_FIRST = """
    ORDER BY kind IN ('stopped', 'replacement_offered', 'substituted') DESC,
             kind = 'call_back' DESC,
             visit_date NULLS LAST, id
"""
_BY_PHONE_WITHIN = timedelta(days=7)
# Whether a message about a booking is still true, by the booking's status.
_STILL_TRUE = """
    CASE {kind} WHEN 'reminder' THEN 'booked' WHEN 'draw_won' THEN 'booked'
         WHEN 'rescheduled' THEN 'booked' WHEN 'substituted' THEN 'booked'
         WHEN 'excused' THEN 'no_show'
         WHEN 'excuse_withdrawn' THEN 'no_show' WHEN 'replacement_offered' THEN 'stopped'
         WHEN 'replacement_lapsed' THEN 'stopped' ELSE {kind} END = a.status
    AND ({kind} <> 'substituted' OR a.substituted_at IS NOT NULL)
    AND ({kind} NOT LIKE 'replacement_%%' OR EXISTS (
        SELECT FROM replacement_offers o WHERE o.stopped_appointment_id = a.id
          AND o.state = CASE {kind} WHEN 'replacement_offered' THEN 'open' ELSE 'lapsed' END))
"""


async def make(tx: Tx) -> int:
    """Make a task for each patient whose SMS did not arrive, and no WeChat message either.

    Only where the message is still true and the visit is not past. Return how many are new.
    """
    return await tx.do(
        f"""
        INSERT INTO call_tasks (appointment_id, kind, message_id, visit_date, created_at,
                                not_before)
        SELECT DISTINCT ON (a.id, m.kind) a.id, m.kind, m.id, a.visit_date, %(now)s, %(now)s
        FROM (SELECT id FROM messages
              WHERE state = 'failed' AND channel = 'sms' AND appointment_id IS NOT NULL
              UNION ALL
              SELECT b.message_id FROM stop_bookings b JOIN messages s ON s.id = b.message_id
              WHERE s.state = 'unknown') lost
        JOIN messages m ON m.id = lost.id
        JOIN appointments a ON a.id = m.appointment_id AND ({_STILL_TRUE.format(kind="m.kind")})
        WHERE m.kind IN ('booked', 'rescheduled', 'draw_won', 'cancelled', 'stopped',
                         'replacement_offered', 'substituted')
          AND a.visit_date >= %(today)s
          AND NOT EXISTS (SELECT FROM messages w WHERE w.beside_id = m.id
                          AND w.state IN ('submitted', 'delivered'))
        ORDER BY a.id, m.kind, m.id DESC
        ON CONFLICT (appointment_id, kind) DO NOTHING
        """,
        {"now": tx.now, "today": tx.now.date()},
    ) + await _make_for_landlines(tx)


async def _make_for_landlines(tx: Tx) -> int:
    """Make a task of every message to a landline that still holds.

    Not of a booking made in a call: the agent has just read out its code.
    """
    return await tx.do(
        f"""
        INSERT INTO call_tasks (appointment_id, patient_id, account_id, kind, message_id,
                                visit_date, created_at, not_before)
        SELECT m.appointment_id, m.patient_id, m.account_id, m.kind, m.id, a.visit_date,
               %(now)s, %(now)s
        FROM messages m LEFT JOIN appointments a ON a.id = m.appointment_id
        WHERE m.state = 'by_phone' AND m.kind <> 'call_back_missed' AND m.created_at > %(since)s
          AND (a.id IS NULL OR {_STILL_TRUE.format(kind="m.kind")})
          AND NOT (m.kind IN ('booked', 'rescheduled') AND a.channel IS NOT DISTINCT FROM 'phone')
          AND NOT EXISTS (SELECT FROM call_tasks t WHERE t.message_id = m.id)
        ORDER BY m.id
        ON CONFLICT DO NOTHING
        """,
        {"now": tx.now, "since": tx.now - _BY_PHONE_WITHIN},
    )


async def close_needless(tx: Tx) -> int:
    """Close tasks that no call is needed for any more; return how many.

    The visit is past, the booking has changed since, or the message arrived after all.
    """
    return await tx.do(
        f"""
        UPDATE call_tasks t SET outcome = 'no_need', closed_at = %(now)s
        FROM appointments a, messages m
        WHERE t.closed_at IS NULL AND a.id = t.appointment_id AND m.id = t.message_id
          AND (m.state = 'delivered' OR NOT ({_STILL_TRUE.format(kind="t.kind")})
               OR (t.visit_date < %(today)s AND a.status <> 'no_show'))
        """,
        {"now": tx.now, "today": tx.now.date()},
    )


async def waiting(tx: Tx, limit: int) -> list[CallTask]:
    """Return open tasks, the most urgent first: stopped clinics, then by visit date."""
    return await tx.records(
        CallTask,
        f"""
        SELECT {_COLUMNS} FROM call_tasks
        WHERE closed_at IS NULL {_URGENT_FIRST} LIMIT %(limit)s
        """,
        {"limit": limit},
    )


async def claim_next(tx: Tx, staff_id: int) -> CallTask | None:
    """Lease the most urgent task that is due to this agent, for a quarter of an hour.

    Two agents at once get two tasks.
    """
    return await tx.record(
        CallTask,
        f"""
        UPDATE call_tasks SET taken_by = %(staff_id)s, taken_until = %(until)s
        WHERE id = (SELECT id FROM call_tasks
                    WHERE closed_at IS NULL AND not_before <= %(now)s
                      AND (taken_until IS NULL OR taken_until <= %(now)s
                           OR taken_by = %(staff_id)s)
                    {_URGENT_FIRST} LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING {_COLUMNS}
        """,
        {"staff_id": staff_id, "now": tx.now, "until": tx.now + TAKEN_FOR},
    )


async def put_off(tx: Tx, task_id: int, until: datetime) -> None:
    """Release a task, to be claimed again at that time."""
    await tx.do(
        """
        UPDATE call_tasks SET taken_by = NULL, taken_until = NULL, not_before = %(until)s
        WHERE id = %(id)s
        """,
        {"until": until, "id": task_id},
    )


async def lock_claimed(tx: Tx, task_id: int, staff_id: int) -> CallTask | None:
    """Lock an open task whose lease this agent still holds; None for any other."""
    return await tx.record(
        CallTask,
        f"""
        SELECT {_COLUMNS} FROM call_tasks
        WHERE id = %(id)s AND taken_by = %(staff_id)s AND taken_until > %(now)s
          AND closed_at IS NULL
        FOR NO KEY UPDATE
        """,
        {"id": task_id, "staff_id": staff_id, "now": tx.now},
    )


async def close(tx: Tx, task_id: int, outcome: str) -> None:
    """Close a task with what came of it."""
    await tx.do(
        """
        UPDATE call_tasks SET outcome = %(outcome)s, closed_at = %(now)s, tries = tries + 1,
               taken_until = NULL
        WHERE id = %(id)s
        """,
        {"outcome": outcome, "now": tx.now, "id": task_id},
    )


async def try_later(tx: Tx, task_id: int, not_before: datetime) -> None:
    """Release a task after a call that nobody answered; any agent may claim it from then on."""
    await tx.do(
        """
        UPDATE call_tasks SET tries = tries + 1, not_before = %(not_before)s, taken_by = NULL,
               taken_until = NULL
        WHERE id = %(id)s
        """,
        {"not_before": not_before, "id": task_id},
    )
