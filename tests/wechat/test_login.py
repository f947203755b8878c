"""Logging in through WeChat: the state is this browser's and serves once, as does the code;
an openid is bound to a phone once, by a one-time password."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.city import Clock, add_account, ask
from tests.wechat.official import OPENID, PUBLIC, SAFE, Official, location

from guahao.flows.messages.wechat import account_of, bind
from guahao.tools.stand_ins.wechat import OWNER
from guahao.web.framework.cookies import SESSION
from guahao.web.http.assets import asset_address
from guahao.web.http.tokens import Tokens
from guahao.web.http.wechat_link import LOGIN_SECONDS, bind_pending, pending_openid


class Browser:
    """Somebody's browser: keeps cookies, follows nothing by itself."""

    def __init__(self, official: Official) -> None:
        self.official = official
        self.client = official.client()

    async def begin(self, next_path: str = "/bookings") -> dict[str, str]:
        """Ask to log in; what WeChat's authorize page is asked."""
        answer = await self.client.get("/wechat/login", params={"next": next_path})
        parts = urlsplit(location(answer))
        assert parts.path == "/connect/oauth2/authorize"
        assert parts.fragment == "wechat_redirect"
        return {name: values[0] for name, values in parse_qs(parts.query).items()}

    async def authorize(self, openid: str = OWNER, next_path: str = "/bookings") -> dict[str, str]:
        """Go to WeChat; the code and the state that it sends back."""
        asked = await self.begin(next_path)
        back = urlsplit(self.official.stand_in.authorize(asked, openid))
        assert f"{back.scheme}://{back.netloc}{back.path}" == f"{PUBLIC}/wechat/return"
        return {name: values[0] for name, values in parse_qs(back.query).items()}

    async def come_back(self, query: dict[str, str], **more: str) -> httpx.Response:
        return await self.client.get("/wechat/return", params=query, headers=more)

    @property
    def account_id(self) -> int | None:
        """Who is logged in here."""
        kept = self.client.cookies.get(SESSION)
        platform = self.official.platform
        return None if kept is None else Tokens(platform).claims_in(kept).account_id

    @property
    def pending(self) -> str | None:
        """The WeChat user that waits here for the proof of a phone."""
        return pending_openid(self.official.platform, self.scope)

    @property
    def scope(self) -> Any:
        line = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        return {"headers": [(b"cookie", line.encode())]}


@pytest.fixture
def browser(official: Official) -> Browser:
    return Browser(official)


async def test_wechat_is_asked_silently_and_with_a_state_of_letters_and_digits(
    browser: Browser,
) -> None:
    first, second = await browser.begin(), await browser.begin()
    assert first["appid"] == SAFE.appid
    assert (first["scope"], first["response_type"]) == ("snsapi_base", "code")
    assert first["redirect_uri"] == f"{PUBLIC}/wechat/return"
    assert first["state"].isalnum()
    assert 20 <= len(first["state"]) <= 128
    assert first["state"] != second["state"]


async def test_whoever_is_bound_is_logged_in_without_a_one_time_password(browser: Browser) -> None:
    account_id = await add_account(browser.official.platform)
    await bind(browser.official.platform, OWNER, account_id)
    answer = await browser.come_back(await browser.authorize())
    assert location(answer) == "/bookings"
    assert browser.account_id == account_id
    assert browser.pending is None


async def test_whoever_is_not_bound_proves_a_phone_once(browser: Browser) -> None:
    platform = browser.official.platform
    answer = await browser.come_back(await browser.authorize())
    assert location(answer) == "/login?next=%2Fbookings"
    assert browser.account_id is None
    assert browser.pending == OWNER
    account_id = await add_account(platform)
    [(name, value)] = await bind_pending(platform, browser.scope, account_id)
    assert name == b"set-cookie"
    assert b"Max-Age=0" in value
    assert await account_of(platform, OWNER) == account_id
    again = Browser(browser.official)
    await again.come_back(await again.authorize())
    assert again.account_id == account_id


async def test_where_nothing_is_pending_nothing_is_bound(browser: Browser) -> None:
    platform = browser.official.platform
    account_id = await add_account(platform)
    assert await bind_pending(platform, browser.scope, account_id) == []
    assert await ask(platform, "SELECT count(*) FROM wechat_users") == [(0,)]


async def test_a_pending_user_is_forgotten_in_time(browser: Browser, clock: Clock) -> None:
    await browser.come_back(await browser.authorize())
    clock.forward(minutes=14)
    assert browser.pending == OWNER
    clock.forward(minutes=2)
    assert browser.pending is None


async def test_an_openid_is_bound_to_one_account_and_an_account_to_one_openid(
    official: Official,
) -> None:
    platform = official.platform
    first, second = await add_account(platform, 1), await add_account(platform, 2)
    await bind(platform, OPENID, first)
    await bind(platform, OPENID, second)
    assert await account_of(platform, OPENID) == second
    await bind(platform, OWNER, second)
    assert await account_of(platform, OPENID) is None
    assert await account_of(platform, OWNER) == second
    with pytest.raises(LookupError):
        await bind(platform, OWNER, 999)


# Misuse ---------------------------------------------------------------------------------------


async def refused(browser: Browser, query: dict[str, str]) -> None:
    """Assert that the browser is told to start again, and that nobody is logged in."""
    answer = await browser.come_back(query)
    assert answer.status_code == 403, answer.text
    assert "/wechat/login?next=" in answer.text
    assert browser.account_id is None
    assert browser.pending is None


async def test_a_state_of_another_browser_is_refused(browser: Browser) -> None:
    query = await browser.authorize()
    await refused(Browser(browser.official), query)
    other = Browser(browser.official)
    await other.begin()
    await refused(other, query)


@pytest.mark.parametrize(
    "change", [{"state": ""}, {"state": "0" * 32}, {"code": ""}, {"code": "%"}]
)
async def test_a_state_or_a_code_that_was_changed_is_refused(
    browser: Browser, change: dict[str, str]
) -> None:
    await refused(browser, {**await browser.authorize(), **change})


async def test_a_return_serves_once(browser: Browser) -> None:
    query = await browser.authorize()
    cookies = dict(browser.client.cookies)
    await browser.come_back(query)
    assert browser.pending == OWNER
    replaying = Browser(browser.official)
    replaying.client.cookies.update(cookies)
    calls = len(browser.official.stand_in.calls)
    await refused(replaying, query)
    await refused(replaying, {**query, "code": browser.official.stand_in.code_for(OWNER)})
    assert len(browser.official.stand_in.calls) == calls


async def test_a_code_that_was_used_is_refused_under_a_new_state(browser: Browser) -> None:
    first = await browser.authorize()
    await browser.come_back(first)
    other = Browser(browser.official)
    second = await other.authorize()
    await refused(other, {**second, "code": first["code"]})


async def test_a_code_that_wechat_does_not_know_is_refused(browser: Browser, clock: Clock) -> None:
    await refused(browser, {**await browser.authorize(), "code": "unknown"})
    query = await browser.authorize()
    clock.forward(seconds=301)
    await refused(browser, query)


async def test_a_login_that_took_too_long_is_refused(browser: Browser, clock: Clock) -> None:
    query = await browser.authorize()
    clock.forward(seconds=LOGIN_SECONDS)
    await refused(browser, query)


async def test_a_snapshot_s_passer_by_is_refused_and_told_how_to_go_on(browser: Browser) -> None:
    browser.official.stand_in.snapshot = True
    query = await browser.authorize()
    answer = await browser.come_back(query)
    assert answer.status_code == 403
    assert "使用完整服务" in answer.text
    assert browser.pending is None


async def test_whoever_cannot_be_told_apart_may_log_in_by_phone(browser: Browser) -> None:
    query = await browser.authorize()
    browser.official.stand_in.faults["/sns/oauth2/access_token"] = [40029]
    answer = await browser.come_back(query, **{"accept-language": "en"})
    assert answer.status_code == 403
    assert "start again" in answer.text
    assert "/login?next=%2Fbookings" in answer.text


async def test_a_failed_login_is_told_on_a_page_like_all_others(browser: Browser) -> None:
    browser.client.cookies.set("theme", "dark")
    answer = await browser.come_back({"state": "0" * 32, "code": "x"}, **{"accept-language": "en"})
    assert asset_address("tokens.css") in answer.text
    assert '<html lang="en" data-theme="dark">' in answer.text
    assert 'name="language" value="zh"' in answer.text
    assert "You're not logged in" in answer.text


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "evil",
        "/a\r\nSet-Cookie: x",
        "",
    ],
)
async def test_nobody_is_sent_elsewhere_after_the_login(browser: Browser, elsewhere: str) -> None:
    await bind(browser.official.platform, OWNER, await add_account(browser.official.platform))
    answer = await browser.come_back(await browser.authorize(next_path=elsewhere))
    assert location(answer) == "/"


async def test_the_cookies_are_sealed_and_no_script_s(browser: Browser) -> None:
    answer = await browser.client.get("/wechat/login")
    [header] = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    state = parse_qs(urlsplit(location(answer)).query)["state"][0]
    assert state not in header
    back = await browser.come_back(await browser.authorize())
    assert OWNER not in str(back.headers)


# Tabs and reloads -----------------------------------------------------------------------------


async def test_coming_back_twice_shows_whoever_is_logged_in_their_page(browser: Browser) -> None:
    account_id = await add_account(browser.official.platform)
    await bind(browser.official.platform, OWNER, account_id)
    query = await browser.authorize()
    await browser.come_back(query)
    for _ in range(2):
        assert location(await browser.come_back(query)) == "/bookings"
    assert browser.account_id == account_id


async def test_coming_back_twice_before_a_phone_is_proven_leads_to_the_login(
    browser: Browser,
) -> None:
    query = await browser.authorize()
    await browser.come_back(query)
    assert location(await browser.come_back(query)) == "/login?next=%2Fbookings"
    assert browser.pending == OWNER


async def test_two_tabs_log_in_side_by_side(browser: Browser) -> None:
    account_id = await add_account(browser.official.platform)
    await bind(browser.official.platform, OWNER, account_id)
    first = await browser.authorize(next_path="/bookings")
    second = await browser.authorize(next_path="/patients")
    spoilt = await browser.come_back({"state": "0" * 32, "code": "unknown"})
    assert spoilt.status_code == 403
    assert location(await browser.come_back(first)) == "/bookings"
    assert location(await browser.come_back(second)) == "/patients"
    assert browser.account_id == account_id


async def test_many_tabs_fit_into_the_cookie(browser: Browser) -> None:
    [*_, query] = [await browser.authorize(next_path="/" + "x" * 500) for _ in range(10)]
    kept = max(len(name) + len(value) for name, value in browser.client.cookies.items())
    assert kept < 4096
    assert (await browser.come_back(query)).status_code == 303
