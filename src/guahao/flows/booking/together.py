"""Book two patients in one request: both or neither, in one transaction (RULES.md, Together).

The facts are loaded under the locks of a batch of the desk, and what is accepted is stored as the
desk stores it; only the decision is of two requests at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from guahao.flows.booking.booking import DeskRequest, booking_facts, login_refused, new_view
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import counted_since
from guahao.rules.booking.together import (
    Companion,
    Pair,
    PairFault,
    PairRefused,
    PairRepeated,
    companion_key,
    decide_pair,
    pair_refused_before,
)
from guahao.rules.kernel.facts import Actor, BookingRequest
from guahao.rules.kernel.outcomes import (
    Accepted,
    BeforeOwnMoment,
    KeyMismatch,
    Refusal,
    Refused,
)
from guahao.rules.people.logins import LoginRefused
from guahao.store.booking import booking as store
from guahao.store.booking.appointments import appointments_shown
from guahao.store.kernel.db import Tx
from guahao.store.kernel.queue import defer
from guahao.store.kernel.views import AppointmentView


@dataclass(frozen=True, slots=True)
class WantedPlace:
    """A patient and the session that they want a place in."""

    patient_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class PairRequest:
    """A request for two places under one key."""

    actor: Actor
    key: str
    places: tuple[WantedPlace, WantedPlace]
    channel: str
    login_id: int | None = None

    @property
    def requests(self) -> tuple[DeskRequest, DeskRequest]:
        """Return what the desk would be asked for each patient."""
        first, second = self.places
        return (
            self._request(self.key, first, second),
            self._request(companion_key(self.key), second, first),
        )

    def _request(self, key: str, place: WantedPlace, other: WantedPlace) -> DeskRequest:
        return DeskRequest(
            self.actor,
            key,
            place.patient_id,
            place.session_id,
            self.channel,
            login_id=self.login_id,
            together_with=other.patient_id,
        )


@dataclass(frozen=True, slots=True)
class PairBooked:
    """Both bookings, in the order of the request."""

    bookings: tuple[AppointmentView, AppointmentView]


@dataclass(frozen=True, slots=True)
class PairNotBooked:
    """Why neither is booked, and which patients it is about, with the names of the actor's own.

    `names` is empty where the reason is that a patient is not the actor's, and before a patient's
    own moment: that answer is kept until then, and nobody is named in it.
    """

    refused: Refused[Refusal]
    patient_ids: tuple[int, ...]
    names: tuple[str, ...]


PairAnswer = PairBooked | PairNotBooked | Refused[PairFault] | KeyMismatch | LoginRefused


async def book_pair(
    platform: Platform, asked: PairRequest, deadline: float | None = None
) -> PairAnswer:
    """Decide, store and commit two bookings, and return the answer.

    `deadline`: by the event loop's clock; the connection is closed then.
    """
    async with platform.db.pipelined_transaction(deadline) as tx:
        first, second = asked.requests
        pair: Pair = (first.at_time(tx.now), second.at_time(tx.now))
        today = tx.now.date()
        policy = (await platform.policies.read(tx)).on(today)
        since, codes = counted_since(policy, today), store.new_codes(len(pair))
        login_ids = [] if asked.login_id is None else [asked.login_id]
        loaded = await store.load_batch(tx, platform.vault, pair, since, codes, login_ids)
        not_let_in = login_refused([first], loaded)
        if not_let_in:
            return not_let_in[0]
        decision = decide_pair(booking_facts(platform, loaded, policy), pair)
        match decision:
            case Accepted():
                made = [_new(loaded, request, index) for index, request in enumerate(pair)]
                await store.save_decided(tx, platform.vault, list(zip(pair, made, strict=True)))
                message_ids = [new.message_id for new in made if new.account_id is not None]
                if message_ids:
                    await defer(tx, "deliver_messages", queue="notices", message_ids=message_ids)
                one, other = (new_view(platform, loaded, new) for new in made)
                return PairBooked((one, other))
            case PairRefused(refused, patient_ids):
                # A request before a person's own moment leaves nothing: its key books later.
                if not isinstance(refused, BeforeOwnMoment):
                    await _save_refused(tx, platform, pair, decision)
                return _not_booked(platform, loaded, asked.actor, refused, patient_ids)
            case PairRepeated():
                return await _repeated(tx, platform, loaded, pair, decision)
            case Refused() | KeyMismatch():
                return decision
            case never:
                assert_never(never)


def _new(loaded: store.LoadedBatch, request: BookingRequest, index: int) -> store.NewAppointment:
    session = loaded.sessions[request.session_id]
    account_id = loaded.patients[request.patient_id].facts.account_id
    ids, code = loaded.reserved_ids[index], loaded.free_codes.pop()
    return store.NewAppointment(*ids, code, request, session, account_id)


async def _save_refused(tx: Tx, platform: Platform, pair: Pair, decision: PairRefused) -> None:
    """Store the reason with the patients it is about; the other was refused as their companion."""
    companion = Refused(Companion.REFUSED)
    await store.save_decided(
        tx,
        platform.vault,
        [
            (
                request,
                decision.refused if request.patient_id in decision.patient_ids else companion,
            )
            for request in pair
        ],
    )


def _not_booked(
    platform: Platform,
    loaded: store.LoadedBatch,
    actor: Actor,
    refused: Refused[Refusal],
    patient_ids: Sequence[int],
) -> PairNotBooked:
    if isinstance(refused, BeforeOwnMoment):
        return PairNotBooked(refused, tuple(patient_ids), ())
    found = [loaded.patients[id] for id in patient_ids if id in loaded.patients]
    return PairNotBooked(
        refused,
        tuple(patient_ids),
        tuple(
            patient.view(platform.vault).name
            for patient in found
            if actor.may_book_for(patient.facts)
        ),
    )


async def _repeated(
    tx: Tx, platform: Platform, loaded: store.LoadedBatch, pair: Pair, decision: PairRepeated
) -> PairNotBooked | PairBooked:
    """Return the earlier answer, if the account may still see its bookings."""
    actor = pair[0].actor
    ids = [use.appointment_id for use in decision.uses]
    first, second = ids
    if first is None or second is None:
        before = pair_refused_before(pair, decision.uses)
        return _not_booked(platform, loaded, actor, before.refused, before.patient_ids)
    account_id = actor.id if actor.kind == "account" else None
    views = await appointments_shown(
        tx, platform.vault, [(first, account_id), (second, account_id)]
    )
    if first in views and second in views:
        return PairBooked((views[first], views[second]))
    gone = [
        request.patient_id
        for request, id in zip(pair, (first, second), strict=True)
        if id not in views
    ]
    return PairNotBooked(Refused(Refusal.NOT_YOUR_PATIENT), tuple(gone), ())
