"""An Appointment of which any part is anything: refused in FHIR's words, or booked, never a 5xx."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.city import Clock, add_session, ask
from tests.fhir.test_facade import FHIR, JSON, resource, wish
from tests.web.nasty import NASTY
from tests.web.site import Site, add_citizen

ODD: list[Any] = [
    *(None, True, 0, -1, 2**63, 10**400, 1.5, 1e308, [], {}, [[]], [{}], [None], "x" * 5000),
    {"resourceType": "Patient"},
    {"reference": "Slot/1"},
    [{"reference": "#a"}] * 50,
    *NASTY[::4],
]
BODY_MAX = 16 * 1024


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every part, the whole too."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts if isinstance(value, dict | list) else ():
        yield from places(part, (*path, name))


def changed(value: Any, path: tuple[str | int, ...], to: Any) -> Any:
    if not path:
        return to
    made = copy.deepcopy(value)
    at = made
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = to
    return made


async def test_no_part_of_a_wish_makes_booking_fail(site: Site, clock: Clock) -> None:
    citizen, session_id = await add_citizen(site), await add_session(site.platform)
    whole = wish(
        session_id,
        citizen.patient_id,
        id="1",
        meta={"profile": ["urn:x"], "tag": [{"code": "x"}]},
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        contained=[{"resourceType": "Patient", "id": "a"}],
        extension=[{"url": "urn:x", "valueString": "x"}],
        identifier=[{"system": "urn:our-own", "value": "1"}],
        start="2026-12-03T08:30:00+08:00",
        end="2026-12-03T09:00:00+08:00",
        comment="x",
    )
    seen = []
    for number, path in enumerate(places(whole)):
        for odd in ODD[number % 3 :: 3]:  # each at every third place
            clock.forward(seconds=40)  # nobody tries faster for hours
            answer = await site.post(
                f"{FHIR}/Appointment",
                token=citizen.token,
                headers=JSON,
                json=changed(whole, path, odd),
            )
            seen.append((path, str(odd)[:40], answer.status_code))
            resource(answer, answer.status_code)
    assert [one for one in seen if one[2] not in (201, 400, 404, 409, 413, 422)] == []
    assert {201, 422} <= {one[2] for one in seen}
    # Whatever was changed beside slot and patient, it is one booking, under one key.
    [[booked]] = await ask(site.platform, "SELECT count(*) FROM appointments")
    assert booked == 1
    for odd in ODD:
        for method, body in (("PATCH", odd), ("PATCH", {"status": odd}), ("PUT", odd)):
            answer = await site.call(
                method, f"{FHIR}/Appointment/1", token=citizen.token, headers=JSON, json=body
            )
            assert answer.status_code in (400, 404, 422), (method, odd, answer.text)
