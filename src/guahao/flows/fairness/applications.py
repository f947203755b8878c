"""Apply for places of a department (登记/候补), list and withdraw applications, and end them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import msgspec

from guahao.flows.kernel.acting import Acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.applying import (
    DECLINED_WITHIN,
    NOTICE_HOURS_MOST,
    PATIENTS_MOST,
    ApplicationFacts,
    ApplicationRefusal,
    ApplicationState,
    Wishes,
    WithdrawRefusal,
    decide_application,
    furthest_applicable,
    is_expired,
    is_suspended_beyond,
)
from guahao.rules.kernel.facts import Actor
from guahao.rules.kernel.limits import ONE_DAY, HospitalRules
from guahao.rules.kernel.outcomes import KeyMismatch, Refused
from guahao.rules.staff.staff import Who
from guahao.store.booking.appointments import lock_persons
from guahao.store.fairness import applications as store
from guahao.store.fairness.applications import ApplicationView, NewApplication
from guahao.store.kernel.db import Tx
from guahao.store.messages import messages
from guahao.store.supply import listings, sessions
from guahao.store.supply.listings import BookableDepartment

LISTED = 50
_EXPIRED_AT_ONCE = 500  # in one transaction
# The last draw that serves an application comes before its last date: by the wished notice, by
# the hospital's deadline, and by the weekdays that are not wanted.
_LOOKED_AHEAD = timedelta(hours=NOTICE_HOURS_MOST) + timedelta(days=37)
# Of these the patient has nothing in hand; on the pages and in WeChat the application is shown.
_CONFIRMED_CHANNELS = ("phone", "window", "hospital")


@dataclass(frozen=True, slots=True)
class ApplicationRequest:
    """A request to apply for one or two patients of an account.

    `who`: the member of staff who applies for the person in front of them, for the trail;
    `detail` goes there as well.
    """

    actor: Actor
    key: str
    patient_ids: tuple[int, ...]
    department_id: int
    wishes: Wishes
    channel: str
    who: Who | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what every router validates before."""
        if not 1 <= len(self.patient_ids) <= PATIENTS_MOST:
            raise ValueError("an application has one or two patients")

    @property
    def body_sha256(self) -> bytes:
        """Return the hash that tells whether a repeated key stands for the same request."""
        body = (self.patient_ids, self.department_id, asdict(self.wishes.normalised()))
        return sha256(msgspec.json.encode(body)).digest()


async def apply(
    platform: Platform, request: ApplicationRequest
) -> ApplicationView | Refused[ApplicationRefusal] | KeyMismatch:
    """Register an application; the same key and body again returns the same application.

    A refusal is not stored under the key: the same request is decided anew.
    """
    body_sha256 = request.body_sha256
    of_account = request.actor.id if request.actor.kind == "account" else None
    async with platform.db.transaction() as tx:
        await store.lock_accounts(tx, request.patient_ids)
        await lock_persons(tx, request.patient_ids)
        earlier = await store.earlier(tx, request.actor, request.key)
        if earlier is not None:
            if not compare_digest(earlier.body_sha256, body_sha256):
                return KeyMismatch()
            made = await store.view(tx, platform.vault, earlier.id, of_account)
            # The patients may have left the account since then.
            return made or Refused(ApplicationRefusal.NOT_YOUR_PATIENT)
        facts, hospital_id = await _facts(tx, platform, request)
        decided = decide_application(facts, tx.now)
        if isinstance(decided, Refused):
            return decided
        account_id = facts.patients[request.patient_ids[0]].account_id
        assert account_id is not None
        new = NewApplication(
            request.actor,
            request.key,
            body_sha256,
            account_id,
            hospital_id,
            request.department_id,
            request.patient_ids,
            facts.wishes,
            request.channel,
        )
        new_id = await store.add(tx, new)
        if new_id is None:  # the key was used at the same moment, for other patients
            return KeyMismatch()
        if request.channel in _CONFIRMED_CHANNELS:
            await messages.notify_of_applications(tx, "application_registered", [new_id])
        made = await store.view(tx, platform.vault, new_id, account_id)
        assert made is not None
        if request.who is not None:
            await Acting(platform, tx, request.who).record(
                "apply_for_places",
                ("application", new_id),
                detail=dict(request.detail),
                hospital_id=hospital_id,
            )
    return made


async def _facts(
    tx: Tx, platform: Platform, request: ApplicationRequest
) -> tuple[ApplicationFacts, int]:
    """Return the facts of an application, and the department's hospital (0: unknown)."""
    wishes = request.wishes.normalised()
    place = await store.place(tx, request.department_id)
    patients = await store.applicants(tx, request.patient_ids, tx.now - 2 * DECLINED_WITHIN)
    accounts = {p.account_id for p in patients.values() if p.account_id is not None}
    applied = [await store.applied_since(tx, id, tx.now - ONE_DAY) for id in sorted(accounts)]
    facts = ApplicationFacts(
        request.actor,
        request.patient_ids,
        request.department_id,
        wishes,
        None if place is None else place.rules,
        patients,
        await store.ranked(tx, request.department_id, wishes.ranked_sessions),
        max(applied, default=0),
        (await platform.policies.read(tx)).on(tx.now.date()),
        platform.checks_names,
    )
    return facts, 0 if place is None else place.hospital_id


async def withdraw(
    platform: Platform,
    account_id: int | None,
    application_id: int,
    who: Who | None = None,
    detail: Mapping[str, Any] | None = None,
    reason: str = "",
) -> ApplicationView | Refused[WithdrawRefusal]:
    """Withdraw a live application. `account_id` None: staff, who act for the caller.

    An entry in a draw under way stays in its public list and is skipped.
    `who`, `detail` and `reason`: the member of staff and why, for the trail.
    """
    async with platform.db.transaction() as tx:
        application = await store.lock(tx, application_id, account_id)
        if application is None:
            return Refused(WithdrawRefusal.UNKNOWN)
        if application.state != ApplicationState.LIVE:
            return Refused(WithdrawRefusal.NOT_LIVE)
        await store.end(tx, [application_id], ApplicationState.WITHDRAWN)
        withdrawn = await store.view(tx, platform.vault, application_id, account_id)
        assert withdrawn is not None
        if who is not None:
            await Acting(platform, tx, who).record(
                "withdraw_application",
                ("application", application_id),
                reason=reason,
                detail=detail,
                hospital_id=application.hospital_id,
            )
    return withdrawn


async def own_applications(
    platform: Platform, account_id: int, before: int | None = None, limit: int = LISTED
) -> list[ApplicationView]:
    """Return the account's applications, the newest first; those with an id below `before`."""
    async with platform.db.transaction() as tx:
        return await store.of_account(tx, platform.vault, account_id, before, limit)


async def live_applications(platform: Platform, account_id: int) -> list[ApplicationView]:
    """Return the account's live applications, the newest first."""
    async with platform.db.transaction() as tx:
        return await store.of_account(
            tx, platform.vault, account_id, None, LISTED, state=ApplicationState.LIVE
        )


async def own_application(
    platform: Platform, account_id: int, application_id: int
) -> ApplicationView | None:
    """Return an application of the account; None if unknown or another account's."""
    async with platform.db.transaction() as tx:
        return await store.view(tx, platform.vault, application_id, account_id)


@dataclass(frozen=True, slots=True)
class ApplicationTerms:
    """What can be applied for in a department: its sessions' titles and specialties, and dates."""

    department: BookableDepartment
    rules: HospitalRules
    titles: list[str]
    specialties: list[str]
    first_date: date
    last_date: date


async def terms(platform: Platform, department_id: int) -> ApplicationTerms | None:
    """Return what can be applied for in a department; None if it is not on the platform."""
    async with platform.db.transaction() as tx:
        today = tx.now.date()
        place = await store.place(tx, department_id)
        departments = await listings.departments_by_id(tx, [department_id])
        if place is None or not departments:
            return None
        policy = (await platform.policies.read(tx)).on(today)
        found = await sessions.in_department(
            tx, place.hospital_id, department_id, today + ONE_DAY, None, None, None
        )
    return ApplicationTerms(
        departments[0],
        place.rules,
        list(dict.fromkeys(session.title for session in found)),
        sorted({session.specialty for session in found if session.specialty}),
        today + ONE_DAY,
        furthest_applicable(tx.now, place.rules, policy),
    )


# Ending -------------------------------------------------------------------------------------


async def end_of_patients(tx: Tx, patient_ids: Sequence[int]) -> None:
    """End the live applications of locked persons who leave their account.

    Call it once they have left: the accounts that the patients have then are notified.
    """
    live = await store.live_of(tx, patient_ids)
    ended = await store.end(tx, [application.id for application in live], ApplicationState.REMOVED)
    await messages.notify_of_applications(tx, "application_ended", ended)


async def end_of_suspended(tx: Tx, suspended_until: Mapping[int, date]) -> None:
    """End the live applications that the new suspensions of these locked persons outlast.

    Of two patients who would go alone, the other may still win.
    """
    live = await store.live_of(tx, list(suspended_until))
    ended = []
    for application in live:
        outlasts = [
            is_suspended_beyond(suspended_until.get(id), application.wishes)
            for id in application.patient_ids
        ]
        if any(outlasts) and (all(outlasts) or not application.wishes.may_split):
            ended.append(application.id)
    await messages.notify_of_applications(
        tx, "application_ended", await store.end(tx, ended, ApplicationState.SUSPENDED)
    )


async def expire(platform: Platform) -> int:
    """End the applications that no draw can serve any more, and notify their accounts.

    Chunk by chunk, each in its own transaction; twice, late or in two workers at once it ends
    each application once. Return how many.
    """
    ended, after = 0, 0
    while True:
        async with platform.db.transaction() as tx:
            policy = (await platform.policies.read(tx)).on(tx.now.date())
            until = tx.now.date() + _LOOKED_AHEAD
            found = await store.ending_soon(tx, after, until, _EXPIRED_AT_ONCE)
            ids = [a.id for a in found if is_expired(a.wishes, tx.now, a.rules, policy)]
            expired = await store.end(tx, ids, ApplicationState.EXPIRED)
            await messages.notify_of_applications(tx, "application_ended", expired)
        ended += len(expired)
        if len(found) < _EXPIRED_AT_ONCE:
            return ended
        after = found[-1].id
