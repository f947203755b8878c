"""Record the end of the audit trail outside the database: in syslog, a file, or both.

Each minute a line with a keyed code is written, so that edits of the file are detected. To cut
the trail unnoticed, an attacker would have to cut these records on another machine too.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog

from guahao.errors import OperatorError
from guahao.flows.kernel.platform import Platform
from guahao.flows.staff.trail import trail_head
from guahao.settings import Settings
from guahao.store.kernel.vault import Vault
from guahao.store.staff.trail import TrailHead

KIND = "audit_trail_head"
_TAIL_BYTES = 256 * 1024
_TIMEOUT_SECONDS = 5.0
_SYSLOG_PORT = 514
_JSON = re.compile(r"\{[^{}]*\}")
_log = structlog.get_logger(__name__)


class _SentHead(msgspec.Struct):
    """A head in the form in which it is sent."""

    log: str
    at: str
    seq: int
    hash: str
    mac: str


@dataclass(frozen=True, slots=True)
class Noted:
    """The last head in a file. `forged`: later lines that this platform did not write."""

    head: TrailHead | None = None
    at: datetime | None = None
    forged: int = 0


class SinkError(OperatorError):
    """The head could not be sent; the message names the sink."""


async def send_head(platform: Platform) -> None:
    """Send the end of the trail to every sink; log an error if the trail was changed."""
    settings = platform.settings
    if settings.trail_file is None and settings.trail_syslog is None:
        return
    head = await trail_head(platform)
    if head is None:
        _log.error("audit_trail_touched", advice="run: guahao audit trail")
        return
    await asyncio.to_thread(send, settings, platform.vault, head)


def send(settings: Settings, vault: Vault, head: TrailHead) -> None:
    """Send a head to every configured sink; raise SinkError if any fails. Blocks."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    line = _SentHead(KIND, at, head.seq, head.hash.hex(), _mac(vault, at, head).hex())
    text = msgspec.json.encode(line).decode()
    failed = []
    if settings.trail_file is not None:
        try:
            _append(settings.trail_file, text)
        except OSError as error:
            failed.append(f"GUAHAO_TRAIL_FILE ({type(error).__name__})")
    if settings.trail_syslog is not None:
        try:
            _send_to_syslog(settings.trail_syslog, at, text)
        except OSError as error:
            failed.append(f"GUAHAO_TRAIL_SYSLOG ({type(error).__name__})")
    if failed:
        raise SinkError(f"the end of the audit trail could not be sent to {' and '.join(failed)}")


def last_noted(path: Path, vault: Vault) -> Noted:
    """Return the last head that this platform wrote to a file, which syslog may have collected."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return Noted()
    forged = 0
    for line in _heads(text):
        head = TrailHead(line.seq, bytes.fromhex(line.hash))
        if hmac.compare_digest(_mac(vault, line.at, head).hex(), line.mac):
            return Noted(head, datetime.fromisoformat(line.at), forged)
        forged += 1
    return Noted(forged=forged)


def _heads(text: str) -> Iterator[_SentHead]:
    """Yield the heads in a text, last first, skipping other lines."""
    for line in reversed(text.splitlines()):
        for found in _JSON.findall(line):
            try:
                head = msgspec.json.decode(found, type=_SentHead)
                bytes.fromhex(head.hash)
            except (msgspec.DecodeError, ValueError):
                continue
            if head.log == KIND:
                yield head


def _mac(vault: Vault, at: str, head: TrailHead) -> bytes:
    facts = msgspec.json.encode((at, head.seq, head.hash.hex()))
    return hmac.digest(vault.key_for("audit trail sink"), facts, "sha256")


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{text}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


class _Syslog(SysLogHandler):
    """A handler that sends RFC 5424 messages and raises on failure."""

    append_nul = False
    socket: socket.socket

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's
        raise  # noqa: PLE0704 - logging calls this from its own except


def _send_to_syslog(target: str, at: str, text: str) -> None:
    address: str | tuple[str, int] = target
    options: dict[str, Any] = {}
    stream = False
    if not target.startswith("/"):
        parts = urlsplit(target)
        stream = parts.scheme == "tcp"
        address = (parts.hostname or "", parts.port or _SYSLOG_PORT)
        options["socktype"] = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
        socket.getaddrinfo(*address)  # fail here if the host is unknown
    handler = _Syslog(address, SysLogHandler.LOG_AUTHPRIV, **options)
    try:
        if stream:
            handler.socket.settimeout(_TIMEOUT_SECONDS)
        # RFC 5424: version, time, host, application, process, kind, no structured data.
        message = f"1 {at} {socket.gethostname()} guahao {os.getpid()} {KIND} - {text}"
        end = "\n" if stream else ""
        record = logging.LogRecord("guahao", logging.WARNING, "", 0, message + end, None, None)
        handler.emit(record)
    finally:
        handler.close()
