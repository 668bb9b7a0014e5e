"""Where a request came from: the right-most address no trusted proxy vouches for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Address = IPv4Address | IPv6Address
UNKNOWN = "local"
_REMEMBERED = 1024  # addresses


class Sources:
    """Knows which peers may speak for others (`server.trusted_proxies`)."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """`trusted`: networks in CIDR form."""
        networks = [ip_network(network, strict=False) for network in trusted]
        # Remembered as below: the few proxies there are send every request.
        self._is_trusted = lru_cache(_REMEMBERED)(lambda address: any(address in network for network in networks))

    def find(self, request: Request) -> str:
        """The source's address; IPv6 is cut to the /64 one subscriber has. `local` for a unix socket without proxy."""
        peer = _parse(request.client.host) if request.client else None
        if peer is not None and not self._is_trusted(peer):
            return _name(peer)
        hops = [_parse(hop) for line in request.headers.getlist("x-forwarded-for") for hop in line.split(",")]
        for hop in reversed(hops):
            if hop is None:
                break
            if not self._is_trusted(hop):
                return _name(hop)
        return _name(peer) if peer is not None else UNKNOWN


def coarse(source: str) -> str:
    """A source as people are shown it: the network, `203.0.113.x`, or `localhost`; "" where it is unknown."""
    address = _parse(source)
    if address is None:
        return ""
    if address.is_loopback or address.is_unspecified:  # what is left of ::1 when it is cut
        return "localhost"
    if isinstance(address, IPv6Address):
        return f"{IPv6Network((address, 48), strict=False).network_address}x"
    return f"{source.rpartition('.')[0]}.x"


@lru_cache(_REMEMBERED)  # a proxy, and most people, come more than once
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(_REMEMBERED)
def _name(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False).network_address)
    return str(address)
