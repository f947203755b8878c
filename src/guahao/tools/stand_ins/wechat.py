"""A stand-in for WeChat: an Official Account and a phone, speaking WeChat's protocol over HTTP.

For the demo and the tests. It demands what WeChat demands and refuses what WeChat refuses,
with its errcodes; `/` is the phone's chat with the account.
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import msgspec
from defusedxml.ElementTree import fromstring
from jinja2 import Environment, FileSystemLoader

from guahao.wechat.callback import TAKEN
from guahao.wechat.crypto import Envelope
from guahao.wechat.signature import is_signature, signature
from guahao.wechat.xml import Fields, read_fields, write_fields

OWNER = "o-stand-in-phone"
TOKEN_SECONDS = 7200
CODE_SECONDS = 300
OVERLAP_SECONDS = 300  # during which the old and the next access token are both accepted
KEY_SECONDS = 600  # within which a client_msg_id is sent once

_ACCOUNT_ID = "gh_stand_in"
_TOKEN_CHARACTERS = 512
_ANSWER_SECONDS = 5.0
_END_SECONDS = 0.05  # how often a server checks whether to stop; 0.5 by default
_BUTTONS_MAX = 3
_SUB_BUTTONS_MAX = 5
_NAME_BYTES_MAX = 16
_LONGEST = {"thing": 20, "character_string": 32, "phrase": 5, "name": 10}
_TEMPLATES = Path(__file__).parent

Clock = Callable[[], float]


class StandInError(Exception):
    """WeChat refuses the call, with this errcode."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode = errcode
        self.errmsg = errmsg


@dataclass(frozen=True, slots=True)
class Account:
    """An account's settings on WeChat; `aes_key` is None in plain mode."""

    appid: str
    secret: str
    token: str
    aes_key: str | None

    @staticmethod
    def invented() -> Account:
        """Return a new invented account."""
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        return Account(
            f"wx{secrets.token_hex(8)}", secrets.token_hex(16), secrets.token_hex(8), key
        )

    def request(self, fields: Fields, now: float) -> tuple[dict[str, str], bytes]:
        """Return a message as WeChat would send it: the query and the body."""
        timestamp, nonce, xml = str(int(now)), str(secrets.randbelow(10**9)), write_fields(fields)
        query = {
            "signature": signature(self.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "openid": str(fields.get("FromUserName", "")),
        }
        if self.aes_key is None:
            return query, xml.encode()
        sealed = Envelope(self.aes_key, self.appid).seal(xml)
        query["encrypt_type"] = "aes"
        query["msg_signature"] = signature(self.token, timestamp, nonce, sealed)
        body = write_fields({"ToUserName": _ACCOUNT_ID, "Encrypt": sealed})
        return query, body.encode()

    def reply(self, body: str) -> Bubble | None:
        """Return what the user sees of an answer; raise ValueError for WeChat's error."""
        if body in (TAKEN, ""):
            return None
        if self.aes_key is not None:
            outer = read_fields(body)
            sealed, signed = outer["Encrypt"], (outer["TimeStamp"], outer["Nonce"])
            if not is_signature(outer["MsgSignature"], self.token, *signed, sealed):
                raise ValueError("the reply's signature is wrong")
            body = Envelope(self.aes_key, self.appid).open(sealed)
        return _shown(body)


@dataclass(frozen=True, slots=True)
class Bubble:
    """A bubble of the chat. `cards`: title, description and address of each article."""

    text: str = ""
    cards: tuple[tuple[str, str, str], ...] = ()
    mine: bool = False


def _shown(xml: str) -> Bubble:
    document = fromstring(xml, forbid_dtd=True)
    if document.findtext("MsgType") == "text":
        return Bubble(text=document.findtext("Content") or "")
    names = ("Title", "Description", "Url")
    cards = (tuple(item.findtext(name) or "" for name in names) for item in document.iter("item"))
    return Bubble(cards=tuple((title, about, url) for title, about, url in cards))


@dataclass
class StandIn:
    """WeChat's state. `templates`: the fields of each template by its id."""

    account: Account
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clock: Clock = time.time
    callback_url: str = ""
    url: str = ""
    snapshot: bool = False
    menu: list[dict[str, Any]] = field(default_factory=list)
    chat: list[Bubble] = field(default_factory=list)
    followers: set[str] = field(default_factory=set)
    template_messages: list[dict[str, Any]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)  # the requested paths
    faults: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _tokens: dict[str, float] = field(default_factory=dict)  # and when each one expires
    _codes: dict[str, tuple[str, float]] = field(default_factory=dict)
    _sent: dict[str, float] = field(default_factory=dict)  # client_msg_ids and when
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # The API ----------------------------------------------------------------------------

    def call(self, method: str, path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        """Carry out a call of the API; raise StandInError if WeChat refuses it."""
        with self._lock:
            self.calls.append(path)
            if self.faults[path]:
                raise StandInError(self.faults[path].pop(0), "as was asked for")
            if (method, path) == ("GET", "/sns/oauth2/access_token"):
                return self._visitor(query)
            if method != "POST":
                raise StandInError(43002, "require POST method")
            given = _json(body)
            if path == "/cgi-bin/stable_token":
                return self._stable_token(given)
            if self._tokens.get(query.get("access_token", ""), 0) <= self.clock():
                raise StandInError(40001, "invalid credential, access_token is invalid")
            return self._with_token(path, given)

    def _with_token(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        match path:
            case "/cgi-bin/menu/create":
                return self._create_menu(given)
            case "/cgi-bin/message/template/send":
                return self._send_template(given)
            case "/cgi-bin/message/custom/send":
                return self._send_text(given)
            case _:
                raise StandInError(40066, "invalid url")

    def _stable_token(self, given: dict[str, Any]) -> dict[str, Any]:
        self._check_account(given.get("appid"), given.get("secret"))
        if given.get("grant_type") != "client_credential":
            raise StandInError(40002, "invalid grant_type")
        now = self.clock()
        if given.get("force_refresh") is True:
            self._tokens.clear()
        last = next(reversed(self._tokens.items()), None)
        if last is None or last[1] - now <= OVERLAP_SECONDS:
            last = (secrets.token_hex(_TOKEN_CHARACTERS // 2), now + TOKEN_SECONDS)
            self._tokens[last[0]] = last[1]
        return {"access_token": last[0], "expires_in": int(last[1] - now)}

    def expire_tokens(self) -> None:
        """Expire all issued tokens."""
        with self._lock:
            self._tokens.clear()

    def _create_menu(self, given: dict[str, Any]) -> dict[str, Any]:
        buttons = given.get("button")
        if not isinstance(buttons, list) or not 1 <= len(buttons) <= _BUTTONS_MAX:
            raise StandInError(40016, "invalid button size")
        for button in buttons:
            _check_button(button)
        self.menu = buttons
        return _OK

    def _send_template(self, given: dict[str, Any]) -> dict[str, Any]:
        fields = self.templates.get(given.get("template_id", ""))
        if fields is None:
            raise StandInError(40037, "invalid template_id")
        if given.get("touser") not in self.followers:
            raise StandInError(43004, "require subscribe")
        data = given.get("data")
        for name in fields:
            _check_value(name, data.get(name) if isinstance(data, dict) else None)
        key, now = given.get("client_msg_id", ""), self.clock()
        if not key or now - self._sent.get(key, now - KEY_SECONDS) >= KEY_SECONDS:
            self._sent[key] = now
            self.template_messages.append(given)
            self._show_template(given)
        return {**_OK, "msgid": len(self.template_messages)}

    def _show_template(self, given: dict[str, Any]) -> None:
        about = "\n".join(value["value"] for value in given["data"].values())
        self.chat.append(Bubble(cards=((given["template_id"], about, given.get("url", "")),)))

    def _send_text(self, given: dict[str, Any]) -> dict[str, Any]:
        content = (given.get("text") or {}).get("content")
        if given.get("msgtype") != "text" or not content:
            raise StandInError(44004, "empty content")
        if given.get("touser") not in self.followers:
            raise StandInError(43004, "require subscribe")
        self.texts.append((given["touser"], content))
        self.chat.append(Bubble(text=content))
        return _OK

    def _check_account(self, appid: object, secret: object) -> None:
        if appid != self.account.appid:
            raise StandInError(40013, "invalid appid")
        if secret != self.account.secret:
            raise StandInError(40125, "invalid appsecret")

    # OAuth ------------------------------------------------------------------------------

    def authorize(self, query: dict[str, str], openid: str = OWNER) -> str:
        """Return the address to which the silent authorize page redirects."""
        state = query.get("state", "")
        if query.get("appid") != self.account.appid:
            raise StandInError(40013, "invalid appid")
        if query.get("response_type") != "code" or query.get("scope") != "snsapi_base":
            raise StandInError(10005, "invalid scope")
        if not (state.isascii() and state.isalnum() and len(state) <= 128):  # noqa: PLR2004
            raise StandInError(10009, "invalid state")
        code = {"code": self.code_for(openid), "state": state}
        return f"{query.get('redirect_uri', '')}?{urlencode(code)}"

    def code_for(self, openid: str) -> str:
        """Return a code for this user, valid once and for five minutes."""
        code = secrets.token_hex(16)
        with self._lock:
            self._codes[code] = (openid, self.clock() + CODE_SECONDS)
        return code

    def _visitor(self, query: dict[str, str]) -> dict[str, Any]:
        self._check_account(query.get("appid"), query.get("secret"))
        openid, until = self._codes.pop(query.get("code", ""), ("", 0.0))
        if query.get("grant_type") != "authorization_code" or until <= self.clock():
            raise StandInError(40029, "invalid code")
        answer: dict[str, Any] = {"access_token": secrets.token_hex(32), "openid": openid}
        return {**answer, "scope": "snsapi_base", "is_snapshotuser": int(self.snapshot)}

    # The phone --------------------------------------------------------------------------

    def say(self, text: str) -> Bubble | None:
        """Write to the account as the phone's owner."""
        self.chat.append(Bubble(text=text, mine=True))
        msg_id = str(secrets.randbelow(10**17))
        return self._deliver({"MsgType": "text", "Content": text, "MsgId": msg_id})

    def follow(self) -> Bubble | None:
        """Follow the account as the phone's owner."""
        self.followers.add(OWNER)
        return self._event("subscribe")

    def unfollow(self) -> Bubble | None:
        """Unfollow the account as the phone's owner."""
        self.followers.discard(OWNER)
        self.chat.clear()
        return self._event("unsubscribe")

    def press(self, key: str) -> Bubble | None:
        """Press a button of the menu as the phone's owner."""
        return self._event("CLICK", key)

    def _event(self, event: str, key: str = "") -> Bubble | None:
        return self._deliver({"MsgType": "event", "Event": event, "EventKey": key})

    def _deliver(self, fields: dict[str, str]) -> Bubble | None:
        now = self.clock()
        whole: dict[str, str | int] = {
            "ToUserName": _ACCOUNT_ID,
            "FromUserName": OWNER,
            "CreateTime": int(now),
            **fields,
        }
        query, body = self.account.request(whole, now)
        try:
            answer = httpx.post(
                self.callback_url, params=query, content=body, timeout=_ANSWER_SECONDS
            )
            shown = self.account.reply(answer.raise_for_status().text)
        except (httpx.HTTPError, ValueError, KeyError):
            shown = Bubble(text="该公众号暂时无法提供服务，请稍后再试")
        if shown is not None:
            self.chat.append(shown)
        return shown


_OK = {"errcode": 0, "errmsg": "ok"}


def _json(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StandInError(47001, "data format error") from None


def _check_button(button: dict[str, Any], *, top: bool = True) -> None:
    below = button.get("sub_button", [])
    if not 0 < len(button.get("name", "").encode()) <= _NAME_BYTES_MAX * (1 if top else 4):
        raise StandInError(40018, "invalid button name size")
    if below and (not top or len(below) > _SUB_BUTTONS_MAX):
        raise StandInError(40023, "invalid sub button size")
    for one in below:
        _check_button(one, top=False)
    needed = {"click": "key", "view": "url"}.get(button.get("type", ""))
    if not below and (needed is None or not button.get(needed)):
        raise StandInError(40017, "invalid button type")


def _check_value(name: str, given: object) -> None:
    value = given.get("value") if isinstance(given, dict) else None
    longest = _LONGEST.get(name.rstrip("0123456789"))
    if not isinstance(value, str) or not value or (longest and len(value) > longest):
        raise StandInError(47003, f"argument invalid! data.{name}.value is empty or too long")


# Over HTTP ----------------------------------------------------------------------------------

_page = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True).get_template(
    "wechat.html"
)


class _Handler(BaseHTTPRequestHandler):
    """A request to the API, the authorize page, or the phone."""

    stand_in: StandIn

    def do_GET(self) -> None:
        path, query = self._asked()
        if path == "/":
            self._send(200, "text/html; charset=utf-8", _page.render(it=self.stand_in).encode())
        elif path == "/connect/oauth2/authorize":
            try:
                self._see(self.stand_in.authorize(query))
            except StandInError as error:
                self._send(400, "text/plain; charset=utf-8", error.errmsg.encode())
        else:
            self._call("GET", path, query, b"")

    def do_POST(self) -> None:
        path, query = self._asked()
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if path.startswith("/phone/"):
            self._phone(path, dict(parse_qsl(body.decode())))
            self._see("/")
        else:
            self._call("POST", path, query, body)

    def _phone(self, path: str, form: dict[str, str]) -> None:
        match path:
            case "/phone/follow":
                self.stand_in.follow()
            case "/phone/unfollow":
                self.stand_in.unfollow()
            case "/phone/press":
                self.stand_in.press(form.get("key", ""))
            case "/phone/say" if form.get("text"):
                self.stand_in.say(form["text"])

    def _call(self, method: str, path: str, query: dict[str, str], body: bytes) -> None:
        try:
            answer = self.stand_in.call(method, path, query, body)
        except StandInError as error:
            answer = {"errcode": error.errcode, "errmsg": error.errmsg}
        # WeChat also labels its JSON text/plain and always answers 200.
        self._send(200, "text/plain", msgspec.json.encode(answer))

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, dict(parse_qsl(parts.query))

    def _see(self, url: str) -> None:
        self.send_response(302)
        self.send_header("location", url)
        self.send_header("content-length", "0")
        self.end_headers()

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
        """Log nothing, because the addresses contain secrets."""


@contextmanager
def serving(stand_in: StandIn, port: int = 0) -> Iterator[StandIn]:
    """Serve until the end of the block and yield the address; port 0 takes a free port."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(_END_SECONDS,), daemon=True)
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()


# The demo -----------------------------------------------------------------------------------

_DEMO_TITLES = {
    "booked": "预约成功通知",
    "reminder": "就诊提醒",
    "cancelled": "退号通知",
    "stopped": "停诊通知",
    "no_show": "爽约通知",
    "suspended": "暂停预约通知",
}
_DEMO_FIELDS = {
    "booked": ("patient", "hospital", "department", "date", "code"),
    "reminder": ("patient", "hospital", "department", "date", "code"),
    "cancelled": ("patient", "hospital", "department", "date"),
    "stopped": ("patient", "hospital", "department", "date"),
    "no_show": ("patient", "hospital", "department", "date"),
    "suspended": ("patient", "until"),
}


def demo() -> StandIn:
    """Return a stand-in with an invented account and a template for every kind of message."""
    templates = {title: tuple(_fields(kind)) for kind, title in _DEMO_TITLES.items()}
    return StandIn(Account.invented(), templates)


def environ(stand_in: StandIn) -> dict[str, str]:
    """Return the settings by which the platform uses the stand-in as WeChat."""
    account = stand_in.account
    templates = {
        kind: {"id": title, "fields": _fields(kind)} for kind, title in _DEMO_TITLES.items()
    }
    return {
        "GUAHAO_WECHAT_APPID": account.appid,
        "GUAHAO_WECHAT_SECRET": account.secret,
        "GUAHAO_WECHAT_TOKEN": account.token,
        "GUAHAO_WECHAT_AES_KEY": account.aes_key or "",
        "GUAHAO_WECHAT_API_BASE": stand_in.url,
        "GUAHAO_WECHAT_TEMPLATES": msgspec.json.encode(templates).decode(),
    }


def _fields(kind: str) -> dict[str, str]:
    return {f"thing{n}": ours for n, ours in enumerate(_DEMO_FIELDS[kind], 1)}
