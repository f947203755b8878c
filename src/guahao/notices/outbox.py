"""The demo's gateway: keeps what it "sends" where a page can show it, and sends nothing."""

from __future__ import annotations

from collections.abc import Mapping

from guahao.notices.gateway import Outcome, Sent
from guahao.store import messages
from guahao.store.db import Database
from guahao.store.vault import Vault


class OutboxGateway:
    """A key that was sent before is not sent twice."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def send(
        self,
        key: str,
        kind: str,
        to: str,
        text: str,
        params: Mapping[str, str],  # noqa: ARG002 - the whole text is enough here
    ) -> Outcome:
        """Keep the message; it has then arrived."""
        async with self._db.transaction() as tx:
            await messages.put_in_outbox(tx, self._vault, key, kind, to, text)
        return Sent(delivered=True)
