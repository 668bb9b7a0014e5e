"""Redis is looked at whether anybody asks for anything or not; and it belongs to one installation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from time import monotonic, sleep
from typing import Any, Literal, TypeVar

import pytest

from broker.core.errors import ConfigError, StoreUnavailable
from broker.core.events import Event
from broker.store.outage import Outage
from broker.store.redis.fitness import Fitness, explain
from broker.store.redis.transient import RedisTransient
from broker.store.redis.wire import Wire
from broker.store.transient import Kind
from tests.contract.forgetful_proxy import ForgetfulProxy
from tests.contract.redis_server import RedisServer
from tests.store.doubles import Notes

pytestmark = pytest.mark.anyio

T = TypeVar("T")
OUTAGE = [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]
How = Literal["rst", "silence"]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server a test may break."""
    found = RedisServer()
    yield found
    found.stop()


@pytest.fixture
def notes() -> Notes:
    """What was recorded."""
    return Notes()


@asynccontextmanager
async def opened(url: str, notes: Notes | None = None, **more: Any) -> AsyncIterator[RedisTransient]:
    """A store of the installation `here` that looks all the time, unless a test says otherwise."""
    settings = {"prefix": "b:", "installation": "here", "look_every": 0.2, **more}
    store = await RedisTransient.open(url, recorder=notes, **settings)
    yield store
    await store.close()


@asynccontextmanager
async def unwatched(proxy: ForgetfulProxy, notes: Notes) -> AsyncIterator[RedisTransient]:
    """A store behind a proxy that nobody keeps awake."""
    async with proxy.running(), opened(proxy.url, notes, look_every=600) as store:
        yield store


async def until(met: Callable[[], bool]) -> None:
    """Wait for something that happens by itself."""
    deadline = monotonic() + 60
    while not met():
        assert monotonic() < deadline, "it does not happen by itself"
        await asyncio.sleep(0.02)


async def until_answered(answer: Callable[[], Awaitable[T]]) -> T:
    """The answer as soon as there is one instead of StoreUnavailable."""
    deadline = monotonic() + 60
    while True:
        try:
            return await answer()
        except StoreUnavailable:
            assert monotonic() < deadline, "not recovered"
            await asyncio.sleep(0.02)


# --- looked at ---


@pytest.mark.parametrize("how", ["rst", "silence"])
async def test_after_a_pause_the_first_request_is_served_whatever_a_balancer_forgets(
    server: RedisServer, notes: Notes, how: How
) -> None:
    async with ForgetfulProxy(server.path, 3, how).running() as proxy, opened(proxy.url, notes) as store:
        for number in range(2):
            await asyncio.sleep(4)
            assert await store.put(Kind.CODE, f"c{number}", b"v", ttl=60)
        assert (proxy.forgotten, proxy.made, notes.events) == (0, 1, [])


async def test_what_only_reads_is_asked_again_on_a_fresh_connection(server: RedisServer, notes: Notes) -> None:
    proxy = ForgetfulProxy(server.path, 0.2, "rst")
    async with unwatched(proxy, notes) as store:
        await store.put(Kind.SESSION, "k", b"v", ttl=60)
        await asyncio.sleep(0.5)
        asked = [store.get(Kind.SESSION, "k"), store.get(Kind.SESSION, "none"), store.get(Kind.SESSION, "k")]
        assert await asyncio.gather(*asked) == [b"v", None, b"v"]
        assert (proxy.forgotten, notes.events) == (1, [])


async def test_what_writes_is_not_and_the_next_call_need_not_wait(server: RedisServer, notes: Notes) -> None:
    proxy = ForgetfulProxy(server.path, 0.2, "rst")
    async with unwatched(proxy, notes) as store:
        await store.put(Kind.SESSION, "k", b"v", ttl=60)
        await asyncio.sleep(0.5)
        with pytest.raises(StoreUnavailable):
            await store.put(Kind.CLAIM, "c", b"v", ttl=60)
        assert await store.put(Kind.CLAIM, "d", b"v", ttl=60)
        assert notes.events == OUTAGE


@pytest.mark.parametrize(
    ("setting", "bad", "good", "said"),
    [
        ("maxmemory-policy", "allkeys-lru", "noeviction", "maxmemory-policy allkeys-lru"),
        ("maxmemory", "1", "0", "OutOfMemoryError"),
        ("min-replicas-to-write", "1", "0", "NOREPLICAS"),
    ],
)
async def test_k3_a_server_that_became_unfit_is_found_out_and_well_again_with_nobody_asking(
    server: RedisServer, notes: Notes, setting: str, bad: str, good: str, said: str
) -> None:
    async with opened(server.url, notes):
        server.ask("CONFIG", "SET", setting, bad)
        await until(lambda: notes.events == OUTAGE[:1])
        assert said in notes.details[0]
        server.ask("CONFIG", "SET", setting, good)
        await until(lambda: notes.events == OUTAGE)


async def test_a_server_that_is_not_there_yet_is_waited_for(server: RedisServer, notes: Notes) -> None:
    await asyncio.to_thread(server.kill)
    async with opened(server.url, notes) as store:
        with pytest.raises(StoreUnavailable, match=r"^redis: ConnectionError \(.+\)$"):
            await store.get(Kind.SESSION, "k")
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            await store.ping()
        assert notes.events == OUTAGE[:1]
        await asyncio.to_thread(server.start)
        assert await until_answered(lambda: store.put(Kind.SESSION, "k", b"v", ttl=60))
        assert notes.events == OUTAGE


async def test_a_refusal_of_one_command_is_told_and_says_no_more_than_its_kind(
    server: RedisServer, notes: Notes
) -> None:
    server.ask("LPUSH", "b:session:k", "x")
    async with opened(server.url, notes, look_every=600) as store:
        with pytest.raises(StoreUnavailable, match=r"^redis: WRONGTYPE$"):
            await store.get(Kind.SESSION, "k")
        assert await store.put(Kind.SESSION, "other", b"v", ttl=60), "the others are served meanwhile"
        await until(lambda: notes.events == OUTAGE)
        assert notes.details[0] == "WRONGTYPE"


async def test_a_process_that_had_no_processor_does_not_take_the_server_for_dead(
    server: RedisServer, notes: Notes
) -> None:
    async with opened(server.url, notes, patience=0.2, look_every=600) as store:
        asked = asyncio.create_task(store.put(Kind.SESSION, "k", b"v", ttl=60))
        for _ in range(4):
            await asyncio.sleep(0)  # it is on its way
        sleep(1)  # blocks the loop; the answer arrives meanwhile, and the time limit passes
        assert await asked
        assert notes.events == []


def test_an_error_without_a_reason_is_told_by_its_name() -> None:
    assert explain(TimeoutError("secret")).text == "TimeoutError"


class Breaking(Notes):
    """A recorder that fails once, against its contract."""

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """Fail the first time."""
        super().record(event, **fields)
        if len(self.events) == 1:
            raise RuntimeError("recording failed")


async def test_a_failure_while_sending_leaves_nobody_waiting(server: RedisServer) -> None:
    heard: list[str] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: heard.append(str(context.get("exception"))))
    wire = Wire(
        server.url,
        fitness=Fitness("b:", "here"),
        outage=Outage("redis", Breaking()),
        patience=1,
        look_every=600,
    )
    await wire.start()
    server.ask("LPUSH", "list", "x")
    async with asyncio.timeout(60):  # a guard: what must not happen is waiting for ever
        answers = await asyncio.gather(wire.call("GET", "list"), wire.call("GET", "k"), return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable, type(None)]
        assert await wire.call("GET", "k") is None
        await wire.close()
    loop.set_exception_handler(before)
    assert heard == ["recording failed"], "and the operator hears of the bug"


# --- whose it is ---


async def test_k26_a_second_installation_is_refused_by_name_of_the_key_that_says_so(server: RedisServer) -> None:
    async with opened(server.url), opened(server.url):  # the same one may come twice, as in a restart
        with pytest.raises(ConfigError, match=r"another database.*storage\.redis\.prefix.*'b:installation'"):
            await RedisTransient.open(server.url, prefix="b:", installation="there")
        async with opened(server.url, prefix="c:", installation="there"):
            assert server.ask("GET", "c:installation") == b"$5\r\nthere\r\n"
    with pytest.raises(ConfigError):
        await RedisTransient.open(server.url, prefix="b:", installation="there")
    assert server.ask("DEL", "b:installation") == b":1\r\n"
    async with opened(server.url, installation="there") as store:
        assert await store.put(Kind.CODE, "c", b"v", ttl=60)


async def test_k26_a_server_that_lost_everything_is_claimed_anew_by_whoever_uses_it(server: RedisServer) -> None:
    async with opened(server.url):
        server.ask("FLUSHALL")
        await until(lambda: server.ask("GET", "b:installation") == b"$4\r\nhere\r\n")
        with pytest.raises(ConfigError, match="another database"):
            await RedisTransient.open(server.url, prefix="b:", installation="there")


async def test_k26_a_server_that_comes_later_and_is_another_ones_is_not_used_and_told_of(
    server: RedisServer, notes: Notes
) -> None:
    server.ask("SET", "b:installation", "there")
    await asyncio.to_thread(server.kill)
    async with opened(server.url, notes) as store:
        await asyncio.to_thread(server.start)
        await until(lambda: "another database" in notes.details[-1])
        with pytest.raises(StoreUnavailable, match="another database"):
            await store.get(Kind.SESSION, "k")
        with pytest.raises(StoreUnavailable, match="another database"):
            await store.ping()
        assert set(notes.events) == {Event.STORE_UNAVAILABLE}
        assert len(notes.events) == 2, "told once when it was away, and once when it came and was another's"
        server.ask("DEL", "b:installation")
        assert await until_answered(lambda: store.put(Kind.SESSION, "k", b"v", ttl=60))


async def test_k26_a_full_server_that_nobody_claimed_is_not_used(server: RedisServer, notes: Notes) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "1")
    async with opened(server.url, notes) as store:
        with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
            await store.get(Kind.SESSION, "k")
        server.ask("CONFIG", "SET", "maxmemory", "0")
        assert await until_answered(lambda: store.put(Kind.SESSION, "k", b"v", ttl=60))


async def test_a_store_that_is_closed_says_so(server: RedisServer) -> None:
    async with opened(server.url) as store:
        pass
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()


def test_an_answer_nobody_foresaw_is_told_by_its_kind() -> None:
    fitness = Fitness("b:", "here")
    well = {"redis_version": "7.2.0", "maxmemory_policy": "noeviction"}
    problem = fitness.judge([well, True, b"here", 7])
    assert problem is not None
    assert problem.text == "the server answers SET with int"
