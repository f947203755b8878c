"""Proving a phone by a one-time password, and what the account holds (S2)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.types import ASGIApp

from guahao.flows.accounts import (
    OTP_VALID,
    InvalidPhone,
    OtpWrong,
    Throttled,
    account,
    open_account,
    request_otp,
)
from guahao.rules.identity import masked_phone, valid_phone
from guahao.security_log import about
from guahao.web.answers import json_answer
from guahao.web.api.door import Door, Route
from guahao.web.api.patients import EXAMPLE, TAG, PatientOut, patient_out
from guahao.web.language import Words, reader_language
from guahao.web.openapi import Call
from guahao.web.reading import NO_CONTROLS, ApiRequest, ProblemError, read_body
from guahao.web.tokens import LIFETIME_SECONDS

_Phone = Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=NO_CONTROLS)]
_MINUTES = int(OTP_VALID.total_seconds() // 60)
_SENT = Words(
    f"验证码已用短信发送，{_MINUTES}分钟内有效。",
    f"A one-time password was sent by SMS; it holds for {_MINUTES} minutes.",
)


class OtpIn(msgspec.Struct, forbid_unknown_fields=True):
    """Where the one-time password goes."""

    phone: _Phone


class OtpOut(msgspec.Struct):
    """Said alike whether the phone is known or not."""

    detail: str


class TokenIn(msgspec.Struct, forbid_unknown_fields=True):
    """The proof of a phone."""

    phone: _Phone
    otp: Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=NO_CONTROLS)]


class TokenOut(msgspec.Struct):
    """A bearer token; `expires_in` in seconds."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme's name
    expires_in: int = LIFETIME_SECONDS


class AccountOut(msgspec.Struct):
    """The logged-in account; the phone is masked."""

    phone: str
    patients: list[PatientOut]


_OTP = Call(
    "POST",
    "/auth/otp",
    TAG,
    Words("发送验证码", "Send a one-time password"),
    OtpOut(_SENT.zh),
    status=202,
    body=OtpIn("13800138000"),
    needs_token=False,
    problems=("phone_invalid", "otp_throttled"),
)
_TOKEN = Call(
    "POST",
    "/auth/token",
    TAG,
    Words("登录", "Log in"),
    TokenOut("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"),
    body=TokenIn("13800138000", "123456"),
    needs_token=False,
    problems=("otp_wrong", "phone_invalid", "otp_throttled"),
)
_ME = Call(
    "GET",
    "/me",
    TAG,
    Words("我的账户", "My account"),
    AccountOut("138****8000", [EXAMPLE]),
)
_otp_decoder = msgspec.json.Decoder(OtpIn)
_token_decoder = msgspec.json.Decoder(TokenIn)


def auth_routes(door: Door) -> list[Route]:
    """POST /auth/otp, POST /auth/token, GET /me."""

    async def otp(request: ApiRequest) -> ASGIApp:
        body = await read_body(request, _otp_decoder)
        language = reader_language(request.scope)
        caller = door.callers.of(request.scope)
        about(request.scope, phone=valid_phone(body.phone))
        outcome = await request_otp(door.platform, body.phone, caller, language)
        if outcome is None:
            return json_answer(OtpOut(_SENT.of(language)), 202)
        return _not_sent(door, request, outcome)

    async def token(request: ApiRequest) -> ASGIApp:
        body = await read_body(request, _token_decoder)
        about(request.scope, phone=valid_phone(body.phone))
        outcome = await open_account(
            door.platform,
            body.phone,
            body.otp,
            door.callers.of(request.scope),
            reader_language(request.scope),
        )
        if isinstance(outcome, int):
            return json_answer(TokenOut(door.tokens.issue(outcome)))
        if isinstance(outcome, OtpWrong):
            return door.refusal(request, "otp_wrong")
        return _not_sent(door, request, outcome)

    async def me(request: ApiRequest) -> ASGIApp:
        view = await account(door.platform, door.tokens.account_of(request.scope))
        if view is None:
            raise ProblemError("token_invalid")
        patients = [patient_out(patient) for patient in view.patients]
        return json_answer(AccountOut(masked_phone(view.phone), patients))

    return [Route(_OTP, otp), Route(_TOKEN, token), Route(_ME, me)]


def _not_sent(door: Door, request: ApiRequest, outcome: InvalidPhone | Throttled) -> ASGIApp:
    if isinstance(outcome, InvalidPhone):
        return door.refusal(request, "phone_invalid")
    return door.refusal(request, "otp_throttled", retry_after_seconds=outcome.retry_after_seconds)
