"""Run PostgreSQL's programs of the server's version, under the right user."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guahao.embedded import (
    EmbeddedServerError,
    SystemUser,
    clean_environment,
    install_folder,
    let_pass,
    let_read,
    made_user,
)
from guahao.errors import OperatorError
from guahao.processes import interrupted_later

OLDEST_MAJOR = 15
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_FULL = "No space left on device"


class BackupError(OperatorError):
    """A backup cannot be taken, streamed or restored; the message tells an operator what to do."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of a major version. `user`: the user under which root runs them."""

    folder: Path
    major: int
    user: SystemUser | None = None

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return the command line of a program; raise BackupError if it is not installed."""
        path = self.folder / name
        if not path.is_file():
            raise BackupError(
                f"{self.folder} has no {name}: install PostgreSQL {self.major}'s client and server"
                f" programs (Debian: apt-get install postgresql-{self.major})"
            )
        return [str(path), *arguments]

    def start(
        self,
        name: str,
        *arguments: str,
        folder: Path,
        environ: Mapping[str, str] | None = None,
        stderr: int | None = subprocess.PIPE,
        log: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a program in `folder`, with its messages in English."""
        command = self.command(name, *arguments)
        user, group = (None, None) if self.user is None else self.user
        output = None if log is None else log.open("a")
        try:
            return subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=output or subprocess.DEVNULL,
                stderr=output or stderr,
                text=True,
                errors="replace",
                cwd=folder,
                env={**clean_environment(), "LC_ALL": "C", **(environ or {})},
                user=user,
                group=group,
                extra_groups=None if self.user is None else [],
                umask=0o077,
                start_new_session=True,  # Ctrl-C is handled by us
            )
        finally:
            if output is not None:
                output.close()

    def run(
        self,
        name: str,
        *arguments: str,
        folder: Path,
        environ: Mapping[str, str] | None = None,
        shows: bool = False,
    ) -> None:
        """Run a program to its end; raise BackupError with its message if it fails.

        `shows`: show its standard error, a progress bar, on the terminal.
        """
        stderr = None if shows else subprocess.PIPE
        process = None
        try:
            with interrupted_later():
                process = self.start(
                    name, *arguments, folder=folder, environ=environ, stderr=stderr
                )
            _, errors = process.communicate()
        except BaseException:
            if process is not None:
                # With its children, because pg_basebackup leaves a child behind.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait()
            raise
        if process.returncode != 0:
            said = "error: its reason stands above" if shows else errors or ""
            raise BackupError(failure(name, said, folder))

    def give(self, path: Path) -> None:
        """Make the programs' user the owner of a file or folder."""
        if self.user is not None:
            os.chown(path, *self.user, follow_symlinks=False)


def failure(name: str, said: str, folder: Path) -> str:
    """Return a sentence for a program's error."""
    is_about_space = _FULL in said or is_full(folder)
    telling = [line for line in said.splitlines() if _FULL in line or "error:" in line]
    said = last_line("\n".join(telling) or said).removeprefix(f"{name}: ").removeprefix("error: ")
    if is_about_space:
        return (
            f"the disk of {folder} is full ({name}: {said}); nothing unfinished counts as a backup."
            " Make space there, then run this again"
        )
    return f"{name} failed: {said}"


def is_full(folder: Path) -> bool:
    """Return whether the folder's disk has less than a megabyte left."""
    try:
        return shutil.disk_usage(folder).free < 1 << 20
    except OSError:
        return False


def last_line(text: str) -> str:
    """Return the last line that is not blank."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def find_programs(major: int, chosen: Path | None) -> Programs:
    """Find the programs of a server's major version; raise BackupError if there are none.

    `chosen`: the operator's folder; if set, only it is searched.
    """
    if major < OLDEST_MAJOR:
        raise BackupError(f"the server is PostgreSQL {major}; guahao needs {OLDEST_MAJOR} or newer")
    found: dict[Path, int] = {}
    for folder in [chosen] if chosen is not None else [*_folders(major)]:
        version = _version(folder)
        if version == major:
            user = None
            if os.geteuid() == 0:
                user = made_user()
                let_pass(folder)
                if folder.parent.name == "pginstall":
                    let_read(folder.parent)
            return Programs(folder, major, user)
        if version is not None:
            found[folder] = version
    listed = ", ".join(f"{version} in {folder}" for folder, version in found.items()) or "none"
    raise BackupError(
        f"the server is PostgreSQL {major}, and backups need the programs of that very version;"
        f" found: {listed}. Install them (Debian: apt-get install postgresql-{major}), or name"
        " their folder in GUAHAO_POSTGRES_BIN"
    )


def _folders(major: int) -> Iterator[Path]:
    yield Path(f"/usr/lib/postgresql/{major}/bin")
    yield Path(f"/usr/pgsql-{major}/bin")
    with suppress(EmbeddedServerError):
        yield install_folder() / "bin"
    on_path = shutil.which("pg_basebackup")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _version(folder: Path) -> int | None:
    program = folder / "pg_basebackup"
    if not program.is_file():
        return None
    try:
        said = subprocess.run(  # noqa: S603 - a program of the operator's
            [str(program), "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return None
    match = _VERSION.search(said)
    return int(match[1]) if match else None


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """Return a connection string without password for a command line, and its environment."""
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        raise BackupError(
            "GUAHAO_BACKUP_URL must be like postgresql://guahao_backup@host/guahao"
        ) from None
    password = parameters.pop("password", None)
    parameters.setdefault("application_name", "guahao_backup")
    parameters.setdefault("connect_timeout", "10")
    environ = {} if password is None else {"PGPASSWORD": str(password)}
    return make_conninfo("", **parameters), environ
