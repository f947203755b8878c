"""What all pages stand on: static files, cookies, forms, how a day is said."""

from __future__ import annotations

import gzip
from datetime import date, datetime, time
from typing import Any

import pytest
from tests.web.site import Site

from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.people.identity import ID_TYPES
from guahao.web.framework.cookies import Cookies
from guahao.web.http import csrf
from guahao.web.http.assets import asset_address, assets
from guahao.words.catalogue import Language
from guahao.words.dates import ID_TYPE_WORDS, format_day, format_money, format_time, format_visit

STYLE = "guahao.css"
TODAY = date(2026, 11, 30)
THURSDAY = date(2026, 12, 3)


# Static files -----------------------------------------------------------------------------------


async def test_a_static_file_is_sent_as_it_is_and_kept_for_a_year(closed_site: Site) -> None:
    answer = await closed_site.get(asset_address(STYLE))
    assert answer.content == assets()[STYLE].body
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "br"
    for accepted in ("gzip", "gzip, br;q=0"):
        zipped = await closed_site.get(asset_address(STYLE), headers={"Accept-Encoding": accepted})
        assert zipped.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    plain = await closed_site.get(asset_address(STYLE), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content


@pytest.mark.parametrize("query", ["", "?v=", "?v=000000000000", "?v=x&v=y"])
async def test_an_address_without_its_digest_is_kept_for_an_hour(
    closed_site: Site, query: str
) -> None:
    answer = await closed_site.get(f"/static/{STYLE}{query}")
    assert answer.headers["cache-control"] == "public, max-age=3600"


async def test_what_the_browser_has_is_not_sent_again(closed_site: Site) -> None:
    tag = (await closed_site.get(asset_address(STYLE))).headers["etag"]
    again = await closed_site.get(asset_address(STYLE), headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["", "nothing.css", "../app.py", "%2e%2e/app.py", "vendor", "vendor/.copied", "//x"]
)
async def test_nothing_else_is_sent(closed_site: Site, path: str) -> None:
    assert (await closed_site.get(f"/static/{path}")).status_code == 404


def test_pictures_are_not_compressed_and_texts_are() -> None:
    picture = assets()["vendor/swagger-ui/favicon-32x32.png"]
    assert picture.zipped is None
    script = assets()["guahao.js"]
    assert script.zipped is not None
    assert gzip.decompress(script.zipped) == script.body


# Cookies ----------------------------------------------------------------------------------------


def test_in_production_cookies_go_over_tls_and_to_this_host_alone() -> None:
    name, value = Cookies(secure=True).keep("session", "abc")
    assert name == b"set-cookie"
    assert value.startswith(b"__Host-session=abc; Path=/; Max-Age=")
    assert value.endswith(b"; HttpOnly; SameSite=Lax; Secure")
    assert b"Domain" not in value


def test_in_production_a_cookie_without_the_prefix_is_not_read() -> None:
    scope = scope_with(cookie="session=planted; __Host-session=ours")
    assert Cookies(secure=True).read(scope, "session") == "ours"
    assert Cookies(secure=True).read(scope_with(cookie="session=planted"), "session") is None
    assert Cookies(secure=False).read(scope, "session") == "planted"


def scope_with(**headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"headers": [(name.encode(), value.encode()) for name, value in names.items()]}


# Forms ------------------------------------------------------------------------------------------


def test_each_form_has_a_token_of_its_own_and_both_hold() -> None:
    browser = csrf.new_browser()
    one, other = csrf.token(b"key", browser), csrf.token(b"key", browser)
    assert one != other
    assert csrf.is_token(b"key", browser, one)
    assert csrf.is_token(b"key", browser, other)


@pytest.mark.parametrize("given", ["", "é" * 80, "0" * 15, "0" * 16, "0" * 80])
def test_anything_else_is_no_token(given: str) -> None:
    assert not csrf.is_token(b"key", csrf.new_browser(), given)


def test_a_token_is_one_browsers_and_one_keys() -> None:
    browser = csrf.new_browser()
    token = csrf.token(b"key", browser)
    assert not csrf.is_token(b"key", csrf.new_browser(), token)
    assert not csrf.is_token(b"another", browser, token)


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({}, False),
        ({"host": "a.test:8000", "origin": "http://a.test:8000"}, False),
        ({"host": "A.test", "origin": "https://a.TEST"}, False),
        ({"host": "a.test", "origin": "http://a.test:81"}, True),
        ({"origin": "http://a.test"}, True),
        ({"host": "a.test", "origin": "nonsense"}, True),
        ({"host": "a.test", "origin": "http://a.test", "sec_fetch_site": "cross-site"}, True),
        ({"host": "proxied", "origin": "http://a.test", "sec_fetch_site": "same-origin"}, False),
    ],
)
def test_what_the_browser_says_of_the_origin_is_believed(
    headers: dict[str, str], elsewhere: bool
) -> None:
    assert csrf.is_from_elsewhere(scope_with(**headers)) is elsewhere


# Days and sums ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "language", "said"),
    [
        (THURSDAY, "zh", "12月3日 周四"),
        (THURSDAY, "en", "Thu 3 Dec"),
        (date(2027, 1, 3), "zh", "2027年1月3日 周日"),
        (date(2027, 1, 3), "en", "Sun 3 Jan 2027"),
    ],
)
def test_a_day_is_said_with_its_weekday_and_with_a_year_that_is_not_this_one(
    day: date, language: Language, said: str
) -> None:
    assert format_day(day, language, TODAY) == said


def test_a_visit_is_said_with_its_period_and_its_times() -> None:
    assert format_visit(THURSDAY, "morning", "zh", TODAY) == "12月3日 周四 上午"
    assert format_visit(THURSDAY, "evening", "en", TODAY) == "Thu 3 Dec, evening"
    times = (time(8, 30), time(9))
    assert format_visit(THURSDAY, "morning", "zh", TODAY, *times) == "12月3日 周四 上午 08:30–09:00"


def test_a_moment_is_said_by_the_citys_clock() -> None:
    moment = datetime(2026, 12, 2, 15, 0, tzinfo=CITY_TIME)
    assert format_time(moment, "zh", TODAY) == "12月2日 周三 15:00"
    assert format_time(moment, "en", TODAY) == "Wed 2 Dec, 15:00"


@pytest.mark.parametrize(
    ("fen", "said"), [(8000, "¥80"), (8050, "¥80.50"), (5, "¥0.05"), (0, "¥0")]
)
def test_a_sum_is_said_in_yuan(fen: int, said: str) -> None:
    assert format_money(fen) == said


def test_every_type_of_document_has_its_name() -> None:
    assert {code: words.zh for code, words in ID_TYPE_WORDS.items()} == ID_TYPES
