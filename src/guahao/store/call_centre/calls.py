"""Callers: found by what they say, and the calls in which they are served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guahao.rules.booking.order_no import order_no
from guahao.rules.call_centre.calls import CallFacts, Question, Typed
from guahao.rules.call_centre.results import CallResult, NotBookedFor
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.accounts import open_phone
from guahao.store.people.patients import PATIENT_COLUMNS, PatientRow

_CALL = """
    SELECT id, staff_id, account_id, opened_at, wrong_answers, verified_at, looked_at, ended_at,
           found_by, codes_sent, code_expires_at, result, not_booked_for
    FROM calls WHERE account_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(CallFacts):
    """A caller on the line: the agent, the caller's account, what was proven.

    `looked_at`: since when personal data is shown in full.
    """

    id: int
    staff_id: int
    account_id: int
    looked_at: datetime | None
    code_expires_at: datetime | None
    result: CallResult | None
    not_booked_for: NotBookedFor | None

    def __post_init__(self) -> None:
        """Make the columns' texts members of their enumerations."""
        if self.result is not None:
            object.__setattr__(self, "result", CallResult(self.result))
        if self.not_booked_for is not None:
            object.__setattr__(self, "not_booked_for", NotBookedFor(self.not_booked_for))
        if self.found_by is not None:
            object.__setattr__(self, "found_by", Typed(self.found_by))


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A person whom a search found, in the clear: the router masks."""

    account_id: int
    phone: str
    patient: PatientView


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of an account and what became of it."""

    id: int
    kind: str
    channel: str
    state: str
    created_at: datetime
    changed_at: datetime
    appointment_id: int | None

    @property
    def order_no(self) -> str:
        """Return the order number of the message's booking; empty where it is about none."""
        return "" if self.appointment_id is None else order_no(self.appointment_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FoundRow(PatientRow):
    account_id: int
    phone_enc: bytes | None


_FOUND = f"""
    SELECT {PATIENT_COLUMNS}, c.id AS account_id, c.phone_enc
    FROM patients p JOIN accounts c ON c.id = p.account_id
"""
_BY = {
    Typed.PHONE: "c.phone_index = ANY(%(key)s::bytea[]) ORDER BY p.id",
    Typed.DOCUMENT: "p.person_index = ANY(%(key)s::bytea[]) ORDER BY p.id",
    # Read each key's newest by patients_by_name_newest. Without LATERAL, PostgreSQL may walk all
    # patients from the newest on: 1.3 s among 2.6 million where the last of that name registered
    # long ago. Who is on no account any more is left out before the newest are counted.
    Typed.NAME: """
        p.id = ANY (ARRAY (
            SELECT newest.id
            FROM unnest(%(key)s::bytea[]) AS keys (name_index)
            CROSS JOIN LATERAL (SELECT id FROM patients
                                WHERE name_index = keys.name_index AND account_id IS NOT NULL
                                ORDER BY id DESC LIMIT %(limit)s) AS newest))
        ORDER BY p.id DESC
    """,
    Typed.CODE: """
        p.id = (SELECT patient_id FROM appointments
                WHERE code_live AND code_index = ANY(%(key)s::bytea[]))
    """,
    Typed.ORDER_NO: "p.id = (SELECT patient_id FROM appointments WHERE id = %(key)s)",
}


async def find(
    tx: Tx, vault: Vault, kind: Typed, key: list[bytes] | int, limit: int
) -> list[FoundPerson]:
    """Return the persons of a key: HMACs, or of an order number the booking's id."""
    rows = await tx.records(
        _FoundRow,
        f"{_FOUND} WHERE {_BY[kind]} LIMIT %(limit)s",
        {"key": key, "limit": limit},
    )
    return [
        FoundPerson(
            row.account_id, open_phone(vault, row.account_id, row.phone_enc), row.open(vault)
        )
        for row in rows
    ]


async def begin(tx: Tx, staff_id: int, account_id: int, found_by: Typed | None = None) -> int:
    """Open a new call and end the agent's earlier ones; return its id."""
    call_id = await next_id(tx, "calls")
    params = {
        "id": call_id,
        "staff_id": staff_id,
        "account_id": account_id,
        "found_by": found_by,
        "now": tx.now,
    }
    await tx.do(
        "UPDATE calls SET ended_at = %(now)s WHERE staff_id = %(staff_id)s AND ended_at IS NULL",
        params,
    )
    await tx.do(
        """
        INSERT INTO calls (id, staff_id, account_id, found_by, opened_at)
        VALUES (%(id)s, %(staff_id)s, %(account_id)s, %(found_by)s, %(now)s)
        """,
        params,
    )
    return call_id


async def lock_own(tx: Tx, staff_id: int, call_id: int) -> Call | None:
    """Lock a call of this agent, whether it goes on or not; None for any other."""
    return await tx.record(
        Call,
        f"{_CALL} AND id = %(id)s AND staff_id = %(staff_id)s FOR NO KEY UPDATE",
        {"id": call_id, "staff_id": staff_id},
    )


async def latest_with(tx: Tx, staff_id: int, account_id: int) -> Call | None:
    """Return this agent's latest call with an account, whether it goes on or not."""
    return await tx.record(
        Call,
        f"""
        {_CALL} AND staff_id = %(staff_id)s AND account_id = %(account_id)s
        ORDER BY id DESC LIMIT 1
        """,
        {"staff_id": staff_id, "account_id": account_id},
    )


async def note_answers(tx: Tx, call_id: int, answers: dict[Question, bool]) -> None:
    """Record what was asked and whether it was right."""
    for question, correct in answers.items():
        await tx.do(
            """
            INSERT INTO call_questions (call_id, asked, correct, asked_at)
            VALUES (%(call_id)s, %(asked)s, %(correct)s, %(now)s)
            """,
            {"call_id": call_id, "asked": question.value, "correct": correct, "now": tx.now},
        )
    await tx.do(
        "UPDATE calls SET wrong_answers = wrong_answers + %(wrong)s WHERE id = %(id)s",
        {"wrong": sum(not correct for correct in answers.values()), "id": call_id},
    )


async def right_answers(tx: Tx, call_id: int) -> set[Question]:
    """Return what was answered correctly in this call so far."""
    rows = await tx.rows(
        "SELECT DISTINCT asked FROM call_questions WHERE call_id = %(id)s AND correct",
        {"id": call_id},
    )
    return {Question(asked) for (asked,) in rows}


async def use_up_code(tx: Tx, call_id: int) -> None:
    """Make a code that was right serve once only."""
    await tx.do("UPDATE calls SET code_tries_left = 0 WHERE id = %(id)s", {"id": call_id})


async def set_verified(tx: Tx, call_id: int) -> None:
    """Record that the caller's identity is proven; the first time stands."""
    await tx.do(
        "UPDATE calls SET verified_at = coalesce(verified_at, %(now)s) WHERE id = %(id)s",
        {"id": call_id, "now": tx.now},
    )


async def set_looked(tx: Tx, call_id: int) -> None:
    """Record that personal data is shown in full until the call ends."""
    await tx.do(
        "UPDATE calls SET looked_at = %(now)s WHERE id = %(id)s", {"id": call_id, "now": tx.now}
    )


async def end(tx: Tx, call_id: int) -> None:
    """Record that the caller has hung up."""
    await tx.do(
        "UPDATE calls SET ended_at = %(now)s WHERE id = %(id)s", {"id": call_id, "now": tx.now}
    )


async def messages_of(tx: Tx, account_id: int, limit: int) -> list[SentMessage]:
    """Return the account's latest messages, newest first, without one-time passwords."""
    return await tx.records(
        SentMessage,
        """
        SELECT id, kind, channel, state, created_at, changed_at, appointment_id
        FROM messages WHERE account_id = %(account_id)s ORDER BY id DESC LIMIT %(limit)s
        """,
        {"account_id": account_id, "limit": limit},
    )


async def unnamed_patients(tx: Tx, vault: Vault, limit: int) -> list[PatientView]:
    """Return patients that cannot be found by name yet."""
    rows = await tx.records(
        PatientRow,
        f"""
        SELECT {PATIENT_COLUMNS} FROM patients p
        WHERE name_index IS NULL AND length(name_enc) > 0 ORDER BY id LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    return [row.open(vault) for row in rows]


async def index_names(tx: Tx, indexes: Sequence[tuple[int, bytes]]) -> None:
    """Store the HMAC by which each of these patients is found."""
    await tx.do(
        """
        UPDATE patients p SET name_index = n.name_index
        FROM unnest(%(ids)s::bigint[], %(indexes)s::bytea[]) n (id, name_index)
        WHERE p.id = n.id
        """,
        {"ids": [id for id, _ in indexes], "indexes": [index for _, index in indexes]},
    )
