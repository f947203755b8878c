"""The bookings of a stop (停诊) as the hospital's window reads them: whose, and who knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import partial
from typing import Any

from guahao.rules.attendance.stopped import Reach, ReachFacts, decide_reach
from guahao.rules.booking.order_no import order_no
from guahao.rules.people.identity import masked_name
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import PATIENT_COLUMNS, open_patient
from guahao.store.supply.stops import REACHED


@dataclass(frozen=True, slots=True)
class StoppedEntry:
    """A booking that a stop took; the patient's name masked."""

    appointment_id: int
    department_name: str
    department_name_en: str
    title: str
    visit_date: date
    period: str
    starts_at: time | None
    ends_at: time | None
    name: str
    facts: ReachFacts

    @property
    def order_no(self) -> str:
        """Return the number under which people speak of the booking."""
        return order_no(self.appointment_id)

    @property
    def reach(self) -> Reach:
        """Return whether the patient knows."""
        return decide_reach(self.facts)


@dataclass(frozen=True, slots=True)
class ReachedBooking:
    """A booking that a stop took, and how far the news has come."""

    stop_id: int
    appointment_id: int
    facts: ReachFacts

    @property
    def reach(self) -> Reach:
        """Return whether the patient knows."""
        return decide_reach(self.facts)


async def bookings(tx: Tx, hospital_id: int, stop_ids: Sequence[int]) -> list[ReachedBooking]:
    """Return what a hospital's own stops took, by the time of the visit; nobody's name."""
    calls = await _calls(tx, hospital_id, stop_ids)

    def booking(*, stop_id: int, appointment_id: int, **row: Any) -> ReachedBooking:
        facts = ReachFacts(call=calls.get(appointment_id), **row)
        return ReachedBooking(stop_id, appointment_id, facts)

    return await tx.records(
        booking,
        f"""
        SELECT b.stop_id, a.id AS appointment_id, a.status,
               b.restored_at IS NOT NULL AS is_restored, b.told_at IS NOT NULL AS is_notified,
               m.state AS message, o.state AS offer
        {REACHED}
        JOIN appointments a ON a.id = b.appointment_id AND a.hospital_id = %(hospital_id)s
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        LEFT JOIN LATERAL (SELECT r.state FROM replacement_offers r
                           WHERE r.stopped_appointment_id = a.id ORDER BY r.id DESC LIMIT 1) o
            ON true
        WHERE b.stop_id = ANY(%(ids)s::bigint[])
        ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period),
                 s.starts_at, s.id, a.id
        """,
        {"hospital_id": hospital_id, "ids": list(stop_ids)},
    )


async def entries(
    tx: Tx, vault: Vault, hospital_id: int, wanted: Sequence[ReachedBooking]
) -> list[StoppedEntry]:
    """Return these bookings of a hospital's own, in this order, with whose they are."""
    facts = {booking.appointment_id: booking.facts for booking in wanted}
    found = await tx.records(
        partial(_entry, vault, facts),
        f"""
        SELECT a.id AS appointment_id, {PATIENT_COLUMNS}, d.name AS department_name,
               d.name_en AS department_name_en, s.title, s.visit_date, s.period, s.starts_at,
               s.ends_at
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        JOIN patients p ON p.id = a.patient_id
        WHERE a.id = ANY(%(ids)s::bigint[]) AND a.hospital_id = %(hospital_id)s
        """,
        {"hospital_id": hospital_id, "ids": list(facts)},
    )
    by_id = {entry.appointment_id: entry for entry in found}
    return [by_id[id] for id in facts]


async def _calls(tx: Tx, hospital_id: int, stop_ids: Sequence[int]) -> dict[int, str]:
    """Return by booking how its call task stands. A hospital's role does not see call tasks."""
    async with tx.as_platform():
        rows = await tx.rows(
            """
            SELECT DISTINCT ON (t.appointment_id) t.appointment_id, coalesce(t.outcome, 'open')
            FROM stops s
            JOIN stop_bookings b ON b.stop_id = s.id
            JOIN call_tasks t ON t.appointment_id = b.appointment_id
                AND t.kind IN ('stopped', 'replacement_offered', 'substituted')
            WHERE s.id = ANY(%(ids)s::bigint[]) AND s.hospital_id = %(hospital_id)s
            ORDER BY t.appointment_id, t.closed_at IS NULL DESC, t.id DESC
            """,
            {"ids": list(stop_ids), "hospital_id": hospital_id},
        )
    return dict(rows)


def _entry(
    vault: Vault,
    facts: Mapping[int, ReachFacts],
    *,
    appointment_id: int,
    patient_id: int,
    name_enc: bytes,
    id_type: str,
    id_no_enc: bytes,
    suspended_until: date | None,
    **row: Any,
) -> StoppedEntry:
    patient = open_patient(vault, patient_id, name_enc, id_type, id_no_enc, suspended_until)
    return StoppedEntry(
        appointment_id=appointment_id,
        name=masked_name(patient.name),
        facts=facts[appointment_id],
        **row,
    )
