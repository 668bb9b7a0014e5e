"""FAPI 2.0: discovery, the authorization request, and how it is pushed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import pytest

from tests.conformance.fapi_party import FapiParty
from tests.conformance.openid_provider import Operator
from tests.conformance.response_checks import check_plain_url


async def test_discovery_end_point_verification(op: Operator) -> None:
    """The document names what the profile needs: PAR, DPoP, private_key_jwt, S256, `iss` in responses."""
    metadata = op.metadata
    for name in ("authorization", "token", "pushed_authorization_request"):
        check_plain_url(metadata[f"{name}_endpoint"], issuer=op.issuer)
    wanted = {"PS256", "ES256", "EdDSA"}
    assert wanted <= set(metadata["token_endpoint_auth_signing_alg_values_supported"])
    assert wanted <= set(metadata["dpop_signing_alg_values_supported"])
    assert wanted & set(metadata["id_token_signing_alg_values_supported"])
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert "authorization_code" in metadata["grant_types_supported"]


async def test_happy_flow(party: FapiParty) -> None:
    """Pushed, logged in, redeemed and shown at the resource; then the same for a client that asks for consent."""
    for client in (party, party.other()):
        request = client.build()
        code = await client.follow(await client.open(await client.push(request), **request), request)
        login = await client.redeem(code)
        status, claims = await client.call_userinfo(login)
        assert (status, claims["sub"]) == (200, login.claims["sub"])


@pytest.mark.parametrize("button", ["cancel", "deny"])
async def test_user_rejects_authentication(party: FapiParty, button: str) -> None:
    """Whoever cancels at the upstream, or denies the consent, sends the client `access_denied`."""
    client = party if button == "cancel" else party.other()
    request = client.build({"prompt": "consent"} if button == "deny" else {})
    page = await client.open(await client.push(request))
    if button == "deny":
        for step in ("provider-google", "person-ada", "deny"):
            assert page.has(step)
            page = await client.browser.click(step)
    answer = await client.walk(page, request, person="cancel")
    assert answer["error"] == "access_denied"


async def test_ensure_authorization_request_without_state_success(party: FapiParty) -> None:
    """PKCE is there, so a state need not be; none comes back then."""
    code = await party.authorize({"state": None})
    assert "state" not in code.params
    await party.redeem(code)


async def test_ensure_authorization_request_without_nonce_success(party: FapiParty) -> None:
    """A nonce need not be; the ID token has none then."""
    assert "nonce" not in (await party.log_in({"nonce": None})).claims


async def test_ensure_authorization_request_with_64_char_nonce_success(party: FapiParty) -> None:
    """A nonce of 64 characters must be taken (section 5.3.2.2)."""
    nonce = secrets.token_hex(32)
    assert (await party.log_in({"nonce": nonce})).claims["nonce"] == nonce


async def test_ensure_other_scope_order_succeeds(party: FapiParty) -> None:
    """The order of scopes means nothing."""
    login = await party.log_in({"scope": "email profile openid"})
    assert set(login.tokens["scope"].split()) == {"openid", "profile", "email"}


async def test_test_claims_parameter_identity_claims(party: FapiParty) -> None:
    """Claims asked for by name come in the ID token and at userinfo."""
    wanted = '{"given_name":{"essential":true},"family_name":null}'
    login = await party.log_in({"claims": f'{{"userinfo":{wanted},"id_token":{wanted}}}'})
    _, claims = await party.call_userinfo(login)
    assert {"given_name", "family_name"} <= claims.keys() & login.claims.keys()


async def test_ensure_different_nonce_inside_and_outside_request_object(party: FapiParty) -> None:
    """A nonce in the address changes nothing about the one that was pushed."""
    login = await party.redeem(await party.authorize(nonce="another"))
    assert login.claims["nonce"] != "another"


async def test_ensure_different_state_inside_and_outside_request_object(party: FapiParty) -> None:
    """Nor does a state."""
    code = await party.authorize(state="another")
    assert code.params["state"] == code.request["state"] != "another"


async def test_state_only_outside_request_object_not_used(party: FapiParty) -> None:
    """A state that was not pushed does not come back."""
    assert "state" not in (await party.authorize({"state": None}, state="another")).params


async def test_ensure_authorization_request_with_long_nonce(party: FapiParty) -> None:
    """A nonce of 384 characters comes back as it was sent."""
    await party.log_in({"nonce": secrets.token_hex(192)})


async def test_ensure_authorization_request_with_long_state(party: FapiParty) -> None:
    """A state of 384 characters comes back as it was sent."""
    await party.authorize({"state": secrets.token_hex(192)})


async def test_ensure_request_object_without_redirect_uri_fails(party: FapiParty) -> None:
    """A pushed request says where the answer goes."""
    await _refuse_push(party, {"redirect_uri": None}, "invalid_request")


async def test_plain_fapi_ensure_registered_redirect_uri(party: FapiParty) -> None:
    """A server may take an unregistered redirect URI from a client that proved itself; this one refuses it."""
    await _refuse_push(party, {"redirect_uri": f"{party.redirect_uri}/more"}, "invalid_request")


async def test_ensure_unsigned_authorization_request_without_using_par_fails(party: FapiParty) -> None:
    """A request that was not pushed is refused, though everything else about it is right."""
    request = party.build()
    answer = await party.walk(await party.visit(request), request)
    assert answer["error"] == "invalid_request"


async def test_ensure_redirect_uri_in_authorization_request(party: FapiParty) -> None:
    """An empty one is none, and a request with none that was not pushed leads nobody anywhere."""
    await _refuse_push(party, {"redirect_uri": ""}, "invalid_request")
    page = await party.visit(party.build({"redirect_uri": None}))
    assert page.status == 400
    assert page.url.startswith(party.op.metadata["authorization_endpoint"])


async def test_ensure_response_type_code_idtoken_fails(party: FapiParty) -> None:
    """No ID token from the authorization endpoint."""
    await _refuse_push(party, {"response_type": "code id_token"}, "unsupported_response_type")


async def test_ensure_response_type_token_fails(party: FapiParty) -> None:
    """No access token from the authorization endpoint."""
    await _refuse_push(party, {"response_type": "token"}, "unsupported_response_type")


async def test_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(party: FapiParty) -> None:
    """Who opens the address twice before logging in can still log in."""
    request = party.build()
    request_uri = await party.push(request)
    await party.open(request_uri)
    await party.redeem(await party.follow(await party.open(request_uri), request))


async def test_par_attempt_reuse_request_uri(party: FapiParty) -> None:
    """What was answered once is answered no more."""
    request = party.build()
    request_uri = await party.push(request)
    await party.follow(await party.open(request_uri), request)
    await _refuse_uri(party, request_uri)


async def test_par_attempt_to_use_expired_request_uri(party: FapiParty) -> None:
    """A pushed request lives as long as `expires_in` said."""
    _, body = await party.push_raw(party.build())
    party.op.clock.advance(body["expires_in"] + 1)
    await _refuse_uri(party, body["request_uri"])


async def test_par_attempt_to_use_request_uri_for_different_client(party: FapiParty) -> None:
    """A pushed request is its client's alone."""
    await _refuse_uri(party.other(), await party.push(party.build()))


async def test_par_authorization_request_containing_request_uri_form_param(party: FapiParty) -> None:
    """A pushed request holds no `request_uri` (RFC 9126 section 2.1)."""
    await _refuse_push(party, {"request_uri": await party.push(party.build())}, "invalid_request")


async def test_par_attempt_invalid_http_method(party: FapiParty) -> None:
    """Requests are pushed by POST; nothing else is understood there."""
    endpoint = party.op.metadata["pushed_authorization_request_endpoint"]
    sent = {**party.build(), **party.authentication()}
    for method in ("GET", "PUT"):
        async with party.op.http.request(method, endpoint, params=sent) as answer:
            assert answer.status == 405
            assert "request_uri" not in await answer.text()


async def test_par_ensure_pkce_required(party: FapiParty) -> None:
    """No request without a challenge."""
    await _refuse_push(party, {"code_challenge": None, "code_challenge_method": None}, "invalid_request")


async def test_par_plain_pkce_rejected(party: FapiParty) -> None:
    """A challenge is made by S256."""
    plain = {"code_challenge": party.verifier[:43], "code_challenge_method": "plain"}
    await _refuse_push(party, plain, "invalid_request")
    await _refuse_push(party, {"code_challenge_method": None}, "invalid_request")


async def test_par_without_duplicate_parameters(party: FapiParty) -> None:
    """`client_id` and `request_uri` are all that the address needs."""
    await party.redeem(await party.authorize())


async def _refuse_push(party: FapiParty, wishes: Mapping[str, str | None], error: str) -> None:
    status, body = await party.push_raw(party.build(wishes))
    assert (status, body["error"]) == (400, error), body
    assert "request_uri" not in body


async def _refuse_uri(party: FapiParty, request_uri: str) -> None:
    """On a page of ours: only the request would say where else."""
    page = await party.open(request_uri)
    assert page.status == 400
    assert page.url.startswith(party.op.metadata["authorization_endpoint"])
    assert "invalid_request_uri" in page.text
