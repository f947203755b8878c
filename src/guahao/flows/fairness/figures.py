"""What came of draws, for the commission; and a ticket's result, for a complaint."""

from __future__ import annotations

import re
from dataclasses import dataclass

from guahao.flows.kernel.acting import acting
from guahao.flows.kernel.platform import Platform
from guahao.flows.reports.reports import reading
from guahao.rules.kernel.text import compact, prose
from guahao.rules.reports.scope import ReportScope
from guahao.rules.staff.staff import Staff
from guahao.store.fairness import draws as draw_store
from guahao.store.fairness import figures as store
from guahao.store.fairness import swaps as swap_store
from guahao.store.fairness.draws import DrawSessionRow
from guahao.store.fairness.figures import (
    ChannelFigures,
    DrawFigures,
    PersonsAPhone,
    Skips,
    TicketResult,
)
from guahao.store.fairness.swaps import Swaps
from guahao.store.kernel.views import SessionView
from guahao.store.reports.scope import Grouping
from guahao.store.supply import sessions as session_store

_TICKET = re.compile(r"[0-9a-f]{32}")
_SHOWN_OF_TICKET = 8  # in the trail: enough to find it again beside the draw's number


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the draws in a scope, and of returned places that were handed on.

    `waiters`: entries of a draw, the median of all draws.
    """

    draws: list[DrawFigures]
    waiters: int | None
    channels: list[ChannelFigures]
    skips: list[Skips]
    phones: list[PersonsAPhone]
    swaps: list[Swaps]


async def figures(platform: Platform, by: Staff, scope: ReportScope) -> Figures:
    """Count everything about the draws of the scope. For the city's staff."""
    assert by.hospital_id is None
    async with reading(platform, by) as tx:
        return Figures(
            await store.of_draws(tx, scope),
            await store.waiters(tx, scope),
            await store.by_channel(tx, scope),
            await store.skips(tx, scope),
            await store.persons_a_phone(tx, scope),
            await swap_store.count(tx, scope, Grouping.CHANNEL),
        )


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket's result, and the sessions of its draw by their number."""

    result: TicketResult
    sessions: dict[int, tuple[DrawSessionRow, SessionView | None]]


async def look_up_ticket(
    platform: Platform, by: Staff, draw_id: int, typed: str, reason: str
) -> Ticket | None:
    """Return what a ticket came to; None where the draw has no such ticket. It is in the trail."""
    assert by.hospital_id is None
    text = compact(typed).lower()
    async with acting(platform, by.who) as act:
        found = None
        if _TICKET.fullmatch(text):
            found = await store.result_of_ticket(act.tx, draw_id, bytes.fromhex(text))
        rows = [] if found is None else await draw_store.sessions(act.tx, draw_id)
        views = await session_store.by_ids(act.tx, [row.clinic_session_id for row in rows])
        by_id = {view.id: view for view in views}
        await act.record(
            "look_up_ticket",
            ("draw", draw_id),
            reason=prose(reason),
            detail={"ticket": text[:_SHOWN_OF_TICKET], "registered": found is not None},
        )
    if found is None:
        return None
    return Ticket(found, {row.number: (row, by_id.get(row.clinic_session_id)) for row in rows})
