"""Log-ins of citizens: begun by a proof of the phone, confirmed, refreshed, ended."""

from __future__ import annotations

from typing import Literal

from guahao.store import wechat
from guahao.store.db import Tx
from guahao.store.people import log_ins as store


async def end_log_ins(
    tx: Tx, account_id: int, reason: Literal["moved", "new_holder", "staff"]
) -> None:
    """End every log-in of an account, its WeChat binding and what it knows of devices.

    For whoever takes a person or the phone away from it: the next log-in proves the phone,
    and names a patient's document.
    """
    await store.end_all(tx, account_id, reason)
    await store.forget_devices(tx, account_id)
    await wechat.unbind(tx, account_id)
