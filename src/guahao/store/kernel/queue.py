"""Defer a background job in a transaction: both commit, or neither.

The job is inserted by procrastinate's SQL function, as its documentation shows for programs in
other languages, because a statement can be pipelined with others. The Python API waits for each
answer, which took a tenth of the booking desk's time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from guahao.store.kernel.db import Tx

_DEFER = """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW(%s, %s, %s, NULL, NULL, %s, now() + %s::interval)::procrastinate_job_to_defer_v1
    ])
"""


async def defer(
    tx: Tx,
    task: str,
    /,
    *,
    queue: str = "default",
    priority: int = 0,
    at: datetime | None = None,
    **arguments: Any,
) -> None:
    """Queue `task` (its name in jobs.py); a higher priority overtakes.

    `at`: not before this moment of the platform's clock, which a demo may set. Arguments are ids
    only, never personal data.
    """
    wait = None if at is None else max(at - tx.now, timedelta())
    await tx.do(_DEFER, (queue, task, priority, msgspec.json.encode(arguments).decode(), wait))
