"""Submitted forms that changed something, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form that changed something. `answer`: JSON text, or None if it is unknown."""

    body: bytes
    sent_at: datetime
    answer: str | None


async def has_written(tx: Tx) -> bool:
    """Return whether this transaction has changed or locked a row."""
    [[written]] = await tx.rows("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
    return bool(written)


async def claim(tx: Tx, form_key: bytes, body: bytes) -> bool:
    """Record a form as sent; return False if it was recorded before.

    Waits for a transaction that is recording the same form.
    """
    row = await tx.row(
        """
        INSERT INTO sent_forms (form_key, body, sent_at) VALUES (%s, %s, %s)
        ON CONFLICT (form_key) DO NOTHING RETURNING id
        """,
        (form_key, body, tx.now),
    )
    return row is not None


async def find(tx: Tx, vault: Vault, form_key: bytes, answered_since: datetime) -> SentForm | None:
    """Return the form sent under this key, with an answer no older than the moment."""
    row = await tx.secret_row(
        "SELECT id, body, sent_at, answer_enc FROM sent_forms WHERE form_key = %s", (form_key,)
    )
    if row is None:
        return None
    id, body, sent_at, sealed = row
    known = sealed is not None and sent_at >= answered_since
    answer = vault.open("sent_forms", "answer", id, bytes(sealed)) if known else None
    return SentForm(bytes(body), sent_at, answer)


async def set_answer(tx: Tx, vault: Vault, form_key: bytes, answer: str) -> None:
    """Store the answer of a form."""
    row = await tx.row("SELECT id FROM sent_forms WHERE form_key = %s FOR UPDATE", (form_key,))
    if row is None:
        return
    sealed = vault.seal("sent_forms", "answer", row[0], answer)
    await tx.do_secret("UPDATE sent_forms SET answer_enc = %s WHERE id = %s", (sealed, row[0]))


async def release(tx: Tx, form_key: bytes) -> None:
    """Delete a form that was refused, so that it can be corrected and sent again."""
    await tx.do("DELETE FROM sent_forms WHERE form_key = %s", (form_key,))


async def purge(tx: Tx, forms_before: datetime, answers_before: datetime) -> None:
    """Delete forms and answers, each older than its moment."""
    await tx.do("DELETE FROM sent_forms WHERE sent_at < %s", (forms_before,))
    await tx.do_secret(
        "UPDATE sent_forms SET answer_enc = NULL WHERE sent_at < %s AND answer_enc IS NOT NULL",
        (answers_before,),
    )
