"""Key sets: read key by key, fetched seldom and once, kept when the issuer fails."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from broker.core.errors import UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event
from broker.testing.bench import Notes
from broker.upstream.fields import Fields
from broker.upstream.jwt import JwtVerifier
from broker.upstream.keyset import COOL_DOWN, FIRST_COOL_DOWN, HARD_LIMIT, MAX_AGE, MIN_AGE, KeySet, parse_keys
from tests.upstream.test_jwt_threats import NOW, RULES, Issuer, claims, jwk, sign

pytestmark = pytest.mark.anyio


@dataclass
class Clock:
    """Monotonic seconds a test moves."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Bench:
    """A key set, its issuer and its clock."""

    issuer: Issuer
    clock: Clock
    notes: Notes
    keys: KeySet

    async def has(self, kid: str | None, algorithm: str = "RS256") -> bool:
        try:
            await self.keys.find(kid, algorithm)
        except (UpstreamInvalid, UpstreamUnavailable):
            return False
        return True


def bench(keys: list[Any] | None = None) -> Bench:
    issuer = Issuer(keys) if keys is not None else Issuer()
    clock, notes = Clock(), Notes()
    return Bench(issuer, clock, notes, KeySet(issuer, RULES.jwks_uri, name="x", recorder=notes, clock=clock))


def unusable() -> list[Any]:
    weak = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)
    good = jwk("RS256", kid="a")
    p384 = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    return [
        5,
        None,
        [],
        {},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "a"},
        {"kty": "EC", "crv": "secp256k1", "alg": "ES256K", "use": "sig", "kid": "a", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "Ed448", "alg": "EdDSA", "kid": "a", "x": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "a", "x": "AA"},
        {"kty": "EC", "crv": ["P-256"], "kid": "a"},
        {"kty": "RSA", "kid": "a", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "kid": "a", "e": "AQAB"},
        good | {"use": "enc"},
        good | {"use": None},
        good | {"key_ops": ["encrypt"]},
        good | {"key_ops": "verify"},
        good | {"alg": "RSA-OAEP"},
        good | {"alg": ["RS256"]},
        good | {"kid": 5},
        good | {"e": "AQ"},
        weak | {"kid": "a"},
        p384 | {"kid": "a", "alg": "ES256"},
    ]


async def test_a_key_nobody_can_use_does_not_take_the_others_with_it() -> None:
    for key in unusable():
        alone = bench([key])
        assert not await alone.has("a")
        beside = bench([key, jwk("RS256", kid="b")])
        assert await beside.has("b")
        assert not await beside.has("a", "ES256")
    assert await bench([*unusable(), jwk("RS256", kid="b")]).has("b")


async def test_an_rsa_key_without_use_and_with_other_members_is_good() -> None:
    # As Telegram publishes its first key (read 2026-11).
    key = {name: value for name, value in jwk("RS256", kid="oidc-1").items() if name != "use"}
    assert await bench([key | {"ext": True, "key_ops": ["verify"]}]).has("oidc-1")


async def test_a_private_key_published_by_mistake_is_read_as_a_public_one() -> None:
    pair = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True) | {"key_ops": ["sign", "verify"]}
    (key,) = parse_keys(Fields({"keys": [pair]}))
    assert isinstance(key.public, rsa.RSAPublicKey)


async def test_a_key_that_names_no_algorithm_serves_those_of_its_kind() -> None:
    key = {name: value for name, value in jwk("RS256", kid="a").items() if name != "alg"}
    at = bench([key])
    assert await at.has("a", "RS256")
    assert await at.has("a", "PS512")
    assert not await at.has("a", "ES256")
    assert not await at.has("a", "HS256")


async def test_without_a_kid_there_must_be_exactly_one_key() -> None:
    assert await bench([jwk("RS256", kid="a"), jwk("ES256", kid="b")]).has(None)
    assert not await bench([jwk("RS256", kid="a"), other_key() | {"kid": "b"}]).has(None)
    nameless = {name: value for name, value in jwk("RS256", kid="").items() if name != "kid"}
    assert await bench([nameless]).has(None)
    assert not await bench([nameless]).has("a")


@pytest.mark.parametrize("keys", [None, {}, "x", []])
def test_a_set_that_is_none_is_refused(keys: object) -> None:
    with pytest.raises(UpstreamInvalid):
        parse_keys(Fields({"keys": keys}))


def test_e16_a_set_of_more_than_a_hundred_keys_is_refused() -> None:
    key = jwk("RS256", kid="a")
    assert len(parse_keys(Fields({"keys": [key] * 100}))) == 100
    with pytest.raises(UpstreamInvalid):
        parse_keys(Fields({"keys": [key] * 101}))


async def test_e14_ten_thousand_unknown_key_ids_cause_at_most_two_fetches() -> None:
    at = bench()
    assert await at.has("rsa")
    for number in range(10_000):
        assert not await at.has(f"k{number}")
    assert at.issuer.fetches == 2
    at.clock.at += COOL_DOWN - 1
    assert not await at.has("other")
    assert at.issuer.fetches == 2
    at.clock.at += 1
    assert not await at.has("other")
    assert at.issuer.fetches == 3


async def test_a_rotated_key_is_found_at_once() -> None:
    at = bench([jwk("RS256", kid="a")])
    assert await at.has("a")
    at.issuer.keys = [jwk("RS256", kid="b")]
    assert await at.has("b")
    assert not await at.has("a")


async def test_k20_everybody_who_waits_shares_one_fetch() -> None:
    at = bench()
    assert all(await asyncio.gather(*(at.has("rsa") for _ in range(500))))
    assert at.issuer.fetches == 1


async def test_a_waiter_who_is_cancelled_leaves_the_fetch_to_the_next() -> None:
    at = bench()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(url: str, *, spare: bool = False) -> tuple[Fields, int | None]:
        entered.set()
        await leave.wait()
        return await at.issuer.get_cacheable(url)

    class Slow:
        get_cacheable = staticmethod(slow)

    keys = KeySet(Slow(), RULES.jwks_uri, name="x", recorder=Notes(), clock=at.clock)
    first = asyncio.create_task(keys.find("rsa", "RS256"))
    await entered.wait()
    second = asyncio.create_task(keys.find("rsa", "RS256"))
    await asyncio.sleep(0)
    first.cancel()
    leave.set()
    assert await second is not None
    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.parametrize(
    ("said", "kept"), [(None, MIN_AGE), (0, MIN_AGE), (60, MIN_AGE), (3600, 3600), (10**9, MAX_AGE)]
)
async def test_keys_are_kept_as_long_as_the_issuer_says_within_bounds(said: int | None, kept: int) -> None:
    at = bench()
    at.issuer.max_age = said
    assert await at.has("rsa")
    at.clock.at += kept - 1
    assert await at.has("rsa")
    assert at.issuer.fetches == 1
    at.clock.at += 1
    assert await at.has("rsa")
    assert at.issuer.fetches == 2


@pytest.mark.parametrize("failure", ["unavailable", "no keys", "garbage"])
async def test_e15_a_failed_fetch_leaves_the_last_good_keys_for_a_day(failure: str) -> None:
    at = bench()
    assert await at.has("rsa")
    if failure == "unavailable":
        at.issuer.failure = UpstreamUnavailable("down")
    else:
        at.issuer.keys = [] if failure == "no keys" else [{"kty": "?"}]
    at.clock.at += MIN_AGE
    assert await at.has("rsa")
    assert at.issuer.fetches == 2
    assert await at.has("rsa")
    assert at.issuer.fetches == 2, "a failure is not followed by another try at once"
    at.clock.at += HARD_LIMIT - MIN_AGE - 1
    assert await at.has("rsa")
    at.clock.at += COOL_DOWN
    with pytest.raises(UpstreamUnavailable):
        await at.keys.find("rsa", "RS256")
    assert at.notes.of(Event.UPSTREAM_KEYS)[-1]["keys"] == 0
    at.issuer.failure, at.issuer.keys = None, [jwk("RS256", kid="rsa")]
    at.clock.at += FIRST_COOL_DOWN
    assert await at.has("rsa"), "and it recovers by itself"


async def test_e14_an_issuer_that_never_gave_keys_is_asked_once_in_five_seconds() -> None:
    at = bench()
    at.issuer.failure = UpstreamUnavailable("/jwks: status 503")
    for _ in range(100):
        with pytest.raises(UpstreamUnavailable, match="no keys of the issuer could be had: /jwks: status 503"):
            await at.keys.find("rsa", "RS256")
    assert at.issuer.fetches == 1
    assert at.notes.of(Event.UPSTREAM_KEYS)[-1]["reason"] == "/jwks: status 503"
    at.clock.at += FIRST_COOL_DOWN
    at.issuer.failure = None
    assert await at.has("rsa")


async def test_each_address_of_keys_has_a_set_of_its_own() -> None:
    issuer = Issuer()
    check = JwtVerifier(issuer, name="x", recorder=Notes(), now=lambda: NOW, clock=Clock())
    await check.verify_id_token(sign(claims()), RULES)
    await check.verify_id_token(sign(claims()), RULES)
    assert issuer.fetches == 1
    with pytest.raises(AssertionError):
        await check.verify_id_token(sign(claims()), replace(RULES, jwks_uri="https://other.example/jwks"))


def other_key() -> dict[str, Any]:
    """A key of somebody who calls it by the name of ours."""
    return {**RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key(), as_dict=True), "use": "sig"}


@pytest.mark.parametrize("kid", ["rsa", None])
async def test_e25_keys_replaced_under_one_name_or_without_any_cost_one_fetch_and_no_login(kid: str | None) -> None:
    issuer, clock = Issuer([other_key() | ({"kid": kid} if kid else {})]), Clock()
    verifier = JwtVerifier(issuer, name="x", recorder=Notes(), now=lambda: NOW, clock=clock)
    ours = {name: value for name, value in jwk("RS256", kid="rsa").items() if kid or name != "kid"}
    token = sign(claims(), kid=kid) if kid else sign(claims(), kid=None)
    with pytest.raises(UpstreamInvalid, match="does not fit"):
        await verifier.verify_id_token(token, RULES)
    assert issuer.fetches == 1, "keys just fetched are not fetched again"
    issuer.keys = [ours]
    await verifier.verify_id_token(token, RULES)
    assert issuer.fetches == 2
    issuer.keys = [other_key()]
    forged = token[:-8] + "AAAAAAAA"
    for _ in range(100):
        with pytest.raises(UpstreamInvalid, match="does not fit"):
            await verifier.verify_id_token(forged, RULES)
    assert issuer.fetches == 2, "a bad signature asks for no more than one fetch a minute"
    await verifier.verify_id_token(token, RULES)


async def test_e25_the_same_key_listed_twice_is_one_key_and_two_keys_of_one_name_are_none() -> None:
    twice = bench(
        [jwk("RS256", kid="a"), jwk("RS256", kid="a"), jwk("RS256", kid="a", alg=None, use=None) | {"use": "sig"}]
    )
    assert await twice.has("a")
    assert await bench([jwk("RS256", kid="a"), jwk("RS256", kid="b")]).has(None), "one key by two names is one key"
    assert not await bench([jwk("RS256", kid="a"), other_key() | {"kid": "a"}]).has("a")
    assert not await bench([jwk("RS256", kid="a"), other_key() | {"kid": "b"}]).has(None)
