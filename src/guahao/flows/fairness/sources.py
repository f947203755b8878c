"""Ask the outside sources of a draw for the values that it waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog

from guahao.flows.fairness import beacons
from guahao.rules.fairness.beacon import Drand, value_of
from guahao.rules.fairness.drawing import link_back
from guahao.rules.fairness.witnessing import Witness, value_at
from guahao.settings import Settings
from guahao.store.fairness.draws import DrawRow

_ANSWER_BYTES = 1000


@dataclass(frozen=True, slots=True)
class SourceValue:
    """A value that a source gave, and its number; `signature`: of a round of drand."""

    index: int
    value: bytes
    signature: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A value that belongs to its chain, from which all earlier ones follow."""

    index: int
    value: bytes


# The newest value of each chain that this process has seen: of 300 draws at one moment only the
# first asks, and no chain is computed from its beginning twice.
_newest: dict[bytes, _Known] = {}
log = structlog.get_logger(__name__)


async def ask(settings: Settings, draw: DrawRow, now: datetime) -> list[SourceValue | None] | None:
    """Return what a draw's sources give, in their order; None while one is still waited for.

    A source that is no longer among the settings, or that was waited for long enough, gives none.
    """
    assert draw.closed_at is not None
    known: dict[bytes, Witness | Drand] = {w.first: w for w in settings.fairness_witnesses}
    if settings.fairness_drand is not None:
        known[settings.fairness_drand.first] = settings.fairness_drand
    asked: list[tuple[Witness | Drand, int] | None] = []
    for first, index in zip(draw.source_firsts, draw.source_indexes, strict=True):
        source = known.get(bytes(first))
        number = None
        if source is not None:
            number = value_at(source, index, draw.closed_at, draw.draw_at, now)
        asked.append(None if source is None or number is None else (source, number))
    found = await asyncio.gather(*(_given(*source) for source in asked if source is not None))
    if any(given is None for given in found):
        return None
    given = iter(found)
    return [None if source is None else next(given) for source in asked]


async def _given(source: Witness | Drand, index: int) -> SourceValue | None:
    if isinstance(source, Drand):
        signature = await beacons.fetch(source, index)
        return None if signature is None else SourceValue(index, value_of(signature), signature)
    value = await _value(source, index)
    return None if value is None else SourceValue(index, value)


async def _value(witness: Witness, index: int) -> bytes | None:
    """Return a value of a witness; None if it gives none that belongs to its chain."""
    known = _newest.get(witness.first, _Known(0, witness.first))
    if index <= known.index:
        return link_back(known.value, known.index - index)
    try:
        value = await _fetch(witness, index)
    except Exception as error:  # noqa: BLE001 - no answer of a stranger may stop a draw
        log.warning("witness_silent", witness=witness.name, error=type(error).__name__)
        return None
    if link_back(value, index - known.index) != known.value:
        log.warning("witness_wrong", witness=witness.name, index=index)
        return None
    _newest[witness.first] = _Known(index, value)
    return value


async def _fetch(witness: Witness, index: int) -> bytes:
    """Ask a witness over HTTP; raises ValueError for an answer that is none."""
    body = await beacons.read(f"{witness.url}/{index}", _ANSWER_BYTES)
    number, value = body.decode("ascii").split()
    if number != str(index):
        raise ValueError("another value")
    return bytes.fromhex(value)
