"""What is not booked: live applications are `waitlist`, offered places are `proposed`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.city import MONDAY_MORNING, Clock, add_session, ask, change
from tests.fhir.test_facade import FHIR, ids, refused, resource
from tests.flows.fairness.fair_city import add_clinic, applied
from tests.web.site import Site, add_citizen, booked

TOMORROW = MONDAY_MORNING + timedelta(days=1)
SOON = MONDAY_MORNING + timedelta(minutes=10)


async def test_a_live_application_is_on_the_waitlist_and_its_owner_s_alone(site: Site) -> None:
    citizen, stranger = await add_citizen(site), await add_citizen(site, 2)
    booking = await booked(site, citizen)
    clinic = await add_clinic(site.platform, 2, TOMORROW)
    own = await applied(site.platform, citizen.account_id, (citizen.patient_id,), clinic)
    name = f"Appointment/waitlist-{own.application_id}"
    found = resource(await site.get(f"{FHIR}/{name}", token=citizen.token))
    assert (found["status"], found["id"]) == ("waitlist", name.partition("/")[2])
    assert "slot" not in found
    assert "start" not in found
    assert found["requestedPeriod"] == [{"start": "2026-11-30", "end": "2026-12-14"}]
    patient = f"Patient/{citizen.patient_id}"
    assert found["participant"][0]["actor"]["reference"] == patient

    both = [f"Appointment/{booking['id']}", name]
    for asked, expected in {
        "": both,
        f"patient={citizen.patient_id}": both,
        "status=waitlist": [name],
        "status=booked": both[:1],
        f"actor=HealthcareService/{clinic.department_id}": [name],
        f"_id=waitlist-{own.application_id}": [name],
        f"_id={booking['id']}": both[:1],
        "slot=1&status=waitlist": [],
        "identifier=x": [],
    }.items():
        bundle = resource(await site.get(f"{FHIR}/Appointment?{asked}", token=citizen.token))
        assert sorted(ids(bundle)) == sorted(expected), asked
        assert bundle["total"] == len(expected)

    bundle = resource(await site.get(f"{FHIR}/Appointment", token=stranger.token))
    assert ids(bundle) == []
    answer = await site.get(f"{FHIR}/{name}", token=stranger.token)
    refused(answer, 404, "unknown_appointment")
    patch = [{"op": "replace", "path": "/status", "value": "cancelled"}]
    answer = await site.call("PATCH", f"{FHIR}/{name}", token=citizen.token, json=patch)
    refused(answer, 404, "unknown_appointment")

    await change(site.platform, "UPDATE applications SET state = 'withdrawn'")
    bundle = resource(await site.get(f"{FHIR}/Appointment", token=citizen.token))
    assert ids(bundle) == both[:1]


async def test_they_are_paged_with_the_bookings(site: Site) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    names = {f"Appointment/{booking['id']}"}
    for _ in range(2):
        clinic = await add_clinic(site.platform, 1, TOMORROW)
        own = await applied(site.platform, citizen.account_id, (citizen.patient_id,), clinic)
        names.add(f"Appointment/waitlist-{own.application_id}")
    seen, url = [], f"{FHIR}/Appointment?_count=1"
    while url:
        bundle = resource(await site.get(url, token=citizen.token))
        seen += ids(bundle)
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links.get("next", "").removeprefix(site.platform.settings.public_base)
    assert len(seen) == 3
    assert set(seen) == names


@pytest.mark.parametrize("named", ["waitlist-1", "waitlist-x", "offer-1", "waitlist-"])
async def test_what_is_not_there_is_not_found(site: Site, named: str) -> None:
    citizen = await add_citizen(site)
    answer = await site.get(f"{FHIR}/Appointment/{named}", token=citizen.token)
    refused(answer, 404, "unknown_appointment")


async def test_an_offered_place_is_proposed_until_its_time(site: Site, clock: Clock) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    later = await add_session(site.platform)
    await change(site.platform, "UPDATE appointments SET status = 'stopped'")
    await change(
        site.platform,
        """
        INSERT INTO replacement_offers (stopped_appointment_id, clinic_session_id, patient_id,
                                        offered_at, accept_until, state)
        VALUES (%s, %s, %s, %s, %s, 'open')
        """,
        *(booking["id"], later, citizen.patient_id, clock.now, SOON),
    )
    name = f"Appointment/offer-{booking['id']}"
    found = resource(await site.get(f"{FHIR}/{name}", token=citizen.token))
    assert found["status"] == "proposed"
    assert found["slot"][0]["reference"] == f"Slot/{later}"
    assert found["participant"][0]["status"] == "needs-action"
    asked = f"{FHIR}/Appointment?status=proposed&_include=Appointment:slot"
    bundle = resource(await site.get(asked, token=citizen.token))
    assert ids(bundle) == [name]
    assert ids(bundle, "include") == [f"Slot/{later}"]
    clock.now = SOON
    bundle = resource(await site.get(f"{FHIR}/Appointment?status=proposed", token=citizen.token))
    assert ids(bundle) == []
    assert await ask(site.platform, "SELECT count(*) FROM replacement_offers") == [(1,)]
