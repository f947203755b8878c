"""Who WeChat's users are to us, what was seen already, and the one access token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.vault import Vault

SEEN_KEPT = timedelta(days=1)  # WeChat repeats within a minute; what is older is stale anyway


@dataclass(frozen=True, slots=True)
class WeChatUser:
    """A user of WeChat. `account_id` and its `language`: None until a phone was proven."""

    id: int
    account_id: int | None
    language: str | None


# Users --------------------------------------------------------------------------------------


async def user(tx: Tx, vault: Vault, openid: str) -> WeChatUser | None:
    """The user of this openid, or None where nobody has met them."""
    row = await tx.row(
        """
        SELECT u.id, u.account_id, a.language
        FROM wechat_users u LEFT JOIN accounts a ON a.id = u.account_id
        WHERE u.openid_index = ANY(%s::bytea[])
        """,
        (vault.indexes("openid", openid),),
    )
    return WeChatUser(*row) if row else None


async def bind(tx: Tx, vault: Vault, openid: str, account_id: int) -> None:
    """Make the openid the account's; whatever either was bound to before is no more."""
    user_id = await _find_or_add(tx, vault, openid)
    # Two statements: a unique account_id would be held twice for a moment in one.
    await tx.do(
        "UPDATE wechat_users SET account_id = NULL WHERE account_id = %s AND id <> %s",
        (account_id, user_id),
    )
    await tx.do("UPDATE wechat_users SET account_id = %s WHERE id = %s", (account_id, user_id))


async def unbind(tx: Tx, account_id: int) -> None:
    """The account is no longer any user of WeChat's."""
    await tx.do("UPDATE wechat_users SET account_id = NULL WHERE account_id = %s", (account_id,))


async def set_follows(tx: Tx, vault: Vault, openid: str, since: datetime, *, follows: bool) -> None:
    """Record what an event of that time said; a later one is not overruled."""
    user_id = await _find_or_add(tx, vault, openid)
    await tx.do(
        """
        UPDATE wechat_users SET follows = %s, follows_since = %s
        WHERE id = %s AND (follows_since IS NULL OR follows_since <= %s)
        """,
        (follows, since, user_id, since),
    )


async def _find_or_add(tx: Tx, vault: Vault, openid: str) -> int:
    """The row of an openid, locked."""
    known = await tx.row(
        "SELECT id FROM wechat_users WHERE openid_index = ANY(%s::bytea[]) FOR NO KEY UPDATE",
        (vault.indexes("openid", openid),),
    )
    if known:
        return int(known[0])
    new_id = await next_id(tx, "wechat_users")
    index = vault.index("openid", openid)
    added = await tx.row(
        """
        INSERT INTO wechat_users (id, openid_enc, openid_index, created_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (openid_index) DO UPDATE SET openid_index = excluded.openid_index
        RETURNING id
        """,
        (new_id, vault.seal("wechat_users", "openid", new_id, openid), index, tx.now),
    )
    return int(added[0]) if added else new_id


# Once ---------------------------------------------------------------------------------------


async def first_time(tx: Tx, vault: Vault, key: str) -> bool:
    """Whether nobody came with this key before; it is then taken, if the transaction commits.

    Another transaction with the same key waits for this one's end.
    """
    added = await tx.do(
        "INSERT INTO wechat_seen (key_index, seen_at) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (vault.index("wechat", key), tx.now),
    )
    return added == 1


async def forget(tx: Tx, vault: Vault, key: str) -> None:
    """Give back a key that this transaction took."""
    await tx.do("DELETE FROM wechat_seen WHERE key_index = %s", (vault.index("wechat", key),))


async def purge_seen(tx: Tx) -> int:
    """Forget what can come no more; how many keys went."""
    return await tx.do("DELETE FROM wechat_seen WHERE seen_at < %s", (tx.now - SEEN_KEPT,))


# The access token ---------------------------------------------------------------------------


async def access_token(tx: Tx, vault: Vault, appid: str) -> str | None:
    """The kept token, or None where it is time for another."""
    row = await tx.secret_row(
        """
        SELECT id, token_enc FROM wechat_access_tokens
        WHERE appid = %s AND token_enc IS NOT NULL AND renew_at > %s
        """,
        (appid, tx.now),
    )
    return None if row is None else vault.open("wechat_access_tokens", "token", row[0], row[1])


async def lock_access_token(tx: Tx, appid: str) -> None:
    """Whoever renews the token holds this until the transaction ends."""
    await tx.do(
        "INSERT INTO wechat_access_tokens (appid) VALUES (%s) ON CONFLICT DO NOTHING", (appid,)
    )
    await tx.do("SELECT 1 FROM wechat_access_tokens WHERE appid = %s FOR UPDATE", (appid,))


async def keep_access_token(
    tx: Tx, vault: Vault, appid: str, token: str, renew_at: datetime
) -> None:
    """Keep a new token; the caller holds the lock."""
    row = await tx.row("SELECT id FROM wechat_access_tokens WHERE appid = %s", (appid,))
    assert row is not None
    sealed = vault.seal("wechat_access_tokens", "token", row[0], token)
    await tx.do_secret(
        "UPDATE wechat_access_tokens SET token_enc = %s, renew_at = %s WHERE id = %s",
        (sealed, renew_at, row[0]),
    )
