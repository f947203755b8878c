"""Registered persons as staff with a document in hand find them; moving and correcting them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from guahao.rules.kernel.text import name_key
from guahao.rules.people.identity import Document, valid_phone
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.accounts import open_phone
from guahao.store.people.patients import open_patient, person_indexes


@dataclass(frozen=True, slots=True)
class Person:
    """A current registration, in the clear, with the account that has it."""

    patient: PatientView
    account_id: int | None
    phone: str
    checked_at: datetime | None
    live_bookings: int

    @property
    def is_on_landline(self) -> bool:
        """Whether no SMS reaches the phone."""
        return bool(self.phone) and valid_phone(self.phone) is None


_PERSON = """
    SELECT p.id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until,
           p.account_id, c.phone_enc, p.checked_at,
           (SELECT count(*) FROM appointments a
            WHERE a.patient_id = p.id AND a.status = 'booked')
    FROM patients p LEFT JOIN accounts c ON c.id = p.account_id
"""


async def of_document(tx: Tx, vault: Vault, document: Document) -> Person | None:
    """Return the current registration of the document's person."""
    row = await tx.row(
        f"""
        {_PERSON} WHERE p.person_index = ANY(%s::bytea[])
          AND p.displaced_at IS NULL AND p.merged_into IS NULL
        """,
        (person_indexes(vault, document.number),),
    )
    return None if row is None else _person(vault, row)


async def lock(tx: Tx, vault: Vault, patient_id: int) -> Person | None:
    """Lock a person and read them as they are now; None where there is no such registration.

    With the registrations that are merged into it, by id.
    """
    await tx.row(
        "SELECT FROM patients WHERE id = %s OR merged_into = %s ORDER BY id FOR NO KEY UPDATE",
        (patient_id, patient_id),
    )
    row = await tx.row(
        f"{_PERSON} WHERE p.id = %s AND p.displaced_at IS NULL AND p.merged_into IS NULL",
        (patient_id,),
    )
    return None if row is None else _person(vault, row)


def _person(vault: Vault, row: tuple[object, ...]) -> Person:
    account_id, phone_enc, checked_at, live = row[5:]
    phone = "" if account_id is None else open_phone(vault, account_id, phone_enc)  # type: ignore[arg-type]
    return Person(open_patient(vault, *row[:5]), account_id, phone, checked_at, live)  # type: ignore[arg-type]


async def put_on_account(tx: Tx, patient_id: int, account_id: int, slot: int) -> None:
    """Put a locked person on a locked account.

    Registrations that count as this person's go along, and what waits to be sent.
    """
    old = await tx.row("SELECT account_id FROM patients WHERE id = %s", (patient_id,))
    await tx.do(
        "UPDATE patients SET account_id = %s, phone_slot = %s WHERE id = %s",
        (account_id, slot, patient_id),
    )
    await tx.do(
        "UPDATE patients SET account_id = %s WHERE merged_into = %s", (account_id, patient_id)
    )
    await tx.do(
        """
        UPDATE messages SET account_id = %s
        WHERE state = 'queued' AND account_id = %s AND patient_id = %s
        """,
        (account_id, None if old is None else old[0], patient_id),
    )


async def take_off_account(tx: Tx, patient_id: int) -> None:
    """Leave a locked person without an account; the record stays."""
    await tx.do(
        "UPDATE patients SET account_id = NULL, phone_slot = NULL WHERE id = %s", (patient_id,)
    )
    await tx.do("UPDATE patients SET account_id = NULL WHERE merged_into = %s", (patient_id,))


async def set_name(tx: Tx, vault: Vault, patient_id: int, name: str) -> None:
    """Correct a locked person's name."""
    await tx.do(
        "UPDATE patients SET name_enc = %s, name_index = %s WHERE id = %s",
        (
            vault.seal("patients", "name", patient_id, name),
            vault.index("name", name_key(name)),
            patient_id,
        ),
    )


async def set_checked(tx: Tx, patient_id: int) -> None:
    """Record that staff have seen the original; an earlier check stands."""
    await tx.do(
        """
        UPDATE patients SET checked_at = %s, checked_by = 'staff'
        WHERE id = %s AND checked_at IS NULL
        """,
        (tx.now, patient_id),
    )


async def is_suspended(tx: Tx, patient_id: int, today: date) -> bool:
    """Whether a suspension runs or is to come."""
    row = await tx.row(
        "SELECT FROM patients WHERE id = %s AND suspended_until > %s", (patient_id, today)
    )
    return row is not None
