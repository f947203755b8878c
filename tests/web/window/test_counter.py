"""At a window with the document in hand: correcting a name, newborns, other documents."""

from __future__ import annotations

import pytest
from tests.city import ask, change, phone
from tests.web.browsing import Reader
from tests.web.call_centre.test_caller_booking import register
from tests.web.call_centre.test_moving import NEW, ask_at_window, clerk, look_up
from tests.web.site import API, Site, add_citizen, problem
from tests.web.staff_site import at_the_desk

from guahao.rules.people.consent import NOTICE_VERSION
from guahao.rules.staff.staff import Role

CERTIFICATE = {"id_type": "99", "id_no": "A123456789", "name": "李小宝"}
OTHER_DOCUMENT = {"id_type": "99", "id_no": "ABC-1234567", "name": "李四"}


async def correct(reader: Reader, number: int) -> str:
    form = reader.form("/staff/window/persons/check")
    await reader.send(form, phone=phone(number), reason="登记时写错一个字")
    return reader.shown


async def registered_names(site: Site) -> list[str]:
    vault = site.platform.vault
    rows = await ask(site.platform, "SELECT id, name_enc FROM patients ORDER BY id")
    return [vault.open("patients", "name", id, name) for id, name in rows]


async def test_a_name_is_corrected_by_the_document_and_the_registered_phone(site: Site) -> None:
    await add_citizen(site)
    reader = await clerk(site)
    said = await look_up(reader, name="张珊")
    assert "已登记，但姓名是张*" in said
    # Neither the registered name nor the phone stands there: the person says it.
    for hidden in ("张三", phone(1), phone(1)[-4:]):
        assert hidden not in said
    assert "姓名与证件一致" in await correct(reader, 1)
    assert await registered_names(site) == ["张珊"]
    assert await ask(site.platform, "SELECT checked_by FROM patients") == [("staff",)]
    kept = "SELECT action FROM audit_trail ORDER BY seq DESC LIMIT 1"
    assert await ask(site.platform, kept) == [("correct_name",)]


async def test_who_cannot_say_the_registered_phone_corrects_nothing(site: Site) -> None:
    """Five times a day for a person, over all clerks; then the right phone is refused, too."""
    await add_citizen(site)
    first, second = await clerk(site), await clerk(site)
    await look_up(first, name="张珊")
    await look_up(second, name="张珊")
    for reader in (first, second, first, second, first):
        said = await correct(reader, NEW)
        assert "患者说的号码不是登记的号码" in said
        assert phone(1) not in said
    for reader in (first, second):
        assert "次数过多" in await correct(reader, 1)
    assert await registered_names(site) == ["张三"]
    assert await ask(site.platform, "SELECT checked_by FROM patients") == [(None,)]
    refused = """
        SELECT detail::jsonb ->> 'refused', count(*) FROM audit_trail
        WHERE action = 'check_person_failed' GROUP BY 1 ORDER BY 1
    """
    assert await ask(site.platform, refused) == [("limit", 2), ("phone", 5)]


async def test_a_right_phone_takes_no_try_away(site: Site) -> None:
    await add_citizen(site)
    reader = await clerk(site)
    for name in ("张珊", "张三", "张珊", "张三", "张珊", "张三"):
        await look_up(reader, name=name)
        assert "姓名与证件一致" in await correct(reader, 1)


@pytest.mark.parametrize(
    ("born", "registered"),
    [("2026-11-01", True), ("2025-11-30", False), ("2026-12-01", False), ("", False)],
)
async def test_a_newborn_is_registered_at_the_window_until_the_first_birthday(
    site: Site, born: str, *, registered: bool
) -> None:
    reader = await clerk(site)
    assert "孩子的出生日期" in await look_up(reader, 1, **CERTIFICATE)
    form = reader.form("/staff/window/persons/register")
    await reader.send(form, phone=phone(1), birth_date=born, guardian="on")
    assert ("已登记" in reader.text) is registered
    assert ("请填写出生医学证明上的出生日期" in reader.text) is not registered
    ends = await ask(site.platform, "SELECT document_ends_on::text FROM patients")
    assert ends == ([("2027-11-01",)] if registered else [])
    if registered:  # a dispute does not make the certificate last longer
        await look_up(reader, 1, **CERTIFICATE)
        form = reader.form("/staff/window/persons/dispute")
        await reader.send(form, phone="010-65551234", reason="不是本人登记")
        current = "SELECT document_ends_on::text FROM patients WHERE account_id IS NOT NULL"
        assert await ask(site.platform, current) == ends


async def test_other_documents_are_registered_at_a_counter_only(site: Site) -> None:
    """Not by the hotline, on a page or by the API: nobody there has the original in hand."""
    agent = await at_the_desk(site, Role.AGENT)
    await agent.go("/staff/calls/register")
    assert 'value="99"' not in agent.text
    for document in (OTHER_DOCUMENT, CERTIFICATE):
        assert "这类证件须凭原件在医院窗口登记" in await register(agent, 1, **document)
    citizen = await add_citizen(site)
    answer = await site.post(
        f"{API}/patients",
        token=citizen.token,
        json=OTHER_DOCUMENT | {"consent": NOTICE_VERSION},
    )
    assert "窗口" in problem(answer, 422, "counter_only")
    page = Reader.of(site)
    await page.log_in(2)
    await page.go("/patients/new")
    await page.send(page.form(), **OTHER_DOCUMENT)
    assert "带证件原件到医院挂号窗口登记" in page.text
    reader = await clerk(site)
    await look_up(reader, 1, **OTHER_DOCUMENT)
    await reader.send(reader.form("/staff/window/persons/register"), phone=phone(3))
    assert "已登记" in reader.text
    rows = "SELECT checked_by FROM patients WHERE id_type = '99'"
    assert await ask(site.platform, rows) == [("staff",)]


@pytest.mark.parametrize("speaks", ["person", "phone"])
async def test_the_code_of_a_move_is_in_the_language_of_the_phone_or_the_person(
    site: Site, speaks: str
) -> None:
    citizen = await add_citizen(site)
    await change(site.platform, "UPDATE accounts SET language = 'en'")
    if speaks == "phone":  # the new phone has an account, which speaks another language
        await add_citizen(site, NEW)
    reader = await clerk(site)
    await look_up(reader)
    await ask_at_window(reader)
    await site.deliver()
    [sent] = [item for item in await site.outbox() if item.kind == "move_code"]
    assert sent.text.startswith("[Guahao]" if speaks == "person" else "【预约挂号】")
    assert citizen.patient_id
