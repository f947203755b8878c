"""Registered persons as staff with a document in hand find them; moving and correcting them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.rules.kernel.text import name_key
from guahao.rules.people.identity import Document, valid_phone
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.accounts import open_phone
from guahao.store.people.patients import PATIENT_COLUMNS, PatientRow, person_indexes


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
        """Return whether no SMS reaches the phone."""
        return bool(self.phone) and valid_phone(self.phone) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _PersonRow(PatientRow):
    account_id: int | None
    phone_enc: bytes | None
    checked_at: datetime | None
    live_bookings: int

    def person(self, vault: Vault) -> Person:
        """Return the registration in the clear."""
        phone = ""
        if self.account_id is not None:
            phone = open_phone(vault, self.account_id, self.phone_enc)
        return Person(self.open(vault), self.account_id, phone, self.checked_at, self.live_bookings)


_PERSON = f"""
    SELECT {PATIENT_COLUMNS}, p.account_id, c.phone_enc, p.checked_at,
           (SELECT count(*) FROM appointments a
            WHERE a.patient_id = p.id AND a.status = 'booked') AS live_bookings
    FROM patients p LEFT JOIN accounts c ON c.id = p.account_id
    WHERE p.displaced_at IS NULL AND p.merged_into IS NULL
"""


async def of_document(tx: Tx, vault: Vault, document: Document) -> Person | None:
    """Return the current registration of the document's person."""
    row = await tx.record(
        _PersonRow,
        f"{_PERSON} AND p.person_index = ANY(%(indexes)s::bytea[])",
        {"indexes": person_indexes(vault, document.number)},
    )
    return None if row is None else row.person(vault)


async def lock(tx: Tx, vault: Vault, patient_id: int) -> Person | None:
    """Lock a person and read them as they are now; None where there is no such registration.

    With the registrations that are merged into it, by id.
    """
    await tx.row(
        """
        SELECT FROM patients WHERE id = %(id)s OR merged_into = %(id)s
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"id": patient_id},
    )
    row = await tx.record(_PersonRow, f"{_PERSON} AND p.id = %(id)s", {"id": patient_id})
    return None if row is None else row.person(vault)


async def put_on_account(tx: Tx, patient_id: int, account_id: int, slot: int) -> None:
    """Put a locked person on a locked account.

    Registrations that count as this person's go along, and what waits to be sent.
    """
    old = await tx.row("SELECT account_id FROM patients WHERE id = %(id)s", {"id": patient_id})
    params = {
        "id": patient_id,
        "account_id": account_id,
        "slot": slot,
        "old_account_id": None if old is None else old[0],
    }
    await tx.do(
        "UPDATE patients SET account_id = %(account_id)s, phone_slot = %(slot)s WHERE id = %(id)s",
        params,
    )
    await tx.do(
        "UPDATE patients SET account_id = %(account_id)s WHERE merged_into = %(id)s", params
    )
    await tx.do(
        """
        UPDATE messages SET account_id = %(account_id)s
        WHERE state = 'queued' AND account_id = %(old_account_id)s AND patient_id = %(id)s
        """,
        params,
    )


async def take_off_account(tx: Tx, patient_id: int) -> None:
    """Leave a locked person without an account; the record stays."""
    params = {"id": patient_id}
    await tx.do(
        "UPDATE patients SET account_id = NULL, phone_slot = NULL WHERE id = %(id)s", params
    )
    await tx.do("UPDATE patients SET account_id = NULL WHERE merged_into = %(id)s", params)


async def set_name(tx: Tx, vault: Vault, patient_id: int, name: str) -> None:
    """Correct a locked person's name."""
    await tx.do(
        "UPDATE patients SET name_enc = %(sealed)s, name_index = %(index)s WHERE id = %(id)s",
        {
            "sealed": vault.seal("patients", "name", patient_id, name),
            "index": vault.index("name", name_key(name)),
            "id": patient_id,
        },
    )


async def set_checked(tx: Tx, patient_id: int) -> None:
    """Record that staff have seen the original; an earlier check stands."""
    await tx.do(
        """
        UPDATE patients SET checked_at = %(now)s, checked_by = 'staff'
        WHERE id = %(id)s AND checked_at IS NULL
        """,
        {"now": tx.now, "id": patient_id},
    )
