"""A booking as a draw makes it, without the draw."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.city import add_appointment

from guahao.flows.kernel.platform import Platform

DRAW = """
    INSERT INTO draws (hospital_id, department_id, kind, draw_at, closes_at, state, opened_at,
                       commitment, secret_enc, long_waits_percent, root, seed, done_at)
    SELECT hospital_id, department_id, 'returned', %(at)s, %(at)s, 'done', %(at)s, '', '', 20,
           '', '', %(at)s
    FROM appointments WHERE id = %(id)s
    ON CONFLICT DO NOTHING
"""
WIN = """
    INSERT INTO wins (appointment_id, draw_id, patient_id, application_id, won_at,
                      declinable_until)
    SELECT a.id, (SELECT max(id) FROM draws), a.patient_id, %(application)s, %(at)s, %(until)s
    FROM appointments a WHERE a.id = %(id)s
"""


async def make_win(
    platform: Platform,
    patient_id: int,
    session_id: int,
    *,
    code: str = "01234567",
    application_id: int | None = None,
    until: datetime | None = None,
) -> int:
    """A booking that the patient won just now; its id. The session's counter is the caller's."""
    id = await add_appointment(platform, patient_id, session_id, code)
    return await mark_as_won(platform, id, application_id=application_id, until=until)


async def mark_as_won(
    platform: Platform,
    appointment_id: int,
    *,
    application_id: int | None = None,
    until: datetime | None = None,
) -> int:
    """Make a booking one that was won just now; its id."""
    async with platform.db.transaction() as tx:
        await tx.do("SET LOCAL ROLE NONE")
        params = {
            "id": appointment_id,
            "application": application_id,
            "at": tx.now,
            "until": until or tx.now + timedelta(hours=24),
        }
        await tx.do(DRAW, params)
        await tx.do(WIN, params)
    return appointment_id
