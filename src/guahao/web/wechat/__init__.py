"""The Official Account on WeChat: its callback, and logging in through WeChat."""

from __future__ import annotations

from guahao.web.wechat.routes import routes
from guahao.web.wechat.services import Services, WechatConnection

__all__ = ["Services", "WechatConnection", "routes"]
