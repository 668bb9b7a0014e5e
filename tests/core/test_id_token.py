"""What ID tokens and JWT access tokens say."""

from __future__ import annotations

import pytest

from broker.core.records import Grant, Login
from broker.core.tokens.id_token import build_access_token, build_id_token

NOW = 1_800_000_000
GRANT = Grant(
    id="g1",
    client_id="app",
    login=Login("s1", "google", "p1", "x1", auth_time=NOW - 60, amr=("fed",), sid="sid1"),
    scope=("openid", "email"),
    nonce="n1",
    created_at=NOW,
    expires_at=NOW + 900,
    offline=False,
)


def test_an_id_token_says_what_openid_connect_core_2_asks_for() -> None:
    assert build_id_token(
        GRANT, issuer="https://id.test", now=NOW, ttl=600, at_hash="h", person_claims={"name": "A"}
    ) == {
        "name": "A",
        "iss": "https://id.test",
        "sub": "s1",
        "aud": "app",
        "iat": NOW,
        "exp": NOW + 600,
        "auth_time": NOW - 60,
        "amr": ["fed"],
        "sid": "sid1",
        "at_hash": "h",
        "nonce": "n1",
    }


def test_an_id_token_has_a_nonce_only_when_one_was_sent() -> None:
    claims = build_id_token(GRANT.replace(nonce=""), issuer="i", now=NOW, ttl=1, at_hash="h", person_claims={})
    assert "nonce" not in claims


def test_tokens_say_the_level_the_upstream_showed_and_none_where_it_said_nothing() -> None:
    high = GRANT.replace(login=GRANT.login.replace(acr="urn:mfa"))
    id_token = build_id_token(high, issuer="i", now=NOW, ttl=1, at_hash="h", person_claims={"acr": "made up"})
    assert id_token["acr"] == "urn:mfa"
    assert build_access_token(high, ("openid",), issuer="i", now=NOW, ttl=1, jti="j")["acr"] == "urn:mfa"
    plain = build_id_token(GRANT, issuer="i", now=NOW, ttl=1, at_hash="h", person_claims={})
    assert "acr" not in plain


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "iat", "exp", "auth_time", "amr", "sid", "at_hash", "nonce"])
def test_e22_what_a_person_is_called_never_replaces_what_the_protocol_says(name: str) -> None:
    plain = build_id_token(GRANT, issuer="i", now=NOW, ttl=1, at_hash="h", person_claims={})
    assert build_id_token(GRANT, issuer="i", now=NOW, ttl=1, at_hash="h", person_claims={name: "evil"}) == plain


def test_f28_an_access_token_says_what_rfc_9068_asks_for() -> None:
    assert build_access_token(GRANT, ("openid",), issuer="https://id.test", now=NOW, ttl=900, jti="j1") == {
        "iss": "https://id.test",
        "sub": "s1",
        "aud": "https://id.test",
        "client_id": "app",
        "iat": NOW,
        "exp": NOW + 900,
        "jti": "j1",
        "scope": "openid",
        "auth_time": NOW - 60,
        "grant": "g1",
    }
