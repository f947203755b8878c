"""Defer a background job on the transaction's own connection: both happen, or neither."""

from __future__ import annotations

from typing import Any

from procrastinate import App, PsycopgConnector

from guahao.store.db import Tx

_app = App(connector=PsycopgConnector())  # never opened: it only writes on a given connection


async def defer(tx: Tx, task: str, /, *, queue: str = "default", **arguments: Any) -> None:
    """Queue `task` (its name in jobs.py). Arguments are ids only, never personal data."""
    await _app.configure_task(
        task, allow_unknown=True, queue=queue, connection=tx.conn
    ).defer_async(**arguments)
