"""Ask the outside witnesses of a draw for the values that it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
import structlog

from guahao.rules.fairness.drawing import link_back
from guahao.rules.fairness.witnessing import Witness, value_at
from guahao.store.fairness.draws import DrawRow

# For each source the number of the value that was used, and the value; None: it gave none.
Values = list[tuple[int, bytes | None]]

_TIMEOUT_SECONDS = 5.0
_ANSWER_BYTES = 1000


@dataclass(frozen=True, slots=True)
class _Known:
    """A value that belongs to its chain, from which all earlier ones follow."""

    index: int
    value: bytes


# The newest value of each chain that this process has seen: of 300 draws at one moment only the
# first asks, and no chain is computed from its beginning twice.
_newest: dict[bytes, _Known] = {}
log = structlog.get_logger(__name__)


async def ask(witnesses: Sequence[Witness], draw: DrawRow, now: datetime) -> Values | None:
    """Return the values of a draw's sources, in their order; None while one is still waited for.

    A source that is no longer among the settings, or that was waited for long enough, gives none.
    """
    known = {witness.first: witness for witness in witnesses}
    asked: list[tuple[Witness, int] | None] = []
    for first, index in zip(draw.source_firsts, draw.source_indexes, strict=True):
        witness = known.get(bytes(first))
        number = None if witness is None else value_at(witness, index, draw.draw_at, now)
        asked.append(None if witness is None or number is None else (witness, number))
    found = await asyncio.gather(*(_value(*source) for source in asked if source is not None))
    if any(value is None for value in found):
        return None
    values = iter(found)
    return [(0, None) if source is None else (source[1], next(values)) for source in asked]


async def _value(witness: Witness, index: int) -> bytes | None:
    """Return a value of a witness; None if it gives none that belongs to its chain."""
    known = _newest.get(witness.first, _Known(0, witness.first))
    if index <= known.index:
        return link_back(known.value, known.index - index)
    try:
        value = await _fetch(witness, index)
    except (httpx.HTTPError, ValueError) as error:
        log.warning("witness_silent", witness=witness.name, error=type(error).__name__)
        return None
    if link_back(value, index - known.index) != known.value:
        log.warning("witness_wrong", witness=witness.name, index=index)
        return None
    _newest[witness.first] = _Known(index, value)
    return value


async def _fetch(witness: Witness, index: int) -> bytes:
    """Ask a witness over HTTP; raises ValueError for an answer that is none."""
    body = b""
    async with (
        httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client,
        client.stream("GET", f"{witness.url}/{index}") as answer,
    ):
        answer.raise_for_status()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > _ANSWER_BYTES:
                raise ValueError("too long")
    number, value = body.decode("ascii").split()
    if number != str(index):
        raise ValueError("another value")
    return bytes.fromhex(value)
