"""Changing many sessions, copying a week, and undoing either as a whole.

A preview lists each session with what would become of it; the form that follows carries its
version, and an act whose outcome would be another by then is shown anew instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta

from guahao.flows.fairness.returning import new_places, returning_places
from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.returning import Cause
from guahao.rules.kernel.limits import ONE_DAY
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import prose
from guahao.rules.kernel.versions import version_of
from guahao.rules.staff.staff import Staff
from guahao.rules.supply.bulk import (
    SESSIONS_MAX,
    BulkRefusal,
    Change,
    CopyFate,
    UndoFate,
    decide_copy,
    decide_undo,
    refused_act,
    refused_act_undo,
    refused_change,
    refused_dates,
    refused_number,
    refused_weeks,
)
from guahao.rules.supply.changes import (
    SessionRefused,
    SessionTerms,
    StoredSession,
    UpsertResult,
    decide_session,
)
from guahao.rules.supply.fees import listed_fee
from guahao.store.booking.appointments import lock_sessions
from guahao.store.hospitals import titles
from guahao.store.kernel.db import Tx
from guahao.store.supply import bulk as store
from guahao.store.supply import calendars, changes, feeding, fees, timetables
from guahao.store.supply.bulk import SavedAct, Selection

LISTED = 20


@dataclass(frozen=True, slots=True)
class ChangedSession:
    """A selected session, what it would be, and whether the law allows it."""

    id: int
    facts: StoredSession
    after: SessionTerms
    outcome: UpsertResult | SessionRefused


@dataclass(frozen=True, slots=True)
class CopiedSession:
    """A session of the copied week on a date of another week, and what becomes of it."""

    wanted: SessionTerms
    outcome: CopyFate | SessionRefused


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """A department's week, all of it or one title's, and the Mondays of the weeks it goes to."""

    department_id: int
    source: date
    targets: tuple[date, ...]
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """An act that was undone, and how many sessions met which fate."""

    act: SavedAct
    fates: dict[UndoFate, int]


# Changing ---------------------------------------------------------------------------------


async def preview_change(
    platform: Platform, by: Staff, selection: Selection, change: Change
) -> list[ChangedSession] | Refused[BulkRefusal]:
    """Return what a change would do to each selected session; nothing is changed."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await _decide_change(tx, by, selection, change, lock=False)


async def change(
    platform: Platform, by: Staff, selection: Selection, change: Change, reason: str, version: str
) -> SavedAct | Refused[BulkRefusal]:
    """Change the selected sessions that the law allows to change, in one transaction."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        found = await _decide_change(act.tx, by, selection, change, lock=True)
        if isinstance(found, Refused):
            return found
        differing = {
            session.id: session.after
            for session in found
            if session.outcome is UpsertResult.CHANGED
        }
        seen_current = change_version(found) == version
        refused = refused_act(len(differing), seen_current=seen_current)
        if refused is not None:
            return Refused(refused)
        async with returning_places(act.tx, platform, list(differing), Cause.CAPACITY_RAISED):
            await changes.change_sessions(act.tx, differing)
        saved = await _save(
            act.tx,
            by,
            "change",
            reason,
            {
                session.id: (session.facts.terms, session.after)
                for session in found
                if session.id in differing
            },
        )
        detail = {
            "sessions": len(differing),
            "first": selection.first,
            "last": selection.last,
            **{name: value for name, value in asdict(change).items() if value is not None},
        }
        await act.record("change_sessions", ("supply_act", saved.id), reason=reason, detail=detail)
        return saved


def change_version(found: Sequence[ChangedSession]) -> str:
    """Return the version of a preview: another one means another outcome."""
    return version_of(tuple((session.id, session.after, session.outcome) for session in found))


async def _decide_change(
    tx: Tx, by: Staff, selection: Selection, change: Change, *, lock: bool
) -> list[ChangedSession] | Refused[BulkRefusal]:
    refused = refused_dates(selection.first, selection.last, tx.now.date())
    refused = refused or refused_change(change)
    if refused is not None:
        return Refused(refused)
    ids = await store.selected(tx, by.own_hospital_id, selection, SESSIONS_MAX + 1)
    refused = refused_number(len(ids))
    if refused is not None:
        return Refused(refused)
    if lock:
        await lock_sessions(tx, ids)
    facts = await changes.facts_by_id(tx, ids, by.own_hospital_id)
    offered = await _offered(tx)
    return [
        ChangedSession(
            id,
            facts[id],
            after := change.of(facts[id].terms),
            decide_session(after, facts[id], offered, tx.now.date()),
        )
        for id in ids
        if id in facts
    ]


# Copying ----------------------------------------------------------------------------------


async def preview_copy(
    platform: Platform, by: Staff, plan: CopyPlan
) -> list[CopiedSession] | Refused[BulkRefusal]:
    """Return what becomes of each session in each week; nothing is made."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await _decide_copy(tx, by, plan)


async def copy(
    platform: Platform, by: Staff, plan: CopyPlan, version: str
) -> SavedAct | Refused[BulkRefusal]:
    """Make what is missing in the weeks, in one transaction; the same again makes nothing."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        await feeding.lock_feed(act.tx, hospital_id)
        found = await _decide_copy(act.tx, by, plan)
        if isinstance(found, Refused):
            return found
        new = [session.wanted for session in found if session.outcome is CopyFate.NEW]
        refused = refused_act(len(new), seen_current=copy_version(found) == version)
        if refused is not None:
            return Refused(refused)
        ids = await store.add_sessions(act.tx, hospital_id, new)
        await new_places(act.tx, platform, ids)
        made = await changes.facts_by_id(act.tx, ids, hospital_id)
        sessions: dict[int, tuple[SessionTerms | None, SessionTerms]] = {
            id: (None, facts.terms) for id, facts in made.items()
        }
        saved = await _save(act.tx, by, "copy", "", sessions)
        detail = {"department": plan.department_id, "from": plan.source, "sessions": len(new)}
        await act.record("copy_week", ("supply_act", saved.id), detail=detail)
        return saved


def copy_version(found: Sequence[CopiedSession]) -> str:
    """Return the version of a preview: another one means another outcome."""
    return version_of(tuple((session.wanted, session.outcome) for session in found))


async def _decide_copy(
    tx: Tx, by: Staff, plan: CopyPlan
) -> list[CopiedSession] | Refused[BulkRefusal]:
    refused = refused_weeks(plan.source, plan.targets)
    if refused is not None:
        return Refused(refused)
    hospital_id = by.own_hospital_id
    if not await timetables.has_department(tx, hospital_id, plan.department_id):
        return Refused(BulkRefusal.UNKNOWN)
    week = await timetables.sessions_between(
        tx, plan.department_id, plan.source, plan.source + timedelta(days=6)
    )
    sources = [
        session
        for session in week
        if not session.stopped and plan.title in (None, session.clinic.title)
    ]
    refused = refused_number(len(sources) * len(plan.targets))
    if refused is not None:
        return Refused(refused)
    offered, listed = await _offered(tx), await fees.dated(tx, hospital_id)
    found: list[CopiedSession] = []
    for monday in sorted(set(plan.targets)):
        last = monday + timedelta(days=6)
        days = await calendars.between(tx, hospital_id, monday, last)
        there = await timetables.sessions_between(tx, plan.department_id, monday, last)
        for session in sources:
            day = days[session.visit_date.weekday()]
            terms = session.terms
            fee_fen = terms.fee_fen
            if fee_fen == listed_fee(listed, terms.title, terms.visit_date):
                fee_fen = listed_fee(listed, terms.title, day.day) or fee_fen
            wanted = replace(terms, visit_date=day.day, fee_fen=fee_fen)
            on_day = [other.terms for other in there if other.visit_date == day.day]
            outcome = decide_copy(wanted, day, on_day, offered, tx.now.date())
            found.append(CopiedSession(wanted, outcome))
    return found


# Undoing ----------------------------------------------------------------------------------


async def latest(platform: Platform, by: Staff) -> list[SavedAct]:
    """Return the hospital's last acts on many sessions, the newest first."""
    async with platform.db.transaction(hospital_id=by.own_hospital_id) as tx:
        return await store.latest(tx, by.own_hospital_id, LISTED)


async def undo(platform: Platform, by: Staff, act_id: int) -> Undone | Refused[BulkRefusal]:
    """Undo an act as far as the law allows: what was booked or changed since stays."""
    hospital_id = by.own_hospital_id
    async with acting(platform, by.who, hospital_id=hospital_id) as act:
        found = await store.lock(act.tx, hospital_id, act_id)
        if found is None:
            return Refused(BulkRefusal.UNKNOWN)
        refused = refused_act_undo(found.at, found.undone_at, act.now)
        if refused is not None:
            return Refused(refused)
        sessions = await store.sessions_of(act.tx, act_id)
        ids = [session.session_id for session in sessions]
        await lock_sessions(act.tx, ids)
        known = await changes.facts_by_id(act.tx, ids, hospital_id)
        fates: dict[int, UndoFate] = {}
        terms: dict[int, SessionTerms] = {}
        for session in sessions:
            id = session.session_id
            fate, wanted = decide_undo(session.before, session.after, known.get(id), act.now.date())
            fates[id] = fate
            if wanted is not None:
                terms[id] = wanted
        async with returning_places(act.tx, platform, list(terms), Cause.CAPACITY_RAISED):
            await changes.change_sessions(act.tx, terms)
        await changes.remove_sessions(
            act.tx, [id for id, fate in fates.items() if fate is UndoFate.REMOVED]
        )
        await store.mark_undone(act.tx, act_id, fates)
        counts = {fate: list(fates.values()).count(fate) for fate in set(fates.values())}
        detail = {"sessions": len(fates), "taken": counts.get(UndoFate.CLOSED, 0)}
        await act.record("undo_act", ("supply_act", act_id), detail=detail)
        return Undone(found, counts)


async def _save(
    tx: Tx,
    by: Staff,
    kind: str,
    reason: str,
    sessions: Mapping[int, tuple[SessionTerms | None, SessionTerms]],
) -> SavedAct:
    reason = prose(reason)
    act_id = await store.save(tx, by.own_hospital_id, kind, by.login, reason, sessions)
    return SavedAct(act_id, kind, by.login, reason, tx.now, None, len(sessions), {})


async def _offered(tx: Tx) -> set[str]:
    return {title.name for title in await titles.listed(tx) if title.retired_at is None}


def mondays_after(day: date, count: int) -> list[date]:
    """Return the Mondays of the next weeks."""
    monday = day - timedelta(days=day.weekday())
    return [monday + n * 7 * ONE_DAY for n in range(1, count + 1)]
