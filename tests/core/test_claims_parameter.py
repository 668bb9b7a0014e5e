"""The `claims` parameter: one meaning, bounded, and only what the client may have is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.authorize.claims_parameter import MAX_CLAIMS, parse_claims
from broker.core.authorize.pushed import PushedRequest
from broker.core.authorize.request import build_request
from broker.core.errors import InvalidRequest
from tests.core.authorization_request import send, target_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
PLACES = st.dictionaries(st.sampled_from(["id_token", "userinfo", "x"]), JSON)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", {}),
        ("{}", {}),
        ('{"id_token":null}', {}),
        ('{"id_token":{}}', {"id_token": {}}),
        ('{"userinfo":{"email":null}}', {"userinfo": {"email": None}}),
        (
            '{"userinfo":{"email":{"essential":true}},"id_token":{"acr":{"values":["1","2"]}}}',
            {"userinfo": {"email": {"essential": True}}, "id_token": {"acr": {"values": ["1", "2"]}}},
        ),
        ('{"unknown":{"a":7},"userinfo":{}}', {"userinfo": {}}),
    ],
)
def test_a_claims_parameter_is_read_as_openid_connect_defines_it(text: str, parsed: dict[str, Any]) -> None:
    assert parse_claims(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '"x"',
        "7",
        "{",
        "{'a':1}",
        '{"userinfo":[]}',
        '{"userinfo":"email"}',
        '{"userinfo":{"email":true}}',
        '{"userinfo":{"email":["a"]}}',
        '{"userinfo":{},"userinfo":{}}',
        '{"userinfo":{"email":null,"email":null}}',
        '{"userinfo":{"email":{"value":NaN}}}',
        '{"userinfo":{"email":{"value":Infinity}}}',
        '{"userinfo":{"email":{"value":"\\ud800"}}}',
        '{"userinfo":{"email":{"value":[[1]]}}}',
        "\ufeff{}",
        "[" * 2000 + "]" * 2000,
        '{"a":' * 600 + "1" + "}" * 600,
        '{"userinfo":{' + " " * MAX_CLAIMS + "}}",
        '{"userinfo":{"email":{"value":' + "9" * 4050 + "}}}" + " " * 10,
    ],
)
def test_h5_a_claims_parameter_with_two_readings_or_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_claims(text)


@given(PLACES)
def test_h5_whatever_is_accepted_can_be_kept_and_read_back(places: dict[str, Any]) -> None:
    params = send(claims=json.dumps(places))
    try:
        request = build_request(params, target_of(params))
    except InvalidRequest:
        return
    assert PushedRequest.from_bytes(PushedRequest(request).to_bytes()).request == request


def test_only_claims_of_scopes_the_client_may_have_are_kept() -> None:
    asked = {"email": None, "phone_number": {"essential": True}, "name": {"value": "x"}, "acr": None, "sub": None}
    params = send(claims=json.dumps({"userinfo": asked, "id_token": asked}))
    kept = build_request(params, target_of(params)).claims
    assert kept == {"userinfo": {"email": None, "name": None}, "id_token": {"email": None, "name": None}}


@pytest.mark.parametrize(
    ("hinted", "claims", "hint"),
    [
        ("", "", ""),
        ("ann", "", "ann"),
        ("", '{"id_token":{"sub":{"value":"ann"}}}', "ann"),
        ("", '{"id_token":{"sub":null}}', ""),
        ("", '{"id_token":{"sub":{"essential":true}}}', ""),
        ("", '{"userinfo":{"sub":{"value":"ann"}}}', ""),
        ("ann", '{"id_token":{"sub":{"value":"ann"}}}', "ann"),
    ],
)
def test_a_value_of_sub_names_the_person_as_a_hint_does(hinted: str, claims: str, hint: str) -> None:
    params = send(claims=claims or None)
    assert build_request(params, target_of(params), hinted_sub=hinted).hinted_sub == hint


def test_a18_a_request_cannot_name_two_people() -> None:
    params = send(claims='{"id_token":{"sub":{"value":"bob"}}}')
    with pytest.raises(InvalidRequest):
        build_request(params, target_of(params), hinted_sub="ann")


@pytest.mark.parametrize("value", ["7", "null", "true", '""', '["ann"]', "{}"])
def test_a18_a_sub_that_is_no_text_is_refused_and_not_ignored(value: str) -> None:
    params = send(claims=f'{{"id_token":{{"sub":{{"value":{value}}}}}}}')
    with pytest.raises(InvalidRequest):
        build_request(params, target_of(params))
