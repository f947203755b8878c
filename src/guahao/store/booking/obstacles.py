"""An account's bookings that count against a limit, or as no-shows, for its own eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time

from guahao.store.kernel.db import Tx


@dataclass(frozen=True, slots=True)
class OwnBooking:
    """A booking of an account's patient in short: when, where and its status, without its code."""

    id: int
    patient_id: int
    session_id: int
    status: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_id: int
    department_name: str
    department_name_en: str


async def own_bookings(
    tx: Tx, account_id: int, patient_ids: Sequence[int], since: date
) -> list[OwnBooking]:
    """Return these patients' bookings that are neither cancelled nor stopped, by visit date.

    Only of registrations of the account; `since`: only later visit dates.
    """
    return await tx.records(
        OwnBooking,
        """
        SELECT a.id, a.patient_id, a.clinic_session_id AS session_id, a.status,
               a.visit_date, s.period, s.starts_at, s.ends_at,
               a.hospital_id, h.name AS hospital_name, h.name_en AS hospital_name_en,
               a.department_id, d.name AS department_name, d.name_en AS department_name_en
        FROM appointments a
        JOIN patients p ON p.id = a.patient_id
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN hospitals h ON h.id = a.hospital_id
        JOIN departments d ON d.id = a.department_id
        WHERE a.patient_id = ANY(%(patients)s::bigint[]) AND p.account_id = %(account)s
          AND a.visit_date > %(since)s
          AND a.status IN ('booked', 'picked_up', 'no_show', 'unverified')
        ORDER BY a.visit_date, a.id
        """,
        {"account": account_id, "patients": list(patient_ids), "since": since},
    )
