"""Make persons and accounts nobody; forget them when nothing counts any more."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from guahao.rules.booking.order_no import order_no
from guahao.rules.kernel.limits import add_months
from guahao.rules.kernel.retention import ERASED_NAME, ERASED_NUMBER
from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.accounts import open_phone
from guahao.store.people.patients import person_index


@dataclass(frozen=True, slots=True)
class Standing:
    """What may stand in the way of erasing a person."""

    patient_id: int
    live_bookings: int
    suspended: bool


async def standing_of(tx: Tx, patient_ids: Sequence[int]) -> list[Standing]:
    """Return what stands in the way of erasing these locked registrations.

    Unverified bookings count as live: what the hospital says of them is still to come. A displaced
    registration's suspension is nobody's.
    """
    rows = await tx.rows(
        """
        SELECT p.id, count(a.id),
               coalesce(p.suspended_until > %s AND p.displaced_at IS NULL, false)
        FROM patients p LEFT JOIN appointments a
          ON a.patient_id = p.id AND (a.status IN ('booked', 'unverified'))
        WHERE p.id = ANY(%s::bigint[]) GROUP BY p.id ORDER BY p.id
        """,
        (tx.now.date(), list(patient_ids)),
    )
    return [Standing(*row) for row in rows]


async def erase_patients(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> None:
    """Take names, documents and typed reasons from locked registrations; bookings stay, of nobody.

    A current registration keeps its HMACs, under the present key: who registers again meanwhile
    goes on where they were. Merged and displaced ones are found by nothing any more.
    """
    rows = await tx.rows(
        """
        SELECT id, id_no_enc, displaced_at IS NULL AND merged_into IS NULL FROM patients
        WHERE id = ANY(%s::bigint[]) ORDER BY id
        """,
        (list(patient_ids),),
    )
    for id, id_no_enc, is_current in rows:
        number = vault.open("patients", "id_no", id, id_no_enc)
        gone = [secrets.token_bytes(32), secrets.token_bytes(32)]
        kept = [vault.index("id_no", number), person_index(vault, number)]
        await tx.do(
            """
            UPDATE patients
            SET account_id = NULL, phone_slot = NULL, name_enc = %s, id_no_enc = %s,
                name_index = NULL, id_no_index = %s, person_index = %s, index_key_id = %s,
                index_gone_at = %s, erased_at = %s,
                document_ends_on = CASE WHEN %s THEN document_ends_on END
            WHERE id = %s
            """,
            (
                vault.seal("patients", "name", id, ERASED_NAME),
                vault.seal("patients", "id_no", id, ERASED_NUMBER),
                *(kept if is_current else gone),
                *((vault.key_id, None) if is_current else (None, tx.now)),
                *(tx.now, is_current, id),
            ),
        )
    await _erase_typed(tx, vault, patient_ids)
    await tx.do(
        """
        UPDATE messages SET body_enc = NULL, state = 'expired', changed_at = %s
        WHERE patient_id = ANY(%s::bigint[]) AND state = 'queued'
        """,
        (tx.now, list(patient_ids)),
    )
    await tx.do(
        """
        UPDATE call_tasks SET outcome = 'no_need', closed_at = %s
        WHERE closed_at IS NULL
          AND (patient_id = ANY(%s::bigint[])
               OR appointment_id IN (SELECT id FROM appointments
                                     WHERE patient_id = ANY(%s::bigint[])))
        """,
        (tx.now, list(patient_ids), list(patient_ids)),
    )


async def _erase_typed(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> None:
    """Take what staff have typed about the persons: it may name them."""
    ids = (list(patient_ids),)
    excuses = await tx.rows(
        """
        SELECT e.id FROM no_show_excuses e JOIN appointments a ON a.id = e.appointment_id
        WHERE a.patient_id = ANY(%s::bigint[])
        """,
        ids,
    )
    for (id,) in excuses:
        sealed = vault.seal("no_show_excuses", "reason", id, ERASED_NAME)
        await tx.do("UPDATE no_show_excuses SET reason_enc = %s WHERE id = %s", (sealed, id))
    moves = await tx.rows("SELECT id FROM moves WHERE patient_id = ANY(%s::bigint[])", ids)
    for (id,) in moves:
        await tx.do(
            """
            UPDATE moves
            SET phone_enc = %s, reason_enc = %s, name_enc = NULL, id_type = NULL, id_no_enc = NULL,
                code_index = NULL, code_tries_left = 0,
                decided_at = coalesce(decided_at, %s),
                state = CASE WHEN state IN ('proving', 'requested') THEN 'rejected' ELSE state END
            WHERE id = %s
            """,
            (
                vault.seal("moves", "phone", id, ERASED_NUMBER),
                vault.seal("moves", "reason", id, ERASED_NAME),
                *(tx.now, id),
            ),
        )
    booked = await tx.rows("SELECT id FROM appointments WHERE patient_id = ANY(%s::bigint[])", ids)
    notes = await tx.rows(
        """
        SELECT id FROM reconciliation_differences
        WHERE order_no = ANY(%s::text[]) AND note_enc IS NOT NULL
        """,
        ([order_no(row[0]) for row in booked],),
    )
    for (id,) in notes:
        sealed = vault.seal("reconciliation_differences", "note", id, ERASED_NAME)
        await tx.do(
            "UPDATE reconciliation_differences SET note_enc = %s WHERE id = %s", (sealed, id)
        )
    requests = await tx.rows(
        "SELECT id, decision_reason_enc IS NOT NULL FROM privacy_requests"
        " WHERE patient_id = ANY(%s::bigint[])",
        ids,
    )
    for id, is_decided in requests:
        columns = ("reason", "decision_reason")
        reason, decision = (vault.seal("privacy_requests", c, id, ERASED_NAME) for c in columns)
        await tx.do(
            "UPDATE privacy_requests SET reason_enc = %s, decision_reason_enc = %s WHERE id = %s",
            (reason, decision if is_decided else None, id),
        )


async def erase_account(tx: Tx, vault: Vault, account_id: int) -> None:
    """Take the phone from a locked account, and what leads to its owner."""
    row = await tx.row("SELECT phone_enc FROM accounts WHERE id = %s", (account_id,))
    phone = open_phone(vault, account_id, None if row is None else row[0])
    indexes = vault.indexes("phone", phone)
    await tx.do(
        """
        UPDATE messages SET to_enc = NULL, body_enc = NULL,
               state = CASE WHEN state = 'queued' THEN 'expired' ELSE state END
        WHERE account_id = %s AND (to_enc IS NOT NULL OR body_enc IS NOT NULL OR state = 'queued')
        """,
        (account_id,),
    )
    await tx.do("DELETE FROM outbox WHERE to_index = ANY(%s::bytea[])", (indexes,))
    await tx.do("DELETE FROM one_time_passwords WHERE phone_index = ANY(%s::bytea[])", (indexes,))
    await tx.do("DELETE FROM wechat_users WHERE account_id = %s", (account_id,))
    await tx.do("DELETE FROM known_devices WHERE account_id = %s", (account_id,))
    await tx.do(
        "UPDATE log_ins SET device = '', device_index = NULL WHERE account_id = %s", (account_id,)
    )
    await tx.do(
        """
        UPDATE calls SET code_index = NULL, ended_at = coalesce(ended_at, %s)
        WHERE account_id = %s AND (code_index IS NOT NULL OR ended_at IS NULL)
        """,
        (tx.now, account_id),
    )
    await tx.do(
        """
        UPDATE call_tasks SET outcome = 'no_need', closed_at = %s
        WHERE account_id = %s AND closed_at IS NULL
        """,
        (tx.now, account_id),
    )
    reviews = await tx.rows(
        "SELECT id FROM account_reviews WHERE account_id = %s AND reason_enc IS NOT NULL",
        (account_id,),
    )
    for (id,) in reviews:
        sealed = vault.seal("account_reviews", "reason", id, ERASED_NAME)
        await tx.do("UPDATE account_reviews SET reason_enc = %s WHERE id = %s", (sealed, id))
    await tx.do(
        """
        UPDATE accounts SET phone_enc = NULL, phone_index = NULL, erased_at = %s,
               detached_at = coalesce(detached_at, %s)
        WHERE id = %s
        """,
        (tx.now, tx.now, account_id),
    )


async def forget_index(tx: Tx, patient_id: int) -> None:
    """Replace the keyed index of a locked erased person who has just registered again.

    The new registration is found by it from now on, and the erased one counts towards that.
    """
    await tx.do(
        """
        UPDATE patients
        SET id_no_index = sha256(uuid_send(gen_random_uuid()) || int8send(id)),
            person_index = sha256(uuid_send(gen_random_uuid()) || int8send(id)),
            index_gone_at = %s, index_key_id = NULL
        WHERE id = %s AND erased_at IS NOT NULL AND index_gone_at IS NULL
        """,
        (tx.now, patient_id),
    )


_COUNTS_FOR_NOTHING = """
    p.erased_at < %(erased_before)s AND p.index_gone_at IS NULL
    AND coalesce(p.suspended_until, '-infinity') <= %(suspended_until)s
    AND NOT EXISTS (SELECT FROM appointments a JOIN patients r ON r.id = a.patient_id
                    WHERE (r.id = p.id OR r.merged_into = p.id)
                      AND a.visit_date >= %(visits_before)s)
"""


async def forget_indexes(tx: Tx, visits_before: date, erased_before: datetime) -> int:
    """Replace the keyed index of erased persons whose record counts for nothing any more."""
    return await tx.do(
        f"""
        UPDATE patients p
        SET id_no_index = sha256(uuid_send(gen_random_uuid()) || int8send(p.id)),
            person_index = sha256(uuid_send(gen_random_uuid()) || int8send(p.id)),
            index_gone_at = %(now)s, index_key_id = NULL, document_ends_on = NULL
        WHERE {_COUNTS_FOR_NOTHING}
        """,
        {
            "now": tx.now,
            "erased_before": erased_before,
            "suspended_until": tx.now.date(),
            "visits_before": visits_before,
        },
    )


async def overdue_indexes(
    tx: Tx, visits_before: date, erased_before: datetime, limit: int
) -> list[int]:
    """Return erased persons whose keyed index should have been replaced by that moment."""
    rows = await tx.rows(
        f"SELECT p.id FROM patients p WHERE {_COUNTS_FOR_NOTHING} ORDER BY p.id LIMIT %(limit)s",
        {
            "erased_before": erased_before,
            "suspended_until": erased_before.date(),
            "visits_before": visits_before,
            "limit": limit,
        },
    )
    return [row[0] for row in rows]


async def indexes_of_other_keys(tx: Tx, key_id: int) -> tuple[int, date | None]:
    """Count erased persons whose HMACs stand under another key than this one.

    And the day from which the nightly job has dropped them all, were nothing to change: as
    `forget_indexes`, by the last visit of each and the end of its suspension.
    """
    rows = await tx.rows(
        """
        SELECT p.suspended_until,
               (SELECT max(a.visit_date)
                FROM appointments a JOIN patients r ON r.id = a.patient_id
                WHERE r.id = p.id OR r.merged_into = p.id)
        FROM patients p
        WHERE p.erased_at IS NOT NULL AND p.index_gone_at IS NULL
          AND p.index_key_id IS DISTINCT FROM %s
        """,
        (key_id,),
    )
    ends = [tx.now.date()]
    for suspended_until, last_visit in rows:
        if suspended_until is not None:
            ends.append(suspended_until)
        if last_visit is not None:
            ends.append(max(date(last_visit.year + 1, 1, 1), add_months(last_visit, 3)))
    return len(rows), max(ends) + timedelta(days=1) if rows else None
