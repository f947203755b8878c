"""Accounts and the one-time passwords that prove their phones (S2, S3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import TupleRow

from guahao.rules.people.phones import Phone
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault


@dataclass(frozen=True, slots=True)
class OneTimePassword:
    """A one-time password after a try was taken from it."""

    id: int
    otp_index: bytes


async def add_otp(
    tx: Tx,
    phone_index: bytes,
    request_index: bytes,
    network_index: bytes,
    otp_index: bytes,
    tries: int,
    expires_at: datetime,
) -> None:
    """Store the one-time password of a request; those of other requests stay valid."""
    await tx.do_secret(
        """
        INSERT INTO one_time_passwords (phone_index, request_index, network_index, otp_index,
                                        tries_left, created_at, expires_at)
        VALUES (%(phone)s, %(request)s, %(network)s, %(otp)s, %(tries)s, %(now)s, %(expires_at)s)
        """,
        {
            "phone": phone_index,
            "request": request_index,
            "network": network_index,
            "otp": otp_index,
            "tries": tries,
            "now": tx.now,
            "expires_at": expires_at,
        },
    )


async def take_try(tx: Tx, phone_index: bytes, request_index: bytes) -> OneTimePassword | None:
    """Take one try of the request's live password and lock it; None if there is none left."""
    row = await tx.secret_row(
        """
        UPDATE one_time_passwords SET tries_left = tries_left - 1
        WHERE phone_index = %(phone)s AND request_index = %(request)s AND expires_at > %(now)s
          AND tries_left > 0
        RETURNING id, otp_index
        """,
        {"phone": phone_index, "request": request_index, "now": tx.now},
    )
    return _taken(row)


async def take_try_of_newest(
    tx: Tx, phone_index: bytes, network_index: bytes
) -> OneTimePassword | None:
    """Do the same for the newest password that was asked for the phone from this network."""
    row = await tx.secret_row(
        """
        UPDATE one_time_passwords SET tries_left = tries_left - 1
        WHERE id = (SELECT id FROM one_time_passwords
                    WHERE phone_index = %(phone)s AND network_index = %(network)s
                      AND expires_at > %(now)s
                    ORDER BY id DESC LIMIT 1)
          AND tries_left > 0
        RETURNING id, otp_index
        """,
        {"phone": phone_index, "network": network_index, "now": tx.now},
    )
    return _taken(row)


def _taken(row: TupleRow | None) -> OneTimePassword | None:
    if row is None:
        return None
    otp_id, otp_index = row
    return OneTimePassword(otp_id, otp_index)


async def use_up(tx: Tx, otp_id: int) -> None:
    """Delete a password that was right: it opens once."""
    await tx.do("DELETE FROM one_time_passwords WHERE id = %(id)s", {"id": otp_id})


async def purge_otps(tx: Tx) -> int:
    """Delete passwords that have expired; return how many."""
    return await tx.do(
        "DELETE FROM one_time_passwords WHERE expires_at <= %(now)s", {"now": tx.now}
    )


async def of_phone(tx: Tx, vault: Vault, phone: Phone) -> int:
    """Return the id of a phone's account, made where there is none; for staff to register to.

    Unlike a proof by its owner this leaves the language of a known account as it is.
    """
    known = await tx.row(
        "SELECT id FROM accounts WHERE phone_index = ANY(%(phones)s::bytea[])",
        {"phones": vault.indexes("phone", phone.number)},
    )
    if known:
        return int(known[0])
    account_id = await find_or_add(tx, vault, phone.number, "zh")
    if phone.is_landline:
        await tx.do("UPDATE accounts SET is_landline = true WHERE id = %(id)s", {"id": account_id})
    return account_id


async def find_or_add(tx: Tx, vault: Vault, phone: str, language: str) -> int:
    """Return the id of a phone's account, made at its first proof; its language is set."""
    phone_index = vault.index("phone", phone)
    known = await tx.row(
        """
        UPDATE accounts SET language = %(language)s WHERE phone_index = ANY(%(phones)s::bytea[])
        RETURNING id
        """,
        {"language": language, "phones": vault.indexes("phone", phone)},
    )
    if known:
        return int(known[0])
    new_id = await next_id(tx, "accounts")
    sealed = vault.seal("accounts", "phone", new_id, phone)
    added = await tx.row(
        """
        INSERT INTO accounts (id, phone_enc, phone_index, language, created_at)
        VALUES (%(id)s, %(phone_enc)s, %(phone_index)s, %(language)s, %(now)s)
        ON CONFLICT (phone_index) DO UPDATE SET language = excluded.language
        RETURNING id
        """,
        {
            "id": new_id,
            "phone_enc": sealed,
            "phone_index": phone_index,
            "language": language,
            "now": tx.now,
        },
    )
    return int(added[0]) if added else new_id


async def id_of_phone(tx: Tx, phone_index: bytes) -> int | None:
    """Return the account of a phone, or None."""
    row = await tx.row(
        "SELECT id FROM accounts WHERE phone_index = %(phone)s", {"phone": phone_index}
    )
    return None if row is None else int(row[0])


async def knows_device(tx: Tx, phone_index: bytes, device_indexes: Sequence[bytes]) -> bool:
    """Return whether the phone's account was logged in and confirmed on this device before."""
    row = await tx.row(
        """
        SELECT 1 FROM known_devices d JOIN accounts a ON a.id = d.account_id
        WHERE a.phone_index = %(phone)s AND d.device_index = ANY(%(devices)s::bytea[])
        """,
        {"phone": phone_index, "devices": list(device_indexes)},
    )
    return row is not None


async def detach_phone(tx: Tx, account_id: int) -> None:
    """Take an account's phone away; its patients stay, for the window and the hotline."""
    await tx.do(
        """
        UPDATE accounts SET phone_enc = NULL, phone_index = NULL, detached_at = %(now)s
        WHERE id = %(id)s
        """,
        {"now": tx.now, "id": account_id},
    )


async def set_follows(tx: Tx, account_id: int, follows_account_id: int) -> None:
    """Record which account had the phone before; its restriction for abuse goes on."""
    await tx.do(
        """
        UPDATE accounts a SET follows_account_id = f.id, restricted_until = f.restricted_until
        FROM accounts f WHERE f.id = %(follows_id)s AND a.id = %(id)s
        """,
        {"follows_id": follows_account_id, "id": account_id},
    )


async def followed_since(tx: Tx, account_id: int) -> datetime | None:
    """Return when the account took the phone over from another; None where it did not."""
    row = await tx.row(
        "SELECT created_at FROM accounts WHERE id = %(id)s AND follows_account_id IS NOT NULL",
        {"id": account_id},
    )
    return None if row is None else row[0]


async def phone_of(tx: Tx, vault: Vault, account_id: int) -> str | None:
    """Return an account's phone in the clear; empty where the phone went to another holder.

    None where there is no such account.
    """
    row = await tx.row("SELECT phone_enc FROM accounts WHERE id = %(id)s", {"id": account_id})
    return None if row is None else open_phone(vault, account_id, row[0])


def open_phone(vault: Vault, account_id: int, phone_enc: bytes | None) -> str:
    """Return an account's phone, unsealed; empty where it has none."""
    return "" if phone_enc is None else vault.open("accounts", "phone", account_id, phone_enc)


async def language_of(tx: Tx, account_id: int) -> str:
    """Return the language of an account's messages."""
    row = await tx.row("SELECT language FROM accounts WHERE id = %(id)s", {"id": account_id})
    return "zh" if row is None else str(row[0])


async def language_of_phone(tx: Tx, vault: Vault, phone: str, else_of: int | None) -> str:
    """Return the language of a phone's account; if it has none, of the account `else_of`."""
    row = await tx.row(
        "SELECT language FROM accounts WHERE phone_index = ANY(%(phones)s::bytea[])",
        {"phones": vault.indexes("phone", phone)},
    )
    if row is not None:
        return str(row[0])
    return "zh" if else_of is None else await language_of(tx, else_of)


async def lock_account(tx: Tx, account_id: int) -> bool:
    """Lock an account; return whether there is one. Messages may still refer to it meanwhile."""
    found = await tx.row(
        "SELECT 1 FROM accounts WHERE id = %(id)s FOR NO KEY UPDATE", {"id": account_id}
    )
    return found is not None


async def lock_accounts(tx: Tx, account_ids: Sequence[int]) -> None:
    """Lock accounts by id, before any person: a registration holds its account, too."""
    await tx.do(
        "SELECT FROM accounts WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        {"ids": list(account_ids)},
    )


async def account_of_appointment(tx: Tx, appointment_id: int) -> int | None:
    """Return the account of a booking's patient; None where the patient has no phone."""
    row = await tx.row(
        """
        SELECT p.account_id FROM appointments a JOIN patients p ON p.id = a.patient_id
        WHERE a.id = %(id)s
        """,
        {"id": appointment_id},
    )
    return None if row is None else row[0]
