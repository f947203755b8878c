"""Settings, read once from the environment. docs/SETTINGS.md lists every one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path

from guahao.rules.limits import CITY_TIME


class SettingsError(Exception):
    """A setting that cannot be right; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator decides. Limits are counts; `_seconds` and `_minutes` name units."""

    mode: str = "demo"
    database_url: str | None = None  # None: the embedded server in `data_dir`
    data_dir: Path = Path(".guahao")
    host: str = "127.0.0.1"
    port: int = 8000
    secret_key: str | None = None  # demo makes and keeps its own
    clock_start: datetime | None = None
    clock_begun: float | None = None  # set by `guahao up`, so that its processes agree
    web_workers: int = 1
    sms_gateway: str = "outbox"
    log_level: str = "info"
    cancel_channels: frozenset[str] = frozenset({"agent"})
    hotline: str = "114"
    desk_lanes: int = 3
    desk_batch: int = 128
    desk_queue: int = 4096
    otp_per_phone_hour: int = 5
    otp_per_address_hour: int = 20
    otp_total_minute: int = 3000
    lookups_per_code_day: int = 5
    lookups_per_caller_hour: int = 20
    lookups_total_minute: int = 600
    requests_per_address_minute: int = 600
    trusted_proxies: tuple[str, ...] = ()

    @property
    def demo(self) -> bool:
        """Demo mode: invented data, an outbox instead of SMS."""
        return self.mode == "demo"


_INTEGERS = {
    "port": (1, 65535),
    "web_workers": (1, 64),
    "desk_lanes": (1, 32),
    "desk_batch": (1, 1000),
    "desk_queue": (1, 1_000_000),
    "otp_per_phone_hour": (1, 1000),
    "otp_per_address_hour": (1, 1_000_000),
    "otp_total_minute": (1, 1_000_000),
    "lookups_per_code_day": (1, 1000),
    "lookups_per_caller_hour": (1, 1_000_000),
    "lookups_total_minute": (1, 1_000_000),
    "requests_per_address_minute": (1, 10_000_000),
}
_SECRET_CHARACTERS = 32
# The hotline always can (S14); the patient as well where the operator says so.
_LOG_LEVELS = ("debug", "info", "warning", "error")
_CANCEL_CHANNELS = (frozenset({"agent"}), frozenset({"agent", "patient"}))
_TEXTS = ("mode", "database_url", "host", "secret_key", "sms_gateway", "hotline", "log_level")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of `GUAHAO_*`; raises SettingsError on the first that is wrong."""
    given = {
        name.removeprefix("GUAHAO_").lower(): value
        for name, value in environ.items()
        if name.startswith("GUAHAO_") and value != ""
    }
    settings = Settings(
        **{name: given[name] for name in _TEXTS if name in given},  # type: ignore[arg-type]
        **{n: _integer(n, given[n], *b) for n, b in _INTEGERS.items() if n in given},  # type: ignore[arg-type]
        **_others(given),  # type: ignore[arg-type]
    )
    _check(settings)
    return settings


def _others(given: Mapping[str, str]) -> dict[str, object]:
    others: dict[str, object] = {}
    if "data_dir" in given:
        others["data_dir"] = Path(given["data_dir"])
    if "clock_start" in given:
        others["clock_start"] = _moment(given["clock_start"])
    if "clock_begun" in given:
        others["clock_begun"] = _seconds("clock_begun", given["clock_begun"])
    if "cancel_channels" in given:
        others["cancel_channels"] = frozenset(_words(given["cancel_channels"]))
    if "trusted_proxies" in given:
        others["trusted_proxies"] = _networks("trusted_proxies", given["trusted_proxies"])
    return others


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _networks(name: str, text: str) -> tuple[str, ...]:
    words = tuple(_words(text))
    try:
        for word in words:
            ip_network(word, strict=False)
    except ValueError:
        raise SettingsError(
            f"GUAHAO_{name.upper()} must be addresses or networks such as 10.0.0.1,10.1.0.0/16"
        ) from None
    return words


def _integer(name: str, text: str, low: int, high: int) -> int:
    if text.isascii() and text.isdigit() and low <= int(text) <= high:
        return int(text)
    raise SettingsError(f"GUAHAO_{name.upper()} must be a whole number from {low} to {high}")


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds):
        return seconds
    raise SettingsError(f"GUAHAO_{name.upper()} must be a number of Unix seconds")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            "GUAHAO_CLOCK_START must be an ISO time such as 2026-12-01T14:59:00"
        ) from None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=CITY_TIME)
    return moment.astimezone(CITY_TIME)


def _check(settings: Settings) -> None:
    if settings.mode not in ("demo", "production"):
        raise SettingsError("GUAHAO_MODE must be demo or production")
    if settings.log_level not in _LOG_LEVELS:
        raise SettingsError("GUAHAO_LOG_LEVEL must be debug, info, warning or error")
    if settings.cancel_channels not in _CANCEL_CHANNELS:
        raise SettingsError("GUAHAO_CANCEL_CHANNELS must be agent, or agent,patient")
    if settings.demo:
        return
    if settings.secret_key is None or len(settings.secret_key) < _SECRET_CHARACTERS:
        raise SettingsError(
            "production needs its own GUAHAO_SECRET_KEY of at least"
            f" {_SECRET_CHARACTERS} characters, for example from: openssl rand -hex 32"
        )
    if settings.sms_gateway == "outbox":
        raise SettingsError(
            "production cannot send through the demo outbox: set GUAHAO_SMS_GATEWAY"
        )
    if settings.clock_start is not None:
        raise SettingsError("GUAHAO_CLOCK_START is for the demo; production keeps real time")
