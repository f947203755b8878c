"""POST /hospital/token: an access token for a client's own secret (RFC 6749, 4.4)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Literal, assert_never
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from msgspec import UNSET, UnsetType

from guahao.flows.integration.clients import NotAdmitted, ProvenClient, prove
from guahao.rules.integration.clients import Scope
from guahao.rules.kernel.outcomes import Throttled
from guahao.web.api.services import Route
from guahao.web.framework.openapi import Endpoint
from guahao.web.hospital_api.access import TAG, Access, CallRequest
from guahao.web.hospital_api.tokens import LIFETIME_SECONDS
from guahao.web.http.answers import Answer, Headers
from guahao.web.http.reading import ApiRequest, body_bytes, header
from guahao.words.text import Words

_FORM = b"application/x-www-form-urlencoded"
_FIELDS = ("grant_type", "scope", "client_id", "client_secret")
_FIELDS_MAX = 10
_TEXT_MAX = 200  # characters of a field
_BASIC = b"basic "
_HEADERS: Headers = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
)
_encode = msgspec.json.Encoder().encode

_Text = Annotated[str, msgspec.Meta(max_length=_TEXT_MAX)]


class HospitalTokenIn(msgspec.Struct):
    """A form. Id and secret go here or, better, into the header Authorization: Basic."""

    grant_type: Literal["client_credentials"]
    scope: _Text | UnsetType = UNSET
    client_id: _Text | UnsetType = UNSET
    client_secret: _Text | UnsetType = UNSET


class HospitalTokenOut(msgspec.Struct):
    """A bearer token; `expires_in` in seconds; `scope`: what it is good for."""

    access_token: str
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme's name
    expires_in: int = LIFETIME_SECONDS


class OAuthErrorOut(msgspec.Struct):
    """RFC 6749, 5.2: `error_description` is ASCII; `detail` says it to the reader."""

    error: str
    error_description: str
    detail: str


_CODES = {
    "invalid_request": "oauth_invalid_request",
    "invalid_client": "oauth_invalid_client",
    "invalid_scope": "oauth_invalid_scope",
    "unsupported_grant_type": "oauth_unsupported_grant_type",
    "temporarily_unavailable": "oauth_throttled",
}
_INVALID_CLIENT = OAuthErrorOut(
    "invalid_client",
    "Client id or secret are wrong, expired or disabled, or the registered certificate was not"
    " used. The hospital's log of calls says which; for a new secret please ask the platform's"
    " administrator.",
    "client_id或client_secret不对、已过期或已停用，或者没有使用登记的证书。"
    "原因见本院的调用记录；如需更换，请联系平台管理员。",
)
_BAD_REQUEST = OAuthErrorOut(
    "unsupported_grant_type",
    "Please send grant_type=client_credentials.",
    "请发送grant_type=client_credentials。",
)
_THROTTLED = OAuthErrorOut(
    "temporarily_unavailable",
    "There were too many wrong tries. Please try again in 30 seconds.",
    "错误次数过多，请在30秒后再试。",
)
_TOKEN = Endpoint(
    "POST",
    "/hospital/token",
    TAG,
    Words("获取医院令牌"),
    HospitalTokenOut("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…", "bookings supply"),
    body=HospitalTokenIn("client_credentials", "supply bookings"),
    is_form=True,
    needs_token=False,
    others={400: _BAD_REQUEST, 401: _INVALID_CLIENT, 429: _THROTTLED},
    problems=("body_too_large",),
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Id and secret as the client sent them; `basic`: in the header."""

    client_id: str
    secret: str
    basic: bool


class _OAuthError(Exception):
    """The request ends with this word of RFC 6749."""

    def __init__(self, error: str, status: int = 400, *, basic: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.basic = basic


def token_routes(access: Access) -> list[Route]:
    """Return the routes of POST /hospital/token."""

    async def token(call: CallRequest) -> Answer:
        try:
            return await _token(access, call)
        except _OAuthError as error:
            return _refusal(call, error)

    return [access.open_route(_TOKEN, token)]


async def _token(access: Access, call: CallRequest) -> Answer:
    form = await _read_form(call.request)
    if form.get("grant_type") is None:
        raise _OAuthError("invalid_request")
    if form["grant_type"] != "client_credentials":
        raise _OAuthError("unsupported_grant_type")
    shown = _shown(call.request, form)
    scope = call.request.scope
    callers = access.services.callers
    proven = await prove(
        access.services.platform,
        shown.client_id,
        shown.secret,
        callers.certificate(scope),
        callers.of(scope),
    )
    match proven:
        case ProvenClient(client):
            call.caller = client
            scopes = _scopes(form.get("scope"), client.scopes)
            issued = HospitalTokenOut(access.tokens.issue(proven, scopes), " ".join(sorted(scopes)))
            return Answer(200, _encode(issued), _HEADERS)
        case NotAdmitted(reason, client=client):
            call.caller = client
            answer = _refusal(call, _OAuthError("invalid_client", 401, basic=shown.basic))
            call.why = reason
            return answer
        case Throttled(retry_after_seconds=seconds):
            return _refusal(call, _OAuthError("temporarily_unavailable", 429), seconds)
        case never:
            assert_never(never)


async def _read_form(request: ApiRequest) -> dict[str, str]:
    """Read the form's fields; none twice, unknown ones are ignored (RFC 6749, 3.2)."""
    content_type = header(request.scope, b"content-type") or b""
    if content_type.partition(b";")[0].strip().lower() != _FORM:
        raise _OAuthError("invalid_request")
    body = await body_bytes(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), errors="strict", max_num_fields=_FIELDS_MAX, strict_parsing=True
        )
    except ValueError:
        raise _OAuthError("invalid_request") from None
    form = dict(pairs)
    known = [form.get(name, "") for name in _FIELDS]
    if len(form) != len(pairs) or any(len(text) > _TEXT_MAX or "\0" in text for text in known):
        raise _OAuthError("invalid_request")
    return form


def _shown(request: ApiRequest, form: dict[str, str]) -> _Shown:
    """Return the secret shown, by one method alone (RFC 6749, 2.3)."""
    authorization = header(request.scope, b"authorization")
    in_form = "client_id" in form and "client_secret" in form
    if authorization is None:
        if not in_form:
            raise _OAuthError("invalid_client", 401, basic=True)
        return _Shown(form["client_id"], form["client_secret"], basic=False)
    if "client_secret" in form:
        raise _OAuthError("invalid_request")
    return _basic(authorization)


def _basic(authorization: bytes) -> _Shown:
    """Decode both parts, which are form-encoded before they are joined (RFC 6749, 2.3.1)."""
    if authorization[: len(_BASIC)].lower() != _BASIC:
        raise _OAuthError("invalid_client", 401, basic=True)
    try:
        text = base64.b64decode(authorization[len(_BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _OAuthError("invalid_client", 401, basic=True) from None
    client_id, _, secret = text.partition(":")
    shown = _Shown(unquote_plus(client_id), unquote_plus(secret), basic=True)
    if max(len(shown.client_id), len(shown.secret)) > _TEXT_MAX or "\0" in shown.client_id:
        raise _OAuthError("invalid_client", 401, basic=True)
    return shown


def _scopes(asked: str | None, allowed: frozenset[Scope]) -> frozenset[Scope]:
    """Return the scopes asked for, all that are allowed where none was."""
    if asked is None:
        return allowed
    words = frozenset(asked.split(" "))
    if not words <= allowed:
        raise _OAuthError("invalid_scope")
    return frozenset(map(Scope, words))


def _refusal(
    call: CallRequest, error: _OAuthError, retry_after_seconds: int | None = None
) -> Answer:
    call.why = error.error
    replies, code = call.services.replies, _CODES[error.error]

    def detail(language: str) -> str:
        said = replies.problem(
            code, "en" if language == "en" else "zh", retry_after_seconds=retry_after_seconds
        )
        return said.detail

    body = OAuthErrorOut(error.error, detail("en"), detail(call.language))
    headers = [*_HEADERS]
    if error.basic:
        headers.append((b"www-authenticate", b'Basic realm="guahao"'))
    if retry_after_seconds is not None:
        headers.append((b"retry-after", str(retry_after_seconds).encode()))
    return Answer(error.status, _encode(body), headers)
