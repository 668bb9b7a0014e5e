"""oidc-provider (npm) as an upstream: people who have an account there sign in to apps behind the broker.

Each provider of the broker is known there in another way: by a secret, a signature, a key, a certificate.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from broker.demo.visitor import Page, Visitor
from tests.interop.deployed import Deployed, Place, aside, choose_place, deployed
from tests.interop.node import node_app
from tests.providers.test_oidc_proof import pem
from tests.upstream.tls_server import Certificate

pytestmark = pytest.mark.interop
APP: Final = "shop"
SECRET: Final = "shop-0123456789abcdef0123456789abcdef"
SIGNING, STRANGER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
OPENING = rsa.generate_private_key(65537, 2048)
BY_KEY = {"token_endpoint_auth_method": "private_key_jwt"}
BY_CERTIFICATE = {"token_endpoint_auth_method": "self_signed_tls_client_auth"}
WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sso": {},
    "posted": {
        "response_mode": "form_post",
        "token_endpoint_auth_method": "client_secret_post",
        "algorithms": ["ES256"],
        "pkce": "required",
    },
    "signing": {"token_endpoint_auth_method": "client_secret_jwt"},
    "pushed": {
        **BY_KEY,
        "client_assertion": {"key": pem(SIGNING), "alg": "ES256", "kid": "sig"},
        "id_token_encryption": {"key": pem(OPENING), "alg": "RSA-OAEP-256", "enc": "A256GCM"},
        "pushed_requests": "required",
        "claims_request": {"id_token": {"email": None, "email_verified": None, "name": None}},
        "userinfo": False,
    },
    "certified": BY_CERTIFICATE,
    "unknown": {**BY_KEY, "client_assertion": {"key": pem(STRANGER), "alg": "ES256", "kid": "sig"}},
    "unshown": BY_CERTIFICATE,
    "mistyped": {"client_secret": "not-the-secret-that-is-registered-there"},
}
"""The providers of the broker: what each says besides issuer, id and secret."""
REGISTERED: Final[Mapping[str, Mapping[str, Any]]] = {
    "pushed": {
        "require_pushed_authorization_requests": True,
        "id_token_encrypted_response_alg": "RSA-OAEP-256",
        "id_token_encrypted_response_enc": "A256GCM",
    }
}
"""What else somebody typed in there."""


@cache
def _certificate(place: Place, name: str) -> Certificate:
    return Certificate(place.folder, name)


def _keys(place: Place) -> Mapping[str, list[dict[str, Any]]]:
    """The public halves of ours that the OpenID Provider was given, by the way."""
    made = _certificate(place, "broker")
    shown = load_pem_x509_certificate(made.cert.read_bytes()).public_bytes(Encoding.DER)
    certified = load_pem_private_key(made.key.read_bytes(), None)
    assert isinstance(certified, rsa.RSAPrivateKey)
    public = {**RSAAlgorithm.to_jwk(certified.public_key(), as_dict=True), "x5c": [b64encode(shown).decode()]}
    signing = {**ECAlgorithm.to_jwk(SIGNING.public_key(), as_dict=True), "kid": "sig", "use": "sig"}
    opening = {**RSAAlgorithm.to_jwk(OPENING.public_key(), as_dict=True), "use": "enc"}
    found = {"pushed": [signing, opening], "unknown": [signing], "certified": [public], "unshown": [public]}
    return {name: [{n: v for n, v in key.items() if n != "key_ops"} for key in keys] for name, keys in found.items()}


def _files(place: Place, way: str) -> dict[str, Any]:
    """The certificate that this way shows; somebody else's where it is not the one that is known there."""
    if WAYS[way].get("token_endpoint_auth_method") != BY_CERTIFICATE["token_endpoint_auth_method"]:
        return {}
    shown = _certificate(place, "broker" if way == "certified" else "stranger")
    return {"tls": {"client_cert": str(shown.cert), "client_key": str(shown.key)}}


def _upstream_clients(place: Place) -> list[dict[str, Any]]:
    """What somebody registered at the OpenID Provider for each of our providers."""
    keys = _keys(place)
    return [
        {
            "client_id": f"broker-{name}",
            "client_secret": f"{name}-0123456789abcdef0123456789abcdef",
            "redirect_uris": [f"{place.issuer}/callback/{name}"],
            "token_endpoint_auth_method": way.get("token_endpoint_auth_method", "client_secret_basic"),
            "id_token_signed_response_alg": way.get("algorithms", ["RS256"])[0],
            **REGISTERED.get(name, {}),
            **({"jwks": {"keys": keys[name]}} if name in keys else {}),
        }
        for name, way in WAYS.items()
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return choose_place(tmp_path_factory.mktemp("deployed"))


@pytest.fixture(scope="module")
def broker(place: Place) -> Iterator[Deployed]:
    """It is told the issuer, and finds the rest in the metadata."""
    known = _upstream_clients(place)
    told = {"cert": str(place.tls.certificate), "key": str(place.tls.key), "clients": known}
    app = {"name": "Shop", "secret": SECRET, "redirect_uris": ["http://127.0.0.1/callback"], "first_party": True}
    app["scopes"] = ["openid", "profile", "email", "offline_access", "identities"]
    with node_app("oidc_provider.mjs", told) as port:
        providers = {
            name: {
                "type": "oidc",
                "issuer": f"https://127.0.0.1:{port}",
                "client_id": client["client_id"],
                "client_secret": client["client_secret"],
                **_files(place, name),
                **way,
            }
            for (name, way), client in zip(WAYS.items(), known, strict=True)
        }
        with deployed(place, providers, {APP: app}) as running:
            yield running


@pytest.fixture(scope="module")
def app(broker: Deployed) -> Iterator[str]:
    """An app with oauth4webapi that uses the broker."""
    told = {
        "issuer": broker.place.issuer,
        "scope": "openid profile email offline_access identities",
        "clients": {APP: {"secret": SECRET, "method": "client_secret_basic"}},
    }
    with node_app("oauth4webapi.mjs", told, broker.place.tls.authority) as port:
        yield f"http://127.0.0.1:{port}/login/{APP}"


async def _walk(visitor: Visitor, app: str, way: str, person: str) -> Page:
    """Its pages have one form each, without an id: name and password, consent, and perhaps the answer as a form."""
    await visitor.get(app)
    page = await visitor.click(f"provider-{way}")
    while page.markup.forms:
        page = await visitor.submit("", **({"login": person, "password": "any"} if "Sign-in" in page.text else {}))
    return page


def sign_in(place: Place, app: str, way: str, person: str) -> Page:
    """A fresh browser chooses the provider, enters a name there and agrees; where it ends."""

    async def going() -> Page:
        async with place.visitor() as visitor:
            return await _walk(visitor, app, way, person)

    page: Page = aside(asyncio.run, going())
    return page


@pytest.mark.parametrize("way", ["sso", "posted", "signing", "pushed", "certified"])
def test_people_of_an_oidc_provider_sign_in_to_apps_of_ours(broker: Deployed, app: str, way: str) -> None:
    subjects = []
    for person in ("gardener", "keeper", "gardener"):
        page = sign_in(broker.place, app, way, person)
        assert page.status == 200, page.text
        found = orjson.loads(page.text)
        claims = found["userinfo"]
        assert (claims["name"], claims["email"]) == (f"The {person}", f"{person}@example.com")
        assert claims["email_verified"] is True
        assert claims["identities"][0]["oidc_sub"] == person
        subjects.append(found["claims"]["sub"])
    assert subjects[0] == subjects[2] != subjects[1]


def test_people_who_turn_back_at_an_oidc_provider_return_to_the_app(broker: Deployed, app: str) -> None:
    async def turned_back() -> Page:
        async with broker.place.visitor() as visitor:
            await visitor.get(app)
            page = await visitor.click("provider-sso")
            (cancel,) = [target for target in page.markup.targets if target.endswith("/abort")]
            return await visitor.get(cancel, initiator=page.url)

    page = aside(asyncio.run, turned_back())
    assert (page.status, page.text_of("code")) == (403, "E-CANCEL")


@pytest.mark.parametrize("way", ["mistyped", "unknown", "unshown"])
def test_a_proof_that_the_oidc_provider_does_not_know_ends_the_login(broker: Deployed, app: str, way: str) -> None:
    page = sign_in(broker.place, app, way, "gardener")
    assert (page.status, page.text_of("code")) == (502, "E-ANSWER")
    assert broker.told("login.failed", provider=way)["reason"] == "/token: status 401, error invalid_client"
