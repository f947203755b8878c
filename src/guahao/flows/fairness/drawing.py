"""Draw: reveal what decides the order, give the places out in it, and publish the proof.

Places are given out in chunks, a transaction each, whose results are stored together with the
cursor. A worker that finds the cursor moved leaves the draw to the one who moved it; a crash loses
a chunk that nobody has seen, and the next worker decides it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice

from guahao.flows.fairness.publishing import file_of, sources_used
from guahao.flows.fairness.witnesses import Values, ask
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import Batch, counted_since
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.fairness.allocating import (
    Entry,
    Result,
    Won,
    allotted,
    may_win,
    with_long_waits_first,
)
from guahao.rules.fairness.declining import declinable_until
from guahao.rules.fairness.drawing import order_of, seed_of
from guahao.rules.fairness.proof import revealed_lines
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest
from guahao.rules.supply.releasing import is_closed
from guahao.store.booking import booking
from guahao.store.booking.appointments import lock_sessions
from guahao.store.booking.booking import NewAppointment
from guahao.store.fairness import applications, entries, log
from guahao.store.fairness import draws as store
from guahao.store.fairness.draws import DrawRow
from guahao.store.fairness.entries import Applicant, Win
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.messages import messages
from guahao.store.supply import sessions as supply

CHUNK = 100  # entries whose patients are locked in one transaction
_SPARE = 5
UNLOCKED = 10_000  # entries at most, as those whose choices are full need no locks

WITNESS_LATE = timedelta(seconds=30)  # a witness's clock may be so much behind

# Reasons beside the desk's refusals and `full`.
ENDED = "application_ended"
WITHDRAWN = "withdrawn"  # the hospital took the place away after the last amendment


async def draw(platform: Platform, draw_id: int) -> None:
    """Hold a closed draw whose time has come, or go on with it where another worker ended."""
    if await _reveal(platform, draw_id):
        await _give_out(platform, draw_id)


# The order ------------------------------------------------------------------------------------


async def _reveal(platform: Platform, draw_id: int) -> bool:
    """Publish what decides the order; return whether places can be given out now."""
    async with platform.db.transaction() as tx:
        row = await store.get(tx, draw_id)
        now = tx.now
    if row is None or row.state != "closed":
        return row is not None and row.state == "drawing"
    if now < row.draw_at:
        return False
    values = await ask(platform.settings.fairness_witnesses, row, now)
    async with platform.db.transaction() as tx:
        row = await store.lock(tx, draw_id)
        if row.state != "closed":
            return row.state == "drawing"
        if values is None:
            if now >= row.draw_at + WITNESS_LATE and await store.wait(tx, draw_id):
                await log.append(tx, platform.vault, draw_id, ["waits for its sources"])
            return False
        await _fix_order(tx, platform, row, values)
    return True


async def _fix_order(tx: Tx, platform: Platform, row: DrawRow, values: Values) -> None:
    """Store and publish the secret, the outside values and the seed that follows from them."""
    assert row.root is not None
    sealed = await store.sealed_secret(tx, row.id)
    secret = bytes.fromhex(platform.vault.open("draws", "secret", row.id, sealed))
    given = [value for _, value in values if value is not None]
    seed = seed_of(row.id, row.root, secret, given)
    used = [None if value is None else index for index, value in values]
    # The same for all chunks, so that the result depends on no worker's clock.
    drawn_at = max(tx.now, row.draw_at)
    await store.reveal(tx, row.id, drawn_at, secret, used, given, seed)
    revealed = await store.get(tx, row.id)
    assert revealed is not None
    lines = revealed_lines(sources_used(revealed), secret, given, seed)
    await log.append(tx, platform.vault, row.id, lines)


# Giving out -----------------------------------------------------------------------------------


@dataclass
class _Drawing:
    """A draw as this worker knows it: what is fixed, and how far it has come."""

    id: int
    seed: bytes
    drawn_at: datetime
    entries: list[Entry]
    applications: list[int | None]
    order: list[int]
    sessions: dict[int, int]  # clinic sessions by their numbers
    left: dict[int, int]  # places by the numbers of sessions
    cursor: int

    def next_chunk(self) -> list[int]:
        """Return the next entries in the order: not too many whose patients must be locked.

        Nor many more than can win: all who follow the last place need no locks.
        """
        chunk: list[int] = []
        locked, most = 0, min(CHUNK, 2 * sum(self.left.values()) + _SPARE)
        for index in islice(self.order, self.cursor, self.cursor + UNLOCKED):
            if may_win(self.entries[index], self.left):
                locked += 1
                if locked > most:
                    break
            chunk.append(index)
        return chunk


async def _give_out(platform: Platform, draw_id: int) -> None:
    """Give out places from the cursor on, until the end or until another worker is at it."""
    async with platform.db.transaction() as tx:
        drawing = await _load(tx, draw_id)
    while True:
        async with platform.db.transaction() as tx:
            row = await store.lock(tx, draw_id)
            if row.state != "drawing" or row.cursor != drawing.cursor:
                return
            if any(drawing.left.values()):
                drawing.cursor += await _give_out_chunk(tx, platform, drawing)
            if not any(drawing.left.values()):
                drawing.cursor += await entries.skip_rest(tx, draw_id, drawing.seed, drawing.cursor)
            if drawing.cursor > row.cursor:
                await store.advance(tx, draw_id, drawing.cursor)
            if drawing.cursor == len(drawing.order):
                await _finish(tx, platform, row)
                return


async def _load(tx: Tx, draw_id: int) -> _Drawing:
    """Load a drawn draw; the first long waits come before the order of the seed."""
    row = await store.get(tx, draw_id)
    assert row is not None
    assert row.seed is not None
    assert row.drawn_at is not None
    sessions = await store.sessions(tx, draw_id)
    entered, known = [], []
    async for entry, application_id in entries.entered(tx, draw_id):
        entered.append(entry)
        known.append(application_id)
    by_seed = order_of(row.seed, [entry.ticket for entry in entered])
    places = sum(session.places_left for session in sessions)
    won = await entries.places_won(tx, draw_id)
    return _Drawing(
        draw_id,
        row.seed,
        row.drawn_at,
        entered,
        known,
        with_long_waits_first(entered, by_seed, places, row.long_waits_percent),
        {session.number: session.clinic_session_id for session in sessions},
        {s.number: s.places_left - won.get(s.number, 0) for s in sessions},
        row.cursor,
    )


async def _give_out_chunk(tx: Tx, platform: Platform, drawing: _Drawing) -> int:
    """Decide and store the next entries of a locked draw; return how many."""
    chunk = drawing.next_chunk()
    check = await _Check.load(tx, platform, drawing, chunk)
    results: dict[bytes, Result] = {}
    for index, result in allotted(
        drawing.entries, chunk, drawing.left, check, first_position=drawing.cursor + 1
    ):
        results[drawing.entries[index].ticket] = result
        if isinstance(result, Won):
            check.take(index, result)
    await entries.save_results(tx, drawing.id, results)
    await check.save(tx, platform)
    return len(chunk)


class _Check:
    """The rules about the persons of a chunk, read under their locks, and what they have won."""

    def __init__(
        self,
        drawing: _Drawing,
        applicants: dict[int, Applicant],
        live: set[int],
        held: dict[int, int],
        facts: BookingFacts,
        sessions: dict[int, SessionView],
    ) -> None:
        self._drawing = drawing
        self._applicants = applicants
        self._live = live
        self._held = held  # places that still wait for the draw, by the number of the session
        self._batch = Batch(facts)
        self._facts = facts
        self._sessions = sessions
        self._allowed = 0  # patients of the entry in question, in the session in question
        self._won: list[tuple[Applicant, BookingRequest]] = []

    @classmethod
    async def load(cls, tx: Tx, platform: Platform, drawing: _Drawing, chunk: list[int]) -> _Check:
        """Lock the persons whom the chunk may concern and all sessions, and read what counts."""
        asking = [index for index in chunk if may_win(drawing.entries[index], drawing.left)]
        known = [drawing.applications[index] for index in asking]
        applicants = await entries.applicants(tx, [id for id in known if id is not None])
        day = drawing.drawn_at.date()
        policy = (await platform.policies.read(tx)).on(day)
        patients, sessions = await booking.lock_for_draw(
            tx,
            [id for applicant in applicants.values() for id in applicant.patients],
            list(drawing.sessions.values()),
            day,
            counted_since(policy, day),
        )
        live = await applications.lock_many(tx, list(applicants))
        return cls(
            drawing,
            applicants,
            {id for id, application in live.items() if application.state == "live"},
            {row.number: row.held for row in await store.sessions(tx, drawing.id)},
            BookingFacts(
                {id: booking.session_facts(session) for id, session in sessions.items()},
                {id: patient.facts for id, patient in patients.items()},
                policy=policy,
                checks_names=platform.checks_names,
            ),
            sessions,
        )

    def __call__(self, index: int, patient: int, number: int) -> str | None:
        """Return why a patient of an entry cannot have a place in a session, or None."""
        if patient == 0:
            self._allowed = 0
        applicant = self._applicant(index)
        if applicant is None or applicant.id not in self._live:
            return ENDED
        request = self._request(applicant, patient, number)
        refused = self._batch.refusal(request, is_drawn=True, is_released=True)
        if refused is not None:
            return refused.reason
        if self._held[number] <= self._allowed:
            return WITHDRAWN
        self._allowed += 1
        return None

    def take(self, index: int, won: Won) -> None:
        """Count a win, for the entries that follow."""
        applicant = self._applicant(index)
        assert applicant is not None
        self._held[won.session] -= len(won.patients)
        for patient in won.patients:
            request = self._request(applicant, patient, won.session)
            self._batch.take(request)
            self._won.append((applicant, request))

    async def save(self, tx: Tx, platform: Platform) -> None:
        """Store the bookings that were won, and notify their patients."""
        if not self._won:
            return
        requests = [request for _, request in self._won]
        reserved = await booking.reserve(tx, platform.vault, len(requests))
        taken: dict[int, int] = {}
        made, wins = [], []
        for (id, message_id, code), (applicant, request) in zip(reserved, self._won, strict=True):
            session = self._sessions[request.session_id]
            taken[session.id] = taken.get(session.id, 0) + 1
            account_id = self._facts.patients[request.patient_id].account_id
            made.append(NewAppointment(id, message_id, code, request, session, account_id))
            cancel_until = cancel_deadline(session.visit_date, session.rules)
            until = declinable_until(request.at, cancel_until)
            wins.append(Win(id, applicant.id, request.patient_id, until))
        # The places stop waiting before they are booked: a session never holds more than it has.
        await store.take_places(tx, self._drawing.id, taken)
        await booking.save_bookings(tx, platform.vault, made, "draw_won")
        await entries.save_wins(tx, self._drawing.id, wins)
        await applications.end(tx, sorted({applicant.id for applicant, _ in self._won}), "won")
        notified = [new.message_id for new in made if new.account_id is not None]
        await messages.defer_delivery(tx, notified)

    def _applicant(self, index: int) -> Applicant | None:
        application_id = self._drawing.applications[index]
        return None if application_id is None else self._applicants.get(application_id)

    def _request(self, applicant: Applicant, patient: int, number: int) -> BookingRequest:
        """Return what the desk would be asked; a draw has no idempotency keys of its own."""
        # The hospital's and the hotline's staff act for the account that applied.
        actor = Actor(applicant.actor_kind, applicant.actor_id)
        session_id = self._drawing.sessions[number]
        return BookingRequest(
            actor,
            "",
            applicant.patients[patient],
            session_id,
            applicant.channel,
            self._drawing.drawn_at,
        )


# The end --------------------------------------------------------------------------------------


async def _finish(tx: Tx, platform: Platform, row: DrawRow) -> None:
    """Free the places that are left, count the losses, and publish the digest of the file."""
    ids = [session.clinic_session_id for session in await store.sessions(tx, row.id)]
    policy = (await platform.policies.read(tx)).on(tx.now.date())
    await lock_sessions(tx, ids)
    await store.leave_out(tx, row.id)
    closed = [
        session.id
        for session in await supply.by_ids(tx, ids)
        if is_closed(session.visit_date, tx.now, session.rules, policy)
    ]
    await store.free_places(tx, row.id, for_counter=closed)
    await entries.count_losses(tx, row.id)
    digest = sha256()
    async for line in file_of(tx, row):
        digest.update(line.encode())
    await store.finish(tx, row.id, digest.digest())
    await log.append(tx, platform.vault, row.id, [f"proof {digest.hexdigest()}"])
