"""A new release, process by process, behind the kit's nginx: nobody is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.acceptance.nginx import HOST, needs_nginx, nginx
from tests.acceptance.processes import SECRET_KEY, Web, environment, guahao
from tests.faults.conftest import LONG_FORM, ROUNDS, Figures, Record
from tests.faults.harness.cluster import until
from tests.faults.harness.load import UNLIMITED, Load, booking_requests, looking, verdict

pytestmark = needs_nginx


async def test_a_rolling_deploy_refuses_nobody(
    database_url: str, tmp_path: Path, record: Record
) -> None:
    env = {**environment(database_url, tmp_path), **UNLIMITED}
    webs = [Web(env), Web(env)]
    try:
        for web in webs:
            await asyncio.to_thread(web.wait_until_ready)
        with nginx(tmp_path, [web.port for web in webs]) as front:
            async with looking(database_url, SECRET_KEY) as platform:
                people = await booking_requests(platform, 2000 if LONG_FORM else 500)
                load = Load([front.base], people, pause_seconds=0.5, tls=front.tls, host=HOST)

                def answers() -> bool:
                    with front.client() as client:
                        return client.get("/health/ready").is_success

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
