"""Hospitals' webhooks: where they are told, with what secret; their dead letters."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from guahao.flows.kernel.platform import Platform
from guahao.rules.integration.pushing import KINDS, SECRET_OVERLAP, WebhookRefusal, check_url
from guahao.rules.kernel.text import typed
from guahao.rules.staff.staff import Who
from guahao.store.hospitals import directory
from guahao.store.integration import webhooks as store
from guahao.store.integration.webhooks import DeadLetter, Standing
from guahao.store.kernel.db import Tx
from guahao.store.staff import trail

DEAD_LETTERS_A_PAGE = 50
_SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class WebhookSet:
    """What was set. `secret` only where it is new: it is shown this once."""

    hospital_id: int
    secret: str | None


async def set_webhook(
    platform: Platform, by: Who, hospital_id: int, url: str, kinds: Sequence[str]
) -> WebhookSet | WebhookRefusal:
    """Tell a hospital there of these kinds; a new one from now on, with a secret of its own."""
    url = typed(url)
    refused = check_url(url, demo=platform.settings.demo)
    if refused is not None:
        return refused
    wanted = [kind for kind in KINDS if kind in kinds]
    if not wanted or len(wanted) < len(set(kinds)):
        return WebhookRefusal.NO_KINDS
    secret = _new_secret()
    async with platform.db.transaction() as tx:
        if await directory.hospital(tx, hospital_id) is None:
            return WebhookRefusal.UNKNOWN
        new = await store.put(tx, platform.vault, hospital_id, url, wanted, secret)
        detail = {"url": url, "kinds": wanted}
        await _record(tx, platform, by, "set_webhook", hospital_id, detail)
    return WebhookSet(hospital_id, secret if new else None)


async def rotate_secret(
    platform: Platform, by: Who, hospital_id: int, reason: str = ""
) -> WebhookSet | WebhookRefusal:
    """A new secret, at once; for 24 hours the one before signs as well."""
    secret = _new_secret()
    async with platform.db.transaction() as tx:
        until = tx.now + SECRET_OVERLAP
        if not await store.replace_secret(tx, platform.vault, hospital_id, secret, until):
            return WebhookRefusal.UNKNOWN
        await _record(tx, platform, by, "rotate_webhook_secret", hospital_id, reason=reason)
    return WebhookSet(hospital_id, secret)


async def switch(
    platform: Platform, by: Who, hospital_id: int, *, on: bool, reason: str = ""
) -> WebhookRefusal | None:
    """Push, or keep what there is for later."""
    async with platform.db.transaction() as tx:
        if not await store.enable(tx, hospital_id, on=on):
            return WebhookRefusal.UNKNOWN
        action = "switch_webhook_on" if on else "switch_webhook_off"
        await _record(tx, platform, by, action, hospital_id, reason=reason)
    return None


async def standings(platform: Platform, hospital_id: int | None = None) -> list[Standing]:
    """How every webhook does, or that of one hospital."""
    async with platform.db.transaction() as tx:
        return await store.standings(tx, hospital_id)


async def dead_letters(
    platform: Platform, by: Who, hospital_id: int, after: int = 0
) -> tuple[list[DeadLetter], int | None]:
    """A page of a hospital's dead letters by event, and after which the next begins."""
    async with _as(platform, by) as tx:
        found = await store.dead_letters(tx, hospital_id, after, DEAD_LETTERS_A_PAGE + 1)
    page = found[:DEAD_LETTERS_A_PAGE]
    return page, page[-1].event_id if len(found) > DEAD_LETTERS_A_PAGE else None


async def send_again(
    platform: Platform, by: Who, hospital_id: int, event_id: int | None = None
) -> int:
    """Have one dead letter sent again, or all of them; how many there were."""
    async with _as(platform, by) as tx:
        count = await store.send_again(tx, hospital_id, event_id)
        if count:
            detail = {"event": event_id, "count": count}
            await _record(tx, platform, by, "resend_events", hospital_id, detail)
    return count


def _new_secret() -> str:
    return _SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def _as(platform: Platform, by: Who) -> AbstractAsyncContextManager[Tx]:
    """A hospital's own staff are shown no other's rows, by the database itself."""
    return platform.db.transaction(hospital_id=by.hospital_id)


async def _record(
    tx: Tx,
    platform: Platform,
    by: Who,
    action: str,
    hospital_id: int,
    detail: Mapping[str, object] | None = None,
    *,
    reason: str = "",
) -> None:
    await trail.record(
        *(tx, platform.vault, by, action, ("hospital", hospital_id)),
        reason=reason,
        detail=detail,
        hospital_id=hospital_id,
    )
