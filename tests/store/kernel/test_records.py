"""Rows of a statement as records: frozen dataclasses whose fields the columns are named after."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date

import pytest
from tests.city import Clock, open_platform
from tests.supply import at

from guahao.flows.kernel.platform import Platform

SPANS = """
    SELECT %(first)s::date + n AS day, n AS number FROM generate_series(0, %(last)s) n
    ORDER BY n
"""


@dataclass(frozen=True, slots=True)
class Span:
    number: int
    day: date


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock(at("2026-11-23T10:00"))) as opened:
        yield opened


async def test_rows_become_records_by_the_names_of_their_columns(platform: Platform) -> None:
    first = date(2026, 11, 30)
    async with platform.db.transaction() as tx:
        found = await tx.records(Span, SPANS, {"first": first, "last": 1})
        assert found == [Span(0, first), Span(1, date(2026, 12, 1))]
        assert await tx.record(Span, SPANS, {"first": first, "last": 0}) == Span(0, first)
        assert await tx.record(Span, SPANS, {"first": first, "last": -1}) is None
        assert await tx.records(Span, SPANS, {"first": first, "last": -1}) == []
