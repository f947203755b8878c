"""The services that WeChat's routes use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from litestar.types import Scope

from guahao.flows.kernel.platform import Platform
from guahao.rules.kernel.outcomes import Refusal, Refused
from guahao.web.http.answers import Answer
from guahao.web.http.reading import ApiRequest
from guahao.web.words.replies import Replies
from guahao.wechat.api import Api
from guahao.wechat.callback import Callback
from guahao.words.catalogue import Language
from guahao.words.text import Words


@dataclass(frozen=True, slots=True)
class WechatConnection:
    """The connection to WeChat. `follow_up` sends a text to an openid when a reply is late."""

    callback: Callback
    api: Api
    follow_up: Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """The platform, its replies, the connection to WeChat, and logging in.

    `log_in` returns the header that logs an account in; `is_logged_in` checks a browser's cookie.
    `failed_page` returns the page of a log-in that failed: status, sentence, and the path to
    continue at after the next.
    """

    platform: Platform
    replies: Replies
    connection: WechatConnection
    log_in: Callable[[Scope, int], Awaitable[tuple[bytes, bytes]]]
    is_logged_in: Callable[[Scope], Awaitable[bool]]
    failed_page: Callable[[ApiRequest, int, Words, str], Answer]

    def refused_text(self, refused: Refused[Refusal], language: Language) -> str:
        """Return the sentence of a refused booking."""
        return self.replies.refused(refused, language).detail

    @property
    def base(self) -> str:
        """Return the base URL of the platform's pages."""
        return self.platform.settings.public_base
