"""/demo/outbox: the messages that the demo would have sent, as JSON or a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.messages.outbox import read_outbox
from guahao.rules.kernel.limits import CITY_TIME
from guahao.store.messages.messages import OutboxItem
from guahao.web.citizens import Services
from guahao.web.citizens.page import Page
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest, ShortText, header, read_query

# Highlighted in a message: an identification code or a one-time password.
_CODE = re.compile(r"(?<!\d)(\d{4} \d{4}|\d{6})(?!\d)")


class OutboxQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The recipient and the number of messages."""

    to: ShortText | UnsetType = UNSET
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class MessageOut(msgspec.Struct):
    """A message."""

    to: str
    kind: str
    text: str
    sent_at: str


class MessageList(msgspec.Struct):
    """The messages, newest first."""

    items: list[MessageOut]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class _Bubble:
    """A message on the page. Of its `parts`, every second is a code."""

    to: str
    parts: list[str]
    time: str
    moment: str


def outbox_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the route GET /demo/outbox; none in production."""
    if not services.platform.settings.demo:
        return []

    @get("/demo/outbox")
    async def outbox(request: ApiRequest) -> ASGIApp:
        query = read_query(request, OutboxQuery)
        found = await read_outbox(services.platform, query.to or None, query.limit)
        if b"text/html" not in (header(request.scope, b"accept") or b""):
            return json_answer(
                MessageList(
                    [
                        MessageOut(_as_written(item.to), item.kind, item.text, _iso(item))
                        for item in found
                    ]
                )
            )
        page = Page(services, request)
        bubbles = []
        for item in found:
            text, sent_at = _CODE.split(item.text), page.time(item.sent_at)
            bubbles.append(_Bubble(_as_written(item.to), text, sent_at, _iso(item)))
        return page.render("outbox.html", to=query.to or "", phones=_phones(bubbles))

    return [outbox]


def _phones(bubbles: Sequence[_Bubble]) -> dict[str, list[_Bubble]]:
    """Group messages by phone; phones and their messages are sorted newest first."""
    phones: dict[str, list[_Bubble]] = {}
    for bubble in bubbles:
        phones.setdefault(bubble.to, []).append(bubble)
    return phones


def _as_written(phone: str) -> str:
    """Write a phone number as people do."""
    return phone.removeprefix("+86")


def _iso(item: OutboxItem) -> str:
    return item.sent_at.astimezone(CITY_TIME).isoformat(timespec="seconds")
