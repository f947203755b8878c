"""POST /sms/receipts: delivery receipts (SmsReport) as the provider pushes them.

The body is a JSON array of receipts, which can arrive late, twice and out of order. The provider
does not sign them: it authenticates itself by a secret token in the URL.
"""

from __future__ import annotations

import hmac
import re
from typing import Any

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.kernel.platform import Platform
from guahao.flows.messages import receipts
from guahao.security_log import SecurityEvent, note
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest, ProblemError, body_bytes, read_query

RECEIPTS_PATH = "/sms/receipts"

_BATCH_BYTES_MAX = 2 * 1024 * 1024
_KEY = re.compile(r"m([1-9][0-9]{0,17})")


class _Query(msgspec.Struct):
    token: str = ""


class _Receipt(msgspec.Struct):
    """The fields that we use of a receipt; `out_id` is our key of the message."""

    out_id: str
    success: bool


class _Accepted(msgspec.Struct):
    """The response that the provider expects; on any other it sends the batch again."""

    code: int = 0
    msg: str = "OK"


def routes(platform: Platform) -> list[HTTPRouteHandler]:
    """Return the route, if a token is configured."""
    token = platform.settings.aliyun_receipt_token
    if token is None:
        return []
    expected = token.encode()

    @post(RECEIPTS_PATH, status_code=200)
    async def accept(request: ApiRequest) -> ASGIApp:
        given = read_query(request, _Query).token.encode()
        if not hmac.compare_digest(given, expected):
            note(request.scope, SecurityEvent.SIGNATURE_WRONG)
            raise ProblemError("not_found")
        outcomes = _outcomes(await body_bytes(request, _BATCH_BYTES_MAX))
        await receipts.record(
            platform,
            delivered=[id for id, arrived in outcomes if arrived],
            failed=[id for id, arrived in outcomes if not arrived],
        )
        return json_answer(_Accepted())

    return [accept]


def _outcomes(body: bytes) -> list[tuple[int, bool]]:
    """Return the messages of a batch, and whether each arrived.

    Skips receipts that are not for our messages, so that they do not block the others.
    """
    try:
        batch = msgspec.json.decode(body, type=list[Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProblemError("malformed_json") from None
    return [outcome for item in batch if (outcome := _outcome(item))]


def _outcome(item: object) -> tuple[int, bool] | None:
    try:
        receipt = msgspec.convert(item, _Receipt, strict=False)
    except msgspec.ValidationError:
        return None
    key = _KEY.fullmatch(receipt.out_id)
    return (int(key[1]), receipt.success) if key else None
