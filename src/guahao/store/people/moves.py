"""Requests to move a person to another phone, or to settle whose registration it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import TupleRow

from guahao.rules.people.identity import Document
from guahao.rules.people.phones import Phone
from guahao.rules.staff.staff import Staff
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.accounts import open_phone
from guahao.store.people.patients import open_patient

OPEN_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class NewMove:
    """What is asked for. `name` and `document`: as they were shown, in a dispute."""

    kind: str
    patient_id: int
    from_account_id: int | None
    phone: Phone
    name: str | None
    document: Document | None
    reason: str
    staff_id: int
    hospital_id: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """A request, in the clear: the web masks. `old_phone` is empty where there is none.

    `name` and `document`: as they were shown, in a dispute.
    """

    id: int
    kind: str
    patient: PatientView
    from_account_id: int | None
    old_phone: str
    phone: str
    name: str | None
    document: Document | None
    reason: str
    staff_id: int
    staff_login: str
    hospital_id: int | None
    state: str
    code_expires_at: datetime | None
    codes_sent: int
    created_at: datetime
    checked_at: datetime | None


_MOVE = """
    SELECT m.id, m.kind, m.patient_id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until,
           m.from_account_id, c.phone_enc, m.phone_enc, m.name_enc, m.reason_enc, m.staff_id,
           s.login, m.hospital_id, m.state, m.code_expires_at, m.codes_sent, m.created_at,
           p.checked_at, m.id_type, m.id_no_enc
    FROM moves m
    JOIN patients p ON p.id = m.patient_id
    JOIN staff s ON s.id = m.staff_id
    LEFT JOIN accounts c ON c.id = m.from_account_id
"""


_OPEN = "m.state IN ('proving', 'requested') AND m.created_at > %s"


async def add(tx: Tx, vault: Vault, new: NewMove) -> int:
    """Record a locked person's request whose new phone is yet to be proven.

    One under way before is void.
    """
    await tx.do(
        """
        UPDATE moves SET state = 'rejected', decided_at = %s
        WHERE patient_id = %s AND state IN ('proving', 'requested')
        """,
        (tx.now, new.patient_id),
    )
    new_id, document = await next_id(tx, "moves"), new.document
    await tx.do(
        """
        INSERT INTO moves (id, kind, patient_id, from_account_id, phone_enc, name_enc, id_type,
                           id_no_enc, reason_enc, staff_id, hospital_id, state, created_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'proving', %s)
        """,
        (
            *(new_id, new.kind, new.patient_id, new.from_account_id),
            vault.seal("moves", "phone", new_id, new.phone.number),
            None if new.name is None else vault.seal("moves", "name", new_id, new.name),
            None if document is None else document.id_type,
            None if document is None else vault.seal("moves", "id_no", new_id, document.number),
            vault.seal("moves", "reason", new_id, new.reason),
            *(new.staff_id, new.hospital_id, tx.now),
        ),
    )
    return new_id


async def lock_open(tx: Tx, vault: Vault, move_id: int) -> Move | None:
    """Lock the person of a request that is neither decided nor too old, and return the request.

    None for any other. A person's requests are written under the person's lock only, so that
    the requests themselves need none.
    """
    await tx.row(
        """
        SELECT FROM patients WHERE id = (SELECT patient_id FROM moves WHERE id = %(id)s)
            OR merged_into = (SELECT patient_id FROM moves WHERE id = %(id)s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"id": move_id},
    )
    row = await tx.row(f"{_MOVE} WHERE m.id = %s AND {_OPEN}", (move_id, tx.now - OPEN_FOR))
    return None if row is None else _move(vault, row)


async def own(tx: Tx, vault: Vault, move_id: int, by: Staff) -> Move | None:
    """Return a request that this member of staff has made, decided or not."""
    row = await tx.row(
        f"""
        {_MOVE} WHERE m.id = %s AND m.staff_id = %s AND m.hospital_id IS NOT DISTINCT FROM %s
        """,
        (move_id, by.id, by.hospital_id),
    )
    return None if row is None else _move(vault, row)


async def by_id(tx: Tx, vault: Vault, move_id: int) -> Move | None:
    """Return a request, decided or not."""
    row = await tx.row(f"{_MOVE} WHERE m.id = %s", (move_id,))
    return None if row is None else _move(vault, row)


async def waiting(tx: Tx, vault: Vault, limit: int) -> list[Move]:
    """Return the requests by the hotline that a supervisor has to decide, the oldest first."""
    rows = await tx.rows(
        f"""
        {_MOVE} WHERE m.state = 'requested' AND m.hospital_id IS NULL AND m.created_at > %s
        ORDER BY m.created_at, m.id LIMIT %s
        """,
        (tx.now - OPEN_FOR, limit),
    )
    return [_move(vault, row) for row in rows]


async def set_requested(tx: Tx, move_id: int) -> None:
    """Record that the new phone is proven, or is a landline; a supervisor decides next."""
    await tx.do(
        "UPDATE moves SET state = 'requested', proven_at = %s, code_tries_left = 0 WHERE id = %s",
        (tx.now, move_id),
    )


async def decide(tx: Tx, move_id: int, state: str, staff_id: int) -> None:
    """Record who carried a request out (`done`) or refused it (`rejected`)."""
    await tx.do(
        "UPDATE moves SET state = %s, decided_by = %s, decided_at = %s WHERE id = %s",
        (state, staff_id, tx.now, move_id),
    )


def _move(vault: Vault, row: TupleRow) -> Move:
    id, kind, patient_id, name_enc, id_type, id_no_enc, suspended_until = row[:7]
    from_account_id, old_enc, phone_enc, new_name_enc, reason_enc = row[7:12]
    shown_type, shown_enc = row[-2:]
    old = "" if from_account_id is None else open_phone(vault, from_account_id, old_enc)
    return Move(
        *(id, kind),
        open_patient(vault, patient_id, name_enc, id_type, id_no_enc, suspended_until),
        *(from_account_id, old),
        vault.open("moves", "phone", id, phone_enc),
        None if new_name_enc is None else vault.open("moves", "name", id, new_name_enc),
        None
        if shown_enc is None
        else Document(shown_type, vault.open("moves", "id_no", id, shown_enc)),
        vault.open("moves", "reason", id, reason_enc),
        *row[12:-2],
    )
