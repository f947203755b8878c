"""Build the platform from settings: its database, vault, policies and verifier."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import structlog
import uvloop

from guahao.clock import ClockWatch, city_clock
from guahao.embedded import EmbeddedServer
from guahao.flows.kernel.platform import Platform
from guahao.flows.operations import doctor
from guahao.flows.staff.demo_staff import demo_staff_left
from guahao.flows.staff.trail import check_head
from guahao.identity_check.budget import BudgetedVerifier
from guahao.identity_check.demo import DemoVerifier
from guahao.identity_check.gateway import NoVerifier, RealNameVerifier
from guahao.processes import Revivable
from guahao.rules.fairness.beacon import can_check
from guahao.rules.kernel.limits import NEW_CITY
from guahao.rules.operations.checks import Check, State, runbook
from guahao.settings import Settings, SettingsError, read_settings
from guahao.store.kernel.db import (
    LOGIN_ROLE,
    ClockError,
    Database,
    RolesError,
    as_application,
)
from guahao.store.kernel.migrate import Schema, migrate, schema_of
from guahao.store.kernel.vault import Vault
from guahao.store.operations.backups import ensure_backup_login
from guahao.store.policy.policy_book import PolicyBook
from guahao.trail_sinks import Noted, last_noted

_log = structlog.get_logger("guahao.wiring")
_DATABASE = "guahao"
_LOGS_SECONDS = 60.0  # between checks of the embedded server's logs


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """The URLs of the application and, if this process may know it, of the owner."""

    application: str
    owner: str | None
    server: OwnServer | None = None


class OwnServer(Revivable):
    """The embedded server, which the process that started it stops."""

    def __init__(self, folder: Path) -> None:
        self.embedded = EmbeddedServer(folder)
        self._started = self.embedded.start()
        self._logs_due = 0.0

    def revive(self) -> bool:
        """Start the server if it is not running; return whether it was started."""
        if time.monotonic() >= self._logs_due:
            self._logs_due = time.monotonic() + _LOGS_SECONDS
            self.embedded.drop_old_logs()
        if self.embedded.is_running():
            return False
        self._started = self.embedded.start() or self._started
        return True

    def close(self) -> None:
        """Stop the server if this process has started it."""
        if self._started:
            self.embedded.stop()


@contextmanager
def database_urls(settings: Settings) -> Iterator[DatabaseUrls]:
    """Yield the database's URLs; start the embedded server if none are configured.

    The process that started the embedded server stops it at the end.
    """
    if settings.database_url is not None:
        owner = settings.database_owner_url
        if owner is None and settings.demo:
            owner = settings.database_url
        yield DatabaseUrls(settings.database_url, owner)
        return
    server = OwnServer(settings.data_dir / "postgres")
    try:
        embedded = server.embedded
        embedded.ensure_database(_DATABASE)
        yield DatabaseUrls(embedded.url(_DATABASE, LOGIN_ROLE), embedded.url(_DATABASE), server)
    finally:
        server.close()


@contextmanager
def owner_url(settings: Settings) -> Iterator[str]:
    """Yield the database's URL as its owner, to create databases or tables.

    Raises SettingsError if the owner is not known.
    """
    with database_urls(settings) as urls:
        if urls.owner is None:
            raise SettingsError(
                "this works as the database's owner: set GUAHAO_DATABASE_OWNER_URL (for this"
                " command only, not for the web and the worker)"
            )
        yield urls.owner


@contextmanager
def application_url(settings: Settings, *, migrated: bool = False) -> Iterator[str]:
    """Yield the database's URL as the application, first migrated if asked and possible."""
    with database_urls(settings) as urls:
        if migrated and urls.owner is not None:
            migrate_database(settings, urls)
        yield urls.application


def migrate_database(
    settings: Settings, urls: DatabaseUrls, report: Callable[[str], None] | None = None
) -> None:
    """Bring the database to the schema of this version, with the application's login."""
    assert urls.owner is not None
    migrate(urls.owner, vault_of(settings), application_url=urls.application, report=report)
    if settings.backup_url is not None:
        advice = ensure_backup_login(urls.owner, settings.backup_url)
        if advice is not None and report is not None:
            report(
                "The owner may not create the login of GUAHAO_BACKUP_URL. Let an administrator of"
                f" the server run:\n  {advice}"
            )


def schema_state(urls: DatabaseUrls) -> Schema:
    """Compare the database's schema with this program, as the owner if it is known."""
    return schema_of(urls.owner or as_application(urls.application))


async def check_roles(platform: Platform) -> None:
    """Refuse a database login that could assume the owner's role.

    A demo on an operator's server may use the same login for everything.
    """
    try:
        await platform.db.check_roles()
    except RolesError as error:
        if not platform.settings.demo:
            raise
        _log.warning("database_login_too_powerful", error=str(error))


def secret_key(settings: Settings) -> str:
    """Return the operator's key; a demo creates a key and stores it in its data folder."""
    if settings.secret_key is not None:
        return settings.secret_key
    kept = settings.data_dir / "secret-key"
    try:
        return kept.read_text(encoding="ascii")
    except FileNotFoundError:
        return _keep(kept, secrets.token_hex(32))


def _keep(path: Path, key: str) -> str:
    """Write the key, readable only for its owner; if another process was first, read its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(key, encoding="ascii")
    try:
        os.link(draft, path)
    except FileExistsError:
        key = path.read_text(encoding="ascii")
    finally:
        draft.unlink()
    return key


def vault_of(settings: Settings) -> Vault:
    """Return the vault of the operator's keys; raise SettingsError if two of them clash."""
    try:
        return Vault(secret_key(settings), settings.secret_keys_old)
    except ValueError as error:
        raise SettingsError(f"GUAHAO_SECRET_KEY and GUAHAO_SECRET_KEYS_OLD: {error}") from None


def build_platform(
    settings: Settings,
    url: str,
    *,
    connections: int,
    kept_for_desk: int = 0,
    wait_seconds: float = 10,
) -> Platform:
    """Return the platform over a migrated database, not yet connected.

    `connections`, `kept_for_desk` and `wait_seconds`: see `Database`.
    """
    clock = city_clock(settings.clock_start, settings.clock_begun)
    database = Database(
        url,
        clock,
        max_size=connections,
        kept_for_desk=kept_for_desk,
        wait_seconds=wait_seconds,
        prepared=settings.database_pooling == "session",
        read_url=settings.database_read_url,
    )
    database.watch = ClockWatch(clock, clock.at, settings.clock_tolerance_seconds)
    policies = PolicyBook(replace(NEW_CITY, cancel_channels=settings.cancel_channels))
    return Platform(
        database,
        vault_of(settings),
        policies,
        settings,
        verifier=_verifier(settings, database),
    )


def check_extras(settings: Settings) -> None:
    """Raise SettingsError if a setting chooses something whose library is not installed."""
    chosen = (
        ("GUAHAO_SMS_GATEWAY", settings.sms_gateway, "alibabacloud_dysmsapi20170525"),
        ("GUAHAO_IDENTITY_VERIFIER", settings.verifier, "alibabacloud_cloudauth20190307"),
    )
    for name, provider, module in chosen:
        if provider == "aliyun" and find_spec(module) is None:
            raise SettingsError(
                f"{name}=aliyun needs the SDK of Alibaba Cloud, which is not installed."
                ' Run: pip install "guahao[aliyun]"'
            )
    if settings.fairness_drand is not None and not can_check():
        raise SettingsError(
            "GUAHAO_FAIRNESS_DRAND needs a library that checks signatures, which is not installed."
            ' Run: pip install "guahao[drand]"'
        )


async def check_database(settings: Settings, url: str) -> None:
    """Raise SettingsError if production would serve a demo's database."""
    if settings.demo:
        return
    async with open_platform(settings, url, may_begin_away=True) as platform:
        await refuse_demo_staff(platform)


def examine(environ: Mapping[str, str]) -> list[Check]:
    """Run the checks of `guahao doctor`, which start nothing and change nothing.

    The settings are checked as on every start; if they are wrong, nothing else is checked.
    """
    try:
        settings = read_settings(environ)
        if settings.secret_key is None and not (settings.data_dir / "secret-key").exists():
            raise SettingsError("there is no secret key; a demo makes its own at `guahao up`")
        vault = vault_of(settings)
        check_extras(settings)
    except (SettingsError, OSError) as error:
        says = f"The settings are refused: {error}. See {runbook('install')}"
        return [Check("settings", State.FAILED, says)]
    url = settings.database_url
    if url is None:
        embedded = EmbeddedServer(settings.data_dir / "postgres")
        with suppress(PermissionError):  # another user's, which we may not read
            url = embedded.url(_DATABASE, LOGIN_ROLE) if embedded.is_running() else None
    noted = None if settings.trail_file is None else last_noted(settings.trail_file, vault).head
    clock = city_clock(settings.clock_start, settings.clock_begun)
    found = uvloop.run(doctor.examine(settings, url, vault, clock, noted))
    return [Check("settings", State.OK, "The settings are accepted."), *found]


async def refuse_demo_staff(platform: Platform) -> None:
    """Raise SettingsError if the demo's staff are active in the database."""
    left = await demo_staff_left(platform)
    if left:
        raise SettingsError(
            f"production cannot serve a database with the demo's staff ({', '.join(left)}):"
            " use an empty database, or disable them (guahao staff disable)"
        )


@asynccontextmanager
async def open_platform(
    settings: Settings, url: str, connections: int = 4, *, may_begin_away: bool = False
) -> AsyncIterator[Platform]:
    """Yield a connected platform for a tool or the worker."""
    platform = build_platform(settings, url, connections=connections)
    await platform.db.open(may_begin_away=may_begin_away)
    try:
        await platform.db.compare_clocks()
        # In the demo a tool does not warn, because its output is its result.
        if not settings.demo:
            await check_roles(platform)
        yield platform
    finally:
        await platform.db.close()


async def report_trail(platform: Platform) -> None:
    """Compare the end of the audit trail with the end recorded outside, and log differences.

    The platform starts nevertheless: otherwise an attacker could stop it by changing the trail.
    """
    file = platform.settings.trail_file
    noted = Noted() if file is None else last_noted(file, platform.vault)
    try:
        verdict = await check_head(platform, noted.head)
    except ClockError:  # reported already, and nothing can be done before it is corrected
        return
    if not verdict.holds or noted.forged:
        _log.error(
            "audit_trail_touched",
            why=verdict.why or "sink_forged",
            from_entry=verdict.broken_at,
            advice="run: guahao audit trail",
        )


def _verifier(settings: Settings, database: Database) -> RealNameVerifier:
    if settings.verifier == "none":
        return NoVerifier()
    if settings.verifier == "demo":
        return DemoVerifier()
    check_extras(settings)
    from guahao.identity_check.aliyun import AliyunVerifier, IdentityAccess  # noqa: PLC0415 - of an extra

    access = IdentityAccess(
        settings.identity_aliyun_endpoint,
        settings.identity_aliyun_access_key_id or "",
        settings.identity_aliyun_access_key_secret or "",
    )
    return BudgetedVerifier(AliyunVerifier(access), database, settings.identity_checks_per_day)
