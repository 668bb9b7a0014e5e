"""`Try again` and `another way` ask for exactly what the app asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.authorize import build_request, verify_target
from broker.core.client import Client
from broker.core.client_policy import RequestPolicy
from broker.core.parameters import parse_form
from broker.core.query import encode_query
from broker.core.records import AuthorizationRequest
from broker.core.terms import Pkce
from broker.web.frontend import link_params, rebuild_params

CLIENT = Client(
    id="app",
    name={},
    redirect_uris=("https://app.test/cb",),
    pkce=Pkce.OPTIONAL,
    requests=RequestPolicy(resources=("https://api.app.test", "https://files.app.test/v1")),
)
PLAIN = AuthorizationRequest("app", "https://app.test/cb", ("openid", "email"))
FULL = AuthorizationRequest(
    client_id="app",
    redirect_uri="https://app.test/cb",
    scope=("openid",),
    state="s &1",
    nonce="n",
    code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    response_mode="form_post",
    prompt=("login", "consent"),
    max_age=0,
    login_hint="ann@a.test",
    ui_locales=("ru", "en"),
    acr_values=("1",),
    resource=("https://api.app.test", "https://files.app.test/v1"),
    claims={"userinfo": {"email": None}, "id_token": {"name": None}},
)


@pytest.mark.parametrize(
    "request_before",
    [PLAIN, FULL, replace(PLAIN, hinted_sub="s1"), replace(FULL, hinted_sub="s1")],
    ids=["plain", "full", "plain with a hint", "full with a hint"],
)
def test_an_attempt_that_failed_can_be_made_again_unchanged(request_before: AuthorizationRequest) -> None:
    params = parse_form(encode_query(rebuild_params(request_before)).encode())
    assert build_request(params, verify_target(params, CLIENT)) == request_before


def test_a_link_to_a_signed_request_is_its_name_and_not_the_object() -> None:
    named = replace(PLAIN, request_uri="urn:ietf:params:oauth:request_uri:x")
    name = {"client_id": "app", "request_uri": named.request_uri}
    brought = parse_form(b"client_id=app&request=a.b.c&ui_locales=ru&idp_hint=vk")
    assert link_params(brought, named) == name
    assert link_params(brought, named, hinted=False) == {**name, "idp_hint": "-"}
    again = parse_form(encode_query({**name, "ui_locales": "ru", "idp_hint": "vk", "state": "x"}).encode())
    assert link_params(again, named) == {**name, "ui_locales": ("ru",), "idp_hint": ("vk",)}


def test_the_provider_is_left_to_choose() -> None:
    assert "idp_hint" not in rebuild_params(replace(FULL, idp_hint="vk"))
