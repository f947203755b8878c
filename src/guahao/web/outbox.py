"""/demo/outbox: what the demo would have sent, as JSON or as a page. Demo mode only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from jinja2 import Environment, FileSystemLoader
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.outbox import read_outbox
from guahao.flows.platform import Platform
from guahao.rules.limits import CITY_TIME
from guahao.web.answers import Answer, json_answer
from guahao.web.reading import ApiRequest, ShortText, header, read_query

_TEMPLATES = Path(__file__).parent / "templates"


class OutboxQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Whose messages, and how many."""

    to: ShortText | UnsetType = UNSET
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class MessageOut(msgspec.Struct):
    """One message."""

    to: str
    kind: str
    text: str
    sent_at: str


class MessageList(msgspec.Struct):
    """Newest first."""

    items: list[MessageOut]
    next: str | None = None


def outbox_routes(platform: Platform) -> list[HTTPRouteHandler]:
    """GET /demo/outbox; nothing in production."""
    if not platform.settings.demo:
        return []
    page = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True).get_template(
        "outbox.html"
    )

    @get("/demo/outbox")
    async def outbox(request: ApiRequest) -> ASGIApp:
        query = read_query(request, OutboxQuery)
        found = await read_outbox(platform, query.to or None, query.limit)
        items = [
            MessageOut(
                item.to.removeprefix("+86"),  # as people write it
                item.kind,
                item.text,
                item.sent_at.astimezone(CITY_TIME).isoformat(timespec="seconds"),
            )
            for item in found
        ]
        if b"text/html" not in (header(request.scope, b"accept") or b""):
            return json_answer(MessageList(items))
        html = page.render(items=items, to=query.to or "")
        return Answer(
            200,
            html.encode(),
            [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")],
        )

    return [outbox]
