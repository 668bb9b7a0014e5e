"""A request that goes out by a link of ours comes in again whole, whatever it asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.authorize.account_choice import ANOTHER_PERSON, for_another
from broker.core.authorize.request import (
    add_to_kept,
    build_device_request,
    build_request,
    to_params,
)
from broker.core.authorize.target import verify_target
from broker.core.clients.client import Client, RequestPolicy
from broker.core.errors import RequestError
from broker.core.records import AuthorizationRequest
from broker.core.terms import GrantType, Pkce, ResponseMode
from broker.core.wire.parameters import Parameters, parse_form
from broker.core.wire.query import encode_query

APIS = ("https://api.app.test", "https://files.app.test/v1")
DEFAULTS = RequestPolicy(resources=APIS, max_age=60, acr_values=("silver",))
CLIENT = Client(
    id="app",
    name={},
    redirect_uris=("https://app.test/cb", "http://127.0.0.1/cb?a=1"),
    pkce=Pkce.OPTIONAL,
    requests=RequestPolicy(resources=APIS),
    grants=frozenset(GrantType),
    origins=frozenset({"https://app.test", "http://127.0.0.1", "http://127.0.0.1:5001"}),
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
WORD = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
CLAIMS = st.lists(st.sampled_from(["email", "name", "picture"]), min_size=1, unique=True).map(dict.fromkeys)


def some(one: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    """Several different ones, or none."""
    return st.lists(one, unique=True, max_size=most).map(tuple)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "client_id": st.just("app"),
    "redirect_uri": st.sampled_from([*CLIENT.redirect_uris, "http://127.0.0.1:5001/cb?a=1"]),
    "scope": st.lists(st.sampled_from(sorted(CLIENT.scopes)), min_size=1, unique=True).map(tuple),
    "state": st.just("") | TEXT,
    "nonce": st.just("") | TEXT,
    "code_challenge": st.sampled_from(["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]),
    "response_mode": st.sampled_from(ResponseMode),
    "prompt": st.sampled_from([(), ("none",), ("login",), ("consent", "select_account"), ("create",)]),
    "max_age": st.none() | st.integers(0, 999_999_999),
    "login_hint": st.just("") | TEXT,
    "ui_locales": some(st.sampled_from(["ru", "en-GB", "zh-Hant-TW"])),
    "acr_values": some(WORD),
    "idp_hint": st.just("") | WORD,
    "hinted_sub": st.just("") | TEXT,
    "essential_acr": some(TEXT),
    "resource": some(st.sampled_from(APIS), 2),
    "dpop_jkt": st.sampled_from(["", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"]),
    "claims": st.dictionaries(st.sampled_from(["id_token", "userinfo"]), CLAIMS),
}
NOT_SENT = {"request_uri", "device"}
"""The name of a kept request stands for all of it, and a device is never sent to `/authorize`."""


def come_again(request: AuthorizationRequest, client: Client = CLIENT) -> AuthorizationRequest:
    """Through a link of ours and back."""
    params = parse_form(encode_query(to_params(request)).encode())
    return build_request(params, verify_target(params, client))


def test_no_field_of_a_request_is_left_out_of_the_property_below() -> None:
    assert set(AuthorizationRequest.__struct_fields__) == FIELDS.keys() | NOT_SENT


@given(st.fixed_dictionaries(FIELDS))
def test_a25_a_request_that_goes_out_comes_back_whole(asked: dict[str, Any]) -> None:
    request = AuthorizationRequest(**asked)
    assert come_again(request) == request


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - {"client_id", "redirect_uri", "scope"}))
@given(data=st.data())
def test_a25_every_single_field_comes_back(name: str, data: st.DataObject) -> None:
    plain = AuthorizationRequest("app", "https://app.test/cb", ("openid", "email"))
    request = plain.replace(**{name: data.draw(FIELDS[name])})
    assert come_again(request) == request


def test_a25_what_the_client_registered_as_its_default_stays_what_it_was() -> None:
    sent = parse_form(encode_query(to_params(AuthorizationRequest("app", "https://app.test/cb", ("openid",)))).encode())
    client = replace(CLIENT, requests=DEFAULTS)
    request = build_request(sent, verify_target(sent, client))
    assert (request.max_age, request.acr_values) == (60, ("silver",))
    assert come_again(request) == request
    assert come_again(request, CLIENT) == request, "also where the default is another by then"


def test_a_device_asks_for_a_level_and_an_age_as_a_browser_does() -> None:
    client = replace(CLIENT, requests=DEFAULTS)
    asked = Parameters([("client_id", "app"), ("scope", "openid"), ("acr_values", "gold"), ("max_age", "0")])
    request = build_device_request(asked, client)
    assert (request.acr_values, request.max_age) == (("gold",), 0)
    plain = build_device_request(asked.only(("client_id", "scope")), client)
    assert (plain.acr_values, plain.max_age) == (("silver",), 60)
    with pytest.raises(RequestError):
        build_device_request(Parameters([*asked.only(("scope",)).items(), ("max_age", "soon")]), client)


@pytest.mark.parametrize("name", ["state", "nonce", "login_hint", "ui_locales", "idp_hint"])
def test_what_a_device_has_no_use_for_is_bounded_and_left_out(name: str) -> None:
    plain = Parameters([("client_id", "app"), ("scope", "openid")])
    assert build_device_request(Parameters([*plain.items(), (name, "ru")]), CLIENT) == build_device_request(
        plain, CLIENT
    )
    with pytest.raises(RequestError, match=f"{name} is longer"):
        build_device_request(Parameters([*plain.items(), (name, "x" * 2049)]), CLIENT)


KEPT = AuthorizationRequest("app", "https://app.test/cb", ("openid",), request_uri="urn:x", prompt=("login",))


def again(request: AuthorizationRequest, kept: AuthorizationRequest) -> AuthorizationRequest:
    """What a link of ours to this request comes to, where it is kept like this."""
    return add_to_kept(kept, parse_form(encode_query(to_params(request)).encode()), CLIENT)


def test_a_kept_request_is_for_somebody_else_where_our_page_says_so() -> None:
    asked = again(for_another(KEPT), KEPT)
    assert (asked.prompt, asked.idp_hint) == (("login", "select_account"), ANOTHER_PERSON)
    assert again(asked, KEPT) == asked, "the wish is there once, however often it is added"
    assert again(KEPT, KEPT) == KEPT


def test_nothing_else_can_be_added_to_the_prompt_of_a_kept_request_and_nothing_to_a_silent_one() -> None:
    added = add_to_kept(KEPT, parse_form(b"prompt=consent+none+create"), CLIENT)
    assert added.prompt == ("login",)
    silent = KEPT.replace(prompt=("none",))
    assert add_to_kept(silent, parse_form(b"prompt=select_account"), CLIENT).prompt == ("none",)
