"""The current registration of a person: found by the canonical key, checked, displaced, merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from guahao.rules.identity import Document
from guahao.rules.kernel.text import name_key
from guahao.store.db import Tx
from guahao.store.patients import person_indexes
from guahao.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Registration:
    """A person's current registration, locked."""

    id: int
    account_id: int | None
    checked_by: str | None
    suspended_until: date | None
    is_erased: bool

    @property
    def is_checked(self) -> bool:
        """Whether somebody has checked that name and document belong together."""
        return self.checked_by is not None


async def lock_current(tx: Tx, vault: Vault, document: Document) -> Registration | None:
    """Lock the current registration of the document's person; None where there is none."""
    row = await tx.row(
        """
        SELECT id, account_id, checked_by, suspended_until, erased_at IS NOT NULL FROM patients
        WHERE person_index = ANY(%s::bytea[]) AND displaced_at IS NULL AND merged_into IS NULL
        FOR NO KEY UPDATE
        """,
        (person_indexes(vault, document.number),),
    )
    return None if row is None else Registration(*row)


async def set_checked(
    tx: Tx, vault: Vault, patient_id: int, name: str, document: Document, checked_by: str
) -> None:
    """Record that name and document were checked together, as they were checked."""
    await tx.do(
        """
        UPDATE patients
        SET name_enc = %s, name_index = %s, id_type = %s, id_no_enc = %s, id_no_index = %s,
            checked_at = %s, checked_by = %s
        WHERE id = %s
        """,
        (
            vault.seal("patients", "name", patient_id, name),
            vault.index("name", name_key(name)),
            document.id_type,
            vault.seal("patients", "id_no", patient_id, document.number),
            vault.index("id_no", document.number),
            *(tx.now, checked_by, patient_id),
        ),
    )


async def check_by_pick_up(tx: Tx, appointment_ids: Sequence[int]) -> None:
    """Record that the persons of these bookings showed their documents at a window."""
    await tx.do(
        """
        UPDATE patients p SET checked_at = %s, checked_by = 'pickup'
        FROM appointments a JOIN patients b ON b.id = a.patient_id
        WHERE a.id = ANY(%s::bigint[]) AND a.status = 'picked_up'
          AND p.id = coalesce(b.merged_into, b.id)
          AND p.checked_at IS NULL AND p.displaced_at IS NULL
        """,
        (tx.now, list(appointment_ids)),
    )


async def uncheck_pick_up(tx: Tx, appointment_id: int) -> None:
    """Take back that the pick-up of this booking, a mistake, has checked its person.

    Another pick-up of theirs still checks them; so does a verifier, and staff.
    """
    await tx.do(
        """
        WITH person AS (
            SELECT coalesce(b.merged_into, b.id) AS id
            FROM appointments a JOIN patients b ON b.id = a.patient_id WHERE a.id = %s
        )
        UPDATE patients p SET checked_at = NULL, checked_by = NULL
        FROM person
        WHERE p.id = person.id AND p.checked_by = 'pickup'
          AND NOT EXISTS (
              SELECT FROM appointments a JOIN patients b ON b.id = a.patient_id
              WHERE (b.id = person.id OR b.merged_into = person.id) AND a.status = 'picked_up')
        """,
        (appointment_id,),
    )


async def live_bookings(tx: Tx, patient_id: int) -> list[tuple[int, int]]:
    """Return the ids of what a person has booked, each with its clinic session's."""
    rows = await tx.rows(
        """
        SELECT id, clinic_session_id FROM appointments
        WHERE patient_id = %s AND status = 'booked' ORDER BY id
        """,
        (patient_id,),
    )
    return [(row[0], row[1]) for row in rows]


async def set_displaced(tx: Tx, patient_id: int) -> None:
    """Take a locked registration off its account: a checked one takes its place."""
    await tx.do(
        """
        UPDATE patients SET displaced_at = %s, account_id = NULL, phone_slot = NULL
        WHERE id = %s
        """,
        (tx.now, patient_id),
    )


async def record_displaced(
    tx: Tx, old: Registration, new_id: int, checked_by: str, cancelled: int
) -> None:
    """Keep the record of what displaced what."""
    await tx.do(
        """
        INSERT INTO displaced_registrations (patient_id, account_id, displaced_by, checked_by,
                                             cancelled_bookings, displaced_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (old.id, old.account_id, new_id, checked_by, cancelled, tx.now),
    )


async def merge_into(tx: Tx, old: Registration, new_id: int) -> None:
    """Let a registration without account count towards the person's new one.

    Before the new one is written: the reference between them is checked at commit.
    """
    await tx.do(
        "UPDATE patients SET merged_into = %s WHERE id = %s OR merged_into = %s",
        (new_id, old.id, old.id),
    )


async def record_merge(tx: Tx, old: Registration, new_id: int) -> None:
    """Keep the record of a merge, and let earlier ones lead to the new registration."""
    await tx.do(
        "UPDATE person_merges SET survivor_id = %s WHERE survivor_id = %s", (new_id, old.id)
    )
    await tx.do(
        """
        INSERT INTO person_merges (patient_id, survivor_id, account_id, why, merged_at, settled_at)
        VALUES (%s, %s, %s, 'registered_again', %s, %s)
        """,
        (old.id, new_id, old.account_id, tx.now, tx.now),
    )
    await tx.do(
        """
        UPDATE patients n SET suspended_until = %s,
            -- Registering a birth certificate again does not make it last longer.
            document_ends_on = least(n.document_ends_on, o.document_ends_on)
        FROM patients o WHERE n.id = %s AND o.id = %s
        """,
        (old.suspended_until, new_id, old.id),
    )
