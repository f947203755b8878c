"""Let a hospital's information system in, and log what it called.

To add a call: an `Endpoint` with its `scope`, a function that takes a `CallRequest` and returns an
answer, and `access.route(endpoint, function)` in the list of its module. A caller that is not let
in never reaches the function; every call of a known client is in the log, refused or not.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, assert_never

import structlog
from litestar.types import ASGIApp
from psycopg import InterfaceError, OperationalError

from guahao.flows.integration.clients import NotAdmitted, TooManyCalls, admit, save_call
from guahao.rules.integration.clients import AccessRefusal, Client
from guahao.store.integration.clients import ApiCallOutcome
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.hospital_api.tokens import HospitalTokens
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest, ProblemError
from guahao.web.words.language import reader_language
from guahao.words.catalogue import Language
from guahao.words.text import Words

TAG = Words("医院接口")

_ERROR = 400
_SERVER_ERROR = 500
_log = structlog.get_logger("guahao.web")


@dataclass(slots=True)
class CallRequest:
    """A call of a hospital's system. `items_ok`, `items_failed` and, refused, `why` are logged."""

    services: Services
    request: ApiRequest
    request_id: str
    started: float
    caller: Client | None = None
    items_ok: int = 0
    items_failed: int = 0
    why: str = ""

    @property
    def client(self) -> Client:
        """Return the authenticated client."""
        assert self.caller is not None
        return self.caller

    @property
    def language(self) -> Language:
        """Return the language of the answer."""
        return reader_language(self.request.scope)

    def refuse(self, code: str, **more: Any) -> Answer:
        """Return the problem for this code; `more` as `Replies.problem` takes."""
        self.why = code
        problem = self.services.replies.problem(code, self.language, **more)
        return problem_answer(self.request.scope, problem)


Work = Callable[[CallRequest], Awaitable[Answer]]


class Access:
    """Lets hospitals' systems in and logs their calls."""

    def __init__(self, services: Services) -> None:
        self.services = services
        key = services.platform.vault.key_for("hospital tokens")
        self.tokens = HospitalTokens(key, services.platform.db.clock)

    def route(self, endpoint: Endpoint, work: Work) -> Route:
        """Return the route of a call that needs the endpoint's scope."""

        async def admitted(call: CallRequest) -> Answer:
            return await self._admit(endpoint, call) or await work(call)

        return self.open_route(endpoint, admitted)

    def open_route(self, endpoint: Endpoint, work: Work) -> Route:
        """Return the route of a call that authenticates its caller itself."""

        async def answer(request: ApiRequest) -> ASGIApp:
            return await self._answer(endpoint, request, work)

        return Route(endpoint, answer)

    async def _answer(self, endpoint: Endpoint, request: ApiRequest, work: Work) -> Answer:
        call = CallRequest(self.services, request, secrets.token_hex(8), time.perf_counter())
        try:
            answer = await work(call)
        except ProblemError as error:
            answer = call.refuse(error.code, field=error.field)
        except (InterfaceError, OperationalError):
            raise  # where the database is away, so is the log
        except Exception:
            call.why = "internal_error"
            await self._note(endpoint, call, _SERVER_ERROR)
            raise
        await self._note(endpoint, call, answer.status)
        answer.headers = [*answer.headers, (b"x-request-id", call.request_id.encode())]
        return answer

    async def _admit(self, endpoint: Endpoint, call: CallRequest) -> Answer | None:
        """Set the call's client, or return the refusal."""
        claims = self.tokens.claims_of(call.request.scope)
        certificate = self.services.callers.certificate(call.request.scope)
        outcome = await admit(self.services.platform, claims, endpoint.scope or None, certificate)
        match outcome:
            case Client():
                call.caller = outcome
                return None
            case NotAdmitted(reason):
                call.caller = outcome.client
                answer = call.refuse(_code(reason))
                call.why = reason
                return answer
            case TooManyCalls(retry_after_seconds=seconds, client=client):
                call.caller = client
                return call.refuse("hospital_calls", retry_after_seconds=seconds)
            case never:
                assert_never(never)

    async def _note(self, endpoint: Endpoint, call: CallRequest, status: int) -> None:
        """Log a call; strangers only in the process's log, so that they do not fill hospitals'."""
        name = f"{endpoint.method} {endpoint.path}"
        if call.caller is None:
            _log.warning("hospital_call_refused", call=name, status=status, why=call.why)
            return
        outcome = ApiCallOutcome(
            name,
            status,
            call.why if status >= _ERROR else "",
            call.items_ok,
            call.items_failed,
            round((time.perf_counter() - call.started) * 1000),
            call.request_id,
        )
        await save_call(self.services.platform, call.caller, outcome)


def _code(reason: AccessRefusal) -> str:
    """Return the code that the caller is answered; the hospital's log has the exact reason."""
    match reason:
        case AccessRefusal.SECRET_WRONG | AccessRefusal.SECRET_EXPIRED:
            return "token_invalid"
        case (
            AccessRefusal.TOKEN_EXPIRED
            | AccessRefusal.DISABLED
            | AccessRefusal.CERTIFICATE_WRONG
            | AccessRefusal.SCOPE_MISSING
        ):
            return reason.value
        case never:
            assert_never(never)
