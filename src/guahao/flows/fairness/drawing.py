"""Draw: reveal what decides the order, give the places out in it, and publish the proof.

Places are given out in chunks, a transaction each, whose results are stored together with the
cursor. A worker that finds the cursor moved leaves the draw to the one who moved it; a crash loses
a chunk that nobody has seen, and the next worker decides it again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from guahao.flows.fairness.publishing import file_of, sources_used
from guahao.flows.fairness.sources import SourceValue, ask
from guahao.flows.kernel.platform import Platform
from guahao.rules.booking.booking import Batch, counted_since
from guahao.rules.booking.cancelling import cancel_deadline
from guahao.rules.fairness.allocating import (
    Result,
    Won,
    allotted,
    long_waits,
    long_waits_share,
    may_win,
)
from guahao.rules.fairness.declining import declinable_until
from guahao.rules.fairness.drawing import seed_of
from guahao.rules.fairness.proof import revealed_lines
from guahao.rules.kernel.facts import Actor, BookingFacts, BookingRequest
from guahao.rules.supply.releasing import is_closed
from guahao.store.booking import booking
from guahao.store.booking.appointments import lock_sessions
from guahao.store.booking.booking import NewAppointment
from guahao.store.fairness import applications, entries, log
from guahao.store.fairness import draws as store
from guahao.store.fairness.draws import DrawRow
from guahao.store.fairness.entries import Applicant, Undecided, WonPlace
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import SessionView
from guahao.store.messages import messages
from guahao.store.supply import sessions as supply

CHUNK = 100  # entries whose patients are locked in one transaction
_SPARE = 5  # entries beyond those that can win, for the rules that refuse some
READ_LEAST, READ_MOST = 1000, 64_000  # entries that are read at once

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
    given = await ask(platform.settings, row, now)
    async with platform.db.transaction() as tx:
        row = await store.lock(tx, draw_id)
        if row.state != "closed":
            return row.state == "drawing"
        if given is None:
            if now >= row.draw_at + WITNESS_LATE and await store.wait(tx, draw_id):
                await log.append(tx, platform.vault, draw_id, ["waits for its sources"])
            return False
        await _fix_order(tx, platform, row, given)
    return True


async def _fix_order(
    tx: Tx, platform: Platform, row: DrawRow, given: Sequence[SourceValue | None]
) -> None:
    """Store and publish the secret, the outside values and the seed that follows from them."""
    assert row.root is not None
    sealed = await store.sealed_secret(tx, row.id)
    secret = bytes.fromhex(platform.vault.open("draws", "secret", row.id, sealed))
    values = [source.value for source in given if source is not None]
    seed = seed_of(row.id, row.root, secret, values)
    used = [None if source is None else source.index for source in given]
    signatures = [source.signature for source in given if source is not None and source.signature]
    # The same for all chunks, so that the result depends on no worker's clock.
    drawn_at = max(tx.now, row.draw_at)
    await store.reveal(
        tx, row.id, drawn_at, secret, used, values, next(iter(signatures), None), seed
    )
    revealed = await store.get(tx, row.id)
    assert revealed is not None
    lines = revealed_lines(sources_used(revealed), secret, values, seed)
    await log.append(tx, platform.vault, row.id, lines)


# Giving out -----------------------------------------------------------------------------------


@dataclass
class _Drawing:
    """A draw as this worker knows it: what is fixed, how far it has come, and who is next."""

    id: int
    seed: bytes
    drawn_at: datetime
    entered: int
    first: list[bytes]  # tickets of long waits, which come before the order of the seed
    sessions: dict[int, int]  # clinic sessions by their numbers
    left: dict[int, int]  # places by the numbers of sessions
    cursor: int
    # The entries that follow the cursor, and how many the last reading brought.
    following: list[Undecided] = field(default_factory=list)
    read: int = 0

    async def next_chunk(self, tx: Tx) -> list[Undecided]:
        """Return the next entries in the order, at most CHUNK of them with patients to lock.

        Where few places are left, only a few more than can win: nobody after the last place needs
        a lock.
        """
        if not self.following:
            # More each time: of a million entries few are read where few win, and often none.
            self.read = min(READ_MOST, max(READ_LEAST, 2 * self.read))
            self.following = await entries.undecided(tx, self.id, self.seed, self.first, self.read)
            assert self.following, "as many entries have a result as the cursor says"
        length = locked = 0
        most = min(CHUNK, 2 * sum(self.left.values()) + _SPARE)
        for undecided in self.following:
            if may_win(undecided.entry, self.left):
                locked += 1
                if locked > most:
                    break
            length += 1
        chunk, self.following = self.following[:length], self.following[length:]
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
            if drawing.cursor < drawing.entered and any(drawing.left.values()):
                drawing.cursor += await _give_out_chunk(tx, platform, drawing)
            if not any(drawing.left.values()):
                drawing.cursor += await entries.skip_rest(tx, draw_id, drawing.seed, drawing.cursor)
            if drawing.cursor > row.cursor:
                await store.advance(tx, draw_id, drawing.cursor)
            if drawing.cursor == drawing.entered:
                await _finish(tx, platform, row)
                return


async def _load(tx: Tx, draw_id: int) -> _Drawing:
    """Load a drawn draw; the first long waits come before the order of the seed."""
    row = await store.get(tx, draw_id)
    assert row is not None
    assert row.seed is not None
    assert row.drawn_at is not None
    assert row.entries is not None
    sessions = await store.sessions(tx, draw_id)
    places = sum(session.places_left for session in sessions)
    share = long_waits_share(places, row.long_waits_percent)
    waited = await entries.long_waits(tx, draw_id, row.seed, share) if share else []
    won = await entries.places_won(tx, draw_id)
    return _Drawing(
        draw_id,
        row.seed,
        row.drawn_at,
        row.entries,
        [waited[index].ticket for index in long_waits(waited, range(len(waited)), share)],
        {session.number: session.clinic_session_id for session in sessions},
        {s.number: s.places_left - won.get(s.number, 0) for s in sessions},
        row.cursor,
    )


async def _give_out_chunk(tx: Tx, platform: Platform, drawing: _Drawing) -> int:
    """Decide and store the next entries of a locked draw; return how many."""
    chunk = await drawing.next_chunk(tx)
    check = await _Check.load(tx, platform, drawing, chunk)
    decided = [undecided.entry for undecided in chunk]
    results: dict[bytes, Result] = {}
    for index, result in allotted(
        decided, range(len(chunk)), drawing.left, check, first_position=drawing.cursor + 1
    ):
        results[decided[index].ticket] = result
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
        chunk: list[Undecided],
        applicants: dict[int, Applicant],
        live: set[int],
        held: dict[int, int],
        facts: BookingFacts,
        sessions: dict[int, SessionView],
    ) -> None:
        self._drawing = drawing
        self._chunk = chunk
        self._applicants = applicants
        self._live = live
        self._held = held  # places that still wait for the draw, by the number of the session
        self._batch = Batch(facts)
        self._facts = facts
        self._sessions = sessions
        self._allowed = 0  # patients of the entry in question, in the session in question
        self._won: list[tuple[Applicant, BookingRequest]] = []

    @classmethod
    async def load(
        cls, tx: Tx, platform: Platform, drawing: _Drawing, chunk: list[Undecided]
    ) -> _Check:
        """Lock the persons whom the chunk may concern and all sessions, and read what counts."""
        known = [each.application_id for each in chunk if may_win(each.entry, drawing.left)]
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
            chunk,
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
        reserved = await booking.reserve(tx, platform.vault, len(self._won))
        # In an order of their own: the bookings' ids must not tell the positions of the tickets.
        self._won.sort(key=lambda _: secrets.randbits(64))
        taken: dict[int, int] = {}
        made, wins = [], []
        for (id, message_id, code), (applicant, request) in zip(reserved, self._won, strict=True):
            session = self._sessions[request.session_id]
            taken[session.id] = taken.get(session.id, 0) + 1
            account_id = self._facts.patients[request.patient_id].account_id
            made.append(NewAppointment(id, message_id, code, request, session, account_id))
            cancel_until = cancel_deadline(session.visit_date, session.rules)
            until = declinable_until(request.at, cancel_until)
            wins.append(WonPlace(id, applicant.id, request.patient_id, until))
        # The places stop waiting before they are booked: a session never holds more than it has.
        await store.take_places(tx, self._drawing.id, taken)
        await booking.save_bookings(tx, platform.vault, made, "draw_won")
        await entries.save_wins(tx, self._drawing.id, wins)
        await applications.end(tx, sorted({applicant.id for applicant, _ in self._won}), "won")
        notified = [new.message_id for new in made if new.account_id is not None]
        await messages.defer_delivery(tx, notified)

    def _applicant(self, index: int) -> Applicant | None:
        application_id = self._chunk[index].application_id
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
    assert row.drawn_at is not None
    await entries.count_losses(tx, row.id, row.drawn_at.date())
    digest = sha256()
    async for part in file_of(tx, row):
        digest.update(part)
    await store.finish(tx, row.id, digest.digest())
    await log.append(tx, platform.vault, row.id, [f"proof {digest.hexdigest()}"])
