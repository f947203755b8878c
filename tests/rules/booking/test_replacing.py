"""Replacement for a stopped clinic: what may be offered, to whom, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.rules.helpers import NOW, day, moment, patient, session

from guahao.rules.booking.booking import Batch
from guahao.rules.booking.replacing import (
    OFFERED_AT_LEAST,
    OfferRefusal,
    PlacesOffered,
    ReplacementRefusal,
    StoppedPatient,
    allot,
    answered_by,
    decide_answer,
    refused_places,
)
from guahao.rules.kernel.facts import BookingFacts, CountedAppointment, SessionFacts
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.supply.planning import CAPACITY_MAX

TITLE = "主任医师"
KINDS = frozenset({(1, TITLE)})
UNTIL = moment("2026-03-06 18:00")
LATER = replace(session(day("2026-03-12"), 2, capacity=5, booked=4), title=TITLE)
LATEST = replace(session(day("2026-03-17"), 3), title=TITLE)


@pytest.mark.parametrize(
    ("places", "known", "until", "refused"),
    [
        (PlacesOffered(2, 1, 0), LATER, UNTIL, None),
        (PlacesOffered(2, 0, 1), LATER, UNTIL, None),
        (PlacesOffered(2, 0, 2), LATER, UNTIL, OfferRefusal.NOT_FREE),
        (PlacesOffered(2, 0, 1), replace(LATER, held=1), UNTIL, OfferRefusal.NOT_FREE),
        (PlacesOffered(2, 0, 1), replace(LATER, reserved=1), UNTIL, OfferRefusal.NOT_FREE),
        # Overbooked by two: what is added may be offered all the same.
        (PlacesOffered(2, 1, 0), replace(LATER, booked=7), UNTIL, None),
        (PlacesOffered(2, 0, 0), LATER, UNTIL, OfferRefusal.NO_PLACES),
        (PlacesOffered(2, 2, -1), LATER, UNTIL, OfferRefusal.NO_PLACES),
        (PlacesOffered(2, CAPACITY_MAX - 5, 0), LATER, UNTIL, None),
        (PlacesOffered(2, CAPACITY_MAX - 4, 0), LATER, UNTIL, OfferRefusal.TOO_MANY),
        (PlacesOffered(2, 1, 0), LATER, NOW + OFFERED_AT_LEAST, None),
        (
            PlacesOffered(2, 1, 0),
            LATER,
            NOW + OFFERED_AT_LEAST - timedelta(seconds=1),
            OfferRefusal.TOO_SOON,
        ),
        (PlacesOffered(9, 1, 0), LATER, UNTIL, OfferRefusal.OTHER_CLINIC),
        (PlacesOffered(2, 1, 0), replace(LATER, title="医师"), UNTIL, OfferRefusal.OTHER_CLINIC),
        (PlacesOffered(2, 1, 0), replace(LATER, department_id=2), UNTIL, OfferRefusal.OTHER_CLINIC),
        (PlacesOffered(2, 1, 0), replace(LATER, stopped=True), UNTIL, OfferRefusal.SESSION_STOPPED),
        (
            PlacesOffered(2, 1, 0),
            replace(LATER, visit_date=NOW.date()),
            UNTIL,
            OfferRefusal.DATE_CLOSED,
        ),
    ],
)
def test_which_places_are_offered(
    places: PlacesOffered, known: SessionFacts, until: datetime, refused: OfferRefusal | None
) -> None:
    assert refused_places([places], {2: known}, KINDS, until, NOW) == refused


@pytest.mark.parametrize(
    ("places", "known", "refused"),
    [
        (PlacesOffered(3, 0, 0), LATEST, None),  # none of this session's, but of the other's
        (PlacesOffered(3, 2, -1), LATEST, OfferRefusal.NO_PLACES),
        (PlacesOffered(3, 1, 0), None, OfferRefusal.OTHER_CLINIC),
        (PlacesOffered(3, 1, 0), replace(LATEST, title="医师"), OfferRefusal.OTHER_CLINIC),
        (PlacesOffered(3, 1, 0), replace(LATEST, stopped=True), OfferRefusal.SESSION_STOPPED),
        (
            PlacesOffered(3, 1, 0),
            replace(LATEST, visit_date=NOW.date()),
            OfferRefusal.DATE_CLOSED,
        ),
        (PlacesOffered(3, CAPACITY_MAX, 0), LATEST, OfferRefusal.TOO_MANY),
        (PlacesOffered(3, 0, LATEST.capacity + 1), LATEST, OfferRefusal.NOT_FREE),
    ],
)
def test_a_single_place_that_cannot_be_offered_refuses_them_all(
    places: PlacesOffered, known: SessionFacts | None, refused: OfferRefusal | None
) -> None:
    sessions = {2: LATER} if known is None else {2: LATER, 3: known}
    for offered in ([PlacesOffered(2, 1, 0), places], [places, PlacesOffered(2, 1, 0)]):
        assert refused_places(offered, sessions, KINDS, UNTIL, NOW) == refused


def test_a_date_must_be_open_as_long_as_a_patient_has_at_least() -> None:
    assert timedelta(hours=2) == OFFERED_AT_LEAST
    closes = moment("2026-03-11 15:00")  # the day before the visit
    places, until = [PlacesOffered(2, 1, 0)], closes + timedelta(hours=3)
    last = closes - OFFERED_AT_LEAST
    assert refused_places(places, {2: LATER}, KINDS, until, last) is None
    late = last + timedelta(seconds=1)
    assert refused_places(places, {2: LATER}, KINDS, until, late) is OfferRefusal.DATE_CLOSED


def test_a_place_is_kept_no_longer_than_its_date_can_be_booked() -> None:
    assert answered_by(LATER, UNTIL) == UNTIL
    assert answered_by(LATER, moment("2026-03-12 08:00")) == moment("2026-03-11 15:00")


def stopped(number: int, title: str = TITLE) -> StoppedPatient:
    return StoppedPatient(100 + number, number, 1, 1, title)


def places_of(
    patients: list[StoppedPatient], offered: list[PlacesOffered], facts: BookingFacts
) -> list[tuple[int, int]]:
    return [
        (one.stopped.patient_id, one.session_id)
        for one in allot(patients, offered, Batch(facts), NOW)
    ]


def facts_of(*patients: int, counted: dict[int, CountedAppointment] | None = None) -> BookingFacts:
    known = counted or {}
    return BookingFacts(
        {2: LATER, 3: LATEST},
        {id: patient(id, counted=[known[id]] if id in known else []) for id in patients},
        {},
        Policy(),
    )


def test_the_first_to_book_get_the_earliest_places() -> None:
    offered = [PlacesOffered(3, 2, 0), PlacesOffered(2, 1, 0)]
    allotted = places_of(
        [stopped(4), stopped(1), stopped(2), stopped(3)], offered, facts_of(1, 2, 3, 4)
    )
    assert allotted == [(4, 2), (1, 3), (2, 3)]


def test_added_and_free_places_are_offered_together_even_where_all_is_booked() -> None:
    assert PlacesOffered(2, 2, 1).places == 3
    facts = facts_of(1, 2, 3)
    full = replace(facts, sessions={2: replace(LATER, booked=LATER.capacity)})
    patients = [stopped(1), stopped(2), stopped(3)]
    assert places_of(patients, [PlacesOffered(2, 1, 1)], full) == [(1, 2), (2, 2)]


def test_whom_the_desk_would_refuse_gets_the_next_place_or_none() -> None:
    same_day = CountedAppointment(LATER.visit_date, 1, 1)
    offered = [PlacesOffered(2, 1, 0), PlacesOffered(3, 1, 0)]
    facts = facts_of(1, 2, counted={1: same_day})
    assert places_of([stopped(1), stopped(2)], offered, facts) == [(1, 3), (2, 2)]
    assert places_of([stopped(1), stopped(2)], offered[:1], facts) == [(2, 2)]


def test_an_allotted_place_counts_for_the_patients_next_booking() -> None:
    twice = [stopped(1), replace(stopped(1), appointment_id=999)]
    offered = [PlacesOffered(2, 2, 0)]
    assert places_of(twice, offered, facts_of(1)) == [(1, 2)]


def test_places_of_another_title_or_account_are_nobodys() -> None:
    offered = [PlacesOffered(2, 2, 0)]
    strangers = [stopped(1, "医师"), replace(stopped(2), account_id=2)]
    assert places_of(strangers, offered, facts_of(1, 2)) == []


@pytest.mark.parametrize(
    ("state", "now", "refused"),
    [
        ("open", NOW, None),
        ("open", UNTIL, ReplacementRefusal.LAPSED),
        ("lapsed", NOW, ReplacementRefusal.LAPSED),
        ("accepted", NOW, ReplacementRefusal.ACCEPTED),
        ("declined", UNTIL, ReplacementRefusal.DECLINED),
    ],
)
def test_until_when_an_offer_is_answered(
    state: str, now: datetime, refused: ReplacementRefusal | None
) -> None:
    answer = decide_answer(state, UNTIL, now)
    assert answer == (None if refused is None else Refused(refused))
