"""Log-ins of citizens: rows that a token names, and that can be ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.rules.people.log_ins import LogInFacts
from guahao.store.kernel.db import Tx

SEEN_EVERY = timedelta(hours=1)
KEPT = timedelta(days=30)  # after the end, for questions about who was logged in


@dataclass(frozen=True, slots=True)
class LogIn:
    """A log-in that has neither ended nor expired."""

    id: int
    account_id: int
    door: str
    device: str
    device_index: bytes | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    confirmed: bool
    refresh_number: int
    refreshed_at: datetime | None
    notice_version: str | None  # of the privacy notice that the account's owner consented to


_LIVE = """
    SELECT l.id, l.account_id, l.door, l.device, l.device_index, l.created_at, l.last_seen_at,
           l.expires_at, l.confirmed_at IS NOT NULL, l.refresh_number, l.refreshed_at,
           a.notice_version
    FROM log_ins l JOIN accounts a ON a.id = l.account_id
    WHERE l.ended_at IS NULL AND l.expires_at > %s AND l.generation = a.login_generation
"""


async def facts(tx: Tx, account_id: int, device_indexes: Sequence[bytes]) -> LogInFacts:
    """What decides whether a log-in on this device must be confirmed."""
    row = await tx.row(
        """
        SELECT EXISTS (SELECT FROM patients WHERE account_id = a.id),
               coalesce(a.last_used_at, a.created_at),
               EXISTS (SELECT FROM known_devices
                       WHERE account_id = a.id AND device_index = ANY(%s::bytea[]))
        FROM accounts a WHERE a.id = %s
        """,
        (list(device_indexes), account_id),
    )
    assert row is not None
    return LogInFacts(*row)


async def person_indexes(tx: Tx, account_id: int) -> list[bytes]:
    """The persons of the account, as HMACs of their canonical keys."""
    rows = await tx.rows("SELECT person_index FROM patients WHERE account_id = %s", (account_id,))
    return [bytes(row[0]) for row in rows]


async def begin(
    tx: Tx,
    account_id: int,
    door: str,
    device: str,
    device_index: bytes | None,
    expires_at: datetime,
    *,
    confirmed: bool,
) -> int:
    """Record a log-in of the account's present generation; its id.

    Locks the account, as `end_all` does: of the two, the second sees what the first did.
    """
    row = await tx.row(
        """
        INSERT INTO log_ins (account_id, generation, door, device, device_index, created_at,
                             last_seen_at, expires_at, confirmed_at)
        SELECT id, login_generation, %s, %s, %s, %s, %s, %s, %s
        FROM accounts WHERE id = %s FOR NO KEY UPDATE
        RETURNING id
        """,
        (
            *(door, device, device_index, tx.now, tx.now, expires_at),
            *(tx.now if confirmed else None, account_id),
        ),
    )
    assert row is not None
    return int(row[0])


async def live(tx: Tx, log_in_id: int) -> LogIn | None:
    """The log-in of this id, or None where it has ended or expired."""
    row = await tx.row(f"{_LIVE} AND l.id = %s", (tx.now, log_in_id))
    return None if row is None else LogIn(*row)


async def lock_live(tx: Tx, log_in_id: int) -> LogIn | None:
    """The same, locked until the transaction ends, after its account."""
    await tx.row(
        """
        SELECT FROM accounts WHERE id = (SELECT account_id FROM log_ins WHERE id = %s)
        FOR NO KEY UPDATE
        """,
        (log_in_id,),
    )
    row = await tx.row(f"{_LIVE} AND l.id = %s FOR NO KEY UPDATE OF l", (tx.now, log_in_id))
    return None if row is None else LogIn(*row)


async def live_of_account(tx: Tx, account_id: int) -> list[LogIn]:
    """Where the account is logged in, the last used first."""
    rows = await tx.rows(
        f"{_LIVE} AND l.account_id = %s ORDER BY l.last_seen_at DESC, l.id DESC",
        (tx.now, account_id),
    )
    return [LogIn(*row) for row in rows]


async def note_use(tx: Tx, log_in: LogIn) -> None:
    """Record that the log-in and its account are in use, at most once an hour."""
    if log_in.confirmed:  # the account first: whatever ends its log-ins locks it before them
        await note_account_use(tx, log_in.account_id)
    await tx.do("UPDATE log_ins SET last_seen_at = %s WHERE id = %s", (tx.now, log_in.id))


async def note_account_use(tx: Tx, account_id: int) -> None:
    """Record that an account is in use."""
    await tx.do("UPDATE accounts SET last_used_at = %s WHERE id = %s", (tx.now, account_id))


async def confirm(tx: Tx, log_in_id: int) -> None:
    """From now on the log-in shows the account's patients and bookings."""
    await tx.do("UPDATE log_ins SET confirmed_at = %s WHERE id = %s", (tx.now, log_in_id))


async def set_refresh(tx: Tx, log_in_id: int, number: int) -> None:
    """The refresh token of this number is the valid one."""
    await tx.do(
        "UPDATE log_ins SET refresh_number = %s, refreshed_at = %s WHERE id = %s",
        (number, tx.now, log_in_id),
    )


async def end(tx: Tx, account_id: int, log_in_id: int, reason: str) -> bool:
    """End one log-in of the account; whether it was there and had not ended."""
    ended = await tx.do(
        """
        UPDATE log_ins SET ended_at = %s, end_reason = %s
        WHERE id = %s AND account_id = %s AND ended_at IS NULL
        """,
        (tx.now, reason, log_in_id, account_id),
    )
    return ended == 1


async def end_all(tx: Tx, account_id: int, reason: str) -> int:
    """End every log-in of the account and begin its next generation; how many ended."""
    await tx.do(
        "UPDATE accounts SET login_generation = login_generation + 1 WHERE id = %s", (account_id,)
    )
    return await tx.do(
        """
        UPDATE log_ins SET ended_at = %s, end_reason = %s
        WHERE account_id = %s AND ended_at IS NULL
        """,
        (tx.now, reason, account_id),
    )


async def purge(tx: Tx) -> int:
    """Remove log-ins that expired long ago; how many."""
    return await tx.do("DELETE FROM log_ins WHERE expires_at < %s", (tx.now - KEPT,))


# Devices ------------------------------------------------------------------------------------


async def remember_device(tx: Tx, account_id: int, device_index: bytes) -> None:
    """The account is confirmed on this device."""
    await tx.do(
        """
        INSERT INTO known_devices (account_id, device_index, used_at) VALUES (%s, %s, %s)
        ON CONFLICT (account_id, device_index) DO UPDATE SET used_at = excluded.used_at
        """,
        (account_id, device_index, tx.now),
    )


async def forget_devices(tx: Tx, account_id: int) -> None:
    """Every device is asked for a document again."""
    await tx.do("DELETE FROM known_devices WHERE account_id = %s", (account_id,))


async def purge_devices(tx: Tx, used_before: datetime) -> int:
    """Remove devices that were not used since; how many."""
    return await tx.do("DELETE FROM known_devices WHERE used_at < %s", (used_before,))
