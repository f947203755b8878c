"""The account owner's consent to the privacy notice, asked again when the notice changes."""

from __future__ import annotations

from guahao.flows.kernel.platform import Platform
from guahao.rules.people.consent import NOTICE_VERSION
from guahao.store.people import accounts, privacy


async def has_consented(platform: Platform, account_id: int) -> bool:
    """Return whether the account's owner has consented to the notice as it is now."""
    async with platform.db.transaction() as tx:
        return await privacy.notice_version_of(tx, account_id) == NOTICE_VERSION


async def consent_of_owner(platform: Platform, account_id: int, version: str, channel: str) -> bool:
    """Record the owner's consent; False where it is to another version, or the account is gone."""
    if version != NOTICE_VERSION:
        return False
    async with platform.db.transaction() as tx:
        if not await accounts.lock_account(tx, account_id):
            return False
        await privacy.add_consent(tx, account_id, None, version, "self", channel)
    return True
