"""The only file that knows every part: settings in, a running platform out."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from litestar import Litestar

from guahao.clock import city_clock
from guahao.embedded import EmbeddedServer
from guahao.flows.desk import Desk
from guahao.flows.platform import Platform
from guahao.flows.wechat import HELP_KEY
from guahao.identity_check.budget import BudgetedVerifier
from guahao.identity_check.demo import DemoVerifier
from guahao.identity_check.gateway import NoVerifier, RealNameVerifier
from guahao.jobs import run_worker
from guahao.notices.gateway import Gateway
from guahao.notices.outbox import OutboxGateway
from guahao.notices.wechat import OfficialAccount, WeChatGateway
from guahao.rules.limits import Policy
from guahao.settings import Settings, SettingsError, read_settings
from guahao.store.db import Database
from guahao.store.policy_book import PolicyBook
from guahao.store.vault import Vault
from guahao.web.app import create_app as web_app
from guahao.web.logs import set_up_logs
from guahao.web.tokens import Tokens
from guahao.web.wechat import Line
from guahao.wechat.api import Api
from guahao.wechat.callback import Callback

_DATABASE = "guahao"
_READERS = 6  # connections of a web process besides one a lane


@contextmanager
def owner_url(settings: Settings) -> Iterator[str]:
    """The database's URL as its owner; starts the embedded server where there is no URL.

    Whoever started the embedded server stops it again at the end.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = EmbeddedServer(settings.data_dir / "postgres")
    started = server.start()
    try:
        yield server.ensure_database(_DATABASE)
    finally:
        if started:
            server.stop()


def secret_key(settings: Settings) -> str:
    """The operator's key; in demo mode one that is made once and kept in the data folder."""
    if settings.secret_key is not None:
        return settings.secret_key
    kept = settings.data_dir / "secret-key"
    try:
        return kept.read_text(encoding="ascii")
    except FileNotFoundError:
        return _keep(kept, secrets.token_hex(32))


def _keep(path: Path, key: str) -> str:
    """Write the key for the owner's eyes only; where another process was first, take its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(key, encoding="ascii")
    try:
        os.link(draft, path)
    except FileExistsError:
        key = path.read_text(encoding="ascii")
    finally:
        draft.unlink()
    return key


def build_platform(settings: Settings, url: str, *, connections: int) -> Platform:
    """The platform over a database that is already migrated; not yet connected."""
    clock = city_clock(settings.clock_start, settings.clock_begun)
    database = Database(url, clock, max_size=connections)
    policies = PolicyBook(Policy(cancel_channels=settings.cancel_channels))
    return Platform(
        database,
        Vault(secret_key(settings)),
        policies,
        settings,
        verifier=_verifier(settings, database),
    )


@asynccontextmanager
async def open_platform(settings: Settings, url: str) -> AsyncIterator[Platform]:
    """A connected platform for one tool's work."""
    platform = build_platform(settings, url, connections=4)
    await platform.db.open()
    try:
        yield platform
    finally:
        await platform.db.close()


def create_app() -> Litestar:
    """The web application of one process, from the environment (Granian calls this)."""
    settings = read_settings(os.environ)
    set_up_logs(settings.log_level, settings.security_log)
    if settings.database_url is None:
        raise SettingsError("a web process needs GUAHAO_DATABASE_URL; `guahao serve` sets it")
    connections = settings.desk_lanes + _READERS
    platform = build_platform(settings, settings.database_url, connections=connections)
    desk = Desk(
        platform, lanes=settings.desk_lanes, batch=settings.desk_batch, queue=settings.desk_queue
    )

    line = _line(platform)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await platform.db.open()
        await desk.open()
        try:
            yield
        finally:
            await desk.close()
            await platform.db.close()
            if line is not None:
                await line.api.close()

    return web_app(platform, desk, [lifespan], line)


def token_issuer(platform: Platform) -> Callable[[int], str]:
    """Access tokens as a log-in gives them, for a bench's invented accounts."""
    return Tokens(platform.vault.key_for("tokens"), platform.db.clock).issue


async def work(settings: Settings, url: str) -> None:
    """Do background jobs until told to stop."""
    set_up_logs(settings.log_level, settings.security_log)
    async with open_platform(settings, url) as platform:
        api = _wechat_api(settings)
        try:
            await run_worker(platform, _gateway(settings, platform), _wechat(platform, api))
        finally:
            if api is not None:
                await api.close()


async def create_wechat_menu(settings: Settings, url: str) -> None:
    """Replace the Official Account's menu, where there is such an account."""
    async with open_platform(settings, url) as platform:
        api = _wechat_api(settings)
        if api is None:
            return
        try:
            await _account(platform, api).create_menu(settings.public_base, HELP_KEY)
        finally:
            await api.close()


def _line(platform: Platform) -> Line | None:
    """The web's line to WeChat, where there is an Official Account."""
    settings, api = platform.settings, _wechat_api(platform.settings)
    if api is None or settings.wechat_token is None or settings.wechat_appid is None:
        return None
    callback = Callback(settings.wechat_token, settings.wechat_appid, settings.wechat_aes_key)
    return Line(callback, api, _account(platform, api).send_text)


def _wechat_api(settings: Settings) -> Api | None:
    if settings.wechat_appid is None or settings.wechat_secret is None:
        return None
    return Api(settings.wechat_appid, settings.wechat_secret, settings.wechat_api_base)


def _account(platform: Platform, api: Api) -> OfficialAccount:
    return OfficialAccount(platform.db, platform.vault, api)


def _wechat(platform: Platform, api: Api | None) -> Gateway | None:
    if api is None:
        return None
    settings, account = platform.settings, _account(platform, api)
    templates, base = settings.wechat_templates, settings.public_base
    return WeChatGateway(account, platform.db, platform.vault, templates, base)


def _gateway(settings: Settings, platform: Platform) -> Gateway:
    if settings.sms_gateway == "outbox":
        return OutboxGateway(platform.db, platform.vault)
    if settings.sms_gateway == "aliyun":
        return _aliyun(settings)
    raise SettingsError("GUAHAO_SMS_GATEWAY must be outbox or aliyun")


def _verifier(settings: Settings, database: Database) -> RealNameVerifier:
    if settings.verifier == "none":
        return NoVerifier()
    if settings.verifier == "demo":
        return DemoVerifier()
    try:
        from guahao.identity_check.aliyun import Access, AliyunVerifier  # noqa: PLC0415 - an extra's
    except ModuleNotFoundError:
        raise SettingsError(
            "GUAHAO_IDENTITY_VERIFIER=aliyun needs the provider's SDK: pip install 'guahao[aliyun]'"
        ) from None
    access = Access(
        settings.identity_aliyun_endpoint,
        settings.identity_aliyun_access_key_id or "",
        settings.identity_aliyun_access_key_secret or "",
    )
    return BudgetedVerifier(AliyunVerifier(access), database, settings.identity_checks_per_day)


def _aliyun(settings: Settings) -> Gateway:
    try:
        from guahao.notices.aliyun import Access, AliyunGateway  # noqa: PLC0415 - an extra's
    except ModuleNotFoundError:
        raise SettingsError(
            "GUAHAO_SMS_GATEWAY=aliyun needs the provider's SDK: pip install 'guahao[aliyun]'"
        ) from None
    access = Access(
        settings.aliyun_endpoint,
        settings.aliyun_access_key_id or "",
        settings.aliyun_access_key_secret or "",
        settings.aliyun_sign_name or "",
    )
    return AliyunGateway(access, settings.aliyun_templates)
