"""The no-show ledger: who is suspended, a person's no-shows with their excuses (S16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

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
    """Somebody on the no-show list, in the clear: the door masks."""

    patient: PatientView
    no_shows: list[date]


async def suspended(tx: Tx, vault: Vault, today: date, after: int, limit: int) -> list[Suspended]:
    """Who is suspended today, by patient id above `after`, with the no-shows that count."""
    rows = await tx.rows(
        """
        SELECT p.id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until,
               array_agg(a.visit_date ORDER BY a.visit_date)
        FROM patients p JOIN appointments a ON a.patient_id = p.id AND a.status = 'no_show'
        WHERE p.suspended_until > %s AND p.id > %s
          AND NOT EXISTS (SELECT FROM no_show_excuses e
                          WHERE e.appointment_id = a.id AND e.withdrawn_at IS NULL)
        GROUP BY p.id ORDER BY p.id LIMIT %s
        """,
        (today, after, limit),
    )
    return [Suspended(open_patient(vault, *row[:5]), list(row[5])) for row in rows]


async def entries_of(tx: Tx, vault: Vault, patient_id: int) -> list[LedgerEntry]:
    """A person's no-shows and unverified bookings, latest visit first."""
    rows = await tx.rows(
        """
        SELECT a.id, a.visit_date, h.id, h.name, h.name_en, d.name, d.name_en, a.status,
               a.changed_at, e.id, s.login, e.excused_at, e.reason_enc
        FROM appointments a
        JOIN hospitals h ON h.id = a.hospital_id
        JOIN departments d ON d.id = a.department_id
        LEFT JOIN no_show_excuses e ON e.appointment_id = a.id AND e.withdrawn_at IS NULL
        LEFT JOIN staff s ON s.id = e.staff_id
        WHERE a.patient_id = %s AND a.status IN ('no_show', 'unverified')
        ORDER BY a.visit_date DESC, a.id DESC
        """,
        (patient_id,),
    )
    return [LedgerEntry(*[*row[:12], _excuse(vault, row[9], row[12])]) for row in rows]


def _excuse(vault: Vault, excuse_id: int | None, sealed: bytes | None) -> str | None:
    if excuse_id is None or sealed is None:
        return None
    return vault.open("no_show_excuses", "reason", excuse_id, sealed)


async def decisions_of(tx: Tx, vault: Vault, patient_id: int) -> list[LedgerDecision]:
    """Every excuse of a person's no-shows and every one taken back, as the trail has them."""
    rows = await tx.rows(
        """
        SELECT t.at, t.action, a.visit_date, t.who_name, t.seq, t.reason_enc
        FROM appointments a
        JOIN audit_trail t ON t.subject_kind = 'appointment' AND t.subject_id = a.id
        WHERE a.patient_id = %s AND t.action IN ('excuse_no_show', 'withdraw_excuse')
        ORDER BY t.seq DESC
        """,
        (patient_id,),
    )
    keys = await trail_keys(tx, vault)
    return [LedgerDecision(*[*row[:4], keys.reason(row[4], row[5])]) for row in rows]


async def is_excused(tx: Tx, appointment_id: int) -> bool:
    """Return whether an excuse of the locked appointment holds."""
    row = await tx.row(
        "SELECT FROM no_show_excuses WHERE appointment_id = %s AND withdrawn_at IS NULL",
        (appointment_id,),
    )
    return row is not None


async def add_excuse(tx: Tx, vault: Vault, appointment_id: int, staff_id: int, reason: str) -> None:
    """Excuse a locked no-show that is not excused."""
    new_id = await next_id(tx, "no_show_excuses")
    await tx.do(
        """
        INSERT INTO no_show_excuses (id, appointment_id, staff_id, reason_enc, excused_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (
            *(new_id, appointment_id, staff_id),
            *(vault.seal("no_show_excuses", "reason", new_id, reason), tx.now),
        ),
    )


async def withdraw_excuse(tx: Tx, appointment_id: int) -> None:
    """Withdraw the excuse of a locked appointment."""
    await tx.do(
        """
        UPDATE no_show_excuses SET withdrawn_at = %s
        WHERE appointment_id = %s AND withdrawn_at IS NULL
        """,
        (tx.now, appointment_id),
    )
