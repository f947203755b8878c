"""The caller of a request: the address that limits count by, and the client certificate."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from litestar.types import Scope

from guahao.flows.people.accounts import Caller
from guahao.rules.integration.clients import thumbprint
from guahao.rules.kernel.networks import household_of
from guahao.settings import Settings


class Callers:
    """Identifies the caller of a request; behind a trusted proxy, by the address that it saw."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = [ip_network(proxy, strict=False) for proxy in settings.trusted_proxies]
        self._spare_loopback = settings.demo
        self._certificate_header = settings.client_certificate_header.encode()

    def of(self, scope: Scope) -> Caller:
        """Return the caller; in demo mode the loopback address is not limited."""
        peer = _peer(scope)
        if self._is_proxy(peer):
            peer = self._forwarded(scope) or peer
        return _caller(peer, self._spare_loopback)

    def certificate(self, scope: Scope) -> str | None:
        """Return the SHA-256 (hex) of the certificate that a trusted proxy has verified.

        None where no trusted proxy sent the header, and where it occurs twice: then one of them
        is forged.
        """
        if not self._is_proxy(_peer(scope)):
            return None
        values = [value for name, value in scope["headers"] if name == self._certificate_header]
        return thumbprint(values[0].decode("latin-1")) if len(values) == 1 else None

    def _is_proxy(self, peer: str) -> bool:
        return bool(self._trusted) and _within(peer, self._trusted)

    def _forwarded(self, scope: Scope) -> str | None:
        """Return the last address in X-Forwarded-For that is not a trusted proxy.

        A trusted proxy appended it, so that the client cannot forge it.
        """
        lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for address in reversed(b",".join(lines).decode("latin-1").split(",")):
            if not _within(address.strip(), self._trusted):
                return address.strip()
        return None


@lru_cache(maxsize=4096)
def _caller(peer: str, spare_loopback: bool) -> Caller:  # by position: looked up faster
    address, is_loopback = household_of(peer)
    return Caller(address, limited=not (is_loopback and spare_loopback))


def _peer(scope: Scope) -> str:
    """Return the address at the other end of the connection."""
    client = scope.get("client")
    return client[0] if client else ""


def _within(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
