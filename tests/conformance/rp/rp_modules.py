"""Modules for relying parties: what the OpenID Provider does, and what the broker must make of it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from tests.conformance.rp.upstream_op import RelyingBroker


def test_client_test(rp: RelyingBroker, response_mode: str) -> None:
    """A good login: code, ID token and userinfo are asked for and believed; the answer comes as it was asked for."""
    person = rp.log_in()
    (asked,) = {(call["params"]["response_type"], call["params"].get("response_mode", "query")) for call in _asked(rp)}
    assert asked == ("code", response_mode)
    assert {"state", "nonce", "code_challenge"} <= _asked(rp)[0]["params"].keys()
    assert rp.log_in().claims["sub"] == person.claims["sub"]
    assert rp.log_in("boris").claims["sub"] != person.claims["sub"]


def test_client_test_invalid_iss(rp: RelyingBroker) -> None:
    """An ID token of another issuer is refused."""
    _refuses(rp, "wrong_issuer")


def test_client_test_missing_sub(rp: RelyingBroker) -> None:
    """An ID token about nobody is refused."""
    _refuses(rp, "no_id")


def test_client_test_invalid_aud(rp: RelyingBroker) -> None:
    """An ID token for another client is refused."""
    _refuses(rp, "wrong_audience")


def test_client_test_missing_iat(rp: RelyingBroker) -> None:
    """An ID token that does not say when it was made is refused."""
    _refuses(rp, "no_iat")


def test_client_test_kid_absent_single_jwks(rp: RelyingBroker) -> None:
    """An ID token that names no key is verified with the only one that fits."""
    rp.op.fault("no_kid")
    rp.log_in()


def test_client_test_kid_absent_multiple_jwks(rp: RelyingBroker) -> None:
    """An ID token that names no key is refused where several fit."""
    rp.op.fault("two_keys")
    rp.log_in()
    _refuses(rp, "no_kid")


def test_client_test_idtoken_sig_rs256(rp: RelyingBroker) -> None:
    """RS256 is verified with the published key; a key that nobody published does not help."""
    rp.log_in()
    assert len(rp.calls("/jwks")) == 1
    _refuses(rp, "unknown_kid")


def test_client_test_idtoken_sig_none(rp: RelyingBroker) -> None:
    """An ID token without a signature is refused, also from the token endpoint."""
    _refuses(rp, "alg_none")


def test_client_test_invalid_sig_rs256(rp: RelyingBroker) -> None:
    """An ID token that another key signed under the published name is refused."""
    _refuses(rp, "wrong_signature")


def test_client_test_userinfo_invalid_sub(rp: RelyingBroker) -> None:
    """Userinfo about somebody else ends the login: nothing of it is used."""
    rp.op.fault("other_user_id")
    rp.refuse()
    assert len(rp.calls("/userinfo")) == 1


def test_client_test_nonce_invalid(rp: RelyingBroker) -> None:
    """An ID token with another nonce, or with none, is refused."""
    _refuses(rp, "wrong_nonce")
    rp.op.clear()
    _refuses(rp, "no_nonce")


def test_client_test_scope_userinfo_claims(rp: RelyingBroker) -> None:
    """The claims of the scopes come from userinfo and reach the app."""
    told = rp.userinfo(rp.log_in())
    assert _asked(rp)[0]["params"]["scope"] == "openid profile email phone"
    assert (told["name"], told["preferred_username"]) == ("Ada Lovelace", "ada_lovelace")
    assert (told["email"], told["email_verified"]) == ("ada.lovelace@gmail.com", True)
    assert (told["phone_number"], told["phone_number_verified"]) == ("+79991234542", True)


def test_client_test_client_secret_basic(rp: RelyingBroker) -> None:
    """The secret goes to the token endpoint in the header, and nowhere else."""
    rp.log_in()
    (call,) = rp.calls("/token")
    assert b64decode(call["headers"]["authorization"].removeprefix("Basic ")) == b"rp:rp-secret"
    assert "client_secret" not in call["params"]
    assert "rp-secret" not in str([*_asked(rp), *rp.calls("/userinfo")])


def test_client_test_discovery_openid_config(rp: RelyingBroker) -> None:
    """The document is read before the first login, and its endpoints are used."""
    assert rp.calls("/.well-known/openid-configuration") == []
    rp.log_in()
    rp.log_in()
    paths = [request["path"] for request in rp.op.log()]
    assert paths[0] == "/.well-known/openid-configuration"
    assert paths.count("/.well-known/openid-configuration") == 1
    assert {"/authorize", "/token", "/jwks", "/userinfo"} <= set(paths)


def test_client_test_discovery_jwks_uri_keys(rp: RelyingBroker) -> None:
    """Keys come from `jwks_uri` alone, once for many logins; without keys nobody is believed.

    An issuer that gave no keys is asked again after five seconds, by whoever comes then.
    """
    rp.op.answer("/jwks", body='{"keys": []}', times=1)
    rp.refuse("UpstreamUnavailable")
    rp.log_in_at_last()
    rp.log_in()
    assert len(rp.calls("/jwks")) == 2


def test_client_test_discovery_issuer_mismatch(rp: RelyingBroker) -> None:
    """A document of another issuer leads nobody anywhere."""
    rp.op.fault("other_discovery")
    rp.refuse("UpstreamUnavailable")
    assert {request["path"] for request in rp.op.log()} == {"/.well-known/openid-configuration"}


def test_client_test_signing_key_rotation_just_before_signing(rp: RelyingBroker) -> None:
    """A key that takes over between two logins, in the moment of signing, is fetched then."""
    rp.log_in()
    rp.op.fault("rotated_at_signing", times=1)
    rp.log_in()
    assert len(rp.calls("/jwks")) == 2


def test_client_test_signing_key_rotation(rp: RelyingBroker) -> None:
    """After a rotation the new key is fetched once, and the old one is no longer believed."""
    rp.log_in()
    rp.op.fault("rotated_keys")
    rp.log_in()
    rp.log_in()
    assert len(rp.calls("/jwks")) == 2
    rp.op.fault("rotated_keys", on=False)
    rp.op.answer("/jwks", status=500)
    rp.refuse()


def _asked(rp: RelyingBroker) -> list[dict[str, Any]]:
    return rp.calls("/authorize")


def _refuses(rp: RelyingBroker, fault: str) -> None:
    """The login fails at the ID token: nothing is asked at userinfo. Without the fault it would have worked."""
    before = len(rp.calls("/userinfo"))
    rp.op.fault(fault, times=1)
    rp.refuse()
    assert len(rp.calls("/userinfo")) == before
    rp.log_in()
