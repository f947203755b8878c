"""What every page works with."""

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
    """The platform and the desk behind, the words and the tokens before."""

    platform: Platform
    desk: Desk
    replies: Replies
    tokens: Tokens
    callers: Callers

    @cached_property
    def cookies(self) -> Cookies:
        """Over TLS only, except in the demo."""
        return Cookies(secure=not self.platform.settings.demo)

    @cached_property
    def csrf_key(self) -> bytes:
        """What forms are signed with."""
        return self.platform.vault.key_for("csrf")

    @cached_property
    def proof_key(self) -> bytes:
        """What challenges are signed with before a one-time password is sent."""
        return self.platform.vault.key_for("altcha")
