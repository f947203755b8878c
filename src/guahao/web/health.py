"""Whether this process lives, and whether it can serve (its database answers)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from psycopg import OperationalError

from guahao.flows.platform import Platform
from guahao.web.answers import Answer, json_answer
from guahao.web.language import reader_language
from guahao.web.metrics import exposition
from guahao.web.problems import RETRY_SECONDS, problem_answer
from guahao.web.push_metrics import push_exposition
from guahao.web.reading import ApiRequest
from guahao.web.replies import Replies

_DATABASE_SECONDS = 3


class Health(msgspec.Struct):
    """The answer of a healthy process."""

    status: str = "ok"


def health_routes(platform: Platform, replies: Replies) -> list[HTTPRouteHandler]:
    """Return /health/live, /health/ready and, in a demo without a port for it, /metrics."""

    @get("/health/live")
    async def live() -> ASGIApp:
        return json_answer(Health())

    @get("/health/ready")
    async def ready(request: ApiRequest) -> ASGIApp:
        if await is_ready(platform):
            return json_answer(Health())
        problem = replies.problem(
            "unavailable",
            reader_language(request.scope),
            retry_after_seconds=RETRY_SECONDS,
        )
        return problem_answer(request.scope, problem)

    @get("/metrics")
    async def metrics() -> ASGIApp:
        body, content_type = await all_metrics(platform)
        return Answer(200, body, [(b"content-type", content_type.encode())])

    settings = platform.settings
    public = settings.demo and settings.metrics_port is None
    return [live, ready, metrics] if public else [live, ready]


async def is_ready(platform: Platform) -> bool:
    """Whether the database answers in time."""
    try:
        async with asyncio.timeout(_DATABASE_SECONDS), platform.db.transaction():
            return True
    except (OperationalError, TimeoutError):
        return False


async def all_metrics(platform: Platform) -> tuple[bytes, str]:
    """All metrics of all processes, and their content type.

    Without its database a process still tells of itself.
    """
    body, content_type = exposition()
    with suppress(OperationalError, TimeoutError):
        async with asyncio.timeout(_DATABASE_SECONDS):
            body += await push_exposition(platform)
    return body, content_type
