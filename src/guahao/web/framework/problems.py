"""Errors as RFC 9457 problems (application/problem+json), in the reader's language."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap, Scope
from psycopg import InterfaceError, OperationalError

from guahao.rules.kernel.limits import CITY_TIME
from guahao.security_log import refused
from guahao.web.framework.outcomes import FHIR_JSON, FHIR_PATH, operation_outcome
from guahao.web.http.answers import Answer
from guahao.web.http.challenge import Challenge
from guahao.web.http.reading import ApiRequest, ProblemError, header
from guahao.web.words.language import chosen_language, reader_language
from guahao.web.words.replies import Problem, Replies
from guahao.words.catalogue import Language

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5  # after an outage of the database

_log = structlog.get_logger("guahao.web")
_encode = msgspec.json.Encoder().encode
_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_SERVER_ERROR = 500
_PROGRAMS = ("/api/", FHIR_PATH)

# Renders a problem as a page, with the trace id under which the log has its cause, if any.
ErrorPage = Callable[[ApiRequest, Problem, str | None], Answer]
_UNAUTHORIZED = 401


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """The JSON body of a problem."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retry_from: datetime | None = None
    visit_from: date | None = None
    field: str | None = None
    trace_id: str | None = None
    challenge: Challenge | None = None
    patient_ids: list[int] | None = None  # of two patients, those whom the refusal is about
    reasons: list[str] | None = None  # why a process is not ready, for its operator


def problem_body(problem: Problem, trace_id: str | None = None) -> ProblemBody:
    """Build the members of RFC 9457 and our own, which clients can act upon."""
    moment = problem.retry_from
    return ProblemBody(
        type=f"urn:problem-type:guahao:{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        retry_from=None if moment is None else moment.astimezone(CITY_TIME),
        visit_from=problem.visit_from,
        field=problem.field,
        trace_id=trace_id,
        challenge=problem.challenge,
        patient_ids=None if problem.patient_ids is None else list(problem.patient_ids),
    )


def problem_answer(
    scope: Scope,
    problem: Problem,
    *,
    reasons: list[str] | None = None,
    error: Exception | None = None,
) -> Answer:
    """Return a problem as a finished response; `error` is the cause to be logged."""
    refused(scope, problem.code)
    headers = [(name.encode(), value.encode()) for name, value in _headers(problem).items()]
    headers.append((b"content-type", _media_type(scope).encode()))
    body = _encoded(scope, problem, _traced(scope, problem, error), reasons)
    return Answer(problem.status, body, headers)


def wants_page(scope: Scope) -> bool:
    """Return whether to respond with a page: a browser asks, outside the paths of the APIs."""
    accepted = header(scope, b"accept") or b""
    return b"text/html" in accepted and not scope["path"].startswith(_PROGRAMS)


def asked_language(scope: Scope) -> Language:
    """Return the language for a problem; only pages have a language switch."""
    return chosen_language(scope) if wants_page(scope) else reader_language(scope)


def _encoded(
    scope: Scope, problem: Problem, trace_id: str | None, reasons: list[str] | None = None
) -> bytes:
    if scope["path"].startswith(FHIR_PATH):
        return operation_outcome(problem, trace_id)
    body = problem_body(problem, trace_id)
    body.reasons = reasons
    return _encode(body)


def _media_type(scope: Scope) -> str:
    return FHIR_JSON if scope["path"].startswith(FHIR_PATH) else MEDIA_TYPE


def _traced(scope: Scope, problem: Problem, error: Exception | None = None) -> str | None:
    """Log every 5xx under a trace id, by which an agent's question finds its cause."""
    if problem.status < _SERVER_ERROR:
        return None
    trace_id = secrets.token_hex(8)
    _log.error(
        "request_failed",
        trace_id=trace_id,
        status=problem.status,
        code=problem.code,
        method=scope.get("method"),
        route=scope.get("path_template", "unknown"),
        exc_info=error,
    )
    return trace_id


def _headers(problem: Problem) -> dict[str, str]:
    headers = {"cache-control": "no-store", "content-language": problem.language}
    if problem.retry_after_seconds is not None:
        headers["retry-after"] = str(problem.retry_after_seconds)
    if problem.status == _UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return headers


def problem_of(error: Exception, replies: Replies, language: Language) -> Problem:
    """Return the problem that an exception becomes."""
    match error:
        case ProblemError():
            return replies.problem(
                error.code,
                language,
                field=error.field,
                retry_after_seconds=error.retry_after_seconds,
            )
        case HTTPException():
            code = _CODES.get(error.status_code, "internal_error")
            return replies.problem(code, language)
        case OperationalError() | InterfaceError():
            return replies.problem("unavailable", language, retry_after_seconds=RETRY_SECONDS)
        case _:
            return replies.problem("internal_error", language)


def failed_answer(scope: Scope, error: Exception, replies: Replies) -> Answer:
    """Return the finished response to an exception, for calls that Litestar does not route."""
    problem = problem_of(error, replies, asked_language(scope))
    return problem_answer(scope, problem, error=_cause(error))


def exception_handlers(replies: Replies, error_page: ErrorPage) -> ExceptionHandlersMap:
    """Return Litestar's exception handlers: every exception becomes a problem, or its page."""

    def respond(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        problem = problem_of(error, replies, asked_language(request.scope))
        refused(request.scope, problem.code)
        trace_id = _traced(request.scope, problem, _cause(error))
        headers = _allowed(error)
        if wants_page(request.scope):
            return _as_response(error_page(request, problem, trace_id), headers)
        return Response(
            _encoded(request.scope, problem, trace_id),
            status_code=problem.status,
            media_type=_media_type(request.scope),
            headers={**_headers(problem), **headers},
        )

    return {
        ProblemError: respond,
        HTTPException: respond,
        OperationalError: respond,
        InterfaceError: respond,
        Exception: respond,
    }


def _cause(error: Exception) -> Exception | None:
    """Return what the log shows as the cause; a problem that we raised says it all itself."""
    return None if isinstance(error, ProblemError) else error


def _allowed(error: Exception) -> dict[str, str]:
    """Return the Allow header of an error of Litestar's, if it has that."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return {k: v for k, v in (headers or {}).items() if k.lower() == "allow"}


def _as_response(page: Answer, headers: dict[str, str]) -> Response[bytes]:
    """Convert a page into the response type that Litestar expects of exception handlers."""
    own = {name.decode(): value.decode() for name, value in page.headers}
    return Response(
        page.body,
        status_code=page.status,
        media_type=own.pop("content-type").partition(";")[0],  # Litestar adds the charset
        headers={**own, **headers},
    )
