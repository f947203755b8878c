"""Bookings made by staff whose entry in the audit trail was lost with its process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.rules.staff.staff import Who
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A booking of a member of the staff that the trail does not tell of."""

    appointment_id: int
    hospital_id: int
    who: Who


async def unrecorded(
    tx: Tx, decided_from: datetime, decided_before: datetime, limit: int
) -> list[Unrecorded]:
    """Booked between these moments by staff, and not in the trail."""
    rows = await tx.rows(
        """
        SELECT r.appointment_id, a.hospital_id, s.id, s.login
        FROM booking_requests r
        JOIN appointments a ON a.id = r.appointment_id
        JOIN staff s ON s.id = r.actor_id
        WHERE r.actor_kind = 'staff' AND r.outcome = 'booked'
          AND r.decided_at >= %s AND r.decided_at < %s
          AND NOT EXISTS (SELECT FROM audit_trail t
                          WHERE t.subject_kind = 'appointment' AND t.subject_id = r.appointment_id
                            AND t.action = 'book_appointment')
        ORDER BY r.decided_at LIMIT %s
        """,
        (decided_from, decided_before, limit),
    )
    return [Unrecorded(row[0], row[1], Who("staff", row[2], row[3])) for row in rows]
