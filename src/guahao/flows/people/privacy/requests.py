"""Export or erasure of a person's data by two members of staff: one files, another decides.

For a person who cannot do it alone: without a mobile phone, removed from an account, or sharing
one. The first has seen the document and says why; the second approves or declines, with a reason.
An erasure is carried out with its approval, in one transaction. An approved export can be
downloaded by the two for a day, a few times; it is read anew each time and stored nowhere.

Locks: of an erasure account and persons first (flows.people.privacy.records), then the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.privacy.records import (
    Erased,
    OfPerson,
    erase_in,
    export_in,
    lock_subject,
)
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.reasons import full_reason
from guahao.rules.kernel.retention import ERASED_NAME
from guahao.rules.kernel.text import NameFault, person_name, same_name
from guahao.rules.people.identity import valid_document
from guahao.rules.people.own_data import ErasureRefusal
from guahao.rules.people.privacy_requests import (
    OPEN_FOR,
    RequestRefusal,
    decide_filing,
    is_offered,
    refuse_decision,
)
from guahao.rules.staff.staff import Staff
from guahao.store.kernel import throttle
from guahao.store.people import persons
from guahao.store.people import privacy_requests as store
from guahao.store.people.privacy_requests import PrivacyRequest

Kind = Literal["export", "erasure"]

LISTED = 100
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Decided:
    """What a request was decided to be: `approved`, `declined` or `withdrawn`."""

    state: str


@dataclass(frozen=True, slots=True)
class Requests:
    """What waits, the oldest first, and what was decided last."""

    waiting: list[PrivacyRequest]
    decided: list[PrivacyRequest]


async def file_request(
    platform: Platform, by: Staff, kind: Kind, name: str, id_type: str, id_no: str, reason: str
) -> int | Refused[RequestRefusal] | NameFault:
    """File a request for the person of a document, whether an account has them or none; its id.

    An unknown document and another name have one answer. Every try is counted and in the trail.
    """
    named = person_name(name)
    if isinstance(named, NameFault):
        return named
    typed = full_reason(reason)
    if typed is None:
        return Refused(RequestRefusal.REASON_NEEDED)
    document = valid_document(id_type, id_no, platform.db.clock().date())
    async with acting(platform, by.who) as act:
        vault = platform.vault
        subject = vault.index("throttle", f"staff {by.id}")
        tries = await throttle.hit(act.tx, "privacy_request", subject, _HOUR)
        person = None if document is None else await persons.of_document(act.tx, vault, document)
        is_theirs = person is not None and same_name(named, person.patient.name)
        refusal, request_id = decide_filing(tries, is_theirs=is_theirs), None
        if person is not None and refusal is None:
            request_id = await store.add(
                act.tx, vault, kind, person.patient.id, by.id, typed, act.now - OPEN_FOR
            )
            refusal = RequestRefusal.ALREADY_WAITING if request_id is None else None
        await act.record(
            f"request_{kind}",
            None if person is None else ("patient", person.patient.id),
            reason=typed,
            detail={"request": request_id} if refusal is None else {"refused": refusal},
        )
    if refusal is not None:
        return Refused(refusal)
    assert request_id is not None
    return request_id


async def list_requests(platform: Platform) -> Requests:
    """Return what waits and what was decided last."""
    async with platform.db.transaction() as tx:
        return Requests(
            await store.listed(tx, waiting=True, most=LISTED),
            await store.listed(tx, waiting=False, most=LISTED),
        )


async def request_of(platform: Platform, request_id: int) -> PrivacyRequest | None:
    """Return a request; None where there is none."""
    async with platform.db.transaction() as tx:
        return await store.by_id(tx, request_id)


async def approve(
    platform: Platform, by: Staff, request_id: int, reason: str
) -> Decided | Refused[RequestRefusal | ErasureRefusal]:
    """Approve another's request. An erasure that cannot be carried out now goes on waiting."""
    typed = full_reason(reason)
    if typed is None:
        return Refused(RequestRefusal.REASON_NEEDED)
    async with acting(platform, by.who) as act:
        seen = await store.by_id(act.tx, request_id)
        if seen is not None and seen.kind == "erasure":
            await lock_subject(act.tx, platform, OfPerson(seen.patient_id))
        request = await store.lock(act.tx, request_id)
        if request is None:
            return Refused(RequestRefusal.UNKNOWN_REQUEST)
        refusal = refuse_decision(request, by, act.now, withdraws=False)
        if refusal is not None:
            return Refused(refusal)
        if request.erased_at is not None or request.displaced_at is not None:
            return Refused(ErasureRefusal.UNKNOWN)
        if request.kind == "export":
            await store.decide(act.tx, platform.vault, request_id, "approved", by.id, typed)
            await _record(act, "approve_export", request, typed)
            return Decided("approved")
        detail: dict[str, object] = {"request": request_id}
        person = OfPerson(request.patient_id)
        outcome = await erase_in(act, person, typed, detail)
        if not isinstance(outcome, Erased):
            return outcome
        # The reason is in the trail; here it goes with the person, whom it may name.
        await store.decide(act.tx, platform.vault, request_id, "approved", by.id, ERASED_NAME)
    return Decided("approved")


async def decline(
    platform: Platform, by: Staff, request_id: int, reason: str
) -> Decided | Refused[RequestRefusal]:
    """Decline another's request."""
    return await _end(platform, by, request_id, reason, "declined")


async def withdraw(
    platform: Platform, by: Staff, request_id: int, reason: str
) -> Decided | Refused[RequestRefusal]:
    """Take back a request of one's own that waits."""
    return await _end(platform, by, request_id, reason, "withdrawn")


async def download(
    platform: Platform, by: Staff, request_id: int
) -> dict[str, Any] | Refused[RequestRefusal]:
    """Return the export of an approved request to one of the two; every time is in the trail."""
    async with acting(platform, by.who) as act:
        request = await store.lock(act.tx, request_id)
        if request is None:
            return Refused(RequestRefusal.UNKNOWN_REQUEST)
        if not is_offered(request, by.id, act.now):
            return Refused(RequestRefusal.NOT_OFFERED)
        await store.count_download(act.tx, request_id)
        detail: dict[str, object] = {"request": request_id}
        person = OfPerson(request.patient_id)
        data = await export_in(act, person, detail)
        return Refused(RequestRefusal.UNKNOWN_PERSON) if data is None else data


async def _end(
    platform: Platform, by: Staff, request_id: int, reason: str, state: str
) -> Decided | Refused[RequestRefusal]:
    typed = full_reason(reason)
    if typed is None:
        return Refused(RequestRefusal.REASON_NEEDED)
    withdraws = state == "withdrawn"
    async with acting(platform, by.who) as act:
        request = await store.lock(act.tx, request_id)
        if request is None:
            return Refused(RequestRefusal.UNKNOWN_REQUEST)
        refusal = refuse_decision(request, by, act.now, withdraws=withdraws)
        if refusal is not None:
            return Refused(refusal)
        await store.decide(act.tx, platform.vault, request_id, state, by.id, typed)
        action = "withdraw_privacy_request" if withdraws else "decline_privacy_request"
        await _record(act, action, request, typed)
    return Decided(state)


async def _record(act: Acting, action: str, request: PrivacyRequest, reason: str) -> None:
    await act.record(
        action,
        ("patient", request.patient_id),
        reason=reason,
        detail={"request": request.id, "kind": request.kind},
    )
