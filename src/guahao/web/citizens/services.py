"""The services that citizens' pages use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from guahao.flows.booking.desk import Desk
from guahao.flows.kernel.platform import Platform
from guahao.web.framework.cookies import Cookies
from guahao.web.http.limits import Callers
from guahao.web.http.tokens import Tokens
from guahao.web.words.replies import Replies


@dataclass(frozen=True)
class Services:
    """The services that handlers use: platform, booking desk, replies, tokens and callers."""

    platform: Platform
    desk: Desk
    replies: Replies
    tokens: Tokens
    callers: Callers

    @cached_property
    def cookies(self) -> Cookies:
        """Return the cookies, which are sent over TLS only, except in the demo."""
        return Cookies(secure=not self.platform.settings.demo)

    @cached_property
    def csrf_key(self) -> bytes:
        """Return the key that form tokens are signed with."""
        return self.platform.vault.key_for("csrf")

    @cached_property
    def proof_key(self) -> bytes:
        """Return the key that signs the challenges before one-time passwords."""
        return self.platform.vault.key_for("altcha")
