"""The worker's process: background jobs, and what they send through."""

from __future__ import annotations

from guahao.errors import OperatorError
from guahao.flows.kernel.clocks import comparing_clocks
from guahao.flows.kernel.platform import Platform
from guahao.flows.messages.wechat import HELP_KEY
from guahao.flows.operations.observing import observing
from guahao.notices.gateway import Gateway
from guahao.notices.outbox import OutboxGateway
from guahao.notices.wechat import OfficialAccount, WeChatGateway, api_of
from guahao.settings import Settings, SettingsError
from guahao.web.monitoring.logs import set_up_logs
from guahao.wechat.api import Api, UnreachableError, WeChatError
from guahao.wiring import check_extras, open_platform, report_trail
from guahao.worker import run_worker


async def work(settings: Settings, url: str) -> None:
    """Run background jobs until stopped."""
    set_up_logs(settings.log_level, settings.security_log)
    async with open_platform(settings, url) as platform:
        await report_trail(platform)
        api = api_of(settings)
        try:
            async with comparing_clocks(platform.db), observing(platform):
                await run_worker(platform, _gateway(settings, platform), _wechat(platform, api))
        finally:
            if api is not None:
                await api.close()


async def create_wechat_menu(settings: Settings, url: str) -> None:
    """Replace the Official Account's menu if there is an account.

    Raises OperatorError where WeChat cannot be reached or refuses.
    """
    async with open_platform(settings, url) as platform:
        api = api_of(settings)
        if api is None:
            return
        try:
            await OfficialAccount(platform.db, platform.vault, api).create_menu(
                settings.public_base, HELP_KEY
            )
        except (UnreachableError, WeChatError) as error:
            raise OperatorError(str(error)) from None
        finally:
            await api.close()


def _wechat(platform: Platform, api: Api | None) -> Gateway | None:
    if api is None:
        return None
    settings = platform.settings
    account = OfficialAccount(platform.db, platform.vault, api)
    templates, base = settings.wechat_templates, settings.public_base
    return WeChatGateway(account, platform.db, platform.vault, templates, base)


def _gateway(settings: Settings, platform: Platform) -> Gateway:
    if settings.sms_gateway == "outbox":
        return OutboxGateway(platform.db, platform.vault)
    if settings.sms_gateway == "aliyun":
        return _aliyun(settings)
    raise SettingsError("GUAHAO_SMS_GATEWAY must be outbox or aliyun")


def _aliyun(settings: Settings) -> Gateway:
    check_extras(settings)
    from guahao.notices.aliyun import AliyunGateway, SmsAccess  # noqa: PLC0415 - of an extra

    access = SmsAccess(
        settings.aliyun_endpoint,
        settings.aliyun_access_key_id or "",
        settings.aliyun_access_key_secret or "",
        settings.aliyun_sign_name or "",
    )
    return AliyunGateway(access, settings.aliyun_templates)
