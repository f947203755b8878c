"""On the pages: registering a newborn, and what an unchecked person is told before booking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.city import Clock, add_session, ask, change, open_platform
from tests.crowd import open_desk
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen

from guahao.identity_check.demo import DemoVerifier
from guahao.web.app import create_app

NEWBORN = {"id_type": "99", "id_no": "A123456789", "name": "李小宝", "guardian": "on"}


@pytest.fixture
async def verifying(database_url: str, clock: Clock) -> AsyncIterator[Site]:
    """A site with a real-name verifier, where unchecked persons may do less."""
    async with open_platform(database_url, clock) as opened:
        platform = replace(opened, verifier=DemoVerifier())
        async with open_desk(platform) as desk:
            yield Site(create_app(platform, desk), platform)


async def uncheck(site: Site) -> None:
    await change(site.platform, "UPDATE patients SET checked_at = NULL, checked_by = NULL")


async def add(reader: Reader, **typed: str) -> str:
    await reader.go("/patients/new")
    await reader.send(reader.form(), **(NEWBORN | typed))
    return reader.text


async def test_a_checked_adult_adds_a_newborn_with_the_date_of_birth(site: Site) -> None:
    await add_citizen(site)
    reader = Reader.of(site)
    await reader.log_in()
    await reader.go("/patients/new")
    assert 'type="date"' in reader.text
    for born in ("", "2025-11-30", "2026-12-01", "2026-02-30"):
        said = await add(reader, birth_date=born)
        assert reader.page.status_code == 422
        assert "请填写证明上的出生日期" in said
        assert 'id="birth_date"' in said  # the field that mends it stands there, with the rest
        assert "A123456789" in said
    # Nobody on the account is checked: the way is said, and it is a window's.
    said = await add(reader, birth_date="2026-11-01")
    assert "带出生医学证明原件到医院窗口登记" in said
    await change(site.platform, "UPDATE patients SET checked_at = created_at, checked_by = 'staff'")
    await add(reader, birth_date="2026-11-01")
    assert reader.path == "/patients"
    assert "李小宝" in reader.text
    ends = "SELECT document_ends_on::text FROM patients WHERE id_type = '99'"
    assert await ask(site.platform, ends) == [("2027-11-01",)]


async def test_an_own_patient_by_another_name_is_told_where_names_are_corrected(
    site: Site,
) -> None:
    citizen = await add_citizen(site)
    reader = Reader.of(site)
    await reader.log_in()
    [[id_type]] = await ask(site.platform, "SELECT id_type FROM patients")
    known = await site.get("/demo/documents?phone=13800000001")
    id_no = known.json()["items"][0]["id_no"]
    said = await add(reader, name="张珊", id_type=id_type, id_no=id_no)
    assert (reader.page.status_code, reader.path) == (409, "/patients/new")
    assert "姓名与这次填写的不同" in said
    assert citizen.patient_id


async def test_an_unchecked_person_is_told_before_booking(verifying: Site) -> None:
    await add_citizen(verifying)
    session_id = await add_session(verifying.platform)
    reader = Reader.of(verifying)
    await reader.log_in(back=f"/book/{session_id}")
    assert "身份已核实的人" not in reader.text
    await uncheck(verifying)
    await reader.go(reader.path)
    assert "身份未核实，同时最多有1个预约" in reader.text


async def test_where_checked_persons_only_are_booked_it_is_said_before(site: Site) -> None:
    """A hospital's own rule, whatever the verifier."""
    await add_citizen(site)
    session_id = await add_session(site.platform)
    await change(site.platform, "UPDATE hospitals SET checked_only = true")
    await change(site.platform, "UPDATE hospital_rules SET checked_only = true")
    reader = Reader.of(site)
    await reader.log_in(back=f"/book/{session_id}")
    assert "这个号只约给身份已核实的人。" in reader.text
    await change(site.platform, "UPDATE patients SET checked_at = created_at, checked_by = 'staff'")
    await reader.go(reader.path)
    assert "身份已核实的人" not in reader.text
