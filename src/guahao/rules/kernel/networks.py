"""Which addresses belong together: a household's, and the network around it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

# One household holds that many addresses at least, one customer of a host or provider a /48.
_IPV6_HOUSEHOLD_BITS = 64
_IPV6_NETWORK_BITS = 48
_IPV4_NETWORK_BITS = 24
UNKNOWN = "unknown"
SHARED_FACTOR = 20  # how much more an address may do that many people share


@lru_cache(maxsize=4096)
def household_of(address: str) -> tuple[str, bool]:
    """The address to count by, and whether it is the loopback. IPv6: its /64."""
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
    """The network around what `household_of` gave: IPv4 its /24, IPv6 its /48."""
    try:
        first = ip_network(household)
    except ValueError:
        return UNKNOWN
    bits = _IPV4_NETWORK_BITS if first.version == 4 else _IPV6_NETWORK_BITS  # noqa: PLR2004
    return str(first.supernet(new_prefix=bits))


@lru_cache(maxsize=4096)
def is_within(household: str, networks: tuple[str, ...]) -> bool:
    """Whether what `household_of` gave lies in one of these networks."""
    try:
        inside = ip_network(household)
    except ValueError:
        return False
    around = [ip_network(one, strict=False) for one in networks]
    return any(
        inside.version == one.version and inside.subnet_of(one)  # type: ignore[arg-type]
        for one in around
    )
