"""Private keys may live anywhere: whoever needs a token neither knows nor cares."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
import pytest

from broker.core.errors import StoreUnavailable
from broker.core.jose.own_keys import KeyPair, mint_key
from broker.core.records import SigningKey
from broker.core.terms import Algorithm
from broker.services.keys.signing import InProcess, MadeKey, Signer
from tests.core.own_tokens import CLAIMS, pair_of
from tests.services.key_rings import ES, Rings, published

pytestmark = pytest.mark.anyio


@dataclass
class Faraway:
    """A key service on another machine, which gives names in place of keys. `away`: it does not answer."""

    pairs: dict[str, KeyPair] = field(default_factory=dict)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    async def make(self, algorithm: Algorithm) -> MadeKey:
        """A key that never leaves."""
        pair = mint_key(algorithm)
        self.pairs[name := f"projects/id/keys/{os.urandom(4).hex()}"] = pair
        return MadeKey(pair.public_jwk, name)

    async def open_(self, key: SigningKey) -> FarawayKey:
        """By its name."""
        return FarawayKey(self, self.pairs[key.sealed])


@dataclass
class FarawayKey:
    """A call over the network."""

    service: Faraway
    pair: KeyPair

    async def sign(self, message: bytes) -> bytes:
        """When the answer comes."""
        self.service.reached.set()
        await self.service.answers.wait()
        if self.service.away:
            raise StoreUnavailable("the key service does not answer")
        return self.pair.sign(message)


def read(token: str, jwks: bytes) -> Mapping[str, Any]:
    """As an app does with the keys published."""
    keys = jwt.PyJWKSet.from_dict(orjson.loads(jwks))
    kid = jwt.get_unverified_header(token)["kid"]
    options: jwt.types.Options = {"verify_exp": False}
    return dict(jwt.decode(token, keys[kid], [word.value for word in Algorithm], audience="app", options=options))


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_apps_read_what_every_algorithm_signs_with_the_keys_published(rings: Rings, algorithm: Algorithm) -> None:
    ring = rings.open(*Algorithm)
    await ring.refresh()
    assert read(await ring.signer(algorithm).sign(CLAIMS, typ="JWT"), ring.current.jwks) == CLAIMS


async def test_rs256_and_ps256_never_share_a_key(rings: Rings) -> None:
    ring = rings.open(Algorithm.RS256, Algorithm.PS256)
    await ring.refresh()
    keys = orjson.loads(ring.current.jwks)["keys"]
    assert {key["alg"] for key in keys} == {"RS256", "PS256"}
    assert len({key["n"] for key in keys}) == len({key["kid"] for key in keys}) == 2


async def test_a_key_that_is_elsewhere_signs_rotates_and_is_never_seen(rings: Rings) -> None:
    service = Faraway()
    service.answers.set()
    ring, other = rings.open(service=service), rings.open(service=service)
    await ring.refresh()
    await other.refresh()
    old = await other.signer(ES).sign(CLAIMS, typ="JWT")
    await ring.rotate(ES, at_once=True)
    for token in (old, await ring.signer(ES).sign(CLAIMS, typ="JWT")):
        assert read(token, ring.current.jwks) == CLAIMS
    assert {key.sealed for key in await rings.stored()} == set(service.pairs)
    await ring.replace()
    assert published(ring) == {ring.signer(ES).kid}


async def test_others_are_served_while_a_signature_is_awaited(rings: Rings) -> None:
    service = Faraway()
    ring = rings.open(service=service)
    await ring.refresh()
    waiting = asyncio.create_task(ring.signer(ES).sign(CLAIMS, typ="JWT"))
    await service.reached.wait()  # this runs, so the event loop does
    assert not waiting.done()
    service.answers.set()
    assert read(await waiting, ring.current.jwks) == CLAIMS


async def test_a_key_service_that_is_away_is_told_as_every_other_outage(rings: Rings) -> None:
    service = Faraway(away=True)
    service.answers.set()
    ring = rings.open(service=service)
    await ring.refresh()
    with pytest.raises(StoreUnavailable):
        await ring.signer(ES).sign(CLAIMS, typ="JWT")


async def test_signing_in_this_process_never_gives_way(rings: Rings) -> None:
    pair = pair_of(ES)
    step = Signer(pair.kid, ES, InProcess(pair)).sign(CLAIMS, typ="JWT")
    with pytest.raises(StopIteration):
        step.send(None)
