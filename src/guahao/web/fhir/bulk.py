"""Open supply: SMART Scheduling Links (`/$bulk-publish`), for anybody, without a token.

A manifest names NDJSON files: all Locations, all Schedules, and the Slots of one hospital
each. A file is made again only when its hospital's supply has changed; whoever has the
newest gets 304. Made on demand: what nobody reads costs nothing.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.listings import page_of_departments
from guahao.flows.open_supply import all_hospitals, supply, supply_version
from guahao.store.views import HospitalView
from guahao.web.answers import Answer, accepts_gzip
from guahao.web.fhir import resources
from guahao.web.fhir.door import Door
from guahao.web.reading import ApiRequest, ProblemError, header, read_id

MANIFEST_PATH = "/$bulk-publish"
FILES_PATH = "/open-supply"
FRESH_SECONDS = 30  # a file is looked at again after so long, by any process
_DEEP_LINK = "http://fhir-registry.smarthealthit.org/StructureDefinition/booking-deep-link"
_PHONE = "http://fhir-registry.smarthealthit.org/StructureDefinition/booking-phone"
_EVERY_DEPARTMENT = 1_000_000
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _File:
    """The newest content of a file, compressed, and when it was last looked at."""

    version: str = ""
    zipped: bytes = b""
    looked_at: float = float("-inf")
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


def bulk_routes(door: Door) -> list[HTTPRouteHandler]:
    """The manifest and its files."""
    publication = _Publication(door)
    routes: dict[str, Callable[[ApiRequest], Awaitable[ASGIApp]]] = {
        MANIFEST_PATH: publication.manifest,
        f"{FILES_PATH}/locations.ndjson": publication.locations,
        f"{FILES_PATH}/schedules.ndjson": publication.schedules,
        f"{FILES_PATH}/slots/{{hospital_id:str}}": publication.slots,
    }
    return [_route(path, handler) for path, handler in routes.items()]


def _route(path: str, handler: Callable[[ApiRequest], Awaitable[ASGIApp]]) -> HTTPRouteHandler:
    # A function, because Litestar copies deeply what it is given, objects and all behind.
    async def answer(request: ApiRequest) -> ASGIApp:
        return await handler(request)

    return HTTPRouteHandler(path, http_method="GET", status_code=200)(answer)


class _Publication:
    def __init__(self, door: Door) -> None:
        self._door = door
        self._files: dict[str, _File] = {}

    async def manifest(self, request: ApiRequest) -> ASGIApp:
        """Which files there are. A reader asks each for what is new since its last visit."""
        hospitals = await all_hospitals(self._door.platform)
        base = self._door.platform.settings.public_base
        output = [
            {"type": "Location", "url": f"{base}{FILES_PATH}/locations.ndjson"},
            {"type": "Schedule", "url": f"{base}{FILES_PATH}/schedules.ndjson"},
            *[
                {"type": "Slot", "url": f"{base}{FILES_PATH}/slots/{hospital.id}.ndjson"}
                for hospital in hospitals
            ],
        ]
        body = {
            "transactionTime": self._door.platform.db.clock().replace(microsecond=0),
            "request": f"{base}{MANIFEST_PATH}",
            "output": output,
        }
        tag = _digest(_encode(output))
        return _answer(request, tag, b"application/json", gzip.compress(_encode(body), mtime=0))

    async def locations(self, request: ApiRequest) -> ASGIApp:
        """Every hospital."""
        hospitals = await all_hospitals(self._door.platform)
        made = (resources.location(hospital) for hospital in hospitals)
        return await self._listed(request, (one.model_dump_json().encode() for one in made))

    async def schedules(self, request: ApiRequest) -> ASGIApp:
        """Every department that can be booked."""
        departments, _ = await page_of_departments(
            self._door.platform, None, None, None, _EVERY_DEPARTMENT
        )
        made = (resources.schedule(department) for department in departments)
        return await self._listed(request, (one.model_dump_json().encode() for one in made))

    async def _listed(self, request: ApiRequest, lines: Iterable[bytes]) -> ASGIApp:
        """A file that is made anew for each reader: short, and seldom asked for."""
        content = await asyncio.to_thread(lambda: b"".join(line + b"\n" for line in lines))
        return _answer(request, _digest(content), _NDJSON, gzip.compress(content, mtime=0))

    async def slots(self, request: ApiRequest) -> ASGIApp:
        """The clinic sessions of one hospital."""
        request.path_params["hospital_id"] = request.path_params["hospital_id"].removesuffix(
            ".ndjson"
        )
        hospital_id = read_id(request, "hospital_id", "not_found")
        found = [h for h in await all_hospitals(self._door.platform) if h.id == hospital_id]
        if not found:
            raise ProblemError("not_found")
        file = self._files.setdefault(str(hospital_id), _File())
        async with file.making:  # whoever comes meanwhile waits for the same work
            if time.monotonic() - file.looked_at >= FRESH_SECONDS:
                await self._renew(file, found[0])
        return _answer(request, file.version, _NDJSON, file.zipped)

    async def _renew(self, file: _File, hospital: HospitalView) -> None:
        version = await supply_version(self._door.platform, hospital)
        if version != file.version:
            listed = (await supply(self._door.platform, hospital)).sessions
            base = self._door.platform.settings.public_base
            hotline = self._door.platform.settings.hotline
            lines = (
                _encode(bulk_slot(resources.slot_fields(*one), base, hotline, one[0].id))
                for one in listed
            )
            # Not on the event loop: a large hospital has ten thousand slots.
            file.zipped = await asyncio.to_thread(
                lambda: gzip.compress(b"".join(line + b"\n" for line in lines), 6, mtime=0)
            )
            file.version = version
        file.looked_at = time.monotonic()


def bulk_slot(fields: dict[str, Any], base: str, hotline: str, session_id: int) -> dict[str, Any]:
    """A Slot's elements and where to book it: on our page, or by phone."""
    link = {"url": _DEEP_LINK, "valueUrl": f"{base}/book/{session_id}"}
    phone = {"url": _PHONE, "valueString": hotline}
    extension = [*fields["extension"], link, phone]
    return {"resourceType": "Slot", **fields, "extension": extension}


_NDJSON = b"application/fhir+ndjson"


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:32]


def _answer(request: ApiRequest, version: str, media_type: bytes, zipped: bytes) -> Answer:
    tag = f'W/"{version}"'.encode()
    headers = [
        (b"content-type", media_type),
        (b"cache-control", b"public, max-age=%d" % FRESH_SECONDS),
        (b"vary", b"accept-encoding"),
        (b"etag", tag),
        # Open data: any page may read it.
        (b"access-control-allow-origin", b"*"),
    ]
    if _matches(header(request.scope, b"if-none-match"), tag):
        return Answer(304, b"", headers)
    if accepts_gzip(request.scope):
        return Answer(200, zipped, [*headers, (b"content-encoding", b"gzip")])
    return Answer(200, gzip.decompress(zipped), headers)


def _matches(given: bytes | None, tag: bytes) -> bool:
    """Weakly, as for every GET (RFC 9110): `W/` makes no difference."""
    if given is None:
        return False
    tags = [one.strip().removeprefix(b"W/") for one in given.split(b",")]
    return tag.removeprefix(b"W/") in tags or b"*" in tags
