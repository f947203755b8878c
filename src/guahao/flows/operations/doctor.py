"""Examine one machine and the database it works with, each check in a bounded time."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from psycopg import Error as DatabaseError
from psycopg import conninfo

from guahao.clock import CityClock
from guahao.flows.staff.demo_staff import demo_staff_in
from guahao.flows.staff.trail import head_verdict
from guahao.rules.fairness.witnessing import days_left
from guahao.rules.operations.checks import (
    Check,
    Expected,
    State,
    check_calendar,
    check_clock,
    check_disk,
    check_facts,
    check_witnesses,
    runbook,
    unknown,
)
from guahao.rules.operations.facts import Facts
from guahao.rules.supply.national_calendar import known_days
from guahao.settings import Settings
from guahao.store.kernel.connections import Connection, connecting, why
from guahao.store.kernel.db import RolesError, Tx, as_application, check_login, configure
from guahao.store.kernel.migrate import SchemaState, schema_at
from guahao.store.kernel.vault import Vault
from guahao.store.operations import inspection, observations
from guahao.store.staff.trail import TrailHead

CHECK_SECONDS = 2.0
_MEASURING_SECONDS = 4.0  # all of the facts, a dozen statements
_CONNECT_SECONDS = 2  # for each host of the URL; libpq waits no shorter
_SILENT = "the database did not answer in time"
_NO_CONNECTION = "the database cannot be reached"
# The checks of the database, named so that each is reported if there is no database.
_OF_DATABASE = (
    *("login", "row_security", "schema", "clock", "key", "trail", "demo_staff"),
    *(check.name for check in check_facts(Facts(), Expected())),
)


def expected_of(settings: Settings) -> Expected:
    """Return what the operator promised of this deployment."""
    return Expected(
        standbys=settings.standbys,
        disk_free_percent=settings.disk_free_percent,
        clock_tolerance_seconds=settings.clock_tolerance_seconds,
        is_demo=settings.demo,
    )


async def examine(
    settings: Settings, url: str | None, vault: Vault, clock: CityClock, noted: TrailHead | None
) -> list[Check]:
    """Run every check; never raises, never hangs.

    `url`: of the application's login; None where the embedded server does not run. `noted`: the
    end of the audit trail as it was last sent out of the database.
    """
    now = clock()
    checks = [
        _owner_login(settings),
        await _disk(settings),
        check_calendar(known_days(now.date())),
        check_witnesses(days_left(settings.fairness_witnesses, now)),
    ]
    if url is None:
        says = "The embedded server does not run. Start the platform: guahao up"
        return [*checks, Check("database", State.FAILED, says), *_all_unknown(_NO_CONNECTION)]
    begun = time.monotonic()
    try:
        conn = await _connect(as_application(url))
    except (DatabaseError, TimeoutError, OSError) as error:
        refused = await _refused_role(url)
        if refused is not None:
            return [*checks, *refused]
        reason = "no answer" if isinstance(error, TimeoutError) else why(error).splitlines()[0]
        says = (
            f"The database cannot be reached ({reason}). See whether its server runs, and whether"
            f" GUAHAO_DATABASE_URL leads to it: {runbook('failover')}"
        )
        return [*checks, Check("database", State.FAILED, says), *_all_unknown(_NO_CONNECTION)]
    seconds = round(time.monotonic() - begun, 3)
    says = "The database answers."
    checks.append(Check("database", State.OK, says, {"connect_seconds": seconds}))
    try:
        return [*checks, *await _Examination(settings, conn, vault, clock, noted).run()]
    finally:
        await conn.close()


async def _connect(url: str) -> Connection:
    hosts = str(conninfo.conninfo_to_dict(url).get("host") or "").count(",") + 1
    quick = conninfo.make_conninfo(url, connect_timeout=str(_CONNECT_SECONDS))
    async with asyncio.timeout(_CONNECT_SECONDS * min(hosts, 5) + 0.5):
        return await Connection.connect(quick, autocommit=True, prepare_threshold=None)


async def _refused_role(url: str) -> list[Check] | None:
    """Return what to do if the server answers but refuses this login the role."""
    try:
        conn = await _connect(connecting(url))
    except (DatabaseError, TimeoutError, OSError):
        return None
    await conn.close()
    says = (
        "The database answers, but its login may not become guahao_app. Run guahao migrate as the"
        f" owner: {runbook('install')}"
    )
    reached = Check("database", State.OK, "The database answers.")
    rest = [check for check in _all_unknown("the login has no role") if check.name != "login"]
    return [reached, Check("login", State.FAILED, says), *rest]


def _all_unknown(why: str) -> list[Check]:
    return [unknown(name, why) for name in _OF_DATABASE]


def _owner_login(settings: Settings) -> Check:
    """Return whether web or worker could read the owner's password, if this is their login."""
    name = "owner_login"
    if settings.database_owner_url is not None and not settings.demo:
        says = (
            "GUAHAO_DATABASE_OWNER_URL is set in this environment. Give it to guahao migrate alone,"
            f" not to the web and the worker: {runbook('install')}"
        )
        return Check(name, State.WARNING, says)
    return Check(name, State.OK, "The owner's URL is not in this environment.")


async def _disk(settings: Settings) -> Check:
    folder = existing_parent(settings.data_dir)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            usage = await asyncio.to_thread(shutil.disk_usage, folder)
    except (OSError, TimeoutError):
        return unknown("disk", f"the disk of {folder} does not answer")
    return check_disk(usage.free, usage.total, str(folder), expected_of(settings))


def existing_parent(path: Path) -> Path:
    """Return the folder itself, or the nearest above it that exists."""
    path = path.absolute()
    return next((parent for parent in (path, *path.parents) if parent.exists()), Path("/"))


class _Examination:
    """The checks that ask the database, in turn on a single connection."""

    def __init__(
        self,
        settings: Settings,
        conn: Connection,
        vault: Vault,
        clock: CityClock,
        noted: TrailHead | None,
    ) -> None:
        self._settings, self._conn, self._vault = settings, conn, vault
        self._clock, self._noted = clock, noted
        self._expected = expected_of(settings)

    async def run(self) -> list[Check]:
        facts = Facts()
        with suppress(DatabaseError, TimeoutError):
            async with asyncio.timeout(_MEASURING_SECONDS):
                facts = await observations.measure(self._conn, self._clock())
        return [
            await self._bounded("login", self._login),
            await self._bounded("row_security", self._row_security),
            await self._bounded("demo_staff", self._demo_staff),
            await self._bounded("schema", self._schema),
            await self._bounded("clock", self._compare_clocks),
            *check_facts(facts, self._expected),
            await self._bounded("key", self._key),
            await self._bounded("trail", self._trail),
        ]

    async def _bounded(self, name: str, check: Callable[[], Awaitable[Check]]) -> Check:
        """Run a check; after the connection is lost, the later checks report that at once."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                async with observations.bounded(self._conn):
                    return await check()
        except TimeoutError:
            return unknown(name, _SILENT)
        except DatabaseError as error:
            if self._conn.closed:
                return unknown(name, _SILENT)
            return unknown(name, f"the database says {type(error).__name__}")

    async def _login(self) -> Check:
        name = "login"
        try:
            await configure(self._conn)
            await check_login(self._conn)
        except RolesError as error:
            state = State.WARNING if self._settings.demo else State.FAILED
            return Check(name, state, f"{str(error)[0].upper()}{str(error)[1:]}.")
        return Check(name, State.OK, "The login is the application's and can become nothing more.")

    async def _row_security(self) -> Check:
        name = "row_security"
        tables = await inspection.unforced_tables(self._conn)
        if tables:
            says = (
                f"Row security does not hold for the owner of {', '.join(tables[:5])}. Run guahao"
                f" migrate, which forces it: {runbook('upgrade')}"
            )
            return Check(name, State.FAILED, says, {"tables": len(tables)})
        return Check(name, State.OK, "Row security is forced.")

    async def _demo_staff(self) -> Check:
        name = "demo_staff"
        if self._settings.demo:
            return Check(name, State.OK, "A demo may have the demo's staff.")
        left = await demo_staff_in(Tx(self._conn, self._clock()))
        if left:
            says = (
                f"The demo's staff are active ({', '.join(left)}), and their passwords are public:"
                f" guahao staff disable LOGIN. See {runbook('install')}"
            )
            return Check(name, State.FAILED, says, {"logins": len(left)})
        return Check(name, State.OK, "None of the demo's staff is active.")

    async def _schema(self) -> Check:
        schema = schema_at(await observations.revision(self._conn))
        figures = {"revision": schema.revision, "pending": len(schema.pending)}
        match schema.state:
            case SchemaState.UP_TO_DATE:
                return Check("schema", State.OK, "The schema is this version's.", figures)
            case SchemaState.PENDING:
                says = f"{len(schema.pending)} migrations are pending. Run guahao migrate"
                return Check("schema", State.FAILED, f"{says}: {runbook('upgrade')}", figures)
            case SchemaState.NEWER:
                says = "The database is newer than this program. Install the version that migrated"
                says += f" it, or a later one: {runbook('upgrade')}"
                return Check("schema", State.WARNING, says, figures)

    async def _compare_clocks(self) -> Check:
        asked = self._clock().timestamp()
        database = self._clock.at(await inspection.database_seconds(self._conn)).timestamp()
        middle = (asked + self._clock().timestamp()) / 2
        return check_clock(middle - database, self._expected)

    async def _key(self) -> Check:
        unopened, tried = await inspection.unopened_columns(self._conn, self._vault)
        if unopened:
            says = (
                f"This GUAHAO_SECRET_KEY does not open {', '.join(unopened)}: it is not the key"
                f" that sealed them. Bring the right one: {runbook('lost-key')}"
            )
            return Check("key", State.FAILED, says, {"tried": tried, "unopened": len(unopened)})
        says = "The secret key opens what is stored." if tried else "Nothing is encrypted yet."
        return Check("key", State.OK, says, {"tried": tried, "unopened": 0})

    async def _trail(self) -> Check:
        verdict = await head_verdict(Tx(self._conn, self._clock()), self._vault, self._noted)
        figures = {"entries": verdict.entries}
        if not verdict.holds:
            says = (
                f"The end of the audit trail does not hold ({verdict.why}). Run guahao audit trail,"
                f" and find out who had access: {runbook('attack')}"
            )
            return Check("trail", State.FAILED, says, figures)
        return Check("trail", State.OK, "The end of the audit trail holds.", figures)
