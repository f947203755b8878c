"""A hospital's bookings as its own system needs them: with the hospital's ids and the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.booking.order_no import order_no
from guahao.rules.supply.feeding import Session
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.patients import open_patient


@dataclass(frozen=True, slots=True)
class HospitalBooking:
    """A booking with its person in the clear, and never with its code."""

    id: int
    status: str
    channel: str
    booked_at: datetime
    changed_at: datetime
    session_id: int
    session_external_id: str | None
    department_external_id: str | None
    department_name: str
    session: Session
    patient: PatientView

    @property
    def order_no(self) -> str:
        """The number under which people speak of the booking."""
        return order_no(self.id)


_BOOKING = """
    SELECT a.id, a.status, a.channel, a.booked_at, a.changed_at, s.id, s.external_id,
           d.external_id, d.name, s.department_id, s.title, s.specialty, s.visit_date, s.period,
           s.starts_at, s.ends_at, s.fee_fen, s.capacity,
           p.id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until
    FROM appointments a
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN departments d ON d.id = s.department_id
    JOIN patients p ON p.id = a.patient_id
"""


async def of_day(
    tx: Tx, vault: Vault, hospital_id: int, day: date, after: int, limit: int
) -> list[HospitalBooking]:
    """The bookings of a visit date, whatever became of them, in order of id, above `after`."""
    rows = await tx.rows(
        f"""
        {_BOOKING}
        WHERE s.visit_date = %s AND a.id > %s
          AND s.department_id IN (SELECT id FROM departments WHERE hospital_id = %s)
        ORDER BY a.id LIMIT %s
        """,
        (day, after, hospital_id, limit),
    )
    return [_booking(vault, row) for row in rows]


async def by_id(
    tx: Tx, vault: Vault, hospital_id: int, ids: Sequence[int]
) -> dict[int, HospitalBooking]:
    """Those of these bookings that are the hospital's."""
    rows = await tx.rows(
        f"{_BOOKING} WHERE a.id = ANY(%s::bigint[]) AND a.hospital_id = %s",
        (list(ids), hospital_id),
    )
    return {row[0]: _booking(vault, row) for row in rows}


async def by_code(
    tx: Tx, vault: Vault, hospital_id: int, code: str, person_indexes: list[bytes]
) -> HospitalBooking | None:
    """The hospital's booking whose live code and person both match (S9).

    None where a checked registration has displaced the one that booked it.
    """
    row = await tx.row(
        f"{_BOOKING} WHERE a.code_live AND a.code_index = ANY(%s::bytea[])"
        " AND p.person_index = ANY(%s::bytea[]) AND p.displaced_at IS NULL AND a.hospital_id = %s",
        (vault.indexes("code", code), person_indexes, hospital_id),
    )
    return None if row is None else _booking(vault, row)


def _booking(vault: Vault, row: Sequence[Any]) -> HospitalBooking:
    return HospitalBooking(*[*row[:9], Session(*row[9:18]), open_patient(vault, *row[18:])])
