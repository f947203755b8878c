"""A city with a security log and a collected end of its trail.

$SECURITY_LOG, $SINK, $LOGIN and $CLIENT_ID.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.operators.workplace import Workplace

from guahao import security_log
from guahao.security_log import SecurityEvent
from guahao.store.kernel.vault import Vault


@contextmanager
def prepare(workplace: Workplace) -> Iterator[None]:
    """Write what an attack leaves; add a hospital's client."""
    log, sink = workplace.folder / "security.log", workplace.folder / "sink"
    vault = Vault((Path(workplace.environ["GUAHAO_DATA_DIR"]) / "secret-key").read_text())
    security_log.set_up(log)
    try:
        security_log.event(SecurityEvent.OTP_WRONG, vault, address="192.0.2.7")
        security_log.event(SecurityEvent.STAFF_LOG_IN_FAILED, vault, login="clerk")
    finally:
        security_log.set_up(None)
    [hospital] = workplace.ask("SELECT code FROM hospitals ORDER BY id LIMIT 1")
    said = workplace.guahao(
        "hospital-client", "add", hospital, "--name", "HIS", "--scope", "supply"
    )
    workplace.environ["GUAHAO_TRAIL_FILE"] = str(sink)
    workplace.guahao("audit", "trail", "--accept", "the first head that is sent out")
    del workplace.environ["GUAHAO_TRAIL_FILE"]
    workplace.environ |= {
        "SECURITY_LOG": str(log),
        "SINK": str(sink),
        "LOGIN": "clerk",
        "CLIENT_ID": re.findall(r"client_id +(\S+)", said)[0],
    }
    yield
