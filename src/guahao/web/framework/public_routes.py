"""The routes that answer everybody alike, and what their answers depend on.

An answer is rendered for a request that holds nothing but its key: path, the parameters that its
route knows, and the few headers below in a normal form. So no answer can hold anything of a reader.
A proxy that caches these answers uses the same key (docs/decisions/0046).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from litestar.types import HTTPScope

from guahao.web.framework.cookies import ELDER, THEME, VIEW, chosen_theme
from guahao.web.framework.outcomes import FHIR_JSON, FHIR_PATH, accepts_fhir
from guahao.web.framework.problems import wants_page
from guahao.web.http.reading import QUERY_BYTES_MAX, QUERY_FIELDS_MAX, cookie, header
from guahao.web.words.language import chosen_language, reader_language

_API = "/api/v1"
_FHIR = f"{FHIR_PATH}r4"
_VALUE_MAX = 80  # characters of a page's parameter; the pages cut off what is longer
_PARSED_MAX = 4096  # queries whose normal form is remembered
_MEMORABLE_BYTES = 300
_STRICT = b"handling=strict"
_ID = re.compile(r"/\d+(?=/|\.ndjson$|$)")
# Parts of names that a FHIR search looks for.
_TYPED = frozenset({"service-type"})
# Known to every FHIR search; `_format` is as well.
_FHIR_ALWAYS = ("_count", "_cursor", "_id", "_include", "_format")

Query = Callable[[bytes, frozenset[str]], bytes | None]
Headers = tuple[tuple[bytes, bytes], ...]


class PublicRequest(NamedTuple):
    """A request in its normal form, which is the key of its answer."""

    path: str
    query: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class PublicRoute:
    """A route; `{id}` stands for a number. `vary`: the headers that its answer depends on."""

    path: str
    parameters: frozenset[str]
    query: Query
    headers: Callable[[HTTPScope], Headers]
    vary: bytes


def public_request(scope: HTTPScope) -> tuple[PublicRoute, PublicRequest] | None:
    """Return the route and the normal form of a request that is to be answered as for everybody.

    None where the route is another, or the query is one that the route refuses.
    """
    path = scope["path"]
    if len(path) > 1 and path.endswith("/"):
        path = path.rstrip("/") or "/"
    route = _BY_PATH.get(path) or _BY_PATH.get(_ID.sub("/{id}", path))
    if route is None:
        return None
    raw = scope["query_string"]
    query: bytes | None = raw
    headers = route.headers(scope)
    if raw:
        query = (_memorized if len(raw) <= _MEMORABLE_BYTES else _normal)(route, raw)
        if query is None or (_PREFERS_STRICT in headers and _has_unknown(route, raw)):
            return None
    return route, PublicRequest(path, query or b"", headers)


def _normal(route: PublicRoute, raw: bytes) -> bytes | None:
    return route.query(raw, route.parameters)


_memorized = lru_cache(_PARSED_MAX)(_normal)


# Queries --------------------------------------------------------------------------------------


def _of_page(raw: bytes, known: frozenset[str]) -> bytes:
    """Drop what a page does not read: unknown and empty parameters, and all values but the first.

    A page refuses no query, so that no query avoids the store.
    """
    given: dict[str, str] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        if name in known:
            given.setdefault(name, value.strip()[:_VALUE_MAX])
    return _encoded((name, value) for name, value in given.items() if value)


def _of_home(raw: bytes, known: frozenset[str]) -> bytes | None:
    """Leave a search to the application: what people type is seldom typed twice in a second."""
    return None if _of_page(raw, known) else b""


def _of_api(raw: bytes, known: frozenset[str]) -> bytes | None:
    """Leave to the API what it refuses: unknown parameters, bad encodings, too long queries."""
    pairs = _strictly(raw, QUERY_FIELDS_MAX)
    if pairs is None:
        return None
    given = dict(pairs)  # the last value of a field counts
    return _encoded(given.items()) if given.keys() <= known else None


def _of_fhir(raw: bytes, known: frozenset[str]) -> bytes | None:
    """Drop what a search ignores; keep modifiers and chains of what it knows: it refuses them.

    A search by a typed name is the application's, as in `_of_home`.
    """
    pairs = _strictly(raw, fields_max=30)
    if pairs is None or any(_base(name) in _TYPED & known for name, _ in pairs):
        return None
    return _encoded((name, value) for name, value in pairs if _base(name) in known)


def _has_unknown(route: PublicRoute, raw: bytes) -> bool:
    """Return whether a search has a parameter that `_of_fhir` drops: strictly, it is refused."""
    pairs = _strictly(raw, fields_max=30) or ()
    return any(_base(name) not in route.parameters for name, _ in pairs)


def _base(name: str) -> str:
    """Return a parameter's name without its modifier or chain."""
    return re.split(r"[.:]", name, maxsplit=1)[0]


def _of_file(_: bytes, __: frozenset[str]) -> bytes:
    return b""


def _strictly(raw: bytes, fields_max: int) -> list[tuple[str, str]] | None:
    if len(raw) > QUERY_BYTES_MAX:
        return None
    try:
        return parse_qsl(raw.decode("ascii"), errors="strict", max_num_fields=fields_max)
    except ValueError:  # also of UnicodeDecodeError
        return None


def _encoded(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return a query in the order of its names; values of the same name keep their order."""
    return urlencode(sorted(pairs, key=lambda pair: pair[0])).encode()


# Headers --------------------------------------------------------------------------------------


_LANGUAGES = {"zh": (b"accept-language", b"zh"), "en": (b"accept-language", b"en")}
_HTML = (b"accept", b"text/html")
_ACCEPTED = (b"accept", FHIR_JSON.encode())
_REFUSED = (b"accept", b"text/plain")
_PREFERS_STRICT = (b"prefer", _STRICT)
_GZIP = (b"accept-encoding", b"gzip")


def _of_reader(scope: HTTPScope) -> Headers:
    """Return language, view and theme, and whether a program asks, which gets errors of its own."""
    headers = [_LANGUAGES[chosen_language(scope)]]
    if wants_page(scope):
        headers.append(_HTML)
    chosen = [f"{VIEW}={ELDER}"] if cookie(scope, VIEW) == ELDER else []
    if theme := chosen_theme(scope):
        chosen.append(f"{THEME}={theme}")
    if chosen:
        headers.append((b"cookie", "; ".join(chosen).encode()))
    return tuple(headers)


def _of_program(scope: HTTPScope) -> Headers:
    return (_LANGUAGES[reader_language(scope)],)


def _of_fhir_client(scope: HTTPScope) -> Headers:
    accepted = _ACCEPTED if accepts_fhir(header(scope, b"accept")) else _REFUSED
    headers = [_LANGUAGES[reader_language(scope)], accepted]
    if _STRICT in (header(scope, b"prefer") or b""):
        headers.append(_PREFERS_STRICT)
    return tuple(headers)


def _of_importer(_: HTTPScope) -> Headers:
    """Ask for a file as it is stored; who accepts no gzip gets it unzipped afterwards."""
    return (_GZIP,)


# Routes ---------------------------------------------------------------------------------------


def _page(path: str, *parameters: str, query: Query = _of_page) -> PublicRoute:
    vary = b"accept-encoding, accept-language, cookie"
    return PublicRoute(path, frozenset(parameters), query, _of_reader, vary)


def _api(path: str, *parameters: str, vary: bytes = b"accept-encoding") -> PublicRoute:
    return PublicRoute(f"{_API}{path}", frozenset(parameters), _of_api, _of_program, vary)


def _fhir(kind: str, *parameters: str) -> PublicRoute:
    known = frozenset((*_FHIR_ALWAYS, *parameters))
    return PublicRoute(f"{_FHIR}/{kind}", known, _of_fhir, _of_fhir_client, b"accept-encoding")


def _file(path: str) -> PublicRoute:
    return PublicRoute(path, frozenset(), _of_file, _of_importer, b"accept-encoding")


_NAMED = b"accept-encoding, accept-language"
PUBLIC_ROUTES = (
    _page("/", "q", "district", "grade", "open", "page", query=_of_home),
    _page("/hospitals/{id}", "group", "page"),
    _page("/hospitals/{id}/boards"),
    _page("/departments/{id}/board"),
    _page("/departments/{id}", "day", "title", "specialty", "week", "page"),
    # Without `q`, as in `_of_home`: a search is the application's, which limits searches.
    _api("/hospitals", "district", "grade", "cursor", vary=_NAMED),
    _api("/hospitals/{id}", vary=_NAMED),
    _api("/hospitals/{id}/departments", vary=_NAMED),
    _api(
        "/clinic-sessions",
        *("hospital_id", "department_id", "date_from", "date_to", "title", "specialty"),
    ),
    _fhir("Slot", "schedule", "start", "status", "appointment-type", "_sort"),
    _fhir("Schedule", "actor", "service-type"),
    _file("/$bulk-publish"),
    _file("/open-supply/locations.ndjson"),
    _file("/open-supply/schedules.ndjson"),
    _file("/open-supply/slots/{id}.ndjson"),
    _file("/open-supply/slots/{id}"),
)
_BY_PATH = {route.path: route for route in PUBLIC_ROUTES}
