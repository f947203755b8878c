"""Send an event to a hospital over HTTP, and to nothing but the hospital.

A hospital's URL is typed in by people and resolved by a name server of others. So every address
of its name is checked, and the connection is made to the very address that was checked.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpx

from guahao.rules.integration.pushing import Undelivered

IN_FLIGHT = 8  # calls to one hospital at once
ANSWER_SECONDS = 10.0

_NAT64 = ip_network("64:ff9b::/96")
# Special-purpose addresses by IANA's registries that not every Python knows as such, and
# addresses that hold an IPv4 one.
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays, deprecated (RFC 7526)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "::/96",  # IPv4-compatible, deprecated (RFC 4291)
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
        "64:ff9b:1::/48",  # local use of NAT64 (RFC 8215)
        "100::/63",  # discard and dummy prefixes (RFC 6666, RFC 9780)
        "2001::/23",  # protocol assignments, Teredo, benchmarking, ORCHID (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 (RFC 3056)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
        "fc00::/7",  # unique local (RFC 4193)
        "fe80::/10",  # link-local (RFC 4291)
        "fec0::/10",  # site-local, deprecated (RFC 3879)
    )
)
# Nothing outside was ever assigned for use (IANA: global unicast).
_GLOBAL_UNICAST = ip_network("2000::/3")
_ERROR_CHARACTERS = 200
_READ_BYTES_MAX = 16_384
# Refusals that are not about the event: the signature, too slow, too many.
_OF_THE_HOSPITAL = frozenset({401, 403, 407, 408, 425, 429})

# URLs may hold a vendor's credentials.
logging.getLogger("httpx").setLevel(logging.WARNING)


class ForbiddenAddressError(Exception):
    """The hospital's name resolves to an address that nothing may be sent to."""


@dataclass(frozen=True, slots=True)
class SendFailure:
    """Why an event was not taken. `of_event_alone`: the hospital works, and refuses this one."""

    error: str
    of_event_alone: bool = False


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """Where events may be sent: public addresses, this machine in a demo, and named networks."""

    demo: bool
    networks: Sequence[str] = ()

    def allows(self, address: str) -> bool:
        """Return whether events may be sent to this address."""
        ip = _plain(ip_address(address))
        if any(ip in ip_network(network, strict=False) for network in self.networks):
            return True
        if ip.is_loopback:
            return self.demo
        if any(ip in network for network in _NOT_PUBLIC):
            return False
        if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
            return False
        return ip.is_global and not ip.is_multicast and not _is_tunnel(ip)


def _plain(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


def _is_tunnel(ip: IPv4Address | IPv6Address) -> bool:
    return isinstance(ip, IPv6Address) and (ip.sixtofour is not None or ip.teredo is not None)


async def resolve(allowed: AllowedAddresses, host: str, port: int) -> str:
    """Return the address to connect to; raises ForbiddenAddressError or OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    if not all(allowed.allows(address) for address in addresses):
        raise ForbiddenAddressError
    return addresses[0]


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends to any hospital; `connect` opens one hospital's."""

    allowed: AllowedAddresses
    answer_seconds: float = ANSWER_SECONDS
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def connect(self, url: str) -> ReceiverPool:
        """Open a pool of the hospital's own: no other's TLS certificate is accepted for it."""
        limits = httpx.Limits(max_connections=IN_FLIGHT)
        # No proxy and no redirect: either could lead elsewhere.
        client = httpx.AsyncClient(
            verify=self.tls, limits=limits, trust_env=False, timeout=self.answer_seconds
        )
        return ReceiverPool(self, url, client)


@dataclass(slots=True)
class ReceiverPool:
    """A connection pool to one hospital's receiver. Close it when done.

    `address`: the checked address of its name, as long as that answers.
    """

    sender: WebhookSender
    url: str
    client: httpx.AsyncClient
    address: str = ""

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def send(self, body: bytes, headers: Mapping[str, str]) -> SendFailure | None:
        """Send an event; return None where it was taken (2xx). Never raises for remote failures."""
        refused = await self._try(body, headers)
        if refused is not None:
            self.address = ""
        return refused

    async def _try(self, body: bytes, headers: Mapping[str, str]) -> SendFailure | None:
        try:
            async with asyncio.timeout(self.sender.answer_seconds):
                return await self._post(body, headers)
        except ForbiddenAddressError:
            return SendFailure(Undelivered.FORBIDDEN_ADDRESS)
        except (TimeoutError, httpx.TimeoutException):
            return SendFailure(Undelivered.NO_ANSWER)
        except ssl.SSLError as error:
            return _short("TLS", error)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return _short(type(error).__name__, error)

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> SendFailure | None:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self.address or await resolve(self.sender.allowed, host, port)
        self.address = address
        request = self.client.build_request(
            "POST",
            httpx.URL(self.url).copy_with(host=address),
            content=body,
            headers={**headers, "Host": parts.netloc, "Content-Type": "application/json"},
            extensions={"sni_hostname": host},
        )
        answer = await self.client.send(request, stream=True)
        await _drain(answer)
        if answer.is_success:
            return None
        alone = answer.is_client_error and answer.status_code not in _OF_THE_HOSPITAL
        return SendFailure(f"HTTP {answer.status_code}", of_event_alone=alone)


async def _drain(answer: httpx.Response) -> None:
    """Read the rest of the response so that the connection can be reused."""
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read > _READ_BYTES_MAX:
            break
    await answer.aclose()


def _short(kind: str, error: Exception) -> SendFailure:
    return SendFailure(f"{kind}: {error}"[:_ERROR_CHARACTERS])
