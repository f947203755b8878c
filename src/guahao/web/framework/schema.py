"""/schema: the API's description, as JSON and as a page without external files."""

from __future__ import annotations

from functools import cache

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.web.framework.openapi import Endpoint, describe
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest
from guahao.web.words.language import reader_language
from guahao.web.words.replies import Replies
from guahao.words.catalogue import Language

_PAGE = """\
<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>guahao API</title>
<link rel="icon" href="/static/vendor/swagger-ui/favicon-32x32.png">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css">
</head>
<body>
<div id="schema"></div>
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/static/schema.js"></script>
</body>
</html>
"""
_HTML = (b"content-type", b"text/html; charset=utf-8")
_VARY = (b"vary", b"accept-language")


def schema_routes(
    endpoints: list[Endpoint], prefix: str, replies: Replies
) -> list[HTTPRouteHandler]:
    """Return the routes of the page and the document, which is built on the first request."""
    page = Answer(200, _PAGE.encode(), [_HTML])

    @cache
    def document(language: Language) -> Answer:
        content_type = (b"content-type", b"application/vnd.oai.openapi+json")
        return Answer(200, describe(endpoints, prefix, replies, language), [content_type, _VARY])

    @get("/schema")
    async def schema_page() -> ASGIApp:
        return page

    @get("/schema/openapi.json")
    async def schema_document(request: ApiRequest) -> ASGIApp:
        return document(reader_language(request.scope))

    return [schema_page, schema_document]
