"""What holds for every batch, whatever was asked and whatever the policy says (S12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from tests.rules import oracle
from tests.rules.helpers import SOON, elsewhere
from tests.rules.strategies import World, rushes, worlds

from guahao.rules.booking.booking import decide_batch
from guahao.rules.kernel.facts import BookingFacts, CountedAppointment, SessionFacts
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import BeforeOwnMoment, Refusal, Refused
from guahao.rules.supply.releasing import city_time

LIMITS = {"duplicate_department", "day_limit", "seven_day_limit", "three_month_limit"}


@pytest.mark.parametrize(
    ("days", "over"),
    [
        ([0, 1, 2], []),
        ([0, 2, 4, 7], []),
        ([0, 2, 4, 6], ["7 days from 2026-03-10"]),
        ([0, 15, 30, 45, 60], []),
        ([0, 15, 30, 45, 60, 91], ["3 months from 2026-03-10"]),
        ([0, 15, 30, 45, 60, 92], []),  # 10 June
        ([0, 0, 0], ["on 2026-03-10"] * 3),
    ],
)
def test_the_oracle_itself_sees_what_is_over_a_limit(days: list[int], over: list[str]) -> None:
    held = elsewhere(*(SOON + timedelta(days=n) for n in days))
    assert oracle.over_a_limit(held, Policy()) == over


def test_the_oracle_itself_sees_a_department_booked_twice_a_date() -> None:
    held = [CountedAppointment(SOON, 1, 1)] * 2
    assert oracle.over_a_limit(held, Policy()) == ["in department 1 on 2026-03-10"] * 2


@given(rushes())
def test_nobody_is_ever_over_a_limit_in_any_window(world: World) -> None:
    ledger = world.ledger()
    ledger.book(world.requests)
    event(f"{len(ledger.records) // 4 * 4} or more booked")
    for person in world.patients:
        assert oracle.over_a_limit(ledger.counted(person.id), world.policy) == []


@given(worlds())
def test_a_booking_takes_nobody_over_a_limit_who_was_not(world: World) -> None:
    ledger = world.ledger()
    before = {p.id: set(oracle.over_a_limit(p.counted, world.policy)) for p in world.patients}
    ledger.book(world.requests)
    for person, over in before.items():
        assert set(oracle.over_a_limit(ledger.counted(person), world.policy)) <= over


@given(worlds())
def test_a_batch_equals_its_requests_one_by_one(world: World) -> None:
    together, alone = world.ledger(), world.ledger()
    assert together.book(world.requests) == alone.book_one_by_one(world.requests)
    assert together.facts() == alone.facts()


@given(rushes(), st.integers(1, 40))
def test_a_rush_may_be_cut_into_batches_anywhere(world: World, size: int) -> None:
    together, cut = world.ledger(), world.ledger()
    answers = together.book(world.requests)
    in_pieces = [
        answer
        for start in range(0, len(world.requests), size)
        for answer in cut.book(world.requests[start : start + size])
    ]
    assert answers == in_pieces


@given(worlds() | rushes())
def test_no_place_is_sold_twice(world: World) -> None:
    ledger = world.ledger()
    ledger.book(world.requests)
    for session in ledger.facts().sessions.values():
        assert session.booked <= session.capacity


@given(rushes(), st.data())
def test_cancelling_gives_back_exactly(world: World, data: st.DataObject) -> None:
    """Book some, then one more, cancel it: the rest finds what it would have found."""
    cut = data.draw(st.integers(0, len(world.requests) - 1), label="booked before it")
    before, extra, after = (
        world.requests[:cut],
        world.requests[cut],
        world.requests[cut + 1 :],
    )
    cancelled, never = world.ledger(), world.ledger()
    cancelled.book(before)
    never.book(before)
    held = len(cancelled.records)
    cancelled.book([extra])
    for record in cancelled.records[held:]:
        record.status = data.draw(st.sampled_from(["cancelled", "stopped"]))
    event("cancelled" if len(cancelled.records) > held else "was refused anyway")
    for wanted in after:
        [one], [other] = cancelled.book([wanted]), never.book([wanted])
        assert one == other or (isinstance(one, int) and isinstance(other, int))
    assert cancelled.facts().sessions == never.facts().sessions
    assert cancelled.facts().patients == never.facts().patients


@given(worlds(), st.integers(0, 400), st.booleans())
def test_the_same_key_gives_the_same_answer(world: World, later: int, in_one_batch: bool) -> None:
    again = [replace(r, at=r.at + timedelta(days=later)) for r in world.requests]
    ledger = world.ledger()
    if in_one_batch:
        both = ledger.book([*world.requests, *again])
        answers, repeated = both[: len(again)], both[len(again) :]
    else:
        answers, repeated = ledger.book(world.requests), ledger.book(again)
    booked = len(ledger.records)
    for answer, again_answer in zip(answers, repeated, strict=True):
        # Before the own moment nothing is stored: the same key may book later.
        assert again_answer == answer or isinstance(answer, BeforeOwnMoment)
    answers += [answer for answer in repeated if isinstance(answer, int)]
    assert booked == len({answer for answer in answers if isinstance(answer, int)})


@settings(max_examples=300)
@given(worlds())
def test_the_answer_is_the_first_reason_that_applies(world: World) -> None:
    facts = world.ledger().facts()
    for wanted in world.requests:
        expected = oracle.first(oracle.reasons(facts, wanted))
        event(expected)
        [decision] = decide_batch(facts, [wanted])
        given_answer = decision.reason if isinstance(decision, Refused) else "booked"
        assert given_answer == expected


def drawn(facts: BookingFacts, session: SessionFacts) -> BookingFacts:
    """The facts after the draw of a session's places."""
    done = replace(session, held=0, booked=session.booked + session.held, draw_at=None)
    return replace(facts, sessions={**facts.sessions, session.id: done})


@given(worlds())
def test_who_is_told_to_come_again_can_rely_on_it(world: World) -> None:
    everything = world.ledger().facts()
    # Who comes before the release is told of the release, not of the own moment after it.
    of_everybody = replace(everything, release_key=None)
    moment = timedelta(microseconds=1)
    for wanted in world.requests:
        [decision] = decide_batch(everything, [wanted])
        is_own = isinstance(decision, BeforeOwnMoment)
        facts = everything if is_own else of_everybody
        if not isinstance(decision, Refused) or decision.retry_from is None:
            continue
        event(decision.reason)
        causes = {decision.reason.value}
        if decision.reason in oracle.TOO_EARLY:
            causes |= set(oracle.TOO_EARLY)
        assert decision.retry_from > wanted.at
        then = replace(wanted, at=decision.retry_from)
        if decision.reason is Refusal.BY_DRAW:
            session = facts.sessions[wanted.session_id]
            assert session.draw_at == decision.retry_from
            assert oracle.first(oracle.reasons(drawn(facts, session), then)) != Refusal.BY_DRAW
            continue
        assert not causes & oracle.reasons(facts, then)
        assert causes & oracle.reasons(facts, replace(wanted, at=decision.retry_from - moment))
        [retried] = decide_batch(facts, [then])
        assert not isinstance(retried, Refused) or retried.reason not in causes
        [too_soon] = decide_batch(facts, [replace(wanted, at=decision.retry_from - moment)])
        assert isinstance(too_soon, Refused)
        earlier = oracle.ORDER[: oracle.ORDER.index(decision.reason)]
        assert too_soon.reason in causes.union(earlier)


@given(worlds())
def test_a_time_to_come_again_is_named_wherever_there_is_one(world: World) -> None:
    facts = world.ledger().facts()
    for wanted in world.requests:
        [decision] = decide_batch(facts, [wanted])
        if not isinstance(decision, Refused) or decision.retry_from is not None:
            continue
        assert decision.reason != Refusal.PATIENT_SUSPENDED
        if decision.reason in oracle.TOO_EARLY:
            session = facts.sessions[wanted.session_id]
            visit_date, rules = session.visit_date, session.rules
            ahead = (visit_date - wanted.at.date()).days
            for day in oracle.dates_from(wanted.at.date(), ahead + 1):
                # The only hours at which a refusal may come to an end.
                for clock in (time.min, rules.release_time):
                    at = city_time(day, clock)
                    assert oracle.date_reasons(visit_date, at, rules, facts.policy)


@given(rushes(), st.data())
def test_the_date_named_to_one_over_a_limit_is_the_first_that_no_limit_refuses(
    world: World, data: st.DataObject
) -> None:
    ledger = world.ledger()
    answers = zip(world.requests, ledger.book(world.requests), strict=True)
    over = [wanted for wanted, a in answers if isinstance(a, Refused) and a.reason in LIMITS]
    assume(over)
    facts = ledger.facts()
    wanted = replace(data.draw(st.sampled_from(over)), key="another")
    [decision] = decide_batch(facts, [wanted])
    assert isinstance(decision, Refused)
    assert decision.reason in LIMITS
    session = facts.sessions[wanted.session_id]
    counted = facts.patients[wanted.patient_id].counted
    last = oracle.last_open(wanted.at.date(), session.rules, facts.policy)
    later = oracle.dates_from(session.visit_date, (last - session.visit_date).days + 1)[1:]
    place = (session.hospital_id, session.department_id)
    free = (d for d in later if not oracle.limit_reasons(place, d, counted, facts.policy))
    event(f"{decision.reason}, {'a date' if decision.visit_from else 'none open'}")
    assert decision.visit_from == next(free, None)
