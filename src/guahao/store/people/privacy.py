"""What is known of one account and its persons, and making them nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from guahao.rules.identity import Document
from guahao.rules.kernel.text import name_key
from guahao.store.db import Tx
from guahao.store.patients import person_index, person_indexes
from guahao.store.vault import Vault
from guahao.store.views import PatientView

ERASED_NAME = "已删除"  # what lists show instead of the name
ERASED_NUMBER = "ERASED"


@dataclass(frozen=True, slots=True)
class Standing:
    """What may stand in the way of erasing a person."""

    patient_id: int
    live_bookings: int
    suspended: bool


async def account_of_phone(tx: Tx, phone_indexes: Sequence[bytes]) -> int | None:
    """Return the account of a phone."""
    row = await tx.row(
        "SELECT id FROM accounts WHERE phone_index = ANY(%s::bytea[])", (list(phone_indexes),)
    )
    return None if row is None else int(row[0])


async def account_row(tx: Tx, vault: Vault, account_id: int) -> dict[str, Any] | None:
    """Return an account's own data in the clear; None where there is none, or it is erased."""
    row = await tx.row(
        """
        SELECT phone_enc, language, created_at, last_used_at, restricted_until FROM accounts
        WHERE id = %s AND erased_at IS NULL
        """,
        (account_id,),
    )
    if row is None:
        return None
    phone = "" if row[0] is None else vault.open("accounts", "phone", account_id, row[0])
    names = ("language", "created_at", "last_used_at", "restricted_until")
    return {"phone": phone, **dict(zip(names, row[1:], strict=True))}


async def patient_rows(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return persons in the clear."""
    rows = await tx.rows(
        """
        SELECT id, name_enc, id_type, id_no_enc, suspended_until, created_at FROM patients
        WHERE id = ANY(%s::bigint[]) ORDER BY id
        """,
        (list(patient_ids),),
    )
    return [
        {
            "id": row[0],
            "name": vault.open("patients", "name", row[0], row[1]),
            "id_type": row[2],
            "id_no": vault.open("patients", "id_no", row[0], row[3]),
            "suspended_until": row[4],
            "registered_at": row[5],
        }
        for row in rows
    ]


async def appointment_rows(
    tx: Tx, vault: Vault, patient_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Return every booking of the persons, with its code."""
    rows = await tx.rows(
        """
        SELECT a.id, a.patient_id, h.name, d.name, s.title, s.specialty, a.visit_date, s.period,
               a.status, a.channel, a.booked_at, a.changed_at, a.code_enc
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN hospitals h ON h.id = a.hospital_id
        JOIN departments d ON d.id = a.department_id
        WHERE a.patient_id = ANY(%s::bigint[]) ORDER BY a.id
        """,
        (list(patient_ids),),
    )
    names = (
        *("id", "patient_id", "hospital", "department", "title", "specialty", "visit_date"),
        *("period", "status", "channel", "booked_at", "changed_at"),
    )
    return [
        {
            **dict(zip(names, row[:12], strict=True)),
            "code": vault.open("appointments", "code", row[0], row[12]),
        }
        for row in rows
    ]


async def message_rows(tx: Tx, account_id: int) -> list[dict[str, Any]]:
    """Return what the account was told, without the texts, which are not stored."""
    rows = await tx.rows(
        """
        SELECT kind, channel, state, created_at, changed_at, appointment_id
        FROM messages WHERE account_id = %s ORDER BY id
        """,
        (account_id,),
    )
    names = ("kind", "channel", "state", "created_at", "changed_at", "appointment_id")
    return [dict(zip(names, row, strict=True)) for row in rows]


async def log_in_rows(tx: Tx, account_id: int) -> list[dict[str, Any]]:
    """Return the account's log-ins."""
    rows = await tx.rows(
        """
        SELECT door, device, created_at, last_seen_at, ended_at FROM log_ins
        WHERE account_id = %s ORDER BY id
        """,
        (account_id,),
    )
    names = ("door", "device", "created_at", "last_seen_at", "ended_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


async def call_rows(tx: Tx, account_id: int) -> list[dict[str, Any]]:
    """Return the account's calls to the hotline."""
    rows = await tx.rows(
        "SELECT opened_at, verified_at, ended_at FROM calls WHERE account_id = %s ORDER BY id",
        (account_id,),
    )
    names = ("opened_at", "verified_at", "ended_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


async def excuse_rows(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return excused no-shows of the persons, with the reasons."""
    rows = await tx.rows(
        """
        SELECT e.id, e.appointment_id, e.excused_at, e.withdrawn_at, e.reason_enc
        FROM no_show_excuses e JOIN appointments a ON a.id = e.appointment_id
        WHERE a.patient_id = ANY(%s::bigint[]) ORDER BY e.id
        """,
        (list(patient_ids),),
    )
    return [
        {
            "appointment_id": row[1],
            "excused_at": row[2],
            "withdrawn_at": row[3],
            "reason": vault.open("no_show_excuses", "reason", row[0], row[4]),
        }
        for row in rows
    ]


async def consent_rows(tx: Tx, account_id: int) -> list[dict[str, Any]]:
    """Return what the account's owner consented to, and when."""
    rows = await tx.rows(
        """
        SELECT patient_id, notice_version, given_by, door, given_at FROM consents
        WHERE account_id = %s ORDER BY id
        """,
        (account_id,),
    )
    names = ("patient_id", "notice_version", "given_by", "door", "given_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


async def add_consent(
    tx: Tx, account_id: int, patient_id: int | None, version: str, given_by: str, door: str
) -> None:
    """Record a consent to the privacy notice."""
    await tx.do(
        """
        INSERT INTO consents (account_id, patient_id, notice_version, given_by, door, given_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (account_id, patient_id, version, given_by, door, tx.now),
    )


async def patients_of(tx: Tx, account_id: int) -> list[int]:
    """Return the account's persons, by id."""
    rows = await tx.rows("SELECT id FROM patients WHERE account_id = %s ORDER BY id", (account_id,))
    return [row[0] for row in rows]


async def standing_of(tx: Tx, patient_ids: Sequence[int]) -> list[Standing]:
    """Return what stands in the way of erasing these locked persons.

    Unverified bookings count as live: what the hospital says of them is still to come.
    """
    today = tx.now.date()
    rows = await tx.rows(
        """
        SELECT p.id, count(a.id), coalesce(p.suspended_until > %s, false)
        FROM patients p LEFT JOIN appointments a
          ON a.patient_id = p.id AND (a.status IN ('booked', 'unverified'))
        WHERE p.id = ANY(%s::bigint[]) GROUP BY p.id ORDER BY p.id
        """,
        (today, list(patient_ids)),
    )
    return [Standing(*row) for row in rows]


async def erase_patients(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> None:
    """Take name and document from locked persons; bookings stay, of nobody."""
    for id in patient_ids:
        await tx.do(
            """
            UPDATE patients
            SET account_id = NULL, phone_slot = NULL, name_enc = %s, id_no_enc = %s,
                name_index = NULL, erased_at = %s
            WHERE id = %s
            """,
            (
                vault.seal("patients", "name", id, ERASED_NAME),
                vault.seal("patients", "id_no", id, ERASED_NUMBER),
                tx.now,
                id,
            ),
        )
        excuses = await tx.rows(
            """
            SELECT e.id FROM no_show_excuses e JOIN appointments a ON a.id = e.appointment_id
            WHERE a.patient_id = %s
            """,
            (id,),
        )
        for (excuse_id,) in excuses:  # the reason may name the person
            await tx.do(
                "UPDATE no_show_excuses SET reason_enc = %s WHERE id = %s",
                (vault.seal("no_show_excuses", "reason", excuse_id, ERASED_NAME), excuse_id),
            )


async def erase_account(tx: Tx, account_id: int) -> None:
    """Take the phone from an account, and what leads to its owner."""
    await tx.do(
        """
        UPDATE messages SET to_enc = NULL, body_enc = NULL,
               state = CASE WHEN state = 'queued' THEN 'expired' ELSE state END
        WHERE account_id = %s AND (to_enc IS NOT NULL OR body_enc IS NOT NULL OR state = 'queued')
        """,
        (account_id,),
    )
    await tx.do(
        "DELETE FROM outbox WHERE to_index = (SELECT phone_index FROM accounts WHERE id = %s)",
        (account_id,),
    )
    await tx.do(
        """
        DELETE FROM one_time_passwords
        WHERE phone_index = (SELECT phone_index FROM accounts WHERE id = %s)
        """,
        (account_id,),
    )
    await tx.do("DELETE FROM wechat_users WHERE account_id = %s", (account_id,))
    await tx.do("DELETE FROM known_devices WHERE account_id = %s", (account_id,))
    await tx.do(
        "UPDATE log_ins SET device = '', device_index = NULL WHERE account_id = %s", (account_id,)
    )
    await tx.do(
        """
        UPDATE accounts SET phone_enc = NULL, phone_index = NULL, erased_at = %s,
               detached_at = coalesce(detached_at, %s)
        WHERE id = %s
        """,
        (tx.now, tx.now, account_id),
    )


async def revive(
    tx: Tx,
    vault: Vault,
    account_id: int,
    slot: int,
    name: str,
    document: Document,
    checked_by: str | None,
) -> PatientView | None:
    """Give an erased person who registers again their record back, no-shows included.

    Not the check: it was of a name that is no longer stored. None where the person was never
    erased.
    """
    row = await tx.row(
        """
        SELECT id FROM patients
        WHERE person_index = ANY(%s::bytea[])
          AND displaced_at IS NULL AND merged_into IS NULL
          AND erased_at IS NOT NULL AND index_gone_at IS NULL
        FOR NO KEY UPDATE
        """,
        (person_indexes(vault, document.number),),
    )
    if row is None:
        return None
    id = int(row[0])
    until = await tx.row(
        """
        UPDATE patients
        SET account_id = %s, phone_slot = %s, name_enc = %s, name_index = %s, id_no_enc = %s,
            id_no_index = %s, person_index = %s, id_type = %s, checked_at = %s,
            checked_by = %s, erased_at = NULL
        WHERE id = %s RETURNING suspended_until
        """,
        (
            *(account_id, slot, vault.seal("patients", "name", id, name)),
            vault.index("name", name_key(name)),
            vault.seal("patients", "id_no", id, document.number),
            vault.index("id_no", document.number),
            *(person_index(vault, document.number), document.id_type),
            *(None if checked_by is None else tx.now, checked_by, id),
        ),
    )
    assert until is not None
    suspended_until: date | None = until[0]
    return PatientView(id, name, document.id_type, document.number, suspended_until)


async def forget_indexes(tx: Tx, visits_before: date, erased_before: datetime) -> int:
    """Replace the keyed index of erased persons whose record counts for nothing any more."""
    return await tx.do(
        """
        UPDATE patients p
        SET id_no_index = sha256(uuid_send(gen_random_uuid()) || int8send(p.id)),
            person_index = sha256(uuid_send(gen_random_uuid()) || int8send(p.id)),
            index_gone_at = %s
        WHERE p.erased_at < %s AND p.index_gone_at IS NULL
          AND coalesce(p.suspended_until, '-infinity') <= %s
          AND NOT EXISTS (SELECT FROM appointments a
                          WHERE a.patient_id = p.id AND a.visit_date >= %s)
        """,
        (tx.now, erased_before, tx.now.date(), visits_before),
    )
