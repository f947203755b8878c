"""The nginx of one machine, as `guahao deploy init` sets it up, in front of web processes."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from tests.acceptance.ports import free_port

from guahao.deploy.answers import Answers, check
from guahao.deploy.credentials import credentials_of
from guahao.deploy.example import ExampleCredentials
from guahao.deploy.plan import Layout, plan

HOST = "guahao.example.cn"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
needs_nginx = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed (make test installs it on Debian and Ubuntu)"
)
_LINE = re.compile(
    r'\S+ \[(?P<at>\S+)\] "(?P<method>\S+) (?P<path>\S+) \S+"'
    r" (?P<status>\d+) \d+ \S+ (?P<upstream>\S+(?:, \S+)*) (?P<cache>\S+)"
)


@dataclass(frozen=True)
class Logged:
    """A line of nginx's log; `asked`: whether the application was asked for the answer."""

    at: datetime
    method: str
    path: str
    status: int
    asked: bool
    cache: str


@dataclass(frozen=True)
class Nginx:
    """A running nginx; `base`: its address."""

    base: str
    tls: ssl.SSLContext
    folder: Path
    pid: int

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """Return a client that trusts it and asks for the platform's name by SNI and Host.

        `address`: where it comes from, any of 127.0.0.0/8.
        """
        transport = httpx.HTTPTransport(
            verify=self.tls, limits=httpx.Limits(max_connections=100), local_address=address
        )

        def name(request: httpx.Request) -> None:
            request.headers["Host"] = HOST
            request.extensions["sni_hostname"] = HOST

        return httpx.Client(
            base_url=self.base,
            transport=transport,
            event_hooks={"request": [name]},
            trust_env=False,
            timeout=30,
        )

    def answers(self, path: str) -> bool:
        """Return whether it answers a path with success."""
        try:
            with self.client() as client:
                return client.get(path).is_success
        except httpx.TransportError:
            return False

    def connections(self, port: int) -> int:
        """Return how many connections it has to a port of this machine."""
        family = psutil.Process(self.pid)
        return sum(
            connection.status == psutil.CONN_ESTABLISHED
            and bool(connection.raddr)
            and connection.raddr.port == port
            for member in (family, *family.children(recursive=True))
            for connection in member.net_connections("tcp")
        )

    def logged(self) -> list[Logged]:
        """Return what the log has so far."""
        text = (self.folder / "guahao.log").read_text()
        return [
            Logged(
                datetime.fromisoformat(found["at"]),
                found["method"],
                found["path"],
                int(found["status"]),
                found["upstream"] != "-",
                found["cache"],
            )
            for found in _LINE.finditer(text)
        ]

    def cached(self) -> bytes:
        """Return everything that is in the cache of pages, headers and keys included."""
        files = [path for path in (self.folder / "memory").rglob("*") if path.is_file()]
        return b"\n".join(path.read_bytes() for path in files)


@contextmanager
def nginx(folder: Path, ports: Sequence[int]) -> Iterator[Nginx]:
    """Run nginx in front of the web processes on these ports of this machine.

    The last serves apart, as well as the public if it is the only one.
    """
    assert NGINX is not None
    servers = [*ports, ports[-1]] if len(ports) == 1 else ports
    answers: Answers = check(
        {
            "public_host": HOST,
            "machines": {"web1": {"address": "10.0.0.1"}},
            "web_processes": len(servers),
        }
    )
    # The certificate that citizens see: of an authority of this test.
    three = {f"web{number}": {"address": f"10.0.0.{number}"} for number in (1, 2, 3)}
    _, secrets = credentials_of(
        check({"public_host": HOST, "machines": three}), {}, datetime.now(UTC)
    )
    for name in ("crt", "key"):
        (folder / f"public.{name}").write_text(secrets[f"web1.{name}"])
    (folder / "ca.crt").write_text(secrets["ca.crt"])
    http, https = free_port(), free_port()
    layout = replace(
        Layout(),
        http_ports=(f"127.0.0.1:{http}",),
        https_ports=(f"127.0.0.1:{https}",),
        nginx_cache=f"{folder}/cache",
        nginx_memory=f"{folder}/memory",
        nginx_log=str(folder),
        certificate=f"{folder}/public.crt",
        certificate_key=f"{folder}/public.key",
        share=str(folder),
    )
    files = {file.path: file.text for file in plan(answers, ExampleCredentials(), {"web1": layout})}
    text = files["web1/etc/nginx/conf.d/guahao.conf"]
    for number, port in enumerate(servers, 8001):
        text = text.replace(f" server 127.0.0.1:{number} ", f" server 127.0.0.1:{port} ")
    (folder / "guahao.conf").write_text(text)
    (folder / "unavailable.html").write_text(files["web1/usr/local/share/guahao/unavailable.html"])
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"{'user root;' if os.geteuid() == 0 else ''}\nevents {{}}\n"
        f"http {{\n access_log {folder}/access.log;\n include {folder}/guahao.conf;\n}}\n"
    )
    process = subprocess.Popen(
        [NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    )
    tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    tls.check_hostname = False
    try:
        yield Nginx(f"https://127.0.0.1:{https}", tls, folder, process.pid)
    finally:
        process.terminate()
        process.wait(60)
