"""The caller, who stays at the left of every page of the call: who, what is booked, what stands
against another booking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import assert_never

from guahao.flows.call_centre import calls as flows
from guahao.flows.call_centre.calls import CallerCard
from guahao.rules.booking.outlook import ClosedDates, Outlook
from guahao.rules.call_centre.calls import CallRefusal
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.rules.people.identity import hidden_phone, masked_document, valid_phone
from guahao.rules.people.phones import spoken_phone
from guahao.rules.staff.staff import Role
from guahao.store.kernel.views import PatientView
from guahao.store.supply.replacements import OfferView
from guahao.web.http.answers import Answer
from guahao.web.http.reading import read_id
from guahao.web.staff import StaffPage
from guahao.words.dates import format_short_day
from guahao.words.text import listed

_CALLS = "/staff/calls"


class PersonMask:
    """What of a person the agent sees.

    Nothing before the caller is verified, of the phone no more than its beginning: it is a
    question. Then names in full; documents, phone and codes once looked up with a reason.
    """

    def __init__(self, page: StaffPage, card: CallerCard) -> None:
        self._page = page
        self._verified = card.call.verified_at is not None
        self._full = card.call.looked_at is not None

    def name(self, patient: PatientView) -> str:
        """Return the name of a verified caller's patient."""
        return patient.name

    def names(self, patients: Iterable[PatientView]) -> str:
        """Return the names of an application's patients."""
        return listed(map(self.name, patients), self._page.language)

    def known_by(self, patient: PatientView, of: Sequence[PatientView]) -> str:
        """Return by what an agent tells the patients of a phone apart: two may be namesakes."""
        return self.name(patient) if len(of) == 1 else f"{patient.name} {self.document(patient)}"

    def document(self, patient: PatientView) -> str:
        """Return 1101****1234 or the whole number."""
        return patient.id_no if self._full else masked_document(patient.id_no)

    def phone(self, phone: str) -> str:
        """Return 138********, 138****1234 or the whole number."""
        if not self._verified:
            return hidden_phone(phone)
        return spoken_phone(phone) if self._full else self._page.masked_phone(phone)

    def code(self, code: str) -> str:
        """Return the code, only after it was looked up with a reason: the agent reads it out."""
        return f"{code[:4]} {code[4:]}" if self._full else "•••• ••••"


@dataclass(frozen=True, slots=True)
class CallerPanel:
    """The caller of a call, for the template of every page of the call."""

    card: CallerCard
    shown: PersonMask
    call_id: int
    base: str
    offers: dict[int, OfferView]
    obstacles: dict[int, list[str]]  # by the patient, in words for the agent
    is_landline: bool
    is_verified: bool
    may_excuse: bool
    _outlooks: Sequence[Outlook] = field(repr=False)

    @property
    def patients(self) -> list[PatientView]:
        """Return the caller's patients; none before the caller is verified."""
        return [standing.patient for standing in self.card.standings]

    @property
    def is_refused(self) -> bool:
        """Return whether nothing can be booked for any of the caller's patients."""
        return bool(self._outlooks) and all(outlook.refuses_all for outlook in self._outlooks)

    def refuses(self, day: date) -> bool:
        """Return whether no patient of the caller may book a visit on that date."""
        return bool(self._outlooks) and all(outlook.refuses(day) for outlook in self._outlooks)


def leave(page: StaffPage, call_id: int, reason: CallRefusal) -> Answer:
    """Redirect to the call if it is still open, otherwise to the search."""
    page.flash(page.refusal(Refused(reason)).text)
    is_over = reason is CallRefusal.CALL_OVER
    return page.redirect(_CALLS if is_over else f"{_CALLS}/{call_id}")


async def find_panel(page: StaffPage, call_id: int) -> CallerPanel | None:
    """Return the caller of this agent's call; None where it is over."""
    card = await flows.card(page.services.platform, page.staff, call_id)
    return None if card is None else panel_of(page, card)


async def verified_caller(page: StaffPage) -> CallerPanel | Answer:
    """Return the verified caller of the call in the path, or lead away from what they may not."""
    call_id = read_id(page.request, "call_id", "not_found")
    caller = await find_panel(page, call_id)
    if caller is None:
        return leave(page, call_id, CallRefusal.CALL_OVER)
    return caller if caller.is_verified else leave(page, call_id, CallRefusal.NOT_VERIFIED)


def panel_of(page: StaffPage, card: CallerCard) -> CallerPanel:
    """Return a card as the left of a page."""
    return CallerPanel(
        card=card,
        shown=PersonMask(page, card),
        call_id=card.call.id,
        base=f"{_CALLS}/{card.call.id}",
        offers={id: offer for id, offer in card.offers.items() if offer.is_open(page.now)},
        obstacles={
            standing.patient.id: outlook_sentences(page, card.outlooks[standing.patient.id])
            for standing in card.standings
        },
        is_landline=valid_phone(card.phone) is None,
        is_verified=card.call.verified_at is not None,
        may_excuse=page.staff.role is Role.SUPERVISOR,
        _outlooks=list(card.outlooks.values()),
    )


def outlook_sentences(page: StaffPage, outlook: Outlook) -> list[str]:
    """Return what stands against a patient's next booking; empty where nothing does."""
    said = []
    if outlook.suspended_until is not None:
        said.append(
            page.say(
                "因爽约暂停预约，{until}恢复。已有的预约不受影响。",
                until=page.day(outlook.suspended_until),
            )
        )
    if outlook.is_unchecked:
        said.append(page.say("身份还没有核实，不能再约。请带证件原件到医院窗口核实。"))
    return said + [_closed_text(page, dates) for dates in outlook.closed]


def _closed_text(page: StaffPage, dates: ClosedDates) -> str:
    policy = page.services.platform.policy_today
    day = partial(format_short_day, language=page.language)
    visits = listed(map(day, dates.visits), page.language)
    span = {"first": day(dates.first), "last": day(dates.last)}
    match dates.reason:
        case Refusal.DUPLICATE_DEPARTMENT | Refusal.DAY_LIMIT:  # the former closes no date
            return page.say(
                "{day}已约{count}个号，当天不能再约。",
                day=page.day(dates.first),
                count=policy.per_day,
            )
        case Refusal.SEVEN_DAY_LIMIT:
            return page.say(
                "已约{visits}，达到{days}天{count}个号的上限。{first}至{last}不能再约。",
                visits=visits,
                days=policy.short_window_days,
                count=policy.per_short_window,
                **span,
            )
        case Refusal.THREE_MONTH_LIMIT:
            return page.say(
                "已约{visits}，达到{months}个月{count}个号的上限。{first}至{last}不能再约。",
                visits=visits,
                months=policy.long_window_months,
                count=policy.per_long_window,
                **span,
            )
        case never:
            assert_never(never)
