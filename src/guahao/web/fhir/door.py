"""What every FHIR interaction works with, and how one becomes a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from fhir.resources.R4B.resource import Resource
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.desk import Desk
from guahao.flows.platform import Platform
from guahao.web.answers import Answer, Headers
from guahao.web.language import reader_language
from guahao.web.outcomes import FHIR_JSON
from guahao.web.problems import problem_answer
from guahao.web.reading import ApiRequest
from guahao.web.replies import Replies
from guahao.web.tokens import Tokens

PREFIX = "/fhir/r4"

R = TypeVar("R", bound=Resource)
Handler = Callable[["Door", ApiRequest], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Door:
    """The platform and the desk behind, the words and the tokens before."""

    platform: Platform
    desk: Desk
    replies: Replies
    tokens: Tokens

    @property
    def base(self) -> str:
        """What a resource's full URL begins with."""
        return f"{self.platform.settings.public_base}{PREFIX}"

    def refusal(
        self, request: ApiRequest, code: str, *, retry_after_seconds: int | None = None
    ) -> Answer:
        """An outcome that is not what the caller wished for, as an OperationOutcome."""
        problem = self.replies.problem(
            code, reader_language(request.scope), retry_after_seconds=retry_after_seconds
        )
        return problem_answer(request.scope, problem)


@dataclass(frozen=True, slots=True)
class Route:
    """An interaction: its method, its path under PREFIX and what answers it."""

    method: Literal["GET", "POST", "PUT", "PATCH"]
    path: str
    handler: Handler

    def for_litestar(self, door: Door) -> HTTPRouteHandler:
        """Ids in the path stay text: what is no id is a 404 in our own words."""

        async def answer(request: ApiRequest) -> ASGIApp:
            return await self.handler(door, request)

        return HTTPRouteHandler(
            f"{PREFIX}{self.path}".replace("}", ":str}"), http_method=self.method, status_code=200
        )(answer)


def made(model: type[R], **fields: Any) -> R:
    """A resource of these elements, which may be plain dicts; validated as it is made."""
    resource: R = model.model_validate(fields)
    return resource


def resource_answer(resource: Resource, status: int = 200, headers: Headers = ()) -> Answer:
    """A resource, which was validated when it was made, as JSON."""
    body = resource.model_dump_json().encode()
    sent = [
        (b"content-type", f"{FHIR_JSON}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    return Answer(status, body, sent)
