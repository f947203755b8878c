"""The current registration of a person: found by the canonical key, checked, displaced, merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from guahao.rules.kernel.text import name_key
from guahao.rules.people.identity import Document
from guahao.store.kernel.db import Tx, array
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_indexes


@dataclass(frozen=True, slots=True)
class Registration:
    """A person's current registration, locked.

    `was_shown`: the document was shown in person for it, by a pick-up or to staff.
    """

    id: int
    account_id: int | None
    checked_by: str | None
    suspended_until: date | None
    is_erased: bool
    document_ends_on: date | None
    was_shown: bool

    @property
    def is_checked(self) -> bool:
        """Return whether it was checked that name and document belong together."""
        return self.checked_by is not None


async def lock_current(tx: Tx, vault: Vault, document: Document) -> Registration | None:
    """Lock the current registration of the document's person; None where there is none.

    With the registrations that are merged into it, by id.
    """
    indexes = person_indexes(vault, document.number)
    await tx.row(
        """
        SELECT FROM patients
        WHERE id IN (SELECT id FROM patients
                     WHERE person_index = ANY(%(indexes)s::bytea[])
                       AND displaced_at IS NULL AND merged_into IS NULL)
           OR merged_into IN (SELECT id FROM patients
                              WHERE person_index = ANY(%(indexes)s::bytea[])
                                AND displaced_at IS NULL AND merged_into IS NULL)
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"indexes": indexes},
    )
    return await tx.record(
        Registration,
        """
        SELECT p.id, p.account_id, p.checked_by, p.suspended_until,
               p.erased_at IS NOT NULL AS is_erased, p.document_ends_on,
               (p.checked_by IN ('pickup', 'staff') IS TRUE
                OR EXISTS (SELECT FROM appointments a JOIN patients r ON r.id = a.patient_id
                           WHERE (r.id = p.id OR r.merged_into = p.id)
                             AND a.status = 'picked_up')) AS was_shown
        FROM patients p
        WHERE p.person_index = ANY(%(indexes)s::bytea[])
          AND p.displaced_at IS NULL AND p.merged_into IS NULL
        FOR NO KEY UPDATE OF p
        """,
        {"indexes": indexes},
    )


async def set_checked(
    tx: Tx, vault: Vault, patient_id: int, name: str, document: Document, checked_by: str
) -> None:
    """Record that name and document were checked together, as they were checked."""
    await tx.do(
        """
        UPDATE patients
        SET name_enc = %(name)s, name_index = %(name_index)s, id_type = %(id_type)s,
            id_no_enc = %(id_no)s, id_no_index = %(id_no_index)s, checked_at = %(now)s,
            checked_by = %(checked_by)s
        WHERE id = %(id)s
        """,
        {
            "name": vault.seal("patients", "name", patient_id, name),
            "name_index": vault.index("name", name_key(name)),
            "id_type": document.id_type,
            "id_no": vault.seal("patients", "id_no", patient_id, document.number),
            "id_no_index": vault.index("id_no", document.number),
            "now": tx.now,
            "checked_by": checked_by,
            "id": patient_id,
        },
    )


async def check_by_pick_up(tx: Tx, appointment_ids: Sequence[int]) -> None:
    """Record that the persons of these bookings showed their documents at a window."""
    await tx.do(
        """
        UPDATE patients p SET checked_at = %(now)s, checked_by = 'pickup'
        -- Joined: as a filter the ids are compared one by one with everybody ever picked up.
        FROM unnest(%(ids)s::bigint[]) AS i (id)
        JOIN appointments a ON a.id = i.id JOIN patients b ON b.id = a.patient_id
        WHERE a.status = 'picked_up'
          AND p.id = coalesce(b.merged_into, b.id)
          AND p.checked_at IS NULL AND p.displaced_at IS NULL
        """,
        {"now": tx.now, "ids": array(appointment_ids)},
    )


async def uncheck_pick_up(tx: Tx, appointment_id: int) -> None:
    """Take back that the pick-up of this booking, a mistake, has checked its person.

    Another pick-up of theirs still checks them; so does a verifier, and staff.
    """
    await tx.do(
        """
        WITH person AS (
            SELECT coalesce(b.merged_into, b.id) AS id
            FROM appointments a JOIN patients b ON b.id = a.patient_id WHERE a.id = %(id)s
        )
        UPDATE patients p SET checked_at = NULL, checked_by = NULL
        FROM person
        WHERE p.id = person.id AND p.checked_by = 'pickup'
          AND NOT EXISTS (
              SELECT FROM appointments a JOIN patients b ON b.id = a.patient_id
              WHERE (b.id = person.id OR b.merged_into = person.id) AND a.status = 'picked_up')
        """,
        {"id": appointment_id},
    )


async def accounts_of_person(tx: Tx, patient_id: int) -> dict[int, int | None]:
    """Return the accounts of a locked registration and of those that are merged into it, by id."""
    rows = await tx.rows(
        "SELECT id, account_id FROM patients WHERE id = %(id)s OR merged_into = %(id)s ORDER BY id",
        {"id": patient_id},
    )
    return dict(rows)


async def live_bookings(tx: Tx, patient_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return the ids of what these have booked, each with its clinic session's."""
    rows = await tx.rows(
        """
        SELECT id, clinic_session_id FROM appointments
        WHERE patient_id = ANY(%(ids)s::bigint[]) AND status = 'booked' ORDER BY id
        """,
        {"ids": list(patient_ids)},
    )
    return [(id, session_id) for id, session_id in rows]


async def take_off_accounts(tx: Tx, patient_ids: Sequence[int]) -> None:
    """Take locked registrations off their accounts."""
    await tx.do(
        """
        UPDATE patients SET account_id = NULL, phone_slot = NULL
        WHERE id = ANY(%(ids)s::bigint[])
        """,
        {"ids": list(patient_ids)},
    )


async def record_displaced(
    tx: Tx, old: Mapping[int, int | None], new_id: int, checked_by: str, cancelled: int
) -> None:
    """Record what displaced what; `old`: the account of each.

    `cancelled`: how many bookings of all of them were; they are noted at the first.
    """
    for id, account_id in old.items():
        await tx.do(
            """
            INSERT INTO displaced_registrations (patient_id, account_id, displaced_by, checked_by,
                                                 cancelled_bookings, displaced_at)
            VALUES (%(id)s, %(account_id)s, %(new_id)s, %(checked_by)s, %(cancelled)s, %(now)s)
            """,
            {
                "id": id,
                "account_id": account_id,
                "new_id": new_id,
                "checked_by": checked_by,
                "cancelled": cancelled,
                "now": tx.now,
            },
        )
        cancelled = 0


async def set_displaced(tx: Tx, patient_ids: Sequence[int]) -> None:
    """Displace locked registrations by a checked registration: nothing of them counts any more."""
    await tx.do(
        "UPDATE patients SET displaced_at = %(now)s WHERE id = ANY(%(ids)s::bigint[])",
        {"now": tx.now, "ids": list(patient_ids)},
    )


async def merge_into(tx: Tx, old: Registration, new_id: int) -> None:
    """Merge a registration without account into the person's new registration.

    Call it before the insert of the new row: the foreign key is checked at commit.
    """
    await tx.do(
        "UPDATE patients SET merged_into = %(new_id)s WHERE id = %(id)s OR merged_into = %(id)s",
        {"new_id": new_id, "id": old.id},
    )


async def record_merge(tx: Tx, old: Registration, new_id: int, why: str) -> None:
    """Record a merge, and point earlier merges to the new registration."""
    params = {
        "old_id": old.id,
        "new_id": new_id,
        "account_id": old.account_id,
        "why": why,
        "now": tx.now,
        "suspended_until": old.suspended_until,
    }
    await tx.do(
        "UPDATE person_merges SET survivor_id = %(new_id)s WHERE survivor_id = %(old_id)s", params
    )
    await tx.do(
        """
        INSERT INTO person_merges (patient_id, survivor_id, account_id, why, merged_at, settled_at)
        VALUES (%(old_id)s, %(new_id)s, %(account_id)s, %(why)s, %(now)s, %(now)s)
        """,
        params,
    )
    await tx.do(
        """
        UPDATE patients n SET suspended_until = %(suspended_until)s,
            -- Registering a birth certificate again does not make it last longer.
            document_ends_on = least(n.document_ends_on, o.document_ends_on)
        FROM patients o WHERE n.id = %(new_id)s AND o.id = %(old_id)s
        """,
        params,
    )
