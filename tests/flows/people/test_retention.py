"""What is older than it is kept for is deleted at night, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from tests.city import Clock, add_booking, ask, change, change_as_owner, open_platform

from guahao.flows.people.privacy.retention import delete_old
from guahao.rules.kernel.retention import RETENTIONS
from guahao.settings import Settings
from guahao.store.kernel.retention import OLD_ROWS
from guahao.tools.audit.audit import audit


def test_every_kind_is_deleted_and_documented() -> None:
    assert OLD_ROWS.keys() == RETENTIONS.keys()
    text = (Path(__file__).parents[3] / "docs" / "OPERATING.md").read_text(encoding="utf-8")
    for kind, kept in RETENTIONS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{kind}`"))
        assert row.endswith(f"| {kept.days} | {kept.least} | {kept.most} |")


async def test_old_messages_go_and_the_rest_stays(database_url: str) -> None:
    clock = Clock()
    async with open_platform(
        database_url, clock, settings=Settings(retention_days={"messages": 100})
    ) as platform:
        await add_booking(platform)
        await change(platform, "UPDATE messages SET state = 'delivered'")
        clock.forward(days=100)
        assert (await delete_old(platform))["messages"] == 0
        clock.forward(days=3)
        found = {one.name: one.disagreements for one in (await audit(platform)).findings}
        assert found["retention"] == 1
        assert (await delete_old(platform))["messages"] == 1
        found = {one.name: one.disagreements for one in (await audit(platform)).findings}
        assert found["retention"] == 0
        assert await ask(platform, "SELECT count(*) FROM appointments") == [(1,)]


async def test_calls_go_with_their_questions(database_url: str) -> None:
    clock = Clock()
    async with open_platform(database_url, clock) as platform:
        await add_booking(platform)
        await change_as_owner(
            platform,
            """
            WITH member AS (
                INSERT INTO staff (login, name, role, password_hash, created_at)
                VALUES ('agent', '客服', 'agent', '', now()) RETURNING id
            ), called AS (
                INSERT INTO calls (staff_id, account_id, opened_at)
                SELECT member.id, accounts.id, %s FROM member, accounts RETURNING id
            )
            INSERT INTO call_questions (call_id, asked, correct, asked_at)
            SELECT id, 'name', true, %s FROM called
            """,
            clock.now,
            clock.now,
        )
        clock.forward(days=401)
        assert (await delete_old(platform))["calls"] == 1
        assert await ask(platform, "SELECT count(*) FROM call_questions") == [(0,)]
