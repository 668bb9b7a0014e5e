"""What happens when Redis freezes, dies, evicts, is full, or is something else altogether."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from time import monotonic
from typing import TypeVar

import pytest

from broker.core.errors import ConfigError, StoreUnavailable
from broker.core.events import Event
from broker.store.outage import Outage
from broker.store.redis.fitness import Fitness
from broker.store.redis.transient import RedisTransient
from broker.store.redis.wire import Wire
from broker.store.transient import Kind
from tests.contract.redis_server import RedisServer
from tests.store.doubles import Notes

pytestmark = pytest.mark.anyio

T = TypeVar("T")


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


@pytest.fixture
async def store(server: RedisServer, notes: Notes, anyio_backend: str) -> AsyncIterator[RedisTransient]:
    """Connected. Looks at the server when something is wrong, and else not while a test lasts."""
    found = await RedisTransient.open(server.url, prefix="b:", installation="here", recorder=notes, look_every=600)
    yield found
    await found.close()


async def until(answer: Callable[[], Awaitable[T]], seconds: float) -> T:
    """The answer as soon as there is one instead of StoreUnavailable."""
    deadline = monotonic() + seconds
    while True:
        try:
            return await answer()
        except StoreUnavailable:
            assert monotonic() < deadline, "not recovered in time"
            await asyncio.sleep(0.02)


def burst(store: RedisTransient, number: int) -> list[Awaitable[bytes | None]]:
    return [store.get(Kind.SESSION, f"k{n}") for n in range(number)]


async def test_k1_a_frozen_server_is_a_quick_refusal_and_recovers_by_itself(
    server: RedisServer, store: RedisTransient, notes: Notes
) -> None:
    await store.put(Kind.SESSION, "k", b"v", ttl=60)
    server.freeze()
    answers = await asyncio.gather(*burst(store, 500), return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    began = monotonic()
    for _ in range(100):
        with pytest.raises(StoreUnavailable):
            await store.put(Kind.CODE, "c", b"v", ttl=60)
    assert monotonic() - began < 30, "while it is known to be away nobody waits for it, a second each"
    server.thaw()
    assert await until(lambda: store.get(Kind.SESSION, "k"), 30) == b"v"
    assert notes.events == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]


async def test_k1_a_killed_server_is_a_refusal_and_what_it_kept_is_there_when_it_returns(
    server: RedisServer, store: RedisTransient, notes: Notes
) -> None:
    await store.put(Kind.CLAIM, "used", b"", ttl=60)
    await asyncio.to_thread(server.kill)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await store.put(Kind.CLAIM, "other", b"", ttl=60)
        await asyncio.sleep(0.2)
    await asyncio.to_thread(server.start)
    assert await until(lambda: store.put(Kind.CLAIM, "used", b"", ttl=60), 30) is False
    assert notes.events == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]


async def test_an_idle_connection_the_server_closed_costs_nobody_an_error(
    server: RedisServer, store: RedisTransient, notes: Notes
) -> None:
    await store.ping()
    assert server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == b":1\r\n"
    await asyncio.sleep(0.05)
    await store.ping()
    assert notes.events == []


async def test_k4_after_a_flush_nothing_is_known_and_nothing_is_accepted(
    server: RedisServer, store: RedisTransient
) -> None:
    await store.put(Kind.CODE, "c", b"v", ttl=60)
    await store.put(Kind.SESSION, "s", b"v", ttl=60)
    server.ask("FLUSHALL")
    assert await store.take(Kind.CODE, "c") is None
    assert not await store.replace(Kind.SESSION, "s", b"w", ttl=60)
    assert await store.hit("k", ttl=60) == 1


async def test_k5_ten_thousand_cancelled_requests_leave_nobody_a_foreign_answer(
    server: RedisServer, store: RedisTransient
) -> None:
    for number in range(100):
        await store.put(Kind.SESSION, f"k{number}", f"v{number}".encode(), ttl=60)
    wrong: list[object] = []

    async def read(number: int) -> None:
        for _ in range(5):
            answer = await store.get(Kind.SESSION, f"k{number}")
            if answer != f"v{number}".encode():
                wrong.append(answer)

    dice, cancelled = random.Random(5), 0
    while cancelled < 10_000:
        tasks = [asyncio.create_task(read(number)) for number in range(100)]
        for task in dice.sample(tasks, 80):
            await asyncio.sleep(dice.choice([0, 0, 0, 0.0002]) if dice.random() < 0.1 else 0)
            cancelled += task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert wrong == []
    assert server.ask("INFO", "clients").split(b"connected_clients:")[1].split(b"\r\n")[0] == b"2"


async def test_k5_answers_that_come_after_the_time_limit_go_to_nobody(
    server: RedisServer, store: RedisTransient
) -> None:
    for number in range(20):
        await store.put(Kind.SESSION, f"k{number}", f"v{number}".encode(), ttl=60)
    for _ in range(3):
        server.freeze()
        with pytest.raises(StoreUnavailable):
            await store.get(Kind.SESSION, "k0")
        server.thaw()
        await until(store.ping, 30)
        assert await asyncio.gather(*burst(store, 20)) == [f"v{n}".encode() for n in range(20)]


async def test_k3_an_evicting_server_is_refused_at_start_by_the_name_of_its_setting(server: RedisServer) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigError, match=r"storage\.redis\.url: .*maxmemory-policy allkeys-lru.*noeviction"):
        await RedisTransient.open(server.url, prefix="b:", installation="here")


async def test_k3_a_server_told_to_evict_later_is_refused_until_that_is_undone(
    server: RedisServer, store: RedisTransient, notes: Notes
) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    with pytest.raises(StoreUnavailable, match="volatile-ttl"):
        await store.ping()
    await asyncio.sleep(0.6)
    with pytest.raises(StoreUnavailable):
        await store.take(Kind.CODE, "c")
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await until(store.ping, 30)
    assert notes.events == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]


async def test_k3_a_full_server_refuses_writes_forgets_nothing_and_is_told_of(
    server: RedisServer, store: RedisTransient, notes: Notes
) -> None:
    await store.put(Kind.CLAIM, "used", b"", ttl=60)
    await store.put(Kind.CODE, "c", b"v", ttl=60)
    server.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
        await store.put(Kind.CODE, "d", b"secret-value", ttl=60)
    assert await store.take(Kind.CODE, "c") == b"v"
    with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
        await store.ping()
    assert await store.get(Kind.CLAIM, "used") == b""
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert await until(lambda: store.put(Kind.CLAIM, "used", b"", ttl=60), 30) is False
    await until(store.ping, 30)
    assert notes.events == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]


async def test_a_replica_is_no_place_to_write_and_the_connection_is_made_anew(
    server: RedisServer, store: RedisTransient, notes: Notes
) -> None:
    server.ask("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreUnavailable, match="ReadOnlyError"):
        await store.put(Kind.CODE, "d", b"v", ttl=60)
    server.ask("REPLICAOF", "NO", "ONE")
    await until(store.ping, 30)
    assert await store.put(Kind.CODE, "d", b"v", ttl=60)
    assert notes.events == [Event.STORE_UNAVAILABLE, Event.STORE_RECOVERED]


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://user:hunter2@h", "redis://user:hunter2@h:port/0"])
async def test_an_address_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.redis\.url") as refused:
        await RedisTransient.open(url, prefix="b:", installation="here")
    assert "hunter2" not in str(refused.value)


async def test_a_wrong_password_is_refused_without_being_repeated(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", "broker", "on", ">right", "~*", "+@all")
    with pytest.raises(ConfigError, match="user or password") as refused:
        await RedisTransient.open(f"{server.url}?username=broker&password=hunter2", prefix="b:", installation="here")
    assert "hunter2" not in str(refused.value)


async def test_k6_a_user_with_only_our_keys_and_commands_is_enough(server: RedisServer) -> None:
    server.ask(
        "ACL", "SETUSER", "broker", "on", ">right", "resetkeys", "~b:*", "nocommands",
        "+get", "+set", "+getdel", "+incr", "+expire", "+eval", "+info",
    )  # fmt: skip
    store = await RedisTransient.open(f"{server.url}?username=broker&password=right", prefix="b:", installation="here")
    assert await store.put(Kind.CODE, "c", b"v", ttl=60)
    assert await store.replace(Kind.CODE, "c", b"w", ttl=60)
    assert await store.get(Kind.CODE, "c") == await store.take(Kind.CODE, "c") == b"w"
    assert await store.hit("k", ttl=60) == 1
    await store.ping()
    await store.close()


async def test_a_user_who_may_not_see_the_policy_is_refused(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", "broker", "on", ">right", "~*", "+@all", "-info")
    with pytest.raises(ConfigError, match="INFO"):
        await RedisTransient.open(f"{server.url}?username=broker&password=right", prefix="b:", installation="here")


@pytest.mark.parametrize(
    ("info", "stored", "problem"),
    [
        ({"redis_version": "7.0.15", "maxmemory_policy": "noeviction"}, True, None),
        ({"redis_version": "7.2.4", "maxmemory_policy": "noeviction", "valkey_version": "8.1.0"}, True, None),
        ({"redis_version": 8.0, "maxmemory_policy": "noeviction"}, True, None),
        ({"redis_version": "6.2.14", "maxmemory_policy": "noeviction"}, True, "version 6.2.14"),
        ({"redis_version": "unstable", "maxmemory_policy": "noeviction"}, True, "version unstable"),
        ({"maxmemory_policy": "noeviction"}, True, "version None"),
        ({"redis_version": "7.0.15", "maxmemory_policy": "allkeys-random"}, True, "allkeys-random"),
        ({"redis_version": "7.0.15"}, True, "maxmemory-policy None"),
        ({"redis_version": "7.0.15", "maxmemory_policy": "noeviction"}, ValueError(), "ValueError"),
        (ValueError("secret"), True, "ValueError"),
    ],
)
async def test_a_server_is_fit_only_if_it_says_so(info: object, stored: object, problem: str | None) -> None:
    found = Fitness("b:", "here").judge([info, True, b"here", stored])
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert problem in found.text
        assert "secret" not in found.text


async def test_more_callers_than_the_queue_holds_are_refused_and_the_others_served(
    server: RedisServer, store: RedisTransient
) -> None:
    answers = await asyncio.gather(*burst(store, 9000), return_exceptions=True)
    assert [type(answer) for answer in answers].count(StoreUnavailable) == 9000 - 8192
    assert answers.count(None) == 8192


async def test_nothing_is_asked_of_a_closed_store(store: RedisTransient) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.get(Kind.CODE, "c")


async def test_closing_answers_what_was_asked_before(server: RedisServer, store: RedisTransient) -> None:
    asked = [asyncio.create_task(store.put(Kind.CODE, f"c{n}", b"v", ttl=60)) for n in range(100)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*asked) == [True] * 100


async def test_closing_while_the_server_is_away_ends(server: RedisServer, store: RedisTransient) -> None:
    server.freeze()
    asked = [asyncio.create_task(store.get(Kind.CODE, "c")) for _ in range(10)]
    await asyncio.sleep(0)
    await store.close()
    assert {type(a) for a in await asyncio.gather(*asked, return_exceptions=True)} == {StoreUnavailable}
    server.thaw()


async def test_closing_while_waiting_for_the_server_to_return_ends(server: RedisServer) -> None:
    store = await RedisTransient.open(server.url, prefix="b:", installation="here", patience=0.5)
    server.freeze()
    asked = [asyncio.create_task(store.get(Kind.CODE, "c")) for _ in range(10)]
    await asyncio.sleep(0.05)
    asked[3].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers].count(StoreUnavailable) == 9
    await asyncio.sleep(0.05)
    await store.close()
    await store.close()
    server.thaw()


async def test_a_connection_that_breaks_under_a_request_is_made_anew_at_once(
    server: RedisServer, store: RedisTransient
) -> None:
    await store.put(Kind.SESSION, "k", b"v", ttl=60)
    server.freeze()
    asked = asyncio.create_task(store.get(Kind.SESSION, "k"))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    with pytest.raises(StoreUnavailable):
        await asked
    assert await until(lambda: store.get(Kind.SESSION, "k"), 30) == b"v"


async def test_the_password_is_in_no_text_of_ours() -> None:
    wire = Wire(
        "redis://user:hunter2@h:1/0",
        fitness=Fitness("b:", "here"),
        outage=Outage("redis", None),
        patience=0.2,
        look_every=1,
    )
    await wire.start()
    with pytest.raises(StoreUnavailable) as refused:
        await wire.check()
    assert "hunter2" not in str(refused.value) + repr(wire)
    await wire.close()
