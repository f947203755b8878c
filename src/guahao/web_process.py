"""A web process: the application of its environment, which Granian serves."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from litestar import Litestar

from guahao.flows.booking.desk import LANES_BESIDES, Desk
from guahao.flows.kernel.clocks import comparing_clocks
from guahao.flows.kernel.hashing import nobodys_hash
from guahao.flows.kernel.platform import Platform
from guahao.flows.operations.observing import observing
from guahao.notices.wechat import OfficialAccount, api_of
from guahao.processes import end_with
from guahao.settings import SettingsError, read_settings
from guahao.store.kernel.db import DatabaseState
from guahao.store.kernel.pulse import Pulse
from guahao.web.app import create_app as web_app
from guahao.web.http.tokens import PAGES_SECONDS, Tokens
from guahao.web.monitoring.logs import set_up_logs
from guahao.web.wechat import WechatConnection
from guahao.wechat.callback import Callback
from guahao.wiring import build_platform, check_roles, report_trail

_READERS = 6  # connections of a web process besides those of the lanes
_CONNECTION_SECONDS = 4.0  # at most for a connection, as a request is answered within five


def create_app() -> Litestar:
    """Return the web application of this process, from the environment (called by Granian)."""
    settings = read_settings(os.environ)
    set_up_logs(settings.log_level, settings.security_log)
    nobodys_hash()  # not at the first log-in without an account, which would take longer
    if (parent := multiprocessing.parent_process()) is not None and parent.pid is not None:
        end_with(parent.pid)
    if settings.database_url is None:
        raise SettingsError("a web process needs GUAHAO_DATABASE_URL; `guahao serve` sets it")
    platform = build_platform(
        settings,
        settings.database_url,
        connections=settings.desk_lanes + LANES_BESIDES + _READERS,
        kept_for_desk=settings.desk_lanes + LANES_BESIDES,
        wait_seconds=_CONNECTION_SECONDS,
    )
    desk = Desk(
        platform, lanes=settings.desk_lanes, batch=settings.desk_batch, queue=settings.desk_queue
    )

    connection = _wechat_connection(platform)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await platform.db.open(may_begin_away=True)
        await check_roles(platform)
        await platform.db.compare_clocks()
        # A replica may lag behind the entry that was recorded outside.
        if platform.db.state is DatabaseState.ALIVE:
            await report_trail(platform)
        await desk.open()
        try:
            async with (
                Pulse(platform.db).kept(),
                comparing_clocks(platform.db),
                observing(platform, desk),
            ):
                yield
        finally:
            await desk.close()
            await platform.db.close()
            if connection is not None:
                await connection.api.close()

    return web_app(platform, desk, [lifespan], connection)


def token_issuer(platform: Platform) -> Callable[[int], str]:
    """Return an issuer of access tokens for a bench's invented accounts."""
    tokens = Tokens(platform)
    return lambda account_id: tokens.issue(account_id, account_id, PAGES_SECONDS)


def _wechat_connection(platform: Platform) -> WechatConnection | None:
    """Return the web's line to WeChat, where there is an Official Account."""
    settings, api = platform.settings, api_of(platform.settings)
    if api is None or settings.wechat_token is None or settings.wechat_appid is None:
        return None
    callback = Callback(settings.wechat_token, settings.wechat_appid, settings.wechat_aes_key)
    return WechatConnection(
        callback, api, OfficialAccount(platform.db, platform.vault, api).send_text
    )
