"""Calls that accounts have asked for, among the call tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.store.kernel.db import Tx

SHOWN_FOR = timedelta(days=3)  # after a call was closed


@dataclass(frozen=True, slots=True)
class CallBack:
    """A call that an account asked for. `outcome` None: it waits."""

    id: int
    topic: str
    asked_about: int | None
    asked_at: datetime
    not_before: datetime
    not_after: datetime
    tries: int
    outcome: str | None


_COLUMNS = """
    id, topic, asked_about, created_at AS asked_at, not_before, not_after, tries, outcome
"""


async def latest(tx: Tx, account_id: int) -> CallBack | None:
    """Return the call that an account waits for, or the last if it was closed lately."""
    return await tx.record(
        CallBack,
        f"""
        SELECT {_COLUMNS} FROM call_tasks
        WHERE kind = 'call_back' AND account_id = %(account_id)s
          AND (closed_at IS NULL OR closed_at > %(since)s)
        ORDER BY id DESC LIMIT 1
        """,
        {"account_id": account_id, "since": tx.now - SHOWN_FOR},
    )


async def is_waiting(tx: Tx, account_id: int) -> bool:
    """Return whether an account waits for a call."""
    row = await tx.row(
        """
        SELECT 1 FROM call_tasks
        WHERE kind = 'call_back' AND account_id = %(id)s AND closed_at IS NULL
        """,
        {"id": account_id},
    )
    return row is not None


async def add(
    tx: Tx,
    account_id: int,
    patient_id: int,
    asked_about: int | None,
    topic: str,
    window: tuple[datetime, datetime],
) -> int | None:
    """Add a call and return its id; None where the account waits for another since a moment."""
    row = await tx.row(
        """
        INSERT INTO call_tasks (kind, topic, account_id, patient_id, asked_about, visit_date,
                                created_at, not_before, not_after)
        SELECT 'call_back', %(topic)s, %(account_id)s, %(patient_id)s, %(about)s::bigint,
               (SELECT visit_date FROM appointments WHERE id = %(about)s::bigint),
               %(now)s, %(from)s, %(until)s
        ON CONFLICT (account_id) WHERE kind = 'call_back' AND closed_at IS NULL DO NOTHING
        RETURNING id
        """,
        {
            "topic": topic,
            "account_id": account_id,
            "patient_id": patient_id,
            "about": asked_about,
            "now": tx.now,
            "from": window[0],
            "until": window[1],
        },
    )
    return None if row is None else int(row[0])


async def close_settled(tx: Tx, account_id: int | None = None) -> int:
    """Close the calls about bookings that are booked no more; return how many.

    Of one account, or of all. Somebody cancelled, rescheduled or picked up meanwhile, at any
    counter, so that nobody has to call. A call that an agent makes at this moment stays theirs.
    """
    return await tx.do(
        """
        UPDATE call_tasks t SET closed_at = %(now)s, taken_until = NULL,
               outcome = CASE WHEN a.status IN ('cancelled', 'picked_up') THEN 'done_by_patient'
                              ELSE 'no_need' END
        FROM appointments a
        WHERE t.kind = 'call_back' AND t.closed_at IS NULL AND t.topic <> 'help'
          AND (t.taken_until IS NULL OR t.taken_until <= %(now)s)
          AND (%(account_id)s::bigint IS NULL OR t.account_id = %(account_id)s)
          AND a.id = t.asked_about AND a.status <> 'booked'
        """,
        {"now": tx.now, "account_id": account_id},
    )


async def withdraw(tx: Tx, account_id: int, id: int) -> int:
    """Close a call that still waits for its account; return whether it did, as 0 or 1."""
    return await tx.do(
        """
        UPDATE call_tasks SET outcome = 'withdrawn', closed_at = %(now)s, taken_until = NULL
        WHERE id = %(id)s AND kind = 'call_back' AND account_id = %(account_id)s
          AND closed_at IS NULL
        """,
        {"id": id, "account_id": account_id, "now": tx.now},
    )
