"""Read draws: what is public of each, its file, the log, and an applicant's own entries."""

from __future__ import annotations

from guahao.flows.fairness.publishing import file_of
from guahao.flows.kernel.platform import Platform
from guahao.store.fairness import draws as store


async def proof_file(platform: Platform, draw_id: int) -> str | None:
    """Return the public file of a finished draw; None if there is none."""
    async with platform.db.transaction() as tx:
        draw = await store.get(tx, draw_id)
        if draw is None or draw.state != "done":
            return None
        return "".join([line async for line in file_of(tx, draw)])
