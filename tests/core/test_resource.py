"""Names of APIs: what may be one, who may ask for which, and what it makes of an audience."""

from __future__ import annotations

import pytest

from broker.core.errors import InvalidTarget
from broker.core.tokens.audience import (
    MAX_RESOURCE,
    MAX_RESOURCES,
    build_audience,
    check_resource_uri,
    parse_audience,
    parse_resources,
    say_audience,
    verify_resources,
)
from broker.core.wire.parameters import Parameters, parse_form
from broker.core.wire.query import encode_query

API, FILES, ISSUER = "https://api.test", "https://files.test/v1?x=1", "https://id.test"


def sent(*resources: str) -> Parameters:
    """A request that names these."""
    return Parameters([("resource", resource) for resource in resources])


@pytest.mark.parametrize("uri", [API, FILES, "urn:example:api", "com.example.api:/v1", "https://a.test/%20"])
def test_an_absolute_uri_names_an_api(uri: str) -> None:
    check_resource_uri(uri)
    assert parse_resources(sent(uri)) == (uri,)


@pytest.mark.parametrize(
    "uri",
    [
        *("api", "/v1", "//api.test", "?x", "HTTPS://api.test", "https:", "1https://api.test"),
        *(f"{API}#part", f"{API}#", f"{API} ", f"{API}\\x", f"{API}<", f"{API}é", f'{API}"', f"{API}/{'x' * 512}"),
    ],
)
def test_f28_what_is_no_absolute_uri_names_none(uri: str) -> None:
    with pytest.raises(InvalidTarget):
        parse_resources(sent(uri))


def test_f28_only_apis_of_the_list_may_be_asked_for_byte_for_byte() -> None:
    assert verify_resources(sent(API, FILES), (FILES, API)) == (API, FILES)
    assert verify_resources(sent(), ()) == ()
    for wrong in (f"{API}/", f"{API}:443", "https://api.test.evil.test", "https://unknown.test"):
        with pytest.raises(InvalidTarget):
            verify_resources(sent(wrong), (API, FILES))
        with pytest.raises(InvalidTarget):
            verify_resources(sent(API, wrong), (API, FILES))


def test_apis_are_named_a_few_times_each_counted_once() -> None:
    assert parse_resources(sent(*[API] * 60)) == (API,)
    several = [f"{API}/{number}" for number in range(MAX_RESOURCES + 1)]
    assert len(parse_resources(sent(*several[1:]))) == MAX_RESOURCES
    with pytest.raises(InvalidTarget):
        parse_resources(sent(*several))
    assert len(API + "x" * (MAX_RESOURCE - len(API))) == MAX_RESOURCE
    check_resource_uri(f"{API}/{'x' * (MAX_RESOURCE - len(API) - 1)}")


def test_h1_resource_alone_may_come_more_than_once() -> None:
    params = parse_form(f"resource={API}&resource=&resource={FILES}&scope=a&scope=b".encode())
    assert params.values_of("resource") == (API, "https://files.test/v1?x=1")
    assert params.repeated == {"scope"}
    assert (params.values_of("scope"), params.values_of("none")) == (("a",), ())
    assert params.only(("resource",)).values_of("resource") == params.values_of("resource")


def test_every_value_is_written_again() -> None:
    written = encode_query({"scope": "a b", "resource": (API, FILES), "none": ()})
    assert written == "scope=a+b&resource=https%3A%2F%2Fapi.test&resource=https%3A%2F%2Ffiles.test%2Fv1%3Fx%3D1"
    assert parse_form(written.encode()).values_of("resource") == (API, FILES)


@pytest.mark.parametrize(
    ("granted", "named", "openid", "audience"),
    [
        ((), (), True, ()),
        ((), (), False, ()),
        ((API,), (API,), True, (API,)),
        ((API, FILES), (FILES,), True, (FILES,)),
        ((API, FILES), (), True, (API, FILES, ISSUER)),
        ((API, FILES), (), False, (API, FILES)),
        ((), (API,), False, (API,)),
    ],
)
def test_f28_a_token_is_for_what_was_named_else_for_all_that_was_granted(
    granted: tuple[str, ...], named: tuple[str, ...], openid: bool, audience: tuple[str, ...]
) -> None:
    assert build_audience(granted, named, issuer=ISSUER, openid=openid) == audience


@pytest.mark.parametrize("audience", [(), (API,), (API, FILES), (API, ISSUER)])
def test_an_audience_reads_as_it_was_said(audience: tuple[str, ...]) -> None:
    assert parse_audience(say_audience(audience, ISSUER), ISSUER) == audience


@pytest.mark.parametrize("said", [None, "", 7, "app", [], [ISSUER], [API], [API, 7], [API, "app"], {"a": API}])
def test_e9_an_audience_is_said_in_one_way(said: object) -> None:
    assert parse_audience(said, ISSUER) is None
