"""Read draws: what is public of each, its file, the log, and an applicant's own entries."""

from __future__ import annotations

from guahao.flows.fairness.publishing import file_of
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.log import BEGINNING, write
from guahao.store.fairness import draws as store
from guahao.store.fairness import log as log_store

LOG_LINES = 20_000  # in one part of the log


async def proof_file(platform: Platform, draw_id: int) -> str | None:
    """Return the public file of a finished draw; None if there is none."""
    async with platform.db.transaction() as tx:
        draw = await store.get(tx, draw_id)
        if draw is None or draw.state != "done":
            return None
        return "".join([line async for line in file_of(tx, draw)])


async def log(platform: Platform, after_seq: int = 0, limit: int = LOG_LINES) -> str | None:
    """Return the part of the public log after a line, signed; None if there is no such line.

    Each part ends with a signed head of its own, so that a reader who keeps up has the whole log.
    """
    async with platform.db.transaction() as tx:
        after = await log_store.hash_of(tx, after_seq) if after_seq else BEGINNING
        if after is None:
            return None
        lines = await log_store.lines_after(tx, after_seq, limit)
    seq, last = (lines[-1].seq, lines[-1].hash) if lines else (after_seq, after)
    return write(
        (after_seq, after),
        [(line.seq, line.line, line.hash) for line in lines],
        log_store.signature(platform.vault, seq, last),
    )
