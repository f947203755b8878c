"""Ask the relays of drand for a round, and check that its network signed what they show."""

from __future__ import annotations

import asyncio
from typing import Annotated

import httpx
import msgspec
import structlog
from msgspec import Meta

from guahao.rules.fairness.beacon import Beacon, Drand, is_signed

_TIMEOUT_SECONDS = 5.0
_ANSWER_BYTES = 4000
# The last round of each chain that was fetched: of 300 draws at one moment only the first asks.
_newest: dict[bytes, tuple[int, bytes]] = {}
log = structlog.get_logger(__name__)


class _Round(msgspec.Struct):
    """What a relay shows of a round; what else it says follows from this."""

    round: int
    signature: Annotated[str, Meta(pattern="^[0-9a-f]{96}$")]


async def fetch(drand: Drand, index: int) -> bytes | None:
    """Return the signature of a round by the first relay that shows it; None if none does."""
    known = _newest.get(drand.first)
    if known is not None and known[0] == index:
        return known[1]
    asking = [asyncio.ensure_future(_shown(relay, drand.beacon, index)) for relay in drand.relays]
    try:
        for answer in asyncio.as_completed(asking):
            signature = await answer
            if signature is not None:
                _newest[drand.first] = index, signature
                return signature
    finally:
        for task in asking:
            task.cancel()
    return None


async def _shown(relay: str, beacon: Beacon, index: int) -> bytes | None:
    """Return the signature that a relay shows, if the network of the chain made it."""
    try:
        body = await read(f"{relay}/{beacon.chain.hex()}/public/{index}", _ANSWER_BYTES)
        shown = msgspec.json.decode(body, type=_Round)
    except Exception as error:  # noqa: BLE001 - no answer of a stranger may stop a draw
        log.warning("beacon_silent", relay=relay, error=type(error).__name__)
        return None
    signature = bytes.fromhex(shown.signature)
    # Half a second of pure Python: beside the loop, which serves other draws meanwhile.
    if shown.round != index or not await asyncio.to_thread(is_signed, beacon, index, signature):
        log.warning("beacon_wrong", relay=relay, index=index)
        return None
    return signature


async def read(url: str, most: int) -> bytes:
    """Return what stands at an address.

    Raises ValueError where it is longer than so many bytes, TimeoutError where it does not come in
    time, and what httpx raises.
    """
    body = b""
    async with (
        asyncio.timeout(_TIMEOUT_SECONDS),  # of all: httpx waits as long for each part again
        httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client,
        client.stream("GET", url) as answer,
    ):
        answer.raise_for_status()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > most:
                raise ValueError("too long")
    return body
