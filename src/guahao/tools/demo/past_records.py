"""Write the drawn past into the database: bookings, messages, calls, and the staff's acts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

import msgspec

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.demo_staff import DEMO_STAFF, add_demo_staff_in
from guahao.rules.integration.pushing import KINDS, Undelivered
from guahao.rules.kernel.limits import ONE_DAY, add_months
from guahao.rules.staff.staff import Who
from guahao.rules.supply.releasing import city_time
from guahao.store.kernel.db import Tx
from guahao.store.staff.demo_staff import first_hospitals
from guahao.tools.demo import past_queries, past_trail
from guahao.tools.demo import queries as store
from guahao.tools.demo.past import Booking, Past, Session
from guahao.tools.demo.past_refusals import draw_refused
from guahao.tools.demo.past_trail import Act

_GRACE = timedelta(minutes=5)
_ANSWERED_BY = ("agent",) * 9 + ("supervisor",)
_EXCUSES = ("突发疾病，附医院证明", "交通事故，附处理单", "地铁故障停运", "照看急诊家属，附病历")
_CANCEL_REASONS = ("时间冲突", "病情好转", "改约其他医院", "家中有事")
_WEBHOOKS = (
    ("https://his-a.example.invalid/guahao/events", "HTTP 503"),
    ("https://his-b.example.invalid/guahao/events", Undelivered.NO_ANSWER),
)
_ANNOUNCEMENTS = (
    (300, 5, "节假日门诊安排", "Clinics during the holidays"),
    (150, 2, "平台升级维护通知", "Maintenance of the platform"),
    (40, 20, "呼吸科号源增加", "More places in respiratory medicine"),
)


@dataclass(frozen=True, slots=True)
class Staff:
    """The demo's members by their log-in names, as the trail names them."""

    by_login: Mapping[str, Who]

    def __getitem__(self, login: str) -> Who:
        return self.by_login.get(login, self.by_login["admin"])


async def add_staff(tx: Tx, platform: Platform, hashed: str, since: datetime) -> Staff:
    """Add the demo's members as of the first day of the past."""
    ids = await add_demo_staff_in(replace(tx, now=since), platform, hashed)
    hospital_ids = await first_hospitals(tx, 2)
    of_hospital = {
        m.login: hospital_ids[m.hospital]
        for m in DEMO_STAFF
        if m.login in ids and m.role.value in ("clerk", "scheduler")
    }
    return Staff(
        {login: Who("staff", id, login, of_hospital.get(login)) for login, id in ids.items()}
    )


async def add_sessions(tx: Tx, past: Past) -> None:
    """Write the sessions of the past, and give each its id."""
    new = [session for session in past.sessions if session.id is None]
    for session, id in zip(new, await store.take_ids(tx, "clinic_sessions", len(new)), strict=True):
        session.id = id
    await store.copy(tx, "clinic_sessions", (_session_row(session) for session in new))


def _session_row(session: Session) -> tuple[object, ...]:
    line = session.line
    settled_at = city_time(session.visit_date, time(20, 45))
    known_at = settled_at if session.attendance_known and session.stopped_at is None else None
    return (
        *(session.id, session.place.hospital_id, line.department_id, line.title, line.specialty),
        *(session.visit_date, line.period, line.starts_at, line.ends_at, line.fee_fen),
        *(session.capacity, session.booked, session.stopped_at, known_at, settled_at),
    )


@dataclass(frozen=True, slots=True)
class Written:
    """What the past has left to tell: each booking with the id of its appointment."""

    bookings: Sequence[tuple[int, Booking]]
    crowd: Sequence[int]
    staff: Staff


async def add_what_followed(tx: Tx, platform: Platform, past: Past, written: Written) -> None:
    """Write messages, calls, stops, excuses, imports, webhooks and the trail of it all."""
    accounts = await past_queries.accounts_of(tx)
    acts: list[Act] = []
    acts += await _add_stops(tx, platform, past, written.staff)
    suspended = _suspended_at(past, written)
    tasks = await past_queries.add_messages(tx, suspended)
    agent = written.staff["agent"]
    for id, appointment, kind, outcome, closed_at in tasks:
        subject = ("appointment", appointment)
        taken = {"task": id, "kind": kind}
        acts.append(Act(closed_at - _GRACE, agent, "take_call_task", subject, detail=taken))
        finished = {"task": id, "outcome": outcome}
        acts.append(Act(closed_at, agent, "finish_call_task", subject, detail=finished))
    by_phone = [(id, booking) for id, booking in written.bookings if booking.channel == "phone"]
    await _add_requests(tx, platform, past, written, [id for id, _ in by_phone])
    await past_queries.add_stopped(tx)
    acts += await _add_calls(tx, written, accounts)
    acts += await _add_excuses(tx, platform, written)
    acts += _at_windows(written)
    acts += await _add_imports(tx, past, written.staff)
    await _add_integration(tx, platform, past)
    await _add_announcements(tx)
    await past_trail.append(tx, platform.vault, acts)


async def _add_requests(
    tx: Tx, platform: Platform, past: Past, written: Written, by_phone: list[int]
) -> None:
    since, policy = tx.now - past_queries.REQUESTS_KEPT, platform.policies.known.first
    refused = [
        (written.crowd[request.person], request.session.id, request.reason.value, request.at)
        for request in draw_refused(past, since, tx.now, policy)
        if request.session.id is not None
    ]
    await past_queries.add_requests(tx, written.staff["agent"].id, by_phone, refused)


def _suspended_at(past: Past, written: Written) -> dict[int, datetime]:
    """Return when each suspended person was notified: after their last no-show."""
    last: dict[int, datetime] = {}
    for _, booking in written.bookings:
        if booking.status == "no_show" and booking.person in past.suspended:
            person = written.crowd[booking.person]
            last[person] = max(last.get(person, booking.changed_at), booking.changed_at)
    return last


async def _add_stops(tx: Tx, platform: Platform, past: Past, staff: Staff) -> list[Act]:
    stopped = [session for session in past.sessions if session.stopped_at is not None]
    ids = await store.take_ids(tx, "stops", len(stopped))
    bookings: dict[int, int] = {}
    for booking in past.bookings:
        bookings[id(booking.session)] = bookings.get(id(booking.session), 0) + 1
    rows, acts = [], []
    scheduler = staff["scheduler"]
    for stop_id, session in zip(ids, stopped, strict=True):
        at = session.stopped_at
        assert at is not None
        hospital_id, day = session.place.hospital_id, session.visit_date
        by = scheduler if scheduler.hospital_id == hospital_id else staff["admin"]
        notified_at = at + _GRACE
        sealed = platform.vault.seal("stops", "reason", stop_id, session.stop_reason)
        rows.append(
            (
                stop_id,
                hospital_id,
                by.id,
                sealed,
                day,
                day,
                session.id,
                at,
                notified_at,
                at,
                notified_at,
            )
        )
        detail = {
            "first": day,
            "last": day,
            "session_id": session.id,
            "sessions": 1,
            "bookings": bookings.get(id(session), 0),
        }
        subject = ("stop", stop_id)
        acts.append(Act(at, by, "stop_sessions", subject, session.stop_reason, detail, hospital_id))
    await store.copy(tx, "stops", rows)
    return acts


async def _add_calls(tx: Tx, written: Written, accounts: Mapping[int, int]) -> list[Act]:
    """Add a call of a verified caller for every booking and cancellation by telephone."""
    random = Random("calls")
    spoken = [
        (
            id,
            booking,
            booking.booked_at if action == "book_appointment" else booking.changed_at,
            action,
        )
        for id, booking in written.bookings
        for action in ("book_appointment", "cancel_appointment")
        if (
            booking.channel == "phone"
            if action == "book_appointment"
            else booking.status == "cancelled"
        )
    ]
    # Numbers follow the time of a call, as they do where calls really come in.
    spoken.sort(key=lambda call: call[2])
    ids = await store.take_ids(tx, "calls", len(spoken))
    calls, questions, acts = [], [], []
    for call_id, (appointment, booking, at, action) in zip(ids, spoken, strict=True):
        who = written.staff[random.choice(_ANSWERED_BY)]
        account = accounts[written.crowd[booking.person]]
        found_by = random.choice(("phone", "phone", "phone", "document"))
        opened = at - timedelta(seconds=random.randint(90, 240))
        verified = at - timedelta(seconds=random.randint(30, 80))
        ended = min(tx.now, at + timedelta(seconds=random.randint(10, 60)))
        calls.append((call_id, who.id, account, opened, verified, ended, found_by))
        asked = ("name", "code") if found_by == "document" else ("document", "name")
        questions += [(call_id, question, True, verified) for question in asked]
        subject, call = ("account", account), {"call": call_id}
        answers = {**call, "asked": dict.fromkeys(asked, True), "verified": True}
        hospital_id = booking.session.place.hospital_id
        reason = random.choice(_CANCEL_REASONS) if action == "cancel_appointment" else ""
        acts += [
            Act(opened, who, "begin_call", subject, detail={**call, "found_by": found_by}),
            Act(verified, who, "verify_caller", subject, detail=answers),
            Act(at, who, action, ("appointment", appointment), reason, call, hospital_id),
            Act(ended, who, "end_call", subject, detail=call),
        ]
    await store.copy(tx, "calls", calls)
    await store.copy(tx, "call_questions", questions)
    return acts


async def _add_excuses(tx: Tx, platform: Platform, written: Written) -> list[Act]:
    random = Random("excuses")
    excused = [(id, one) for id, one in written.bookings if one.excused_at is not None]
    supervisor, rows, acts = written.staff["supervisor"], [], []
    ids = await store.take_ids(tx, "no_show_excuses", len(excused))
    for excuse, (appointment, booking) in zip(ids, excused, strict=True):
        assert booking.excused_at is not None
        reason = random.choice(_EXCUSES)
        sealed = platform.vault.seal("no_show_excuses", "reason", excuse, reason)
        rows.append((excuse, appointment, supervisor.id, sealed, booking.excused_at))
        hospital_id = booking.session.place.hospital_id
        subject = ("appointment", appointment)
        acts.append(
            Act(
                booking.excused_at,
                supervisor,
                "excuse_no_show",
                subject,
                reason,
                hospital_id=hospital_id,
            )
        )
    await store.copy(tx, "no_show_excuses", rows)
    return acts


def _at_windows(written: Written) -> Iterator[Act]:
    """Yield the numbers that the demo's clerks handed out."""
    clerks = {
        who.hospital_id: who
        for login, who in written.staff.by_login.items()
        if login.startswith("clerk")
    }
    for id, booking in written.bookings:
        who = clerks.get(booking.session.place.hospital_id)
        if who is not None and booking.status == "picked_up":
            yield Act(booking.changed_at, who, "hand_out_number", ("appointment", id))


async def _add_imports(tx: Tx, past: Past, staff: Staff) -> list[Act]:
    """Add a plan of every month, imported by the scheduler of the first hospital."""
    scheduler, admin = staff["scheduler"], staff["admin"]
    days = [session.visit_date for session in past.sessions]
    if not days or scheduler.hospital_id is None:
        return []
    random, acts, rows = Random("imports"), [], []
    first, last = min(days).replace(day=1), max(days)
    month = add_months(first, 1)
    while month <= last:
        at = city_time(month - 3 * ONE_DAY, time(10, random.randrange(60)))
        add = random.randint(300, 480)
        counts = {
            "add": add,
            "change": random.randint(5, 40),
            "same": random.randint(600, 900),
            "stopped": 0,
            "add_weekly": random.randint(0, 6),
            "change_weekly": 0,
            "same_weekly": random.randint(120, 160),
        }
        filename = f"{month:%Y}年{month.month}月排班.xlsx"
        rows.append((at, filename, counts))
        month = add_months(month, 1)
    ids = await store.take_ids(tx, "supply_imports", len(rows))
    imports = []
    for id, (at, filename, counts) in zip(ids, rows, strict=True):
        found = msgspec.json.encode({"counts": counts}).decode()
        decided = at + timedelta(minutes=6)
        who = (scheduler.hospital_id, scheduler.kind, scheduler.id, scheduler.name)
        imports.append((id, *who, filename, "applied", "writing", found, at, decided, decided))
        subject = ("supply_import", id)
        acts.append(Act(decided, scheduler, "import_sessions", subject, detail=counts))
    await store.copy(tx, "supply_imports", imports)
    at = city_time(first + 9 * ONE_DAY, time(9, 20))
    await store.copy(tx, "hospital_imports", [(admin.id, "hospitals.xlsx", at, at)])
    acts.append(Act(at, admin, "import_hospitals", detail={"added": 0, "changed": 12}))
    return acts


async def _add_integration(tx: Tx, platform: Platform, past: Past) -> None:
    """Add webhooks and reconciled lists of all hospitals but the first, whose system is free."""
    random = Random("integration")
    hospitals = list(dict.fromkeys(session.place.hospital_id for session in past.sessions))
    others = sorted(hospitals)[1:]
    for hospital_id, (url, error) in zip(others, _WEBHOOKS, strict=False):
        secret = f"whsec_{'demo' * 8}"
        sealed = platform.vault.seal("hospital_webhooks", "secret", hospital_id, secret)
        await past_queries.add_webhook(tx, hospital_id, url, list(KINDS), sealed, error)
    rows = []
    for hospital_id in others[:6]:
        for weeks in range(12, -1, -1):
            day: date = tx.now.date() - timedelta(weeks=weeks)
            made_at = min(tx.now, city_time(day, time(0, random.randrange(60))))
            listed = random.randint(20, 60)
            days = (day, day + 6 * ONE_DAY)
            at = min(tx.now, made_at + _GRACE)
            rows.append(
                (hospital_id, at, made_at, *days, f"hospital {hospital_id}", listed, listed, 0)
            )
    await store.copy(tx, "reconciliations", rows)


async def _add_announcements(tx: Tx) -> None:
    rows = [
        (title, title_en, tx.now - timedelta(days=ago), tx.now - timedelta(days=ago - days))
        for ago, days, title, title_en in _ANNOUNCEMENTS
    ]
    await store.copy(tx, "past_announcements", rows)
