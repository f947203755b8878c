"""Recompute what fair release must hold: counters, the return rule, draws and their files."""

from __future__ import annotations

import io
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from hashlib import sha256
from typing import assert_never

from guahao.flows.fairness import drawing
from guahao.flows.fairness.publishing import file_of
from guahao.rules.fairness import verifying
from guahao.rules.fairness.beacon import beacon_of, can_check, is_signed
from guahao.rules.fairness.modes import DatedMode, mode_of
from guahao.rules.fairness.returning import Fate, ReturnFacts, returned
from guahao.rules.kernel.limits import CITY_TIME, Policy
from guahao.rules.kernel.outcomes import Refusal
from guahao.rules.kernel.policies import DatedPolicies
from guahao.rules.supply.releasing import opens_at
from guahao.store.fairness import draws, modes
from guahao.store.kernel.db import Tx
from guahao.tools.audit import fairness_queries as queries
from guahao.tools.audit.fairness_queries import GivenReason

ROUNDS_CHECKED = 200  # of drand, half a second each; where there are more, a sample


async def wrong_returns(tx: Tx, policies: DatedPolicies) -> tuple[int, list[int]]:
    """Decide about every recorded return again; return how many, and those that went elsewhere.

    A place that had to wait and was free, or the other way round. What was decided on the day is
    taken: the policy and the hospital's rules of that day, and the release modes decided by then.
    """
    found = await queries.returns(tx)
    decided = await _decided(tx, sorted({row.hospital_id for row in found}))
    wrong = []
    for row in found:
        at = row.held_at.astimezone(CITY_TIME)
        policy = policies.on(at.date())
        then = [mode for decided_at, mode in decided.get(row.hospital_id, ()) if decided_at <= at]
        facts = ReturnFacts(
            row.visit_date,
            mode_of(then, row.department_id, row.title, row.visit_date).mode,
            row.free_before <= 0,
            opens_at(row.visit_date, row.rules, policy),
            row.rules.next_day_stop_time,
            policy.draw_returned_places,
        )
        if (returned(facts, at).fate is Fate.FREE) is not row.was_free:
            wrong.append(row.id)
    return len(found), wrong


async def _decided(tx: Tx, hospital_ids: list[int]) -> dict[int, list[tuple[datetime, DatedMode]]]:
    """Return each hospital's decisions about release modes, with their times."""
    return {
        hospital_id: [
            (decision.decided_at, decision.mode) for decision in await modes.listed(tx, hospital_id)
        ]
        for hospital_id in hospital_ids
    }


async def unrecorded_raises(tx: Tx, policies: DatedPolicies) -> tuple[int, list[int]]:
    """Return how many raises of capacity are known, and the sessions where places came unseen."""
    found = await queries.raised(tx)
    unrecorded = []
    for row in found:
        at = row.at.astimezone(CITY_TIME)
        is_released = at >= opens_at(row.visit_date, row.rules, policies.on(at.date()))
        if is_released and not row.is_recorded:
            unrecorded.append(row.session_id)
    return len(found), unrecorded


async def wrong_reasons(tx: Tx, policies: DatedPolicies) -> tuple[int, list[int]]:
    """Return how many entries are decided, and the draws with a reason that cannot be true.

    What a rule saw is counted again as far as the records tell: a limit needs as many bookings, a
    suspension a no-show, an end of the application its end. Other reasons, such as a document that
    had ended, are only known to be the desk's.
    """
    policy = policies.first
    found = await queries.given_reasons(tx, policy.short_window_days, policy.long_window_months)
    wrong = [
        given.draw_id
        for given in found
        if not _may_be(given, policies.on(given.drawn_at.astimezone(CITY_TIME).date()))
    ]
    return await queries.decided_entries(tx), list(dict.fromkeys(wrong))


def _may_be(given: GivenReason, policy: Policy) -> bool:
    """Return whether a reason agrees with what is known of its entry."""
    if given.reason == drawing.ENDED:
        return given.has_ended
    if given.reason == drawing.WITHDRAWN:
        return given.has_lost_places or given.was_stopped
    return given.reason in set(Refusal) and _may_be_refused(given, Refusal(given.reason), policy)


def _may_be_refused(given: GivenReason, reason: Refusal, policy: Policy) -> bool:
    match reason:
        case Refusal.SESSION_STOPPED:
            return given.was_stopped
        case Refusal.PATIENT_SUSPENDED:
            return given.may_be_suspended
        case Refusal.DUPLICATE_DEPARTMENT:
            return given.of_department > 0
        case Refusal.DAY_LIMIT:
            return given.of_day >= policy.per_day
        case Refusal.SEVEN_DAY_LIMIT:
            return given.of_days >= policy.per_short_window
        case Refusal.THREE_MONTH_LIMIT:
            return given.of_months >= policy.per_long_window
        case (
            Refusal.UNKNOWN_SESSION
            | Refusal.NOT_YOUR_PATIENT
            | Refusal.SAME_DAY
            | Refusal.NEXT_DAY_CLOSED
            | Refusal.BEYOND_HORIZON
            | Refusal.NOT_RELEASED
            | Refusal.BY_DRAW
            | Refusal.ACCOUNT_RESTRICTED
            | Refusal.DOCUMENT_ENDED
            | Refusal.PERSON_UNCHECKED
            | Refusal.SOLD_OUT
        ):
            return True  # the records do not tell
        case never:
            assert_never(never)


async def unproven_draws(tx: Tx) -> AsyncIterator[tuple[int, bool]]:
    """Write the file of every finished draw again, verify it, and yield whether it is the same."""
    for draw_id, published in await queries.published_draws(tx):
        draw = await draws.get(tx, draw_id)
        assert draw is not None
        data = b"".join([part async for part in file_of(tx, draw)])
        try:
            verifying.verify(io.BytesIO(data))
        except verifying.ProofError:
            yield draw_id, False
        else:
            yield draw_id, sha256(data).digest() == published


async def unsigned_draws(tx: Tx) -> tuple[int, list[int], str]:
    """Return how many draws' values of drand were checked, those that are not signed, and a note.

    The note says what was not checked: all of them without the extra guahao[drand].
    """
    rounds = await queries.beacon_rounds(tx)
    if rounds and not can_check():
        unchecked = sum(len(row.draw_ids) for row in rounds)
        return 0, [], f"not checked: the values of {unchecked:,} draws; install guahao[drand]"
    chosen = secrets.SystemRandom().sample(rounds, min(len(rounds), ROUNDS_CHECKED))
    unsigned = [
        draw_id
        for row in chosen
        if not is_signed(beacon_of(row.beacon), row.round, row.signature)
        for draw_id in row.draw_ids
    ]
    note = (
        "" if len(chosen) == len(rounds) else f"a sample: {len(chosen)} of {len(rounds):,} rounds"
    )
    return sum(len(row.draw_ids) for row in chosen), unsigned, note
