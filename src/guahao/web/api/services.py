"""The services that the JSON API uses, and its routes."""

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
from guahao.web.http.reading import ApiRequest, Received
from guahao.web.http.tokens import Tokens
from guahao.web.words.language import reader_language
from guahao.web.words.replies import Replies

Handler = Callable[[ApiRequest], Awaitable[ASGIApp]]
# Of a call that is also served before routing.
DirectHandler = Callable[[Received], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Services:
    """The services that handlers use: platform, booking desk, replies, tokens and callers."""

    platform: Platform
    desk: Desk
    replies: Replies
    tokens: Tokens
    callers: Callers

    @property
    def proof_key(self) -> bytes:
        """Return the key that signs the challenges before one-time passwords."""
        return self.platform.vault.key_for("altcha")

    def refusal(
        self, request: Received, code: str, *, retry_after_seconds: int | None = None
    ) -> Answer:
        """Return a refusal as a problem."""
        problem = self.replies.problem(
            code, reader_language(request.scope), retry_after_seconds=retry_after_seconds
        )
        return problem_answer(request.scope, problem)


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint and its handler."""

    endpoint: Endpoint
    handler: Handler

    def for_litestar(self, prefix: str) -> HTTPRouteHandler:
        """Convert to Litestar's handler. Ids stay text, so that an invalid id is our own 404."""
        handler = self.handler

        # A function, because Litestar would deep-copy a bound method's object.
        async def answer(request: ApiRequest) -> ASGIApp:
            return await handler(request)

        return HTTPRouteHandler(
            prefix + self.endpoint.path.replace("}", ":str}"),
            http_method=self.endpoint.method,
            status_code=self.endpoint.status,
        )(answer)
