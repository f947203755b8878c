"""Who calls, and how often: a limit by address, counted in this process."""

from __future__ import annotations

import time
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from litestar.types import Scope

from guahao.flows.accounts import Caller
from guahao.rules.clients import thumbprint
from guahao.settings import Settings

WINDOW_SECONDS = 60
_ADDRESSES_MAX = 100_000  # a window; about 10 MB
_IPV6_SUBSCRIBER_BITS = 64  # one household holds that many addresses at least


class Callers:
    """Tells a request's caller. Behind a trusted proxy, the address the proxy saw."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = [ip_network(proxy, strict=False) for proxy in settings.trusted_proxies]
        self._spare_loopback = settings.demo
        self._certificate_header = settings.client_certificate_header.encode()

    def of(self, scope: Scope) -> Caller:
        """The caller; the loopback is not limited in demo mode."""
        peer = _peer(scope)
        if self._is_proxy(peer):
            peer = self._forwarded(scope) or peer
        address, is_loopback = _subscriber(peer)
        return Caller(address, limited=not (is_loopback and self._spare_loopback))

    def certificate(self, scope: Scope) -> str | None:
        """SHA-256 in hex of the certificate that a proxy of ours has seen and verified.

        None where nobody says so whom we trust, and where it is said twice: one of both is
        not the proxy's.
        """
        if not self._is_proxy(_peer(scope)):
            return None
        told = [value for name, value in scope["headers"] if name == self._certificate_header]
        return thumbprint(told[0].decode("latin-1")) if len(told) == 1 else None

    def _is_proxy(self, peer: str) -> bool:
        return bool(self._trusted) and _within(peer, self._trusted)

    def _forwarded(self, scope: Scope) -> str | None:
        """The last address in X-Forwarded-For that is no proxy of ours: it was seen, not told."""
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for address in reversed(b",".join(lines).decode("latin-1").split(",")):
            if not _within(address.strip(), self._trusted):
                return address.strip()
        return None


def _peer(scope: Scope) -> str:
    """Who holds the other end of the connection."""
    client = scope.get("client")
    return client[0] if client else ""


def _within(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


@lru_cache(maxsize=4096)
def _subscriber(address: str) -> tuple[str, bool]:
    """The address to count by, and whether it is the loopback. IPv6: its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown", False
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            network = IPv6Network((parsed, _IPV6_SUBSCRIBER_BITS), strict=False)
            return str(network), parsed.is_loopback
        parsed = parsed.ipv4_mapped
    return str(parsed), parsed.is_loopback


class RequestLimit:
    """At most `most` requests an address in each minute of this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._window = 0
        self._counts: dict[str, int] = {}

    def seconds_to_wait(self, caller: Caller) -> int | None:
        """Count one request; None where it may pass, else the seconds to the next window."""
        now = time.monotonic()
        window = int(now // WINDOW_SECONDS)
        if window != self._window or len(self._counts) >= _ADDRESSES_MAX:
            self._window = window
            self._counts = {}
        count = self._counts.get(caller.address, 0) + 1
        self._counts[caller.address] = count
        if count <= self._most or not caller.limited:
            return None
        return WINDOW_SECONDS - int(now % WINDOW_SECONDS)
