"""Log-ins of citizens: rows that a token names, and that can be ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.rules.people.logins import AccountLoginFacts
from guahao.store.kernel.db import Tx

SEEN_EVERY = timedelta(hours=1)
KEPT = timedelta(days=30)  # after the end, for questions about who was logged in


@dataclass(frozen=True, slots=True)
class Login:
    """A log-in that has neither ended nor expired.

    `notice_version`: of the privacy notice that the account's owner consented to.
    """

    id: int
    account_id: int
    channel: str
    device: str
    device_index: bytes | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    confirmed: bool
    refresh_number: int
    refreshed_at: datetime | None
    notice_version: str | None


_LIVE = """
    SELECT l.id, l.account_id, l.door AS channel, l.device, l.device_index, l.created_at,
           l.last_seen_at, l.expires_at, l.confirmed_at IS NOT NULL AS confirmed,
           l.refresh_number, l.refreshed_at, a.notice_version
    FROM log_ins l JOIN accounts a ON a.id = l.account_id
    WHERE l.ended_at IS NULL AND l.expires_at > %(now)s AND l.generation = a.login_generation
"""


async def facts(tx: Tx, account_id: int, device_indexes: Sequence[bytes]) -> AccountLoginFacts:
    """Return what decides whether a log-in on this device must be confirmed."""
    found = await tx.record(
        AccountLoginFacts,
        """
        SELECT EXISTS (SELECT FROM patients WHERE account_id = a.id) AS has_patients,
               coalesce(a.last_used_at, a.created_at) AS last_used_at,
               EXISTS (SELECT FROM known_devices
                       WHERE account_id = a.id
                         AND device_index = ANY(%(devices)s::bytea[])) AS knows_device
        FROM accounts a WHERE a.id = %(id)s
        """,
        {"devices": list(device_indexes), "id": account_id},
    )
    assert found is not None
    return found


async def person_indexes(tx: Tx, account_id: int) -> list[bytes]:
    """Return the persons of the account, as HMACs of their canonical keys."""
    rows = await tx.rows(
        "SELECT person_index FROM patients WHERE account_id = %(id)s", {"id": account_id}
    )
    return [bytes(index) for (index,) in rows]


async def begin(
    tx: Tx,
    account_id: int,
    channel: str,
    device: str,
    device_index: bytes | None,
    expires_at: datetime,
    *,
    confirmed: bool,
) -> int:
    """Record a log-in of the account's present generation; return its id.

    Locks the account, as `end_all` does: of the two, the second sees what the first did.
    """
    row = await tx.row(
        """
        INSERT INTO log_ins (account_id, generation, door, device, device_index, created_at,
                             last_seen_at, expires_at, confirmed_at)
        SELECT id, login_generation, %(channel)s, %(device)s, %(device_index)s, %(now)s, %(now)s,
               %(expires_at)s, %(confirmed_at)s
        FROM accounts WHERE id = %(account_id)s FOR NO KEY UPDATE
        RETURNING id
        """,
        {
            "channel": channel,
            "device": device,
            "device_index": device_index,
            "now": tx.now,
            "expires_at": expires_at,
            "confirmed_at": tx.now if confirmed else None,
            "account_id": account_id,
        },
    )
    assert row is not None
    return int(row[0])


async def live(tx: Tx, login_id: int) -> Login | None:
    """Return the log-in of this id, or None where it has ended or expired."""
    return await tx.record(Login, f"{_LIVE} AND l.id = %(id)s", {"now": tx.now, "id": login_id})


async def lock_live(tx: Tx, login_id: int) -> Login | None:
    """Return the same, locked until the transaction ends, after its account."""
    await tx.row(
        """
        SELECT FROM accounts WHERE id = (SELECT account_id FROM log_ins WHERE id = %(id)s)
        FOR NO KEY UPDATE
        """,
        {"id": login_id},
    )
    return await tx.record(
        Login,
        f"{_LIVE} AND l.id = %(id)s FOR NO KEY UPDATE OF l",
        {"now": tx.now, "id": login_id},
    )


async def live_of_account(tx: Tx, account_id: int) -> list[Login]:
    """Return where the account is logged in, the last used first."""
    return await tx.records(
        Login,
        f"{_LIVE} AND l.account_id = %(id)s ORDER BY l.last_seen_at DESC, l.id DESC",
        {"now": tx.now, "id": account_id},
    )


async def note_use(tx: Tx, login: Login) -> None:
    """Record that the log-in and its account are in use, at most once an hour."""
    if login.confirmed:  # the account first: what ends its log-ins locks it before them
        await note_account_use(tx, login.account_id)
    await tx.do(
        "UPDATE log_ins SET last_seen_at = %(now)s WHERE id = %(id)s",
        {"now": tx.now, "id": login.id},
    )


async def note_account_use(tx: Tx, account_id: int) -> None:
    """Record that an account is in use."""
    await tx.do(
        "UPDATE accounts SET last_used_at = %(now)s WHERE id = %(id)s",
        {"now": tx.now, "id": account_id},
    )


async def confirm(tx: Tx, login_id: int) -> None:
    """Let the log-in show the account's patients and bookings from now on."""
    await tx.do(
        "UPDATE log_ins SET confirmed_at = %(now)s WHERE id = %(id)s",
        {"now": tx.now, "id": login_id},
    )


async def set_refresh(tx: Tx, login_id: int, number: int) -> None:
    """Make the refresh token of this number the only valid token."""
    await tx.do(
        """
        UPDATE log_ins SET refresh_number = %(number)s, refreshed_at = %(now)s WHERE id = %(id)s
        """,
        {"number": number, "now": tx.now, "id": login_id},
    )


async def end(tx: Tx, account_id: int, login_id: int, reason: str) -> bool:
    """End a log-in of the account; return whether it was there and had not ended."""
    ended = await tx.do(
        """
        UPDATE log_ins SET ended_at = %(now)s, end_reason = %(reason)s
        WHERE id = %(id)s AND account_id = %(account_id)s AND ended_at IS NULL
        """,
        {"now": tx.now, "reason": reason, "id": login_id, "account_id": account_id},
    )
    return ended == 1


async def end_all(tx: Tx, account_id: int, reason: str) -> int:
    """End every log-in of the account and begin its next generation; return how many ended."""
    params = {"now": tx.now, "reason": reason, "account_id": account_id}
    await tx.do(
        "UPDATE accounts SET login_generation = login_generation + 1 WHERE id = %(account_id)s",
        params,
    )
    return await tx.do(
        """
        UPDATE log_ins SET ended_at = %(now)s, end_reason = %(reason)s
        WHERE account_id = %(account_id)s AND ended_at IS NULL
        """,
        params,
    )


async def purge(tx: Tx) -> int:
    """Delete log-ins that expired long ago; return how many."""
    return await tx.do(
        "DELETE FROM log_ins WHERE expires_at < %(before)s", {"before": tx.now - KEPT}
    )


# Devices ------------------------------------------------------------------------------------


async def remember_device(tx: Tx, account_id: int, device_index: bytes) -> None:
    """Record that the account is confirmed on this device."""
    await tx.do(
        """
        INSERT INTO known_devices (account_id, device_index, used_at)
        VALUES (%(account_id)s, %(device_index)s, %(now)s)
        ON CONFLICT (account_id, device_index) DO UPDATE SET used_at = excluded.used_at
        """,
        {"account_id": account_id, "device_index": device_index, "now": tx.now},
    )


async def forget_devices(tx: Tx, account_id: int) -> None:
    """Forget the account's devices: each is asked for a document again."""
    await tx.do("DELETE FROM known_devices WHERE account_id = %(id)s", {"id": account_id})


async def purge_devices(tx: Tx, used_before: datetime) -> int:
    """Remove devices that were not used since; how many."""
    return await tx.do(
        "DELETE FROM known_devices WHERE used_at < %(before)s", {"before": used_before}
    )
