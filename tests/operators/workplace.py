"""Where a runbook is run: a demo city with a real PostgreSQL of its own, and a shell."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from tests.conftest import SOURCES
from tests.operators import command_server
from tests.operators.runbooks import ROOT, Command

from guahao.embedded import EmbeddedServer

COMMAND_SECONDS = 300
_MARK = "@@@ "


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder outside pytest's, whose parents the database's user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving_commands() -> Iterator[Path]:
    """Serve `guahao`; yield a folder for PATH that holds it."""
    with temporary_folder("guahao-commands-") as folder:
        socket = folder / "socket"
        shim = folder / "bin" / "guahao"
        shim.parent.mkdir()
        shim.write_text(
            command_server.CLIENT.format(python=sys.executable, socket=str(socket)),
            encoding="utf-8",
        )
        shim.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, command_server.__file__, str(socket)],
            env={**os.environ, "PYTHONPATH": SOURCES},
        )
        try:
            while not socket.exists():
                assert server.poll() is None, "the command server ended"
                time.sleep(0.05)
            yield shim.parent
        finally:
            server.kill()
            server.wait()


@dataclass
class Workplace:
    """A folder with a demo city's data, and the environment of the operator's shell.

    What a runbook names, such as $BACKUP_DIR, is set in `environ` by the runbook's preparation.
    """

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def server(self) -> EmbeddedServer:
        """The city's database server; a command that needs it starts it for its own time."""
        return EmbeddedServer(Path(self.environ["GUAHAO_DATA_DIR"]) / "postgres")

    def ask(self, sql: str, *params: object) -> tuple[Any, ...]:
        """The first row of the city's database."""
        self.server.start()
        try:
            with psycopg.connect(self.server.url("guahao")) as conn:
                row = conn.execute(sql.encode(), params).fetchone()
        finally:
            self.server.stop()
        assert row is not None
        return row

    def run(self, *command: str, status: int = 0) -> str:
        """Run a program to its end as the operator would; its output."""
        ended = subprocess.run(
            command,
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == status, f"{' '.join(command)}: {ended.returncode}\n{output}"
        return output

    def guahao(self, *arguments: str, status: int = 0) -> str:
        """Run a command of guahao."""
        return self.run("guahao", *arguments, status=status)

    def follow(self, commands: Sequence[Command]) -> str:
        """Run commands in order in one shell, as `set -e` does; what they printed."""
        script = ["set -u -o pipefail"]
        mark = f"{_MARK}{secrets.token_hex(4)} "
        for number, command in enumerate(commands):
            script.append(f"printf '\\n%s%s\\n' '{mark}' {number}")
            script.append(command.text)
            script.append(f'status=$?; [ "$status" -eq {command.status} ] || exit 90')
        output = self.folder / "output"
        with output.open("w") as file:
            shell = subprocess.Popen(
                ["bash"],
                env=self.environ,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            try:
                shell.communicate("\n".join(script) + "\n", timeout=COMMAND_SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGTERM)  # what was left in the background
        text = output.read_text(encoding="utf-8", errors="replace")
        if shell.returncode != 0:
            number = int(text.rpartition(mark)[2].split("\n", 1)[0]) if mark in text else 0
            raise AssertionError(f"{commands[number]}\n{text[-3000:]}")
        return text

    def close(self) -> None:
        """End what still works in the folder."""
        for process in psutil.process_iter(["environ"]):
            environ = process.info["environ"] or {}
            if environ.get("GUAHAO_DATA_DIR") == self.environ["GUAHAO_DATA_DIR"]:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
        self.server.stop()


def environment(folder: Path, commands: Path) -> dict[str, str]:
    """The environment of an operator's shell whose data lies in `folder`."""
    return {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": SOURCES,
        "GUAHAO_DATA_DIR": str(folder / "data"),
        "COLUMNS": "200",
    }


@contextmanager
def workplace_with(city: Path, commands: Path) -> Iterator[Workplace]:
    """A workplace with a copy of a city."""
    with temporary_folder("guahao-runbook-") as folder:
        # With its owners: as root, the database's files belong to its own user.
        subprocess.run(["cp", "--archive", str(city), str(folder / "data")], check=True)
        workplace = Workplace(folder, environment(folder, commands))
        try:
            yield workplace
        finally:
            workplace.close()
