"""Callers: found by what they say, and the calls in which they are served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import TupleRow

from guahao.rules.booking.order_no import order_no
from guahao.rules.call_centre.calls import CALL_LASTS, Question, Typed
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault
from guahao.store.kernel.views import PatientView
from guahao.store.people.accounts import open_phone
from guahao.store.people.patients import open_patient

_COLUMNS = """
    id, staff_id, account_id, opened_at, wrong_answers, verified_at, looked_at, ended_at,
    found_by, codes_sent, code_expires_at
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A caller on the line: the agent, the caller's account, what was proven."""

    id: int
    staff_id: int
    account_id: int
    opened_at: datetime
    wrong_answers: int
    verified_at: datetime | None
    looked_at: datetime | None
    ended_at: datetime | None
    # What the agent typed to find the caller; None for a new caller and for a call task.
    found_by: Typed | None
    codes_sent: int
    code_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """A person whom a search found, in the clear: the door masks."""

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
        """The number of the booking it tells of; empty where it tells of none."""
        return "" if self.appointment_id is None else order_no(self.appointment_id)


_FOUND = """
    SELECT c.id, c.phone_enc, p.id, p.name_enc, p.id_type, p.id_no_enc, p.suspended_until
    FROM patients p JOIN accounts c ON c.id = p.account_id
"""
_BY = {
    "phone": f"{_FOUND} WHERE c.phone_index = ANY(%s::bytea[]) ORDER BY p.id LIMIT %s",
    "document": f"{_FOUND} WHERE p.person_index = ANY(%s::bytea[]) ORDER BY p.id LIMIT %s",
    "name": f"{_FOUND} WHERE p.name_index = ANY(%s::bytea[]) ORDER BY p.id DESC LIMIT %s",
    "code": f"""
        {_FOUND} WHERE p.id = (SELECT patient_id FROM appointments
                               WHERE code_live AND code_index = ANY(%s::bytea[]))
        LIMIT %s
    """,
    "order_no": f"""
        {_FOUND} WHERE p.id = (SELECT patient_id FROM appointments WHERE id = %s) LIMIT %s
    """,
}


async def find(tx: Tx, vault: Vault, kind: str, key: list[bytes] | int, limit: int) -> list[Found]:
    """Persons by phone, document or name (an HMAC), code (its HMACs) or order number (its id)."""
    rows = await tx.rows(_BY[kind], (key, limit))
    return [
        Found(row[0], open_phone(vault, row[0], row[1]), open_patient(vault, *row[2:]))
        for row in rows
    ]


async def begin(tx: Tx, staff_id: int, account_id: int, found_by: Typed | None = None) -> int:
    """Open a new call; the agent's earlier ones end."""
    await tx.do(
        "UPDATE calls SET ended_at = %s WHERE staff_id = %s AND ended_at IS NULL",
        (tx.now, staff_id),
    )
    call_id = await next_id(tx, "calls")
    await tx.do(
        """
        INSERT INTO calls (id, staff_id, account_id, found_by, opened_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (call_id, staff_id, account_id, found_by, tx.now),
    )
    return call_id


async def open_call(tx: Tx, staff_id: int, call_id: int) -> Call | None:
    """Lock this agent's call that still goes on; None for any other."""
    row = await tx.row(
        f"""
        SELECT {_COLUMNS} FROM calls
        WHERE id = %s AND staff_id = %s AND ended_at IS NULL AND opened_at > %s
        FOR NO KEY UPDATE
        """,
        (call_id, staff_id, tx.now - CALL_LASTS),
    )
    return None if row is None else _call(row)


def _call(row: TupleRow) -> Call:
    found_by = None if row[8] is None else Typed(row[8])
    return Call(*[*row[:8], found_by, *row[9:]])


async def verified_call(tx: Tx, staff_id: int, account_id: int) -> int | None:
    """This agent's call with a verified caller of the account that still goes on; its id."""
    row = await tx.row(
        """
        SELECT id FROM calls
        WHERE staff_id = %s AND account_id = %s AND verified_at IS NOT NULL
          AND ended_at IS NULL AND opened_at > %s
        ORDER BY id DESC LIMIT 1
        """,
        (staff_id, account_id, tx.now - CALL_LASTS),
    )
    return None if row is None else int(row[0])


async def recent(tx: Tx, staff_id: int, limit: int) -> list[Call]:
    """The agent's latest calls, newest first."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM calls WHERE staff_id = %s ORDER BY id DESC LIMIT %s",
        (staff_id, limit),
    )
    return [_call(row) for row in rows]


async def note_answers(tx: Tx, call_id: int, answers: dict[Question, bool]) -> None:
    """What was asked and whether it was right."""
    for question, correct in answers.items():
        await tx.do(
            """
            INSERT INTO call_questions (call_id, asked, correct, asked_at)
            VALUES (%s, %s, %s, %s)
            """,
            (call_id, question.value, correct, tx.now),
        )
    wrong = sum(not correct for correct in answers.values())
    await tx.do(
        "UPDATE calls SET wrong_answers = wrong_answers + %s WHERE id = %s", (wrong, call_id)
    )


async def right_answers(tx: Tx, call_id: int) -> set[Question]:
    """What was answered rightly in this call so far."""
    rows = await tx.rows(
        "SELECT DISTINCT asked FROM call_questions WHERE call_id = %s AND correct", (call_id,)
    )
    return {Question(row[0]) for row in rows}


async def use_up_code(tx: Tx, call_id: int) -> None:
    """Make a code that was right serve once only."""
    await tx.do("UPDATE calls SET code_tries_left = 0 WHERE id = %s", (call_id,))


async def set_verified(tx: Tx, call_id: int) -> None:
    """The caller is who they say."""
    await tx.do(
        "UPDATE calls SET verified_at = coalesce(verified_at, %s) WHERE id = %s",
        (tx.now, call_id),
    )


async def set_looked(tx: Tx, call_id: int) -> None:
    """Personal data is shown in full from now on, until the call ends."""
    await tx.do("UPDATE calls SET looked_at = %s WHERE id = %s", (tx.now, call_id))


async def end(tx: Tx, call_id: int) -> None:
    """The caller has hung up."""
    await tx.do("UPDATE calls SET ended_at = %s WHERE id = %s", (tx.now, call_id))


async def messages_of(tx: Tx, account_id: int, limit: int) -> list[SentMessage]:
    """The account's latest messages, newest first; one-time passwords are not among them."""
    rows = await tx.rows(
        """
        SELECT id, kind, channel, state, created_at, changed_at, appointment_id
        FROM messages WHERE account_id = %s ORDER BY id DESC LIMIT %s
        """,
        (account_id, limit),
    )
    return [SentMessage(*row) for row in rows]


async def unnamed_patients(tx: Tx, vault: Vault, limit: int) -> list[PatientView]:
    """Patients that cannot be found by name yet."""
    rows = await tx.rows(
        """
        SELECT id, name_enc, id_type, id_no_enc, suspended_until FROM patients
        WHERE name_index IS NULL AND length(name_enc) > 0 ORDER BY id LIMIT %s
        """,
        (limit,),
    )
    return [open_patient(vault, *row) for row in rows]


async def index_names(tx: Tx, indexes: Sequence[tuple[int, bytes]]) -> None:
    """Note under which HMAC each of these patients is found."""
    await tx.do(
        """
        UPDATE patients p SET name_index = n.name_index
        FROM unnest(%s::bigint[], %s::bytea[]) n (id, name_index) WHERE p.id = n.id
        """,
        ([id for id, _ in indexes], [index for _, index in indexes]),
    )
