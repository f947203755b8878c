"""The documents of the demo's invented persons, for confirming log-ins; demo mode only."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.people.demo_documents import documents
from guahao.web.citizens import Services
from guahao.web.citizens.page import Page
from guahao.web.framework.problems import wants_page
from guahao.web.http.answers import json_answer
from guahao.web.http.reading import ApiRequest


class DocumentOut(msgspec.Struct):
    """A person of the demo."""

    phone: str
    name: str
    id_type: str
    id_no: str


class Documents(msgspec.Struct):
    """The documents of a phone, or of the demo's log-ins."""

    items: list[DocumentOut]


def demo_document_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the route GET /demo/documents; none in production."""
    if not services.platform.settings.demo:
        return []

    @get("/demo/documents")
    async def demo_documents(request: ApiRequest) -> ASGIApp:
        phone = request.query_params.get("phone")
        items = [
            DocumentOut(person.phone, person.name, person.id_type, person.id_no)
            for person in await documents(services.platform, phone)
        ]
        if not wants_page(request.scope):
            return json_answer(Documents(items))
        return Page(services, request).render("demo_documents.html", items=items)

    return [demo_documents]
