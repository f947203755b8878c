"""The columns with log-in secrets and signing keys, which only `guahao_secrets` may access.

Statements that need them run by `tx.secret_row` or `tx.do_secret`. An injected statement cannot
read them, because privileges are checked for the role under which the statement began.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from guahao.store.kernel.db import Tx

SECRET_COLUMNS: Mapping[str, frozenset[str]] = {
    "staff": frozenset({"password_hash", "totp_secret_enc"}),
    "hospital_client_secrets": frozenset({"secret_index"}),
    "hospital_webhooks": frozenset({"secret_enc", "previous_secret_enc"}),
    "wechat_access_tokens": frozenset({"token_enc"}),
    "one_time_passwords": frozenset({"otp_index"}),
    "sent_forms": frozenset({"answer_enc"}),
    "draws": frozenset({"secret_enc"}),
}


@asynccontextmanager
async def as_reader_of(tx: Tx, table: str, column: str) -> AsyncIterator[None]:
    """Assume the role that may read and write this column."""
    if column in SECRET_COLUMNS.get(table, ()):
        async with tx.as_secrets():
            yield
    else:
        yield
