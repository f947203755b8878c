"""The demo's gateway: keeps what it "sends" where a page can show it, and sends nothing."""

from __future__ import annotations

from guahao.notices.gateway import Gateway, Outcome, OutgoingMessage, Sent
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.messages import messages


class OutboxGateway(Gateway):
    """A key that was sent before is not sent twice."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        """Keep the message; it has then arrived."""
        async with self._db.transaction() as tx:
            await messages.put_in_outbox(
                tx, self._vault, outgoing.key, outgoing.kind, outgoing.to, outgoing.text
            )
        return Sent(delivered=True)
