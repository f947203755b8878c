"""Logging in by a one-time password, the account, and ending log-ins (S2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, assert_never

import msgspec
from litestar.types import ASGIApp

from guahao.flows.people.accounts import account
from guahao.flows.people.logins import (
    Device,
    LoggedIn,
    confirm,
    log_in,
    log_out,
    refresh,
    start_over,
)
from guahao.flows.people.one_time_passwords import (
    OTP_VALID,
    OtpSent,
    request_otp,
)
from guahao.rules.kernel.outcomes import Refused, Throttled
from guahao.rules.people.identity import masked_phone, valid_phone
from guahao.rules.people.logins import AccountLoginRefusal, ProofRequired
from guahao.security_log import SecurityEvent, about, note
from guahao.web.api.patients import EXAMPLE, TAG, PatientOut, patient_out
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import Answer, json_answer
from guahao.web.http.devices import label_of
from guahao.web.http.proof import new_challenge, verified
from guahao.web.http.reading import NO_CONTROLS, ApiRequest, ProblemError, read_body
from guahao.web.http.tokens import LIFETIME_SECONDS
from guahao.web.words.language import reader_language
from guahao.words.text import Words

_Phone = Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=NO_CONTROLS)]
_DeviceId = Annotated[str, msgspec.Meta(min_length=22, max_length=64, pattern=NO_CONTROLS)]
_MINUTES = int(OTP_VALID.total_seconds() // 60)
_SENT = Words("验证码已用短信发送，{minutes}分钟内有效。")
_LOGGED_OUT = Words("已退出登录。")
_EXAMPLE_REQUEST = "5u2mGpTq0bV1c9XyZk3LwQeR"
_EXAMPLE_DEVICE = "Hq7rJ2vN0sYb4TgWc8Kd1mPzXf6LaUoE"
_EXAMPLE_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"  # noqa: S105 - an example


class OtpIn(msgspec.Struct, forbid_unknown_fields=True):
    """Where the one-time password goes.

    `proof` is needed where the answer before was `proof_required`.
    """

    phone: _Phone
    proof: Annotated[str, msgspec.Meta(max_length=2000, pattern=NO_CONTROLS)] | None = None
    device_id: _DeviceId | None = None


class OtpOut(msgspec.Struct):
    """The same response whether or not the phone is known; the password belongs to `request_id`."""

    detail: str
    request_id: str


class TokenIn(msgspec.Struct, forbid_unknown_fields=True):
    """A one-time password that verifies a phone."""

    phone: _Phone
    otp: Annotated[str, msgspec.Meta(min_length=1, max_length=16, pattern=NO_CONTROLS)]
    request_id: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_CONTROLS)] | None = None
    device_id: _DeviceId | None = None


class TokenOut(msgspec.Struct):
    """A bearer token; `expires_in` in seconds. The refresh token obtains the next token.

    While not `confirmed`, the account's calls are refused until `/auth/confirm`.
    """

    access_token: str
    refresh_token: str
    device_id: str
    confirmed: bool
    token_type: str = "Bearer"  # noqa: S105 - a scheme's name
    expires_in: int = LIFETIME_SECONDS


class RefreshIn(msgspec.Struct, forbid_unknown_fields=True):
    """The refresh token of the latest response, which can be used once."""

    refresh_token: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=NO_CONTROLS)]


class RefreshOut(msgspec.Struct):
    """The next pair of tokens."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme's name
    expires_in: int = LIFETIME_SECONDS


class ConfirmIn(msgspec.Struct, forbid_unknown_fields=True):
    """The document number of any patient of the account."""

    id_no: Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=NO_CONTROLS)]


class AccountOut(msgspec.Struct):
    """The logged-in account; the phone is masked."""

    phone: str
    patients: list[PatientOut]


class LoggedOut(msgspec.Struct):
    """The response after logging out, which also ends the refresh token."""

    detail: str


_EXAMPLE_LOGGED_IN = TokenOut(_EXAMPLE_TOKEN, _EXAMPLE_TOKEN, _EXAMPLE_DEVICE, confirmed=True)
_EXAMPLE_ACCOUNT = AccountOut("138****8000", [EXAMPLE])
_OTP = Endpoint(
    "POST",
    "/auth/otp",
    TAG,
    Words("发送验证码", "api"),
    OtpOut(_SENT.zh.format(minutes=_MINUTES), _EXAMPLE_REQUEST),
    status=202,
    body=OtpIn("13800138000"),
    needs_token=False,
    problems=("phone_invalid", "proof_required", "otp_throttled"),
)
_TOKEN = Endpoint(
    "POST",
    "/auth/token",
    TAG,
    Words("登录"),
    _EXAMPLE_LOGGED_IN,
    body=TokenIn("13800138000", "123456", _EXAMPLE_REQUEST),
    needs_token=False,
    problems=("otp_wrong", "phone_invalid", "otp_throttled"),
)
_REFRESH = Endpoint(
    "POST",
    "/auth/refresh",
    TAG,
    Words("更新令牌"),
    RefreshOut(_EXAMPLE_TOKEN, _EXAMPLE_TOKEN),
    body=RefreshIn(_EXAMPLE_TOKEN),
    needs_token=False,
    problems=("refresh_invalid",),
)
_CONFIRM = Endpoint(
    "POST",
    "/auth/confirm",
    TAG,
    Words("确认本人"),
    _EXAMPLE_ACCOUNT,
    body=ConfirmIn("11010519491231002X"),
    problems=("confirm_wrong", "confirm_throttled"),
)
_NEW_HOLDER = Endpoint(
    "POST",
    "/auth/new-holder",
    TAG,
    Words("号码已换机主，新建账户"),
    _EXAMPLE_LOGGED_IN,
    problems=("new_holder_confirmed", "new_holder_too_soon"),
)
_LOG_OUT = Endpoint(
    "POST",
    "/auth/logout",
    TAG,
    Words("退出登录"),
    LoggedOut(_LOGGED_OUT.zh),
)
_ME = Endpoint("GET", "/me", TAG, Words("我的账户"), _EXAMPLE_ACCOUNT)
_otp_decoder = msgspec.json.Decoder(OtpIn)
_token_decoder = msgspec.json.Decoder(TokenIn)
_refresh_decoder = msgspec.json.Decoder(RefreshIn)
_confirm_decoder = msgspec.json.Decoder(ConfirmIn)


def auth_routes(services: Services) -> list[Route]:
    """Return POST /auth/otp, token, refresh, confirm, new-holder, logout, and GET /me."""
    endpoints = _Endpoints(services)
    return [
        Route(_OTP, endpoints.otp),
        Route(_TOKEN, endpoints.token),
        Route(_REFRESH, endpoints.refresh),
        Route(_CONFIRM, endpoints.confirm),
        Route(_NEW_HOLDER, endpoints.new_holder),
        Route(_LOG_OUT, endpoints.log_out),
        Route(_ME, endpoints.me),
    ]


class _Endpoints:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def otp(self, request: ApiRequest) -> ASGIApp:
        services = self._services
        body = await read_body(request, _otp_decoder)
        language, now = reader_language(request.scope), services.platform.db.clock()
        proof = verified(services.proof_key, now, body.proof or "")
        about(request.scope, phone=valid_phone(body.phone))
        if proof is None and body.proof:
            note(request.scope, SecurityEvent.PROOF_FAILED)
        outcome = await request_otp(
            services.platform,
            body.phone,
            services.callers.of(request.scope),
            language,
            proof=proof,
            device=body.device_id,
        )
        match outcome:
            case OtpSent(request_id):
                return json_answer(
                    OtpOut(_SENT.of(language).format(minutes=_MINUTES), request_id), 202
                )
            case ProofRequired(level=level):
                problem = replace(
                    services.replies.problem("proof_required", language),
                    challenge=new_challenge(services.proof_key, now, level),
                )
                return problem_answer(request.scope, problem)
            case Throttled(retry_after_seconds=seconds):
                return services.refusal(request, "otp_throttled", retry_after_seconds=seconds)
            case Refused(reason):
                return services.refusal(request, reason)
            case never:
                assert_never(never)

    async def token(self, request: ApiRequest) -> ASGIApp:
        services = self._services
        body = await read_body(request, _token_decoder)
        about(request.scope, phone=valid_phone(body.phone))
        outcome = await log_in(
            services.platform,
            body.phone,
            body.otp,
            body.request_id,
            services.callers.of(request.scope),
            reader_language(request.scope),
            "api",
            Device(label_of(request.scope), body.device_id),
        )
        match outcome:
            case LoggedIn():
                return self._logged_in(outcome)
            case Throttled(retry_after_seconds=seconds):
                return services.refusal(request, "otp_throttled", retry_after_seconds=seconds)
            case Refused(reason):
                return services.refusal(request, reason)
            case never:
                assert_never(never)

    def _logged_in(self, begun: LoggedIn) -> Answer:
        tokens = self._services.tokens
        return json_answer(
            TokenOut(
                tokens.issue(begun.account_id, begun.login_id),
                tokens.issue_refresh(begun.login_id, 1),
                begun.device,
                begun.confirmed,
            )
        )

    async def refresh(self, request: ApiRequest) -> ASGIApp:
        tokens = self._services.tokens
        body = await read_body(request, _refresh_decoder)
        given = tokens.read_refresh(body.refresh_token)
        if given is None:
            raise ProblemError("refresh_invalid")
        outcome = await refresh(self._services.platform, *given)
        if isinstance(outcome, Refused):
            raise ProblemError("refresh_invalid")
        return json_answer(
            RefreshOut(
                tokens.issue(outcome.account_id, outcome.login_id),
                tokens.issue_refresh(outcome.login_id, outcome.number),
            )
        )

    async def confirm(self, request: ApiRequest) -> ASGIApp:
        services = self._services
        claims = services.tokens.claims_of(request.scope)
        body = await read_body(request, _confirm_decoder)
        found = await services.tokens.login_by(claims)
        caller = services.callers.of(request.scope)
        outcome = await confirm(services.platform, found.id, body.id_no, caller)
        match outcome:
            case Throttled(retry_after_seconds=seconds):
                return services.refusal(request, "confirm_throttled", retry_after_seconds=seconds)
            case Refused(AccountLoginRefusal.ENDED as reason):
                raise ProblemError(reason)
            case Refused(reason):
                return services.refusal(request, reason)
            case int():
                return await self._account(outcome)
            case never:
                assert_never(never)

    async def new_holder(self, request: ApiRequest) -> ASGIApp:
        services = self._services
        found = await services.tokens.login_by(services.tokens.claims_of(request.scope))
        device = Device(label_of(request.scope))
        language = reader_language(request.scope)
        outcome = await start_over(services.platform, found.id, language, device)
        match outcome:
            case LoggedIn():
                return self._logged_in(outcome)
            case Refused(AccountLoginRefusal.ENDED as reason):
                raise ProblemError(reason)
            case Refused(reason):
                return services.refusal(request, reason)
            case never:
                assert_never(never)

    async def log_out(self, request: ApiRequest) -> ASGIApp:
        services = self._services
        found = await services.tokens.login_by(services.tokens.claims_of(request.scope))
        await log_out(services.platform, found.account_id, found.id)
        return json_answer(LoggedOut(_LOGGED_OUT.of(reader_language(request.scope))))

    async def me(self, request: ApiRequest) -> ASGIApp:
        return await self._account(await self._services.tokens.account_of(request.scope))

    async def _account(self, account_id: int) -> Answer:
        view = await account(self._services.platform, account_id)
        if view is None:
            raise ProblemError("log_in_ended")
        patients = [patient_out(patient) for patient in view.patients]
        return json_answer(AccountOut(masked_phone(view.phone), patients))
