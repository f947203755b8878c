"""Erase persons and accounts; delete their indexes once nothing of them counts."""

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
class ErasureObstacles:
    """What may stand in the way of erasing a person."""

    patient_id: int
    live_bookings: int
    suspended: bool


@dataclass(frozen=True, slots=True)
class _Registration:
    """A registration to erase."""

    id: int
    id_no_enc: bytes
    is_current: bool


async def standing_of(tx: Tx, patient_ids: Sequence[int]) -> list[ErasureObstacles]:
    """Return what stands in the way of erasing these locked registrations.

    Unverified bookings count as live: the hospital has yet to confirm them. The suspension of a
    displaced registration counts for nobody.
    """
    return await tx.records(
        ErasureObstacles,
        """
        SELECT p.id AS patient_id, count(a.id) AS live_bookings,
               coalesce(p.suspended_until > %(today)s AND p.displaced_at IS NULL, false)
                 AS suspended
        FROM patients p LEFT JOIN appointments a
          ON a.patient_id = p.id AND (a.status IN ('booked', 'unverified'))
        WHERE p.id = ANY(%(patient_ids)s::bigint[]) GROUP BY p.id ORDER BY p.id
        """,
        {"today": tx.now.date(), "patient_ids": list(patient_ids)},
    )


async def erase_patients(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> None:
    """Erase names, documents and typed reasons of locked registrations; the bookings stay.

    A current registration keeps its HMACs, under the present key: a person who registers again
    meanwhile continues with the same no-shows and bookings. Merged and displaced registrations
    can no longer be found.
    """
    await _forget_notes(tx, patient_ids)
    registrations = await tx.records(
        _Registration,
        """
        SELECT id, id_no_enc, displaced_at IS NULL AND merged_into IS NULL AS is_current
        FROM patients WHERE id = ANY(%(patient_ids)s::bigint[]) ORDER BY id
        """,
        {"patient_ids": list(patient_ids)},
    )
    for registration in registrations:
        id, is_current = registration.id, registration.is_current
        number = vault.open("patients", "id_no", id, registration.id_no_enc)
        await tx.do(
            """
            UPDATE patients
            SET account_id = NULL, phone_slot = NULL, name_enc = %(name_enc)s,
                id_no_enc = %(id_no_enc)s, name_index = NULL, id_no_index = %(id_no_index)s,
                person_index = %(person_index)s, index_key_id = %(index_key_id)s,
                index_gone_at = %(index_gone_at)s, erased_at = %(now)s,
                document_ends_on = CASE WHEN %(is_current)s THEN document_ends_on END
            WHERE id = %(id)s
            """,
            {
                "id": id,
                "is_current": is_current,
                "name_enc": vault.seal("patients", "name", id, ERASED_NAME),
                "id_no_enc": vault.seal("patients", "id_no", id, ERASED_NUMBER),
                "id_no_index": (
                    vault.index("id_no", number) if is_current else secrets.token_bytes(32)
                ),
                "person_index": (
                    person_index(vault, number) if is_current else secrets.token_bytes(32)
                ),
                "index_key_id": vault.key_id if is_current else None,
                "index_gone_at": None if is_current else tx.now,
                "now": tx.now,
            },
        )
    await _erase_typed(tx, vault, patient_ids)
    params = {"now": tx.now, "patient_ids": list(patient_ids)}
    await tx.do(
        """
        UPDATE messages SET body_enc = NULL, state = 'expired', changed_at = %(now)s
        WHERE patient_id = ANY(%(patient_ids)s::bigint[]) AND state = 'queued'
        """,
        params,
    )
    await tx.do(
        """
        UPDATE call_tasks SET outcome = 'no_need', closed_at = %(now)s
        WHERE closed_at IS NULL
          AND (patient_id = ANY(%(patient_ids)s::bigint[])
               OR appointment_id IN (SELECT id FROM appointments
                                     WHERE patient_id = ANY(%(patient_ids)s::bigint[])))
        """,
        params,
    )


async def _forget_notes(tx: Tx, patient_ids: Sequence[int]) -> None:
    """Delete the notes on calls of the persons' phones: a note may be about any of its patients."""
    await tx.do(
        """
        UPDATE calls SET note_enc = NULL
        WHERE note_enc IS NOT NULL AND account_id IN (
            SELECT account_id FROM patients WHERE id = ANY(%(patient_ids)s::bigint[]))
        """,
        {"patient_ids": list(patient_ids)},
    )


async def _erase_typed(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> None:
    """Erase what staff have typed about the persons: it may name them."""
    params = {"patient_ids": list(patient_ids)}
    excuses = await tx.rows(
        """
        SELECT e.id FROM no_show_excuses e JOIN appointments a ON a.id = e.appointment_id
        WHERE a.patient_id = ANY(%(patient_ids)s::bigint[])
        """,
        params,
    )
    for (id,) in excuses:
        await tx.do(
            "UPDATE no_show_excuses SET reason_enc = %(reason_enc)s WHERE id = %(id)s",
            {"id": id, "reason_enc": vault.seal("no_show_excuses", "reason", id, ERASED_NAME)},
        )
    moves = await tx.rows(
        "SELECT id FROM moves WHERE patient_id = ANY(%(patient_ids)s::bigint[])", params
    )
    for (id,) in moves:
        await tx.do(
            """
            UPDATE moves
            SET phone_enc = %(phone_enc)s, reason_enc = %(reason_enc)s, name_enc = NULL,
                id_type = NULL, id_no_enc = NULL, code_index = NULL, code_tries_left = 0,
                decided_at = coalesce(decided_at, %(now)s),
                state = CASE WHEN state IN ('proving', 'requested') THEN 'rejected' ELSE state END
            WHERE id = %(id)s
            """,
            {
                "id": id,
                "phone_enc": vault.seal("moves", "phone", id, ERASED_NUMBER),
                "reason_enc": vault.seal("moves", "reason", id, ERASED_NAME),
                "now": tx.now,
            },
        )
    booked = await tx.rows(
        "SELECT id FROM appointments WHERE patient_id = ANY(%(patient_ids)s::bigint[])", params
    )
    notes = await tx.rows(
        """
        SELECT id FROM reconciliation_differences
        WHERE order_no = ANY(%(order_nos)s::text[]) AND note_enc IS NOT NULL
        """,
        {"order_nos": [order_no(id) for (id,) in booked]},
    )
    for (id,) in notes:
        note = vault.seal("reconciliation_differences", "note", id, ERASED_NAME)
        await tx.do(
            "UPDATE reconciliation_differences SET note_enc = %(note_enc)s WHERE id = %(id)s",
            {"id": id, "note_enc": note},
        )
    requests = await tx.rows(
        """
        SELECT id, decision_reason_enc IS NOT NULL FROM privacy_requests
        WHERE patient_id = ANY(%(patient_ids)s::bigint[])
        """,
        params,
    )
    for id, is_decided in requests:
        reason = vault.seal("privacy_requests", "reason", id, ERASED_NAME)
        decision = vault.seal("privacy_requests", "decision_reason", id, ERASED_NAME)
        await tx.do(
            """
            UPDATE privacy_requests
            SET reason_enc = %(reason)s, decision_reason_enc = %(decision)s
            WHERE id = %(id)s
            """,
            {"id": id, "reason": reason, "decision": decision if is_decided else None},
        )


async def erase_account(tx: Tx, vault: Vault, account_id: int) -> None:
    """Erase the phone of a locked account, and everything that leads to its owner."""
    row = await tx.row(
        "SELECT phone_enc FROM accounts WHERE id = %(account_id)s", {"account_id": account_id}
    )
    phone = open_phone(vault, account_id, None if row is None else row[0])
    params = {
        "account_id": account_id,
        "phone_indexes": vault.indexes("phone", phone),
        "now": tx.now,
    }
    for statement in (
        """
        UPDATE messages SET to_enc = NULL, body_enc = NULL,
               state = CASE WHEN state = 'queued' THEN 'expired' ELSE state END
        WHERE account_id = %(account_id)s
          AND (to_enc IS NOT NULL OR body_enc IS NOT NULL OR state = 'queued')
        """,
        "DELETE FROM outbox WHERE to_index = ANY(%(phone_indexes)s::bytea[])",
        "DELETE FROM one_time_passwords WHERE phone_index = ANY(%(phone_indexes)s::bytea[])",
        "DELETE FROM wechat_users WHERE account_id = %(account_id)s",
        "DELETE FROM known_devices WHERE account_id = %(account_id)s",
        "UPDATE log_ins SET device = '', device_index = NULL WHERE account_id = %(account_id)s",
        """
        UPDATE calls SET code_index = NULL, note_enc = NULL, ended_at = coalesce(ended_at, %(now)s)
        WHERE account_id = %(account_id)s
          AND (code_index IS NOT NULL OR note_enc IS NOT NULL OR ended_at IS NULL)
        """,
        """
        UPDATE call_tasks SET outcome = 'no_need', closed_at = %(now)s
        WHERE account_id = %(account_id)s AND closed_at IS NULL
        """,
    ):
        await tx.do(statement, params)
    reviews = await tx.rows(
        """
        SELECT id FROM account_reviews
        WHERE account_id = %(account_id)s AND reason_enc IS NOT NULL
        """,
        params,
    )
    for (id,) in reviews:
        await tx.do(
            "UPDATE account_reviews SET reason_enc = %(reason_enc)s WHERE id = %(id)s",
            {"id": id, "reason_enc": vault.seal("account_reviews", "reason", id, ERASED_NAME)},
        )
    await tx.do(
        """
        UPDATE accounts SET phone_enc = NULL, phone_index = NULL, erased_at = %(now)s,
               detached_at = coalesce(detached_at, %(now)s)
        WHERE id = %(account_id)s
        """,
        params,
    )


async def forget_index(tx: Tx, patient_id: int) -> None:
    """Replace the keyed index of a locked erased person who has just registered again.

    The index now belongs to the new registration, which takes over what counts of the erased.
    """
    await tx.do(
        """
        UPDATE patients
        SET id_no_index = sha256(uuid_send(gen_random_uuid()) || int8send(id)),
            person_index = sha256(uuid_send(gen_random_uuid()) || int8send(id)),
            index_gone_at = %(now)s, index_key_id = NULL
        WHERE id = %(patient_id)s AND erased_at IS NOT NULL AND index_gone_at IS NULL
        """,
        {"now": tx.now, "patient_id": patient_id},
    )


_COUNTS_FOR_NOTHING = """
    p.erased_at < %(erased_before)s AND p.index_gone_at IS NULL
    AND coalesce(p.suspended_until, '-infinity') <= %(suspended_until)s
    AND NOT EXISTS (SELECT FROM appointments a JOIN patients r ON r.id = a.patient_id
                    WHERE (r.id = p.id OR r.merged_into = p.id)
                      AND a.visit_date >= %(visits_before)s)
"""


async def forget_indexes(tx: Tx, visits_before: date, erased_before: datetime) -> int:
    """Replace the keyed index of erased persons once neither visits nor a suspension count."""
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
    """Count erased persons whose HMACs are under another key than this.

    Also return the day by which the nightly job will have deleted them all if nothing changes:
    `forget_indexes` waits for each person's last visit and the end of the suspension.
    """
    rows = await tx.rows(
        """
        SELECT p.suspended_until,
               (SELECT max(a.visit_date)
                FROM appointments a JOIN patients r ON r.id = a.patient_id
                WHERE r.id = p.id OR r.merged_into = p.id) AS last_visit
        FROM patients p
        WHERE p.erased_at IS NOT NULL AND p.index_gone_at IS NULL
          AND p.index_key_id IS DISTINCT FROM %(key_id)s
        """,
        {"key_id": key_id},
    )
    ends = [tx.now.date()]
    for suspended_until, last_visit in rows:
        if suspended_until is not None:
            ends.append(suspended_until)
        if last_visit is not None:
            ends.append(max(date(last_visit.year + 1, 1, 1), add_months(last_visit, 3)))
    return len(rows), max(ends) + timedelta(days=1) if rows else None
