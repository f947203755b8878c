"""Forms that carry files, as browsers send them and as they do not."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Request

from guahao.web.http.reading import ProblemError
from guahao.web.http.uploads import Upload, attachment, read_upload_fields

BOUNDARY = b"--x1"
FIELD = b'Content-Disposition: form-data; name="csrf"\r\n\r\nab\x01c\r\n'
FILE = (
    b'Content-Disposition: form-data; name="file"; filename="%s"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n%s\r\n"
)


def request(body: bytes, content_type: bytes = b"multipart/form-data; boundary=x1") -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope: Any = {"type": "http", "headers": [(b"content-type", content_type)], "method": "POST"}
    return Request(scope, receive)  # type: ignore[arg-type]


def sent(*parts: bytes) -> bytes:
    return b"".join(BOUNDARY + b"\r\n" + part for part in parts) + BOUNDARY + b"--\r\n"


async def test_a_file_comes_with_its_bytes_and_a_plain_name() -> None:
    data = b"PK\x03\x04\r\n--x\r\n\x00"
    name = "C:\\张\\号源 12月.xlsx".encode()
    fields, files = await read_upload_fields(request(sent(FIELD, FILE % (name, data))), 1000)
    assert fields == {"csrf": "abc"}
    assert files == {"file": Upload("号源 12月.xlsx", data)}


async def test_no_choice_of_a_file_is_no_file_and_an_empty_file_is_one() -> None:
    _, files = await read_upload_fields(request(sent(FILE % (b"", b""))), 1000)
    assert files == {}
    _, files = await read_upload_fields(request(sent(FILE % (b"a.csv", b""))), 1000)
    assert files == {"file": Upload("a.csv", b"")}


async def test_a_form_without_files_is_read_too() -> None:
    plain = request(b"a=1", b"application/x-www-form-urlencoded")
    assert await read_upload_fields(plain, 1000) == ({"a": "1"}, {})


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{}", b"application/json", "unsupported_media_type"),
        (b"", b"multipart/form-data", "bad_request"),
        (b"", b"multipart/form-data; boundary=x1", "bad_request"),
        (sent(FIELD)[:-4], b"multipart/form-data; boundary=x1", "bad_request"),
        (b"--x1\r\nNonsense\r\n\r\n--x1--", b"multipart/form-data; boundary=x1", "bad_request"),
        (sent(FIELD.replace(b"ab", b"\xff")), b"multipart/form-data; boundary=x1", "bad_request"),
        (sent(*[FIELD] * 60), b"multipart/form-data; boundary=x1", "bad_request"),
        (
            sent(FILE % (b"a", b"x" * 70_000)),
            b"multipart/form-data; boundary=x1",
            "body_too_large",
        ),
    ],
)
async def test_what_no_browser_sends_is_refused(
    body: bytes, content_type: bytes, code: str
) -> None:
    with pytest.raises(ProblemError) as refused:
        await read_upload_fields(request(body, content_type), 1000)
    assert refused.value.code == code


def test_a_chinese_file_name_is_sent_as_browsers_read_it() -> None:
    assert attachment("号源.xlsx") == "attachment; filename*=UTF-8''%E5%8F%B7%E6%BA%90.xlsx"
