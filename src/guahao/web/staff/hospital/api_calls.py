"""Why a call of a hospital's system was refused, in words: for its scheduler and administrators."""

from __future__ import annotations

from guahao.rules.integration.clients import AccessRefusal
from guahao.web.staff.page import StaffPage
from guahao.web.words.replies import REPLIES


def why_words(page: StaffPage, why: str) -> str:
    """Return a code of the log in words; what has none stays as it is."""
    own = {
        AccessRefusal.SECRET_WRONG: page.say("密钥不对"),
        AccessRefusal.SECRET_EXPIRED: page.say("密钥已过期"),
        "invalid_request": page.say("令牌请求有误"),
        "invalid_scope": page.say("申请了没有的权限"),
        "unsupported_grant_type": page.say("授权方式不支持"),
    }
    if why in own:
        return own[why]
    return REPLIES[why].title.of(page.language) if why in REPLIES else why
