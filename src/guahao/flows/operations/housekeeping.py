"""Delete rows that no request and no report reads any more."""

from __future__ import annotations

from datetime import timedelta

from guahao.flows.kernel.platform import Platform
from guahao.flows.kernel.sent_forms import ANSWER_KEPT, FORM_KEPT
from guahao.flows.people import logins
from guahao.flows.policy import policy_trials
from guahao.rules.call_centre.results import NOTE_KEPT
from guahao.store.booking import appointments
from guahao.store.call_centre import results
from guahao.store.integration import hospital_events, webhooks
from guahao.store.integration.hospital_events import EVENTS_KEPT_DAYS
from guahao.store.kernel import rates, sent_forms, throttle
from guahao.store.messages import wechat
from guahao.store.people import accounts, login_failures, proofs
from guahao.store.staff import staff

# A retry under the same idempotency key finds its answer, and a policy can be tried on them.
_REQUESTS_KEPT = timedelta(days=policy_trials.DAYS_MAX)
_FAILURES_KEPT = timedelta(days=2)  # longer than any lock
_STAFF_LOGINS_KEPT = timedelta(days=30)  # longer than any lasts; the trail records them
_EVENTS_KEPT = timedelta(days=EVENTS_KEPT_DAYS)


async def delete_expired(platform: Platform) -> None:
    """Delete expired counters, passwords, log-ins, keys, forms and events in one transaction."""
    async with platform.db.transaction() as tx:
        await throttle.purge(tx)
        await rates.purge(tx)
        await accounts.purge_otps(tx)
        await logins.purge(tx)
        await proofs.purge(tx)
        await appointments.purge_requests(tx, tx.now - _REQUESTS_KEPT)
        await wechat.purge_seen(tx)
        await sent_forms.purge(tx, tx.now - FORM_KEPT, tx.now - ANSWER_KEPT)
        await login_failures.purge(tx, tx.now - _FAILURES_KEPT)
        await staff.purge_logins(tx, tx.now - _STAFF_LOGINS_KEPT)
        await hospital_events.purge(tx, tx.now - _EVENTS_KEPT)
        await results.forget_notes(tx, tx.now - NOTE_KEPT)
        await webhooks.purge_dead(tx, tx.now - _EVENTS_KEPT)
