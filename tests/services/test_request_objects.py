"""Signed authorization requests: what is inside counts and nothing else, if its client signed it for us just now."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from broker.core.authorize.request_object import LEEWAY, LIFETIME
from broker.core.authorize.whereabouts import whereabouts_of
from broker.core.clients.client import AssertionPolicy, Origin, RequestPolicy
from broker.core.errors import (
    BadRedirectUri,
    BrokerError,
    InvalidRequest,
    InvalidRequestObject,
    InvalidRequestUri,
    InvalidScope,
    LoginRequired,
    RequestNotSupported,
    RequestUriNotSupported,
    RequestUriUnusable,
)
from broker.core.jose.own_keys import KeyPair, mint_key
from broker.core.terms import Algorithm, AuthMethod, Profile
from broker.core.wire.parameters import Parameters
from broker.services.authorize.codes import Answer
from broker.services.authorize.requests import Asked
from tests.core.own_tokens import encode, pair_of
from tests.services.bare_broker import CHALLENGE, ISSUER, NOW, REDIRECT, World, app
from tests.services.client_app import published, signed

pytestmark = pytest.mark.anyio
PAIRS = {algorithm.value: pair_of(algorithm) for algorithm in Algorithm}
KEY, OTHER = PAIRS["ES256"], mint_key(Algorithm.ES256)
AT = "https://app.test/request.jwt"


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good request object; a change to None takes one out."""
    good = {
        "iss": "app",
        "aud": ISSUER,
        "exp": NOW + 300,
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid profile",
        "state": "inside",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def sealed(pair: KeyPair = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A signed request object."""
    return signed(pair, claims(**changes), **({"typ": "oauth-authz-req+jwt"} | (header or {})))


@pytest.fixture
async def signing(world: World) -> World:
    """A world whose app has keys and one place for objects, beside an app without keys and one with others."""
    await become(world)
    return world


async def become(world: World, **policy: Any) -> None:
    """The app has keys, and these rules for its requests."""
    rules = RequestPolicy(**({"request_uris": (AT,), "resources": ("https://api.test", "https://b.test")} | policy))
    world.clients |= {
        "app": app(assertions=AssertionPolicy(jwks=published(*PAIRS.values())), requests=rules),
        "keyless": app("keyless"),
        "other": app("other", assertions=AssertionPolicy(jwks=published(OTHER)), requests=rules),
    }
    await world.restart()


async def come(world: World, **outside: str) -> Asked:
    """A browser comes with these parameters."""
    sent = Parameters(({"client_id": "app"} | outside).items())
    return await world.requests.verify(sent)


async def refused(world: World, failure: type[BrokerError] = InvalidRequestObject, **outside: str) -> str:
    """What the app's developer reads."""
    with pytest.raises(failure) as caught:
        await come(world, **outside)
    return caught.value.public


@pytest.mark.parametrize("algorithm", sorted(PAIRS))
async def test_a_signed_request_is_the_request_inside(signing: World, algorithm: str) -> None:
    asked = await come(signing, request=sealed(PAIRS[algorithm], max_age=60, claims={"userinfo": {"email": None}}))
    assert (asked.request.state, asked.request.max_age) == ("inside", 60)
    assert asked.request.claims == {"userinfo": {"email": None}}
    assert asked.target.redirect_uri == REDIRECT
    assert asked.target.request_uri == asked.request.request_uri


@pytest.mark.parametrize("typ", ["oauth-authz-req+jwt", "application/oauth-authz-req+jwt", "JWT", "jwt", ...])
async def test_the_type_is_that_of_a_request_or_none(signing: World, typ: Any) -> None:
    header = {"typ": typ} if typ is not ... else {"typ": "jwt"}
    assert (await come(signing, request=sealed(header=header))).request.state == "inside"


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "client-authentication+jwt", "id+jwt", "x"])
async def test_e8_a_token_of_another_type_is_no_request(signing: World, typ: str) -> None:
    assert "another type" in await refused(signing, request=sealed(header={"typ": typ}))


async def test_a19_what_is_outside_does_not_count(signing: World) -> None:
    outside = {"state": "outside", "scope": "openid email", "prompt": "none", "nonce": "n", "redirect_uri": "x:y"}
    asked = await come(signing, request=sealed(), **outside)
    plain = (await come(signing, request=sealed(state="inside"))).request
    assert asked.request.replace(request_uri=plain.request_uri) == plain
    assert (asked.target.redirect_uri, asked.target.state) == (REDIRECT, "inside")
    with pytest.raises(InvalidScope) as caught:
        await come(signing, request=sealed(scope="nothing"), **outside)
    place = whereabouts_of(caught.value).target
    assert place is not None
    assert (place.redirect_uri, place.state) == (REDIRECT, "inside")


async def test_a19_nothing_is_merged_in(signing: World) -> None:
    with pytest.raises(InvalidRequest, match="response_type"):
        await come(signing, request=sealed(response_type=None), response_type="code")
    with pytest.raises(BadRedirectUri):
        await come(signing, request=sealed(redirect_uri=None), redirect_uri=REDIRECT)
    with pytest.raises(BadRedirectUri):
        await come(signing, request=sealed(redirect_uri="https://evil.test/"), redirect_uri=REDIRECT)


async def test_a_failure_of_the_object_is_told_at_a_registered_place_outside_or_on_a_page(signing: World) -> None:
    with pytest.raises(InvalidRequestObject) as caught:
        await come(signing, request="x", redirect_uri=REDIRECT, state="outside", prompt="none")
    place = whereabouts_of(caught.value).target
    assert place is not None
    assert (place.redirect_uri, place.state, place.silent) == (REDIRECT, "outside", False)
    with pytest.raises(InvalidRequestObject) as caught:
        await come(signing, request="x", redirect_uri="https://evil.test/")
    assert whereabouts_of(caught.value).target is None


@pytest.mark.parametrize(
    "spoiled",
    [
        *({"iss": iss} for iss in ("other", "keyless", 7, None)),
        *({"client_id": client_id} for client_id in ("other", ["app"], None)),
        *({"aud": aud} for aud in ("https://evil.test", [], [ISSUER, "https://evil.test"], ISSUER + "/", 7, None)),
        *({"exp": exp} for exp in (NOW - LEEWAY, NOW + LIFETIME + LEEWAY + 1, "soon", True, -1, None)),
        *({"nbf": nbf} for nbf in (NOW + LEEWAY + 1, NOW - LIFETIME - LEEWAY - 1, "x")),
        {"iat": NOW + LEEWAY + 1},
        {"exp": None, "iat": NOW - LIFETIME - LEEWAY},
        *({name: "x"} for name in ("request", "request_uri")),
        *({"state": state} for state in (["a"], {"a": 1}, 1.5, True, "a\nb")),
        {"resource": ["https://api.test", 7]},
    ],
    ids=str,
)
async def test_a19_an_object_is_its_clients_for_us_and_of_now(signing: World, spoiled: dict[str, Any]) -> None:
    assert await refused(signing, request=sealed(**spoiled))


@pytest.mark.parametrize(
    "good",
    [
        {"aud": [ISSUER]},
        {"exp": NOW - LEEWAY + 1},
        {"exp": NOW + LIFETIME},
        {"exp": None, "iat": NOW - LIFETIME + 1},
        {"nbf": NOW + LEEWAY, "iat": NOW + LEEWAY},
        {"jti": "x", "sub": "y", "unheard_of": "z"},
    ],
    ids=str,
)
async def test_what_the_specification_allows_is_accepted(signing: World, good: dict[str, Any]) -> None:
    assert (await come(signing, request=sealed(**good))).request.state == "inside"


async def test_e1_e2_only_a_registered_key_signs(signing: World) -> None:
    head, payload, signature = sealed().split(".")
    pem = json.dumps(KEY.public_jwk)
    for wrong in (
        sealed(OTHER),
        f"{encode({'alg': 'none'})}.{payload}.",
        f"{encode({'alg': 'none', 'typ': 'oauth-authz-req+jwt'})}.{payload}.{signature}",
        f"{encode({'alg': 'HS256'})}.{payload}.{encode(pem.encode())}",
        f"{head}.{encode(claims(state='changed'))}.{signature}",
        f"{head}.{payload}.{signature[:-2]}",
        sealed(header={"kid": OTHER.kid}),
        sealed(header={"crit": ["x"]}),
        "a.b.c",
        "x" * 20_000,
        f"{head}.{payload}.{signature}.{payload}.{signature}",
    ):
        await refused(signing, request=wrong)


async def test_a19_another_clients_object_is_not_ours(signing: World) -> None:
    theirs = sealed(OTHER, iss="other", client_id="other")
    assert (await come(signing, client_id="other", request=theirs)).request.client_id == "other"
    await refused(signing, request=theirs)
    await refused(signing, client_id="other", request=sealed())


async def test_the_registered_algorithm_is_the_only_one(signing: World) -> None:
    await become(signing, request_object_signing_alg="PS256")
    assert await come(signing, request=sealed(PAIRS["PS256"]))
    assert "algorithm" in await refused(signing, request=sealed())


async def test_a_client_of_fapi_signs_by_the_algorithms_of_its_profile(signing: World) -> None:
    signing.clients["app"] = replace(signing.clients["app"], origin=Origin(profile=Profile.FAPI2))
    await signing.restart()
    assert await come(signing, request=sealed(PAIRS["PS256"]))
    assert "algorithm" in await refused(signing, request=sealed(PAIRS["RS256"]))


async def test_an_app_without_keys_signs_nothing(signing: World) -> None:
    await refused(signing, RequestNotSupported, client_id="keyless", request=sealed())
    await refused(signing, RequestUriNotSupported, client_id="keyless", request_uri=AT)
    assert signing.apps.fetched == []


async def test_a_request_is_fetched_from_a_registered_place(signing: World) -> None:
    signing.apps.answers[AT] = sealed().encode()
    assert (await come(signing, request_uri=AT)).request.state == "inside"
    signing.apps.answers[AT] = b"\xff\xfe"
    await refused(signing, request_uri=AT)
    del signing.apps.answers[AT]
    await refused(signing, RequestUriUnusable, request_uri=AT)


async def test_a_fetched_object_needs_no_time_but_is_held_to_the_one_it_has(signing: World) -> None:
    signing.apps.answers[AT] = sealed(exp=None).encode()
    assert (await come(signing, request_uri=AT)).request.state == "inside"
    signing.apps.answers[AT] = sealed(exp=NOW - LEEWAY).encode()
    assert "expired" in await refused(signing, request_uri=AT)
    assert "needs exp" in await refused(signing, request=sealed(exp=None))


async def test_a19_i1_nothing_is_fetched_before_the_client_and_the_uri_are_known(signing: World) -> None:
    for wrong in (AT + "?", AT + "#x", AT.upper(), "http://app.test/request.jwt", "file:///etc/passwd", "x"):
        await refused(signing, RequestUriUnusable, request_uri=wrong)
    await refused(signing, InvalidRequest, request_uri=AT, request=sealed())
    with pytest.raises(BrokerError):
        await come(signing, client_id="nobody", request_uri=AT)
    await become(signing, require_par=True)
    await refused(signing, InvalidRequest, request_uri=AT)
    assert signing.apps.fetched == []


async def test_h1_an_object_comes_once(signing: World) -> None:
    for name in ("request", "request_uri"):
        with pytest.raises(InvalidRequest, match="more than once"):
            await signing.requests.verify(Parameters([("client_id", "app"), (name, "x"), (name, "x")]))


async def test_a19_an_object_is_answered_once_however_it_is_signed(signing: World) -> None:
    first, twin = sealed(), sealed()
    assert first != twin, "ECDSA signs the same in many ways"
    asked = await come(signing, request=first)
    assert (await come(signing, request=twin)).request == asked.request
    _, _, session = await signing.log_in(asked.request)
    assert isinstance(await signing.codes.issue(asked.request, session, agreed_at=signing.clock()), Answer)
    for again in (first, twin):
        await refused(signing, InvalidRequestUri, request=again)
    signing.clock.now += 300 + LEEWAY - 1
    await refused(signing, InvalidRequestUri, request=first)
    signing.clock.now += 1
    assert "expired" in await refused(signing, request=first)


async def test_a19_two_tabs_with_one_object_get_one_code(signing: World) -> None:
    asked = await come(signing, request=sealed())
    _, _, session = await signing.log_in(asked.request)
    answers = await asyncio.gather(
        *(signing.codes.issue(asked.request, session, agreed_at=signing.clock()) for _ in range(6)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers].count(Answer) == 1


async def test_an_error_answers_an_object_too(signing: World) -> None:
    asked = await come(signing, request=sealed(prompt="none"))
    with pytest.raises(LoginRequired):
        async with signing.pushed.answering(asked.target):
            await signing.authorization.next_step(asked.request, asked.target.client, None)
    await refused(signing, InvalidRequestUri, request=sealed(prompt="none"))


async def test_our_links_lead_to_the_name_of_a_signed_request(signing: World) -> None:
    request = (await come(signing, request=sealed(idp_hint="alpha"))).request
    again = await come(signing, request_uri=request.request_uri, ui_locales="ru", idp_hint="beta")
    assert (again.request.idp_hint, again.request.ui_locales, again.request.state) == ("beta", ("ru",), "inside")
    with pytest.raises(InvalidRequestUri):
        await come(signing, client_id="other", request_uri=request.request_uri)


async def test_a_signed_request_is_pushed(signing: World) -> None:
    form = Parameters([("client_id", "app"), ("request", sealed()), ("state", "outside"), ("scope", "openid email")])
    pushed = await signing.requests.push(signing.clients["app"], form)
    asked = await come(signing, request_uri=pushed["request_uri"])
    assert (asked.request.state, asked.request.scope) == ("inside", ("openid", "profile"))
    bad = Parameters([("client_id", "app"), ("request", sealed(OTHER))])
    with pytest.raises(InvalidRequestObject):
        await signing.requests.push(signing.clients["app"], bad)


async def test_a_client_that_must_sign_is_answered_to_nothing_else(signing: World) -> None:
    await become(signing, require_signed_request_object=True)
    with pytest.raises(InvalidRequest, match="signed"):
        await signing.request()
    plain = Parameters({name: str(value) for name, value in claims().items()}.items())
    with pytest.raises(InvalidRequest, match="signed"):
        await signing.requests.push(signing.clients["app"], plain)
    assert await come(signing, request=sealed())


async def test_apis_are_named_inside(signing: World) -> None:
    asked = await come(signing, request=sealed(resource=["https://b.test", "https://api.test"]))
    assert asked.request.resource == ("https://b.test", "https://api.test")
    assert (await come(signing, request=sealed(resource="https://api.test"))).request.resource == ("https://api.test",)


async def test_e8_an_assertion_of_the_client_is_no_request(signing: World) -> None:
    signing.clients["app"] = replace(signing.clients["app"], auth_method=AuthMethod.PRIVATE_KEY_JWT)
    await signing.restart()
    assertion = signed(KEY, {"iss": "app", "sub": "app", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "j"})
    await refused(signing, request=assertion)
