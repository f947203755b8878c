"""A newcomer logs in and registers a patient, in every way a browser may be set."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP
from tests.city import phone, resident_id

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
    scripts = how.get("java_script_enabled", True)
    await came.go("/me")
    assert came.path == "/login"
    if scripts:
        await came.check()
    await came.log_in(phone(number))
    assert came.path == "/me"
    assert f"138****{number:04d}" in await came.text()
    await came.go("/patients")
    await came.press("添加就诊人")
    await came.fill("姓名", "王小明")
    await came.fill("证件号码", resident_id(number))
    if scripts:
        await came.check()
    await came.press("保存")
    assert came.path == "/patients"
    assert "王小明" in await came.text()
    assert resident_id(number) not in await came.page.content()
    if scripts:
        await came.check()
