"""Parsing of submitted forms and checking of redirect targets."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from guahao.web.http.reading import ApiRequest, ProblemError, body_bytes, header

FIELDS_MAX = 50
_PATH_MAX = 4000  # fits a search for eighty Chinese characters, quoted twice
_FORM = b"application/x-www-form-urlencoded"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # visible ASCII without a backslash


async def read_fields(request: ApiRequest, lines: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return a form's fields without control characters; the last value of a field counts.

    `lines`: multi-line fields, whose line feeds are preserved. Raises ProblemError where the body
    is not a form or is too large.
    """
    content_type = header(request.scope, b"content-type") or b""
    if content_type.partition(b";")[0].strip().lower() != _FORM:
        raise ProblemError("unsupported_media_type")
    body = await body_bytes(request)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except UnicodeDecodeError:
        raise ProblemError("invalid_encoding") from None
    except ValueError:
        raise ProblemError("bad_request") from None
    return {name: cleaned(value, in_lines=name in lines) for name, value in pairs}


def cleaned(text: str, *, in_lines: bool = False) -> str:
    """Remove control characters; `in_lines` preserves line feeds."""
    if not in_lines:
        return _CONTROLS.sub("", text)
    return "\n".join(_CONTROLS.sub("", line) for line in text.splitlines())


def local_path(text: str | None, otherwise: str = "/") -> str:
    """Return `text` where it is certainly a path of this site, else `otherwise`."""
    if text is None or len(text) > _PATH_MAX or not _LOCAL_PATH.fullmatch(text):
        return otherwise
    parts = urlsplit(text)
    return otherwise if parts.scheme or parts.netloc else text
