"""How a client proves itself: by exactly the registered method, with a live secret."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.clients.client import Client
from broker.core.clients.credentials import check_token_parameters, parse_credentials, verify_client
from broker.core.errors import InvalidClient, InvalidRequest
from broker.core.terms import AuthMethod
from broker.core.wire.parameters import Parameters

BASIC = "client_secret_basic"
SECRET, NEXT = "s3cret-s3cret-s3cret-s3cret-s3cret", "the-next-one-the-next-one-the-next-one"


def digest(secret: str) -> str:
    """As the configuration keeps it."""
    return sha256(secret.encode()).hexdigest()


def make(method: AuthMethod, *secrets: str) -> Client:
    """A client of this method."""
    digests = tuple(digest(secret) for secret in secrets)
    return Client(id="app", name={}, redirect_uris=(), auth_method=method, secret_digests=digests)


CLIENTS = {
    "basic": make(AuthMethod.BASIC, SECRET),
    "post": make(AuthMethod.POST, SECRET),
    "public": make(AuthMethod.NONE),
    "rotating": make(AuthMethod.BASIC, SECRET, NEXT),
    "either": replace(make(AuthMethod.BASIC, SECRET), secret_either_way=True),
    "secretless": make(AuthMethod.BASIC),
}


def basic(client_id: str, secret: str) -> str:
    """The header of RFC 6749 section 2.3.1: both parts form-encoded, then base64."""
    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def raw_basic(text: bytes) -> str:
    """A header over any bytes."""
    return "Basic " + b64encode(text).decode()


def prove(client: Client | None, authorization: str = "", **body: str) -> Client:
    """Parse and verify in one step, as the token endpoint does."""
    return verify_client(client, parse_credentials(authorization, Parameters(body.items())))


@pytest.mark.parametrize(
    ("kind", "authorization", "body"),
    [
        ("basic", basic("app", SECRET), {}),
        ("basic", basic("app", SECRET), {"client_id": "app"}),
        ("basic", basic("app", SECRET).replace("Basic", "bAsIc"), {}),
        ("basic", basic("app", SECRET).replace("Basic ", "Basic   "), {}),
        ("rotating", basic("app", SECRET), {}),
        ("rotating", basic("app", NEXT), {}),
        ("post", "", {"client_id": "app", "client_secret": SECRET}),
        ("either", basic("app", SECRET), {}),
        ("either", "", {"client_id": "app", "client_secret": SECRET}),
        ("public", "", {"client_id": "app"}),
        ("public", basic("app", ""), {}),
    ],
)
def test_f11_the_registered_method_is_accepted(kind: str, authorization: str, body: dict[str, str]) -> None:
    assert prove(CLIENTS[kind], authorization, **body) is CLIENTS[kind]


@pytest.mark.parametrize(
    ("kind", "authorization", "body"),
    [
        ("basic", "", {}),
        ("basic", "", {"client_id": "app"}),
        ("basic", "", {"client_id": "app", "client_secret": SECRET}),
        ("basic", basic("app", SECRET), {"client_secret": SECRET}),
        ("basic", basic("app", SECRET), {"client_id": "app", "client_secret": SECRET}),
        ("basic", basic("app", SECRET), {"client_id": "other"}),
        ("basic", basic("app", ""), {}),
        ("basic", basic("app", "wrong"), {}),
        ("basic", basic("app", SECRET + "x"), {}),
        ("basic", basic("app", SECRET[:-1]), {}),
        ("basic", basic("app", SECRET.upper()), {}),
        ("basic", basic("app", digest(SECRET)), {}),
        ("basic", basic("app", "x" * 1025), {}),
        ("either", basic("app", SECRET), {"client_secret": SECRET}),
        ("either", "", {"client_id": "app"}),
        ("either", "", {"client_id": "app", "client_secret": "wrong"}),
        ("either", basic("app", "wrong"), {}),
        ("either", basic("app", ""), {}),
        ("post", basic("app", SECRET), {}),
        ("post", "", {"client_id": "app"}),
        ("post", "", {"client_id": "app", "client_secret": ""}),
        ("post", "", {"client_id": "app", "client_secret": "wrong"}),
        ("post", "", {"client_secret": SECRET}),
        ("public", "", {"client_id": "app", "client_secret": SECRET}),
        ("public", basic("app", ""), {"client_secret": SECRET}),
        ("public", basic("app", ""), {"client_id": "other"}),
        ("public", basic("app", SECRET), {}),
        ("post", basic("app", ""), {}),
        ("secretless", basic("app", ""), {}),
        ("secretless", basic("app", "0" * 64), {}),
        ("basic", "Basic", {}),
        ("basic", "Basic ", {}),
        ("basic", "Basic é", {}),
        ("basic", "Basic !!!!", {}),
        ("basic", "Basic YQ", {}),
        ("basic", raw_basic(b"app"), {}),
        ("basic", raw_basic(b":" + SECRET.encode()), {}),
        ("basic", raw_basic(b"\xff\xfe:x"), {}),
        ("basic", raw_basic(b"app:%ff%fe"), {}),
        ("basic", basic("app", SECRET).replace("Basic", "Bearer"), {}),
        ("basic", basic("app", SECRET).replace("Basic ", "Basic"), {}),
    ],
)
def test_f11_every_other_way_is_invalid_client(kind: str, authorization: str, body: dict[str, str]) -> None:
    with pytest.raises(InvalidClient) as caught:
        prove(CLIENTS[kind], authorization, **body)
    assert (caught.value.code, caught.value.status) == ("invalid_client", 401)
    assert SECRET not in caught.value.public + caught.value.detail


@pytest.mark.parametrize("method", list(AuthMethod))
def test_f11_a_secret_that_may_come_either_way_comes_in_the_header_or_in_the_form(method: AuthMethod) -> None:
    client = replace(make(AuthMethod.BASIC, "s" * 32), secret_either_way=True)
    assert client.proves_by(method) == (method in {AuthMethod.BASIC, AuthMethod.POST})
    fixed = make(method, "s" * 32)
    assert [other for other in AuthMethod if fixed.proves_by(other)] == [method]


def test_f11_an_overlong_secret_is_not_even_looked_at() -> None:
    longest = "x" * 1024
    assert prove(make(AuthMethod.BASIC, longest), basic("app", longest))
    with pytest.raises(InvalidClient):
        prove(make(AuthMethod.BASIC, longest + "x"), basic("app", longest + "x"))


@pytest.mark.parametrize(
    ("authorization", "body"),
    [
        (basic("app", SECRET), {}),
        ("", {"client_id": "app", "client_secret": SECRET}),
        ("", {"client_id": "app"}),
    ],
)
def test_f11_an_unknown_client_reads_like_a_wrong_secret(authorization: str, body: dict[str, str]) -> None:
    texts = []
    for client in (None, make(AuthMethod.BASIC, NEXT), make(AuthMethod.POST, NEXT)):
        with pytest.raises(InvalidClient) as caught:
            prove(client, authorization, **body)
        texts.append(caught.value.public)
    assert len(set(texts)) == 1


@pytest.mark.parametrize(
    ("client", "authorization", "body", "cause"),
    [
        (None, basic("app", SECRET), {}, "unknown client app"),
        (make(AuthMethod.BASIC, NEXT), basic("app", SECRET), {}, "secret does not match"),
        (
            make(AuthMethod.BASIC),
            "",
            {"client_id": "app", "client_secret": SECRET},
            "in the body, registered for client_secret_basic",
        ),
        (make(AuthMethod.POST), basic("app", SECRET), {}, "in the header, registered for client_secret_post"),
        (make(AuthMethod.BASIC), "", {"client_id": "app"}, "no secret sent, registered for client_secret_basic"),
    ],
)
def test_f11_the_log_alone_says_what_was_wrong(
    client: Client | None, authorization: str, body: dict[str, str], cause: str
) -> None:
    with pytest.raises(InvalidClient) as caught:
        prove(client, authorization, **body)
    assert caught.value.detail.endswith(cause)
    assert caught.value.public == "client authentication failed; check client_id, secret and method"
    assert SECRET not in caught.value.detail


SECRETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(SECRETS, st.text("abcABC012.-_~:%+ é", min_size=1, max_size=20))
def test_form_encoded_credentials_come_out_as_they_went_in(secret: str, client_id: str) -> None:
    credentials = parse_credentials(basic(client_id, secret), Parameters(()))
    assert (credentials.client_id, credentials.secret) == (client_id, secret)
    assert verify_client(make(AuthMethod.BASIC, secret), credentials)


@given(st.text(max_size=80))
def test_no_header_crashes_the_parser(header: str) -> None:
    try:
        parse_credentials(header, Parameters({"client_id": "app"}.items()))
    except InvalidClient:
        return


def test_a_secret_stays_out_of_the_repr() -> None:
    assert SECRET not in repr(parse_credentials(basic("app", SECRET), Parameters(())))


def test_h1_a_token_request_says_nothing_twice_and_names_a_grant() -> None:
    check_token_parameters(Parameters([("grant_type", "authorization_code"), ("code", "c")]))
    with pytest.raises(InvalidRequest, match="code was sent more than once"):
        check_token_parameters(Parameters([("grant_type", "x"), ("code", "c"), ("code", "c")]))
    with pytest.raises(InvalidRequest, match="grant_type is missing"):
        check_token_parameters(Parameters([("code", "c")]))
