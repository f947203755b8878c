"""Ask the outside witnesses of a draw for the values that it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import httpx
import structlog

from guahao.rules.fairness.drawing import is_in_chain
from guahao.rules.fairness.witnessing import Witness, value_at
from guahao.store.fairness.draws import DrawRow

# The number of the value that was asked for, and the value; None: the witness gives none.
Values = list[tuple[int, bytes | None]]

_TIMEOUT_SECONDS = 5.0
_ANSWER_BYTES = 1000
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
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
        found = await asyncio.gather(
            *(fetch(client, *source) for source in asked if source is not None)
        )
    if any(value is None for value in found):
        return None
    values = iter(found)
    return [(0, None) if source is None else (source[1], next(values)) for source in asked]


async def fetch(client: httpx.AsyncClient, witness: Witness, index: int) -> bytes | None:
    """Return a value of a witness over HTTP; None if it gives none that belongs to its chain."""
    try:
        answer = await client.get(f"{witness.url}/{index}")
        answer.raise_for_status()
        number, value = answer.text[:_ANSWER_BYTES].split()
        found = bytes.fromhex(value)
    except (httpx.HTTPError, ValueError) as error:
        log.warning("witness_silent", witness=witness.name, error=type(error).__name__)
        return None
    if number != str(index) or not is_in_chain(found, index, witness.first):
        log.warning("witness_wrong", witness=witness.name, index=index)
        return None
    return found
