"""Bookings made by staff whose entry in the audit trail was lost with its process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.rules.staff.staff import Who
from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A booking made by a member of the staff that the audit trail does not contain."""

    appointment_id: int
    hospital_id: int
    staff_id: int
    login: str

    @property
    def who(self) -> Who:
        """Return the member of the staff, as the audit trail names them."""
        return Who("staff", self.staff_id, self.login)


async def unrecorded(
    tx: Tx, decided_from: datetime, decided_before: datetime, limit: int
) -> list[Unrecorded]:
    """Return what staff booked between these moments and the trail does not contain."""
    return await tx.records(
        Unrecorded,
        """
        SELECT r.appointment_id, a.hospital_id, s.id AS staff_id, s.login
        FROM booking_requests r
        JOIN appointments a ON a.id = r.appointment_id
        JOIN staff s ON s.id = r.actor_id
        WHERE r.actor_kind = 'staff' AND r.outcome = 'booked'
          AND r.decided_at >= %(from)s AND r.decided_at < %(before)s
          AND NOT EXISTS (SELECT FROM audit_trail t
                          WHERE t.subject_kind = 'appointment' AND t.subject_id = r.appointment_id
                            AND t.action IN ('book_appointment', 'reschedule_appointment'))
        ORDER BY r.decided_at LIMIT %(limit)s
        """,
        {"from": decided_from, "before": decided_before, "limit": limit},
    )
