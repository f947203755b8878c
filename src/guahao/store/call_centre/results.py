"""What came of calls: saved, shown to the next agent of the caller, and forgotten."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from guahao.rules.call_centre.calls import CallFacts
from guahao.rules.call_centre.results import CallResult, NotBookedFor, ResultGiven
from guahao.rules.kernel.text import prose
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """A call of a caller whose result was recorded."""

    id: int
    opened_at: datetime
    result: CallResult
    not_booked_for: NotBookedFor | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCall(CallFacts):
    """A call of an agent's with what came of it; `account_id` None: the caller is not registered.

    `note`: read for a single call only.
    """

    id: int
    account_id: int | None
    result: CallResult | None
    not_booked_for: NotBookedFor | None
    note: str = ""


_AGENT_CALL = """
    SELECT id, account_id, opened_at, ended_at, verified_at, result, not_booked_for
    FROM calls WHERE staff_id = %(staff_id)s
"""


def _agent_call(
    *, id: int, result: str | None, not_booked_for: str | None, **fields: Any
) -> AgentCall:
    return AgentCall(
        id=id,
        result=None if result is None else CallResult(result),
        not_booked_for=None if not_booked_for is None else NotBookedFor(not_booked_for),
        **fields,
    )


async def recent(tx: Tx, staff_id: int, limit: int) -> list[AgentCall]:
    """Return the agent's latest calls, newest first, also of callers who are not registered."""
    return await tx.records(
        _agent_call,
        f"{_AGENT_CALL} ORDER BY id DESC LIMIT %(limit)s",
        {"staff_id": staff_id, "limit": limit},
    )


async def lock_own(tx: Tx, vault: Vault, staff_id: int, call_id: int) -> AgentCall | None:
    """Lock a call of this agent and return it with its note; None for any other."""
    call = await tx.record(
        _agent_call,
        f"{_AGENT_CALL} AND id = %(id)s FOR NO KEY UPDATE",
        {"staff_id": staff_id, "id": call_id},
    )
    if call is None:
        return None
    row = await tx.row("SELECT note_enc FROM calls WHERE id = %(id)s", {"id": call_id})
    if row is None or row[0] is None:
        return call
    return replace(call, note=vault.open("calls", "note", call_id, row[0]))


async def save_result(tx: Tx, vault: Vault, call_id: int, given: ResultGiven) -> None:
    """Save a call's result over an earlier one, and end the call if it is still open."""
    note = prose(given.note)
    await tx.do(
        """
        UPDATE calls SET result = %(result)s, not_booked_for = %(not_booked_for)s,
               note_enc = %(note_enc)s, ended_at = coalesce(ended_at, %(now)s)
        WHERE id = %(id)s
        """,
        {
            "id": call_id,
            "result": given.result.value,
            "not_booked_for": given.not_booked_for,
            "note_enc": vault.seal("calls", "note", call_id, note) if note else None,
            "now": tx.now,
        },
    )


async def save_without_account(tx: Tx, staff_id: int, given: ResultGiven) -> int:
    """Save what came of a call of somebody who is not registered, and is over; return its id."""
    call_id = await next_id(tx, "calls")
    await tx.do(
        """
        INSERT INTO calls (id, staff_id, account_id, opened_at, ended_at, result, not_booked_for)
        VALUES (%(id)s, %(staff_id)s, NULL, %(now)s, %(now)s, %(result)s, %(not_booked_for)s)
        """,
        {
            "id": call_id,
            "staff_id": staff_id,
            "now": tx.now,
            "result": given.result.value,
            "not_booked_for": given.not_booked_for,
        },
    )
    return call_id


async def earlier_calls(tx: Tx, vault: Vault, account_id: int, limit: int) -> list[EarlierCall]:
    """Return the latest calls of an account that have a result, newest first."""

    def opened(
        *,
        id: int,
        opened_at: datetime,
        result: str,
        not_booked_for: str | None,
        note_enc: bytes | None,
    ) -> EarlierCall:
        reason = None if not_booked_for is None else NotBookedFor(not_booked_for)
        note = "" if note_enc is None else vault.open("calls", "note", id, note_enc)
        return EarlierCall(id, opened_at, CallResult(result), reason, note)

    return await tx.records(
        opened,
        """
        SELECT id, opened_at, result, not_booked_for, note_enc FROM calls
        WHERE account_id = %(account_id)s AND result IS NOT NULL
        ORDER BY id DESC LIMIT %(limit)s
        """,
        {"account_id": account_id, "limit": limit},
    )


async def forget_notes(tx: Tx, before: datetime) -> None:
    """Delete the notes of calls that began before a moment."""
    await tx.do(
        "UPDATE calls SET note_enc = NULL WHERE opened_at < %(before)s AND note_enc IS NOT NULL",
        {"before": before},
    )
