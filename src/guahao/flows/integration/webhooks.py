"""Hospitals' webhooks: address, kinds of events, secret, dead letters."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.integration.pushing import KINDS, SECRET_OVERLAP, WebhookRefusal, decide_webhook
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import typed
from guahao.rules.staff.staff import Who
from guahao.store.hospitals import directory
from guahao.store.integration import webhooks as store
from guahao.store.integration.webhooks import DeadLetter, WebhookState

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
) -> WebhookSet | Refused[WebhookRefusal]:
    """Send a hospital's events of these kinds there; a new webhook gets a secret of its own.

    A new one begins with the events from now on.
    """
    url = typed(url)
    secret = _new_secret()
    async with acting(platform, by) as act:
        exists = await directory.hospital(act.tx, hospital_id) is not None
        demo = platform.settings.demo
        refusal = decide_webhook(url, kinds, hospital_exists=exists, demo=demo)
        if refusal is not None:
            return Refused(refusal)
        wanted = [kind for kind in KINDS if kind in kinds]
        new = await store.put(act.tx, platform.vault, hospital_id, url, wanted, secret)
        detail = {"url": url, "kinds": wanted}
        await act.record(
            "set_webhook", ("hospital", hospital_id), detail=detail, hospital_id=hospital_id
        )
    return WebhookSet(hospital_id, secret if new else None)


async def rotate_secret(
    platform: Platform, by: Who, hospital_id: int, reason: str = ""
) -> WebhookSet | Refused[WebhookRefusal]:
    """Set a new secret at once; for 24 hours the one before signs as well."""
    secret = _new_secret()
    async with acting(platform, by) as act:
        until = act.now + SECRET_OVERLAP
        if not await store.replace_secret(act.tx, platform.vault, hospital_id, secret, until):
            return Refused(WebhookRefusal.UNKNOWN)
        await act.record(
            "rotate_webhook_secret",
            ("hospital", hospital_id),
            reason=reason,
            hospital_id=hospital_id,
        )
    return WebhookSet(hospital_id, secret)


async def switch(
    platform: Platform, by: Who, hospital_id: int, *, on: bool, reason: str = ""
) -> Done | Refused[WebhookRefusal]:
    """Send events, or hold them until it is switched on again."""
    async with acting(platform, by) as act:
        if not await store.enable(act.tx, hospital_id, on=on):
            return Refused(WebhookRefusal.UNKNOWN)
        action = "switch_webhook_on" if on else "switch_webhook_off"
        await act.record(action, ("hospital", hospital_id), reason=reason, hospital_id=hospital_id)
    return DONE


async def states(platform: Platform, hospital_id: int | None = None) -> list[WebhookState]:
    """Return the state of every webhook, or of one hospital's."""
    async with platform.db.transaction() as tx:
        return await store.states(tx, hospital_id)


async def dead_letters(
    platform: Platform, by: Who, hospital_id: int, after: int = 0
) -> tuple[list[DeadLetter], int | None]:
    """Return a page of a hospital's dead letters by event, and after which the next begins."""
    async with platform.db.transaction(hospital_id=by.hospital_id) as tx:
        found = await store.dead_letters(tx, hospital_id, after, DEAD_LETTERS_A_PAGE + 1)
    page = found[:DEAD_LETTERS_A_PAGE]
    return page, page[-1].event_id if len(found) > DEAD_LETTERS_A_PAGE else None


async def send_again(
    platform: Platform, by: Who, hospital_id: int, event_id: int | None = None
) -> int:
    """Have one dead letter or all of them sent again; return how many there were."""
    async with acting(platform, by, hospital_id=by.hospital_id) as act:
        count = await store.send_again(act.tx, hospital_id, event_id)
        if count:
            detail = {"event": event_id, "count": count}
            await act.record(
                "resend_events", ("hospital", hospital_id), detail=detail, hospital_id=hospital_id
            )
    return count


def _new_secret() -> str:
    return _SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
