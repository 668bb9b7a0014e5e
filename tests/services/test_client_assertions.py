"""Clients that sign: who is believed, when, how often, and what else they sign that must not count."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from broker.core.clients.assertion import ASSERTION_TYPE, EVERY_ALGORITHM, LEEWAY, LIFETIME
from broker.core.clients.client import AssertionPolicy, Client
from broker.core.errors import InvalidClient, StoreUnavailable
from broker.core.events import Event
from broker.core.jose.own_keys import KeyPair, mint_key
from broker.core.seal import digest
from broker.core.terms import Algorithm, AuthMethod
from broker.core.wire.parameters import Parameters
from tests.core.own_tokens import encode, pair_of
from tests.services.bare_broker import ISSUER, NOW, World, app, proven
from tests.services.client_app import published, signed

pytestmark = pytest.mark.anyio
SECRET = "a-shared-secret-of-forty-letters-or-more-1"
OTHER = mint_key(Algorithm.ES256)
PAIRS = {algorithm.value: pair_of(algorithm) for algorithm in Algorithm}
_numbers = count()

Change = dict[str, Any]


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good assertion, with a jti of its own; a change to None takes one out."""
    good = {"iss": "app", "sub": "app", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": f"j-{next(_numbers)}"}
    return {name: value for name, value in (good | changes).items() if value is not None}


def assertion(pair: KeyPair = PAIRS["ES256"], header: Change | None = None, **changes: Any) -> str:
    """A signed assertion."""
    return signed(pair, claims(**changes), **({"typ": "client-authentication+jwt"} | (header or {})))


def by_secret(secret: bytes | str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """An assertion with an HMAC."""
    head = f"{encode({'alg': algorithm})}.{encode(claims(**changes))}"
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{head}.{encode(hmac.digest(key, head.encode(), sha256))}"


def signing(**policy: Any) -> Client:
    """A client with private_key_jwt and a key of every kind."""
    keys = {"jwks": published(*PAIRS.values())} | policy
    return app(auth_method=AuthMethod.PRIVATE_KEY_JWT, assertions=AssertionPolicy(**keys))


SHARING = app(auth_method=AuthMethod.SECRET_JWT, assertions=AssertionPolicy(shared_secrets=(SECRET,)))


@pytest.fixture(autouse=True)
async def client(world: World) -> None:
    """The strict client is the usual one here."""
    await become(world, signing())


async def become(world: World, client: Client) -> None:
    """`app` is this client from now on."""
    world.clients["app"] = client
    await world.restart()


async def prove(world: World, token: str, authorization: str = "", /, **form: str) -> Client:
    """A request with this assertion."""
    sent = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token} | form
    return await proven(world.directory, authorization, Parameters(sent.items()))


async def refused(world: World, token: str, authorization: str = "", /, **form: str) -> str:
    """What the app is told."""
    with pytest.raises(InvalidClient) as caught:
        await prove(world, token, authorization, **form)
    assert len(world.notes.heard) > 0
    assert world.notes.heard[-1][0] is Event.CLIENT_AUTH_FAILED
    return caught.value.public


@pytest.mark.parametrize("algorithm", sorted(PAIRS))
async def test_f11_a_client_with_a_key_is_believed(world: World, algorithm: str) -> None:
    assert await prove(world, assertion(PAIRS[algorithm])) is world.clients["app"]
    assert await prove(world, assertion(PAIRS[algorithm]), client_id="app") is world.clients["app"]
    assert await prove(world, assertion(PAIRS[algorithm], {"kid": ...})) is world.clients["app"]


async def test_f11_a_client_with_a_shared_secret_is_believed_also_while_it_changes(world: World) -> None:
    await become(world, SHARING)
    assert await prove(world, by_secret()) is world.clients["app"]
    await become(world, replace(SHARING, assertions=AssertionPolicy(shared_secrets=("x" * 40, SECRET))))
    assert await prove(world, by_secret()) is world.clients["app"]


async def test_a_key_is_fetched_from_where_the_client_publishes_it(world: World) -> None:
    world.apps.publish(PAIRS["PS256"], url="https://app.test/keys")
    await become(world, signing(jwks=None, jwks_uri="https://app.test/keys"))
    assert await prove(world, assertion(PAIRS["PS256"])) is world.clients["app"]
    assert "check the client id" in await refused(world, assertion(PAIRS["ES256"]))


async def test_f11_only_the_registered_method_counts(world: World) -> None:
    generic = await refused(world, by_secret())
    for client in (
        SHARING,
        app(),
        app(auth_method=AuthMethod.BASIC, secret_digests=(digest(SECRET),)),
        app(auth_method=AuthMethod.POST, secret_digests=(digest(SECRET),)),
    ):
        await become(world, client)
        assert await refused(world, assertion()) == generic
        if client is not SHARING:
            assert await refused(world, by_secret()) == generic
    await become(world, signing())
    for form in ({"client_id": "app"}, {"client_id": "app", "client_secret": SECRET}):
        with pytest.raises(InvalidClient):
            await proven(world.directory, "", Parameters(form.items()))


@pytest.mark.parametrize("method", [AuthMethod.BASIC, AuthMethod.POST, AuthMethod.NONE, AuthMethod.SECRET_JWT])
async def test_f11_keys_for_something_else_are_no_way_in(world: World, method: AuthMethod) -> None:
    keys = AssertionPolicy(jwks=published(*PAIRS.values()), shared_secrets=(SECRET,))
    await become(world, app(auth_method=method, assertions=keys))
    await refused(world, assertion())
    await become(world, app(auth_method=AuthMethod.PRIVATE_KEY_JWT, assertions=keys))
    await refused(world, by_secret())


async def test_f11_two_ways_at_once_are_refused(world: World) -> None:
    basic = "Basic " + encode("app:secret")
    assert "two ways" in await refused(world, assertion(), basic)
    assert "two ways" in await refused(world, assertion(), client_secret=SECRET)
    half = Parameters({"client_id": "app", "client_assertion_type": ASSERTION_TYPE, "client_secret": "x"}.items())
    with pytest.raises(InvalidClient, match="two ways"):
        await proven(world.directory, "", half)


@pytest.mark.parametrize(
    "kind", ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", ASSERTION_TYPE.upper()]
)
async def test_f11_the_type_of_assertion_is_said_exactly(world: World, kind: str) -> None:
    assert "client_assertion_type" in await refused(world, assertion(), client_assertion_type=kind)


async def test_f11_nobody_speaks_for_another_client(world: World) -> None:
    world.clients["other"] = replace(signing(jwks=published(OTHER)), id="other")
    await world.restart()
    assert (await prove(world, assertion(OTHER, iss="other", sub="other"))).id == "other"
    assert "check the client id" in await refused(world, assertion(OTHER))
    assert "differs" in await refused(world, assertion(), client_id="other")
    for named in ({"iss": "other"}, {"sub": "other"}, {"iss": None}, {"sub": None}, {"iss": ["app"]}, {"sub": 5}):
        assert "iss and in sub" in await refused(world, assertion(**named))


async def test_f11_an_unknown_client_reads_like_a_wrong_key(world: World) -> None:
    wrong_key = await refused(world, assertion(OTHER))
    assert world.notes.heard[-1][1]["client_id"] == "app"
    assert await refused(world, assertion(OTHER, iss="nobody", sub="nobody")) == wrong_key
    assert world.notes.heard[-1][1]["client_id"] is None
    assert await refused(world, assertion(OTHER, {"kid": PAIRS["ES256"].kid})) == wrong_key


async def test_f12_an_assertion_works_once(world: World) -> None:
    for client, again in ((signing(), assertion()), (SHARING, by_secret())):
        await become(world, client)
        await prove(world, again)
        assert "used before" in await refused(world, again)
        await world.restart()
        assert "used before" in await refused(world, again), "another node knows"


async def test_f12_of_a_hundred_at_once_one_passes(world: World) -> None:
    one = assertion()

    async def passes() -> bool:
        try:
            await prove(world, one)
        except InvalidClient:
            return False
        return True

    assert sum(await asyncio.gather(*(passes() for _ in range(100)))) == 1


async def test_f12_e21_another_spelling_of_a_used_assertion_is_no_new_one(world: World) -> None:
    used = assertion(jti="once")
    await prove(world, used)
    last = used[-1]
    near = [chr(ord(last) + step) for step in (-1, 1)]
    for spelling in (f"{used}=", f"{used}\n", *(used[:-1] + letter for letter in near)):
        await refused(world, spelling)
    assert "used before" in await refused(world, assertion(jti="once", exp=NOW + 90)), "signed anew with its jti"
    world.clients["other"] = replace(signing(jwks=published(OTHER)), id="other")
    await world.restart()
    assert (await prove(world, assertion(OTHER, iss="other", sub="other", jti="once"))).id == "other"


async def test_f12_it_is_remembered_for_as_long_as_it_would_be_accepted(world: World) -> None:
    world.clock.now = NOW + 0.75
    one = assertion(exp=NOW + LIFETIME + 0.5)
    await prove(world, one)
    world.clock.now = NOW + LIFETIME + LEEWAY + 0.25
    assert "used before" in await refused(world, one)
    world.clock.now = NOW + LIFETIME + LEEWAY + 0.5
    assert "expired" in await refused(world, one)


async def test_f12_a_failed_attempt_uses_nothing_up(world: World) -> None:
    await refused(world, signed(OTHER, claims(jti="mine"), kid=PAIRS["ES256"].kid))
    await refused(world, assertion(jti="mine", aud="https://elsewhere.test"))
    await prove(world, assertion(jti="mine"))


async def test_without_a_store_nobody_is_believed(world: World) -> None:
    await world.store.close()
    with pytest.raises(StoreUnavailable):
        await prove(world, assertion())


@pytest.mark.parametrize("jti", [None, "", 5, "x" * 257, ["a"], True])
async def test_f12_every_assertion_has_a_jti(world: World, jti: object) -> None:
    assert "jti" in await refused(
        world, signed(PAIRS["ES256"], {**claims(jti=None), **({} if jti is None else {"jti": jti})})
    )


@pytest.mark.parametrize(
    "audience",
    [
        [ISSUER],
        [ISSUER, "https://evil.test"],
        [],
        f"{ISSUER}/token",
        f"{ISSUER}/par",
        f"{ISSUER}/",
        ISSUER.upper(),
        "https://evil.test",
        "",
        5,
        {"a": ISSUER},
    ],
    ids=str,
)
async def test_f13_the_audience_is_exactly_the_issuer(world: World, audience: object) -> None:
    assert "aud of client_assertion" in await refused(world, assertion(aud=audience))


async def test_f13_an_assertion_for_nobody_is_refused(world: World) -> None:
    assert "aud of client_assertion" in await refused(world, assertion(aud=None))


async def test_f13_a_legacy_client_may_name_endpoints_of_ours_and_nobody_else(world: World) -> None:
    await become(world, signing(legacy_audience=True))
    token = f"{ISSUER}/token"
    for good in (ISSUER, token, [token], [ISSUER, token], f"{ISSUER}/introspect"):
        await prove(world, assertion(aud=good))
    for bad in ([ISSUER, "https://evil.test"], [], "https://evil.test", [token, 5], f"{ISSUER}/userinfo", None):
        assert "aud of client_assertion" in await refused(world, assertion(aud=bad))


@pytest.mark.parametrize(
    "typ", [..., "JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
)
async def test_e8_an_assertion_says_what_it_is_or_nothing(world: World, typ: object) -> None:
    assert await prove(world, assertion(header={"typ": typ})) is world.clients["app"]


@pytest.mark.parametrize(
    "typ",
    ["oauth-authz-req+jwt", "dpop+jwt", "at+jwt", "logout+jwt", "secevent+jwt", "token-introspection+jwt", "x", ""],
)
async def test_e8_another_type_of_token_is_no_assertion(world: World, typ: str) -> None:
    assert "another type" in await refused(world, assertion(header={"typ": typ}))


@pytest.mark.parametrize(
    "more",
    [
        {"client_id": "app", "response_type": "code"},
        {"client_id": "app"},
        {"redirect_uri": "https://app.test/cb"},
        {"scope": "openid"},
        {"nonce": "n"},
        {"htm": "POST", "htu": f"{ISSUER}/token"},
        {"events": {}},
    ],
    ids=str,
)
async def test_e8_f13_a_request_object_or_proof_without_a_type_is_no_assertion(world: World, more: Change) -> None:
    assert "another kind" in await refused(world, assertion(header={"typ": ...}, **more))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "nOnE", "", "HS384", "HS512", "RS512", "ES384", "Ed25519", "RS1"]
)
async def test_e1_only_algorithms_we_name_are_looked_at(world: World, algorithm: str) -> None:
    for token in (assertion(header={"alg": algorithm}), by_secret(algorithm=algorithm)):
        assert "client_assertion is not a JWT" in await refused(world, token)
    unsigned = f"{encode({'alg': algorithm})}.{encode(claims())}."
    assert "client_assertion is not a JWT" in await refused(world, unsigned)


async def test_e1_a_client_is_held_to_its_own_algorithms(world: World) -> None:
    await become(world, signing(assertion_algs=frozenset({"PS256", "ES256"})))
    for algorithm in ("PS256", "ES256"):
        await prove(world, assertion(PAIRS[algorithm]))
    for algorithm in ("RS256", "EdDSA"):
        await refused(world, assertion(PAIRS[algorithm]))


async def test_e2_no_public_key_is_a_shared_secret(world: World) -> None:
    for pair in PAIRS.values():
        public = pair.private.public_key()
        stolen = [
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            json.dumps(dict(pair.public_jwk)).encode(),
            json.dumps(published(*PAIRS.values())).encode(),
            b"",
        ]
        for key in stolen:
            await refused(world, by_secret(key))
    await become(world, replace(SHARING, assertions=AssertionPolicy(jwks=published(*PAIRS.values()))))
    await refused(world, by_secret(b""))
    await refused(world, assertion())


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
async def test_e19_a_short_or_lost_secret_signs_nothing(world: World, secret: str) -> None:
    await become(world, replace(SHARING, assertions=AssertionPolicy(shared_secrets=(secret,))))
    await refused(world, by_secret(secret))


async def test_e18_a_key_serves_the_algorithm_it_is_published_for(world: World) -> None:
    crossed = PAIRS["RS256"]
    for algorithm in ("PS256", "ES256", "EdDSA"):
        await refused(world, assertion(crossed, {"alg": algorithm}))


async def test_e3_a_key_in_the_header_is_not_looked_at(world: World) -> None:
    for member in ({"jwk": dict(OTHER.public_jwk)}, {"jku": "https://app.test/keys"}, {"x5u": "https://app.test/x"}):
        await refused(world, assertion(OTHER, member))
    assert world.apps.fetched == []


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1", "\0", "x" * 257, 5, ["a"], None], ids=repr)
async def test_e4_a_key_id_is_an_opaque_name(world: World, kid: object) -> None:
    token = assertion(header={"kid": kid})
    if kid is None:
        await prove(world, token)
    else:
        await refused(world, token)


@pytest.mark.parametrize("more", [{"crit": ["x"]}, {"crit": []}, {"b64": False}], ids=str)
async def test_e5_a_header_extension_is_refused(world: World, more: Change) -> None:
    await refused(world, assertion(header=more))


@pytest.mark.parametrize("make", [lambda: "x" * 16_385, lambda: "a.b.c.d.e", lambda: "a.b", lambda: "é.é.é"])
async def test_e6_e7_what_is_no_compact_token_is_refused(world: World, make: Callable[[], str]) -> None:
    await refused(world, make())


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": [NOW + 60]},
        {"exp": -1},
        {"iat": "x"},
        {"iat": True},
        {"nbf": "x"},
        {"nbf": None, "iat": []},
    ],
    ids=str,
)
async def test_e11_times_are_numbers(world: World, changes: Change) -> None:
    await refused(world, assertion(**changes))


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"exp": NOW - LEEWAY + 1}, True),
        ({"exp": NOW - LEEWAY}, False),
        ({"exp": NOW + LIFETIME + LEEWAY}, True),
        ({"exp": NOW + LIFETIME + LEEWAY + 1}, False),
        ({"exp": NOW + 86400}, False),
        ({"nbf": NOW + 8}, True),
        ({"nbf": NOW + LEEWAY}, True),
        ({"nbf": NOW + 60}, False),
        ({"iat": NOW + 8}, True),
        ({"iat": NOW + 60}, False),
        ({"iat": NOW - 86400}, True),
        ({"iat": None}, True),
    ],
    ids=str,
)
async def test_e12_clocks_may_differ_by_half_a_minute(world: World, changes: Change, passes: bool) -> None:
    token = assertion(**changes)
    if passes:
        await prove(world, token)
    else:
        await refused(world, token)


async def test_e20_a_claim_named_twice_is_refused(world: World) -> None:
    twice = json.dumps(claims())[:-1] + ', "sub": "app"}'
    await refused(world, signed(PAIRS["ES256"], twice))


def test_every_algorithm_of_a_method_is_advertised() -> None:
    assert set(EVERY_ALGORITHM) == {*PAIRS, "HS256"}
