"""The bookings of a stop (停诊) as the hospital's window reads them: whose, and who knows."""

from __future__ import annotations

from collections.abc import Sequence
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
class StopReach:
    """How many bookings a stop took, and of how many the patient is to be called."""

    bookings: int
    missing: int


async def entries(tx: Tx, vault: Vault, hospital_id: int, stop_id: int) -> list[StoppedEntry]:
    """Return the bookings of a hospital's own stop by time; none of another hospital's."""
    calls = await _calls(tx, hospital_id, [stop_id])
    return await tx.records(
        partial(_entry, vault, calls),
        f"""
        SELECT a.id AS appointment_id, {PATIENT_COLUMNS}, d.name AS department_name,
               d.name_en AS department_name_en, s.title, s.visit_date, s.period, s.starts_at,
               s.ends_at, {_FACTS}
        {REACHED} {_OWN}
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN departments d ON d.id = s.department_id
        JOIN patients p ON p.id = a.patient_id
        WHERE b.stop_id = %(stop_id)s
        ORDER BY s.visit_date, array_position('{{morning,afternoon,evening}}', s.period),
                 s.starts_at, s.id, a.id
        """,
        {"hospital_id": hospital_id, "stop_id": stop_id},
    )


async def reach_of_stops(tx: Tx, hospital_id: int, stop_ids: Sequence[int]) -> dict[int, StopReach]:
    """Return of each of a hospital's own stops how many patients have to be called."""
    calls = await _calls(tx, hospital_id, stop_ids)
    rows: list[dict[str, Any]] = await tx.records(
        dict,
        f"""
        SELECT b.stop_id, a.id AS appointment_id, {_FACTS}
        {REACHED} {_OWN}
        WHERE b.stop_id = ANY(%(ids)s::bigint[])
        """,
        {"hospital_id": hospital_id, "ids": list(stop_ids)},
    )
    found: dict[int, StopReach] = dict.fromkeys(stop_ids, StopReach(0, 0))
    for row in rows:
        stop_id = row.pop("stop_id")
        facts = _facts(calls, row.pop("appointment_id"), row)
        before = found[stop_id]
        found[stop_id] = StopReach(
            before.bookings + 1, before.missing + decide_reach(facts).is_missing
        )
    return found


# Over b and its booking a, beside `REACHED`.
_FACTS = """
    a.status, b.restored_at IS NOT NULL AS is_restored, b.told_at IS NOT NULL AS is_told,
    m.state AS message, o.state AS offer
"""
_OWN = """
    JOIN appointments a ON a.id = b.appointment_id AND a.hospital_id = %(hospital_id)s
    LEFT JOIN LATERAL (SELECT r.state FROM replacement_offers r
                       WHERE r.stopped_appointment_id = a.id ORDER BY r.id DESC LIMIT 1) o ON true
"""


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


def _facts(calls: dict[int, str], appointment_id: int, row: dict[str, Any]) -> ReachFacts:
    return ReachFacts(call=calls.get(appointment_id), **row)


def _entry(
    vault: Vault,
    calls: dict[int, str],
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
    facts = {
        name: row.pop(name) for name in ("status", "is_restored", "is_told", "message", "offer")
    }
    return StoppedEntry(
        appointment_id=appointment_id,
        name=masked_name(patient.name),
        facts=_facts(calls, appointment_id, facts),
        **row,
    )
