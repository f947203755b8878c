"""Three machines as `guahao deploy init` makes them, on addresses of this machine's loopback.

Every file is rendered from the kit's templates: only folders, the user and the watchdog differ.
"""

from __future__ import annotations

import grp
import os
import pwd
import random
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.conftest import SOURCES
from tests.faults.harness.load import UNLIMITED

from guahao.deploy.answers import check
from guahao.deploy.credentials import StoredCredentials, credentials_of
from guahao.deploy.plan import Layout, plan

NAMES = ("one", "two", "three")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
PATIENCE_SECONDS = 120


def needed(*names: str) -> None:
    """Skip where a program is not installed."""
    for name in names:
        if shutil.which(name, path=PATH) is None:
            pytest.skip(f"{name} is not installed (make test installs it on Debian and Ubuntu)")


def until(
    holds: Callable[[], bool], what: Callable[[], str], seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait for a state."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        with suppress(httpx.HTTPError, psutil.NoSuchProcess):
            if holds():
                return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what()}")


@dataclass
class Node:
    """A machine's database: etcd, Patroni and its PostgreSQL."""

    name: str
    address: str
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def servers(self) -> list[psutil.Process]:
        """PostgreSQL's processes on this machine, which no longer belong to Patroni."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.name() == "postgres" and process.cwd() == str(self.folder / "data"):
                    found.append(process)
        return found

    def postmaster(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "data/postmaster.pid").read_text().split()[0]))

    def everything(self) -> list[psutil.Process]:
        family = [
            member
            for process in self.processes.values()
            if process.poll() is None
            for top in [psutil.Process(process.pid)]
            for member in (top, *top.children(recursive=True))
        ]
        return [*family, *(server for server in self.servers() if server not in family)]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole machine at once."""
        for process in self.everything():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


class Cluster:
    """The machines, the proxy of the first, and the settings of its web processes."""

    def __init__(self, synchronous_mode: str) -> None:
        self.mode = synchronous_mode
        # Not pytest's folder: the server's user needs to pass through the parents.
        self.folder = Path(tempfile.mkdtemp(prefix="guahao-cluster-"))
        # A network of this run's own, on which the usual ports are free.
        network = f"127.{random.randrange(64, 250)}.{random.randrange(1, 250)}"
        self.nodes = {
            name: Node(name, f"{network}.{number}", self.folder / name)
            for number, name in enumerate(NAMES, 1)
        }
        self.user, self.group = _user()
        # Debian's PostgreSQL, as in a city: the embedded one is built without TLS.
        self.programs = server_programs()
        self.answers = check(
            {
                "public_host": "guahao.example.cn",
                "memory_gb": 4,
                "postgresql": int(self.programs.parts[-2]),
                "web_processes": 2,
                "machines": {name: {"address": node.address} for name, node in self.nodes.items()},
            }
        )
        self.credentials: StoredCredentials
        self.credentials, _ = credentials_of(self.answers, {}, datetime.now(UTC))
        self.local = self.nodes["one"].address
        self._write(synchronous_mode)
        self.tls = ssl.create_default_context(cafile=str(self._etc("one") / "guahao/tls/ca.crt"))
        self.haproxy: subprocess.Popen[bytes] | None = None

    def _etc(self, name: str) -> Path:
        return self.folder / name / "etc"

    def _write(self, synchronous_mode: str) -> None:
        layouts = {
            name: Layout(
                local=node.address,
                tls=f"{node.folder}/etc/guahao/tls",
                patroni=f"{node.folder}/etc/patroni",
                pgpass=f"{node.folder}/pgpass",
                pg_bin=str(self.programs),
                pg_data=f"{node.folder}/data",
                pg_socket=str(node.folder),
                pg_user=self.user,
                etcd_data=f"{node.folder}/etcd",
                haproxy_log=f"{node.address}:514",
                haproxy_socket=f"{node.folder}/haproxy.sock",
                haproxy_user="",
                data=f"{node.folder}/guahao",
                log=str(node.folder),
                watchdog="off",
                synchronous_mode=synchronous_mode,
            )
            for name, node in self.nodes.items()
        }
        for file in plan(self.answers, self.credentials, layouts):
            path = self.folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
            path.chmod(file.mode)
        for path in (self.folder, *self.folder.rglob("*")):
            shutil.chown(path, self.user, self.group)
        _let_run()

    def start(self) -> None:
        for node in self.nodes.values():
            self.start_node(node)
        one = self.nodes["one"]
        self.haproxy = self._run(one, "haproxy", "haproxy", "-db", "-f", "etc/haproxy/haproxy.cfg")
        until(self.is_whole, self.logs)

    def heal(self, node: Node) -> None:
        """Let a machine go on that was frozen, or start again what was killed on it."""
        node.signal(signal.SIGCONT)
        for name, process in node.processes.items():
            if process.poll() is not None:
                self._start(node, name)
        until(self.is_whole, self.logs)

    def start_node(self, node: Node) -> None:
        """Start what systemd starts on a machine with a database."""
        for name in ("etcd", "patroni"):
            self._start(node, name)

    def _start(self, node: Node, name: str) -> None:
        if name == "etcd":
            settings = read_environment(node.folder / "etc/default/etcd")
            node.processes[name] = self._run(node, name, "etcd", **settings)
        else:
            command = (sys.executable, "-m", "patroni", "etc/patroni/patroni.yml")
            node.processes[name] = self._run(node, name, *command)

    def _run(self, node: Node, log: str, *command: str, **settings: str) -> subprocess.Popen[bytes]:
        as_root = os.geteuid() == 0
        with (node.folder / f"{log}.log").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=node.folder,
                env={"PATH": PATH, "HOME": str(node.folder), "LC_ALL": "C.UTF-8", **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self.user if as_root else None,
                group=self.group if as_root else None,
                extra_groups=[] if as_root else None,
                start_new_session=True,
                umask=0o077,
            )

    def members(self) -> list[dict[str, Any]]:
        """What Patroni says of the cluster; asked of the first machine that answers."""
        for node in self.nodes.values():
            with suppress(httpx.HTTPError):
                url = f"https://{node.address}:8008/cluster"
                answer = httpx.get(url, verify=self.tls, timeout=3, trust_env=False)
                found: list[dict[str, Any]] = answer.json()["members"]
                return found
        return []

    def leader(self) -> Node:
        """The machine whose PostgreSQL is the primary."""
        [name] = [member["name"] for member in self.members() if member["role"] == "leader"]
        return self.nodes[name]

    def is_whole(self) -> bool:
        """Whether a primary and its standbys are there, as synchronous as they should be."""
        members = self.members()
        standby = {"quorum": "quorum_standby", "true": "sync_standby", "false": "replica"}[
            self.mode
        ]
        roles = [member["role"] for member in members]
        return (
            roles.count("leader") == 1
            and standby in roles
            and (self.mode != "quorum" or roles.count(standby) == len(NAMES) - 1)
            and sorted(member["state"] for member in members)
            == ["running", *["streaming"] * (len(NAMES) - 1)]
        )

    def post(self, node: Node, path: str, body: dict[str, str]) -> httpx.Response:
        """Ask Patroni to do something, as patronictl does."""
        password = self.credentials.password("patroni_password")
        tls = ssl.create_default_context(cafile=str(self._etc("one") / "guahao/tls/ca.crt"))
        certificate = self._etc(node.name) / "guahao/tls/patroni.crt"
        tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
        return httpx.post(
            f"https://{node.address}:8008/{path}",
            json=body,
            auth=("patroni", password),
            verify=tls,
            timeout=60,
            trust_env=False,
        )

    def environment(self) -> dict[str, str]:
        """The settings of the first machine's processes, in the mode for tests."""
        settings: dict[str, str] = {}
        for name in ("guahao", "migrate"):
            settings |= read_environment(self._etc("one") / f"guahao/{name}.env")
        # The demo needs no SMS and no certificate of the city's; nothing else differs.
        settings |= {"GUAHAO_MODE": "demo", "PATH": PATH, "PYTHONPATH": SOURCES, **UNLIMITED}
        (self.folder / "one/guahao").mkdir(exist_ok=True)
        return settings

    def logs(self) -> str:
        return "\n".join(
            f"--- {path}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in sorted(self.folder.glob("*/*.log"))
        )

    def stop(self) -> None:
        processes = [p for node in self.nodes.values() for p in node.processes.values()]
        if self.haproxy is not None:
            processes.append(self.haproxy)
        for node in self.nodes.values():
            node.signal(signal.SIGKILL)
        for process in processes:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(PATIENCE_SECONDS)
        for node in self.nodes.values():
            psutil.wait_procs(node.servers(), PATIENCE_SECONDS)
        shutil.rmtree(self.folder)


def read_environment(file: Path) -> dict[str, str]:
    """Read a file of settings as systemd does."""
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


@contextmanager
def cluster(synchronous_mode: str) -> Iterator[Cluster]:
    """A cluster that runs, ended and removed at the end."""
    needed("etcd", "haproxy")
    made = Cluster(synchronous_mode)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def server_programs() -> Path:
    """Where Debian's newest PostgreSQL is; the test is skipped where there is none."""
    found = list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL is not installed (make test installs it on Debian and Ubuntu)")
    return max(found, key=lambda path: int(path.parts[-3])).parent


def _user() -> tuple[str, str]:
    """Whom the machines' programs run as: PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    return "postgres", "postgres"


def _let_run() -> None:
    """Let that user run this Python, where it lies in a folder of root's own."""
    if os.geteuid() != 0:
        return
    for path in (Path(sys.executable), Path(sys.executable).resolve(), Path(psutil.__file__)):
        for parent in path.parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
