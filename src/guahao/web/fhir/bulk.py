"""Open supply: SMART Scheduling Links (`/$bulk-publish`), for anybody, without a token.

A manifest names NDJSON files: all Locations, all Schedules, and the Slots of one hospital
each. They are public answers (`web/framework/public_routes.py`): asked for at most once a second,
sent as 304 to a client with the newest. A file is rebuilt only when its hospital's supply has
changed, and a large file not every second: see `LINES_A_SECOND`. What nobody reads costs nothing.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from math import inf
from typing import Any

import msgspec
from fhir.resources.R4B.location import Location
from fhir.resources.R4B.resource import Resource
from fhir.resources.R4B.schedule import Schedule
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from guahao.flows.supply.listings import all_departments
from guahao.flows.supply.open_supply import all_hospitals, supply, supply_version
from guahao.settings import Settings
from guahao.store.kernel.views import HospitalView
from guahao.store.supply.listings import BookableDepartment
from guahao.web.fhir import resources
from guahao.web.fhir.services import Services, made
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest, ProblemError, read_id

MANIFEST_PATH = "/$bulk-publish"
FILES_PATH = "/open-supply"
# How much of a file is made a second: 50 µs a line, so a tenth of a process's time at the most. A
# file of 2,000 lines is made every second, a hospital's 20,000 sessions every ten seconds.
LINES_A_SECOND = 2000
_DEEP_LINK = "http://fhir-registry.smarthealthit.org/StructureDefinition/booking-deep-link"
_PHONE = "http://fhir-registry.smarthealthit.org/StructureDefinition/booking-phone"
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _File:
    """The newest content of a file, compressed, and when it changed; not made before `due_at`."""

    version: str = ""
    zipped: bytes = b""
    modified: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    due_at: float = -inf
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


def bulk_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes of the manifest and its files."""
    publication = _Publication(services)
    routes: dict[str, Callable[[ApiRequest], Awaitable[ASGIApp]]] = {
        MANIFEST_PATH: publication.manifest,
        f"{FILES_PATH}/locations.ndjson": publication.locations,
        f"{FILES_PATH}/schedules.ndjson": publication.schedules,
        f"{FILES_PATH}/slots/{{hospital_id:str}}": publication.slots,
    }
    return [_route(path, handler) for path, handler in routes.items()]


def _route(path: str, handler: Callable[[ApiRequest], Awaitable[ASGIApp]]) -> HTTPRouteHandler:
    # A function, because Litestar would deep-copy a bound method's object.
    async def answer(request: ApiRequest) -> ASGIApp:
        return await handler(request)

    return HTTPRouteHandler(path, http_method="GET", status_code=200)(answer)


class _Publication:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._elapsed = services.platform.elapsed
        self._bytes_max = services.platform.settings.public_cache_mb << 20
        self._files: OrderedDict[str, _File] = OrderedDict()

    async def manifest(self, _: ApiRequest) -> ASGIApp:
        """Return the manifest. Clients request only the files that changed."""
        hospitals = await all_hospitals(self._services.platform)
        base = self._services.platform.settings.public_base
        output: list[dict[str, Any]] = [
            {"type": "Location", "url": f"{base}{FILES_PATH}/locations.ndjson"},
            {"type": "Schedule", "url": f"{base}{FILES_PATH}/schedules.ndjson"},
            *[
                {"type": "Slot", "url": f"{base}{FILES_PATH}/slots/{hospital.id}.ndjson"}
                for hospital in hospitals
            ],
        ]
        if province := self._services.platform.settings.place["state"]:
            output = [{**file, "extension": {"state": [province]}} for file in output]
        body = {
            "transactionTime": self._services.platform.db.clock().replace(microsecond=0),
            "request": f"{base}{MANIFEST_PATH}",
            "output": output,
            "error": [],
        }
        file = self._file("manifest")
        zipped = gzip.compress(_encode(body), mtime=0)
        self._update(file, _digest(_encode(output)), zipped)
        file.zipped = zipped  # its time is current even if nothing else changed
        return _answer(file, b"application/json")

    async def locations(self, _: ApiRequest) -> ASGIApp:
        """Return the file of all hospitals."""

        async def listed() -> list[Resource]:
            hospitals = await all_hospitals(self._services.platform)
            settings = self._services.platform.settings
            return [bulk_location(hospital, settings) for hospital in hospitals]

        return await self._listed("locations", listed)

    async def schedules(self, _: ApiRequest) -> ASGIApp:
        """Return the file of all bookable departments."""

        async def listed() -> list[Resource]:
            departments = await all_departments(self._services.platform)
            return await asyncio.to_thread(
                lambda: [bulk_schedule(department) for department in departments]
            )

        return await self._listed("schedules", listed)

    async def _listed(self, name: str, make: Callable[[], Awaitable[list[Resource]]]) -> ASGIApp:
        file = self._file(name)
        async with file.making:
            if (now := self._elapsed()) >= file.due_at:
                listed = await make()
                lines = (resource.model_dump_json().encode() for resource in listed)
                zipped = await asyncio.to_thread(_zipped, lines)
                self._update(file, _digest(zipped), zipped)
                file.due_at = now + len(listed) / LINES_A_SECOND
        return _answer(file, _NDJSON)

    async def slots(self, request: ApiRequest) -> ASGIApp:
        """Return the file of a hospital's clinic sessions."""
        request.path_params["hospital_id"] = request.path_params["hospital_id"].removesuffix(
            ".ndjson"
        )
        hospital_id = read_id(request, "hospital_id", "not_found")
        found = [h for h in await all_hospitals(self._services.platform) if h.id == hospital_id]
        if not found:
            raise ProblemError("not_found")
        file = self._file(f"slots/{hospital_id}")
        async with file.making:  # concurrent requests wait for the same build
            if self._elapsed() >= file.due_at:
                await self._renew(file, found[0])
        return _answer(file, _NDJSON)

    def _file(self, name: str) -> _File:
        """Return a file; those that were not asked for longest leave the memory."""
        file = self._files.setdefault(name, _File())
        self._files.move_to_end(name)
        while len(self._files) > 1 and sum(len(f.zipped) for f in self._files.values()) > (
            self._bytes_max
        ):
            self._files.popitem(last=False)
        return file

    async def _renew(self, file: _File, hospital: HospitalView) -> None:
        now = self._elapsed()
        titles = self._services.platform.titles
        names = repr((sorted(titles.english.items()), sorted(titles.specialties.items())))
        supplied = await supply_version(self._services.platform, hospital)
        version = _digest(f"{supplied} {names}".encode())
        if version != file.version:
            listed = (await supply(self._services.platform, hospital)).sessions
            base = self._services.platform.settings.public_base
            hotline = self._services.platform.settings.hotline
            slots = (resources.slot_fields(view, state, titles) for view, state in listed)
            lines = (_encode(bulk_slot(fields, base, hotline)) for fields in slots)
            # Off the event loop: a large hospital has ten thousand slots.
            zipped = await asyncio.to_thread(_zipped, lines)
            self._update(file, version, zipped)
            file.due_at = now + len(listed) / LINES_A_SECOND

    def _update(self, file: _File, version: str, zipped: bytes) -> None:
        """Store the content; a new version changed now, in whole seconds as in HTTP dates."""
        if version != file.version:
            file.version, file.zipped = version, zipped
            file.modified = self._services.platform.db.clock().replace(microsecond=0)


def bulk_location(view: HospitalView, settings: Settings) -> Location:
    """Return a hospital with the elements that the publication requires beyond FHIR.

    An identifier, at least one contact, and an address with all of its parts; where a
    hospital gives no street, its name is the line that people are sent to.
    """
    page = f"{settings.public_base}/hospitals/{view.id}"
    telecom = [{"system": "url", "value": page}]
    if view.phone:
        telecom.insert(0, {"system": "phone", "value": view.phone})
    fields = resources.location_fields(view)
    address = {**fields["address"], "line": [view.address or view.name], **settings.place}
    own = {
        "identifier": [{"system": f"{settings.public_base}/hospitals", "value": str(view.id)}],
        "telecom": telecom,
        "address": {part: value for part, value in address.items() if value},
    }
    return made(Location, **{**fields, **own})


def bulk_schedule(department: BookableDepartment) -> Schedule:
    """Return a department's schedule with the only actor that is published: its Location."""
    actor = f"Location/{department.hospital_id}"
    return made(
        Schedule,
        id=str(department.id),
        active=True,
        serviceType=[resources.service_type(department)],
        actor=[{"reference": actor, "display": department.hospital_name}],
    )


def bulk_slot(fields: dict[str, Any], base: str, hotline: str) -> dict[str, Any]:
    """Return a Slot's elements, with the page and the phone to book it."""
    # The publication has two statuses; an extension holds the session's own state.
    status = "free" if fields["status"] == "free" else "busy"
    link = {"url": _DEEP_LINK, "valueUrl": f"{base}/book/{fields['id']}"}
    phone = {"url": _PHONE, "valueString": hotline}
    extension = [*fields["extension"], link, phone]
    return {"resourceType": "Slot", **fields, "status": status, "extension": extension}


_NDJSON = b"application/fhir+ndjson"


def _zipped(lines: Iterable[bytes]) -> bytes:
    """Return the lines of a file as gzip, line by line: unzipped it may take twenty megabytes."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    packed = [packer.compress(line + b"\n") for line in lines]
    return b"".join((*packed, packer.flush()))


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:32]


def _answer(file: _File, media_type: bytes) -> Answer:
    """Return a file as it is stored; the web's front answers conditions and unzips."""
    headers = [
        (b"content-type", media_type),
        (b"content-encoding", b"gzip"),
        (b"etag", f'W/"{file.version}"'.encode()),
        (b"last-modified", format_datetime(file.modified.astimezone(UTC), usegmt=True).encode()),
        # Open data: pages of all origins may read it.
        (b"access-control-allow-origin", b"*"),
    ]
    return Answer(200, file.zipped, headers)
