"""What the door works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from litestar.types import Scope

from guahao.flows.kernel.platform import Platform
from guahao.wechat.api import Api
from guahao.wechat.callback import Callback


@dataclass(frozen=True, slots=True)
class Connection:
    """The line to WeChat. `follow_up` sends a text to an openid, after a late answer."""

    callback: Callback
    api: Api
    follow_up: Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Services:
    """The platform behind, WeChat before.

    `log_in` gives the header that logs an account in; `is_logged_in` tells whether a browser is.
    """

    platform: Platform
    connection: Connection
    log_in: Callable[[Scope, int], Awaitable[tuple[bytes, bytes]]]
    is_logged_in: Callable[[Scope], Awaitable[bool]]

    @property
    def base(self) -> str:
        """What the addresses of the platform's pages begin with."""
        return self.platform.settings.public_base
