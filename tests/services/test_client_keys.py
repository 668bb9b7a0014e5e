"""Keys of clients: whose is whose, fetched seldom and once, kept when the client's server fails."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from broker.core.clients.client import AssertionPolicy, Client
from broker.core.events import Event
from broker.core.jose.jwk import Key, UnknownKey
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from broker.services.clients.keys import CLIENTS_LIMIT, COOL_DOWN, FRESH_FOR, HARD_LIMIT, SET_LIMIT, ClientKeys
from broker.services.context import Context
from broker.testing.raw_server import answer_of, raw_server
from broker.upstream.guard import LOOPBACK
from broker.upstream.outbound import Outbound
from tests.services.bare_broker import ISSUER, Clock, Notes, app
from tests.services.client_app import JWKS_URI, Web, published

pytestmark = pytest.mark.anyio
FIRST, SECOND = mint_key(Algorithm.ES256), mint_key(Algorithm.ES256)
APP = app(assertions=AssertionPolicy(jwks_uri=JWKS_URI))


@dataclass
class Bench:
    """The keys of clients, a clock and the world outside."""

    clock: Clock
    wall: Clock
    notes: Notes
    web: Web
    keys: ClientKeys

    async def has(self, kid: str | None, client: Client = APP, algorithm: str = "ES256") -> bool:
        try:
            found = await self.keys.find(client, kid, algorithm)
        except UnknownKey:
            return False
        assert isinstance(found, Key)
        return True

    @property
    def fetches(self) -> int:
        return len(self.web.fetched)


@pytest.fixture
def at() -> Bench:
    """A client that publishes one key."""
    clock, wall, notes, web = Clock(), Clock(), Notes(), Web()
    web.publish(FIRST)
    return Bench(clock, wall, notes, web, ClientKeys(Context(ISSUER, wall, lambda n: b"x" * n, notes, clock), web))


async def test_a_key_by_value_is_found_without_a_call(at: Bench) -> None:
    inline = app(assertions=AssertionPolicy(jwks=published(FIRST)))
    assert await at.has(FIRST.kid, inline)
    assert await at.has(None, inline)
    assert not await at.has(SECOND.kid, inline)
    assert not await at.has(FIRST.kid, inline, "RS256")
    assert at.fetches == 0


async def test_a_client_without_keys_or_with_none_that_is_usable_has_none(at: Bench) -> None:
    assert not await at.has(FIRST.kid, app())
    unusable: list[dict[str, Any]] = [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AA", "kid": FIRST.kid}]}]
    for jwks in unusable:
        assert not await at.has(FIRST.kid, app(assertions=AssertionPolicy(jwks=jwks)))


async def test_e13_the_keys_of_one_client_never_answer_for_another(at: Bench) -> None:
    other = replace(APP, id="other", assertions=AssertionPolicy(jwks_uri="https://other.test/jwks"))
    at.web.publish(SECOND, url="https://other.test/jwks")
    assert await at.has(FIRST.kid)
    assert await at.has(SECOND.kid, other)
    assert not await at.has(FIRST.kid, other)
    assert not await at.has(SECOND.kid)


async def test_keys_are_fetched_again_after_five_minutes_and_a_withdrawn_one_is_gone(at: Bench) -> None:
    assert await at.has(FIRST.kid)
    at.web.publish(SECOND)
    at.clock.now += FRESH_FOR - 1
    assert await at.has(FIRST.kid)
    assert at.fetches == 1
    at.clock.now += 1
    assert not await at.has(FIRST.kid)
    assert at.fetches == 2


async def test_a_withdrawn_key_is_gone_in_time_whatever_the_wall_clock_does(at: Bench) -> None:
    assert await at.has(FIRST.kid)
    at.web.publish(SECOND)
    at.wall.now -= 6 * 3600
    at.clock.now += FRESH_FOR
    assert not await at.has(FIRST.kid)


async def test_a_new_key_of_a_client_is_found_at_once_and_the_next_one_a_minute_later(at: Bench) -> None:
    assert await at.has(FIRST.kid)
    at.web.publish(FIRST, SECOND)
    assert await at.has(SECOND.kid)
    third = mint_key(Algorithm.ES256)
    at.web.publish(third)
    assert not await at.has(third.kid)
    at.clock.now += COOL_DOWN
    assert await at.has(third.kid)


async def test_e14_ten_thousand_unknown_key_ids_cause_at_most_two_fetches(at: Bench) -> None:
    assert await at.has(FIRST.kid)
    for number in range(10_000):
        assert not await at.has(f"k{number}")
    assert at.fetches == 2
    at.clock.now += COOL_DOWN - 1
    assert not await at.has("other")
    assert at.fetches == 2


async def test_e14_a_server_that_never_answered_is_asked_once_a_minute(at: Bench) -> None:
    at.web.answers.clear()
    for number in range(1000):
        assert not await at.has(f"k{number}")
    assert at.fetches == 1
    at.clock.now += COOL_DOWN
    at.web.publish(FIRST)
    assert await at.has(FIRST.kid)


async def test_everybody_who_waits_shares_one_fetch(at: Bench) -> None:
    assert all(await asyncio.gather(*(at.has(FIRST.kid) for _ in range(500))))
    assert at.fetches == 1


@pytest.mark.parametrize("failure", [None, b"<html>", b'{"keys": []}', b'{"keys": [], "keys": []}', b'{"keys": 5}'])
async def test_e15_a_failed_fetch_leaves_the_last_good_keys_for_a_day(at: Bench, failure: bytes | None) -> None:
    assert await at.has(FIRST.kid)
    at.web.answers = {} if failure is None else {JWKS_URI: failure}
    at.clock.now += FRESH_FOR
    assert await at.has(FIRST.kid)
    assert await at.has(FIRST.kid)
    assert at.fetches == 2, "a failure is not followed by another try at once"
    at.clock.now += HARD_LIMIT - FRESH_FOR - 1
    assert await at.has(FIRST.kid)
    at.clock.now += COOL_DOWN
    assert not await at.has(FIRST.kid)
    told = [fields for event, fields in at.notes.heard if event is Event.CLIENT_KEYS]
    assert told[0] == {"client_id": "app", "outcome": "fetched", "keys": 1}
    assert told[-1]["keys"] == 0
    at.clock.now += COOL_DOWN
    at.web.publish(FIRST)
    assert await at.has(FIRST.kid), "and it recovers by itself"


async def test_a_client_that_changes_where_its_keys_are_gets_them_from_there(at: Bench) -> None:
    assert await at.has(FIRST.kid)
    moved = replace(APP, assertions=AssertionPolicy(jwks_uri="https://app.test/new"))
    at.web.publish(SECOND, url="https://app.test/new")
    assert await at.has(SECOND.kid, moved)
    assert not await at.has(FIRST.kid, moved)


async def test_clients_without_number_do_not_fill_the_memory(at: Bench) -> None:
    for number in range(CLIENTS_LIMIT + 1):
        await at.has(None, app(f"c{number}", assertions=AssertionPolicy(jwks={"keys": []})))
    assert await at.has(FIRST.kid)
    assert len(at.keys._sets) == CLIENTS_LIMIT


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "app.localhost"]
)
async def test_i2_the_keys_of_a_client_are_not_fetched_from_inside(at: Bench, host: str) -> None:
    answer = answer_of(at.web.answers[JWKS_URI])
    async with raw_server({"/jwks": answer}) as served:
        port = served.url.rpartition(":")[2]
        outbound = await Outbound.open(recorder=at.notes)
        try:
            keys = ClientKeys(Context(ISSUER, at.clock, lambda n: b"x" * n, at.notes), outbound)
            for scheme in ("http", "https"):
                client = app(scheme, assertions=AssertionPolicy(jwks_uri=f"{scheme}://{host}:{port}/jwks"))
                with pytest.raises(UnknownKey):
                    await keys.find(client, FIRST.kid, "ES256")
        finally:
            await outbound.close()
        assert served.connections == 0


async def test_a_set_larger_than_any_honest_one_is_not_read(at: Bench) -> None:
    large = published(FIRST) | {"padding": "x" * SET_LIMIT}
    async with raw_server({"/jwks": answer_of(json.dumps(large).encode())}) as served:
        outbound = await Outbound.open(recorder=at.notes, inside=LOOPBACK)
        try:
            keys = ClientKeys(Context(ISSUER, at.clock, lambda n: b"x" * n, at.notes), outbound)
            with pytest.raises(UnknownKey):
                await keys.find(app(assertions=AssertionPolicy(jwks_uri=f"{served.url}/jwks")), FIRST.kid, "ES256")
        finally:
            await outbound.close()
