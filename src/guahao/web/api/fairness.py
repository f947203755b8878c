"""Draws: what is public of each, its file that anybody can verify, and the log of all."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from guahao.flows.fairness import drawn
from guahao.flows.fairness.drawn import DrawView
from guahao.store.fairness.draws import PublicDraw
from guahao.web.api.services import Route, Services
from guahao.web.framework.openapi import Endpoint
from guahao.web.http.answers import Answer, UnzippedAnswer, accepts_gzip, json_answer
from guahao.web.http.reading import (
    ApiRequest,
    Id,
    ProblemError,
    as_id,
    header,
    read_query,
)
from guahao.web.words.language import reader_language
from guahao.words.catalogue import Language
from guahao.words.text import Words

_TAG = Words("抽签公示")
_TEXT = (b"content-type", b"text/plain; charset=us-ascii")
_FILE = ".txt"
_FOREVER = b"public, max-age=31536000, immutable"  # a finished draw never changes
_A_MINUTE = b"public, max-age=60"
State = Literal["open", "closed", "drawing", "done"]
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class DrawQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which draws to list."""

    hospital_id: Id | UnsetType = UNSET
    department_id: Id | UnsetType = UNSET
    state: State | UnsetType = UNSET
    cursor: Id | UnsetType = UNSET


class LogQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The line after which to begin."""

    after: Annotated[int, msgspec.Meta(ge=0, le=10**15)] = 0


class DrawOut(msgspec.Struct):
    """A draw in a list. `waiting_since`: an outside source keeps it waiting."""

    id: int
    hospital_id: int
    hospital_name: str
    department_id: int
    department_name: str
    kind: Literal["release", "returned"]
    state: State
    closes_at: datetime
    draw_at: datetime
    waiting_since: datetime | None
    entries: int | None
    places: int | None
    won: int | None


class DrawList(msgspec.Struct):
    """A page of draws, the newest first."""

    items: list[DrawOut]
    next: str | None


class DrawSourceOut(msgspec.Struct):
    """An outside hash chain, the value that was announced, and the value that was used.

    Of drand `first` is the hash of its chain, and the values are rounds.
    """

    name: str | None
    first: Hash
    announced: int
    used: int | None


class DrawSessionOut(msgspec.Struct):
    """A clinic session in a draw: its places at closing and at the draw."""

    number: int
    session_id: int
    places: int
    places_left: int


class DrawDetail(DrawOut):
    """A draw with all that proves it; `file` is published unless the department is sensitive.

    `referrals`: places of a release that are kept for doctors' referrals and not drawn.
    """

    opened_at: datetime
    closed_at: datetime | None
    done_at: datetime | None
    commitment: Hash
    sources: list[DrawSourceOut]
    long_waits_percent: int
    referrals: int
    sessions: list[DrawSessionOut]
    root: Hash | None
    secret: Hash | None
    values: list[Hash] | None
    seed: Hash | None
    level: Literal["operator", "witnessed", "beacon"] | None
    is_sensitive: bool
    proof_sha256: Hash | None
    file: str | None


_EXAMPLE: dict[str, Any] = {
    "id": 17,
    "hospital_id": 3,
    "hospital_name": "城东人民医院",
    "department_id": 41,
    "department_name": "心血管内科",
    "kind": "returned",
    "state": "done",
    "closes_at": datetime.fromisoformat("2026-11-30T09:50:00+08:00"),
    "draw_at": datetime.fromisoformat("2026-11-30T10:00:00+08:00"),
    "waiting_since": None,
    "entries": 24,
    "places": 2,
    "won": 2,
}
_LIST = Endpoint(
    "GET",
    "/fairness/draws",
    _TAG,
    Words("抽签列表"),
    DrawList([DrawOut(**_EXAMPLE)], "17"),
    query=DrawQuery,
    needs_token=False,
)
_ONE = Endpoint(
    "GET",
    "/fairness/draws/{draw_id}",
    _TAG,
    Words("一次抽签；在编号后加.txt下载公示文件"),
    DrawDetail(
        **_EXAMPLE,
        opened_at=datetime.fromisoformat("2026-11-30T08:10:00+08:00"),
        closed_at=datetime.fromisoformat("2026-11-30T09:50:00+08:00"),
        done_at=datetime.fromisoformat("2026-11-30T10:00:01+08:00"),
        commitment="0" * 64,
        sources=[DrawSourceOut("公证处", "1" * 64, 289, 289)],
        long_waits_percent=20,
        referrals=0,
        sessions=[DrawSessionOut(1, 9001, 2, 2)],
        root="2" * 64,
        secret="3" * 64,
        values=["4" * 64],
        seed="5" * 64,
        level="witnessed",
        is_sensitive=False,
        proof_sha256="6" * 64,
        file="/api/v1/fairness/draws/17.txt",
    ),
    needs_token=False,
    problems=("unknown_draw",),
)


def fairness_routes(services: Services) -> list[Route]:
    """Return GET /fairness/draws and /fairness/draws/{id}, with the file under {id}.txt."""
    platform = services.platform

    async def listed(request: ApiRequest) -> ASGIApp:
        query = read_query(request, DrawQuery)
        found, following = await drawn.draws(
            platform,
            hospital_id=query.hospital_id or None,
            department_id=query.department_id or None,
            state=query.state or None,
            before=query.cursor or None,
        )
        language = reader_language(request.scope)
        items = [DrawOut(**_draw(draw, language)) for draw in found]
        return json_answer(DrawList(items, str(following) if following else None))

    async def show(request: ApiRequest) -> ASGIApp:
        named = request.path_params["draw_id"]
        id = as_id(named.removesuffix(_FILE))
        view = None if id is None else await drawn.draw(platform, id)
        if view is None:
            raise ProblemError("unknown_draw")
        if not named.endswith(_FILE):
            return json_answer(_detail(view, reader_language(request.scope)))
        if not view.has_file:
            raise ProblemError("draw_file_not_public")
        return await _file(request, view)

    async def _file(request: ApiRequest, view: DrawView) -> ASGIApp:
        assert view.draw.proof_sha256 is not None
        tag = f'"{view.draw.proof_sha256.hex()}"'.encode()
        headers = [
            _TEXT,
            (b"cache-control", _FOREVER),
            (b"vary", b"accept-encoding"),
            (b"etag", tag),
        ]
        if header(request.scope, b"if-none-match") == tag:
            return Answer(304, b"", headers)
        zipped = await drawn.zipped_file(platform, view.draw.id)
        if accepts_gzip(request.scope):
            return Answer(200, zipped, [*headers, (b"content-encoding", b"gzip")])
        return UnzippedAnswer(zipped, headers)

    return [Route(_LIST, listed), Route(_ONE, show)]


def log_routes(services: Services, prefix: str) -> list[HTTPRouteHandler]:
    """Return GET /fairness/log: a part of the log as text, from the line after `after`."""

    async def log(request: ApiRequest) -> ASGIApp:
        try:
            after = read_query(request, LogQuery).after
        except ProblemError as error:
            # Elsewhere `after` is the `next` of an answer.
            named = error.field == "after"
            raise (ProblemError("invalid_log_line", field="after") if named else error) from None
        part = await drawn.log(services.platform, after)
        if part is None:
            raise ProblemError("unknown_log_line")
        headers = [_TEXT, (b"cache-control", _A_MINUTE), (b"vary", b"accept-encoding")]
        if accepts_gzip(request.scope):
            zipped = zlib.compress(part.encode(), wbits=16 + zlib.MAX_WBITS)
            return Answer(200, zipped, [*headers, (b"content-encoding", b"gzip")])
        return Answer(200, part.encode(), headers)

    return [HTTPRouteHandler(f"{prefix}/fairness/log", http_method="GET")(log)]


def _draw(found: PublicDraw, language: Language) -> dict[str, Any]:
    draw, is_english = found.draw, language == "en"
    is_closed = draw.state != "open"
    return {
        "id": draw.id,
        "hospital_id": draw.hospital_id,
        "hospital_name": (is_english and found.hospital_name_en) or found.hospital_name,
        "department_id": draw.department_id,
        "department_name": (is_english and found.department_name_en) or found.department_name,
        "kind": draw.kind,
        "state": draw.state,
        "closes_at": draw.closes_at,
        "draw_at": draw.draw_at,
        "waiting_since": draw.waiting_since,
        "entries": draw.entries,
        "places": found.places if is_closed else None,
        "won": found.won if draw.state == "done" else None,
    }


def _detail(view: DrawView, language: Language) -> DrawDetail:
    draw = view.draw
    is_drawn = draw.source_values is not None
    return DrawDetail(
        **_draw(view.public, language),
        opened_at=draw.opened_at,
        closed_at=draw.closed_at,
        done_at=draw.done_at,
        commitment=draw.commitment.hex(),
        sources=[
            DrawSourceOut(
                name,
                source.first.hex(),
                source.index,
                source.used if is_drawn and not source.is_silent else None,
            )
            for name, source in zip(view.witnesses, view.sources, strict=True)
        ],
        long_waits_percent=draw.long_waits_percent,
        referrals=view.referrals,
        sessions=[
            DrawSessionOut(s.number, s.clinic_session_id, s.places, s.places_left)
            for s in view.sessions
        ],
        root=_hex(draw.root),
        secret=_hex(draw.secret),
        values=None if draw.source_values is None else [v.hex() for v in draw.source_values],
        seed=_hex(draw.seed),
        level=None if view.level is None else view.level.value,
        is_sensitive=draw.is_sensitive,
        proof_sha256=_hex(draw.proof_sha256),
        file=f"/api/v1/fairness/draws/{draw.id}.txt" if view.has_file else None,
    )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
