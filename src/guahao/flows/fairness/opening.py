"""Open draws: bind the platform to a secret before anybody knows who enters."""

from __future__ import annotations

import secrets
from datetime import timedelta

import structlog

from guahao.flows.fairness.publishing import moment, sources_of
from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.drawing import commitment_to
from guahao.rules.fairness.proof import opened_lines
from guahao.rules.fairness.returning import AMENDED_UNTIL, DrawKind, applications_until
from guahao.rules.fairness.sensitive import is_sensitive
from guahao.rules.fairness.witnessing import value_for
from guahao.store.fairness import draws as store
from guahao.store.fairness import log as log_store
from guahao.store.fairness.draws import DrawToOpen, NewDraw
from guahao.store.kernel.db import Tx
from guahao.store.kernel.ids import next_id
from guahao.store.kernel.queue import defer

_SECRET_BYTES = 32
log = structlog.get_logger(__name__)
_BEFORE_LAST_AMENDMENT = timedelta(seconds=10)  # for a worker that is a little late


async def open_draws(platform: Platform) -> None:
    """Open every draw that places wait for, each in its own transaction.

    A draw that cannot be opened keeps no other waiting.
    """
    async with platform.db.transaction() as tx:
        waiting = await store.to_open(tx)
    errors = []
    for places in waiting:
        try:
            async with platform.db.transaction() as tx:
                await _open(tx, platform, places)
        except Exception as error:  # noqa: BLE001 - raised once the others had their turn
            log.error(
                "draw_not_opened",
                department_id=places.department_id,
                draw_at=places.draw_at.isoformat(),
                error=type(error).__name__,
            )
            errors.append(error)
    if errors:
        raise errors[0]


async def _open(tx: Tx, platform: Platform, places: DrawToOpen) -> None:
    """Open a draw, unless another worker has; a job is deferred to each of its next steps."""
    id, secret = await next_id(tx, "draws"), secrets.token_bytes(_SECRET_BYTES)
    closes_at = applications_until(DrawKind(places.kind), places.draw_at)
    sources = [
        (witness.first, index)
        for witness in platform.settings.fairness_witnesses
        if (index := value_for(witness, closes_at, places.draw_at)) is not None
    ]
    drand, beacon = platform.settings.fairness_drand, None
    if drand is not None:
        index = value_for(drand, closes_at, places.draw_at)
        if index is not None:
            sources.append((drand.first, index))
            beacon = drand.beacon.words
    policy = (await platform.policies.read(tx)).on(tx.now.date())
    new = NewDraw(
        id,
        places.hospital_id,
        places.department_id,
        places.kind,
        places.draw_at,
        closes_at,
        commitment_to(secret),
        platform.vault.seal("draws", "secret", id, secret.hex()),
        sources,
        beacon,
        policy.long_waits_percent,
        is_sensitive(places.code, *places.names),
    )
    if not await store.open_draw(tx, new):
        return
    for due in (closes_at, places.draw_at - AMENDED_UNTIL - _BEFORE_LAST_AMENDMENT, places.draw_at):
        await defer(tx, "advance_draw", at=due, draw_id=id)
    lines = opened_lines(moment(tx.now), new.commitment, sources_of(sources, beacon))
    where = f"of {places.hospital_id} {places.department_id} {places.kind} {moment(places.draw_at)}"
    await log_store.append(tx, platform.vault, id, [where, *lines])
