"""Requests to move a person to another phone, or to settle whose registration it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.rules.people.identity import Document
from guahao.rules.people.moving import OPEN_FOR, MoveFacts
from guahao.rules.people.phones import Phone
from guahao.rules.staff.staff import Staff
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.accounts import open_phone
from guahao.store.people.patients import PATIENT_COLUMNS, PatientRow


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(MoveFacts):
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
    staff_login: str
    code_expires_at: datetime | None
    checked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _MoveRow(PatientRow):
    """A request as it is stored, with the person as they are registered."""

    id: int
    kind: str
    from_account_id: int | None
    old_phone_enc: bytes | None
    phone_enc: bytes
    shown_name_enc: bytes | None
    shown_id_type: str | None
    shown_id_no_enc: bytes | None
    reason_enc: bytes
    staff_id: int
    staff_login: str
    hospital_id: int | None
    state: str
    codes_sent: int
    created_at: datetime
    code_expires_at: datetime | None
    checked_at: datetime | None

    def move(self, vault: Vault) -> Move:
        """Return the request in the clear."""
        old_phone, document = "", None
        if self.from_account_id is not None:
            old_phone = open_phone(vault, self.from_account_id, self.old_phone_enc)
        if self.shown_id_type is not None and self.shown_id_no_enc is not None:
            number = vault.open("moves", "id_no", self.id, self.shown_id_no_enc)
            document = Document(self.shown_id_type, number)
        name = self.shown_name_enc
        return Move(
            id=self.id,
            kind=self.kind,
            patient=self.open(vault),
            from_account_id=self.from_account_id,
            old_phone=old_phone,
            phone=vault.open("moves", "phone", self.id, self.phone_enc),
            name=None if name is None else vault.open("moves", "name", self.id, name),
            document=document,
            reason=vault.open("moves", "reason", self.id, self.reason_enc),
            staff_id=self.staff_id,
            staff_login=self.staff_login,
            hospital_id=self.hospital_id,
            state=self.state,
            code_expires_at=self.code_expires_at,
            codes_sent=self.codes_sent,
            created_at=self.created_at,
            checked_at=self.checked_at,
        )


_MOVE = f"""
    SELECT m.id, m.kind, {PATIENT_COLUMNS}, p.checked_at, m.from_account_id,
           c.phone_enc AS old_phone_enc, m.phone_enc, m.name_enc AS shown_name_enc,
           m.id_type AS shown_id_type, m.id_no_enc AS shown_id_no_enc, m.reason_enc, m.staff_id,
           s.login AS staff_login, m.hospital_id, m.state, m.code_expires_at, m.codes_sent,
           m.created_at
    FROM moves m
    JOIN patients p ON p.id = m.patient_id
    JOIN staff s ON s.id = m.staff_id
    LEFT JOIN accounts c ON c.id = m.from_account_id
"""


async def add(tx: Tx, vault: Vault, new: NewMove) -> int:
    """Record a locked person's request whose new phone is yet to be proven; return its id.

    A request under way before is void.
    """
    await tx.do(
        """
        UPDATE moves SET state = 'rejected', decided_at = %(now)s
        WHERE patient_id = %(patient_id)s AND state IN ('proving', 'requested')
        """,
        {"now": tx.now, "patient_id": new.patient_id},
    )
    new_id, document = await next_id(tx, "moves"), new.document
    await tx.do(
        """
        INSERT INTO moves (id, kind, patient_id, from_account_id, phone_enc, name_enc, id_type,
                           id_no_enc, reason_enc, staff_id, hospital_id, state, created_at)
        VALUES (%(id)s, %(kind)s, %(patient_id)s, %(from_account_id)s, %(phone)s, %(name)s,
                %(id_type)s, %(id_no)s, %(reason)s, %(staff_id)s, %(hospital_id)s, 'proving',
                %(now)s)
        """,
        {
            "id": new_id,
            "kind": new.kind,
            "patient_id": new.patient_id,
            "from_account_id": new.from_account_id,
            "phone": vault.seal("moves", "phone", new_id, new.phone.number),
            "name": None if new.name is None else vault.seal("moves", "name", new_id, new.name),
            "id_type": document and document.id_type,
            "id_no": document and vault.seal("moves", "id_no", new_id, document.number),
            "reason": vault.seal("moves", "reason", new_id, new.reason),
            "staff_id": new.staff_id,
            "hospital_id": new.hospital_id,
            "now": tx.now,
        },
    )
    return new_id


async def lock(tx: Tx, vault: Vault, move_id: int) -> Move | None:
    """Lock the person of a request, and return the request; None where there is none.

    A person's requests are written under the person's lock only, so that the requests themselves
    need none.
    """
    await tx.row(
        """
        SELECT FROM patients WHERE id = (SELECT patient_id FROM moves WHERE id = %(id)s)
            OR merged_into = (SELECT patient_id FROM moves WHERE id = %(id)s)
        ORDER BY id FOR NO KEY UPDATE
        """,
        {"id": move_id},
    )
    return await by_id(tx, vault, move_id)


async def own(tx: Tx, vault: Vault, move_id: int, by: Staff) -> Move | None:
    """Return a request that this member of staff has made, decided or not."""
    row = await tx.record(
        _MoveRow,
        f"""
        {_MOVE} WHERE m.id = %(id)s AND m.staff_id = %(staff_id)s
          AND m.hospital_id IS NOT DISTINCT FROM %(hospital_id)s
        """,
        {"id": move_id, "staff_id": by.id, "hospital_id": by.hospital_id},
    )
    return None if row is None else row.move(vault)


async def by_id(tx: Tx, vault: Vault, move_id: int) -> Move | None:
    """Return a request, decided or not."""
    row = await tx.record(_MoveRow, f"{_MOVE} WHERE m.id = %(id)s", {"id": move_id})
    return None if row is None else row.move(vault)


async def waiting(tx: Tx, vault: Vault, limit: int) -> list[Move]:
    """Return the requests by the hotline that a supervisor has to decide, the oldest first."""
    rows = await tx.records(
        _MoveRow,
        f"""
        {_MOVE} WHERE m.state = 'requested' AND m.hospital_id IS NULL
          AND m.created_at > %(opened_after)s
        ORDER BY m.created_at, m.id LIMIT %(limit)s
        """,
        {"opened_after": tx.now - OPEN_FOR, "limit": limit},
    )
    return [row.move(vault) for row in rows]


async def set_requested(tx: Tx, move_id: int) -> None:
    """Record that the new phone is proven, or is a landline; a supervisor decides next."""
    await tx.do(
        """
        UPDATE moves SET state = 'requested', proven_at = %(now)s, code_tries_left = 0
        WHERE id = %(id)s
        """,
        {"now": tx.now, "id": move_id},
    )


async def decide(tx: Tx, move_id: int, state: str, staff_id: int) -> None:
    """Record who carried a request out (`done`) or refused it (`rejected`)."""
    await tx.do(
        """
        UPDATE moves SET state = %(state)s, decided_by = %(staff_id)s, decided_at = %(now)s
        WHERE id = %(id)s
        """,
        {"state": state, "staff_id": staff_id, "now": tx.now, "id": move_id},
    )
