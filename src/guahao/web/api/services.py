"""What every call of the JSON API works with, and how a call becomes a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.web.framework.openapi import Endpoint
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import Answer
from guahao.web.http.limits import Callers
from guahao.web.http.reading import ApiRequest
from guahao.web.http.tokens import Tokens
from guahao.web.words.language import reader_language
from guahao.web.words.replies import Replies

Handler = Callable[[ApiRequest], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Services:
    """The platform and the desk behind, the words and the tokens before."""

    platform: Platform
    desk: Desk
    replies: Replies
    tokens: Tokens
    callers: Callers

    @property
    def proof_key(self) -> bytes:
        """What challenges are signed with before a one-time password is sent."""
        return self.platform.vault.key_for("altcha")

    def refusal(
        self, request: ApiRequest, code: str, *, retry_after_seconds: int | None = None
    ) -> Answer:
        """An outcome that is not what the caller wished for, as a problem."""
        problem = self.replies.problem(
            code, reader_language(request.scope), retry_after_seconds=retry_after_seconds
        )
        return problem_answer(request.scope, problem)


@dataclass(frozen=True, slots=True)
class Route:
    """A call and what answers it."""

    endpoint: Endpoint
    handler: Handler

    def for_litestar(self, prefix: str) -> HTTPRouteHandler:
        """Ids in the path stay text: what is no id is a 404 in our own words."""
        handler = self.handler

        # A function, because Litestar copies deeply what it is given, objects and all behind.
        async def answer(request: ApiRequest) -> ASGIApp:
            return await handler(request)

        return HTTPRouteHandler(
            prefix + self.endpoint.path.replace("}", ":str}"),
            http_method=self.endpoint.method,
            status_code=self.endpoint.status,
        )(answer)
