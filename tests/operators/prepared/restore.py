"""A city with a backup, whose log was streamed; $NEW and $MOMENT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from tests.operators.workplace import Workplace


@contextmanager
def prepare(workplace: Workplace) -> Iterator[None]:
    """Take a backup and stream a little of the log."""
    from tests.operators.test_backup import City  # noqa: PLC0415 - not collected from here

    city = City(workplace)
    with city.streaming():
        workplace.guahao("backup", "take")
        city.book(1)
        with psycopg.connect(city.server.url("guahao"), autocommit=True) as conn:
            row = conn.execute("SELECT to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS.US')").fetchone()
        assert row is not None
        city.book(1)
    city.server.stop()
    workplace.environ |= {"MOMENT": row[0], "NEW": str(workplace.folder / "restored")}
    yield
