"""The address guard: no spelling of our own network, and no name that leads there, is ever dialled."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from socket import AddressFamily

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from broker.config.model import Network as NetworkSettings
from broker.testing.raw_server import json_of, raw_server
from broker.upstream.guard import (
    FORBIDDEN,
    ForbiddenAddress,
    GuardedResolver,
    check_address,
    check_url,
    guarded_connector,
    guarded_socket,
)

pytestmark = pytest.mark.anyio

PRIVATE = (
    *("127.0.0.1", "127.1.2.3", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255"),
    *("172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "169.254.169.254", "169.254.0.1"),
    *("100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "100.100.100.200"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "100::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:10::1"),
)
PUBLIC = ("8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
NO_ADDRESSES = ("", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "1.2.3.4.5", "[::1]", "é", "1.2.3")
SPELT = ("127.1", "127.0.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "localhost", "localhost.", "0")


@pytest.mark.parametrize("address", PRIVATE + NO_ADDRESSES)
def test_i2_no_address_of_ours_passes(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_address(address)


ODD = ("168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "2002:a83f:8110::", "192.88.99.1", "3fff::1")


@pytest.mark.parametrize("address", ODD)
def test_i13_addresses_that_look_public_and_are_not_are_refused(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_address(address)
    check_address(address, inside=[ip_network("::/0"), ip_network("0.0.0.0/0")])


def test_i13_the_operator_says_what_else_is_never_called() -> None:
    with pytest.raises(ForbiddenAddress):
        check_address("8.8.8.8", forbidden=[ip_network("8.0.0.0/8")])
    with pytest.raises(ForbiddenAddress):
        check_address("10.0.0.1", forbidden=[])
    assert tuple(map(str, FORBIDDEN)) == NetworkSettings().forbidden_networks


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_pass(address: str) -> None:
    check_address(address)


def test_there_are_at_least_sixty_spellings() -> None:
    assert len({*PRIVATE, *NO_ADDRESSES, *SPELT}) >= 60


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "/x", "//evil.example/", "http://a.example/", "ftp://a.example/", "file:///etc/passwd"),
        *("https://", "https:///x", "https://user@a.example/", "https://user:p@a.example/", "https://a.example@b/"),
        *("https://a.example:8443/", "https://a.example:0/", "https://a.example:x/", "https://[::1/", "HTTPS:/a"),
        *("https:\\\\a.example", "https://a.example\\@b.example/", "https://a.ex ample/", "https://a.example/\n"),
        *("https://é.example/", "https://a。example/", "https://a.example/\x00", "gopher://a.example/"),
    ],
)
def test_i2_only_plain_https_addresses_pass(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(url)


@pytest.mark.parametrize("url", ["https://a.example", "https://a.example:443/x?y=z", "https://xn--e1afmkfd.example/"])
def test_ordinary_https_addresses_pass(url: str) -> None:
    check_url(url)


class Names(AbstractResolver):
    """Answers from a list, one answer per question: a name that changes its mind."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0) for one in answer
        ]

    async def close(self) -> None:
        """Nothing to let go of."""


async def test_i2_one_forbidden_address_among_many_is_enough() -> None:
    resolver = GuardedResolver(Names(["8.8.8.8", "127.0.0.1"]))
    with pytest.raises(ForbiddenAddress):
        await resolver.resolve("both.example", 443)
    found = await GuardedResolver(Names(["8.8.8.8", "1.1.1.1"])).resolve("fine.example", 443)
    assert [one["host"] for one in found] == ["8.8.8.8", "1.1.1.1"]
    await resolver.close()


@pytest.mark.parametrize("spelt", SPELT)
async def test_i2_other_spellings_of_this_machine_are_looked_up_and_refused(spelt: str) -> None:
    with pytest.raises(OSError, match=r".*"):
        await GuardedResolver().resolve(spelt, 443, AddressFamily.AF_INET)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "flipping.example"])
async def test_i3_the_dialled_address_is_a_checked_one(host: str) -> None:
    names = Names(["127.0.0.1"]) if host == "flipping.example" else None
    async with raw_server({"/": json_of({})}) as trap:
        port = trap.url.rpartition(":")[2]
        async with aiohttp.ClientSession(connector=guarded_connector(resolver=names)) as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"http://{host}:{port}/", allow_redirects=False)
        assert trap.connections == 0


async def test_i3_a_name_that_changes_its_mind_is_asked_once() -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    resolver = GuardedResolver(names)
    assert [one["host"] for one in await resolver.resolve("flipping.example", 443)] == ["8.8.8.8"]
    assert names.asked == 1
    with pytest.raises(ForbiddenAddress):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443)))
    guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("8.8.8.8", 443))).close()
