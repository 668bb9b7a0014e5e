"""Plan oidcc-dynamic: every client registers itself. Each test is the module of its name."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from joserfc import jwt

from broker.core.jose.own_keys import KeyPair
from broker.testing.raw_server import RawServer, answer_of, json_of, raw_server
from tests.conformance.modules.responses import (
    test_ensure_request_object_with_redirect_uri,
    test_idtoken_unsigned,
    test_redirect_uri_query_added,
    test_server,
)
from tests.conformance.modules.tokens import test_refresh_token, test_server_rotate_keys
from tests.conformance.openid_provider import HOME, Operator
from tests.conformance.registering_party import KEY, OTHER_KEY, RegisteringParty
from tests.conformance.relying_party import RelyingParty
from tests.core.own_tokens import encode
from tests.services.client_app import published

pytestmark = pytest.mark.anyio

__all__ = [
    "test_ensure_request_object_with_redirect_uri",
    "test_idtoken_unsigned",
    "test_redirect_uri_query_added",
    "test_refresh_token",
    "test_server",
    "test_server_rotate_keys",
]


@pytest.fixture
def client_registration() -> str:
    """No client is the operator's."""
    return "dynamic_client"


@pytest.fixture
async def web() -> AsyncIterator[RawServer]:
    """Where the client publishes what the broker fetches."""
    async with raw_server() as served:
        yield served


async def party(rp: RelyingParty, **metadata: object) -> RegisteringParty:
    """A client with this metadata, which all come back as they were sent."""
    entry = await rp.op.register("special", **metadata)
    assert {name: entry[name] for name in metadata} == metadata
    return RegisteringParty(rp.op, rp.browser, "special")


def jwks(*pairs: KeyPair) -> bytes:
    """An answer with these public keys."""
    return json_of(published(*pairs))


async def test_discovery_endpoint_verification(op: Operator) -> None:
    """The document names the registration endpoint. Only `code` is offered, and no implicit grant, though Discovery 3
    has a dynamic OP support more: tokens do not come from the authorization endpoint (RFC 9700 2.1.2)."""
    assert op.metadata["registration_endpoint"].startswith(f"{op.issuer}/")
    assert op.metadata["response_types_supported"] == ["code"]
    assert "implicit" not in op.metadata["grant_types_supported"]
    status, body = await op.register_raw("implicit", response_types=["id_token"], grant_types=["implicit"])
    assert (status, body["error"]) == (400, "invalid_client_metadata")


async def test_ensure_client_assertion_with_iss_aud_succeeds(rp: RelyingParty) -> None:
    """A client that registered a key proves itself by an assertion whose audience is the issuer."""
    keyed = await party(rp, token_endpoint_auth_method="private_key_jwt", jwks=published(KEY))
    keyed.audience = rp.op.issuer
    await keyed.log_in()


async def test_ensure_redirect_uri_in_authorization_request(rp: RelyingParty) -> None:
    """Of two registered redirect URIs none is chosen for a request that names none: a page says so."""
    shown = await rp.refused_on_page({"redirect_uri": None})
    assert "redirect_uri" in shown


async def test_idtoken_rs256(rp: RelyingParty) -> None:
    """A client that registered for RS256 gets RS256."""
    asking = await party(rp, id_token_signed_response_alg="RS256")
    login = await asking.log_in()
    head = login.tokens["id_token"].partition(".")[0]
    assert json.loads(urlsafe_b64decode(head + "=="))["alg"] == "RS256"


async def test_redirect_uri_query_ok(rp: RelyingParty) -> None:
    """A redirect URI with a query is registered and used with it; the answer is added to it."""
    queried = await party(rp, redirect_uris=[f"{HOME}callback?foo=bar"])
    answer = await queried.authorize()
    assert rp.browser.history[-1].url.startswith(rp.op.issuer)
    await queried.redeem(answer)


async def test_redirect_uri_query_mismatch(rp: RelyingParty) -> None:
    """A registered redirect URI with another query is not the registered one."""
    queried = await party(rp, redirect_uris=[f"{HOME}callback?foo=bar"])
    for other in (f"{HOME}callback?foo=other", f"{HOME}callback"):
        assert "redirect_uri" in await queried.refused_on_page({"redirect_uri": other})


async def test_redirect_uri_regfrag(rp: RelyingParty) -> None:
    """A redirect URI with a fragment is not registered."""
    status, body = await rp.op.register_raw("fragment", redirect_uris=[f"{HOME}callback#foo=bar"])
    assert (status, body["error"]) == (400, "invalid_redirect_uri")


async def test_refresh_token_rp_key_rotation(rp: RelyingParty, web: RawServer) -> None:
    """A client publishes a new key: a minute later it proves itself by it and refreshes."""
    web.answers["/jwks"] = jwks(KEY)
    keyed = await party(rp, token_endpoint_auth_method="private_key_jwt", jwks_uri=f"{web.url}/jwks")
    first = await keyed.log_in({"scope": "openid offline_access", "prompt": "consent"})
    second = await keyed.refresh(first)
    web.answers["/jwks"] = jwks(OTHER_KEY)
    keyed.pair = OTHER_KEY
    rp.op.clock.advance(61)
    third = await keyed.refresh(second)
    assert third.claims["sub"] == first.claims["sub"]


async def test_registration_jwks_uri(rp: RelyingParty, web: RawServer) -> None:
    """Keys are fetched from the `jwks_uri` that the client registered, and only they verify its assertions."""
    web.answers["/jwks"] = jwks(KEY)
    keyed = await party(rp, token_endpoint_auth_method="private_key_jwt", jwks_uri=f"{web.url}/jwks")
    await keyed.log_in()
    assert [request.path for request in web.received] == ["/jwks"]
    answer = await keyed.authorize()
    keyed.pair = OTHER_KEY
    status, body = await keyed.redeem_raw(answer)
    assert (status, body["error"]) == (401, "invalid_client")


async def test_registration_logo_uri(rp: RelyingParty, web: RawServer) -> None:
    """The login page shows the logo, fetched at the registration: its host does not learn who looks."""
    web.answers["/logo.gif"] = answer_of(b"GIF89a logo")
    shown = await party(rp, logo_uri=f"{web.url}/logo.gif")
    page = await shown.open(shown.build())
    assert page.markup.attributes["own-logo"]["src"] == "data:image/gif;base64,R0lGODlhIGxvZ28="
    assert [request.path for request in web.received] == ["/logo.gif"]


async def test_registration_policy_uri(rp: RelyingParty) -> None:
    """The login page links to the policy."""
    shown = await party(rp, policy_uri=f"{HOME}policy")
    page = await shown.open(shown.build())
    assert page.markup.links["app-policy"] == f"{HOME}policy"


async def test_registration_tos_uri(rp: RelyingParty) -> None:
    """The login page links to the terms of service."""
    shown = await party(rp, tos_uri=f"{HOME}terms")
    page = await shown.open(shown.build())
    assert page.markup.links["app-terms"] == f"{HOME}terms"


async def test_registration_sector_bad(rp: RelyingParty, web: RawServer) -> None:
    """A `sector_identifier_uri` whose document lacks a redirect URI is refused."""
    web.answers["/sector"] = json_of([f"{HOME}other"])
    status, body = await rp.op.register_raw("sector", sector_identifier_uri=f"{web.url}/sector")
    assert (status, body["error"]) == (400, "invalid_client_metadata")
    assert [request.path for request in web.received] == ["/sector"]


async def test_registration_sector_uri(rp: RelyingParty, web: RawServer) -> None:
    """With a document that names every redirect URI the client is registered; clients of one sector see one subject."""
    uris = [[f"{HOME}callback"], ["https://other.example.com/callback", f"{HOME}callback"]]
    web.answers["/sector"] = json_of([uri for some in uris for uri in some])
    sector = {"sector_identifier_uri": f"{web.url}/sector", "subject_type": "pairwise"}
    subjects = []
    for some in uris:
        paired = await party(rp, redirect_uris=some, **sector)
        paired_answer = await paired.authorize({"redirect_uri": f"{HOME}callback"})
        subjects.append((await paired.redeem(paired_answer)).claims["sub"])
    assert subjects[0] == subjects[1] != (await rp.log_in()).claims["sub"]


async def test_request_uri_signed_rs256(rp: RelyingParty, web: RawServer) -> None:
    """A request object signed with RS256 is fetched from the registered `request_uri`, and what it says is done."""
    uri = f"{web.url}/request.jwt#hash"
    signing = await party(rp, jwks=published(KEY), request_uris=[uri], request_object_signing_alg="RS256")
    inner = signing.build()
    publish(web, signing.request_object(inner))
    outer = {name: inner[name] for name in ("client_id", "response_type", "scope", "redirect_uri")}
    answer = await signing.follow(await signing.open({**outer, "request_uri": uri}), inner)
    await signing.redeem(answer)
    assert "RS256" in rp.op.metadata["request_object_signing_alg_values_supported"]


async def test_request_uri_unsigned(rp: RelyingParty, web: RawServer) -> None:
    """`none` is not among the algorithms of request objects, so the suite skips this; an unsigned one is refused."""
    assert "none" not in rp.op.metadata["request_object_signing_alg_values_supported"]
    uri = f"{web.url}/request.jwt"
    unsigned = await party(rp, jwks=published(KEY), request_uris=[uri])
    inner = unsigned.build()
    publish(web, f"{encode({'alg': 'none'})}.{encode(with_names(inner, rp.op.issuer))}.")
    answer = await unsigned.refused({"request_uri": uri, "state": inner["state"]})
    assert answer.params["error"] == "invalid_request_object"


async def test_userinfo_rs256(rp: RelyingParty) -> None:
    """A client that registered for signed userinfo gets a JWT with `iss` and `aud` (OIDC Core 5.3.2)."""
    asking = await party(rp, userinfo_signed_response_alg="RS256")
    login = await asking.log_in()
    headers = {"Authorization": f"Bearer {login.access_token}"}
    async with rp.op.http.get(rp.op.metadata["userinfo_endpoint"], headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "application/jwt")
        token = jwt.decode(await answer.text(), await rp.op.keys(), algorithms=["RS256"])
    assert token.claims["iss"] == rp.op.issuer
    assert token.claims["aud"] in (asking.client.client_id, [asking.client.client_id])
    assert token.claims["sub"] == login.claims["sub"]


def publish(web: RawServer, token: str) -> None:
    """At the place of request objects."""
    web.answers["/request.jwt"] = answer_of(token.encode(), kind="application/oauth-authz-req+jwt")


def with_names(request: Mapping[str, str], issuer: str) -> dict[str, Any]:
    """What an object says of itself."""
    return {**request, "iss": request["client_id"], "aud": issuer}
