"""The door of the Official Account on WeChat: its callback, and logging in through it."""

from __future__ import annotations

from guahao.web.wechat.door import Door, Line
from guahao.web.wechat.routes import routes

__all__ = ["Door", "Line", "routes"]
