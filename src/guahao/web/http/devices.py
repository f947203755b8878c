"""The label of a log-in's device, by which its owner recognizes it in a list."""

from __future__ import annotations

import re

from litestar.types import Scope

from guahao.web.http.reading import header

# The order matters: an app's browser also names the browser that it is based on.
_APPS = (
    ("MicroMessenger", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("AlipayClient", "Alipay"),
    ("QQBrowser", "QQ Browser"),
    ("UCBrowser", "UC Browser"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("MiuiBrowser", "Mi Browser"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[\w.+-]{1,30}(/[\w.+-]{1,20})?", re.ASCII)


def label_of(scope: Scope) -> str:
    """Return browser and system, such as "Chrome · Android", or a program's own name, or ""."""
    agent = (header(scope, b"user-agent") or b"").decode("latin-1")
    app = next((name for word, name in _APPS if word in agent), None)
    system = next((name for word, name in _SYSTEMS if word in agent), None)
    found = [name for name in (app, system) if name is not None]
    if found:
        return " · ".join(found)
    product = _PRODUCT.match(agent)
    return product[0] if product else ""
