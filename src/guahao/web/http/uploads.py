"""Forms with files (multipart/form-data), and headers for downloads."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote

from multipart import MultipartError, MultipartParser, parse_options_header

from guahao.web.http.forms import FIELDS_MAX, cleaned, read_fields
from guahao.web.http.reading import ApiRequest, ProblemError, body_bytes, header

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_FORM = "multipart/form-data"
_FIELDS_BYTES_MAX = 64 * 1024  # for the other fields and the multipart overhead
_FILENAME_MAX = 120


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file; its name is without folders and control characters."""

    filename: str
    data: bytes


async def read_upload_fields(
    request: ApiRequest, bytes_max: int
) -> tuple[dict[str, str], dict[str, Upload]]:
    """Return a form's fields, and its files by field; fields without a chosen file are left out.

    Also accepts a form without files. Raises ProblemError where the body is not a form, or has
    more than `bytes_max` of files.
    """
    content_type = (header(request.scope, b"content-type") or b"").decode("latin-1")
    kind, options = parse_options_header(content_type)
    if kind != _FORM:
        return await read_fields(request), {}
    if not options.get("boundary"):
        raise ProblemError("bad_request")
    body = await body_bytes(request, bytes_max + _FIELDS_BYTES_MAX)
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    try:
        for part in _parser(body, options["boundary"]):
            if part.filename is None:
                fields[part.name] = cleaned(part.value)
            elif part.filename or part.size:
                files[part.name] = Upload(_plain_name(part.filename), part.raw)
    except (MultipartError, UnicodeDecodeError):
        raise ProblemError("bad_request") from None
    return fields, files


def _parser(body: bytes, boundary: str) -> MultipartParser:
    size = len(body)
    return MultipartParser(
        io.BytesIO(body),
        boundary,
        size,
        strict=True,
        part_limit=FIELDS_MAX,
        spool_limit=size,
        memory_limit=size,
    )


def _plain_name(filename: str) -> str:
    return cleaned(PurePath(filename.replace("\\", "/")).name)[-_FILENAME_MAX:]


def attachment(filename: str) -> str:
    """Return the Content-Disposition with which a browser saves a file under this name."""
    return f"attachment; filename*=UTF-8''{quote(filename)}"
