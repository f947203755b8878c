"""Clinic sessions as the law of their changes sees them: the facts, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guahao.rules.supply.changes import SessionTerms, StoredSession
from guahao.store.kernel.db import Tx, json_columns, recordset

# Over s: its places that are offered to patients of a stopped clinic. They were promised, and so
# count like booked places wherever a session changes.
OFFERED = """
    (SELECT count(*)::int FROM replacement_offers o
     WHERE o.clinic_session_id = s.id AND o.state = 'open')
"""
TERMS = "title, specialty, visit_date, period, starts_at, ends_at, fee_fen, capacity"
TERMS_TYPES = """
    department_id bigint, title text, specialty text, visit_date date, period text,
    starts_at time, ends_at time, fee_fen integer, capacity integer
"""


async def facts_by_id(
    tx: Tx, session_ids: Sequence[int], hospital_id: int | None = None
) -> dict[int, StoredSession]:
    """Return the facts of sessions by id, of one hospital where one is given.

    Ask after locking them: a booking that is waited for is then counted.
    """
    found = await tx.records(
        _identified,
        f"""
        SELECT s.id, s.department_id, {TERMS}, s.booked + {OFFERED} AS booked,
               s.stopped_at IS NOT NULL AS stopped,
               EXISTS (SELECT FROM appointments a WHERE a.clinic_session_id = s.id)
               OR EXISTS (SELECT FROM replacement_offers o
                          WHERE o.clinic_session_id = s.id) AS ever_booked
        FROM clinic_sessions s
        WHERE s.id = ANY(%(ids)s::bigint[])
          AND s.hospital_id = coalesce(%(hospital_id)s, s.hospital_id)
        """,
        {"hospital_id": hospital_id, "ids": list(session_ids)},
    )
    return dict(found)


def _identified(
    *, id: int, booked: int, stopped: bool, ever_booked: bool, **terms: Any
) -> tuple[int, StoredSession]:
    return id, StoredSession(SessionTerms(**terms), booked, stopped, ever_booked)


async def change_sessions(tx: Tx, changed: Mapping[int, SessionTerms]) -> None:
    """Give locked sessions their new terms, by id."""
    await tx.do(
        f"""
        UPDATE clinic_sessions s
        SET department_id = n.department_id, title = n.title, specialty = n.specialty,
            visit_date = n.visit_date, period = n.period, starts_at = n.starts_at,
            ends_at = n.ends_at, fee_fen = n.fee_fen, capacity = n.capacity,
            -- What waits for a draw, for the counter or for referrals gives way to fewer places;
            -- what is offered does not.
            held = least(s.held, n.capacity - s.booked - {OFFERED}),
            reserved = least(s.reserved, n.capacity - s.booked
                                         - least(s.held, n.capacity - s.booked - {OFFERED}))
        FROM json_to_recordset(%(sessions)s::json) AS n (id bigint, {TERMS_TYPES})
        WHERE s.id = n.id
        """,
        {
            "sessions": recordset(
                [{"id": id, **json_columns(terms)} for id, terms in changed.items()]
            )
        },
    )


async def link_sessions(tx: Tx, external_ids: Mapping[int, str]) -> None:
    """Give locked sessions the hospital's own ids, by id."""
    await tx.do(
        """
        UPDATE clinic_sessions s SET external_id = n.external_id
        FROM unnest(%(ids)s::bigint[], %(external_ids)s::text[]) AS n (id, external_id)
        WHERE s.id = n.id
        """,
        {"ids": list(external_ids), "external_ids": list(external_ids.values())},
    )


async def remove_sessions(tx: Tx, session_ids: Sequence[int]) -> None:
    """Remove locked sessions that have no booking."""
    await tx.do(
        "DELETE FROM clinic_sessions WHERE id = ANY(%(ids)s::bigint[])",
        {"ids": list(session_ids)},
    )
