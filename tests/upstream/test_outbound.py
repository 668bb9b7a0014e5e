"""Calls to URLs that clients supplied: short, small, guarded, and told without the URL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from broker.core.errors import FetchFailed
from broker.core.events import Event
from broker.testing.raw_server import Answer, RawServer, answer_of, raw_server
from broker.upstream.guard import LOOPBACK, Network
from broker.upstream.outbound import BODY_LIMIT, CALLS_AT_ONCE, CALLS_PER_HOST, Outbound, Slots

pytestmark = pytest.mark.anyio


class Notes:
    """Hears every event."""

    def __init__(self) -> None:
        self.heard: list[tuple[Event, dict[str, object]]] = []

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """Take note."""
        self.heard.append((event, dict(fields)))


@asynccontextmanager
async def outbound(*inside: Network, within: float = 5.0, notes: Notes | None = None) -> AsyncIterator[Outbound]:
    """One that may call the networks `inside`."""
    opened = await Outbound.open(recorder=notes or Notes(), inside=inside, within=within)
    yield opened
    await opened.close()


@asynccontextmanager
async def app() -> AsyncIterator[RawServer]:
    """An app on this machine with answers of many kinds."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.5)
        writer.write(answer_of(b"late"))

    elsewhere = answer_of(b"", "302 Found").replace(b"\r\n", b"\r\nLocation: /keys\r\n", 1)
    answers: dict[str, Answer] = {
        "/keys": answer_of(b'{"keys":[]}'),
        "/large": answer_of(b"x" * (BODY_LIMIT + 1)),
        "/full": answer_of(b"x" * BODY_LIMIT),
        "/moved": elsewhere,
        "/told": answer_of(b"x" * 100_000),
        "/slow": slow,
        "/late": late,
    }
    async with raw_server(answers) as served:
        yield served


async def test_a_document_is_fetched_and_a_notice_delivered_where_the_operator_allows_it() -> None:
    async with app() as served, outbound(*LOOPBACK) as calls:
        assert await calls.fetch(f"{served.url}/keys") == b'{"keys":[]}'
        assert len(await calls.fetch(f"{served.url}/full")) == BODY_LIMIT
        assert await calls.deliver(f"{served.url}/told", {"logout_token": "a b&c"}) == 200
        assert await calls.deliver(f"{served.url}/nowhere", {}) == 404
        assert served.received[2].params == {"logout_token": "a b&c"}


async def test_i15_an_event_is_pushed_as_it_is_and_no_redirect_takes_its_token_elsewhere() -> None:
    async with app() as served, outbound(*LOOPBACK) as calls:
        headers = {"Content-Type": "application/secevent+jwt", "Authorization": "Bearer t0k3n"}
        assert await calls.push(f"{served.url}/keys", "a=b", headers) == (200, b'{"keys":[]}')
        assert (await calls.push(f"{served.url}/moved", "a=b", headers))[0] == 302
        with pytest.raises(FetchFailed):
            await calls.push(f"{served.url}/large", "a=b", headers)
        assert [one.path for one in served.received] == ["/keys", "/moved", "/large"]
        first = served.received[0]
        assert (first.method, first.params) == ("POST", {"a": "b"})
        sent = (first.headers["content-type"], first.headers["authorization"])
        assert sent == ("application/secevent+jwt", "Bearer t0k3n")


@pytest.mark.parametrize("path", ["/nowhere", "/large", "/moved", "/slow"])
async def test_i6_i7_what_is_no_plain_small_timely_answer_is_none(path: str) -> None:
    async with app() as served, outbound(*LOOPBACK, within=0.5) as calls:
        with pytest.raises(FetchFailed) as failed:
            await calls.fetch(f"{served.url}{path}")
        assert served.url not in failed.value.detail
        assert len(served.received) == 1, "no redirect is followed and nothing is tried again"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "app.localhost"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_i2_i4_without_the_operators_word_no_address_of_ours_is_dialled(scheme: str, host: str) -> None:
    async with app() as served:
        port = served.url.rpartition(":")[2]
        for inside in ((), (ip_network("10.0.0.0/8"),)):
            async with outbound(*inside) as calls:
                with pytest.raises(FetchFailed):
                    await calls.fetch(f"{scheme}://{host}:{port}/keys")
                with pytest.raises(FetchFailed):
                    await calls.deliver(f"{scheme}://{host}:{port}/keys", {})
                with pytest.raises(FetchFailed):
                    await calls.push(f"{scheme}://{host}:{port}/keys", "", {})
        assert served.connections == 0


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://a@127.0.0.1/"]
)
async def test_i2_allowed_networks_allow_nothing_else(url: str) -> None:
    async with outbound(*LOOPBACK) as calls:
        with pytest.raises(FetchFailed):
            await calls.fetch(url)


async def test_a_call_is_told_without_its_url() -> None:
    notes = Notes()
    async with app() as served, outbound(*LOOPBACK, notes=notes) as calls:
        await calls.fetch(f"{served.url}/keys?token=s3cret")
        with pytest.raises(FetchFailed):
            await calls.fetch("https://192.168.0.1/s3cret")
    told = [fields for event, fields in notes.heard if event is Event.CLIENT_URL_CALLED]
    assert [fields["outcome"] for fields in told] == ["200", "forbidden: not an address of the public Internet"]
    assert "s3cret" not in repr(told)


async def test_i12_a_slow_server_takes_no_more_than_its_share() -> None:
    async with app() as served, outbound(*LOOPBACK, within=3.0) as calls:
        slow = served.url.replace("127.0.0.1", "localhost")
        dripping = [asyncio.create_task(calls.fetch(f"{slow}/slow")) for _ in range(2 * CALLS_AT_ONCE)]
        while served.connections < CALLS_PER_HOST:
            await asyncio.sleep(0.01)
        assert await calls.fetch(f"{served.url}/keys") == b'{"keys":[]}'
        assert served.connections <= CALLS_PER_HOST + 1
        failed = await asyncio.gather(*dripping, return_exceptions=True)
        assert all(isinstance(one, FetchFailed) for one in failed)
        assert await calls.fetch(f"{slow}/keys") == b'{"keys":[]}', "a slot comes back"


async def test_i12_the_time_of_a_call_begins_when_it_has_its_slot() -> None:
    async with app() as served, outbound(*LOOPBACK, within=2.5) as calls:
        found = await asyncio.gather(*(calls.fetch(f"{served.url}/late") for _ in range(2 * CALLS_PER_HOST)))
        assert found == [b"late"] * (2 * CALLS_PER_HOST)


async def test_i12_names_that_never_answer_hold_up_no_look_up_elsewhere() -> None:
    loop, never = asyncio.get_running_loop(), threading.Event()
    async with app() as served, outbound(*LOOPBACK) as calls:
        # The threads that everybody shares are all taken, as by look-ups for upstreams; those of clients are others.
        taken = [loop.run_in_executor(None, never.wait) for _ in range(64)]
        try:
            assert await calls.fetch(f"{served.url.replace('127.0.0.1', 'localhost')}/keys") == b'{"keys":[]}'
        finally:
            never.set()
            await asyncio.gather(*taken)


async def test_i12_slots_are_bounded_in_all_and_hosts_are_forgotten() -> None:
    slots = Slots(total=3, per_host=2)
    async with slots.hold("a", within=1), slots.hold("a", within=1):
        with pytest.raises(FetchFailed):
            async with slots.hold("a", within=0.01):
                pass
        async with slots.hold("b", within=1):
            with pytest.raises(FetchFailed):
                async with slots.hold("c", within=0.01):
                    pass
        async with slots.hold("c", within=1):
            pass
    assert slots.hosts == 0


async def test_i12_a_failure_of_the_call_is_no_waiting() -> None:
    slots = Slots()

    async def call() -> None:
        async with slots.hold("a", within=0.01):
            await asyncio.sleep(0.05)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await call()
    assert slots.hosts == 0
