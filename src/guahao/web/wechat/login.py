"""Logging in through WeChat (OAuth, snsapi_base), without a prompt once the phone is known.

A sealed cookie binds the state to the browser; state and code can be used once. Users without a
verified phone continue to the login page, where a one-time password binds phone and WeChat user.
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import parse_qsl, urlencode

from litestar.types import Scope

from guahao.flows.messages.wechat import account_of, use_return
from guahao.web.http.answers import Answer, redirect_answer
from guahao.web.http.reading import ApiRequest
from guahao.web.http.wechat_link import login_under_way, pending_openid, save_login, save_openid
from guahao.web.wechat.services import Services
from guahao.wechat.api import UnreachableError, WeChatError
from guahao.words.text import Words

_HOME = "/"
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,500}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,512}")

_EXPIRED = Words("登录没有完成：时间过长，或这个链接已经用过。请重新开始。")
_SNAPSHOT = Words(
    "您正在使用微信的快照页模式，无法登录。请点击页面下方的“使用完整服务”，再重新开始。"
)
_UNREACHABLE = Words("微信暂时没有回应。请稍后重新开始，或用手机号和验证码登录。")


def begin_login(services: Services, request: ApiRequest) -> Answer:
    """Redirect the browser to WeChat; `next` is the path to return to afterwards."""
    state = secrets.token_hex(16)
    url = services.connection.api.authorize_url(f"{services.base}/wechat/return", state)
    wanted = _query(request.scope).get("next", _HOME)
    next_path = wanted if _LOCAL.fullmatch(wanted) else _HOME
    return redirect_answer(url, [save_login(services.platform, request.scope, state, next_path)])


async def end_login(services: Services, request: ApiRequest) -> Answer:
    """Log in the browser that returns from WeChat with a code."""
    platform, scope = services.platform, request.scope
    query = _query(scope)
    state, code = query.get("state", ""), query.get("code", "")
    login = login_under_way(platform, scope, state)
    if login is None:
        return await _again(services, scope) or services.failed_page(request, 403, _EXPIRED, _HOME)
    if _CODE.fullmatch(code) is None or not await use_return(platform, state, code):
        again = await _again(services, scope, login.next)
        return again or services.failed_page(request, 403, _EXPIRED, login.next)
    try:
        visitor = await services.connection.api.visitor(code)
    except WeChatError:
        return services.failed_page(request, 403, _EXPIRED, login.next)
    except UnreachableError:
        return services.failed_page(request, 503, _UNREACHABLE, login.next)
    if visitor.is_snapshot:
        return services.failed_page(request, 403, _SNAPSHOT, login.next)
    return await _known(services, scope, visitor.openid, login.next)


async def _again(services: Services, scope: Scope, next_path: str = _HOME) -> Answer | None:
    """Redirect a browser that returns again, by a reload or the back button.

    None where the first return neither logged it in nor left a phone to verify.
    """
    if await services.is_logged_in(scope):
        return redirect_answer(next_path)
    if pending_openid(services.platform, scope) is not None:
        return redirect_answer(f"/login?{urlencode({'next': next_path})}")
    return None


async def _known(services: Services, scope: Scope, openid: str, next_path: str) -> Answer:
    account_id = await account_of(services.platform, openid)
    if account_id is not None:
        return redirect_answer(next_path, [await services.log_in(scope, account_id)])
    login_page = f"/login?{urlencode({'next': next_path})}"
    return redirect_answer(login_page, [save_openid(services.platform, openid)])


def _query(scope: Scope) -> dict[str, str]:
    """Parse the query string; a malformed one counts as empty."""
    try:
        return dict(parse_qsl(scope["query_string"].decode("ascii"), errors="strict"))
    except ValueError:
        return {}
