"""`guahao staff role` as an operator runs it, with mistakes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import pytest
from tests.city import Clock, ask, open_platform
from tests.conftest import SOURCES
from tests.web.http.test_real_server import SECRET_KEY

from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.staff import NewStaff, add_staff
from guahao.rules.staff.staff import SYSTEM, Role

ADMINISTRATOR, AGENT = "administrator.chen", "agent.wang"


@dataclass
class Operator:
    """An operator at the command line of a platform with an administrator and an agent."""

    platform: Platform
    database_url: str
    data_dir: Path

    async def staff(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `guahao staff`."""
        run = partial(
            subprocess.run,
            [sys.executable, "-m", "guahao", "staff", *words],
            env={
                "PYTHONPATH": SOURCES,
                "GUAHAO_DATABASE_URL": self.database_url,
                "GUAHAO_DATA_DIR": str(self.data_dir),
                "GUAHAO_SECRET_KEY": SECRET_KEY,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return await anyio.to_thread.run_sync(run)

    async def roles(self) -> dict[str, str]:
        return dict(await ask(self.platform, "SELECT login, role FROM staff"))


@pytest.fixture
async def operator(database_url: str, tmp_path: Path) -> AsyncIterator[Operator]:
    async with open_platform(database_url, Clock()) as platform:
        for login, role in ((ADMINISTRATOR, Role.ADMINISTRATOR), (AGENT, Role.AGENT)):
            new = await add_staff(platform, SYSTEM, login, "演示人员", role, None)
            assert isinstance(new, NewStaff)
        yield Operator(platform, database_url, tmp_path)


async def test_a_member_gets_another_role_and_the_trail_holds_the_reason(
    operator: Operator,
) -> None:
    done = await operator.staff("role", AGENT, "supervisor", "--reason", "接任班长")
    assert (done.returncode, done.stdout) == (0, f"{AGENT} is supervisor now.\n"), done.stderr
    assert (await operator.roles())[AGENT] == "supervisor"
    rows = await ask(
        operator.platform,
        "SELECT who_kind, detail FROM audit_trail WHERE action = 'change_role'"
        " AND reason_enc <> ''",
    )
    assert rows == [("system", '{"from":"agent","to":"supervisor","hospital_id":null}')]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nobody", "supervisor"], "nobody has the login nobody"),
        ([AGENT, "clerk"], "not changed: staff hospital needed"),
        ([AGENT, "clerk", "--hospital", "H404"], "there is no hospital with the code H404"),
        ([ADMINISTRATOR, "agent"], "not changed: staff last administrator"),
    ],
)
async def test_a_mistake_is_named_and_changes_nothing(
    operator: Operator, words: list[str], complaint: str
) -> None:
    before = await operator.roles()
    refused = await operator.staff("role", *words)
    assert refused.returncode != 0
    assert complaint in refused.stderr
    assert await operator.roles() == before
