"""The services that FHIR interactions use, and their routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from fhir.resources.R4B.resource import Resource
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.web.framework.outcomes import FHIR_JSON, accepts_fhir
from guahao.web.framework.problems import problem_answer
from guahao.web.http.answers import Answer, Headers
from guahao.web.http.limits import Callers
from guahao.web.http.reading import ApiRequest, ProblemError, body_bytes, header
from guahao.web.http.tokens import Tokens
from guahao.web.words.language import reader_language
from guahao.web.words.replies import Replies

PREFIX = "/fhir/r4"
_FORM = b"application/x-www-form-urlencoded"

R = TypeVar("R", bound=Resource)
Handler = Callable[["Services", ApiRequest], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Services:
    """The services that handlers use: platform, booking desk, replies, tokens and callers."""

    platform: Platform
    desk: Desk
    replies: Replies
    tokens: Tokens
    callers: Callers

    @property
    def base(self) -> str:
        """Return the base URL of the resources."""
        return f"{self.platform.settings.public_base}{PREFIX}"

    def refusal(
        self, request: ApiRequest, code: str, *, retry_after_seconds: int | None = None
    ) -> Answer:
        """Return a refusal as an OperationOutcome."""
        problem = self.replies.problem(
            code, reader_language(request.scope), retry_after_seconds=retry_after_seconds
        )
        return problem_answer(request.scope, problem)


@dataclass(frozen=True, slots=True)
class Route:
    """An interaction: its method, its path under PREFIX and its handler."""

    method: Literal["GET", "POST", "PUT", "PATCH"]
    path: str
    handler: Handler

    def for_litestar(self, services: Services) -> HTTPRouteHandler:
        """Convert to Litestar's handler. Ids stay text, so that an invalid id is our own 404."""

        async def answer(request: ApiRequest) -> ASGIApp:
            check_format(request)
            return await self.handler(services, request)

        return HTTPRouteHandler(
            f"{PREFIX}{self.path}".replace("}", ":str}"), http_method=self.method, status_code=200
        )(answer)


def search_routes(kind: str, search: Handler) -> list[Route]:
    """Return a search by GET, and by POST of a form, which proxies do not log."""

    async def by_post(services: Services, request: ApiRequest) -> ASGIApp:
        content_type = header(request.scope, b"content-type") or b""
        if content_type.partition(b";")[0].strip().lower() != _FORM:
            raise ProblemError("unsupported_media_type")
        form = await body_bytes(request)
        query: bytes = request.scope["query_string"]
        request.scope["query_string"] = b"&".join(filter(None, (query, form)))
        return await search(services, request)

    return [Route("GET", f"/{kind}", search), Route("POST", f"/{kind}/_search", by_post)]


def check_format(request: ApiRequest) -> None:
    """Raise ProblemError (406) where the client does not accept JSON of this FHIR version."""
    if not accepts_fhir(header(request.scope, b"accept")):
        raise ProblemError("fhir_format")


def made(model: type[R], **fields: Any) -> R:
    """Create and validate a resource from elements, which may be plain dicts."""
    resource: R = model.model_validate(fields)
    return resource


def resource_answer(resource: Resource, status: int = 200, headers: Headers = ()) -> Answer:
    """Return a resource as JSON; it was validated when it was created."""
    body = resource.model_dump_json().encode()
    sent = [
        (b"content-type", f"{FHIR_JSON}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    return Answer(status, body, sent)
