"""The outermost middleware: counts requests, limits callers and adds the security headers.

A plain ASGI layer around the whole application, so that it also sees requests without a route and
costs a booking call little.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from guahao import security_log
from guahao.flows.booking.velocity import Velocity
from guahao.flows.kernel.platform import Platform
from guahao.web.framework.cookies import SESSION, STAFF, Cookies
from guahao.web.framework.direct import DirectCall
from guahao.web.framework.metrics import count_request
from guahao.web.framework.outcomes import FHIR_PATH
from guahao.web.framework.problems import ErrorPage, asked_language, problem_answer, wants_page
from guahao.web.framework.public_answers import PublicAnswers
from guahao.web.http.answers import Answer
from guahao.web.http.bodies import Bodies
from guahao.web.http.limits import Callers
from guahao.web.http.reading import header
from guahao.web.words.replies import Replies
from guahao.words.catalogue import Language

# The same policy for all pages: no other origins, nothing inline, no frames.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
# Sent only in production, where the platform is served over TLS.
_HSTS = (b"strict-transport-security", b"max-age=31536000")
# Not limited by address: a single provider calls for the whole city, and authenticates itself.
_SIGNED = frozenset({"/wechat", "/sms/receipts"})
# Where an account asks for a place; anything that is posted below counts against it.
_BOOKING = ("/api/v1/appointments", "/book/", "/bookings/", f"{FHIR_PATH}r4/Appointment")
# Never limited, so that a flood does not look like a failure to the monitoring.
_HEALTH = "/health/"
# Served even without a database.
_OF_THE_MACHINE = ("/health/", "/metrics", "/static/", "/status", "/api/v1/status")
_NO_ROUTE = "none"
_SLASHES = re.compile("//+")
_READING = ("GET", "HEAD")
_FAILED = 400
_TOO_MANY = "too_many_requests"
_REFUSALS_MAX = 1000
_NOT_ANSWERED = 499  # the client disconnected, or the response was cut off

_log = structlog.get_logger("guahao.web")


class Front:
    """Wraps the application `app` of a platform."""

    def __init__(
        self,
        app: ASGIApp,
        platform: Platform,
        callers: Callers,
        velocity: Velocity,
        replies: Replies,
        error_page: ErrorPage,
        direct: Sequence[DirectCall] = (),
    ) -> None:
        self._app = app
        self._direct: Mapping[tuple[str, str], ASGIApp] = {
            (call.method, call.path): call for call in direct
        }
        self._public = PublicAnswers(app, platform)
        self._platform = platform
        self._database = platform.db
        self._vault = platform.vault
        self._callers = callers
        self._velocity = velocity
        self._bodies = Bodies(platform.settings)
        demo = platform.settings.demo
        self._cookies = Cookies(secure=not demo)
        self._headers: Sequence[tuple[bytes, bytes]] = (
            SECURITY_HEADERS if demo else (*SECURITY_HEADERS, _HSTS)
        )
        self._replies = replies
        # By whether FHIR is spoken, the language, and the seconds to wait.
        self._refusals: dict[tuple[bool, Language, int], Answer] = {}
        self._error_page = error_page
        # Cached: even a disabled log call takes time on every request.
        self._logs_requests = _log.bind().is_enabled_for(logging.DEBUG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers, as_of = self._headers, self._database.as_of
        if as_of is not None:  # read from a replica, while no primary answers
            headers = (*headers, (b"data-as-of", as_of.isoformat(timespec="seconds").encode()))
        sealed = _Sealed(scope, send, headers)
        try:
            await self._answer(scope, receive, sealed)
        finally:
            self._count(scope, sealed, time.perf_counter() - started)

    async def _answer(self, scope: HTTPScope, receive: Receive, sealed: _Sealed) -> None:
        wait_seconds, path, caller = None, scope["path"], self._callers.of(scope)
        if "//" in path:  # routed like a single slash, so limited and stored like it as well
            path = scope["path"] = _SLASHES.sub("/", path)
        now = self._database.seconds()
        books = scope["method"] == "POST" and path.startswith(_BOOKING)
        if path not in _SIGNED and not path.startswith(_HEALTH):
            wait_seconds = self._velocity.request(caller, now)
            if wait_seconds is None and books:
                token = self._token(scope)
                wait_seconds = None if token is None else self._velocity.gate(token, now)
        if wait_seconds is None:
            if scope["method"] not in _READING:
                sealed.on_success = partial(self._public.changed, self._credentials(scope))
            elif await self._is_public(scope, sealed):
                return
            if sealed.is_head:
                scope["method"] = "GET"
            # A booking must not wait behind slow readers: the desk reads the policies itself.
            if self._platform.is_stale(now) and not (
                path.startswith(_OF_THE_MACHINE) or (books and self._platform.titles.is_known)
            ):
                await self._platform.refresh()
            app = self._direct.get((scope["method"], path), self._app)
            await app(scope, self._bodies.timed(scope, receive, caller), sealed.send)
            return
        answer = self._refusal(scope, wait_seconds)
        await answer(scope, receive, sealed.send)

    def _refusal(self, scope: HTTPScope, wait_seconds: int) -> Answer:
        """Return the answer to a caller that asks too often.

        Programs that do so in a rush get a kept answer: to word it anew took a tenth of the
        processor time of a web process at a release.
        """
        security_log.refused(scope, _TOO_MANY)
        is_page, language = wants_page(scope), asked_language(scope)
        key = scope["path"].startswith(FHIR_PATH), language, wait_seconds
        kept = None if is_page else self._refusals.get(key)
        if kept is not None:
            return kept
        problem = self._replies.problem(_TOO_MANY, language, retry_after_seconds=wait_seconds)
        if is_page:
            return self._error_page(Request(scope), problem, None)
        if len(self._refusals) >= _REFUSALS_MAX:
            self._refusals.clear()
        answer = self._refusals[key] = problem_answer(scope, problem)
        return answer

    async def _is_public(self, scope: HTTPScope, sealed: _Sealed) -> bool:
        """Answer a request for what is the same for everybody; return False for others."""
        credentials = self._credentials(scope) if self._public.awaits_writers else []
        answer = await self._public.answer(scope, credentials)
        if answer is None:
            return False
        scope["path_template"] = answer.template
        await answer.send(scope, sealed.send)
        return True

    def _credentials(self, scope: HTTPScope) -> list[bytes]:
        """Return what names the log-in of a program, or those of a citizen and of the staff."""
        authorization = header(scope, b"authorization")
        if authorization is not None:
            return [authorization.rpartition(b" ")[2]]
        if header(scope, b"cookie") is None:
            return []
        cookies = (self._cookies.read(scope, name) for name in (SESSION, STAFF))
        return [value.encode() for value in cookies if value]

    def _token(self, scope: HTTPScope) -> bytes | None:
        """Return the token of a log-in as it was sent: its header or the pages' cookie."""
        authorization = header(scope, b"authorization")
        if authorization is not None:
            return authorization
        kept = self._cookies.read(scope, SESSION)
        return None if kept is None else kept.encode()

    def _count(self, scope: HTTPScope, sealed: _Sealed, seconds: float) -> None:
        route = scope.get("path_template", _NO_ROUTE)
        count_request(sealed.method, route, sealed.status, seconds)
        if security_log.is_noted(scope):
            security_log.log_noted(scope, self._vault, self._callers.of(scope).address, route)
        if self._logs_requests:
            _log.debug(
                "request",
                method=sealed.method,
                route=route,
                status=sealed.status,
                milliseconds=round(seconds * 1000, 2),
            )


class _Sealed:
    """Sends a response with the security headers, and without a body for HEAD."""

    __slots__ = ("_headers", "_send", "is_head", "method", "on_success", "status")

    def __init__(
        self, scope: HTTPScope, send: Send, headers: Sequence[tuple[bytes, bytes]]
    ) -> None:
        self._send = send
        self._headers = headers
        self.method: str = scope["method"]
        self.is_head = self.method == "HEAD"
        self.status = _NOT_ANSWERED
        self.on_success: Callable[[], None] | None = None  # called before the response leaves

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.on_success is not None and self.status < _FAILED:
                self.on_success()
            message["headers"] = [*message["headers"], *self._headers]
        elif self.is_head and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)
