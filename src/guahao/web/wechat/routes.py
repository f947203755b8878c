"""GET and POST /wechat, GET /wechat/login, GET /wechat/return."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.web.http.reading import ApiRequest
from guahao.web.wechat.door import Door
from guahao.web.wechat.login import begin_login, end_login
from guahao.web.wechat.messages import Messages, answer_check


def routes(door: Door) -> list[HTTPRouteHandler]:
    """Everything that WeChat, or a browser that it sends, asks for."""
    messages = Messages(door)

    @get("/wechat")
    async def check(request: ApiRequest) -> ASGIApp:
        return answer_check(door, request)

    @post("/wechat", status_code=200)
    async def message(request: ApiRequest) -> ASGIApp:
        return await messages.answer(request)

    @get("/wechat/login")
    async def login(request: ApiRequest) -> ASGIApp:
        return begin_login(door, request)

    @get("/wechat/return")
    async def returned(request: ApiRequest) -> ASGIApp:
        return await end_login(door, request)

    return [check, message, login, returned]
