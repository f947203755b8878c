"""An independent FHIR client (fhirpy) finds a slot, books it and cancels, over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, ResourceNotFound
from tests.city import Clock, add_session, open_platform
from tests.crowd import open_desk
from tests.web.http.test_real_server import serving
from tests.web.site import Site, add_citizen

from guahao.web.app import create_app


async def test_an_independent_client_finds_books_and_reads(
    database_url: str, tmp_path: Path, clock: Clock
) -> None:
    async with open_platform(database_url, clock) as platform, open_desk(platform) as desk:
        site = Site(create_app(platform, desk), platform)
        citizen = await add_citizen(site)
        await add_session(platform)
    with serving(database_url, tmp_path) as server:
        await _walk(f"{server.url}/fhir/r4", citizen.token, citizen.patient_id)


async def _walk(url: str, token: str, patient_id: int) -> None:
    client = AsyncFHIRClient(url, authorization=f"Bearer {token}")
    hospital = await client.resources("Organization").search(name="第一").get()
    services = client.resources("HealthcareService").search(organization=hospital.to_reference())
    [service] = await services.fetch_all()
    [schedule] = await client.resources("Schedule").search(actor=service.to_reference()).fetch()
    slots = client.resources("Slot").search(schedule=schedule.to_reference(), status="free")
    [slot] = await slots.sort("start").fetch_all()

    appointment = client.resource(
        "Appointment",
        status="proposed",
        identifier=[{"system": "urn:example:our-own", "value": "1"}],
        slot=[slot.to_reference()],
        participant=[{"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}],
    )
    await appointment.save()
    assert appointment.status == "booked"
    found = client.resources("Appointment").search(patient=f"Patient/{patient_id}")
    assert [one.id for one in await found.fetch_all()] == [appointment.id]

    # The default policy: patients cancel by phone (S14).
    with pytest.raises(ForbiddenError) as refused:
        await appointment.patch(status="cancelled")
    assert "cancel_by_phone" in str(refused.value)
    with pytest.raises(ResourceNotFound):
        await client.resources("Patient").search(_id="999999").get()
