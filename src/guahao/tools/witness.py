"""The witness of draws: somebody outside who holds values that nobody can know beforehand.

A chain of SHA-256: v[i] = SHA-256(v[i+1]). v[0] is published once; each later value proves that it
belongs to it, and tells nothing of those to come. The commission, a notary or a newspaper keeps the
chain's end in a file on a machine of its own and shows a value only after its time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from guahao.rules.fairness.drawing import link_back
from guahao.rules.fairness.witnessing import CHAIN_MAX

_SECRET_BYTES = 32
_BEGINS_YEAR_MAX = 2999  # a million values of a day each end within the years that there are
_NUMBER = re.compile(r"[0-9]{1,7}")


class WitnessError(Exception):
    """What the keeper can correct; the message says how."""


class Chain(msgspec.Struct, frozen=True):
    """A witness's file. `secret`: the last value, in hexadecimal digits, shown at the very end.

    Value 1 may be shown at `begins`, each next one `minutes` later.
    """

    secret: str
    length: Annotated[int, Meta(ge=1, le=CHAIN_MAX)]
    begins: Annotated[datetime, Meta(tz=True)]
    minutes: Annotated[int, Meta(ge=1)]


class Server(ThreadingHTTPServer):
    """Shows the values of a chain over HTTP, each from its time on.

    `/` answers with the newest, `/41` with number 41: its number and its hexadecimal digits. A
    value whose time has not come is not found. Put a proxy with TLS in front of it.
    """

    daemon_threads = True

    def __init__(self, chain: Chain, host: str, port: int, now: Callable[[], datetime]) -> None:
        self.chain = chain
        self.now = now
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10

    def do_GET(self) -> None:
        newest = latest(self.server.chain, self.server.now())
        asked = self.path.strip("/")
        if not asked:
            self._answer(HTTPStatus.OK, f"{newest.index} {newest.value.hex()}\n")
        elif _NUMBER.fullmatch(asked) and int(asked) <= newest.index:
            value = value_at(self.server.chain, int(asked))
            self._answer(HTTPStatus.OK, f"{int(asked)} {value.hex()}\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "not shown yet\n")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=us-ascii")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
        """Write no line for each request."""


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A value that may be known by now. `index` 0 is the one that is published beforehand."""

    index: int
    value: bytes


def value_at(chain: Chain, index: int) -> bytes:
    """Return a value of the chain; raises WitnessError where it has none of this number."""
    if not 0 <= index <= chain.length:
        raise WitnessError(f"the chain has the values 0 to {chain.length}, and no {index}")
    return _link_back(chain.secret, chain.length - index)


@lru_cache(64)  # a request computes a long chain once
def _link_back(secret: str, links: int) -> bytes:
    return link_back(bytes.fromhex(secret), links)


def shown_at(chain: Chain, index: int) -> datetime:
    """Return when a value is shown first."""
    return chain.begins + (index - 1) * timedelta(minutes=chain.minutes)


def latest(chain: Chain, now: datetime) -> ShownValue:
    """Return the newest value that may be shown at `now`."""
    index = 0
    if now >= chain.begins:
        index = 1 + (now - chain.begins) // timedelta(minutes=chain.minutes)
    index = min(index, chain.length)
    return ShownValue(index, value_at(chain, index))


def create(path: Path, secret: bytes, begins: datetime, minutes: int, length: int) -> Chain:
    """Write a new chain to a file that only its owner can read; raises WitnessError.

    An existing file is never overwritten: its values would be lost, and with them the draws that
    wait for them.
    """
    if not 1 <= length <= CHAIN_MAX:
        raise WitnessError(f"a chain has 1 to {CHAIN_MAX} values")
    if begins.year > _BEGINS_YEAR_MAX:
        raise WitnessError(f"a chain begins in the year {_BEGINS_YEAR_MAX} at the latest")
    if len(secret) != _SECRET_BYTES:
        raise WitnessError(f"a chain ends with {_SECRET_BYTES} random bytes")
    chain = Chain(secret.hex(), length, begins, minutes)
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(msgspec.json.encode(chain))
    except FileExistsError:
        raise WitnessError(f"{path} exists already: choose another file") from None
    except OSError as error:
        raise WitnessError(f"{path} cannot be written: {error.strerror}") from None
    return chain


def read(path: Path) -> Chain:
    """Read a witness's file; raises WitnessError."""
    try:
        chain = msgspec.json.decode(path.read_bytes(), type=Chain)
        secret_bytes = len(bytes.fromhex(chain.secret))
    except OSError as error:
        raise WitnessError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError):
        raise WitnessError(f"{path} is no witness's file: restore it from its copy") from None
    if secret_bytes != _SECRET_BYTES:
        raise WitnessError(f"{path} is no witness's file: restore it from its copy")
    return chain
