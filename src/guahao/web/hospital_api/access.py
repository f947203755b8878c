"""Letting a hospital's information system in, and keeping the log of what it called.

To add a call: a `Call` with its `scope`, a function given a `Visit` that returns an answer, and
`access.route(call, function)` in the list of its module. Whoever is not let in never reaches
the function; every call of a known client is in the log, refused or not.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from litestar.types import ASGIApp
from psycopg import InterfaceError, OperationalError

from guahao.flows.integration.clients import NotLetIn, Refused, admit, note_call
from guahao.flows.people.accounts import Throttled
from guahao.rules.integration.clients import Client
from guahao.store.integration.clients import NotedCall
from guahao.web.api.door import Door, Route
from guahao.web.framework.openapi import Call
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
# What the caller is told; the hospital's log says the rest.
_TOLD = {
    NotLetIn.SECRET_WRONG: "token_invalid",
    NotLetIn.SECRET_EXPIRED: "token_invalid",
    NotLetIn.DISABLED: "client_disabled",
    NotLetIn.CERTIFICATE_WRONG: "certificate_wrong",
    NotLetIn.TOKEN_EXPIRED: "token_expired",
    NotLetIn.SCOPE_MISSING: "scope_missing",
}


@dataclass(slots=True)
class Visit:
    """One call. `items_ok` and `items_failed` are for the log; `why` is set by a refusal."""

    door: Door
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
        problem = self.door.replies.problem(code, self.language, **more)
        return problem_answer(self.request.scope, problem)


Work = Callable[[Visit], Awaitable[Answer]]


class Access:
    """What lets in and keeps the log, for every call of hospitals."""

    def __init__(self, door: Door) -> None:
        self.door = door
        key = door.platform.vault.key_for("hospital tokens")
        self.tokens = HospitalTokens(key, door.platform.db.clock)

    def route(self, call: Call, work: Work) -> Route:
        """A call for whom `call.scope` lets in."""

        async def admitted(visit: Visit) -> Answer:
            return await self._admit(call, visit) or await work(visit)

        return self.open_route(call, admitted)

    def open_route(self, call: Call, work: Work) -> Route:
        """A call that finds out by itself who its caller is."""

        async def answer(request: ApiRequest) -> ASGIApp:
            return await self._answer(call, request, work)

        return Route(call, answer)

    async def _answer(self, call: Call, request: ApiRequest, work: Work) -> Answer:
        visit = Visit(self.door, request, secrets.token_hex(8), time.perf_counter())
        try:
            answer = await work(visit)
        except ProblemError as error:
            answer = visit.refuse(error.code, field=error.field)
        except (InterfaceError, OperationalError):
            raise  # where the database is away, so is the log
        except Exception:
            visit.why = "internal_error"
            await self._note(call, visit, _SERVER_ERROR)
            raise
        await self._note(call, visit, answer.status)
        answer.headers = [*answer.headers, (b"x-request-id", visit.request_id.encode())]
        return answer

    async def _admit(self, call: Call, visit: Visit) -> Answer | None:
        """None once the visit has its client."""
        claims = self.tokens.claims_of(visit.request.scope)
        certificate = self.door.callers.certificate(visit.request.scope)
        outcome = await admit(self.door.platform, claims, call.scope or None, certificate)
        if isinstance(outcome, Client):
            visit.caller = outcome
            return None
        if isinstance(outcome, Refused):
            visit.caller = outcome.client
            answer = visit.refuse(_TOLD[outcome.why])
            visit.why = outcome.why
            return answer
        visit.caller, throttled = outcome
        return self.throttled(visit, throttled)

    def throttled(self, visit: Visit, throttled: Throttled) -> Answer:
        """Too many calls of this hospital's."""
        return visit.refuse("hospital_calls", retry_after_seconds=throttled.retry_after_seconds)

    async def _note(self, call: Call, visit: Visit, status: int) -> None:
        """Strangers are in the process's log alone: they must not fill the hospitals'."""
        name = f"{call.method} {call.path}"
        if visit.caller is None:
            _log.warning("hospital_call_refused", call=name, status=status, why=visit.why)
            return
        noted = NotedCall(
            name,
            status,
            visit.why if status >= _ERROR else "",
            visit.items_ok,
            visit.items_failed,
            round((time.perf_counter() - visit.started) * 1000),
            visit.request_id,
        )
        await note_call(self.door.platform, visit.caller, noted)
