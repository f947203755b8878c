"""Liveness and readiness of this process: whether it has a primary and its booking desk works."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.flows.operations.status import STUCK_SECONDS
from guahao.store.kernel.db import DatabaseState
from guahao.web.framework.metrics import exposition
from guahao.web.framework.problems import RETRY_SECONDS, problem_answer
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.reading import ApiRequest
from guahao.web.monitoring.facts_metrics import facts_exposition
from guahao.web.words.language import reader_language
from guahao.web.words.replies import Replies

_DATABASE_SECONDS = 1.5


class Health(msgspec.Struct):
    """The response of a live process."""

    status: str = "ok"


class Readiness(msgspec.Struct):
    """Whether a process can serve, or why not."""

    reasons: list[str]  # empty where it can serve
    oldest_request_seconds: float  # of the request that waits longest at the desk
    status: str = "ok"


async def readiness(platform: Platform, desk: Desk) -> Readiness:
    """Check in less than two seconds whether this process can serve.

    The reasons are codes for an operator: `clock`, `database_away`, `database_read_only`,
    `desk_stuck`.
    """
    reasons = []
    watch = platform.db.watch
    if watch is not None and watch.is_wrong:
        reasons.append("clock")
    if not await platform.db.is_writable(_DATABASE_SECONDS):
        is_read_only = platform.db.state is DatabaseState.READ_ONLY
        reasons.append("database_read_only" if is_read_only else "database_away")
    oldest_seconds = desk.oldest_seconds
    if oldest_seconds > STUCK_SECONDS:
        reasons.append("desk_stuck")
    status = "unavailable" if reasons else "ok"
    return Readiness(reasons, round(oldest_seconds, 3), status)


def health_routes(platform: Platform, desk: Desk, replies: Replies) -> list[HTTPRouteHandler]:
    """Return /health/live, /health/ready and, in a demo without a port for it, /metrics."""

    @get("/health/live")
    async def live() -> ASGIApp:
        return json_answer(Health())

    @get("/health/ready")
    async def ready(request: ApiRequest) -> ASGIApp:
        found = await readiness(platform, desk)
        if not found.reasons:
            return json_answer(found)
        problem = replies.problem(
            "unavailable",
            reader_language(request.scope),
            retry_after_seconds=RETRY_SECONDS,
        )
        return problem_answer(request.scope, problem, reasons=found.reasons)

    @get("/metrics")
    async def metrics() -> ASGIApp:
        body, content_type = all_metrics(platform)
        return Answer(200, body, [(b"content-type", content_type.encode())])

    settings = platform.settings
    public = settings.demo and settings.metrics_port is None
    return [live, ready, metrics] if public else [live, ready]


def all_metrics(platform: Platform) -> tuple[bytes, str]:
    """Return all metrics of all processes and their content type, even during outages."""
    body, content_type = exposition()
    return body + facts_exposition(platform), content_type
