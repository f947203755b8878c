"""The demo's registered documents, for trying its log-ins; demo mode only."""

from __future__ import annotations

from dataclasses import dataclass

from guahao.flows.kernel.platform import Platform
from guahao.rules.people.identity import valid_phone
from guahao.store.people import accounts, patients

# The first phones of the demo city (tools/demo/seed.py).
LOGIN_PHONES = ("13800000001", "13800000002", "13800000003")


@dataclass(frozen=True, slots=True)
class DemoDocument:
    """An invented person's document, and the phone it is registered to."""

    phone: str
    name: str
    id_type: str
    id_no: str


async def documents(platform: Platform, phone: str | None) -> list[DemoDocument]:
    """Return the documents registered to a phone; if None, to the phones of the demo."""
    found = []
    async with platform.db.transaction() as tx:
        for number in LOGIN_PHONES if phone is None else (phone,):
            e164 = valid_phone(number)
            if e164 is None:
                continue
            account_id = await accounts.id_of_phone(tx, platform.vault.index("phone", e164))
            if account_id is None:
                continue
            local = e164.removeprefix("+86")
            found += [
                DemoDocument(local, view.name, view.id_type, view.id_no)
                for view in await patients.of_account(tx, platform.vault, account_id)
            ]
    return found
