"""Settings, read once from the environment. docs/SETTINGS.md lists every one."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import partial
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_origin, get_type_hints

import msgspec
from msgspec import Meta
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from guahao.brand import BrandError, Mark, checked_colour, checked_name, read_mark
from guahao.errors import OperatorError
from guahao.rules.fairness.beacon import QUICKNET, SCHEME, Beacon, Drand
from guahao.rules.fairness.witnessing import CHAIN_MAX, Witness
from guahao.rules.kernel.limits import CITY_TIME
from guahao.rules.kernel.retention import RETENTIONS


class SettingsError(OperatorError):
    """A setting that cannot be right; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class WeChatTemplate:
    """A template message of the Official Account: which of our values fills each field.

    No fields: the template's fields have our own names.
    """

    id: str
    fields: dict[str, str]


DEMO_PLACE: dict[str, str | None] = {"city": "安澜市", "state": "示例省", "postalCode": "990100"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator decides. Limits are counts; `_seconds` and `_minutes` name units."""

    mode: str = "demo"
    database_url: str | None = None  # None: the embedded server in `data_dir`
    database_owner_url: str | None = None  # who migrates; the demo may have one URL for both
    database_read_url: str | None = None  # replicas, read while no primary answers
    backup_dir: Path | None = None  # base backups and the archived log
    backup_url: str | None = None  # a login with REPLICATION; the demo's owner serves as well
    backup_generations: Annotated[int, Meta(ge=1, le=1000)] = 7
    backup_scratch_dir: Path | None = None  # None: in `backup_dir`
    backup_restore_command: str | None = None  # restores for `guahao backup verify`
    postgres_bin: Path | None = None  # None: looked for
    database_network: str = "open"  # private: its connections need no TLS
    database_pooling: str = "session"  # transaction: by a pooler that changes servers in between
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int | None, Meta(ge=1, le=65535)] = (
        None  # None: with the pages in a demo, else nowhere
    )
    data_dir: Path = Path(".guahao")
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    secret_key: str | None = None  # demo makes and keeps its own
    secret_keys_old: tuple[str, ...] = field(default=(), repr=False)  # until rotated away
    clock_start: datetime | None = None
    clock_begun: float | None = None  # set by `guahao up`, so that its processes agree
    clock_tolerance_seconds: Annotated[int, Meta(ge=1, le=60)] = (
        2  # off the database's clock, beyond which nothing is done
    )
    web_workers: Annotated[int, Meta(ge=1, le=64)] = 1
    public_cache_mb: Annotated[int, Meta(ge=1, le=4096)] = 32  # of each web process
    standbys: Annotated[int, Meta(ge=0, le=8)] = 0  # synchronous ones that the database is run with
    disk_free_percent: Annotated[int, Meta(ge=1, le=99)] = 15  # below, `guahao doctor` warns
    sms_gateway: str = "outbox"
    log_level: str = "info"
    security_log: Path | None = None  # None: standard error
    trail_file: Path | None = None  # where the end of the audit trail is written every minute
    trail_syslog: str | None = None
    cancel_channels: frozenset[str] = frozenset({"agent"})
    hotline: str = "114"
    call_centre_hours: tuple[time, time] = (time(8), time(20))  # in which it calls people back
    map_link: str = "geo:{latitude},{longitude}?q={latitude},{longitude}({name})"
    desk_lanes: Annotated[int, Meta(ge=1, le=32)] = 2
    desk_batch: Annotated[int, Meta(ge=1, le=1000)] = 128
    desk_queue: Annotated[int, Meta(ge=1, le=1_000_000)] = 4096
    retention_days: Mapping[str, int] = field(default_factory=dict)  # by kind
    otp_per_phone_hour: Annotated[int, Meta(ge=1, le=1000)] = 5
    otp_per_address_hour: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    otp_total_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 3000
    otp_unproven_per_address_hour: Annotated[int, Meta(ge=1, le=1_000_000)] = 5
    otp_unproven_total_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 60
    confirm_after_days: Annotated[int, Meta(ge=1, le=3650)] = (
        90  # without use; a phone number may have a new holder
    )
    lookups_per_code_day: Annotated[int, Meta(ge=1, le=1000)] = 5
    lookups_per_caller_hour: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    lookups_total_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 600
    requests_per_address_minute: Annotated[int, Meta(ge=1, le=10_000_000)] = 3000
    requests_per_network_minute: Annotated[int, Meta(ge=1, le=100_000_000)] = 60_000
    searches_per_address_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 600
    searches_per_network_minute: Annotated[int, Meta(ge=1, le=10_000_000)] = 12_000
    shared_networks: tuple[str, ...] = ()  # many people behind each address
    bookings_per_account_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 30
    bookings_per_account_hour: Annotated[int, Meta(ge=1, le=1_000_000)] = 120
    bookings_per_address_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 600
    bookings_per_network_minute: Annotated[int, Meta(ge=1, le=10_000_000)] = 6000
    places_per_address_10_minutes: Annotated[int, Meta(ge=1, le=1_000_000)] = 30
    places_per_network_10_minutes: Annotated[int, Meta(ge=1, le=10_000_000)] = 1000
    registrations_per_account_day: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    registrations_per_address_hour: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    registrations_per_network_hour: Annotated[int, Meta(ge=1, le=10_000_000)] = 1000
    header_seconds: Annotated[int, Meta(ge=1, le=300)] = 10
    body_idle_seconds: Annotated[int, Meta(ge=1, le=300)] = 10
    body_total_seconds: Annotated[int, Meta(ge=1, le=3600)] = (
        60  # and more for a large body, by its length
    )
    bodies_per_address: Annotated[int, Meta(ge=1, le=100_000)] = (
        64  # half received at once, in one process
    )
    staff_idle_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30
    staff_absolute_hours: Annotated[int, Meta(ge=1, le=168)] = 12
    staff_password_hours: Annotated[int, Meta(ge=1, le=720)] = (
        72  # how long a temporary password holds
    )
    trusted_proxies: tuple[str, ...] = ()
    hospital_calls_per_minute: Annotated[int, Meta(ge=1, le=1_000_000)] = 600
    client_certificate_header: str = "x-client-certificate-sha256"  # set by a trusted proxy alone
    webhook_networks: tuple[str, ...] = ()  # beside public addresses
    aliyun_endpoint: str = "https://dysmsapi.aliyuncs.com"
    aliyun_access_key_id: str | None = None
    aliyun_access_key_secret: str | None = None
    aliyun_sign_name: str | None = None
    aliyun_templates: Mapping[str, str] = field(default_factory=dict)  # codes by kind
    aliyun_receipt_token: str | None = None  # None: no receipts are taken
    identity_verifier: str | None = None  # production chooses; see `verifier`
    identity_checks_per_day: Annotated[int, Meta(ge=1, le=10_000_000)] = 20_000
    identity_aliyun_endpoint: str = "https://cloudauth.aliyuncs.com"
    identity_aliyun_access_key_id: str | None = None
    identity_aliyun_access_key_secret: str | None = None
    service_name: str | None = None  # of the citizens' pages; None: 预约挂号
    service_name_en: str | None = None
    brand_colour: str | None = None  # None: the platform's own
    brand_mark: Mark | None = field(default=None, repr=False)
    city: str | None = None  # of all hospitals, for addresses in the open supply
    province: str | None = None
    postal_code: str | None = None
    public_url: str | None = None  # None: where this process listens
    fairness_witnesses: tuple[Witness, ...] = ()  # outside keepers of values for draws
    fairness_drand: Drand | None = None  # a public source of values for draws
    wechat_appid: str | None = None  # None: there is no Official Account
    wechat_secret: str | None = None
    wechat_token: str | None = None
    wechat_aes_key: str | None = None  # safe mode where it is set
    wechat_api_base: str = "https://api.weixin.qq.com"
    wechat_templates: Mapping[str, WeChatTemplate] = field(default_factory=dict)  # by kind

    @property
    def demo(self) -> bool:
        """Return whether this is the demo: invented data, an outbox instead of SMS."""
        return self.mode == "demo"

    @property
    def place(self) -> dict[str, str | None]:
        """Return what hospitals' addresses end with, by FHIR's names; the demo's is invented."""
        own = {"city": self.city, "state": self.province, "postalCode": self.postal_code}
        return DEMO_PLACE | {k: v for k, v in own.items() if v} if self.demo else own

    @property
    def verifier(self) -> str:
        """Return who checks real names: aliyun, demo or none."""
        return self.identity_verifier or ("demo" if self.demo else "none")

    @property
    def public_base(self) -> str:
        """Return what the platform's own pages begin with, for links that leave it."""
        return self.public_url or f"http://{self.host}:{self.port}"


_SECRET_CHARACTERS = 32
_SECRET_BITS = 90  # by its characters' frequencies; 32 random hex digits have about 110
_DATABASE_URLS = ("database_url", "database_owner_url", "database_read_url", "backup_url")
_HOST = re.compile(r"[A-Za-z0-9._:%-]*|/[^@]*|@[^@]+")  # a name, an address, a socket's folder
_KEY_WORDS = ("changeme", "example", "guahao", "password", "secret", "default", "test")
_ENCRYPTED = ("require", "verify-ca", "verify-full")
# The hotline always can (S14); the patient as well where the operator says so.
_LOG_LEVELS = ("debug", "info", "warning", "error")
_CANCEL_CHANNELS = (frozenset({"agent"}), frozenset({"agent", "patient"}))
_POSTAL_CODE = re.compile(r"[0-9]{6}")
_POOLING = re.compile("session|transaction")
_VERIFIERS = ("aliyun", "demo", "none")
_BASE_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/?")
_SYSLOG = re.compile(r"(?:udp|tcp)://[A-Za-z0-9.\[\]:-]+|/[!-~]+")
_LIKE_SYSLOG = "like udp://10.0.0.5:514, tcp://10.0.0.5:601 or /dev/log"
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_RECEIPT_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")
_AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")
_BEACON_NAME = re.compile(r"[a-z0-9-]{1,40}")
# Over HTTPS, but for a relay on this machine.
_RELAY = r"^(https://[A-Za-z0-9.:/_-]{1,250}|http://127\.0\.0\.1:[0-9]{1,5})$"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings of `GUAHAO_*`; an empty one counts as not set.

    Raises SettingsError on the first that is wrong.
    """
    given = {
        name.removeprefix("GUAHAO_").lower(): value
        for name, value in environ.items()
        if name.startswith("GUAHAO_") and value != ""
    }
    values: dict[str, Any] = {}
    for name, kind in get_type_hints(Settings, include_extras=True).items():
        if name not in given:
            continue
        if name in _READERS:
            values[name] = _READERS[name](given[name])
        elif get_origin(kind) is Annotated:
            values[name] = _integer(name, given[name], kind.__metadata__[0])
        else:
            values[name] = given[name]
    settings = Settings(**values)
    _check(settings)
    return settings


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _texts(name: str, text: str) -> dict[str, str]:
    """Read a JSON object of texts."""
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeError):
        raise SettingsError(
            f'GUAHAO_{name.upper()} must be JSON such as {{"booked": "SMS_1"}}'
        ) from None


def _retention_days(text: str) -> dict[str, int]:
    """Read a JSON object: by kind of record the days that it is kept."""
    try:
        given = msgspec.json.decode(text, type=dict[str, int])
    except (msgspec.DecodeError, UnicodeError):
        raise SettingsError(
            'GUAHAO_RETENTION_DAYS must be JSON such as {"messages": 400}'
        ) from None
    for kind, days in given.items():
        known = RETENTIONS.get(kind)
        if known is None:
            raise SettingsError(
                f"GUAHAO_RETENTION_DAYS knows {', '.join(RETENTIONS)}; not {kind[:40]}"
            )
        if not known.least <= days <= known.most:
            raise SettingsError(
                f"GUAHAO_RETENTION_DAYS: {kind} may be kept {known.least} to {known.most} days"
            )
    return given


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


def _matching(name: str, pattern: re.Pattern[str], expected: str, text: str) -> str:
    if pattern.fullmatch(text) is None:
        raise SettingsError(f"GUAHAO_{name.upper()} must be {expected}")
    return text


def _header_name(text: str) -> str:
    if _HEADER_NAME.fullmatch(text) is None:
        raise SettingsError(
            "GUAHAO_CLIENT_CERTIFICATE_HEADER must be a header's name, such as"
            " X-Client-Certificate-SHA256"
        )
    return text.lower()


def _hours(text: str) -> tuple[time, time]:
    """Read times of day such as 08:00-20:00."""
    opens, dash, closes = text.partition("-")
    try:
        hours = time.fromisoformat(opens.strip()), time.fromisoformat(closes.strip())
    except ValueError:
        hours = time.max, time.min
    if not dash or hours[0] >= hours[1] or any(moment.tzinfo for moment in hours):
        raise SettingsError("GUAHAO_CALL_CENTRE_HOURS must be like 08:00-20:00")
    return hours


def _map_link(text: str) -> str:
    """Check the address of a map, with what it says of the hospital in braces."""
    try:
        filled = text.format(latitude="39.9", longitude="116.4", name="hospital")
    except (KeyError, IndexError, ValueError):
        filled = ""
    if not filled.startswith(("geo:", "https://")) or not filled.isascii() or " " in filled:
        raise SettingsError(
            "GUAHAO_MAP_LINK must begin with geo: or https:// and hold {latitude}, {longitude}"
            " and {name}, such as https://map.example/?at={latitude},{longitude}"
        )
    return text


def _brand(name: str, check: Callable[[str], object], text: str) -> object:
    """Check the name, colour or mark of the pages; say what is wrong in both languages."""
    try:
        return check(text)
    except BrandError as error:
        raise SettingsError(f"GUAHAO_{name.upper()}: {error}") from None


def _base_url(name: str, text: str) -> str:
    if _BASE_URL.fullmatch(text) is None:
        raise SettingsError(f"GUAHAO_{name.upper()} must be like https://guahao.example.cn")
    return text.rstrip("/")


def _wechat_templates(text: str) -> dict[str, WeChatTemplate]:
    """Read a JSON object: by kind a template's id, or its id and which value fills which field."""
    try:
        given = msgspec.json.decode(text, type=dict[str, str | WeChatTemplate])
    except (msgspec.DecodeError, UnicodeError):
        raise SettingsError(
            'GUAHAO_WECHAT_TEMPLATES must be JSON such as {"booked": "TEMPLATE_ID"}, or'
            ' {"booked": {"id": "TEMPLATE_ID", "fields": {"thing1": "visit"}}}'
        ) from None
    return {
        kind: WeChatTemplate(template, {}) if isinstance(template, str) else template
        for kind, template in given.items()
    }


class _WitnessText(msgspec.Struct, forbid_unknown_fields=True):
    """An outside witness of draws, in JSON."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    first: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    url: Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.:\[\]/_-]+$", max_length=300)]
    begins: Annotated[datetime, Meta(tz=True)]
    minutes: Annotated[int, Meta(ge=1, le=1440)]
    values: Annotated[int, Meta(ge=1, le=CHAIN_MAX)] | None = None


def _witnesses(text: str) -> tuple[Witness, ...]:
    """Read a JSON list of outside witnesses, each known by the first value of its chain."""
    try:
        given = msgspec.json.decode(text, type=list[_WitnessText])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise SettingsError(
            'GUAHAO_FAIRNESS_WITNESSES must be JSON such as [{"name": "公证处", "first": "…64 hex'
            ' digits", "url": "https://witness.example.cn", "begins": "2026-12-01T00:00:00+08:00",'
            f' "minutes": 5, "values": 1000000}}]: {error}'
        ) from None
    if len({witness.first for witness in given}) < len(given):
        raise SettingsError("GUAHAO_FAIRNESS_WITNESSES has two witnesses with the same first value")
    return tuple(
        Witness(
            witness.name,
            bytes.fromhex(witness.first),
            witness.url.rstrip("/"),
            witness.begins.astimezone(CITY_TIME),
            witness.minutes,
            witness.values,
        )
        for witness in given
    )


class _DrandInfo(msgspec.Struct):
    """What a relay of drand says of a chain at /CHAIN/info; its hash binds all but the scheme."""

    public_key: Annotated[str, Meta(pattern="^[0-9a-f]{192}$")]
    period: Annotated[int, Meta(ge=1, le=86_400)]
    genesis_time: Annotated[int, Meta(ge=1, le=10**11)]
    group_hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] = msgspec.field(name="groupHash")
    scheme: str = msgspec.field(name="schemeID")
    metadata: dict[str, str]

    def beacon(self) -> Beacon:
        """Return the chain; raises ValueError for one of a scheme that is not known."""
        if self.scheme != SCHEME:
            raise ValueError(f"the chain must have the scheme {SCHEME}, not {self.scheme[:40]}")
        name = self.metadata.get("beaconID", "default")
        if _BEACON_NAME.fullmatch(name) is None:
            raise ValueError("the beaconID may have small letters, digits and hyphens")
        return Beacon(
            self.period,
            self.genesis_time,
            bytes.fromhex(self.public_key),
            bytes.fromhex(self.group_hash),
            name,
        )


class _DrandText(msgspec.Struct, forbid_unknown_fields=True):
    """A chain of drand and its relays, in JSON; only the chain quicknet needs no `info`."""

    chain: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    relays: Annotated[list[Annotated[str, Meta(pattern=_RELAY)]], Meta(min_length=1, max_length=10)]
    info: _DrandInfo | None = None


def _drand(text: str) -> Drand:
    """Read a chain of drand, known by its hash, and the relays to ask."""
    try:
        given = msgspec.json.decode(text, type=_DrandText)
        beacon = QUICKNET if given.info is None else given.info.beacon()
        if beacon.chain.hex() != given.chain:
            raise ValueError(
                'the chain is not quicknet: add "info", as a relay shows it at /CHAIN/info'
                if given.info is None
                else "the hash of this info is not the chain's"
            )
    except (msgspec.DecodeError, ValueError) as error:
        raise SettingsError(
            'GUAHAO_FAIRNESS_DRAND must be JSON such as {"chain": "…64 hex digits", "relays":'
            f' ["https://api.drand.sh"]}}: {error}'
        ) from None
    return Drand(beacon, tuple(relay.rstrip("/") for relay in given.relays))


def _integer(name: str, text: str, bounds: Meta) -> int:
    assert bounds.ge is not None
    assert bounds.le is not None
    if text.isascii() and text.isdigit() and bounds.ge <= int(text) <= bounds.le:
        return int(text)
    raise SettingsError(
        f"GUAHAO_{name.upper()} must be a whole number from {bounds.ge} to {bounds.le}"
    )


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


_READERS: Mapping[str, Callable[[str], object]] = {
    "data_dir": Path,
    "backup_dir": Path,
    "backup_scratch_dir": Path,
    "postgres_bin": Path,
    "retention_days": _retention_days,
    "secret_keys_old": lambda text: tuple(_words(text)),
    "security_log": Path,
    "trail_file": Path,
    "database_pooling": partial(_matching, "database_pooling", _POOLING, "session or transaction"),
    "postal_code": partial(_matching, "postal_code", _POSTAL_CODE, "six digits such as 100000"),
    "trail_syslog": partial(_matching, "trail_syslog", _SYSLOG, _LIKE_SYSLOG),
    "clock_start": _moment,
    "clock_begun": partial(_seconds, "clock_begun"),
    "cancel_channels": lambda text: frozenset(_words(text)),
    **{
        name: partial(_networks, name)
        for name in ("trusted_proxies", "webhook_networks", "shared_networks")
    },
    **{
        name: partial(_base_url, name)
        for name in (
            *("public_url", "wechat_api_base"),
            *("aliyun_endpoint", "identity_aliyun_endpoint"),
        )
    },
    "service_name": partial(_brand, "service_name", checked_name),
    "service_name_en": partial(_brand, "service_name_en", checked_name),
    "brand_colour": partial(_brand, "brand_colour", checked_colour),
    "brand_mark": partial(_brand, "brand_mark", lambda text: read_mark(Path(text))),
    "client_certificate_header": _header_name,
    "call_centre_hours": _hours,
    "map_link": _map_link,
    "aliyun_templates": partial(_texts, "aliyun_templates"),
    "wechat_templates": _wechat_templates,
    "fairness_witnesses": _witnesses,
    "fairness_drand": _drand,
}


def _check(settings: Settings) -> None:
    if settings.mode not in ("demo", "production"):
        raise SettingsError("GUAHAO_MODE must be demo or production")
    _check_urls(settings)
    _check_aliyun(settings)
    _check_wechat(settings)
    if settings.log_level not in _LOG_LEVELS:
        raise SettingsError("GUAHAO_LOG_LEVEL must be debug, info, warning or error")
    if settings.cancel_channels not in _CANCEL_CHANNELS:
        raise SettingsError("GUAHAO_CANCEL_CHANNELS must be agent, or agent,patient")
    _check_verifier(settings)
    if settings.demo:
        return
    if settings.secret_key is None or len(settings.secret_key) < _SECRET_CHARACTERS:
        raise SettingsError(
            "production needs its own GUAHAO_SECRET_KEY of at least"
            f" {_SECRET_CHARACTERS} characters, for example from: openssl rand -hex 32"
        )
    if settings.database_url is None:
        raise SettingsError(
            "production needs a PostgreSQL server of its own: set GUAHAO_DATABASE_URL, and"
            " GUAHAO_DATABASE_OWNER_URL for guahao migrate"
        )
    _check_key(settings.secret_key)
    if settings.sms_gateway == "outbox":
        raise SettingsError(
            "production cannot send through the demo outbox: set GUAHAO_SMS_GATEWAY"
        )
    if settings.clock_start is not None:
        raise SettingsError("GUAHAO_CLOCK_START is for the demo; production keeps real time")
    if not settings.public_base.startswith("https://"):
        raise SettingsError(
            "production needs GUAHAO_PUBLIC_URL, of https://: cookies are sent over TLS only"
        )
    _check_database(settings)


def _check_key(key: str) -> None:
    """Refuse a key that was typed or repeated instead of drawn."""
    counts = Counter(key)
    bits = -sum(n * math.log2(n / len(key)) for n in counts.values())
    steps = sum(abs(ord(a) - ord(b)) <= 1 for a, b in pairwise(key))
    is_repeated = key in (key + key)[1:-1]
    is_sequence = steps > len(key) / 2
    is_worded = any(word in key.lower() for word in _KEY_WORDS)
    if bits < _SECRET_BITS or is_repeated or is_sequence or is_worded:
        raise SettingsError(
            "GUAHAO_SECRET_KEY can be guessed: production needs a random key, for example from:"
            " openssl rand -hex 32"
        )


def _check_database(settings: Settings) -> None:
    """Refuse a connection that others could read: encrypted and verified, or said to be private."""
    if settings.database_network not in ("open", "private"):
        raise SettingsError("GUAHAO_DATABASE_NETWORK must be open or private")
    if settings.database_network == "private":
        return
    for name in _DATABASE_URLS:
        url = getattr(settings, name)
        if url is not None and conninfo_to_dict(url).get("sslmode") not in _ENCRYPTED:
            raise SettingsError(
                "production reaches its database over TLS: add ?sslmode=verify-full (and"
                f" sslrootcert) to GUAHAO_{name.upper()}, or set GUAHAO_DATABASE_NETWORK=private"
                " where the connection is a unix socket or stays within a network of your own"
            )


def _check_urls(settings: Settings) -> None:
    for name in _DATABASE_URLS:
        url = getattr(settings, name)
        if url is not None and not _is_database_url(url):
            # Without the value: what is wrong with it may be the password.
            raise SettingsError(
                f"GUAHAO_{name.upper()} must be like postgresql://login:password@host:5432/database"
                " with the special characters of the password percent-encoded: %40 for @, %2F for"
                " /, %3A for :, %25 for %, %23 for #, %20 for a space"
            )


def _is_database_url(text: str) -> bool:
    """Return whether libpq reads this as a URL without misreading part of the password.

    A part that it took for a host or database would be in the message of every failed connection.
    """
    try:
        found = conninfo_to_dict(text)
    except ProgrammingError:
        return False
    if text.startswith(("postgresql://", "postgres://")):
        rest = text.partition("://")[2].partition("?")[0]
        authority, _, path = rest.partition("/")
        if authority.count("@") > 1 or "@" in path:
            return False
    hosts = str(found.get("host") or "").split(",")
    ports = str(found.get("port") or "").split(",")
    return all(map(_HOST.fullmatch, hosts)) and all(
        not port or (port.isascii() and port.isdigit()) for port in ports
    )


def _check_aliyun(settings: Settings) -> None:
    token = settings.aliyun_receipt_token
    if token is not None and _RECEIPT_TOKEN.fullmatch(token) is None:
        raise SettingsError(
            "GUAHAO_ALIYUN_RECEIPT_TOKEN must be 32 to 128 letters, digits, - and _,"
            " for example from: openssl rand -hex 32"
        )
    if settings.sms_gateway != "aliyun":
        return
    required = {
        "GUAHAO_ALIYUN_ACCESS_KEY_ID": settings.aliyun_access_key_id,
        "GUAHAO_ALIYUN_ACCESS_KEY_SECRET": settings.aliyun_access_key_secret,
        "GUAHAO_ALIYUN_SIGN_NAME": settings.aliyun_sign_name,
        "GUAHAO_ALIYUN_TEMPLATES": settings.aliyun_templates or None,
    }
    missing = [name for name, value in required.items() if value is None]
    if missing:
        raise SettingsError(f"GUAHAO_SMS_GATEWAY=aliyun needs {' and '.join(missing)}")


def _check_verifier(settings: Settings) -> None:
    chosen = settings.identity_verifier
    if chosen is not None and chosen not in _VERIFIERS:
        raise SettingsError("GUAHAO_IDENTITY_VERIFIER must be aliyun, demo or none")
    if not settings.demo and chosen is None:
        raise SettingsError(
            "production needs GUAHAO_IDENTITY_VERIFIER: aliyun to check names and resident IDs"
            " with the authority, or none to leave everybody unchecked until they pick up in person"
        )
    if not settings.demo and chosen == "demo":
        raise SettingsError(
            "production cannot check real names with the demo's verifier: set"
            " GUAHAO_IDENTITY_VERIFIER to aliyun or none"
        )
    if chosen != "aliyun":
        return
    required = {
        "GUAHAO_IDENTITY_ALIYUN_ACCESS_KEY_ID": settings.identity_aliyun_access_key_id,
        "GUAHAO_IDENTITY_ALIYUN_ACCESS_KEY_SECRET": settings.identity_aliyun_access_key_secret,
    }
    missing = [name for name, value in required.items() if value is None]
    if missing:
        raise SettingsError(f"GUAHAO_IDENTITY_VERIFIER=aliyun needs {' and '.join(missing)}")
    if not settings.demo and not settings.identity_aliyun_endpoint.startswith("https://"):
        raise SettingsError(
            "production sends names and document numbers encrypted only:"
            " GUAHAO_IDENTITY_ALIYUN_ENDPOINT must be of https://"
        )


def _check_wechat(settings: Settings) -> None:
    required = {
        "GUAHAO_WECHAT_APPID": settings.wechat_appid,
        "GUAHAO_WECHAT_SECRET": settings.wechat_secret,
        "GUAHAO_WECHAT_TOKEN": settings.wechat_token,
    }
    missing = [name for name, value in required.items() if value is None]
    if missing and (len(missing) < len(required) or settings.wechat_aes_key is not None):
        raise SettingsError(f"the Official Account needs {' and '.join(missing)} as well")
    key = settings.wechat_aes_key
    if key is not None and _AES_KEY.fullmatch(key) is None:
        raise SettingsError(
            "GUAHAO_WECHAT_AES_KEY must be the EncodingAESKey: 43 letters, digits, + and /"
        )
    if not missing and not settings.demo and key is None:
        raise SettingsError(
            "production with WeChat needs safe mode (安全模式): set GUAHAO_WECHAT_AES_KEY to the"
            " account's EncodingAESKey"
        )
