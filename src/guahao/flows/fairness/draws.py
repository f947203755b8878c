"""Draws, step by step: open, close, amend, draw. Each step is safe to run twice, late or at once.

A step is one transaction that locks the draw first and does nothing where another worker was
earlier. The periodic job does what is due; beside it each draw has jobs of its own for the moments
of its steps, so that it begins within a second of its time.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from guahao.flows.fairness.closing import amend, close
from guahao.flows.fairness.drawing import WITNESS_LATE, draw
from guahao.flows.fairness.opening import open_draws
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.returning import next_draw
from guahao.store.booking.appointments import lock_sessions
from guahao.store.fairness import draws as store
from guahao.store.fairness import log as log_store
from guahao.store.fairness.draws import DrawRow

__all__ = ["advance", "close_draws", "hold_draws", "open_draws", "run_draws"]

_MISSED_AT_ONCE = 500
_RETRY_SECONDS = 2.0
log = structlog.get_logger(__name__)


async def hold_draws(platform: Platform) -> None:
    """Do every step of every draw that is due; a step that fails keeps no other from its turn."""
    errors = []
    for step in (defer_missed, open_draws, close_draws, run_draws, _name_key):
        try:
            await step(platform)
        except Exception as error:  # noqa: BLE001 - raised once the others had their turn
            errors.append(error)
    if errors:
        raise errors[0]


async def _name_key(platform: Platform) -> None:
    async with platform.db.transaction() as tx:
        await log_store.name_key(tx, platform.vault)


async def close_draws(platform: Platform) -> None:
    """Close the draws whose applications end, and hold those that are late."""
    await _advance_all(platform, "open")


async def run_draws(platform: Platform) -> None:
    """Amend the draws that are closed, and hold those whose time has come."""
    await _advance_all(platform, "closed", "drawing")


async def _advance_all(platform: Platform, *states: str) -> None:
    """Do what is due of all draws in these states; one that fails keeps no other waiting."""
    async with platform.db.transaction() as tx:
        found = [id for id, state in await store.unfinished(tx) if state in states]
    errors = []
    for draw_id in found:
        try:
            await _advance(platform, draw_id)
        except Exception as error:  # noqa: BLE001 - raised once the others had their turn
            # Without its text: it may quote a row.
            log.error("draw_failed", draw_id=draw_id, error=type(error).__name__)
            errors.append(error)
    if errors:
        raise errors[0]


async def advance(platform: Platform, draw_id: int) -> float | None:
    """Do the steps of one draw that are due; return in how many seconds the next is due.

    None: nothing remains to be done, or what remains is left to the periodic job.
    """
    row, now = await _advance(platform, draw_id)
    if row is None or row.state not in ("open", "closed"):
        return None
    due = row.closes_at if row.state == "open" else row.draw_at
    if due > now:
        return (due - now).total_seconds()
    # A witness shows its value at this very second, by a clock of its own.
    return _RETRY_SECONDS if now < due + WITNESS_LATE else None


async def _advance(platform: Platform, draw_id: int) -> tuple[DrawRow | None, datetime]:
    """Do the steps that are due; return the draw as it is then, and when it was read."""
    row, now = await _read(platform, draw_id)
    if row is not None and row.state == "open" and row.closes_at <= now:
        await close(platform, draw_id)
        row, now = await _read(platform, draw_id)
    if row is not None and row.state == "closed":
        await amend(platform, draw_id)
    if row is not None and row.state in ("closed", "drawing") and row.draw_at <= now:
        await draw(platform, draw_id)
        row, now = await _read(platform, draw_id)
    return row, now


async def _read(platform: Platform, draw_id: int) -> tuple[DrawRow | None, datetime]:
    async with platform.db.transaction() as tx:
        return await store.get(tx, draw_id), tx.now


async def defer_missed(platform: Platform) -> None:
    """Give places whose draw cannot happen any more the next draw, or the hospital's counter.

    No worker ran in time to open it, or they came back after it was closed.
    """
    while True:
        async with platform.db.transaction() as tx:
            missed = await store.missed(tx, _MISSED_AT_ONCE)
            await lock_sessions(tx, [places.clinic_session_id for places in missed])
            for places in missed:
                draw_at = next_draw(places.visit_date, tx.now, places.stops_at)
                await store.defer_places(tx, places.clinic_session_id, draw_at)
        if len(missed) < _MISSED_AT_ONCE:
            return
