"""A newcomer's whole way, from the first page to the booked visit, however a browser is set."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest
from playwright.async_api import Locator, Page, Route
from tests.browser.caller import book_by_api
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import DESKTOP, PATIENCE_SECONDS, Visitor
from tests.city import phone, resident_id
from tests.flows.fairness.winning import DRAW, WIN

from guahao.rules.kernel.limits import NEW_CITY, RENOWNED_SPECIALIST, add_months

ENGLISH = {"locale": "en-GB"}
WITHOUT_SCRIPTS = {"java_script_enabled": False}
# From the login to the booked visit: links, buttons and boxes.
TAPS_MAX = 6
KNOWN_TAPS_MAX = 4
APPLY_TAPS_MAX = 3
FULL_DAY = "2026-12-04"
# The link of a session with places; that of a full session leads to the waiting list.
BOOK = ".slot__book:not(.slot__book_apply)"
RENEWED_EVERY_MS = 15_000

SECOND = 300  # the second patient of a newcomer, beside the first

_numbers = count(501)


class Newcomer:
    """A visitor who has never been here, and how often they tapped since the login."""

    def __init__(self, visitor: Visitor, *, english: bool = False, scripts: bool = True) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.english = english
        self.scripts = scripts
        self.number = next(_numbers)
        self.taps = 0

    def say(self, chinese: str, english: str) -> str:
        return english if self.english else chinese

    async def tap(self, target: str | Locator) -> None:
        """Tap a link or button of the page; by its name or itself."""
        self.taps += 1
        if isinstance(target, str):
            await self.visitor.press(target)
            return
        async with self.page.expect_navigation():
            await target.click()

    async def log_in(self) -> None:
        await self.visitor.go("/login?next=/")
        await self.visitor.log_in(phone(self.number), english=self.english)
        assert self.visitor.path == "/", await self.visitor.text()
        self.taps = 0

    async def search(self, typed: str) -> None:
        """Results come as one types; where no script runs, by the button."""
        await self.page.locator("#q").fill(typed)
        if self.scripts:
            await self.page.wait_for_url(re.compile("q="))
        else:
            await self.tap(self.say("搜索", "Search"))

    async def find_a_session(self, typed: str = "xxgnk") -> None:
        await self.search(typed)
        await self.tap(self.page.locator("#results a").first)
        if self.scripts:
            await self.visitor.check()
        await self.tap(self.page.locator(BOOK).first)

    async def register(self) -> None:
        """Fill in the first patient where the confirm page asks for them."""
        await self.fill_in_patient()
        await self.tap(self.say("保存，继续预约", "Save and continue"))

    async def fill_in_patient(self) -> None:
        await self.visitor.fill(self.say("姓名", "Name"), "王小明")
        await self.visitor.fill(self.say("证件号码", "Document number"), resident_id(self.number))
        await self.choose("[name=consent]")

    async def add_second_patient(self) -> None:
        await self.visitor.go("/patients/new")
        await self.visitor.fill(self.say("姓名", "Name"), "王大明")
        number = resident_id(self.number + SECOND)
        await self.visitor.fill(self.say("证件号码", "Document number"), number)
        await self.choose("[name=consent]")
        await self.tap(self.say("保存", "Save"))

    async def choose(self, selector: str) -> None:
        """Tap a box or a choice."""
        self.taps += 1
        await self.page.locator(selector).check()

    async def confirm(self) -> None:
        await self.tap(self.say("确认预约", "Confirm booking"))
        assert self.visitor.path.startswith("/bookings/"), await self.visitor.text()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="on a phone"),
        pytest.param({"viewport": DESKTOP}, id="on a desk"),
        pytest.param(ENGLISH, id="in English"),
        pytest.param(WITHOUT_SCRIPTS, id="without scripts"),
        pytest.param(ENGLISH | WITHOUT_SCRIPTS | {"viewport": DESKTOP}, id="English, bare desk"),
    ],
)
async def test_a_newcomer_books_in_six_taps_and_then_in_four(
    new_visitor: NewVisitor, how: dict[str, Any]
) -> None:
    came = Newcomer(
        await new_visitor(**how),
        english="locale" in how,
        scripts=how.get("java_script_enabled", True),
    )
    await came.log_in()
    await came.find_a_session()
    await came.register()
    await came.confirm()
    assert came.taps <= TAPS_MAX
    code = await came.page.locator("#code").inner_text()
    assert re.fullmatch(r"\d{4} \d{4}", code)
    text = await came.visitor.text()
    assert came.say("预约成功", "Booked") in text
    assert came.say("证件原件", "The original ID of") in text
    assert "114" in text
    await came.tap(came.say("我的挂号", "My visits"))
    assert code in await came.visitor.text()
    # Known by now, with a second patient: nobody is chosen beforehand.
    await came.add_second_patient()
    await came.visitor.go("/")
    came.taps = 0
    await came.find_a_session()
    assert await came.page.locator("[name=patient_id]:checked").count() == 0
    await came.choose("[name=patient_id]:enabled >> nth=0")
    await came.confirm()
    assert came.taps <= KNOWN_TAPS_MAX + (not came.scripts)  # the search's button
    assert came.visitor.complaints == []


async def test_whoever_is_not_logged_in_loses_nothing_by_logging_in(
    new_visitor: NewVisitor,
) -> None:
    came = Newcomer(await new_visitor())
    await came.visitor.go("/")
    await came.find_a_session()
    assert came.visitor.path == "/login"
    await came.visitor.log_in(phone(came.number))
    assert came.visitor.path.startswith("/book/")
    wished = await came.page.locator(".what").inner_text()
    await came.register()
    assert await came.page.locator(".what").inner_text() == wished
    await came.confirm()


async def test_a_booking_that_the_database_cannot_take_is_sent_again_by_the_page(
    new_visitor: NewVisitor, city_database_url: str
) -> None:
    came = Newcomer(await new_visitor())
    await came.log_in()
    await came.find_a_session()
    await came.register()
    with psycopg.connect(city_database_url) as conn:
        conn.execute("SELECT FROM patients FOR UPDATE")  # no batch of anybody comes to its end
        await came.tap("确认预约")
        assert came.visitor.path.startswith("/book/")
        text = await came.visitor.text()
        assert "这次没有约上" in text
        assert "系统会自动再试" in text
    await came.page.wait_for_url(re.compile("/bookings/"))
    assert "预约成功" in await came.visitor.text()


async def test_a_double_tap_and_the_back_button_book_once(new_visitor: NewVisitor) -> None:
    came = Newcomer(await new_visitor())
    await came.log_in()
    await came.find_a_session()
    await came.register()
    async with came.page.expect_navigation():
        await came.page.get_by_role("button", name="确认预约").dblclick()
    booked = came.visitor.path
    await came.page.go_back()
    if came.visitor.path.startswith("/book/"):
        async with came.page.expect_navigation():
            await came.page.get_by_role("button", name="确认预约").click()
    await came.visitor.go("/bookings")
    assert await came.page.locator(".stub").count() == 1
    assert await came.page.locator(".stub").get_attribute("href") == booked


@pytest.mark.parametrize("how", [{}, WITHOUT_SCRIPTS], ids=["with scripts", "without scripts"])
async def test_back_reload_and_the_address_of_the_form_end_at_the_booking(
    new_visitor: NewVisitor, how: dict[str, Any]
) -> None:
    came = Newcomer(await new_visitor(**how), scripts=how.get("java_script_enabled", True))
    await came.log_in()
    await came.find_a_session()
    form = came.visitor.path
    await came.register()
    await came.confirm()
    code = await came.page.locator("#code").inner_text()
    await came.page.reload()
    assert await came.page.locator("#code").inner_text() == code
    # The page of the form is not stored: whether opened anew or by the back button.
    await came.visitor.go(form)
    assert "您已约好" in await came.visitor.text()
    assert await came.page.locator("#code").inner_text() == code
    for _ in range(2):
        await came.page.go_back()
        assert await came.page.locator("#code").inner_text() == code


@pytest.mark.parametrize("how", [{}, ENGLISH], ids=["Chinese", "English"])
async def test_a_booking_printed_on_a5_is_one_page(
    new_visitor: NewVisitor, how: dict[str, Any]
) -> None:
    came = Newcomer(await new_visitor(**how), english="locale" in how)
    await came.log_in()
    await came.find_a_session()
    await came.register()
    await came.confirm()
    for elder in (False, True):
        if elder:
            await came.page.get_by_role("button", name=came.say("长辈版", "Large view")).click()
            await came.page.wait_for_load_state()
        paper = await came.page.pdf(format="A5", prefer_css_page_size=False)
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1, f"elder view: {elder}"


async def test_a_visit_is_booked_by_keyboard_alone(new_visitor: NewVisitor) -> None:
    came = Newcomer(await new_visitor())
    await came.log_in()
    keys = came.page.keyboard
    await _tab_to(came, "#q")
    await keys.type("xxgnk")
    await came.page.wait_for_url(re.compile("q="))
    for target in ("#results a", BOOK):
        await _tab_to(came, target)
        async with came.page.expect_navigation():
            await keys.press("Enter")
    await _tab_to(came, "#name")
    await keys.type("王小明")
    await _tab_to(came, "#id_no")
    await keys.type(resident_id(came.number))
    await _tab_to(came, "#consent")
    await keys.press("Space")
    async with came.page.expect_navigation():
        await keys.press("Enter")
    await _tab_to(came, ".action")
    async with came.page.expect_navigation():
        await keys.press("Enter")
    assert came.visitor.path.startswith("/bookings/")
    assert came.visitor.complaints == []


async def _tab_to(came: Newcomer, selector: str) -> None:
    for _ in range(80):
        await came.page.keyboard.press("Tab")
        if await came.page.evaluate("(s) => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the keyboard")


async def test_what_is_left_is_renewed_without_a_reload_and_focus_stays(
    new_visitor: NewVisitor, city_url: str
) -> None:
    came = Newcomer(await new_visitor())
    await came.page.clock.install()
    await came.visitor.go("/")
    await came.search("xxgnk")
    await came.tap(came.page.locator("#results a").first)
    row = came.page.locator(".slot", has=came.page.locator(BOOK)).first
    before = await row.locator(".slot__left").inner_text()
    link = row.locator(BOOK)
    [session] = re.findall(r"\d+", await link.get_attribute("href") or "")
    await came.page.evaluate("window.stayed = true")
    await link.focus()
    await book_by_api(city_url, next(_numbers), int(session))
    for _ in range(PATIENCE_SECONDS):
        await came.page.clock.fast_forward(RENEWED_EVERY_MS)
        if await row.locator(".slot__left").inner_text() != before:
            break
        await asyncio.sleep(1)  # an answer may be a second and a half old
    assert await row.locator(".slot__left").inner_text() != before
    assert await came.page.evaluate("window.stayed")
    assert await came.page.evaluate("document.activeElement.id") == f"book-{session}"
    assert came.visitor.complaints == []


async def test_a_week_that_has_not_changed_is_neither_sent_nor_replaced(
    new_visitor: NewVisitor, city_url: str
) -> None:
    came = Newcomer(await new_visitor())
    await came.page.clock.install()
    await came.visitor.go("/")
    await came.search("xxgnk")
    await came.tap(came.page.locator("#results a").first)
    await came.page.evaluate("document.getElementById('week').remains = true")
    before = await _not_modified(city_url)
    for _ in range(PATIENCE_SECONDS):
        await came.page.clock.fast_forward(RENEWED_EVERY_MS)
        if await _not_modified(city_url) > before:
            break
        await asyncio.sleep(1)  # until the browser's own copy is no longer fresh
    assert await _not_modified(city_url) > before
    assert await came.page.evaluate("document.getElementById('week').remains")
    other = came.page.locator(".strip__day:not(.strip__day_chosen)").first
    address = await other.get_attribute("href") or ""
    await other.click()
    # The strip replaces the week in place: the address names the day, without the fragment.
    await came.page.wait_for_url("**" + address.partition("#")[0])
    await came.page.wait_for_function("!document.getElementById('week').remains")
    assert await came.page.locator("#week").count() == 1
    assert await came.page.locator("main").count() == 1
    assert came.visitor.complaints == []


async def _not_modified(city_url: str) -> float:
    """How often the server has answered for a department that nothing changed."""
    async with httpx.AsyncClient(base_url=city_url) as client:
        metrics = (await client.get("/metrics")).text
    counted = (
        r'requests_total\{method="GET",route="/departments/\{department_id\}",status="304"\} (\S+)'
    )
    return sum(map(float, re.findall(counted, metrics)))


async def test_the_switches_are_obeyed_at_once_on_a_page_that_is_stored(
    new_visitor: NewVisitor,
) -> None:
    came = Newcomer(await new_visitor(**WITHOUT_SCRIPTS), scripts=False)
    await came.visitor.go("/")
    banner = came.page.get_by_role("banner")
    switches = {
        "English": "html[lang=en]",
        "Large view": "html.elder[lang=en]",
        "中文": "html.elder[lang=zh-CN]",
        "标准版": "html:not(.elder)",
    }
    for name, sign in switches.items():
        async with came.page.expect_navigation():
            await banner.get_by_role("button", name=name, exact=True).click()
        assert came.visitor.path == "/"
        assert await came.page.locator(sign).count() == 1, name


@pytest.mark.parametrize("how", [{}, WITHOUT_SCRIPTS], ids=["with scripts", "without scripts"])
async def test_where_somebody_booked_is_found_from_their_home_page(
    new_visitor: NewVisitor, how: dict[str, Any]
) -> None:
    came = Newcomer(await new_visitor(**how), scripts=how.get("java_script_enabled", True))
    await came.log_in()
    await came.find_a_session()
    await came.register()
    await came.confirm()
    await came.visitor.go("/")
    if not came.scripts:
        await came.tap("我的就诊")
    recent = came.page.locator("main a[href^='/departments/']").first
    await recent.wait_for()
    assert "最近约过" in await came.visitor.text()
    await came.tap(recent)
    assert came.visitor.path.startswith("/departments/")
    assert came.visitor.complaints == []


# What every page must be --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "as_read"),
    [
        pytest.param({}, {}, id="zh"),
        pytest.param(ENGLISH, {"english": True}, id="en"),
        pytest.param({"viewport": DESKTOP}, {}, id="desk"),
    ],
)
async def test_every_page_of_booking_is_legible_to_all(
    new_visitor: NewVisitor, how: dict[str, Any], as_read: dict[str, bool]
) -> None:
    came = Newcomer(await new_visitor(**how), english=as_read.get("english", False))
    for path in (
        "/",
        "/search?q=xnk",
        "/search?q=没有的东西",
        "/hospitals/1",
        "/hospitals/2",
        "/bookings",
    ):
        await _look(came, path)
    await came.log_in()
    for path in ("/bookings", "/bookings?view=history", "/bookings/999999"):
        await _look(came, path)
    await came.visitor.go("/")
    await came.find_a_session()
    await came.visitor.check()
    await came.register()
    await came.visitor.check()
    confirm = came.visitor.path
    await came.confirm()
    await came.visitor.check()
    booking = came.visitor.path
    for path in (booking, f"{booking}/cancel", "/bookings", "/"):
        await _look(came, path)
    await came.visitor.go(confirm)
    assert came.visitor.path == booking  # what is booked already ends at its booking


async def _look(came: Newcomer, path: str) -> None:
    await came.visitor.go(path)
    await came.visitor.check()


# A release: the page counts down to the patient's own moment; then one tap books ---------------

LATEST_SECONDS = 30
TRIES = 5


async def platforms_time(base: str) -> datetime:
    """The city's time as the platform has it: when somebody else's booking was made."""
    token = await book_by_api(base, next(_numbers))
    async with httpx.AsyncClient(base_url=base) as client:
        answer = await client.get(
            "/api/v1/appointments", headers={"Authorization": f"Bearer {token}"}
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
    """Let a hospital release the day of one of its sessions at this very moment.

    A session within the horizon: timetables that other tests change reach beyond it.
    """
    row = city.execute(
        """
        SELECT id, visit_date - %(today)s FROM clinic_sessions
        WHERE visit_date > %(today)s + 8 AND visit_date < %(horizon)s AND stopped_at IS NULL
          AND booked + held + reserved < capacity AND title <> %(checked_only)s
          AND NOT EXISTS (
              SELECT FROM release_modes m
              WHERE m.hospital_id = clinic_sessions.hospital_id AND m.mode = 'draw'
                AND coalesce(m.department_id, clinic_sessions.department_id)
                    = clinic_sessions.department_id
                AND coalesce(m.title, clinic_sessions.title) = clinic_sessions.title)
        ORDER BY random() LIMIT 1
        """,
        {
            "today": now.date(),
            "horizon": add_months(now.date(), NEW_CITY.horizon_months),
            "checked_only": RENOWNED_SPECIALIST,
        },
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


async def at_a_release(
    new_visitor: NewVisitor, city: psycopg.Connection, how: dict[str, Any]
) -> Newcomer:
    """A newcomer before "Confirm booking" at the moment of a release."""
    scripts = how.get("java_script_enabled", True)
    came = Newcomer(await new_visitor(**how), english="locale" in how, scripts=scripts)
    await came.log_in()
    await came.visitor.go("/patients/new?next=/")
    await came.fill_in_patient()
    await came.tap(came.say("保存", "Save"))
    session_id = release_a_session(city, await platforms_time(came.visitor.base))
    await came.visitor.go(f"/book/{session_id}")
    return came


async def too_early(
    new_visitor: NewVisitor, city: psycopg.Connection, how: dict[str, Any]
) -> Newcomer:
    """A newcomer on the page of their own moment.

    On a slow machine the moment may pass while one taps. Then somebody else tries: who is not
    checked yet may have one booking only.
    """
    text = ""
    for _ in range(TRIES):
        came = await at_a_release(new_visitor, city, how)
        await came.tap(came.say("确认预约", "Confirm booking"))
        if await came.page.locator("form[data-opens-in]").count():
            return came
        text = await came.visitor.text()
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("how", "by_hand"),
    [
        pytest.param({}, False, id="on a phone"),
        pytest.param(ENGLISH | {"viewport": DESKTOP}, True, id="by hand, in English on a desk"),
        pytest.param(WITHOUT_SCRIPTS, False, id="without scripts"),
    ],
)
async def test_who_taps_too_early_books_at_their_moment(
    new_visitor: NewVisitor, city: psycopg.Connection, how: dict[str, Any], by_hand: bool
) -> None:
    came = await too_early(new_visitor, city, how)
    scripts = came.scripts
    text = await came.visitor.text()
    assert re.search(r"\d\d:\d\d:\d\d", text)
    book = came.page.locator("form[data-opens-in] button")
    if scripts:
        await came.visitor.check()
        wait = int(await came.page.locator("[data-opens-in]").get_attribute("data-opens-in") or 0)
        assert 0 <= wait <= LATEST_SECONDS * 1000
    if by_hand:
        await came.page.locator("#auto input").uncheck()
        await came.page.wait_for_function(
            "() => !document.querySelector('form[data-opens-in] button').disabled",
            timeout=2 * LATEST_SECONDS * 1000,
        )
        said = await came.page.locator("#open").inner_text()
        assert said == came.say("现在可以预约了。", "You can book now.")
    if by_hand or not scripts:
        # Without scripts the person looks at a clock, and may be told the same once more.
        for _ in range(2 * LATEST_SECONDS):
            await came.tap(book)
            if came.visitor.path.startswith("/bookings/"):
                break
            await came.page.wait_for_timeout(1000)
    else:
        # Who has tapped once needs no second tap at the very moment.
        await came.page.wait_for_function(
            "() => !document.querySelector('form[data-opens-in]')",
            timeout=2 * LATEST_SECONDS * 1000,
        )
        await came.page.wait_for_load_state()
    assert came.say("预约成功", "Booked") in await came.visitor.text()
    assert came.visitor.complaints == []


async def come_late(page: Page, waits: list[int], route: Route) -> None:
    """Hand out a script of the page when the person's moment is over."""
    wait = await page.locator("form[data-opens-in]").get_attribute("data-opens-in")
    waits.append(int(wait or 0))
    await asyncio.sleep(waits[0] / 1000 + 0.2)
    await route.continue_()


async def test_on_a_slow_line_a_moment_that_passed_meanwhile_is_not_missed(
    new_visitor: NewVisitor, city: psycopg.Connection
) -> None:
    waits: list[int] = []
    for _ in range(TRIES):
        came = await at_a_release(new_visitor, city, {})
        await came.page.route(re.compile(r"/moment\b"), partial(come_late, came.page, waits))
        await came.page.get_by_role("button", name="确认预约").click(no_wait_after=True)
        await came.page.wait_for_url(re.compile("/bookings/"))
        assert "预约成功" in await came.visitor.text()
        if waits:
            break
    assert waits  # else the moment had passed with the tap, each time


# From a full department to a standing application -------------------------------------------------


@pytest.fixture
def full_department(city_database_url: str) -> int:
    """A department of which a day is full."""
    with psycopg.connect(city_database_url, autocommit=True) as conn:
        [department] = conn.execute(
            """
            SELECT department_id FROM clinic_sessions WHERE visit_date = %s AND stopped_at IS NULL
            GROUP BY department_id ORDER BY department_id DESC LIMIT 1
            """,
            (FULL_DAY,),
        ).fetchone() or (0,)
        conn.execute(
            """
            UPDATE clinic_sessions SET booked = capacity - held - reserved
            WHERE department_id = %s AND visit_date = %s
            """,
            (department, FULL_DAY),
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
    await came.fill_in_patient()
    await came.visitor.press(came.say("保存", "Save"))
    came.taps = 0
    await came.visitor.go(f"/departments/{full_department}?day={FULL_DAY}")
    await _checked(came, scripts=scripts)
    await came.tap(came.page.locator("#apply"))
    await _checked(came, scripts=scripts)
    await came.tap(came.say("确认登记", "Confirm"))
    assert came.visitor.path.startswith("/applications/"), await came.visitor.text()
    assert came.say("登记成功", "You have applied") in await came.visitor.text()
    assert came.taps <= APPLY_TAPS_MAX
    await _checked(came, scripts=scripts)
    application = came.visitor.path
    for path in ("/applications", f"{application}/withdraw", "/draws"):
        await came.visitor.go(path)
        await _checked(came, scripts=scripts)


async def _checked(came: Newcomer, *, scripts: bool) -> None:
    if scripts:
        await came.visitor.check()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="on a phone"),
        pytest.param(ENGLISH | {"viewport": DESKTOP, "color_scheme": "dark"}, id="English, dark"),
    ],
)
async def test_a_win_is_declined_on_pages_that_everybody_can_read(
    new_visitor: NewVisitor, city: psycopg.Connection, how: dict[str, Any]
) -> None:
    came = Newcomer(await new_visitor(**how), english="locale" in how, scripts=True)
    await came.log_in()
    await came.visitor.go("/")
    await came.find_a_session()
    await came.register()
    await came.confirm()
    booking, now = came.visitor.path, await platforms_time(came.visitor.base)
    win = {
        "id": int(booking.rpartition("/")[2]),
        "application": None,
        "at": now,
        "until": now + timedelta(hours=24),
    }
    city.execute(DRAW, win)
    city.execute(WIN, win)
    for path in (f"{booking}/decline", f"{booking}/cancel", booking, "/draws"):
        await came.visitor.go(path)
        await came.visitor.check()
    await came.visitor.go(f"{booking}/decline")
    await came.visitor.press(came.say("确定放弃", "Decline"))
    await came.visitor.check()
