"""POST /sms/receipts: delivery receipts (SmsReport) as the provider pushes them.

A JSON array of any number of receipts, which may come late, twice and out of order. The
provider signs nothing: it proves itself by the token in the address that only it was given.
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
    """What is read of a receipt; `out_id` is the message's own key."""

    out_id: str
    success: bool


class _Taken(msgspec.Struct):
    """What the provider wants to read. Anything else, and it pushes the batch again."""

    code: int = 0
    msg: str = "OK"


def routes(platform: Platform) -> list[HTTPRouteHandler]:
    """The door; none where no token was agreed upon."""
    token = platform.settings.aliyun_receipt_token
    if token is None:
        return []
    expected = token.encode()

    @post(RECEIPTS_PATH, status_code=200)
    async def take(request: ApiRequest) -> ASGIApp:
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
        return json_answer(_Taken())

    return [take]


def _outcomes(body: bytes) -> list[tuple[int, bool]]:
    """The messages that a batch tells of, and whether each arrived; what is no receipt of
    ours is passed over, so that it does not keep the others out."""
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
