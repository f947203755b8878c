"""What a fee list may hold, and which sessions a new fee reaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from guahao.rules.supply.changes import SessionTerms, StoredSession
from guahao.rules.supply.fees import (
    DatedFee,
    FeeEffect,
    FeeRefusal,
    PricedSession,
    decide_fee,
    listed_fee,
    refused_fee,
    refused_same,
)

TODAY = date(2026, 11, 30)
TOMORROW = TODAY + timedelta(days=1)
TITLES = {"医师", "主任医师"}
FEE = DatedFee("医师", TOMORROW, 5000)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, None),
        ({"title": "神医"}, FeeRefusal.TITLE),
        ({"title": "神医", "fee_fen": -1}, FeeRefusal.TITLE),
        ({"fee_fen": -1}, FeeRefusal.FEE),
        ({"fee_fen": 0}, None),
        ({"fee_fen": 1_000_000}, None),
        ({"fee_fen": 1_000_001}, FeeRefusal.FEE),
        ({"fee_fen": -1, "holds_from": TODAY}, FeeRefusal.FEE),
        ({"holds_from": TODAY}, FeeRefusal.DATE),
        ({"holds_from": TODAY + timedelta(days=366)}, None),
        ({"holds_from": TODAY + timedelta(days=367)}, FeeRefusal.DATE),
    ],
)
def test_a_fee_holds_from_tomorrow_or_later_within_a_year(
    changes: dict[str, object], refused: FeeRefusal | None
) -> None:
    fee = replace(FEE, **changes)  # type: ignore[arg-type]
    assert refused_fee(fee, TODAY, TITLES) is refused


@pytest.mark.parametrize(
    ("listed", "reached", "refused"),
    [
        (5000, 0, FeeRefusal.NO_CHANGE),
        (5000, 1, None),
        (6000, 0, None),
        (None, 0, None),
    ],
)
def test_a_fee_that_is_listed_already_changes_sessions_or_nothing(
    listed: int | None, reached: int, refused: FeeRefusal | None
) -> None:
    assert refused_same(5000, listed, reached) is refused


TERMS = SessionTerms(1, "医师", "", TOMORROW, "morning", time(8), time(12), 5000, 20)
FREE = StoredSession(TERMS, booked=0, stopped=False, ever_booked=False)
BOOKED = replace(FREE, booked=1, ever_booked=True)
STOPPED = replace(FREE, stopped=True)
OVER = replace(FREE, terms=replace(TERMS, visit_date=TODAY - timedelta(days=1)))
LIST, NOT_THE_LIST = (5000,), (6000,)


@pytest.mark.parametrize(
    ("facts", "fee_is_own", "is_fed", "list_fees", "effect"),
    [
        (FREE, False, False, LIST, FeeEffect.FREE),
        (BOOKED, False, False, LIST, FeeEffect.TAKEN),
        (STOPPED, False, False, LIST, None),
        (OVER, False, False, LIST, None),
        # A timetable's session follows the list unless the timetable has a price of its own.
        (FREE, False, False, NOT_THE_LIST, FeeEffect.FREE),
        (FREE, True, False, LIST, FeeEffect.OWN),
        (BOOKED, True, False, LIST, FeeEffect.OWN),
        # A single session follows the list if its price is one of the list.
        (FREE, None, False, LIST, FeeEffect.FREE),
        (BOOKED, None, False, LIST, FeeEffect.TAKEN),
        (FREE, None, False, NOT_THE_LIST, FeeEffect.OWN),
        (FREE, None, False, (), FeeEffect.OWN),
        # A session that the hospital's own system feeds has that system's price.
        (FREE, False, True, LIST, FeeEffect.OWN),
        (BOOKED, None, True, LIST, FeeEffect.OWN),
        (STOPPED, True, True, LIST, None),
    ],
)
def test_what_a_new_fee_of_the_list_does_to_a_session(
    facts: StoredSession,
    fee_is_own: bool | None,
    is_fed: bool,
    list_fees: tuple[int, ...],
    effect: FeeEffect | None,
) -> None:
    session = PricedSession(1, facts, fee_is_own, is_fed)
    assert decide_fee(session, 7000, list_fees, TODAY) is effect


@pytest.mark.parametrize(
    ("title", "day", "fee_fen"),
    [
        ("医师", date(2026, 11, 30), None),
        ("医师", date(2026, 12, 1), 5000),
        ("医师", date(2026, 12, 31), 5000),
        ("医师", date(2027, 1, 1), 6000),
        ("主任医师", date(2027, 1, 1), 9000),
        ("神医", date(2027, 1, 1), None),
    ],
)
def test_the_latest_fee_that_has_begun_holds(title: str, day: date, fee_fen: int | None) -> None:
    fees = [
        DatedFee("医师", date(2027, 1, 1), 6000),
        DatedFee("医师", date(2026, 12, 1), 5000),
        DatedFee("主任医师", date(2026, 12, 1), 9000),
    ]
    assert listed_fee(fees, title, day) == fee_fen
