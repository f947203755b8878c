"""What could be booked instead: after a refusal, the nearest that the law would allow."""

from __future__ import annotations

from guahao.flows.booking.booking import counted_since
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import decide_batch
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest, PatientFacts
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Accepted
from guahao.store.booking.booking import own_patient, session_facts
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.supply import sessions

MOST = 3


async def alternatives(
    platform: Platform, account_id: int, patient_id: int, session_id: int, most: int = MOST
) -> list[SessionView]:
    """Sessions of the same department that this patient could book now, the nearest first.

    Nearest: by date, then the same title, then the same period. None where the session is
    unknown or the patient is not the account's. Nothing is locked: the desk decides again.
    """
    async with platform.db.transaction() as tx:
        wished = await sessions.one(tx, session_id)
        policy = (await platform.policies.read(tx)).on(tx.now.date())
        since = counted_since(policy, tx.now.date())
        patient = await own_patient(tx, account_id, patient_id, since)
        if wished is None or patient is None:
            return []
        others = await sessions.in_department(
            tx, wished.hospital_id, wished.department_id, tx.now.date(), None, None, None
        )
    allowed = [
        one
        for one in others
        if one.id != wished.id and _allowed(platform, policy, tx, patient, one)
    ]
    return sorted(allowed, key=lambda one: _distance(one, wished))[:most]


def _allowed(
    platform: Platform, policy: Policy, tx: Tx, patient: PatientFacts, session: SessionView
) -> bool:
    """Asked of the law itself, as the desk would."""
    assert patient.account_id is not None
    facts = BookingFacts(
        {session.id: session_facts(session)},
        {patient.id: patient},
        policy=policy,
        checks_names=platform.checks_names,
    )
    actor = Actor("account", patient.account_id)
    request = BookingRequest(actor, "", patient.id, session.id, "web", tx.now)
    return decide_batch(facts, [request]) == [Accepted()]


def _distance(session: SessionView, wished: SessionView) -> tuple[int, bool, bool, int]:
    return (
        abs((session.visit_date - wished.visit_date).days),
        session.title != wished.title,
        session.period != wished.period,
        session.id,
    )
