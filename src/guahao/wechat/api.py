"""Call WeChat's API over HTTP. Every call succeeds or raises WeChatError or UnreachableError."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

API_BASE = "https://api.weixin.qq.com"
TOKEN_EXPIRED = frozenset({40001, 42001})

_AUTHORIZE_BASE = "https://open.weixin.qq.com"
_TIMEOUT_SECONDS = 8.0
_CONNECT_SECONDS = 3.0

Query = Mapping[str, str]

# It logs URLs, and WeChat's contain the access token and the secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


class WeChatError(Exception):
    """WeChat refused the call; `code` is its errcode."""

    def __init__(self, code: int) -> None:
        super().__init__(f"WeChat refused the call with errcode {code}")
        self.code = code


class UnreachableError(Exception):
    """WeChat gave no readable answer. `asked`: it may have carried out the request."""

    def __init__(self, *, asked: bool) -> None:
        super().__init__("WeChat gave no answer that can be read")
        self.asked = asked


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token and its remaining seconds."""

    value: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user who returned from the authorize page; a snapshot page has no real user."""

    openid: str
    is_snapshot: bool


class Button(msgspec.Struct, omit_defaults=True):
    """A button of the menu: `view` opens a page, `click` sends its key to the callback."""

    name: str
    type: str
    url: str = ""
    key: str = ""


class Template(msgspec.Struct):
    """A template message: `data` by the template's own field names."""

    touser: str
    template_id: str
    url: str
    data: Mapping[str, Mapping[str, str]]
    client_msg_id: str


class Api:
    """WeChat's API for an account. Close it after use."""

    def __init__(self, appid: str, secret: str, base: str = API_BASE) -> None:
        self.appid = appid
        self._secret = secret
        self._base = base.rstrip("/")
        timeout = httpx.Timeout(_TIMEOUT_SECONDS, connect=_CONNECT_SECONDS)
        self._client = httpx.AsyncClient(base_url=self._base, timeout=timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def stable_token(self, *, force: bool) -> AccessToken:
        """Return the account's access token; `force` makes WeChat issue a new one (20 a day)."""
        asked = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self._secret,
            "force_refresh": force,
        }
        answer = await self._call("POST", "/cgi-bin/stable_token", body=asked)
        return AccessToken(_text(answer, "access_token"), _number(answer, "expires_in"))

    async def create_menu(self, token: str, buttons: Sequence[Button]) -> None:
        """Replace the account's menu: one to three buttons."""
        query = {"access_token": token}
        await self._call("POST", "/cgi-bin/menu/create", query, {"button": buttons})

    async def send_template(self, token: str, message: Template) -> None:
        """Send a template message. The same client_msg_id within 10 minutes is sent once."""
        query = {"access_token": token}
        await self._call("POST", "/cgi-bin/message/template/send", query, message)

    async def send_text(self, token: str, openid: str, text: str) -> None:
        """Send a customer-service message to a user who wrote within the last 48 hours."""
        body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        query = {"access_token": token}
        await self._call("POST", "/cgi-bin/message/custom/send", query, body)

    async def visitor(self, code: str) -> Visitor:
        """Return the user of a code, which is accepted once."""
        query = {"appid": self.appid, "secret": self._secret, "code": code}
        query["grant_type"] = "authorization_code"
        answer = await self._call("GET", "/sns/oauth2/access_token", query)
        return Visitor(_text(answer, "openid"), answer.get("is_snapshotuser") == 1)

    def authorize_url(self, return_url: str, state: str) -> str:
        """Return the address to which a browser goes to be identified, silently (snsapi_base)."""
        # A stand-in serves both of WeChat's hosts.
        base = _AUTHORIZE_BASE if self._base == API_BASE else self._base
        query = {"appid": self.appid, "redirect_uri": return_url, "response_type": "code"}
        query |= {"scope": "snsapi_base", "state": state}
        return f"{base}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"

    async def _call(
        self, method: str, path: str, query: Query | None = None, body: object = None
    ) -> dict[str, Any]:
        # Not httpx's JSON, because WeChat shows escaped characters unchanged.
        content = None if body is None else msgspec.json.encode(body)
        headers = {"content-type": "application/json"} if content else {}
        try:
            response = await self._client.request(
                method, path, params=query, content=content, headers=headers
            )
            answer = msgspec.json.decode(response.content, type=dict[str, Any])
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise UnreachableError(asked=False) from None
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError):
            raise UnreachableError(asked=True) from None
        code = answer.get("errcode", 0)
        if code != 0 or not response.is_success:
            raise WeChatError(code) if code else UnreachableError(asked=True)
        return answer


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise UnreachableError(asked=True)
    return value


def _number(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or value <= 0:
        raise UnreachableError(asked=True)
    return value
