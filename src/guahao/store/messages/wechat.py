"""WeChat's users and their accounts, the messages already seen, and the access token."""

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
    """Return the user of this openid, or None if unknown."""
    return await tx.record(
        WeChatUser,
        """
        SELECT u.id, u.account_id, a.language
        FROM wechat_users u LEFT JOIN accounts a ON a.id = u.account_id
        WHERE u.openid_index = ANY(%(indexes)s::bytea[])
        """,
        {"indexes": vault.indexes("openid", openid)},
    )


async def bind(tx: Tx, vault: Vault, openid: str, account_id: int) -> None:
    """Bind the openid to the account, ending earlier bindings of both."""
    user_id = await _find_or_add(tx, vault, openid)
    # Two statements: a unique account_id would be held twice for a moment in one.
    await tx.do(
        """
        UPDATE wechat_users SET account_id = NULL
        WHERE account_id = %(account_id)s AND id <> %(id)s
        """,
        {"account_id": account_id, "id": user_id},
    )
    await tx.do(
        "UPDATE wechat_users SET account_id = %(account_id)s WHERE id = %(id)s",
        {"account_id": account_id, "id": user_id},
    )


async def unbind(tx: Tx, account_id: int) -> None:
    """End the account's binding to a user of WeChat."""
    await tx.do(
        "UPDATE wechat_users SET account_id = NULL WHERE account_id = %(account_id)s",
        {"account_id": account_id},
    )


async def set_follows(tx: Tx, vault: Vault, openid: str, since: datetime, *, follows: bool) -> None:
    """Record whether a user follows since an event, unless a later event is recorded."""
    user_id = await _find_or_add(tx, vault, openid)
    await tx.do(
        """
        UPDATE wechat_users SET follows = %(follows)s, follows_since = %(since)s
        WHERE id = %(id)s AND (follows_since IS NULL OR follows_since <= %(since)s)
        """,
        {"follows": follows, "since": since, "id": user_id},
    )


async def _find_or_add(tx: Tx, vault: Vault, openid: str) -> int:
    """Return the id of an openid's row, which is locked."""
    known = await tx.row(
        """
        SELECT id FROM wechat_users WHERE openid_index = ANY(%(indexes)s::bytea[])
        FOR NO KEY UPDATE
        """,
        {"indexes": vault.indexes("openid", openid)},
    )
    if known:
        return int(known[0])
    new_id = await next_id(tx, "wechat_users")
    added = await tx.row(
        """
        INSERT INTO wechat_users (id, openid_enc, openid_index, created_at)
        VALUES (%(id)s, %(openid_enc)s, %(openid_index)s, %(now)s)
        ON CONFLICT (openid_index) DO UPDATE SET openid_index = excluded.openid_index
        RETURNING id
        """,
        {
            "id": new_id,
            "openid_enc": vault.seal("wechat_users", "openid", new_id, openid),
            "openid_index": vault.index("openid", openid),
            "now": tx.now,
        },
    )
    return int(added[0]) if added else new_id


# Once ---------------------------------------------------------------------------------------


async def first_time(tx: Tx, vault: Vault, key: str) -> bool:
    """Return whether a key is new; if the transaction commits, it is used up.

    Another transaction with the same key waits until this transaction ends.
    """
    added = await tx.do(
        """
        INSERT INTO wechat_seen (key_index, seen_at) VALUES (%(key_index)s, %(now)s)
        ON CONFLICT DO NOTHING
        """,
        {"key_index": vault.index("wechat", key), "now": tx.now},
    )
    return added == 1


async def forget(tx: Tx, vault: Vault, key: str) -> None:
    """Release a key that this transaction used."""
    await tx.do(
        "DELETE FROM wechat_seen WHERE key_index = %(key_index)s",
        {"key_index": vault.index("wechat", key)},
    )


async def purge_seen(tx: Tx) -> int:
    """Delete keys that WeChat no longer repeats; return how many."""
    return await tx.do(
        "DELETE FROM wechat_seen WHERE seen_at < %(before)s", {"before": tx.now - SEEN_KEPT}
    )


# The access token ---------------------------------------------------------------------------


async def access_token(tx: Tx, vault: Vault, appid: str) -> str | None:
    """Return the saved token, or None when it is to be renewed."""
    row = await tx.secret_row(
        """
        SELECT id, token_enc FROM wechat_access_tokens
        WHERE appid = %(appid)s AND token_enc IS NOT NULL AND renew_at > %(now)s
        """,
        {"appid": appid, "now": tx.now},
    )
    return None if row is None else vault.open("wechat_access_tokens", "token", row[0], row[1])


async def lock_access_token(tx: Tx, appid: str) -> None:
    """Lock the token for its renewal, until the transaction ends."""
    params = {"appid": appid}
    await tx.do(
        "INSERT INTO wechat_access_tokens (appid) VALUES (%(appid)s) ON CONFLICT DO NOTHING",
        params,
    )
    await tx.do("SELECT 1 FROM wechat_access_tokens WHERE appid = %(appid)s FOR UPDATE", params)


async def save_access_token(
    tx: Tx, vault: Vault, appid: str, token: str, renew_at: datetime
) -> None:
    """Save a new token; the caller holds the lock."""
    row = await tx.row(
        "SELECT id FROM wechat_access_tokens WHERE appid = %(appid)s", {"appid": appid}
    )
    assert row is not None
    sealed = vault.seal("wechat_access_tokens", "token", row[0], token)
    await tx.do_secret(
        """
        UPDATE wechat_access_tokens SET token_enc = %(token_enc)s, renew_at = %(renew_at)s
        WHERE id = %(id)s
        """,
        {"token_enc": sealed, "renew_at": renew_at, "id": row[0]},
    )
