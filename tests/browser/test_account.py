"""A newcomer logs in and registers a patient, in every way a browser may be set."""

from __future__ import annotations

from itertools import count
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Request
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, Visitor
from tests.city import phone, resident_id

ENGLISH = {"locale": "en-GB"}
OWN_PAGES = ("/me", "/me/log-ins", "/patients", "/patients/new", "/help", "/nothing")

_numbers = count(101)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="on a phone"),
        pytest.param({"viewport": DESKTOP}, id="on a desk"),
        pytest.param({"java_script_enabled": False}, id="without scripts"),
    ],
)
async def test_a_newcomer_logs_in_and_registers_a_patient(
    new_visitor: NewVisitor, how: dict[str, Any]
) -> None:
    number = next(_numbers)
    came = await new_visitor(**how)
    await came.go("/patients")
    assert came.path == "/login"
    await came.log_in(phone(number))
    assert came.path == "/patients"
    await came.press("添加就诊人")
    await came.fill("姓名", "王小明")
    await came.fill("证件号码", resident_id(number))
    await came.page.locator("[name=consent]").check()
    await came.press("保存")
    assert came.path == "/patients"
    assert "王小明" in await came.text()
    assert resident_id(number) not in await came.page.content()
    assert came.complaints == []


async def test_a_newcomer_logs_in_by_keyboard_alone(new_visitor: NewVisitor) -> None:
    number = next(_numbers)
    came = await new_visitor()
    keys = came.page.keyboard
    await came.go("/login?next=/me")
    await came.focused("#phone")  # on arrival
    await keys.type(phone(number))
    async with came.page.expect_navigation():
        await keys.press("Enter")
    one_time_password = await came.one_time_password(phone(number))
    await came.focused("#otp")
    await keys.type(one_time_password)
    async with came.page.expect_navigation():
        await keys.press("Enter")
    assert came.path == "/me"
    await keys.press("Tab")
    assert await came.page.evaluate("document.activeElement.textContent") == "跳到正文"
    await keys.press("Enter")
    while await came.page.evaluate("document.activeElement.getAttribute('href')") != "/patients":
        await keys.press("Tab")
    async with came.page.expect_navigation():
        await keys.press("Enter")
    assert came.path == "/patients"


async def test_a_browser_with_scripts_hands_in_a_proof_of_work(new_visitor: NewVisitor) -> None:
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "/login?" in request.url:
            sent.append(request.post_data or "")

    came = await new_visitor()
    came.page.on("request", note)
    await came.go("/login?next=/me")
    await came.log_in(phone(next(_numbers)))
    assert [len(parse_qs(body)["proof"][0]) > 100 for body in sent] == [True]


async def look_at_everything(came: Visitor, *, english: bool = False, elder: bool = False) -> None:
    """Every page of the account, with nothing, with an error and with a long name."""
    number = next(_numbers)
    await came.go("/login?next=/me")
    if elder:
        async with came.page.expect_navigation():
            await came.page.get_by_role("button", name="长辈版").click()
    await seen(came, elder=elder)
    await came.log_in(phone(number), english=english)
    for path in OWN_PAGES:
        await came.go(path)
        await seen(came, elder=elder)
    await came.go("/patients/new")
    await came.fill("Name" if english else "姓名", "阿卜杜拉·买买提·" * 3 + "伊敏")
    await came.fill("Document number" if english else "证件号码", "123")
    await came.page.locator("[name=consent]").check()
    await came.press("Save" if english else "保存")
    await seen(came, elder=elder)
    await came.fill("Document number" if english else "证件号码", resident_id(number))
    await came.page.locator("[name=consent]").check()
    await came.press("Save" if english else "保存")
    assert came.path == "/patients"
    await seen(came, elder=elder)
    await came.go("/me")
    await seen(came, elder=elder)


async def seen(came: Visitor, *, elder: bool) -> None:
    await came.check()
    if elder:
        assert await came.elder_targets() == []


@pytest.mark.parametrize(
    ("how", "as_read"),
    [
        pytest.param({}, {}, id="zh"),
        pytest.param(ENGLISH, {"english": True}, id="en"),
        pytest.param({"viewport": DESKTOP}, {}, id="desk"),
        pytest.param({}, {"elder": True}, id="elder"),
    ],
)
async def test_every_page_of_the_account_is_legible_to_all(
    new_visitor: NewVisitor, how: dict[str, Any], as_read: dict[str, bool]
) -> None:
    await look_at_everything(await new_visitor(**how), **as_read)


@pytest.mark.parametrize(
    ("how", "english"),
    [
        pytest.param({}, False, id="on a phone"),
        pytest.param({**ENGLISH, "viewport": DESKTOP}, True, id="on a desk"),
        pytest.param({"java_script_enabled": False}, False, id="without scripts"),
    ],
)
async def test_a_new_device_names_a_document_before_it_shows_anything(
    new_visitor: NewVisitor, how: dict[str, Any], english: bool
) -> None:
    number = next(_numbers)
    first = await new_visitor()
    await first.go("/login?next=/patients/new")
    await first.log_in(phone(number))
    await first.fill("姓名", "王小明")
    await first.fill("证件号码", resident_id(number))
    await first.page.locator("[name=consent]").check()
    await first.press("保存")
    came = await new_visitor(**how)
    say = (lambda _, text: text) if english else (lambda text, _: text)
    await came.go("/login?next=/patients")
    await came.fill(say("手机号", "Mobile number"), phone(number))
    sent = len(await came.one_time_passwords(phone(number)))
    await came.press(say("获取验证码", "Send me a one-time password"))
    otp = await came.one_time_password(phone(number), after=sent)
    await came.fill(say("验证码", "One-time password"), otp)
    await came.press(say("登录", "Log in"))
    assert came.path == "/login/confirm"
    assert "王小明" not in await came.page.content()
    await came.fill(say("证件号码", "Document number"), resident_id(number + 1))
    await came.press(say("确认", "Confirm"))
    assert came.path == "/login/confirm"
    if how.get("java_script_enabled", True):
        await came.check()
        await came.go("/login/new-holder?next=/patients")
        await came.check()
        await came.press(say("返回", "Back"))
    await came.fill(say("证件号码", "Document number"), resident_id(number))
    await came.press(say("确认", "Confirm"))
    assert came.path == "/patients"
    assert "王小明" in await came.text()
