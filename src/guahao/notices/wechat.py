"""Outgoing by WeChat: template messages beside the SMS, the menu, late answers.

All processes share an access token, stored sealed in PostgreSQL. The first process that needs it
renews it before it expires, and once if WeChat reports that it has expired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import structlog

from guahao.notices.gateway import Failed, Gateway, Outcome, OutgoingMessage, Sent, Unknown
from guahao.settings import Settings, WeChatTemplate
from guahao.store.kernel.db import Database
from guahao.store.kernel.vault import Vault
from guahao.store.messages import wechat as store
from guahao.wechat.api import (
    TOKEN_EXPIRED,
    Api,
    Button,
    Template,
    UnreachableError,
    WeChatError,
)

# From so long before its end on, WeChat hands out the next token; the old one still serves.
RENEWED_BEFORE_SECONDS = 300
_NOT_FOLLOWING = frozenset({43004, 43019})
# Busy, too many calls at once, too many today: another time. Anything else WeChat says of a
# message, it will say again.
_NOT_NOW = frozenset({-1, 45009, 45011})
_KEYS_KNOWN = timedelta(minutes=9)  # ten, and one to send in
# How much of a value a field of this type takes, in characters.
_LONGEST = {"thing": 20, "character_string": 32, "phrase": 5, "name": 10}

log = structlog.get_logger(__name__)


def api_of(settings: Settings) -> Api | None:
    """Return the API of the city's Official Account, where there is one."""
    if settings.wechat_appid is None or settings.wechat_secret is None:
        return None
    return Api(settings.wechat_appid, settings.wechat_secret, settings.wechat_api_base)


class OfficialAccount:
    """Calls to WeChat's API under the one access token of all processes."""

    def __init__(self, db: Database, vault: Vault, api: Api) -> None:
        self._db = db
        self._vault = vault
        self._api = api
        self._appid = api.appid
        self._renewing = asyncio.Lock()

    async def create_menu(self, public_base: str, help_key: str) -> None:
        """Replace the account's menu; raises WeChatError or UnreachableError."""
        login = f"{public_base}/wechat/login?next="
        buttons = [
            Button("预约挂号", "view", url=f"{login}/"),
            Button("我的挂号", "view", url=f"{login}/bookings"),
            Button("帮助", "click", key=help_key),
        ]
        await self._call(lambda token: self._api.create_menu(token, buttons))

    async def send_template(self, message: Template) -> None:
        """Send a template message; raises WeChatError or UnreachableError."""
        await self._call(lambda token: self._api.send_template(token, message))

    async def send_text(self, openid: str, text: str) -> None:
        """Send a customer-service message; raises WeChatError or UnreachableError."""
        await self._call(lambda token: self._api.send_text(token, openid, text))

    async def _call(self, action: Callable[[str], Awaitable[None]]) -> None:
        token = await self.access_token()
        try:
            await action(token)
        except WeChatError as error:
            if error.code not in TOKEN_EXPIRED:
                raise
            await action(await self.access_token(refused=token))

    async def access_token(self, refused: str | None = None) -> str:
        """Return the token to call with; another than `refused`, which WeChat no longer takes."""
        kept = await self._kept(refused)
        if kept is not None:
            return kept
        # One of this process at a time, so that those who wait hold no connection.
        async with self._renewing:
            return await self._kept(refused) or await self._renewed(refused)

    async def _kept(self, refused: str | None) -> str | None:
        async with self._db.transaction() as tx:
            kept = await store.access_token(tx, self._vault, self._appid)
        return None if kept == refused else kept

    async def _renewed(self, refused: str | None) -> str:
        # WeChat is asked under the lock: where two made it issue a token, the first one's would
        # be void at once. The call ends within seconds, and who waits has nothing else to do.
        async with self._db.transaction() as tx:
            await store.lock_access_token(tx, self._appid)
            kept = await store.access_token(tx, self._vault, self._appid)
            if kept is not None and kept != refused:
                return kept
            token = await self._api.stable_token(force=False)
            if token.value == refused:
                token = await self._api.stable_token(force=True)
            early = min(RENEWED_BEFORE_SECONDS, token.seconds // 10)
            renew_at = tx.now + timedelta(seconds=token.seconds - early)
            await store.save_access_token(tx, self._vault, self._appid, token.value, renew_at)
            return token.value


class WeChatGateway(Gateway):
    """Sends template messages. `templates` by the kind of message."""

    def __init__(
        self,
        account: OfficialAccount,
        db: Database,
        vault: Vault,
        templates: Mapping[str, WeChatTemplate],
        public_base: str,
    ) -> None:
        self._account = account
        self._db = db
        self._vault = vault
        self._templates = templates
        self._bookings = f"{public_base}/wechat/login?next=/bookings"

    async def send(self, outgoing: OutgoingMessage) -> Outcome:
        """Send a message under its own key; tapping it opens the booking."""
        template = self._templates.get(outgoing.kind)
        if template is None:
            return Failed(permanent=True)
        booking = "" if outgoing.appointment_id is None else f"/{outgoing.appointment_id}"
        message = Template(
            outgoing.to,
            template.id,
            self._bookings + booking,
            _filled(template, outgoing.params),
            outgoing.key,
        )
        try:
            await self._account.send_template(message)
        except UnreachableError as error:
            return Unknown() if error.asked else Failed(permanent=False)
        except WeChatError as error:
            return await self._refused(error.code, outgoing)
        return Sent()

    async def look_up(self, key: str, to: str, first_tried: timedelta) -> Outcome | None:  # noqa: ARG002 - a gateway's
        """Return None for ten minutes, in which WeChat drops a repeated key; it cannot be asked.

        Later the message is given up rather than sent twice: the SMS says the same.
        """
        return None if first_tried < _KEYS_KNOWN else Failed(permanent=True)

    async def _refused(self, code: int, outgoing: OutgoingMessage) -> Failed:
        if code in _NOT_FOLLOWING:
            async with self._db.transaction() as tx:
                await store.set_follows(tx, self._vault, outgoing.to, tx.now, follows=False)
            return Failed(permanent=True)
        # An operator must look: the day's allowance is used up, or a template is wrong.
        log.warning("wechat_refused", errcode=code, kind=outgoing.kind)
        return Failed(permanent=code not in _NOT_NOW and code not in TOKEN_EXPIRED)


def _filled(template: WeChatTemplate, params: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the template's fields with our values, each as long as its type allows.

    A value that this message has none of is a dash: an empty one would be refused (47003).
    """
    fields = template.fields or {name: name for name in params}
    return {name: {"value": _cut(name, params.get(ours) or "-")} for name, ours in fields.items()}


def _cut(field: str, value: str) -> str:
    longest = _LONGEST.get(field.rstrip("0123456789"))
    flat = " ".join(value.split())
    if longest is None or len(flat) <= longest:
        return flat
    return flat[: longest - 1] + "…"
