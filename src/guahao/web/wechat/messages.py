"""WeChat's callback; requests without its signature are refused with 403."""

from __future__ import annotations

import asyncio
import secrets
from typing import assert_never
from urllib.parse import parse_qsl

import structlog
from litestar.types import Scope
from psycopg import OperationalError

from guahao.flows.messages.wechat import Replayed, WechatReply, receive
from guahao.security_log import SecurityEvent, note
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest
from guahao.web.wechat.services import Services
from guahao.web.wechat.words import OUT_OF_SERVICE, Card, say
from guahao.wechat.callback import TAKEN, Incoming, RefusedError, refuse_stale
from guahao.wechat.xml import Article, news, write_fields

BODY_BYTES_MAX = 64 * 1024
ANSWER_SECONDS = 3  # of the five that WeChat waits

_QUERY_BYTES_MAX = 2048
_QUERY_FIELDS_MAX = 20
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_XML = (b"content-type", b"application/xml; charset=utf-8")
_NO_STORE = (b"cache-control", b"no-store")

_log = structlog.get_logger("guahao.web")


def answer_check(services: Services, request: ApiRequest) -> Answer:
    """Answer the server check by which WeChat verifies that the callback is ours."""
    try:
        echo = services.connection.callback.check(_query(request.scope))
    except RefusedError:
        return _refused(request)
    return Answer(200, echo.encode(), [_TEXT, _NO_STORE])


class Messages:
    """Replies to messages, in the response or, where that takes too long, afterwards."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._late: set[asyncio.Task[None]] = set()  # else garbage-collected

    async def answer(self, request: ApiRequest) -> Answer:
        """Handle a request from WeChat."""
        now = self._services.platform.db.clock().timestamp()
        try:
            query = _query(request.scope)
            refuse_stale(query, now)
            message = self._services.connection.callback.read(query, await _body(request), now)
        except RefusedError:
            return _refused(request)
        working = asyncio.create_task(receive(self._services.platform, message))
        done, _ = await asyncio.wait({working}, timeout=ANSWER_SECONDS)
        if not done:
            self._reply_later(working, message.sender)
            return _accepted()
        try:
            reply = working.result()
        except OperationalError:
            if message.event:
                raise  # WeChat sends it again
            _log.warning("wechat_database_unavailable")
            return self._written(message, OUT_OF_SERVICE, int(now))
        match reply:
            case WechatReply():
                return self._replied(message, reply, int(now))
            case None:
                return _accepted()
            case Replayed():
                return _refused(request)
            case never:
                assert_never(never)

    def _replied(self, message: Incoming, reply: WechatReply, now: int) -> Answer:
        return self._written(
            message, say(self._services.platform, reply, self._services.refused_text), now
        )

    def _written(self, message: Incoming, said: str | Card, now: int) -> Answer:
        xml = _written(message, said, now)
        body = self._services.connection.callback.reply(xml, now, secrets.token_hex(8))
        return Answer(200, body.encode(), [_XML, _NO_STORE])

    def _reply_later(
        self, working: asyncio.Task[WechatReply | Replayed | None], openid: str
    ) -> None:
        late = asyncio.create_task(self._answer_late(working, openid))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    async def _answer_late(
        self, working: asyncio.Task[WechatReply | Replayed | None], openid: str
    ) -> None:
        """Send the reply as a customer-service message, since WeChat no longer waits for it."""
        try:
            match await working:
                case WechatReply() as reply:
                    said = say(self._services.platform, reply, self._services.refused_text)
                    text = said.as_text() if isinstance(said, Card) else said
                    await self._services.connection.follow_up(openid, text)
                case Replayed() | None:
                    pass
                case never:
                    assert_never(never)
        except Exception as error:  # noqa: BLE001 - no caller is left to raise to
            _log.error("wechat_reply_failed", exc_info=error)


def _written(message: Incoming, said: str | Card, now: int) -> str:
    """Write the reply as XML, with sender and receiver swapped."""
    fields: dict[str, str | int] = {
        "ToUserName": message.sender,
        "FromUserName": message.receiver,
        "CreateTime": now,
    }
    if isinstance(said, Card):
        return news(fields, [Article(said.title, said.description, said.url)])
    return write_fields({**fields, "MsgType": "text", "Content": said})


def _query(scope: Scope) -> dict[str, str]:
    raw = scope["query_string"]
    if len(raw) > _QUERY_BYTES_MAX:
        raise RefusedError
    try:
        pairs = parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:  # no ASCII, no UTF-8, or too many fields
        raise RefusedError from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise RefusedError  # a repeated field is ambiguous between parsers
    return query


async def _body(request: ApiRequest) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        part = await request.receive()
        if part["type"] != "http.request":
            raise RefusedError
        size += len(part["body"])
        if size > BODY_BYTES_MAX:
            raise RefusedError
        parts.append(part["body"])
        more = part.get("more_body", False)
    return b"".join(parts)


def _accepted() -> Answer:
    return Answer(200, TAKEN.encode(), [_TEXT, _NO_STORE])


def _refused(request: ApiRequest) -> Answer:
    note(request.scope, SecurityEvent.SIGNATURE_WRONG)
    return Answer(403, b"refused", [_TEXT, _NO_STORE])
