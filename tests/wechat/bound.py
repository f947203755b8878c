"""The openid that an account is bound to, as the database has it."""

from __future__ import annotations

from guahao.store.kernel.db import Tx
from guahao.store.kernel.vault import Vault


async def openid_of(tx: Tx, vault: Vault, account_id: int) -> str | None:
    """Return where an account is reached by WeChat, None where it is bound to no follower."""
    row = await tx.row(
        """
        SELECT id, openid_enc FROM wechat_users
        WHERE account_id = %s AND follows IS NOT FALSE
        """,
        (account_id,),
    )
    return None if row is None else vault.open("wechat_users", "openid", row[0], row[1])
