"""A new release, process by process, behind the kit's nginx: nobody is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests.acceptance.processes import SECRET_KEY, Web, environment, free_port, guahao
from tests.faults.conftest import LONG_FORM, ROUNDS, Figures, Record
from tests.faults.harness.cluster import PATH, until
from tests.faults.harness.load import UNLIMITED, Load, booking_requests, looking, verdict

from guahao.deploy.answers import Answers, check
from guahao.deploy.credentials import credentials_of
from guahao.deploy.example import ExampleCredentials
from guahao.deploy.plan import Layout, plan

NGINX = shutil.which("nginx", path=PATH)
pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed (make test installs it on Debian and Ubuntu)"
)


class Release(Web):
    """A web process on a port that stays its own over restarts."""

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(env)
        self.env = env

    def restart(self) -> int:
        """SIGTERM, then the new release: what `guahao-roll` does to a unit of systemd."""
        ended = self.stop()
        with_port = {**self.env, "GUAHAO_PORT": str(self.port)}
        self.process = subprocess.Popen(
            [*self.process.args],  # type: ignore[misc]
            env=with_port,
            stdout=subprocess.DEVNULL,
        )
        self.wait_until_ready()
        return ended


@contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The nginx of one machine in front of these processes; its URL, and how to trust it."""
    assert NGINX is not None
    answers: Answers = check(
        {"public_host": "guahao.example.cn", "machines": {"web1": {"address": "10.0.0.1"}}}
    )
    # The certificate that citizens see: of an authority of this test.
    three = {f"web{number}": {"address": f"10.0.0.{number}"} for number in (1, 2, 3)}
    _, secrets = credentials_of(
        check({"public_host": "guahao.example.cn", "machines": three}), {}, datetime.now(UTC)
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
        nginx_log=str(folder),
        certificate=f"{folder}/public.crt",
        certificate_key=f"{folder}/public.key",
    )
    files = {file.path: file.text for file in plan(answers, ExampleCredentials(), {"web1": layout})}
    text = files["web1/etc/nginx/conf.d/guahao.conf"]
    for number, port in enumerate(ports):
        text = text.replace(f"127.0.0.1:{8001 + number} ", f"127.0.0.1:{port} ")
    (folder / "guahao.conf").write_text(text)
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"{'user root;' if os.geteuid() == 0 else ''}\nevents {{}}\n"
        f"http {{\n access_log {folder}/access.log;\n include {folder}/guahao.conf;\n}}\n"
    )
    process = subprocess.Popen(
        [NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    )
    # The name leads to nginx by SNI and the Host header; the address is this machine's.
    tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    tls.check_hostname = False
    try:
        yield f"https://127.0.0.1:{https}", tls
    finally:
        process.terminate()
        process.wait(60)


async def test_a_rolling_deploy_refuses_nobody(
    database_url: str, tmp_path: Path, record: Record
) -> None:
    env = {**environment(database_url, tmp_path), **UNLIMITED}
    webs = [Release(env), Release(env)]
    try:
        for web in webs:
            await asyncio.to_thread(web.wait_until_ready)
        with nginx(tmp_path, [web.port for web in webs]) as (base, tls):
            async with looking(database_url, SECRET_KEY) as platform:
                people = await booking_requests(platform, 2000 if LONG_FORM else 500)
                load = Load([base], people, pause_seconds=0.5, tls=tls, host="guahao.example.cn")

                def answers() -> bool:
                    headers = {"Host": "guahao.example.cn"}
                    extensions = {"sni_hostname": "guahao.example.cn"}
                    with httpx.Client(verify=tls, trust_env=False) as client:
                        request = client.build_request(
                            "GET", f"{base}/health/ready", headers=headers, extensions=extensions
                        )
                        return client.send(request).is_success

                await asyncio.to_thread(until, answers, lambda: "nginx does not answer")
                async with load.running():
                    for _ in range(ROUNDS):
                        await load.more(20)
                        for web in webs:
                            checked = await asyncio.to_thread(guahao, "migrate", "--check", env=env)
                            assert checked.returncode == 0, checked.stdout
                            assert await asyncio.to_thread(web.restart) == 0
                            await load.more(20)
                found = await verdict(platform, load)
    finally:
        for web in webs:
            if web.process.poll() is None:
                web.kill()
    record(
        Figures(
            "rolling deploy, two processes behind nginx",
            ROUNDS,
            found.acknowledged,
            found.lost,
            found.doubled,
            load.longest_wait_seconds,
            None,
            f"{sum(load.trouble.values())} requests failed",
        )
    )
    assert not load.trouble, load.trouble
    assert (found.lost, found.doubled) == (0, 0)
