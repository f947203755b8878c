"""At a release the page counts down to the account's own moment; then one tap books."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest
from tests.browser.conftest import NewVisitor
from tests.browser.test_booking import ENGLISH, WITHOUT_SCRIPTS, Newcomer
from tests.browser.visitor import DESKTOP

LATEST_SECONDS = 30
TRIES = 3  # a newcomer's limits allow no more


async def platforms_time(newcomer: Newcomer) -> datetime:
    """The city's time as the platform has it: when the newcomer's last booking was made."""
    cookies = {c["name"]: c["value"] for c in await newcomer.page.context.cookies()}
    async with httpx.AsyncClient(base_url=newcomer.visitor.base) as client:
        answer = await client.get(
            "/api/v1/appointments", headers={"Authorization": f"Bearer {cookies['session']}"}
        )
    return max(datetime.fromisoformat(one["booked_at"]) for one in answer.json()["items"])


@pytest.fixture
def city(city_database_url: str) -> Iterator[psycopg.Connection]:
    """The demo city's database; hospitals get their own rules back."""
    with psycopg.connect(city_database_url, autocommit=True) as conn:
        rules = conn.execute("SELECT cycle_days, release_time, id FROM hospitals").fetchall()
        yield conn
        for row in rules:
            conn.execute(
                "UPDATE hospitals SET cycle_days = %s, release_time = %s WHERE id = %s", row
            )


def release_a_session(city: psycopg.Connection, now: datetime) -> int:
    """Let a hospital release the day of one of its sessions at this very moment."""
    row = city.execute(
        """
        SELECT id, visit_date - %(today)s FROM clinic_sessions
        WHERE visit_date > %(today)s + 8 AND booked < capacity AND stopped_at IS NULL
        ORDER BY random() LIMIT 1
        """,
        {"today": now.date()},
    ).fetchone()
    assert row is not None
    city.execute(
        """
        UPDATE hospitals SET cycle_days = %s, release_time = %s
        WHERE id = (SELECT hospital_id FROM clinic_sessions WHERE id = %s)
        """,
        (row[1], now.time(), row[0]),
    )
    return int(row[0])


async def too_early(newcomer: Newcomer, city: psycopg.Connection) -> None:
    """Come to the page of the own moment; on a slow machine that may pass while one taps."""
    for _ in range(TRIES):
        await newcomer.visitor.go("/")
        await newcomer.find_a_session()
        if await newcomer.page.locator("[name=patient_id]").count() == 0:
            await newcomer.register()
        await newcomer.confirm()  # which tells the platform's time
        session_id = release_a_session(city, await platforms_time(newcomer))
        await newcomer.visitor.go(f"/book/{session_id}")
        await newcomer.tap(newcomer.say("确认预约", "Confirm booking"))
        if await newcomer.page.locator("form[data-opens-in]").count():
            return
    raise AssertionError(await newcomer.visitor.text())


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="on a phone"),
        pytest.param(ENGLISH | {"viewport": DESKTOP}, id="in English on a desk"),
        pytest.param(WITHOUT_SCRIPTS, id="without scripts"),
    ],
)
async def test_who_taps_too_early_books_at_their_moment(
    new_visitor: NewVisitor, city: psycopg.Connection, how: dict[str, Any]
) -> None:
    scripts = how.get("java_script_enabled", True)
    came = Newcomer(await new_visitor(**how), english="locale" in how, scripts=scripts)
    await came.log_in()
    await too_early(came, city)
    text = await came.visitor.text()
    assert re.search(r"\d\d:\d\d:\d\d", text)
    book = came.page.locator("form[data-opens-in] button")
    if scripts:
        await came.visitor.check()
        before = await book.bounding_box()
        wait = int(await came.page.locator("[data-opens-in]").get_attribute("data-opens-in") or 0)
        assert 0 <= wait <= LATEST_SECONDS * 1000
        await came.page.wait_for_function(
            "() => !document.querySelector('form[data-opens-in] button').disabled",
            timeout=2 * LATEST_SECONDS * 1000,
        )
        said = await came.page.locator("#open").inner_text()
        assert said == came.say("现在可以预约了。", "You can book now.")
        # It must not move away under a finger at that very moment.
        assert await book.bounding_box() == before
    # Without scripts the person looks at a clock, and may be told the same once more.
    for _ in range(2 * LATEST_SECONDS):
        await came.tap(book)
        if came.visitor.path.startswith("/bookings/"):
            break
        await came.page.wait_for_timeout(1000)
    assert came.say("预约成功", "Booked") in await came.visitor.text()
    assert came.visitor.complaints == []
