"""The statements of `guahao bench draws`: applications, places that wait, and what must hold."""

from __future__ import annotations

from datetime import datetime

from guahao.rules.kernel.limits import Policy
from guahao.store.kernel.db import Tx

_SESSIONS = """
    INSERT INTO clinic_sessions (hospital_id, department_id, title, visit_date, period, fee_fen,
                                 capacity, held, draw_at)
    SELECT d.hospital_id, d.id, '主任医师', %(today)s::date + 3 + n, 'morning', 8000, 20,
           %(places)s, %(draw_at)s
    FROM departments d, generate_series(0, %(sessions)s - 1) n
    WHERE d.id <= %(departments)s ORDER BY d.id, n
"""
_HELD = """
    INSERT INTO held_places (clinic_session_id, places, cause, held_at, draw_at)
    SELECT id, held, 'cancelled', %(now)s, draw_at FROM clinic_sessions WHERE held > 0
"""
# Every person applies in two departments of the draw's moment, as far apart as chance would have
# it; without an end the ids go round. Their wishes are of a hundred kinds.
_APPLICATIONS = """
    INSERT INTO applications (id, account_id, hospital_id, department_id, first_date, last_date,
                              notice_hours, channel, actor_kind, actor_id, idempotency_key,
                              body_sha256, created_at, changed_at)
    SELECT n, 1 + n %% %(persons)s, d.hospital_id, d.id, %(today)s::date - n %% 10,
           %(today)s::date + 14 + n / 10 %% 10,
           0, 'api', 'account', 1 + n %% %(persons)s, n::text, '', %(now)s, %(now)s
    FROM generate_series(1, %(applications)s) n
    JOIN departments d
      ON d.id = 1 + (n + n / %(persons)s * (n %% 97)) %% %(departments)s
"""
_PATIENTS = """
    INSERT INTO application_patients (application_id, position, patient_id, department_id, is_live)
    SELECT id, 0, account_id, department_id, false FROM applications
"""


async def hold_places(
    tx: Tx, departments: int, sessions: int, places: int, draw_at: datetime
) -> None:
    """Let places of the first departments wait for a draw, of some sessions each."""
    parameters = {
        "today": tx.now.date(),
        "now": tx.now,
        "departments": departments,
        "sessions": sessions,
        "places": places,
        "draw_at": draw_at,
    }
    await tx.do(_SESSIONS, parameters)
    await tx.do(_HELD, parameters)


async def apply(tx: Tx, applications: int, persons: int, departments: int) -> None:
    """Write applications of the first persons in the first departments."""
    await tx.do(
        _APPLICATIONS,
        {
            "today": tx.now.date(),
            "now": tx.now,
            "applications": applications,
            "persons": persons,
            "departments": departments,
        },
    )
    await tx.do(_PATIENTS)
    await tx.do("ANALYZE")


async def backend(tx: Tx) -> int:
    """Return the process id of this transaction's backend."""
    row = await tx.row("SELECT pg_backend_pid()")
    assert row is not None
    return int(row[0])


async def draw_ids(tx: Tx) -> list[int]:
    """Return the draws that are not done."""
    return [row[0] for row in await tx.rows("SELECT id FROM draws WHERE state <> 'done'")]


async def first_draw(tx: Tx) -> int:
    """Return the id of the first draw."""
    row = await tx.row("SELECT min(id) FROM draws")
    assert row is not None
    return int(row[0])


async def totals(tx: Tx) -> tuple[int, int, int]:
    """Return how many draws are done, how many entries they had, and how many won."""
    row = await tx.row(
        """
        SELECT count(*), coalesce(sum(entries), 0)::int, (SELECT count(*) FROM wins)
        FROM draws WHERE state = 'done'
        """
    )
    assert row is not None
    return (row[0], row[1], row[2])


async def broken(tx: Tx, policy: Policy) -> int:
    """Count the persons beyond a limit of a day or of the short window (S12)."""
    row = await tx.row(
        """
        SELECT count(DISTINCT a.patient_id) FROM appointments a
        JOIN LATERAL (
            SELECT count(*) FILTER (WHERE b.visit_date = a.visit_date) AS of_day, count(*) AS near
            FROM appointments b WHERE b.patient_id = a.patient_id
              AND b.visit_date BETWEEN a.visit_date AND a.visit_date + %(days)s - 1
        ) n ON n.of_day > %(per_day)s OR n.near > %(per_window)s
        """,
        {
            "days": policy.short_window_days,
            "per_day": policy.per_day,
            "per_window": policy.per_short_window,
        },
    )
    assert row is not None
    return int(row[0])


async def miscounted(tx: Tx) -> int:
    """Count the sessions whose counters differ from their bookings and waiting places."""
    row = await tx.row(
        """
        SELECT count(*) FROM clinic_sessions s
        WHERE s.booked <> (SELECT count(*) FROM appointments a WHERE a.clinic_session_id = s.id)
           OR s.held <> (SELECT coalesce(sum(places), 0) FROM held_places p
                         WHERE p.clinic_session_id = s.id AND p.released_at IS NULL
                           AND p.draw_at IS NOT NULL)
        """
    )
    assert row is not None
    return int(row[0])
