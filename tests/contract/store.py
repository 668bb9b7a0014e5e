"""What every store for values that expire must do. A backend's tests inherit the rules and give them a `place`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

import pytest

from broker.store.transient import Kind, Transient

T = TypeVar("T")

CALLERS = 50


class Place(Protocol):
    """Where a store under test lives, and its clock."""

    @property
    def transient(self) -> Transient:
        """The store, as it is open now."""

    async def pass_time(self, seconds: int) -> None:
        """Let that many seconds of the store's clock go by."""

    async def reopen(self) -> Transient:
        """Close the store and open it over the same state."""


async def at_once(times: int, ask: Callable[[], Awaitable[T]]) -> list[T]:
    """The answers of `times` callers who ask in the same turn of the event loop."""
    return list(await asyncio.gather(*(ask() for _ in range(times))))


class TransientRules:
    """Inherit, and provide the fixture `place`."""

    pytestmark = pytest.mark.anyio

    async def test_what_was_put_is_read_again_byte_for_byte(self, place: Place) -> None:
        value = bytes(range(256))
        assert await place.transient.put(Kind.SESSION, "k", value, ttl=60)
        assert await place.transient.get(Kind.SESSION, "k") == value

    async def test_what_was_never_put_is_not_there(self, place: Place) -> None:
        assert await place.transient.get(Kind.CODE, "k") is None
        assert await place.transient.take(Kind.CODE, "k") is None
        assert not await place.transient.replace(Kind.CODE, "k", b"v", ttl=60)
        assert await place.transient.get(Kind.CODE, "k") is None

    async def test_a_taken_key_is_not_given_to_another_value(self, place: Place) -> None:
        assert await place.transient.put(Kind.CLAIM, "k", b"first", ttl=60)
        assert not await place.transient.put(Kind.CLAIM, "k", b"second", ttl=60)
        assert await place.transient.get(Kind.CLAIM, "k") == b"first"

    async def test_b2_of_fifty_who_claim_a_state_at_once_one_gets_it(self, place: Place) -> None:
        for attempt in range(5):
            claimed = await at_once(CALLERS, partial(place.transient.put, Kind.CLAIM, f"state{attempt}", b"", ttl=60))
            assert claimed.count(True) == 1

    async def test_f2_of_fifty_who_take_a_value_at_once_one_gets_it(self, place: Place) -> None:
        for attempt in range(5):
            key = f"code{attempt}"
            await place.transient.put(Kind.CODE, key, b"v", ttl=60)
            taken = await at_once(CALLERS, partial(place.transient.take, Kind.CODE, key))
            assert taken.count(b"v") == 1
            assert taken.count(None) == CALLERS - 1

    async def test_what_was_taken_is_gone(self, place: Place) -> None:
        await place.transient.put(Kind.CODE, "k", b"v", ttl=60)
        assert await place.transient.take(Kind.CODE, "k") == b"v"
        assert await place.transient.take(Kind.CODE, "k") is None
        assert await place.transient.get(Kind.CODE, "k") is None

    async def test_a_value_is_there_until_it_expires_and_gone_from_then_on(self, place: Place) -> None:
        for name in ("read", "taken", "replaced"):
            await place.transient.put(Kind.CODE, name, b"v", ttl=2)
        await place.pass_time(1)
        assert await place.transient.get(Kind.CODE, "read") == b"v"
        await place.pass_time(1)
        assert await place.transient.get(Kind.CODE, "read") is None
        assert await place.transient.take(Kind.CODE, "taken") is None
        assert not await place.transient.replace(Kind.CODE, "replaced", b"w", ttl=60)

    async def test_the_key_of_an_expired_value_is_free(self, place: Place) -> None:
        await place.transient.put(Kind.CLAIM, "k", b"old", ttl=1)
        await place.pass_time(1)
        assert await place.transient.put(Kind.CLAIM, "k", b"new", ttl=60)
        assert await place.transient.get(Kind.CLAIM, "k") == b"new"

    async def test_replacing_gives_a_new_value_and_a_new_life(self, place: Place) -> None:
        await place.transient.put(Kind.SESSION, "k", b"old", ttl=1)
        assert await place.transient.replace(Kind.SESSION, "k", b"new", ttl=60)
        await place.pass_time(1)
        assert await place.transient.get(Kind.SESSION, "k") == b"new"

    @pytest.mark.parametrize("ttl", [0, -5])
    async def test_a_mark_without_time_left_still_refuses_the_second_who_comes_at_once(
        self, place: Place, ttl: int
    ) -> None:
        assert await place.transient.put(Kind.CLAIM, "k", b"", ttl=ttl)
        assert not await place.transient.put(Kind.CLAIM, "k", b"", ttl=ttl)

    @pytest.mark.parametrize("kind", list(Kind))
    async def test_b8_a_key_of_one_kind_is_no_key_of_another(self, place: Place, kind: Kind) -> None:
        await place.transient.put(kind, "k", kind.encode(), ttl=60)
        for other in set(Kind) - {kind}:
            assert await place.transient.get(other, "k") is None
            assert await place.transient.take(other, "k") is None
            assert not await place.transient.replace(other, "k", b"x", ttl=60)
        assert await place.transient.take(kind, "k") == kind.encode()

    async def test_d20_a_key_that_looks_like_kind_and_key_is_only_itself(self, place: Place) -> None:
        for key in ("code:k", "k:", ":k", '{"k":1}', "k\u00e9", "ke\u0301", "K", "k "):
            assert await place.transient.put(Kind.CODE, key, key.encode(), ttl=60)
        for key in ("code:k", "k:", ":k", '{"k":1}', "k\u00e9", "ke\u0301", "K", "k "):
            assert await place.transient.get(Kind.CODE, key) == key.encode()
        assert await place.transient.get(Kind.CODE, "k") is None

    async def test_values_survive_a_restart(self, place: Place) -> None:
        await place.transient.put(Kind.SESSION, "kept", b"v", ttl=60)
        await place.transient.put(Kind.CODE, "taken", b"v", ttl=60)
        await place.transient.take(Kind.CODE, "taken")
        again = await place.reopen()
        assert await again.get(Kind.SESSION, "kept") == b"v"
        assert await again.get(Kind.CODE, "taken") is None

    async def test_k5_a_cancelled_caller_leaves_its_answer_to_nobody(self, place: Place) -> None:
        for number in range(200):
            await place.transient.put(Kind.SESSION, f"person{number}", f"person{number}".encode(), ttl=60)

        async def read(number: int) -> None:
            answer = await place.transient.get(Kind.SESSION, f"person{number}")
            assert answer == f"person{number}".encode()

        for turn in range(10):
            tasks = [asyncio.create_task(read(number)) for number in range(200)]
            for _ in range(turn % 4):  # cancel before, while and after the question is on its way
                await asyncio.sleep(0)
            for task in tasks[turn % 3 :: 3]:
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(answer) for answer in answers} <= {type(None), asyncio.CancelledError}

    async def test_it_says_that_it_can_be_written_to(self, place: Place) -> None:
        await place.transient.ping()

    async def test_closing_twice_is_closing(self, place: Place) -> None:
        await place.transient.close()
        await place.transient.close()
