"""Until client and redirect URI are known to be good, a failure is a page and the browser goes nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.authorize.target import MAX_STATE
from broker.core.clients.client import Client
from broker.core.errors import BadRedirectUri, PageError, UnknownClient
from broker.core.terms import ResponseMode
from broker.core.wire.addresses import build_response_url, check_redirect_uri, origin_of
from tests.core.authorization_request import CLIENT, REDIRECT, send, target_of

QUERY_ONLY = Client(id="app", name={}, redirect_uris=(REDIRECT,), response_modes=frozenset({"query"}))
BAD_LATER: tuple[dict[str, str], ...] = (
    {},
    {"response_type": "token"},
    {"scope": "bad"},
    {"response_mode": "fragment"},
    {"prompt": "none login"},
)


def test_a_good_request_names_its_target() -> None:
    target = target_of(send())
    assert (target.client, target.redirect_uri, target.state) == (CLIENT, REDIRECT, "s-1")
    assert target.response_mode is ResponseMode.QUERY


@pytest.mark.parametrize("spoilt", BAD_LATER)
@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"client_id": None}, UnknownClient),
        ({"client_id": ""}, UnknownClient),
        ({"client_id": "other"}, UnknownClient),
        ({"client_id": "APP"}, UnknownClient),
        ({"client_id": "other", "redirect_uri": "https://evil.test"}, UnknownClient),
        ({"redirect_uri": None}, BadRedirectUri),
        ({"redirect_uri": ""}, BadRedirectUri),
        ({"redirect_uri": "https://evil.test"}, BadRedirectUri),
    ],
)
def test_a5_an_unproved_target_is_a_page_whatever_else_is_wrong(
    changed: dict[str, str | None], failure: type[PageError], spoilt: dict[str, str]
) -> None:
    with pytest.raises(failure) as caught:
        target_of(send(**changed, **spoilt))
    assert "evil" not in caught.value.public
    assert caught.value.status == 400


@pytest.mark.parametrize("mode", ["query", "form_post", "jwt", "form_post.jwt", "query.jwt", "fragment"])
def test_a8_no_response_mode_loosens_the_redirect_uri(mode: str) -> None:
    with pytest.raises(BadRedirectUri):
        target_of(send(redirect_uri=REDIRECT + "/", response_mode=mode))


@pytest.mark.parametrize(
    ("name", "other", "failure"),
    [
        ("client_id", "app", UnknownClient),
        ("client_id", "evil", UnknownClient),
        ("redirect_uri", REDIRECT, BadRedirectUri),
        ("redirect_uri", "https://evil.test", BadRedirectUri),
    ],
)
def test_h1_a_repeated_target_is_a_page(name: str, other: str, failure: type[PageError]) -> None:
    with pytest.raises(failure):
        target_of(send((name, other)))


@pytest.mark.parametrize(
    ("client", "sent", "used"),
    [
        (CLIENT, None, ResponseMode.QUERY),
        (CLIENT, "query", ResponseMode.QUERY),
        (CLIENT, "form_post", ResponseMode.FORM_POST),
        (CLIENT, "fragment", ResponseMode.QUERY),
        (CLIENT, "web_message", ResponseMode.QUERY),
        (QUERY_ONLY, "form_post", ResponseMode.QUERY),
    ],
)
def test_a7_an_error_travels_in_a_mode_the_client_is_registered_for(
    client: Client, sent: str | None, used: ResponseMode
) -> None:
    assert target_of(send(response_mode=sent), client).response_mode is used


def test_h1_a_repeated_mode_or_state_is_not_believed() -> None:
    assert target_of(send(("response_mode", "query"), response_mode="form_post")).response_mode is ResponseMode.QUERY
    assert target_of(send(("state", "s-2"))).state == ""


def test_h3_an_overlong_state_is_not_sent_back() -> None:
    assert target_of(send(state="x" * MAX_STATE)).state == "x" * MAX_STATE
    assert target_of(send(state="x" * (MAX_STATE + 1))).state == ""


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://a.test/cb", "https://a.test/cb?code=c&state=a+%26b%3Dc%22"),
        ("https://a.test/cb?x=1", "https://a.test/cb?x=1&code=c&state=a+%26b%3Dc%22"),
        ("com.example.app:/cb", "com.example.app:/cb?code=c&state=a+%26b%3Dc%22"),
    ],
)
def test_a_response_is_added_to_the_query_and_escaped(uri: str, url: str) -> None:
    assert build_response_url(uri, {"code": "c", "state": 'a &b=c"'}) == url


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://a.test/cb?x=1", "https://a.test"),
        ("https://a.test:443/cb", "https://a.test"),
        ("https://a.test:80", "https://a.test:80"),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1"),
        ("http://127.0.0.1:8401/cb", "http://127.0.0.1:8401"),
        ("http://[::1]:1/cb", "http://[::1]:1"),
        ("com.example.app:/cb", ""),
        ("com.example.app://a.test/cb", ""),
    ],
)
def test_g9_the_origin_of_a_redirect_uri_is_written_as_browsers_write_it(uri: str, origin: str) -> None:
    assert origin_of(check_redirect_uri(uri)) == origin


@pytest.mark.parametrize("uri", ["", "a", "https://", "https:a.test", "https://u@a.test/"])
def test_g9_what_was_never_registered_has_no_origin(uri: str) -> None:
    assert origin_of(uri) == ""


@pytest.mark.parametrize("said", [(), ("https://app.test:8443",), ("http://app.test",), ("https://a.app.test",), ("",)])
def test_g10_a_message_goes_only_to_an_origin_that_may_call_us(said: tuple[str, ...]) -> None:
    sent, client = send(response_mode="web_message"), replace(CLIENT, origins=frozenset(said))
    assert target_of(sent, client).response_mode is ResponseMode.QUERY
    heard = replace(client, origins=client.origins | {"https://app.test"})
    assert target_of(sent, heard).response_mode is ResponseMode.WEB_MESSAGE
    native = replace(heard, redirect_uris=("com.example.app:/cb",), origins=frozenset({"", "https://app.test"}))
    there = send(response_mode="web_message", redirect_uri="com.example.app:/cb")
    assert target_of(there, native).response_mode is ResponseMode.QUERY
