"""From a full department to a standing application in three taps, and on to its draws."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.browser.conftest import NewVisitor
from tests.browser.test_booking import ENGLISH, WITHOUT_SCRIPTS, Newcomer
from tests.browser.visitor import DESKTOP
from tests.city import resident_id

TAPS = 3
DAY = "2026-12-04"


@pytest.fixture
def full_department(city_database_url: str) -> int:
    """A department of which a day is full."""
    with psycopg.connect(city_database_url, autocommit=True) as conn:
        [department] = conn.execute(
            """
            SELECT department_id FROM clinic_sessions WHERE visit_date = %s AND stopped_at IS NULL
            GROUP BY department_id ORDER BY department_id DESC LIMIT 1
            """,
            (DAY,),
        ).fetchone() or (0,)
        conn.execute(
            """
            UPDATE clinic_sessions SET booked = capacity - held - reserved
            WHERE department_id = %s AND visit_date = %s
            """,
            (department, DAY),
        )
        return int(department)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="on a phone"),
        pytest.param(ENGLISH | {"viewport": DESKTOP}, id="English, on a desk"),
        pytest.param(WITHOUT_SCRIPTS, id="without scripts"),
    ],
)
async def test_three_taps_lead_from_a_full_department_to_a_standing_application(
    new_visitor: NewVisitor, full_department: int, how: dict[str, Any]
) -> None:
    scripts = how.get("java_script_enabled", True)
    came = Newcomer(await new_visitor(**how), english="locale" in how, scripts=scripts)
    await came.log_in()
    await came.visitor.go("/patients/new?next=/")
    await came.visitor.fill(came.say("姓名", "Name"), "王小明")
    await came.visitor.fill(came.say("证件号码", "Document number"), resident_id(came.number))
    await came.page.locator("[name=consent]").check()
    await came.visitor.press(came.say("保存", "Save"))
    came.taps = 0
    await came.visitor.go(f"/departments/{full_department}?day={DAY}")
    await _look(came, scripts=scripts)
    await came.tap(came.page.locator("#apply"))
    await _look(came, scripts=scripts)
    await came.tap(came.say("确认登记", "Confirm"))
    assert came.visitor.path.startswith("/applications/"), await came.visitor.text()
    assert came.say("登记成功", "You have applied") in await came.visitor.text()
    assert came.taps <= TAPS
    await _look(came, scripts=scripts)
    application = came.visitor.path
    for path in ("/applications", f"{application}/withdraw", "/draws"):
        await came.visitor.go(path)
        await _look(came, scripts=scripts)


async def _look(came: Newcomer, *, scripts: bool) -> None:
    if scripts:
        await came.visitor.check()
