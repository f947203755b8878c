"""Parsing of requests: headers, body, query and ids. Invalid input raises ProblemError."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.types import Receive, Scope

BODY_BYTES_MAX = 16 * 1024
_BODY_BYTES_DRAINED = 8 * 1024 * 1024
QUERY_BYTES_MAX = 2048
QUERY_FIELDS_MAX = 20
ID_MAX = 2**63 - 1  # PostgreSQL's bigint

# No text may contain control characters; PostgreSQL rejects NUL as well.
# The lookahead, unlike `$`, also rejects a trailing newline, in Python and in JavaScript.
NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*(?![\s\S])"

# The same, but not blank.
NAMED = r"^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*(?![\s\S])"

# Hospitals' own ids also occur in paths.
EXTERNAL_ID = r"^[A-Za-z0-9._:~-]{1,64}(?![\s\S])"

ExternalId = Annotated[str, msgspec.Meta(pattern=EXTERNAL_ID)]
Id = Annotated[int, msgspec.Meta(ge=1, le=ID_MAX)]
ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=NO_CONTROLS)]

ApiRequest = Request[Any, Any, Any]


class Received(Protocol):
    """A request, as far as its reader needs it: Litestar's, or that of a direct call."""

    @property
    def scope(self) -> Scope:
        """Return the ASGI scope."""

    @property
    def receive(self) -> Receive:
        """Return the source of the body."""


T = TypeVar("T", bound=msgspec.Struct)

_FIELD_SHOWN_MAX = 40  # characters of an unknown field's name in the answer
_MESSAGES = (
    (re.compile(r"unknown field `(?P<field>.*)`", re.DOTALL), "unknown_field"),
    (re.compile(r"missing required field `(?P<field>[^`]*)`"), "missing_field"),
    (re.compile(r"at `\$\.(?P<field>[a-z_]+)"), "invalid_field"),
)


class ProblemError(Exception):
    """Ends the request with the problem of this code.

    `field`: the field that caused it, where there is one.
    """

    def __init__(
        self, code: str, *, field: str | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.retry_after_seconds = retry_after_seconds


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of that lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            return value
    return None


def cookie(scope: Scope, name: str) -> str | None:
    """Return the first cookie of that name, as it was sent."""
    wanted = f"{name}="
    for key, value in scope["headers"]:
        if key != b"cookie":
            continue
        for pair in value.decode("latin-1").split(";"):
            if pair.strip().startswith(wanted):
                return pair.strip().removeprefix(wanted)
    return None


async def read_body(
    request: Received, decoder: msgspec.json.Decoder[T], bytes_max: int = BODY_BYTES_MAX
) -> T:
    """Decode the JSON body strictly: without unknown fields and type conversions."""
    content_type = header(request.scope, b"content-type")
    if content_type != b"application/json" and not _is_json(content_type):
        raise ProblemError("unsupported_media_type")
    body = await body_bytes(request, bytes_max)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except UnicodeDecodeError:
        raise ProblemError("invalid_encoding") from None
    except (msgspec.DecodeError, RecursionError):
        raise ProblemError("malformed_json") from None


def _is_json(content_type: bytes | None) -> bool:
    return (content_type or b"").partition(b";")[0].strip().lower() == b"application/json"


async def body_bytes(request: Received, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Read the body; raise ProblemError where it is larger than `bytes_max`.

    Litestar's own reader is not used: for a small body it costs as much as the rest of a call.
    """
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= max(bytes_max, _BODY_BYTES_DRAINED):
        message = await request.receive()
        if message["type"] != "http.request":
            raise ProblemError("malformed_json")  # the client has disconnected
        size += len(message["body"])
        # Drain oversized bodies so that the client can read our 413.
        if size <= bytes_max:
            parts.append(message["body"])
        more = message.get("more_body", False)
    if size > bytes_max:
        raise ProblemError("body_too_large")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_query(request: ApiRequest, into: type[T]) -> T:
    """Convert the query string into a struct; the last value of a field counts."""
    raw = request.scope["query_string"]
    if len(raw) > QUERY_BYTES_MAX:
        raise ProblemError("query_too_long")
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=False,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except UnicodeDecodeError:
        raise ProblemError("invalid_encoding") from None
    except ValueError:
        raise ProblemError("query_too_long") from None
    try:
        return msgspec.convert(dict(pairs), into, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from None


def as_id(text: str) -> int | None:
    """Parse an id; None where the text is not a valid id, however long it is."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(ID_MAX))):
        return None
    return int(text) if 1 <= int(text) <= ID_MAX else None


def as_date(text: str) -> date | None:
    """Parse an ISO date; None where the text is not one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_id(request: ApiRequest, name: str, unknown: str) -> int:
    """Return an id in the path; raise ProblemError with the code `unknown` where it is invalid."""
    id = as_id(request.path_params[name])
    if id is None:
        raise ProblemError(unknown)
    return id


def invalid(error: msgspec.ValidationError) -> ProblemError:
    """Derive the problem and its field from msgspec's message."""
    message = str(error)
    for pattern, code in _MESSAGES:
        found = pattern.search(message)
        if found:
            return ProblemError(code, field=found["field"][:_FIELD_SHOWN_MAX])
    return ProblemError("not_an_object")
