"""The data of a person or an account, of which the privacy law gives them a copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.rows import dict_row

from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault
from guahao.store.people.patients import person_indexes


@dataclass(frozen=True, slots=True)
class DataSubject:
    """The person or the account whose data it is.

    `account_id`: an account that is theirs alone. `patient_ids`: their registrations, also those
    that were merged or displaced from the account. `by_others`: displaced registrations that a
    stranger made with their document, and earlier registrations that an unchecked person may not
    have made; these are erased with the rest, but their bookings are not handed out.
    """

    account_id: int | None
    patient_ids: list[int]
    by_others: list[int]

    @property
    def registrations(self) -> list[int]:
        """Return all registrations in the order in which they are locked."""
        return sorted([*self.patient_ids, *self.by_others])


@dataclass(frozen=True, slots=True)
class _Document:
    """A current registration with its encrypted document number."""

    id: int
    id_no_enc: bytes


@dataclass(frozen=True, slots=True)
class _Person(_Document):
    """A person's current registration. `shares_account`: with other persons."""

    account_id: int | None
    shares_account: bool


async def subject_of_account(tx: Tx, vault: Vault, account_id: int) -> DataSubject | None:
    """Return an account with all its persons; None if it does not exist or is erased."""
    params = {"account_id": account_id}
    found = await tx.row(
        "SELECT FROM accounts WHERE id = %(account_id)s AND erased_at IS NULL", params
    )
    if found is None:
        return None
    own = await tx.records(
        _Document,
        """
        SELECT id, id_no_enc FROM patients
        WHERE account_id = %(account_id)s AND merged_into IS NULL AND erased_at IS NULL
        ORDER BY id
        """,
        params,
    )
    ids, by_others = await _registrations(tx, vault, own)
    # Anybody who knows a document's number can register it. Before a check, earlier registrations
    # of that person at another account may be somebody else's: they are not handed out.
    unproven = await tx.rows(
        """
        SELECT old.id FROM patients old JOIN patients p ON p.id = old.merged_into
        WHERE p.account_id = %(account_id)s AND p.checked_at IS NULL
          AND NOT EXISTS (SELECT FROM person_merges m
                          WHERE m.patient_id = old.id AND m.account_id = %(account_id)s)
        """,
        params,
    )
    strangers = {id for (id,) in unproven}
    ids, by_others = ids - strangers, by_others | (ids & strangers)
    # Registrations of this account that a checked registration displaced are the account's own
    # data, even where the document is another person's.
    displaced = await tx.rows(
        """
        SELECT p.id FROM patients p JOIN displaced_registrations d
          ON d.patient_id IN (p.id, p.merged_into)
        WHERE d.account_id = %(account_id)s AND p.erased_at IS NULL
        """,
        params,
    )
    ids |= {id for (id,) in displaced}
    return DataSubject(account_id, sorted(ids), sorted(by_others - ids))


async def subject_of_person(tx: Tx, vault: Vault, patient_id: int) -> DataSubject | None:
    """Return a person with all their registrations; None if erased or displaced.

    Include their account if nobody else is registered to it.
    """
    person = await tx.record(
        _Person,
        """
        SELECT id, id_no_enc, account_id,
               EXISTS (SELECT FROM patients o
                       WHERE o.account_id = p.account_id AND o.id <> p.id
                         AND o.merged_into IS DISTINCT FROM p.id) AS shares_account
        FROM patients p
        WHERE id = (SELECT coalesce(merged_into, id) FROM patients WHERE id = %(patient_id)s)
          AND displaced_at IS NULL AND erased_at IS NULL
        """,
        {"patient_id": patient_id},
    )
    if person is None:
        return None
    ids, by_others = await _registrations(tx, vault, [person])
    account_id = None if person.shares_account else person.account_id
    return DataSubject(account_id, sorted(ids), sorted(by_others))


async def _registrations(
    tx: Tx, vault: Vault, current: Sequence[_Document]
) -> tuple[set[int], set[int]]:
    """Return all registrations of these persons, and those that strangers made."""
    numbers = [vault.open("patients", "id_no", row.id, row.id_no_enc) for row in current]
    rows = await tx.rows(
        """
        SELECT id, displaced_at IS NOT NULL
               OR EXISTS (SELECT FROM patients d
                          WHERE d.id = p.merged_into AND d.displaced_at IS NOT NULL)
        FROM patients p
        WHERE erased_at IS NULL
          AND (id = ANY(%(ids)s::bigint[]) OR merged_into = ANY(%(ids)s::bigint[])
               OR person_index = ANY(%(person_indexes)s::bytea[]))
        """,
        {
            "ids": [row.id for row in current],
            "person_indexes": [
                index for number in numbers for index in person_indexes(vault, number)
            ],
        },
    )
    own = {id for id, displaced in rows if not displaced}
    return own, {id for id, displaced in rows if displaced}


async def account_of_phone(tx: Tx, phone_indexes: Sequence[bytes]) -> int | None:
    """Return the account of a phone; None if it has none."""
    row = await tx.row(
        "SELECT id FROM accounts WHERE phone_index = ANY(%(phone_indexes)s::bytea[])",
        {"phone_indexes": list(phone_indexes)},
    )
    return None if row is None else int(row[0])


async def account_of(tx: Tx, patient_id: int) -> int | None:
    """Return the account that a person is registered to; None if there is none."""
    row = await tx.row(
        """
        SELECT account_id FROM patients
        WHERE id = (SELECT coalesce(merged_into, id) FROM patients WHERE id = %(patient_id)s)
        """,
        {"patient_id": patient_id},
    )
    return None if row is None else row[0]


# Everything about a subject, in plain text ---------------------------------------------------


async def account_row(tx: Tx, vault: Vault, account_id: int) -> dict[str, Any]:
    """Return an account's own data."""
    [found] = await _dicts(
        tx,
        """
        SELECT id, phone_enc, language, created_at, last_used_at, restricted_until
        FROM accounts WHERE id = %(account_id)s
        """,
        {"account_id": account_id},
    )
    return {"phone": _opened(vault, "accounts", "phone", found), **_without(found, "id")}


async def patient_rows(tx: Tx, vault: Vault, subject: DataSubject) -> list[dict[str, Any]]:
    """Return the registrations: name, document, since when, and their state."""
    rows = await _dicts(
        tx,
        """
        SELECT id, name_enc, id_type, id_no_enc, suspended_until, created_at AS registered_at,
               checked_at, checked_by, displaced_at, merged_into, document_ends_on
        FROM patients WHERE id = ANY(%(ids)s) ORDER BY id
        """,
        {"ids": subject.patient_ids},
    )
    return [
        {
            "id": row["id"],
            "name": _opened(vault, "patients", "name", row),
            "id_no": _opened(vault, "patients", "id_no", row),
            **_without(row, "id"),
        }
        for row in rows
    ]


async def rows_of_others(tx: Tx, vault: Vault, subject: DataSubject) -> list[dict[str, Any]]:
    """Return that strangers had registered the subject's document, and until when."""
    rows = await _dicts(
        tx,
        """
        SELECT id, id_type, id_no_enc, created_at AS registered_at, displaced_at
        FROM patients WHERE id = ANY(%(ids)s) ORDER BY id
        """,
        {"ids": subject.by_others},
    )
    return [
        {"id_no": _opened(vault, "patients", "id_no", row), **_without(row, "id")} for row in rows
    ]


async def appointment_rows(
    tx: Tx, vault: Vault, patient_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Return every booking of the persons, with its code."""
    rows = await _dicts(
        tx,
        """
        SELECT a.id, a.patient_id, h.name AS hospital, d.name AS department, s.title, s.specialty,
               a.visit_date, s.period, a.status, a.channel, a.booked_at, a.changed_at, a.code_enc
        FROM appointments a
        JOIN clinic_sessions s ON s.id = a.clinic_session_id
        JOIN hospitals h ON h.id = a.hospital_id
        JOIN departments d ON d.id = a.department_id
        WHERE a.patient_id = ANY(%(ids)s) ORDER BY a.id
        """,
        {"ids": list(patient_ids)},
    )
    return [_without(row) | {"code": _opened(vault, "appointments", "code", row)} for row in rows]


async def application_rows(tx: Tx, patient_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return every application of the persons, with those of them who are its patients."""
    return await _dicts(
        tx,
        """
        SELECT a.id, array_agg(ap.patient_id ORDER BY ap.position) AS patient_ids,
               h.name AS hospital, d.name AS department, a.title, a.specialty, a.periods,
               a.iso_weekdays, a.first_date, a.last_date, a.ranked_sessions, a.may_split,
               a.notice_hours, a.channel, a.state, a.lost, a.created_at, a.changed_at
        FROM application_patients ap
        JOIN applications a ON a.id = ap.application_id
        JOIN hospitals h ON h.id = a.hospital_id
        JOIN departments d ON d.id = a.department_id
        WHERE ap.patient_id = ANY(%(ids)s) GROUP BY a.id, h.id, d.id ORDER BY a.id
        """,
        {"ids": list(patient_ids)},
    )


async def draw_rows(tx: Tx, patient_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return how the persons' applications fared in draws, as long as the tickets are theirs."""
    return await _dicts(
        tx,
        """
        SELECT e.draw_id, e.application_id, encode(e.ticket, 'hex') AS ticket, w.draw_at,
               e.choices, e.position, e.session, e.reasons
        FROM draw_entries e JOIN draws w ON w.id = e.draw_id
        WHERE e.application_id IN (SELECT application_id FROM application_patients
                                   WHERE patient_id = ANY(%(ids)s))
        ORDER BY e.draw_id, e.application_id
        """,
        {"ids": list(patient_ids)},
    )


async def excuse_rows(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return excused no-shows of the persons, with the reasons."""
    rows = await _dicts(
        tx,
        """
        SELECT e.id, e.appointment_id, e.excused_at, e.withdrawn_at, e.reason_enc
        FROM no_show_excuses e JOIN appointments a ON a.id = e.appointment_id
        WHERE a.patient_id = ANY(%(ids)s) ORDER BY e.id
        """,
        {"ids": list(patient_ids)},
    )
    return [
        _without(row, "id") | {"reason": _opened(vault, "no_show_excuses", "reason", row)}
        for row in rows
    ]


async def move_rows(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the persons' moves to another phone and disputes, as they were asked for."""
    rows = await _dicts(
        tx,
        """
        SELECT id, kind, patient_id, phone_enc, name_enc, id_type, id_no_enc, reason_enc, state,
               created_at, decided_at
        FROM moves WHERE patient_id = ANY(%(ids)s) ORDER BY id
        """,
        {"ids": list(patient_ids)},
    )
    columns = ("phone", "name", "id_no", "reason")
    return [
        _without(row, "id") | {column: _opened(vault, "moves", column, row) for column in columns}
        for row in rows
    ]


async def account_ids_of(tx: Tx, subject: DataSubject) -> list[int]:
    """Return the accounts under which the subject's messages and requests were written."""
    rows = await tx.rows(
        """
        SELECT account_id FROM patients WHERE id = ANY(%(ids)s)
        UNION SELECT from_account_id FROM moves WHERE patient_id = ANY(%(ids)s)
        UNION SELECT account_id FROM consents WHERE patient_id = ANY(%(ids)s)
        UNION SELECT account_id FROM person_merges WHERE patient_id = ANY(%(ids)s)
        UNION SELECT account_id FROM displaced_registrations WHERE patient_id = ANY(%(ids)s)
        """,
        {"ids": subject.patient_ids},
    )
    own = {row[0] for row in rows} | {subject.account_id}
    return sorted(id for id in own if id is not None)


# Of these accounts, the rows about the subject's persons, and all rows of the subject's account.
_OF_SUBJECT = """
    account_id = ANY(%(accounts)s)
    AND (patient_id = ANY(%(ids)s) OR account_id = %(account_id)s)
"""


async def rows_of_accounts(
    tx: Tx, vault: Vault, subject: DataSubject, account_ids: Sequence[int]
) -> dict[str, list[dict[str, Any]]]:
    """Return messages (their texts are not stored), requests, consents, log-ins and calls."""
    params = {
        "accounts": list(account_ids),
        "ids": subject.patient_ids,
        "account_id": subject.account_id,
    }
    calls = await _dicts(
        tx,
        """
        SELECT id, opened_at, verified_at, ended_at, result, not_booked_for, note_enc FROM calls
        WHERE account_id = %(account_id)s ORDER BY id
        """,
        params,
    )
    return {
        "messages": await _dicts(
            tx,
            f"""
            SELECT kind, channel, state, created_at, changed_at, patient_id, appointment_id
            FROM messages WHERE {_OF_SUBJECT} ORDER BY id
            """,
            params,
        ),
        "booking_requests": await _dicts(
            tx,
            """
            SELECT patient_id, clinic_session_id, outcome, appointment_id, decided_at
            FROM booking_requests
            WHERE actor_kind = 'account' AND actor_id = ANY(%(accounts)s)
              AND patient_id = ANY(%(ids)s)
            ORDER BY decided_at
            """,
            params,
        ),
        "call_tasks": await _dicts(
            tx,
            """
            SELECT kind, created_at, tries, outcome, closed_at, appointment_id FROM call_tasks
            WHERE patient_id = ANY(%(ids)s)
               OR appointment_id IN (SELECT id FROM appointments WHERE patient_id = ANY(%(ids)s))
            ORDER BY id
            """,
            params,
        ),
        "consents": await _dicts(
            tx,
            """
            SELECT patient_id, notice_version, given_by, door, given_at FROM consents
            WHERE patient_id = ANY(%(ids)s)
               OR (account_id = %(account_id)s AND patient_id IS NULL)
            ORDER BY id
            """,
            params,
        ),
        "log_ins": await _dicts(
            tx,
            """
            SELECT door, device, created_at, last_seen_at, ended_at FROM log_ins
            WHERE account_id = %(account_id)s ORDER BY id
            """,
            params,
        ),
        "calls": [
            _without(row, "id") | {"note": _opened(vault, "calls", "note", row)} for row in calls
        ],
    }


async def review_rows(tx: Tx, vault: Vault, account_id: int) -> list[dict[str, Any]]:
    """Return reviews of the account, with the decisions and their reasons."""
    rows = await _dicts(
        tx,
        """
        SELECT id, found_at, counted_since, bookings, cancellations, decision, restricted_until,
               decided_at, reason_enc
        FROM account_reviews WHERE account_id = %(account_id)s ORDER BY id
        """,
        {"account_id": account_id},
    )
    return [
        _without(row, "id") | {"reason": _opened(vault, "account_reviews", "reason", row)}
        for row in rows
    ]


async def request_rows(tx: Tx, vault: Vault, patient_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the persons' requests under the privacy law, with their state and reasons."""
    rows = await _dicts(
        tx,
        """
        SELECT id, kind, state, created_at, decided_at, reason_enc, decision_reason_enc
        FROM privacy_requests WHERE patient_id = ANY(%(ids)s) ORDER BY id
        """,
        {"ids": list(patient_ids)},
    )
    columns = ("reason", "decision_reason")
    return [
        _without(row, "id")
        | {column: _opened(vault, "privacy_requests", column, row) for column in columns}
        for row in rows
    ]


async def _dicts(tx: Tx, query: LiteralString, params: dict[str, Any]) -> list[dict[str, Any]]:
    async with tx.conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, params)
        return await cursor.fetchall()


def _opened(vault: Vault, table: str, column: str, row: dict[str, Any]) -> str:
    sealed = row[f"{column}_enc"]
    return "" if sealed is None else vault.open(table, column, row["id"], bytes(sealed))


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the row without these columns and its ciphertexts."""
    return {
        name: value
        for name, value in row.items()
        if name not in names and not name.endswith("_enc")
    }


# Consent ------------------------------------------------------------------------------------


async def add_consent(
    tx: Tx,
    account_id: int,
    patient_id: int | None,
    version: str,
    given_by: str,
    channel: str,
    staff_id: int | None = None,
) -> None:
    """Record a consent to the privacy notice, for a person or, if None, for the account.

    `staff_id`: the member who recorded it; None: the account's owner gave it themselves, and is
    not asked again before the next version.
    """
    await tx.do(
        """
        INSERT INTO consents (account_id, patient_id, notice_version, given_by, door, given_at,
                              staff_id)
        VALUES (%(account_id)s, %(patient_id)s, %(version)s, %(given_by)s, %(channel)s, %(now)s,
                %(staff_id)s)
        """,
        {
            "account_id": account_id,
            "patient_id": patient_id,
            "version": version,
            "given_by": given_by,
            "channel": channel,
            "now": tx.now,
            "staff_id": staff_id,
        },
    )
    if staff_id is None:
        await tx.do(
            "UPDATE accounts SET notice_version = %(version)s WHERE id = %(account_id)s",
            {"version": version, "account_id": account_id},
        )


async def notice_version_of(tx: Tx, account_id: int) -> str | None:
    """Return the version of the notice that the account's owner has consented to, if any."""
    row = await tx.row(
        "SELECT notice_version FROM accounts WHERE id = %(account_id)s",
        {"account_id": account_id},
    )
    return None if row is None else row[0]
