"""Book a batch: load facts, decide, store, notify; one transaction (S7, S8, S12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import counted_since, decide_batch
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest, EarlierUse
from guahao.rules.kernel.limits import Policy
from guahao.rules.kernel.outcomes import (
    Accepted,
    BeforeOwnMoment,
    Decision,
    KeyMismatch,
    Refusal,
    Refused,
    Repeated,
    RepeatedInBatch,
)
from guahao.rules.kernel.values import value
from guahao.rules.people.logins import AccountLoginRefusal, LoginRefused
from guahao.store.booking import booking as store
from guahao.store.booking.appointments import appointments_shown
from guahao.store.kernel.db import Tx
from guahao.store.kernel.queue import defer
from guahao.store.kernel.views import AppointmentView


@value
class DeskRequest:
    """A request to the booking desk, before it has a time. Only a replay sets `at`."""

    actor: Actor
    key: str
    patient_id: int
    session_id: int
    channel: str
    at: datetime | None = None
    login_id: int | None = None  # the log-in of an account's token, which may have ended
    together_with: int | None = None  # the other patient, of two in one request
    replaces: int | None = None  # the booking that is given up for the place

    def at_time(self, now: datetime) -> BookingRequest:
        """Return the request with its time: the transaction's, or a replay's own."""
        at = self.at or now
        return BookingRequest(
            self.actor,
            self.key,
            self.patient_id,
            self.session_id,
            self.channel,
            at,
            self.together_with,
            self.replaces,
        )


Answer = AppointmentView | Refused[Refusal] | KeyMismatch | LoginRefused


async def book_batch(
    platform: Platform, asked: Sequence[DeskRequest], deadline: float | None = None
) -> list[Answer]:
    """Decide, store and commit a batch, and return its answers.

    `deadline`: by the event loop's clock; the connection is closed then.
    """
    async with platform.db.pipelined_transaction(deadline) as tx:
        requests = [request.at_time(tx.now) for request in asked]
        candidates = store.new_codes(len(requests))
        # All requests of a batch are of the same day, in a replay as well.
        today = min(request.at for request in requests).date()
        policy = (await platform.policies.read(tx)).on(today)
        since = counted_since(policy, today)
        login_ids = [request.login_id for request in asked if request.login_id is not None]
        loaded = await store.load_batch(tx, platform.vault, requests, since, candidates, login_ids)
        not_let_in = login_refused(asked, loaded)
        requests = [request for n, request in enumerate(requests) if n not in not_let_in]
        decisions = decide_batch(booking_facts(platform, loaded, policy), requests)
        made = _new_appointments(requests, decisions, loaded)
        await _store(tx, platform, requests, decisions, made)
        earlier = await _earlier_views(tx, platform, requests, decisions)
    answers: list[Answer] = []
    for index, decision in enumerate(decisions):
        answers.append(_answer(platform, loaded, decision, made.get(index), earlier, answers))
    if not not_let_in:
        return answers
    decided = iter(answers)
    return [not_let_in[n] if n in not_let_in else next(decided) for n in range(len(asked))]


def booking_facts(platform: Platform, loaded: store.LoadedBatch, policy: Policy) -> BookingFacts:
    """Return the facts that the rules need of what was loaded."""
    return BookingFacts(
        {id: store.session_facts(session) for id, session in loaded.sessions.items()},
        {id: patient.facts for id, patient in loaded.patients.items()},
        loaded.earlier,
        policy,
        platform.checks_names,
        platform.vault.release_key,
    )


def login_refused(
    asked: Sequence[DeskRequest], loaded: store.LoadedBatch
) -> dict[int, LoginRefused]:
    """Return the refusals of ended or unconfirmed log-ins, by their index in the batch.

    Nothing is stored under their keys, so that the same request is decided after a new log-in.
    """
    found = {}
    for index, request in enumerate(asked):
        if request.login_id is None:
            continue
        account_id, confirmed = loaded.logins.get(request.login_id, (None, False))
        if account_id != request.actor.id:
            found[index] = LoginRefused(AccountLoginRefusal.ENDED)
        elif not confirmed:
            found[index] = LoginRefused(AccountLoginRefusal.CONFIRM_REQUIRED)
    return found


def _new_appointments(
    requests: Sequence[BookingRequest],
    decisions: Sequence[Decision],
    loaded: store.LoadedBatch,
) -> dict[int, store.NewAppointment]:
    """Return the accepted requests, each with its id and code, by their index in the batch."""
    made: dict[int, store.NewAppointment] = {}
    for index, (request, decision) in enumerate(zip(requests, decisions, strict=True)):
        if isinstance(decision, Accepted):
            ids = loaded.reserved_ids[index]
            session = loaded.sessions[request.session_id]
            account_id = loaded.patients[request.patient_id].facts.account_id
            code = loaded.free_codes.pop()
            made[index] = store.NewAppointment(*ids, code, request, session, account_id)
    return made


async def _store(
    tx: Tx,
    platform: Platform,
    requests: Sequence[BookingRequest],
    decisions: Sequence[Decision],
    made: dict[int, store.NewAppointment],
) -> None:
    decided: list[tuple[BookingRequest, store.NewAppointment | Refused[Refusal]]] = []
    for index, (request, decision) in enumerate(zip(requests, decisions, strict=True)):
        match decision:
            case Accepted():
                decided.append((request, made[index]))
            case BeforeOwnMoment():
                pass  # leaves nothing: its key books later
            case Refused():
                decided.append((request, decision))
            case Repeated() | RepeatedInBatch() | KeyMismatch():
                pass
            case never:
                assert_never(never)
    if decided:
        await store.save_decided(tx, platform.vault, decided)
    message_ids = [new.message_id for new in made.values() if new.account_id is not None]
    if message_ids:
        await defer(tx, "deliver_messages", queue="notices", message_ids=message_ids)


async def _earlier_views(
    tx: Tx, platform: Platform, requests: Sequence[BookingRequest], decisions: Sequence[Decision]
) -> dict[int, AppointmentView]:
    """Return what was booked under the same keys, if the account may still see it."""
    asked = [
        (decision.earlier.appointment_id, actor.id if actor.kind == "account" else None)
        for actor, decision in zip((r.actor for r in requests), decisions, strict=True)
        if isinstance(decision, Repeated) and decision.earlier.appointment_id is not None
    ]
    return await appointments_shown(tx, platform.vault, asked) if asked else {}


def _answer(
    platform: Platform,
    loaded: store.LoadedBatch,
    decision: Decision,
    new: store.NewAppointment | None,
    earlier: dict[int, AppointmentView],
    answers: Sequence[Answer],
) -> Answer:
    match decision:
        case Accepted():
            assert new is not None
            return new_view(platform, loaded, new)
        case Repeated(use):
            return _repeated(use, earlier)
        case RepeatedInBatch(index):
            return answers[index]
        case Refused() | KeyMismatch():
            return decision
        case never:
            assert_never(never)


def new_view(
    platform: Platform, loaded: store.LoadedBatch, new: store.NewAppointment
) -> AppointmentView:
    """Return a new booking as its owner sees it."""
    request = new.request
    patient = loaded.patients[request.patient_id].view(platform.vault)
    return AppointmentView(
        new.id,
        "booked",
        new.code.text,
        request.channel,
        request.at,
        request.at,
        new.session,
        patient,
    )


def _repeated(use: EarlierUse, earlier: dict[int, AppointmentView]) -> Answer:
    if use.appointment_id is not None:
        # The patient may have moved to another account, or been displaced, since then.
        return earlier.get(use.appointment_id, Refused(Refusal.NOT_YOUR_PATIENT))
    return Refused(Refusal(use.outcome), use.retry_from, use.visit_from)
