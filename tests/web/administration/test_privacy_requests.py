"""The pages on which two members of staff decide on a person's export or erasure."""

from __future__ import annotations

import pytest
from tests.city import ask, phone, reasons, resident_id
from tests.flows.people.test_privacy import clear_text
from tests.web.browsing import Reader
from tests.web.site import Site, add_citizen, booked
from tests.web.staff_site import at_the_desk

from guahao.rules.staff.staff import Role

TYPED = {"name": "张三", "id_type": "01", "id_no": resident_id(1), "reason": "本人到场"}


async def filed(reader: Reader, kind: str, **typed: str) -> str:
    await reader.go("/staff/privacy/new")
    form = reader.form("/staff/privacy/new")
    await reader.send(form, **(TYPED | typed), kind=kind, seen="on")
    return reader.path


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_one_files_another_approves_and_the_person_is_erased(
    site: Site, database_url: str, language: str
) -> None:
    await add_citizen(site)
    first = await at_the_desk(site, Role.SUPERVISOR, language=language)
    second = await at_the_desk(site, Role.ADMINISTRATOR, language=language)
    path = await filed(first, "erasure")
    assert path.startswith("/staff/privacy/")
    assert "/decide" not in first.text
    assert resident_id(1) not in first.text
    # The one who filed cannot decide, whatever their browser sends.
    await second.go(path)
    form = second.form(f"{path}/decide")
    own = first.form(f"{path}/withdraw")
    own.action = f"{path}/decide"
    refused = await first.send(own, decision="approve", reason="本人到场")
    assert refused.status_code == 409
    await second.send(form, decision="approve", reason="证件已核对")
    assert second.path == path
    assert ("Erased" if language == "en" else "已删除") in second.text
    assert clear_text(database_url, resident_id(1), phone(1)) == []
    erased = await ask(site.platform, "SELECT count(*) FROM patients WHERE erased_at IS NOT NULL")
    assert erased == [(1,)]
    await second.go("/staff/privacy")
    assert path in second.text


async def test_what_stands_in_the_way_is_shown_before_and_after(site: Site) -> None:
    await booked(site, await add_citizen(site))
    first = await at_the_desk(site, Role.SUPERVISOR)
    second = await at_the_desk(site, Role.SUPERVISOR)
    path = await filed(first, "erasure")
    await second.go(path)
    assert "还有没办结的预约" in second.text
    form = second.form(f"{path}/decide")
    answer = await second.send(form, decision="approve", reason="证件已核对")
    assert answer.status_code == 409
    assert "还有没办结的预约" in second.text


async def test_an_export_is_downloaded_and_stored_nowhere(site: Site, database_url: str) -> None:
    citizen = await add_citizen(site)
    booking = await booked(site, citizen)
    first = await at_the_desk(site, Role.ADMINISTRATOR)
    second = await at_the_desk(site, Role.SUPERVISOR)
    path = await filed(first, "export")
    await second.go(path)
    await second.send(second.form(f"{path}/decide"), decision="approve", reason="证件已核对")
    form = second.form(f"{path}/download")
    copy = await second.send(form)
    assert copy.headers["cache-control"] == "no-store"
    assert "attachment" in copy.headers["content-disposition"]
    assert copy.json()["appointments"][0]["code"] == booking["code"]
    assert await ask(site.platform, "SELECT downloads FROM privacy_requests") == [(1,)]
    assert len(await reasons(site.platform, "export_personal_data")) == 1
    assert clear_text(database_url, resident_id(1), booking["code"]) == []
    stranger = await at_the_desk(site, Role.ADMINISTRATOR)
    await stranger.go(path)
    assert "/download" not in stranger.text


async def test_unknown_requests_and_bad_forms_are_refused(site: Site) -> None:
    reader = await at_the_desk(site, Role.ADMINISTRATOR)
    for path in ("/staff/privacy/99", "/staff/privacy/x", "/staff/privacy/" + "9" * 40):
        assert (await reader.go(path)).status_code == 404
    await reader.go("/staff/privacy/new")
    form = reader.form("/staff/privacy/new")
    unseen = await reader.send(form, **TYPED, kind="export", seen="")
    assert unseen.status_code == 422
    assert (await reader.send(form, **TYPED, kind="everything", seen="on")).status_code == 400
    assert (await reader.send(form, **TYPED, kind="export", seen="on")).status_code == 422
    assert "没有查到" in reader.text
    private = TYPED | {"name": "\ue863"}
    assert (await reader.send(form, **private, kind="export", seen="on")).status_code == 422
