"""Let a hospital's information system in, and log what it called.

To add a call: an `Endpoint` with its `scope`, a function given a `Visit` that returns an answer,
and `access.route(endpoint, function)` in the list of its module. A caller that is not let in never
reaches the function; every call of a known client is in the log, refused or not.
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
from guahao.store.integration.clients import CallOutcome
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
class Visit:
    """One call. `items_ok` and `items_failed` are for the log; `why` is set by a refusal."""

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
        """Who was let in."""
        assert self.caller is not None
        return self.caller

    @property
    def language(self) -> Language:
        """In which the answer speaks."""
        return reader_language(self.request.scope)

    def refuse(self, code: str, **more: Any) -> Answer:
        """An outcome that is not what the caller wished for; `more` as `Replies.problem` takes."""
        self.why = code
        problem = self.services.replies.problem(code, self.language, **more)
        return problem_answer(self.request.scope, problem)


Work = Callable[[Visit], Awaitable[Answer]]


class Access:
    """Lets hospitals' systems in and logs their calls."""

    def __init__(self, services: Services) -> None:
        self.services = services
        key = services.platform.vault.key_for("hospital tokens")
        self.tokens = HospitalTokens(key, services.platform.db.clock)

    def route(self, endpoint: Endpoint, work: Work) -> Route:
        """A call for whom `call.scope` lets in."""

        async def admitted(visit: Visit) -> Answer:
            return await self._admit(endpoint, visit) or await work(visit)

        return self.open_route(endpoint, admitted)

    def open_route(self, endpoint: Endpoint, work: Work) -> Route:
        """A call that finds out by itself who its caller is."""

        async def answer(request: ApiRequest) -> ASGIApp:
            return await self._answer(endpoint, request, work)

        return Route(endpoint, answer)

    async def _answer(self, endpoint: Endpoint, request: ApiRequest, work: Work) -> Answer:
        visit = Visit(self.services, request, secrets.token_hex(8), time.perf_counter())
        try:
            answer = await work(visit)
        except ProblemError as error:
            answer = visit.refuse(error.code, field=error.field)
        except (InterfaceError, OperationalError):
            raise  # where the database is away, so is the log
        except Exception:
            visit.why = "internal_error"
            await self._note(endpoint, visit, _SERVER_ERROR)
            raise
        await self._note(endpoint, visit, answer.status)
        answer.headers = [*answer.headers, (b"x-request-id", visit.request_id.encode())]
        return answer

    async def _admit(self, endpoint: Endpoint, visit: Visit) -> Answer | None:
        """None once the visit has its client."""
        claims = self.tokens.claims_of(visit.request.scope)
        certificate = self.services.callers.certificate(visit.request.scope)
        outcome = await admit(self.services.platform, claims, endpoint.scope or None, certificate)
        match outcome:
            case Client():
                visit.caller = outcome
                return None
            case NotAdmitted(reason):
                visit.caller = outcome.client
                answer = visit.refuse(_code(reason))
                visit.why = reason
                return answer
            case TooManyCalls(retry_after_seconds=seconds, client=client):
                visit.caller = client
                return visit.refuse("hospital_calls", retry_after_seconds=seconds)
            case never:
                assert_never(never)

    async def _note(self, endpoint: Endpoint, visit: Visit, status: int) -> None:
        """Strangers are in the process's log alone: they must not fill the hospitals'."""
        name = f"{endpoint.method} {endpoint.path}"
        if visit.caller is None:
            _log.warning("hospital_call_refused", call=name, status=status, why=visit.why)
            return
        call = CallOutcome(
            name,
            status,
            visit.why if status >= _ERROR else "",
            visit.items_ok,
            visit.items_failed,
            round((time.perf_counter() - visit.started) * 1000),
            visit.request_id,
        )
        await save_call(self.services.platform, visit.caller, call)


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
