"""A relay of drand, of a network whose key the test knows: rounds by its clock, over real HTTP."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import compress_G1, compress_G2
from py_ecc.optimized_bls12_381 import G2, multiply

from guahao.flows.kernel.platform import Platform
from guahao.rules.fairness.beacon import Beacon, Drand, value_of

sys.setrecursionlimit(1000)  # as before py_ecc raised it: nested JSON of other tests would crash
SCHEME = "bls-unchained-g1-rfc9380"
DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
END_SECONDS = 0.05  # how often a server checks whether to stop; 0.5 by default


@cache
def beacon_with(key: int, genesis: datetime, period: int = 3) -> Beacon:
    """The chain of a network whose members hold this key together."""
    first, second = compress_G2(multiply(G2, key))
    public = first.to_bytes(48, "big") + second.to_bytes(48, "big")
    return Beacon(period, int(genesis.timestamp()), public, sha256(b"group").digest(), "city")


def with_relays(platform: Platform, beacon: Beacon, *relays: str) -> Platform:
    """The platform, which asks these relays for its draws."""
    settings = replace(platform.settings, fairness_drand=Drand(beacon, relays))
    return replace(platform, settings=settings)


@cache
def signed(key: int, index: int) -> bytes:
    """The signature of a round."""
    message = hash_to_G1(sha256(index.to_bytes(8, "big")).digest(), DOMAIN, sha256)
    return int(compress_G1(multiply(message, key))).to_bytes(48, "big")


class Relay(ThreadingHTTPServer):
    """Shows the rounds of a chain, each from its time on. `key`: it signs with this one."""

    daemon_threads = True

    def __init__(self, beacon: Beacon, key: int, clock: Callable[[], datetime], port: int) -> None:
        self.beacon, self.key, self.clock = beacon, key, clock
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Relay

    def do_GET(self) -> None:
        beacon = self.server.beacon
        self.server.asked.append(self.path)
        match self.path.strip("/").split("/"):
            case ["chains"]:
                self._answer([beacon.chain.hex()])
            case [chain, "info"] if chain == beacon.chain.hex():
                self._answer(info(beacon))
            case [chain, "public", index] if chain == beacon.chain.hex() and index.isdigit():
                if not 0 < int(index) <= beacon.newest_at(self.server.clock()):
                    self.send_error(HTTPStatus.TOO_EARLY)
                    return
                signature = signed(self.server.key, int(index))
                self._answer(
                    {
                        "round": int(index),
                        "randomness": value_of(signature).hex(),
                        "signature": signature.hex(),
                    }
                )
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is given
        """Write no line for each request."""


def info(beacon: Beacon) -> dict[str, object]:
    """What a relay says of a chain."""
    return {
        "public_key": beacon.key.hex(),
        "period": beacon.period,
        "genesis_time": beacon.genesis,
        "hash": beacon.chain.hex(),
        "groupHash": beacon.group.hex(),
        "schemeID": SCHEME,
        "metadata": {"beaconID": beacon.name},
    }


@contextmanager
def relaying(
    beacon: Beacon, key: int, clock: Callable[[], datetime], port: int = 0
) -> Iterator[Relay]:
    """Run a relay."""
    with Relay(beacon, key, clock, port) as relay:
        thread = threading.Thread(target=relay.serve_forever, args=(END_SECONDS,))
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()
