"""The documents of the demo's invented persons, for confirming log-ins; demo mode only."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.demo_documents import documents
from guahao.web.framework.problems import wants_page
from guahao.web.framework.templating import template
from guahao.web.http.answers import html_answer, json_answer
from guahao.web.http.reading import ApiRequest
from guahao.web.words.language import chosen_language
from guahao.words import dates


class DocumentOut(msgspec.Struct):
    """A person of the demo."""

    phone: str
    name: str
    id_type: str
    id_no: str


class Documents(msgspec.Struct):
    """The documents of a phone, or of the demo's log-ins."""

    items: list[DocumentOut]


def demo_document_routes(platform: Platform) -> list[HTTPRouteHandler]:
    """Return the route GET /demo/documents; none in production."""
    if not platform.settings.demo:
        return []

    @get("/demo/documents")
    async def demo_documents(request: ApiRequest) -> ASGIApp:
        phone = request.query_params.get("phone")
        items = [
            DocumentOut(person.phone, person.name, person.id_type, person.id_no)
            for person in await documents(platform, phone)
        ]
        if not wants_page(request.scope):
            return json_answer(Documents(items))
        language = chosen_language(request.scope)
        types = {code: words.of(language) for code, words in dates.ID_TYPE_WORDS.items()}
        html = template("demo_documents.html", language).render(
            language=language, items=items, types=types
        )
        return html_answer(request.scope, html)

    return [demo_documents]
