"""Group IP addresses: by household, and by the network around it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

# The smallest network that a household is given; a customer of a hosting provider gets a /48.
_IPV6_HOUSEHOLD_BITS = 64
_IPV6_NETWORK_BITS = 48
_IPV4_NETWORK_BITS = 24
UNKNOWN = "unknown"
SHARED_FACTOR = 20  # how much more an address that many people share may do


@lru_cache(maxsize=4096)
def household_of(address: str) -> tuple[str, bool]:
    """Return the address to count by (of IPv6 its /64), and whether it is the loopback."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return UNKNOWN, False
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            network = ip_network((int(parsed), _IPV6_HOUSEHOLD_BITS), strict=False)
            return str(network), parsed.is_loopback
        parsed = parsed.ipv4_mapped
    return str(parsed), parsed.is_loopback


@lru_cache(maxsize=4096)
def network_of(household: str) -> str:
    """Return the network around a result of `household_of`: of IPv4 its /24, of IPv6 its /48."""
    try:
        first = ip_network(household)
    except ValueError:
        return UNKNOWN
    bits = _IPV4_NETWORK_BITS if first.version == 4 else _IPV6_NETWORK_BITS  # noqa: PLR2004
    return str(first.supernet(new_prefix=bits))


@lru_cache(maxsize=4096)
def is_within(household: str, networks: tuple[str, ...]) -> bool:
    """Return whether a result of `household_of` lies in any of these networks."""
    try:
        inside = ip_network(household)
    except ValueError:
        return False
    around = [ip_network(network, strict=False) for network in networks]
    return any(
        inside.version == outer.version and inside.subnet_of(outer)  # type: ignore[arg-type]
        for outer in around
    )
