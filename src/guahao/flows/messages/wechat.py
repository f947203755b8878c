"""Messages of WeChat users to the Official Account, and the platform's replies (S2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from guahao.flows.booking.appointments import count_guess, forgive_guess
from guahao.flows.fairness.applications import LISTED
from guahao.flows.fairness.drawn import NextDraw, next_draws_of
from guahao.flows.hospitals.search import SearchRequest, find_in
from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.flows.supply.replacing import accept_in, decline_in
from guahao.rules.booking.replacing import ReplacementRefusal
from guahao.rules.fairness.applying import ApplicationState
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.outcomes import Refusal, Refused, Throttled
from guahao.rules.messages.commands import Command, understood
from guahao.store.booking import appointments
from guahao.store.fairness import applications
from guahao.store.fairness.applications import ApplicationView
from guahao.store.hospitals.search import DepartmentHit, HospitalHit
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import AppointmentView
from guahao.store.messages import wechat as store
from guahao.store.messages.wechat import WeChatUser
from guahao.store.people import accounts
from guahao.store.supply import replacements
from guahao.wechat.callback import Incoming

HELP_KEY = "help"  # of the menu's button

_PLACES = 5  # of each kind in one answer
_LONGEST_NAME = 40  # characters
_BOOKINGS_SHOWN = 5
_APPLICATIONS_SHOWN = 4  # two for each of an account's two patients


class ReplyTopic(StrEnum):
    """The subject of a reply that needs no records."""

    WELCOME = "welcome"
    HELP = "help"
    AGENT = "agent"
    CANCEL = "cancel"
    BIND_FIRST = "bind_first"
    NO_SUCH_BOOKING = "no_such_booking"
    NO_OFFER = "no_offer"
    OFFER_DECLINED = "offer_declined"
    SEVERAL_OFFERS = "several_offers"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Places:
    """Hospitals and departments by what was typed; `more`: there are others.

    `hospitals_first`: rather a hospital is meant. `is_complaint`: something to complain of was
    typed.
    """

    typed: str
    hospitals: list[HospitalHit]
    departments: list[DepartmentHit]
    more: bool
    hospitals_first: bool = True
    is_complaint: bool = False


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """A place that was offered, and that the rules of booking refuse."""

    refused: Refused[Refusal]


@dataclass(frozen=True, slots=True)
class Applications:
    """The account's live applications, else its last; the next draw of each by its id."""

    applications: list[ApplicationView]
    draws: dict[int, NextDraw]


@dataclass(frozen=True, slots=True)
class Bookings:
    """The account's current bookings, the nearest visit first; `more`: there are others."""

    bookings: list[AppointmentView]
    more: bool


@dataclass(frozen=True, slots=True)
class ToBook:
    """How to book; `next`: the account's next visit, where it has one."""

    next: AppointmentView | None


Outcome = (
    ReplyTopic
    | ToBook
    | Places
    | Applications
    | Bookings
    | AppointmentView
    | Throttled
    | NotAccepted
)


@dataclass(frozen=True, slots=True)
class WechatReply:
    """A reply and its language (zh, en)."""

    language: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Replayed:
    """The signature of another message was used again: nothing was done."""


async def receive(platform: Platform, message: Incoming) -> WechatReply | Replayed | None:
    """Act on a message and answer it; None if no reply is due.

    A message that WeChat repeats, to any process, is acted on once. A nonce
    serves a single message: in plain mode nothing else binds a signature to its message.
    """
    async with platform.db.transaction() as tx:
        is_fresh = await store.first_time(tx, platform.vault, message.once)
        if not await store.first_time(tx, platform.vault, message.key):
            return None
        if not is_fresh:
            # The message itself may come again, under a signature of its own.
            await store.forget(tx, platform.vault, message.key)
            return Replayed()
        if message.kind == "event":
            return await _on_event(tx, platform, message)
        await _follows(tx, platform, message, follows=True)
        if message.kind != "text":
            return await _reply(tx, platform, message, ReplyTopic.UNCLEAR)
        user = await store.user(tx, platform.vault, message.sender)
        return WechatReply(_language(user, message), await _on_text(tx, platform, message, user))


async def account_of(platform: Platform, openid: str) -> int | None:
    """Return the account whose phone this user of WeChat has proven, or None."""
    async with platform.db.transaction() as tx:
        user = await store.user(tx, platform.vault, openid)
        return None if user is None else user.account_id


async def bind(platform: Platform, openid: str, account_id: int) -> None:
    """Bind this user of WeChat to the account, without a one-time password.

    For a browser that has proven both. Raises LookupError if there is no such account.
    """
    async with platform.db.transaction() as tx:
        if not await accounts.lock_account(tx, account_id):
            raise LookupError(f"no account {account_id}")
        await store.bind(tx, platform.vault, openid, account_id)


async def use_return(platform: Platform, state: str, code: str) -> bool:
    """Return whether a return from the authorize page is the first with its state and code."""
    async with platform.db.transaction() as tx:
        vault = platform.vault
        new_state = await store.first_time(tx, vault, f"state\n{state}")
        new_code = await store.first_time(tx, vault, f"code\n{code}")
        return new_state and new_code


async def _on_event(tx: Tx, platform: Platform, message: Incoming) -> WechatReply | None:
    match message.event:
        case "subscribe":
            await _follows(tx, platform, message, follows=True)
            return await _reply(tx, platform, message, ReplyTopic.WELCOME)
        case "unsubscribe":
            await _follows(tx, platform, message, follows=False)
            return None
        case "CLICK" if message.event_key == HELP_KEY:
            return await _reply(tx, platform, message, ReplyTopic.HELP)
        case "SCAN":
            return await _reply(tx, platform, message, ReplyTopic.HELP)
        case _:
            return None


async def _follows(tx: Tx, platform: Platform, message: Incoming, *, follows: bool) -> None:
    # Never later than now: a future time would overrule every event until then.
    said_at = min(datetime.fromtimestamp(message.created_at, CITY_TIME), tx.now)
    await store.set_follows(tx, platform.vault, message.sender, said_at, follows=follows)


async def _reply(tx: Tx, platform: Platform, message: Incoming, topic: ReplyTopic) -> WechatReply:
    user = await store.user(tx, platform.vault, message.sender)
    return WechatReply(_language(user, message), topic)


def _language(user: WeChatUser | None, message: Incoming) -> str:
    """Return the account's language; without an account English if Latin letters were typed."""
    if user is not None and user.language is not None:
        return user.language
    typed = message.content
    return "en" if typed.isascii() and any(map(str.isalpha, typed)) else "zh"


async def _on_text(
    tx: Tx, platform: Platform, message: Incoming, user: WeChatUser | None
) -> Outcome:
    said = understood(message.content)
    match said.command:
        case Command.CODE:
            return await _booking(tx, platform, message.sender, user, said.text)
        case Command.ACCEPT | Command.DECLINE:
            is_accepted = said.command is Command.ACCEPT
            return await _answer_offer(tx, platform, user, is_accepted=is_accepted)
        case Command.BOOKINGS:
            return await _bookings(tx, platform, user)
        case Command.APPLICATIONS:
            return await _applications(tx, platform, user)
        case Command.CANCEL:
            return ReplyTopic.CANCEL
        case Command.AGENT:
            return ReplyTopic.AGENT
        case Command.BOOK:
            found = await _bookings(tx, platform, user)
            bookings = found.bookings if isinstance(found, Bookings) else []
            booked = (booking for booking in bookings if booking.status == "booked")
            return ToBook(next(booked, None))
        case Command.HELP:
            return ReplyTopic.HELP
        case Command.PLACE:
            return await _places(tx, platform, said.text)
        case never:
            assert_never(never)


async def _bookings(tx: Tx, platform: Platform, user: WeChatUser | None) -> ReplyTopic | Bookings:
    """Return the sender's own current bookings, without names and codes."""
    if user is None or user.account_id is None:
        return ReplyTopic.BIND_FIRST
    found = await appointments.own_appointments(tx, platform.vault, user.account_id, current=True)
    found = sorted(found, key=lambda booking: (booking.session.visit_date, booking.id))
    return Bookings(found[:_BOOKINGS_SHOWN], len(found) > _BOOKINGS_SHOWN)


async def _booking(
    tx: Tx, platform: Platform, openid: str, user: WeChatUser | None, code: str
) -> ReplyTopic | AppointmentView | Throttled:
    """Return the sender's own booking (S9); wrong guesses count as in every look-up."""
    if user is None or user.account_id is None:
        return ReplyTopic.BIND_FIRST
    caller = Caller(f"wechat {openid}", limited=True)
    throttled = await count_guess(tx, platform, code, caller)
    if throttled is not None:
        return throttled
    found = await appointments.own_appointment_by_code(tx, platform.vault, user.account_id, code)
    if found is None:
        return ReplyTopic.NO_SUCH_BOOKING
    await forgive_guess(tx, platform, code, caller)
    return found


async def _answer_offer(
    tx: Tx, platform: Platform, user: WeChatUser | None, *, is_accepted: bool
) -> ReplyTopic | AppointmentView | NotAccepted:
    """Accept or decline the place that is kept for a stopped booking of the sender.

    Where there are several, a word does not say which: the sender chooses on the page.
    """
    if user is None or user.account_id is None:
        return ReplyTopic.BIND_FIRST
    offers = await replacements.of_account(tx, user.account_id)
    open_ids = [id for id, offer in offers.items() if offer.is_open(tx.now)]
    if len(open_ids) != 1:
        return ReplyTopic.SEVERAL_OFFERS if open_ids else ReplyTopic.NO_OFFER
    if not is_accepted:
        declined = await decline_in(tx, platform, user.account_id, open_ids[0])
        return ReplyTopic.NO_OFFER if isinstance(declined, Refused) else ReplyTopic.OFFER_DECLINED
    match await accept_in(tx, platform, user.account_id, open_ids[0], "wechat"):
        case AppointmentView() as booking:
            return booking
        case Refused(reason, retry_from, visit_from):
            match reason:
                case ReplacementRefusal():
                    return ReplyTopic.NO_OFFER
                case Refusal():
                    return NotAccepted(Refused(reason, retry_from, visit_from))
        case never:
            assert_never(never)


async def _applications(
    tx: Tx, platform: Platform, user: WeChatUser | None
) -> ReplyTopic | Applications:
    """Return the sender's own applications, with the next draw of each."""
    if user is None or user.account_id is None:
        return ReplyTopic.BIND_FIRST
    found = await applications.of_account(tx, platform.vault, user.account_id, None, LISTED)
    live = [application for application in found if application.state == ApplicationState.LIVE]
    shown = live[:_APPLICATIONS_SHOWN] or found[:1]
    return Applications(shown, await next_draws_of(tx, shown))


async def _places(tx: Tx, platform: Platform, typed: str) -> ReplyTopic | Places:
    if not typed or len(typed) > _LONGEST_NAME:
        return ReplyTopic.UNCLEAR
    found = await find_in(tx, platform, SearchRequest(typed))
    named = [hospital for hospital in found.hospitals if typed in (hospital.name, hospital.name_en)]
    if named:
        return Places(typed, named, [], more=False)
    if not found.hospitals and not found.departments:
        return ReplyTopic.UNCLEAR
    more = max(len(found.hospitals), len(found.departments)) > _PLACES
    return Places(
        typed,
        found.hospitals[:_PLACES],
        found.departments[:_PLACES],
        more,
        found.hospitals_first,
        found.is_complaint,
    )
