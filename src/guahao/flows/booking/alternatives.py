"""Alternatives to a refused booking: the nearest sessions that the rules allow."""

from __future__ import annotations

from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import counted_since, decide_batch
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest, PatientFacts
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Accepted
from guahao.store.booking.booking import own_patients, session_facts
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.supply import sessions

MOST = 3


async def alternatives(
    platform: Platform, account_id: int, patient_id: int, session_id: int, most: int = MOST
) -> list[SessionView]:
    """Return sessions of the same department that this patient could book now, nearest first.

    Distance is by date, then title, then period. The list is empty if the session is unknown
    or the patient is not the account's. Nothing is locked: the desk decides again.
    """
    async with platform.db.transaction() as tx:
        wanted = await sessions.one(tx, session_id)
        policy = (await platform.policies.read(tx)).on(tx.now.date())
        since = counted_since(policy, tx.now.date())
        patient = (await own_patients(tx, account_id, since)).get(patient_id)
        if wanted is None or patient is None:
            return []
        others = await sessions.in_department(
            tx, wanted.hospital_id, wanted.department_id, tx.now.date(), None, None, None
        )
    allowed = [
        session
        for session in others
        if session.id != wanted.id and _allowed(platform, policy, tx, patient, session)
    ]
    return sorted(allowed, key=lambda session: _distance(session, wanted))[:most]


def _allowed(
    platform: Platform, policy: Policy, tx: Tx, patient: PatientFacts, session: SessionView
) -> bool:
    """Return whether the rules would accept this booking, decided as the desk does."""
    assert patient.account_id is not None
    facts = BookingFacts(
        {session.id: session_facts(session)},
        {patient.id: patient},
        policy=policy,
        checks_names=platform.checks_names,
        # So that nothing is offered that the desk would still refuse until the patient's moment.
        release_key=platform.vault.release_key,
    )
    actor = Actor("account", patient.account_id)
    request = BookingRequest(actor, "", patient.id, session.id, "web", tx.now)
    return decide_batch(facts, [request]) == [Accepted()]


def _distance(session: SessionView, wanted: SessionView) -> tuple[int, bool, bool, int]:
    return (
        abs((session.visit_date - wanted.visit_date).days),
        session.title != wanted.title,
        session.period != wanted.period,
        session.id,
    )
