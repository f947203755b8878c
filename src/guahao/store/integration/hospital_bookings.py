"""A hospital's bookings as its own system needs them: with the hospital's ids and the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from guahao.rules.booking.order_no import order_no
from guahao.rules.supply.changes import SessionTerms
from guahao.store.kernel.db import Tx
from guahao.store.kernel.records import columns, take
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
    session: SessionTerms
    patient: PatientView

    @property
    def order_no(self) -> str:
        """Return the number under which people speak of the booking."""
        return order_no(self.id)


_BOOKING = f"""
    SELECT a.id, a.status, a.channel, a.booked_at, a.changed_at, s.id AS session_id,
           s.external_id AS session_external_id, d.external_id AS department_external_id,
           d.name AS department_name, {columns(SessionTerms, "s", "session_of_")},
           p.id AS patient_id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until
    FROM appointments a
    JOIN clinic_sessions s ON s.id = a.clinic_session_id
    JOIN departments d ON d.id = s.department_id
    JOIN patients p ON p.id = a.patient_id
"""


async def of_day(
    tx: Tx, vault: Vault, hospital_id: int, day: date, after: int, limit: int
) -> list[HospitalBooking]:
    """Return the bookings of a visit date, of any status, in order of id, above `after`."""
    return await tx.records(
        partial(_booking, vault),
        f"""
        {_BOOKING}
        WHERE s.visit_date = %(day)s AND a.id > %(after)s
          AND s.department_id IN (SELECT id FROM departments WHERE hospital_id = %(hospital_id)s)
        ORDER BY a.id LIMIT %(limit)s
        """,
        {"day": day, "after": after, "hospital_id": hospital_id, "limit": limit},
    )


async def by_id(
    tx: Tx, vault: Vault, hospital_id: int, ids: Sequence[int]
) -> dict[int, HospitalBooking]:
    """Return those of these bookings that are the hospital's, by id."""
    found = await tx.records(
        partial(_booking, vault),
        f"{_BOOKING} WHERE a.id = ANY(%(ids)s::bigint[]) AND a.hospital_id = %(hospital_id)s",
        {"ids": list(ids), "hospital_id": hospital_id},
    )
    return {booking.id: booking for booking in found}


async def by_code(
    tx: Tx, vault: Vault, hospital_id: int, code: str, person_indexes: list[bytes]
) -> HospitalBooking | None:
    """Return the hospital's booking whose live code and person both match (S9).

    None where a checked registration has displaced the one that booked it.
    """
    return await tx.record(
        partial(_booking, vault),
        f"""
        {_BOOKING}
        WHERE a.code_live AND a.code_index = ANY(%(codes)s::bytea[])
          AND p.person_index = ANY(%(persons)s::bytea[]) AND p.displaced_at IS NULL
          AND a.hospital_id = %(hospital_id)s
        """,
        {
            "codes": vault.indexes("code", code),
            "persons": person_indexes,
            "hospital_id": hospital_id,
        },
    )


def _booking(
    vault: Vault,
    *,
    patient_id: int,
    name_enc: bytes,
    id_type: str,
    id_no_enc: bytes,
    suspended_until: date | None,
    **row: Any,
) -> HospitalBooking:
    patient = open_patient(vault, patient_id, name_enc, id_type, id_no_enc, suspended_until)
    return HospitalBooking(session=take(SessionTerms, row, "session_of_"), patient=patient, **row)
