"""A validator of what SMART Scheduling Links publishes, from the rules of its specification.

https://github.com/smart-on-fhir/smart-scheduling-links, specification.md: the tables of the
manifest, of Location, Schedule and Slot, and the formats that they refer to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

Json = dict[str, Any]

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_URL = re.compile(r"https?://\S+")
_REGISTRY = "http://fhir-registry.smarthealthit.org/StructureDefinition/"
_EXTENSIONS = {
    "booking-deep-link": ("valueUrl", str),
    "booking-phone": ("valueString", str),
    "slot-capacity": ("valueInteger", int),
}
_KINDS = ("Location", "Schedule", "Slot")


def manifest_faults(manifest: Json, requested: str) -> Iterator[str]:
    """What the manifest's table does not allow."""
    yield from _timestamp(manifest, "transactionTime")
    if manifest.get("request") != requested or not requested.endswith("/$bulk-publish"):
        yield f"request is {manifest.get('request')!r}"
    if not isinstance(manifest.get("error"), list):
        yield "error is no array"
    output = manifest.get("output") or []
    for file in output:
        if file.get("type") not in _KINDS:
            yield f"output.type is {file.get('type')!r}"
        if not _URL.fullmatch(file.get("url", "")):
            yield f"output.url is {file.get('url')!r}"
        states = file.get("extension", {}).get("state")
        if states is None or not all(isinstance(state, str) and state for state in states):
            yield f"output.extension.state is {states!r}"
    yield from (f"no file of {kind}" for kind in _KINDS if kind not in {f["type"] for f in output})


def publication_faults(resources: Mapping[str, Sequence[Json]]) -> Iterator[str]:
    """What the tables of the resources do not allow, each alone and together."""
    checks = {"Location": _location, "Schedule": _schedule, "Slot": _slot}
    known = {kind: {f"{kind}/{one.get('id')}" for one in resources[kind]} for kind in _KINDS}
    for kind, check in checks.items():
        if len(known[kind]) != len(resources[kind]):
            yield f"{kind}: an id is there twice"
        for one in resources[kind]:
            name = f"{kind}/{one.get('id')}"
            if one.get("resourceType") != kind or not _ID.fullmatch(str(one.get("id", ""))):
                yield f"{name}: resourceType {one.get('resourceType')!r}"
            yield from (f"{name}: {fault}" for fault in check(one, known))


def _location(one: Json, _: Mapping[str, set[str]]) -> Iterator[str]:
    yield from _texts(one, "name")
    if not one.get("telecom"):
        yield "no telecom"
    for contact in one.get("telecom", ()):
        if contact.get("system") not in ("phone", "url") or not contact.get("value"):
            yield f"telecom {contact}"
    address = one.get("address", {})
    yield from _texts(address, "city", "state", "postalCode")
    lines = address.get("line")
    if not lines or not all(isinstance(line, str) and line for line in lines):
        yield f"address.line is {lines!r}"
    if not one.get("identifier"):
        yield "no identifier"
    for identifier in one.get("identifier", ()):
        yield from _texts(identifier, "system", "value")
    if (position := one.get("position")) is not None:
        for part in ("latitude", "longitude"):
            if not isinstance(position.get(part), int | float):
                yield f"position.{part} is {position.get(part)!r}"


def _schedule(one: Json, known: Mapping[str, set[str]]) -> Iterator[str]:
    actors = [actor.get("reference") for actor in one.get("actor", ())]
    if len(actors) != 1 or actors[0] not in known["Location"]:
        yield f"actor is {actors}"
    if not one.get("serviceType"):
        yield "no serviceType"
    for concept in one.get("serviceType", ()):
        if not concept.get("coding"):
            yield "serviceType without coding"
        for coding in concept.get("coding", ()):
            yield from _texts(coding, "system", "code", "display")


def _slot(one: Json, known: Mapping[str, set[str]]) -> Iterator[str]:
    if one.get("schedule", {}).get("reference") not in known["Schedule"]:
        yield f"schedule is {one.get('schedule')}"
    if one.get("status") not in ("free", "busy"):
        yield f"status is {one.get('status')!r}"
    yield from _timestamp(one, "start")
    yield from _timestamp(one, "end")
    if datetime.fromisoformat(one["start"]) > datetime.fromisoformat(one["end"]):
        yield "ends before it starts"
    for extension in one.get("extension", ()):
        name = extension.get("url", "").removeprefix(_REGISTRY)
        if name in _EXTENSIONS:
            element, kind = _EXTENSIONS[name]
            if not isinstance(extension.get(element), kind):
                yield f"extension {extension}"


def _texts(one: Json, *names: str) -> Iterator[str]:
    for name in names:
        if not isinstance(one.get(name), str) or not one[name].strip():
            yield f"{name} is {one.get(name)!r}"


def _timestamp(one: Json, name: str) -> Iterator[str]:
    if not _TIMESTAMP.fullmatch(str(one.get(name, ""))):
        yield f"{name} is {one.get(name)!r}"
