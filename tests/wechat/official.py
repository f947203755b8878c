"""An Official Account to test with: what WeChat sends it, and what its users see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count

import httpx
from tests.city import Clock, open_platform
from tests.crowd import open_desk
from tests.web.site import Site

from guahao.notices.wechat import OfficialAccount, WeChatGateway
from guahao.rules.kernel.limits import Policy
from guahao.settings import Settings, WeChatTemplate
from guahao.tools.stand_ins.wechat import Account, Bubble, StandIn
from guahao.web.app import create_app
from guahao.web.wechat import WechatConnection
from guahao.wechat.api import Api
from guahao.wechat.callback import Callback
from guahao.wechat.xml import Fields

SAFE = Account("wxba5fad812f8e6fb9", "the account's secret", "AAAAA", "A" * 43)
PLAIN = replace(SAFE, aes_key=None)
PUBLIC = "https://guahao.example.cn"
TEMPLATES = {"T-booked": ("thing1", "character_string2"), "T-stopped": ("visit",)}
OPENID = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"

_msg_ids = count(1)


@dataclass(frozen=True)
class Official(Site):
    """The site with an Official Account, WeChat's stand-in, and a clock for both."""

    account: Account
    stand_in: StandIn
    clock: Clock
    outgoing: OfficialAccount

    @property
    def gateway(self) -> WeChatGateway:
        settings, platform = self.platform.settings, self.platform
        return WeChatGateway(
            self.outgoing, platform.db, platform.vault, settings.wechat_templates, PUBLIC
        )

    async def send(self, fields: Fields, **more: str | int) -> Bubble | None:
        """A message as WeChat sends it; what its sender then sees."""
        query, body = self.account.request({**fields, **more}, self.clock().timestamp())
        answer = await self.post("/wechat", params=query, content=body)
        assert answer.status_code == 200, answer.text
        return self.account.reply(answer.text)

    async def say(self, words: str, openid: str = OPENID) -> str:
        """A text and what it is answered, in words."""
        shown = await self.send(self.text(words, openid))
        assert shown is not None
        assert shown.text
        return shown.text

    def text(self, words: str, openid: str = OPENID) -> dict[str, str | int]:
        """A text message that was never sent before."""
        return {
            **self._addressed(openid),
            "MsgType": "text",
            "Content": words,
            "MsgId": next(_msg_ids),
        }

    def event(self, event: str, key: str = "", openid: str = OPENID) -> dict[str, str | int]:
        """An event of now."""
        return {**self._addressed(openid), "MsgType": "event", "Event": event, "EventKey": key}

    def _addressed(self, openid: str) -> dict[str, str | int]:
        created = int(self.clock().timestamp())
        return {"ToUserName": "gh_city", "FromUserName": openid, "CreateTime": created}

    async def refused(self, query: dict[str, str], body: bytes) -> None:
        """Assert that a message is refused, and that nothing at all changed."""
        before = await self.traces()
        answer = await self.post("/wechat", params=query, content=body)
        assert answer.status_code == 403, answer.text
        assert await self.traces() == before

    async def traces(self) -> list[object]:
        """Whatever a message leaves behind in the database."""
        async with self.platform.db.transaction() as tx:
            return [
                await tx.rows("SELECT * FROM wechat_seen ORDER BY key_index"),
                await tx.rows("SELECT * FROM wechat_users ORDER BY id"),
                await tx.rows("SELECT * FROM throttle_counts ORDER BY scope, subject"),
                await tx.rows("SELECT * FROM messages ORDER BY id"),
            ]


@asynccontextmanager
async def open_official(
    url: str, clock: Clock, stand_in: StandIn, policy: Policy | None = None
) -> AsyncIterator[Official]:
    """A site of an account that the stand-in plays WeChat for."""
    account = stand_in.account
    settings = Settings(
        public_url=PUBLIC,
        wechat_appid=account.appid,
        wechat_secret=account.secret,
        wechat_token=account.token,
        wechat_aes_key=account.aes_key,
        wechat_api_base=stand_in.url,
        wechat_templates={
            "booked": WeChatTemplate("T-booked", {"thing1": "visit", "character_string2": "code"}),
            "stopped": WeChatTemplate("T-stopped", {}),
            "cancelled": WeChatTemplate("T-unknown", {}),
        },
    )
    async with (
        open_platform(url, clock, settings=settings, policy=policy) as platform,
        open_desk(platform) as desk,
    ):
        api = Api(account.appid, account.secret, stand_in.url)
        outgoing = OfficialAccount(platform.db, platform.vault, api)
        callback = Callback(account.token, account.appid, account.aes_key)
        app = create_app(
            platform, desk, wechat_connection=WechatConnection(callback, api, outgoing.send_text)
        )
        try:
            yield Official(app, platform, account, stand_in, clock, outgoing)
        finally:
            await api.close()


def location(answer: httpx.Response) -> str:
    """Where an answer sends the browser."""
    assert answer.status_code in (302, 303), answer.text
    return answer.headers["location"]
