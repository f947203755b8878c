"""What a hospital's fee list may hold, and which sessions a new fee reaches."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from guahao.rules.supply.changes import (
    SessionRefusal,
    SessionRefused,
    StoredSession,
    decide_session,
    earliest_new_day,
)
from guahao.rules.supply.planning import FEE_MAX_FEN

AHEAD_DAYS = 366  # a later date is a slip of the keyboard


class FeeRefusal(StrEnum):
    """Why a fee is not changed, in order of precedence."""

    TITLE = "fee_title"
    FEE = "fee_fee"
    DATE = "fee_date"
    CHANGED_MEANWHILE = "fee_changed_meanwhile"
    NO_CHANGE = "fee_no_change"


@dataclass(frozen=True, slots=True)
class DatedFee:
    """A fee in 分 and the first visit date for which it holds."""

    title: str
    holds_from: date
    fee_fen: int


@dataclass(frozen=True, slots=True)
class PricedSession:
    """A session of a fee's days and title that has another fee.

    `fee_is_own`: its timetable's price is not the list's; None where it has no timetable.
    `is_fed`: the hospital's own system has taken it over.
    """

    id: int
    facts: StoredSession
    fee_is_own: bool | None
    is_fed: bool


class FeeEffect(StrEnum):
    """What a new fee of the list does to a session."""

    FREE = "free"  # nobody holds a booking: it can have the new fee
    TAKEN = "taken"  # somebody has booked for what they were told
    OWN = "own"  # it has a price of its own


def refused_fee(fee: DatedFee, today: date, titles: Collection[str]) -> FeeRefusal | None:
    """Return why the list cannot hold a fee. It holds from tomorrow on: nobody books today."""
    if fee.title not in titles:
        return FeeRefusal.TITLE
    if not 0 <= fee.fee_fen <= FEE_MAX_FEN:
        return FeeRefusal.FEE
    first, last = earliest_new_day(today), today + timedelta(days=AHEAD_DAYS)
    return None if first <= fee.holds_from <= last else FeeRefusal.DATE


def refused_same(fee_fen: int, listed: int | None, reached: int) -> FeeRefusal | None:
    """Return why a change of the list is none: the fee is listed already and reaches no session."""
    return FeeRefusal.NO_CHANGE if listed == fee_fen and not reached else None


def decide_fee(
    session: PricedSession, fee_fen: int, list_fees: Collection[int], today: date
) -> FeeEffect | None:
    """Decide what a new fee of the list does to a session; None: it is stopped or over.

    A timetable's session follows the list unless the timetable has a price of its own; a single
    session does where it has a price of the list; a session that the hospital's own system feeds
    has that system's price. `list_fees`: the list's fees of its title until now.
    """
    wanted = replace(session.facts.terms, fee_fen=fee_fen)
    outcome = decide_session(wanted, session.facts, (), today)
    is_promised = False
    if isinstance(outcome, SessionRefused):
        is_promised = outcome.reason is SessionRefusal.TOLD
        if not is_promised:
            return None
    follows = not session.fee_is_own
    if session.fee_is_own is None:
        follows = session.facts.terms.fee_fen in list_fees
    if session.is_fed or not follows:
        return FeeEffect.OWN
    return FeeEffect.TAKEN if is_promised else FeeEffect.FREE


def listed_fee(fees: Iterable[DatedFee], title: str, day: date) -> int | None:
    """Return the list's fee of a title for visits on a day, None where it has none."""
    held = [fee for fee in fees if fee.title == title and fee.holds_from <= day]
    return max(held, key=lambda fee: fee.holds_from).fee_fen if held else None
