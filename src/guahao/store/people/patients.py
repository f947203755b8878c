"""Patients: real persons, each registered once, two to a phone (S3, S12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from guahao.rules.kernel.limits import PATIENTS_PER_PHONE
from guahao.rules.kernel.text import name_key
from guahao.rules.people.documents import canonical_person
from guahao.rules.people.identity import Document
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView


def person_index(vault: Vault, number: str) -> bytes:
    """Return the index by which the person with this document number is found, however typed."""
    return vault.index("person", canonical_person(number))


def person_indexes(vault: Vault, number: str) -> list[bytes]:
    """Return the indexes under which the person may be stored, for `= ANY(...)`."""
    return vault.indexes("person", canonical_person(number))


# Of a `patients p`, for a PatientRow.
PATIENT_COLUMNS = """
    p.id AS patient_id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until
"""
_CHECKED = f"SELECT {PATIENT_COLUMNS}, p.checked_at IS NOT NULL AS is_checked FROM patients p"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """A patient as it is stored; name and document number are encrypted.

    `is_checked` None: not read.
    """

    patient_id: int
    name_enc: bytes
    id_type: str
    id_no_enc: bytes
    suspended_until: date | None
    is_checked: bool | None = None

    def open(self, vault: Vault) -> PatientView:
        """Return the patient in the clear."""
        return open_patient(
            vault,
            self.patient_id,
            self.name_enc,
            self.id_type,
            self.id_no_enc,
            self.suspended_until,
            self.is_checked,
        )


def open_patient(
    vault: Vault,
    patient_id: int,
    name_enc: bytes,
    id_type: str,
    id_no_enc: bytes,
    suspended_until: date | None,
    is_checked: bool | None = None,
) -> PatientView:
    """Return a patient's columns, unsealed."""
    return PatientView(
        patient_id,
        vault.open("patients", "name", patient_id, name_enc),
        id_type,
        vault.open("patients", "id_no", patient_id, id_no_enc),
        suspended_until,
        is_checked,
    )


async def of_account(tx: Tx, vault: Vault, account_id: int) -> list[PatientView]:
    """Return an account's patients, in the order of their registration."""
    rows = await tx.records(
        PatientRow,
        f"{_CHECKED} WHERE p.account_id = %(id)s AND p.merged_into IS NULL ORDER BY p.id",
        {"id": account_id},
    )
    return [row.open(vault) for row in rows]


async def by_id(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> dict[int, PatientView]:
    """Return patients in the clear; the caller has checked who may see them."""
    rows = await tx.records(
        PatientRow, f"{_CHECKED} WHERE p.id = ANY(%(ids)s::bigint[])", {"ids": list(patient_ids)}
    )
    return {row.patient_id: row.open(vault) for row in rows}


async def free_slot(tx: Tx, account_id: int) -> int | None:
    """Return the first free slot of a locked account; None where it has its two patients (S3)."""
    rows = await tx.rows(
        "SELECT phone_slot FROM patients WHERE account_id = %(id)s", {"id": account_id}
    )
    taken = {slot for (slot,) in rows}
    return next((n for n in range(1, PATIENTS_PER_PHONE + 1) if n not in taken), None)


async def has_room_or(tx: Tx, vault: Vault, account_id: int, document: Document) -> bool:
    """Return whether an account has a free slot, or has the document's person already."""
    row = await tx.row(
        """
        SELECT count(phone_slot) < %(most)s
            OR coalesce(bool_or(person_index = ANY(%(indexes)s::bytea[])), false)
        FROM patients WHERE account_id = %(id)s
        """,
        {
            "most": PATIENTS_PER_PHONE,
            "indexes": person_indexes(vault, document.number),
            "id": account_id,
        },
    )
    return row is not None and bool(row[0])


async def add(  # noqa: PLR0917 - a row's columns
    tx: Tx,
    vault: Vault,
    new_id: int,
    account_id: int,
    slot: int,
    name: str,
    document: Document,
    checked_by: str | None = None,
    document_ends_on: date | None = None,
) -> PatientView | None:
    """Register a person in a free slot; None where the person is registered already.

    `checked_by`: which verifier has said that name and document belong together, or None.
    """
    indexes = person_indexes(vault, document.number)
    # While the key is being rotated: a row of an old key is no conflict to the database.
    if len(indexes) > 1 and await tx.row(
        """
        SELECT 1 FROM patients WHERE person_index = ANY(%(indexes)s::bytea[])
          AND displaced_at IS NULL AND merged_into IS NULL
        """,
        {"indexes": indexes},
    ):
        return None
    added = await tx.do(
        """
        INSERT INTO patients (id, account_id, phone_slot, name_enc, id_type, id_no_enc,
                              id_no_index, person_index, name_index, checked_at,
                              checked_by, created_at, document_ends_on)
        VALUES (%(id)s, %(account_id)s, %(slot)s, %(name)s, %(id_type)s, %(id_no)s,
                %(id_no_index)s, %(person_index)s, %(name_index)s, %(checked_at)s,
                %(checked_by)s, %(now)s, %(document_ends_on)s)
        ON CONFLICT (person_index) WHERE displaced_at IS NULL AND merged_into IS NULL DO NOTHING
        """,
        {
            "id": new_id,
            "account_id": account_id,
            "slot": slot,
            "name": vault.seal("patients", "name", new_id, name),
            "id_type": document.id_type,
            "id_no": vault.seal("patients", "id_no", new_id, document.number),
            "id_no_index": vault.index("id_no", document.number),
            "person_index": person_index(vault, document.number),
            "name_index": vault.index("name", name_key(name)),
            "checked_at": None if checked_by is None else tx.now,
            "checked_by": checked_by,
            "now": tx.now,
            "document_ends_on": document_ends_on,
        },
    )
    if not added:
        return None
    return PatientView(
        new_id, name, document.id_type, document.number, None, checked_by is not None
    )
