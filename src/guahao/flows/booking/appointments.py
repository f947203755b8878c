"""Look up bookings: an account's own (S13), or by code and document (S9, S10)."""

from __future__ import annotations

from datetime import date

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.accounts import Caller
from guahao.rules.kernel.facts import PERIODS
from guahao.rules.kernel.outcomes import Throttled
from guahao.store.booking import appointments as store
from guahao.store.kernel import throttle
from guahao.store.kernel.db import Tx
from guahao.store.kernel.views import AppointmentView
from guahao.store.people.patients import person_indexes

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


async def list_appointments(
    platform: Platform, account_id: int, view: str
) -> list[AppointmentView]:
    """Return an account's bookings: `current`, nearest visit first, or `history`, latest first."""
    current = view == "current"
    async with platform.db.transaction() as tx:
        found = await store.own_appointments(tx, platform.vault, account_id, current=current)
    return sorted(found, key=_by_visit, reverse=not current)


def _by_visit(appointment: AppointmentView) -> tuple[date, int, int]:
    session = appointment.session
    return (session.visit_date, PERIODS.index(session.period), appointment.id)


async def own_appointment(
    platform: Platform, account_id: int, appointment_id: int
) -> AppointmentView | None:
    """Return a booking of the account, with its code; None if unknown or another account's."""
    async with platform.db.transaction() as tx:
        return await store.own_appointment(tx, platform.vault, account_id, appointment_id)


async def look_up(
    platform: Platform, code: str, id_no: str, caller: Caller
) -> AppointmentView | Throttled | None:
    """Find a booking by code and document number; return None for every kind of miss (S9).

    Wrong guesses are counted per typed code (so that a locked code does not reveal whether it
    exists), per caller and in total. Each guess is counted before the search and uncounted
    when it succeeds, so that parallel guesses cannot slip past the limit.
    """
    async with platform.db.transaction() as tx:
        throttled = await count_guess(tx, platform, code, caller)
        if throttled is not None:
            return throttled
        person = person_indexes(platform.vault, id_no)
        found = await store.appointment_by_code(tx, platform.vault, code, person)
        if found is not None:
            await forgive_guess(tx, platform, code, caller)
        return found


def _guess_counters(
    platform: Platform, code: str, caller: Caller
) -> list[tuple[str, bytes, int, int]]:
    """Return scope, subject, window in seconds and limit of each counter, in lock order."""
    limits, index = platform.settings, platform.vault.index
    by_caller = (
        "lookup_caller",
        index("throttle", caller.address),
        _HOUR,
        limits.lookups_per_caller_hour,
    )
    return [
        *([by_caller] if caller.limited else []),
        ("lookup_code", index("throttle", code), _DAY, limits.lookups_per_code_day),
        ("lookup_total", index("throttle", "total"), _MINUTE, limits.lookups_total_minute),
    ]


async def count_guess(tx: Tx, platform: Platform, code: str, caller: Caller) -> Throttled | None:
    """Count a guess before the search; refuse it if there were too many."""
    for scope, subject, window, limit in _guess_counters(platform, code, caller):
        if await throttle.hit(tx, scope, subject, window) > limit:
            return Throttled(retry_after_seconds=throttle.seconds_left(tx.now, window))
    return None


async def forgive_guess(tx: Tx, platform: Platform, code: str, caller: Caller) -> None:
    """Uncount a guess that was right."""
    for scope, subject, window, _ in _guess_counters(platform, code, caller):
        await throttle.forgive(tx, scope, subject, window)
