"""Who calls: the address that every limit counts by, and the client's certificate."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from litestar.types import Scope

from guahao.flows.people.accounts import Caller
from guahao.rules.integration.clients import thumbprint
from guahao.rules.kernel.networks import household_of
from guahao.settings import Settings


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
        address, is_loopback = household_of(peer)
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
