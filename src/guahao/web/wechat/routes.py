"""GET and POST /wechat, GET /wechat/login, GET /wechat/return."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.web.http.reading import ApiRequest
from guahao.web.wechat.login import begin_login, end_login
from guahao.web.wechat.messages import Messages, answer_check
from guahao.web.wechat.services import Services


def routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes for WeChat and for browsers that it redirects."""
    messages = Messages(services)

    @get("/wechat")
    async def check(request: ApiRequest) -> ASGIApp:
        return answer_check(services, request)

    @post("/wechat", status_code=200)
    async def message(request: ApiRequest) -> ASGIApp:
        return await messages.answer(request)

    @get("/wechat/login")
    async def login(request: ApiRequest) -> ASGIApp:
        return begin_login(services, request)

    @get("/wechat/return")
    async def returned(request: ApiRequest) -> ASGIApp:
        return await end_login(services, request)

    return [check, message, login, returned]
