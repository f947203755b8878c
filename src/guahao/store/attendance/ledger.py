"""The no-show ledger: who is suspended, a person's no-shows with their excuses (S16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.patients import open_patient
from guahao.store.staff.trail import trail_keys


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A no-show, or a booking still unverified, and what became of it."""

    appointment_id: int
    visit_date: date
    hospital_id: int
    hospital_name: str
    hospital_name_en: str
    department_name: str
    department_name_en: str
    status: str
    recorded_at: datetime
    excuse_id: int | None
    excused_by: str | None
    excused_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class LedgerDecision:
    """What was decided of the no-show of a visit date, when, by whom and why."""

    at: datetime
    action: str
    visit_date: date
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Suspended:
    """Somebody on the no-show list, in the clear: the router masks."""

    patient: PatientView
    no_shows: list[date]


async def suspended(tx: Tx, vault: Vault, today: date, after: int, limit: int) -> list[Suspended]:
    """Return who is suspended today, by patient id above `after`, with the no-shows that count."""

    def opened(*, no_shows: list[date], **patient: Any) -> Suspended:
        return Suspended(open_patient(vault, **patient), no_shows)

    return await tx.records(
        opened,
        """
        SELECT p.id AS patient_id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until,
               array_agg(a.visit_date ORDER BY a.visit_date) AS no_shows
        FROM patients p JOIN appointments a ON a.patient_id = p.id AND a.status = 'no_show'
        WHERE p.suspended_until > %(today)s AND p.id > %(after)s
          AND NOT EXISTS (SELECT FROM no_show_excuses e
                          WHERE e.appointment_id = a.id AND e.withdrawn_at IS NULL)
        GROUP BY p.id ORDER BY p.id LIMIT %(limit)s
        """,
        {"today": today, "after": after, "limit": limit},
    )


async def entries_of(tx: Tx, vault: Vault, patient_id: int) -> list[LedgerEntry]:
    """Return a person's no-shows and unverified bookings, latest visit first."""

    def opened(*, excuse_id: int | None, reason_enc: bytes | None, **columns: Any) -> LedgerEntry:
        reason = None
        if excuse_id is not None and reason_enc is not None:
            reason = vault.open("no_show_excuses", "reason", excuse_id, reason_enc)
        return LedgerEntry(excuse_id=excuse_id, reason=reason, **columns)

    return await tx.records(
        opened,
        """
        SELECT a.id AS appointment_id, a.visit_date, a.hospital_id, h.name AS hospital_name,
               h.name_en AS hospital_name_en, d.name AS department_name,
               d.name_en AS department_name_en, a.status, a.changed_at AS recorded_at,
               e.id AS excuse_id, s.login AS excused_by, e.excused_at, e.reason_enc
        FROM appointments a
        JOIN hospitals h ON h.id = a.hospital_id
        JOIN departments d ON d.id = a.department_id
        LEFT JOIN no_show_excuses e ON e.appointment_id = a.id AND e.withdrawn_at IS NULL
        LEFT JOIN staff s ON s.id = e.staff_id
        WHERE a.patient_id = %(patient_id)s AND a.status IN ('no_show', 'unverified')
        ORDER BY a.visit_date DESC, a.id DESC
        """,
        {"patient_id": patient_id},
    )


async def decisions_of(tx: Tx, vault: Vault, patient_id: int) -> list[LedgerDecision]:
    """Return every excuse of a person's no-shows and every withdrawal, from the trail."""
    keys = await trail_keys(tx, vault)

    def opened(*, seq: int, reason_enc: bytes, **columns: Any) -> LedgerDecision:
        return LedgerDecision(reason=keys.reason(seq, reason_enc), **columns)

    return await tx.records(
        opened,
        """
        SELECT t.at, t.action, a.visit_date, t.who_name AS by, t.seq, t.reason_enc
        FROM appointments a
        JOIN audit_trail t ON t.subject_kind = 'appointment' AND t.subject_id = a.id
        WHERE a.patient_id = %(patient_id)s AND t.action IN ('excuse_no_show', 'withdraw_excuse')
        ORDER BY t.seq DESC
        """,
        {"patient_id": patient_id},
    )


async def is_excused(tx: Tx, appointment_id: int) -> bool:
    """Return whether an excuse of the locked appointment holds."""
    row = await tx.row(
        "SELECT FROM no_show_excuses WHERE appointment_id = %(id)s AND withdrawn_at IS NULL",
        {"id": appointment_id},
    )
    return row is not None


async def add_excuse(tx: Tx, vault: Vault, appointment_id: int, staff_id: int, reason: str) -> None:
    """Excuse a locked no-show that is not excused."""
    new_id = await next_id(tx, "no_show_excuses")
    await tx.do(
        """
        INSERT INTO no_show_excuses (id, appointment_id, staff_id, reason_enc, excused_at)
        VALUES (%(id)s, %(appointment_id)s, %(staff_id)s, %(reason_enc)s, %(now)s)
        """,
        {
            "id": new_id,
            "appointment_id": appointment_id,
            "staff_id": staff_id,
            "reason_enc": vault.seal("no_show_excuses", "reason", new_id, reason),
            "now": tx.now,
        },
    )


async def withdraw_excuse(tx: Tx, appointment_id: int) -> None:
    """Withdraw the excuse of a locked appointment."""
    await tx.do(
        """
        UPDATE no_show_excuses SET withdrawn_at = %(now)s
        WHERE appointment_id = %(id)s AND withdrawn_at IS NULL
        """,
        {"now": tx.now, "id": appointment_id},
    )
