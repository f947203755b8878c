"""Give queue numbers at pick-up, call them, and show who is called (docs/decisions/0057).

Who changes a queue has locked its clinic session.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from guahao.flows.kernel.acting import Acting, acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.hall import calling as rules
from guahao.rules.hall.calling import (
    BEHIND_MAX,
    QueueAct,
    QueueCallRefusal,
    QueueEntry,
    QueueRefusal,
    QueueReport,
    QueueSession,
    QueueState,
)
from guahao.rules.hall.numbers import new_numbers, time_range
from guahao.rules.kernel.outcomes import DONE, Done, Refused
from guahao.rules.kernel.text import typed
from guahao.rules.staff.staff import OfHospital, Staff
from guahao.store.booking.appointments import lock_sessions
from guahao.store.hall import queues as store
from guahao.store.hall.queues import (
    BoardDepartment,
    OwnPlace,
    QueueDay,
    QueueNotice,
    QueueSessionRow,
    Range,
)
from guahao.store.hospitals import directory
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import HospitalView

ROOM_MAX = 20  # characters
_ITEMS_A_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Queue:
    """A session with its queue, as the clerk works on it."""

    session: QueueDay
    called: list[QueueEntry]
    waiting: list[QueueEntry]  # the next first
    passed: list[QueueEntry]
    seen: list[QueueEntry]  # the last first
    unnumbered: int  # whose number the hospital's system has not sent


@dataclass(frozen=True, slots=True)
class OwnQueue:
    """A patient's place: `now`: the number called last; `before`: how many are called earlier."""

    place: OwnPlace
    now: int | None
    before: int
    notice: QueueNotice | None


@dataclass(frozen=True, slots=True)
class Board:
    """What the waiting hall of a department sees: numbers and rooms, and nobody's name."""

    hospital: HospitalView
    department_id: int
    department_name: str
    department_name_en: str
    queues: list[Queue]


@dataclass(frozen=True, slots=True)
class ReportedEntry:
    """Where a booking stands after a report; `changed`: by this very report."""

    entry: QueueEntry
    changed: bool


# Numbers ----------------------------------------------------------------------------------


async def give_numbers(tx: Tx, session_id: int, appointment_ids: Sequence[int]) -> None:
    """Queue bookings of a locked session that were picked up, each with its number.

    With the first pick-up the numbers of all bookings are laid down in the order of booking.
    """
    session = await store.session(tx, session_id)
    if session is None or session.visit_date != tx.now.date():
        return  # entered from paper on a later day: nobody is called any more
    entries = {entry.appointment_id: entry for entry in await store.entries(tx, session_id)}
    given = {id: entry.number for id, entry in entries.items() if entry.number is not None}
    if session.own_numbers:
        new: dict[int, int | None] = {id: None for id in appointment_ids if id not in entries}
    else:
        bookings = await store.counted_bookings(tx, session_id)
        new = {**new_numbers([id for id in bookings if id not in entries], given)}
    added = {
        id: QueueEntry(
            id,
            number,
            QueueState.WAITING if number is None else QueueState.EXPECTED,
            tx.now,
            turn=number or 0,
        )
        for id, number in new.items()
    }
    if added:
        await store.add(tx, session_id, list(added.values()), _ranges(session, added.values()))
    entries |= added
    for id in appointment_ids:
        if entries[id].state is QueueState.EXPECTED:
            own_range = await store.range_of(tx, id)
            ends = None if own_range is None else own_range.comes_until
            entries[id] = rules.picked_up(list(entries.values()), entries[id], ends, tx.now)
    await store.save(tx, [entries[id] for id in appointment_ids])


def _ranges(session: QueueSessionRow, entries: Iterable[QueueEntry]) -> dict[int, Range]:
    return {
        entry.appointment_id: Range(*time_range(entry.number, session.hours))
        for entry in entries
        if entry.number is not None
    }


async def withdraw(tx: Tx, session_id: int, appointment_id: int) -> None:
    """Take back that somebody is here: their number waits for them, and serves nobody else.

    Without a number they leave the queue: the hospital's system may call nobody who is not here.
    """
    for entry in await store.entries(tx, session_id):
        if entry.appointment_id != appointment_id:
            continue
        if entry.number is None:
            async with tx.as_platform():
                await store.remove(tx, appointment_id)
            continue
        gone = replace(
            entry, state=QueueState.EXPECTED, state_at=tx.now, turn=entry.number, room=""
        )
        await store.save(tx, [replace(gone, requeued_at=None)])


async def own_places(platform: Platform, appointment_ids: Sequence[int]) -> dict[int, OwnPlace]:
    """Return the numbers of bookings whose owner asks, by booking."""
    async with platform.db.transaction() as tx:
        return await store.own_places(tx, appointment_ids)


async def own_queue(platform: Platform, appointment_id: int) -> OwnQueue | None:
    """Return where a booking stands, whose owner asks; None without a number handed out."""
    async with platform.db.transaction() as tx:
        place = (await store.own_places(tx, [appointment_id])).get(appointment_id)
        if place is None:
            return None
        entries = await store.entries(tx, place.clinic_session_id)
        own = next(entry for entry in entries if entry.appointment_id == appointment_id)
        called = [e for e in entries if e.state is QueueState.CALLED and e.number is not None]
        now = max(called, key=lambda entry: entry.state_at).number if called else None
        notice = await store.notice_of(tx, place.clinic_session_id)
        return OwnQueue(place, now, rules.before(entries, own), notice)


# Calls ------------------------------------------------------------------------------------


async def queues_of_day(platform: Platform, by: Staff) -> list[QueueDay]:
    """Return today's sessions of the clerk's hospital."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.sessions_of(tx, tx.now.date(), hospital_id=by.own_hospital_id)


async def queue(platform: Platform, by: Staff, session_id: int) -> Queue | None:
    """Return the queue of a session of today of the clerk's hospital, or None."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        sessions = await store.sessions_of(tx, tx.now.date(), hospital_id=by.own_hospital_id)
        session = next((session for session in sessions if session.id == session_id), None)
        return None if session is None else _queue(session, await store.entries(tx, session_id))


async def call_next(
    platform: Platform, by: Staff, session_id: int, room: str
) -> int | Refused[QueueCallRefusal]:
    """Call the next number to a room, and return it; who was called there has been seen."""
    room = typed(room)[:ROOM_MAX]
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        entries = await _open(act, session_id)
        if isinstance(entries, Refused):
            return entries
        changed = rules.call_next(entries, room, act.now)
        if isinstance(changed, QueueCallRefusal):
            return Refused(changed)
        await store.save(act.tx, changed)
        number = changed[-1].number
        assert number is not None
        await act.record(
            "call_number", ("clinic_session", session_id), detail={"number": number, "room": room}
        )
        return number


async def call(
    platform: Platform,
    by: Staff,
    session_id: int,
    appointment_id: int,
    wanted: QueueAct,
    behind: int,
) -> Done | Refused[QueueCallRefusal]:
    """Call a number again, skip it, close it or put it back; a repeated act changes nothing."""
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        entries = await _open(act, session_id)
        if isinstance(entries, Refused):
            return entries
        own = next((e for e in entries if e.appointment_id == appointment_id), None)
        behind = max(1, min(behind, BEHIND_MAX))
        match rules.decide_call(entries, own, wanted, behind, act.now):
            case QueueEntry() as after:
                await store.save(act.tx, [after])
                detail: dict[str, object] = {"number": after.number, "to": after.state}
                if wanted is QueueAct.REQUEUE:
                    detail["behind"] = behind
                await act.record("move_in_queue", ("appointment", appointment_id), detail=detail)
                return DONE
            case None:
                return DONE
            case QueueCallRefusal() as refusal:
                return Refused(refusal)
            case never:
                assert_never(never)


async def announce(
    platform: Platform, by: Staff, session_id: int, notice: QueueNotice | None
) -> Done | Refused[QueueCallRefusal]:
    """Announce on the board that a session is late, pauses or moved; None: nothing any more."""
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        entries = await _open(act, session_id)
        if isinstance(entries, Refused):
            return entries
        await store.announce(act.tx, session_id, notice)
        detail = {} if notice is None else {"kind": notice.kind, "minutes": notice.minutes}
        await act.record("announce_queue", ("clinic_session", session_id), detail=detail)
        return DONE


async def _open(act: Acting, session_id: int) -> list[QueueEntry] | Refused[QueueCallRefusal]:
    """Lock a session to change its queue, and return its entries."""
    await lock_sessions(act.tx, [session_id])
    session = await store.session(act.tx, session_id)
    facts = None if session is None else QueueSession(session.visit_date, session.is_stopped)
    refused = rules.decide_calling(facts, act.now.date())
    return await store.entries(act.tx, session_id) if refused is None else Refused(refused)


# Reports of a hospital's system ---------------------------------------------------------------


async def report(
    platform: Platform, by: OfHospital, reports: Sequence[QueueReport]
) -> list[ReportedEntry | Refused[QueueRefusal]]:
    """Record numbers and calls of a hospital's system; return an outcome for each, in order.

    Reports may come twice and in any order: of each booking the latest moment holds.
    """
    outcomes: list[ReportedEntry | Refused[QueueRefusal]] = []
    for start in range(0, len(reports), _ITEMS_A_CHUNK):
        outcomes += await _report_chunk(platform, by, reports[start : start + _ITEMS_A_CHUNK])
    return outcomes


async def _report_chunk(
    platform: Platform, by: OfHospital, reports: Sequence[QueueReport]
) -> list[ReportedEntry | Refused[QueueRefusal]]:
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        ids = [report.appointment_id for report in reports]
        session_ids = await store.sessions_of_bookings(act.tx, by.own_hospital_id, ids)
        await lock_sessions(act.tx, list(session_ids.values()))
        sessions: dict[int, QueueSessionRow] = {}
        queues: dict[int, dict[int, QueueEntry]] = {}
        for id in sorted(set(session_ids.values())):
            session = await store.session(act.tx, id)
            assert session is not None
            sessions[id] = session
            queues[id] = {e.appointment_id: e for e in await store.entries(act.tx, id)}
        outcomes: list[ReportedEntry | Refused[QueueRefusal]] = []
        changed: dict[int, QueueEntry] = {}
        ranges: dict[int, Range] = {}
        for report in reports:
            session_id = session_ids.get(report.appointment_id)
            if session_id is None:
                outcomes.append(Refused(QueueRefusal.UNKNOWN))
                continue
            session, queue = sessions[session_id], queues[session_id]
            own = queue.get(report.appointment_id)
            facts = QueueSession(session.visit_date, session.is_stopped)
            after = rules.decide_report(list(queue.values()), facts, own, report, act.now)
            if isinstance(after, QueueRefusal):
                outcomes.append(Refused(after))
                continue
            outcomes.append(ReportedEntry(after, changed=after != own))
            if after != own:
                queue[report.appointment_id] = changed[report.appointment_id] = after
                ranges |= _ranges(session, [after])
        if changed:
            await store.save(act.tx, list(changed.values()), ranges)
            await act.record("report_queue", detail={"numbers": len(changed)})
        return outcomes


async def set_own_numbers(platform: Platform, by: OfHospital, own: bool) -> None:
    """Let the hospital's system give the numbers of bookings that are picked up from now on."""
    async with acting(platform, by.who, hospital_id=by.own_hospital_id) as act:
        async with act.tx.as_platform():
            await store.set_own_numbers(act.tx, by.own_hospital_id, own)
        await act.record("set_own_numbers", ("hospital", by.own_hospital_id), detail={"own": own})


# Boards -----------------------------------------------------------------------------------


async def boards(
    platform: Platform, hospital_id: int
) -> tuple[HospitalView, list[BoardDepartment]] | None:
    """Return a hospital with its departments, each of which has a board; None if unknown."""
    async with platform.db.transaction() as tx:
        hospital = await directory.hospital(tx, hospital_id)
        if hospital is None:
            return None
        return hospital, await store.departments_of(tx, hospital_id, tx.now.date())


async def board(platform: Platform, department_id: int) -> Board | None:
    """Return what the waiting hall of a department sees today; None if unknown."""
    async with platform.db.transaction() as tx:
        found = await store.department(tx, department_id)
        if found is None:
            return None
        hospital_id, name, name_en = found
        hospital = await directory.hospital(tx, hospital_id)
        assert hospital is not None
        sessions = await store.sessions_of(tx, tx.now.date(), department_id=department_id)
        entries = await store.entries_of_sessions(tx, [session.id for session in sessions])
    queues = [_queue(session, entries[session.id]) for session in sessions]
    return Board(hospital, department_id, name, name_en, queues)


def _queue(session: QueueDay, entries: Sequence[QueueEntry]) -> Queue:
    def of(state: QueueState) -> list[QueueEntry]:
        found = [e for e in entries if e.state is state and e.number is not None]
        return sorted(found, key=lambda entry: entry.state_at, reverse=True)

    return Queue(
        session,
        called=of(QueueState.CALLED),
        waiting=rules.in_order(entries),
        passed=of(QueueState.PASSED),
        seen=of(QueueState.SEEN),
        unnumbered=sum(entry.number is None for entry in entries),
    )
