"""Rates of the stores: `python -m benchmarks.store [folder]`. Needs redis-server for the lower half.

Prints, for a number of callers at once, operations per second of wall time and microseconds of this process's CPU per
operation. `folder` is where the database goes: its disk decides what a sync costs, which is printed first.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from broker.store.redis.transient import RedisTransient
from broker.store.sqlite.store import SqliteStore
from broker.store.transient import Kind, Transient
from tests.contract.people import NOW, account, grant, link, token
from tests.contract.redis_server import RedisServer

VALUE = os.urandom(400)
OPERATIONS = 12_000
Operation = Callable[[int], Awaitable[object]]


async def measure(name: str, operation: Operation, *, first: int = 0) -> None:
    """One line: `operation` with 1, 16 and 64 callers; it is given numbers from `first` on, each once."""
    columns = []
    for callers in (1, 16, 64):
        numbers = iter(range(first, first + (OPERATIONS // 8 if callers == 1 else OPERATIONS)))

        async def call(numbers: Iterator[int] = numbers) -> None:
            for number in numbers:
                await operation(number)

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(call() for _ in range(callers)))
        count = OPERATIONS // 8 if callers == 1 else OPERATIONS
        first += count
        wall, spent = time.perf_counter() - began, time.process_time() - cpu
        columns.append(f"{count / wall:9,.0f}/s {spent / count * 1e6:6.1f} us")
    print(f"{name:28}" + "   ".join(columns))


async def measure_transient(name: str, store: Transient) -> None:
    """What a login does with values that expire."""
    await measure(f"{name} put", lambda n: store.put(Kind.CODE, f"{n:012}", VALUE, ttl=600))
    await measure(f"{name} get", lambda n: store.get(Kind.CODE, f"{n:012}"))
    await measure(f"{name} take", lambda n: store.take(Kind.CODE, f"{n:012}"))


async def measure_sqlite(path: str) -> None:
    """Both halves over one file."""
    store = await SqliteStore.open(path, clock=time.time)
    durable = store.durable
    await measure_transient("sqlite", store.transient)
    await measure("sqlite first login", lambda n: durable.people.adopt(account(f"s{n}"), link(f"x{n}")))
    await measure(
        "sqlite returning login", lambda n: durable.people.update_link(replace(link(f"x{n}"), seen_at=NOW + 1))
    )
    await measure(
        "sqlite redeem",
        lambda n: durable.grants.redeem(
            f"c{n}", grant(n, sub=f"s{n}", subject=f"x{n}"), token(f"t{n}", grant_id=f"g{n}"), now=NOW
        ),
    )
    await measure("sqlite grant (userinfo)", lambda n: durable.grants.find(f"g{n}", now=NOW))
    await measure(
        "sqlite rotate", lambda n: durable.grants.rotate(f"t{n}", token(f"u{n}", grant_id=f"g{n}"), now=NOW, grace=10)
    )
    await store.close()


def sync_time(folder: Path) -> float:
    """Seconds one fsync of a small write takes."""
    with (folder / "sync").open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(200):
            file.write(VALUE)
            os.fdatasync(file.fileno())
    return (time.perf_counter() - began) / 200


async def main(folder: Path) -> None:
    """Everything, one after the other."""
    print(f"one sync of the disk: {sync_time(folder) * 1000:.2f} ms")
    print(f"{'':28}" + "".join(f"{callers:>9} at once      " for callers in (1, 16, 64)))
    await measure_sqlite(str(folder / "broker.db"))
    server = RedisServer("--appendfsync", "everysec")
    redis = await RedisTransient.open(server.url, prefix="bench:", installation="bench")
    await measure_transient("redis", redis)
    await redis.close()
    server.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as place:
        asyncio.run(main(Path(place)))
