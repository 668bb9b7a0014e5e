"""The address guard: URLs that a client supplied never lead into our own network.

Addresses of the public Internet pass, and those of networks the operator named. A name is looked up once, every address
it has is checked, and a checked address is the one dialled: the socket itself refuses any other. So neither a second
spelling of 127.0.0.1 nor a name that changes its mind gets through.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import (
    AI_ADDRCONFIG,
    AI_NUMERICHOST,
    AI_NUMERICSERV,
    SOCK_STREAM,
    AddressFamily,
    SocketKind,
    getaddrinfo,
    socket,
)
from typing import Any
from urllib.parse import urlsplit

from aiohttp import TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

Network = IPv4Network | IPv6Network
AddrInfo = tuple[int | AddressFamily, int | SocketKind, int, str, tuple[Any, ...]]

_NAT64 = IPv6Network("64:ff9b::/96")
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_ON_THIS_MACHINE = re.compile(r"(?:[a-z0-9\-]+\.)*localhost|127\.0\.0\.1|::1")
FORBIDDEN: tuple[Network, ...] = tuple(map(ip_network, ("168.63.129.16/32", "192.88.99.0/24", "3fff::/20")))
"""Besides what is not public: Azure's service on its hosts, relays from IPv6 to IPv4, addresses of documentation."""
_UNICAST = IPv6Network("2000::/3")  # all that has been given out for the public Internet (RFC 4291 section 2.4)


class ForbiddenAddress(OSError):
    """An address or URL that nobody outside may have us call."""


def check_url(url: str, inside: Collection[Network] = ()) -> None:
    """Raise ForbiddenAddress for anything but https to a host, without user information and on the usual port.

    Where networks of our own are allowed, services there may listen on any port, and on this machine speak http.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForbiddenAddress("not a URL") from None
    plain = url.isascii() and url.isprintable() and "\\" not in url and " " not in url
    by_http = parts.scheme == "http" and _is_near(parts.hostname or "", inside)
    usual = port in {None, 443} or (bool(inside) and port != 0)
    if not plain or not (parts.scheme == "https" or by_http) or not parts.hostname or "@" in parts.netloc or not usual:
        raise ForbiddenAddress("not a plain https URL")


def _is_near(host: str, inside: Collection[Network]) -> bool:
    """Whether this machine is meant, and may be."""
    return _ON_THIS_MACHINE.fullmatch(host) is not None and any(network in LOOPBACK for network in inside)


def check_address(text: str, inside: Collection[Network] = (), forbidden: Collection[Network] = FORBIDDEN) -> None:
    """Raise ForbiddenAddress unless the address is one of the public Internet, also when IPv6 only wraps it.

    Addresses in the networks `inside` pass, too; of the others none in the networks `forbidden`.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        raise ForbiddenAddress("not an address") from None
    if any(address in network for network in inside):
        return
    wrapped = _wrapped(address)
    public = all(one.is_global and not one.is_multicast for one in (address, *wrapped))
    public = public and not any(one in network for one in (address, *wrapped) for network in forbidden)
    if not public or (address.version == 6 and address not in _UNICAST and not wrapped):
        raise ForbiddenAddress("not an address of the public Internet")


def _wrapped(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses a packet to this IPv6 address may end at (RFC 4291 2.5.5, 6052, 3056, 4380)."""
    if isinstance(address, IPv4Address):
        return ()
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(one for one in inside if one is not None)


class OwnThreads(AbstractResolver):
    """Looks names up in threads of its own, so that names of strangers which never answer hold up no others."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "names of clients")

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """Every address of `host`; raises OSError."""
        look_up = partial(getaddrinfo, host, port, family, SOCK_STREAM, 0, AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._pool, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=AI_NUMERICHOST | AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """Refuses a name as soon as one of its addresses is forbidden."""

    def __init__(
        self,
        resolver: AbstractResolver | None = None,
        inside: Collection[Network] = (),
        forbidden: Collection[Network] = FORBIDDEN,
    ) -> None:
        """`resolver` does the looking up; the system's by default."""
        self._resolver = resolver or ThreadedResolver()
        self._check = partial(check_address, inside=inside, forbidden=forbidden)

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        """Every address of `host`; raises ForbiddenAddress."""
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            self._check(one["host"])
        return found

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._resolver.close()


def guarded_socket(
    info: AddrInfo, inside: Collection[Network] = (), forbidden: Collection[Network] = FORBIDDEN
) -> socket:
    """A socket for an address that may be dialled; this also meets addresses written out in a URL."""
    family, kind, protocol, _, address = info
    check_address(str(address[0]), inside, forbidden)
    return socket(family, kind, protocol)


def guarded_connector(
    *,
    resolver: AbstractResolver | None = None,
    context: ssl.SSLContext | None = None,
    inside: Collection[Network] = (),
    forbidden: Collection[Network] = FORBIDDEN,
) -> TCPConnector:
    """A connector for URLs that clients supplied; use it with `allow_redirects=False` and after `check_url`."""
    return TCPConnector(
        resolver=GuardedResolver(resolver, inside, forbidden),
        socket_factory=partial(guarded_socket, inside=inside, forbidden=forbidden),
        ssl=context or True,
        use_dns_cache=False,
    )
