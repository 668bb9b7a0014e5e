"""ID tokens that an issuer encrypted to us: opened by what was registered, and then verified like any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey
from pydantic import ValidationError

from broker.core.errors import UpstreamInvalid
from broker.core.jose.compact import b64url, decode_segment
from broker.testing.bench import Bench, Case
from broker.testing.raw_server import json_of
from broker.upstream import HasAbilities
from providers.oidc import OidcSettings
from tests.providers.cases import load_cases
from tests.providers.test_oidc_proof import GIVEN, pem

pytestmark = pytest.mark.anyio

THICK, _ = load_cases("oidc")
RSA, EC = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
ALGS = ["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"]
ENCS = ["A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"]


def ours(alg: str) -> Any:
    return RSA if alg.startswith("RSA") else EC


def sealed(token: str, alg: str = "RSA-OAEP-256", enc: str = "A256GCM", /, key: Any = None, **header: Any) -> str:
    """A token encrypted to our public key, or to another."""
    private = key or ours(alg)
    kind = RSAKey if isinstance(private, rsa.RSAPrivateKey) else ECKey
    public = kind.import_key(pem(private))
    registry = jwe.JWERegistry(algorithms=[alg, enc, "DEF"], strict_check_header=False)
    return jwe.encrypt_compact({"alg": alg, "enc": enc, "cty": "JWT", **header}, token, public, registry=registry)


def settings(alg: str = "RSA-OAEP-256", enc: str = "A256GCM") -> dict[str, Any]:
    return {"id_token_encryption": {"key": pem(ours(alg)), "alg": alg, "enc": enc}}


async def log_in(bench: Bench, token: str) -> Any:
    bench.server.answers["/token"] = json_of({"access_token": "t", "token_type": "Bearer", "id_token": token})
    return await bench.finish()


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("enc", ENCS)
async def test_a_token_is_opened_by_what_was_registered(alg: str, enc: str) -> None:
    async with THICK.on_bench(**settings(alg, enc)) as bench:
        identity = await log_in(bench, sealed(THICK.id_token(), alg, enc))
    assert identity.subject == THICK.data["expected"]["subject"]


async def test_claims_that_an_issuer_repeats_in_the_header_are_no_reason_to_refuse_it() -> None:
    """oidc-provider does (RFC 7519 section 5.3); what counts is inside."""
    async with THICK.on_bench(**settings()) as bench:
        identity = await log_in(bench, sealed(THICK.id_token(), iss="https://other.example", aud="x", sub="y"))
    assert identity.subject == THICK.data["expected"]["subject"]


@pytest.mark.parametrize("name", ["nonce", "aud", "iss"])
async def test_e1_what_is_inside_is_verified_like_any_other_token(name: str) -> None:
    async with THICK.on_bench(**settings()) as bench:
        with pytest.raises(UpstreamInvalid):
            await log_in(bench, sealed(THICK.id_token(**{name: "of-somebody-else"})))
        with pytest.raises(UpstreamInvalid):
            await log_in(bench, sealed(json.dumps(THICK.filled(THICK.data["id_token"]))))
        with pytest.raises(UpstreamInvalid):
            await log_in(bench, sealed(sealed(THICK.id_token())))


def relabelled(token: str, **header: Any) -> str:
    """The token with another header; a change to None removes the member."""
    first, _, rest = token.partition(".")
    changed = json.loads(decode_segment(first)) | header
    return f"{b64url(json.dumps({n: v for n, v in changed.items() if v is not None}).encode())}.{rest}"


@cache
def wrong() -> Mapping[str, str]:
    """Tokens of an issuer, or of somebody between us, that are not what was registered."""
    token = THICK.id_token()
    good = sealed(token)
    stranger = rsa.generate_private_key(65537, 2048)
    return {
        "not encrypted": token,
        "another key": sealed(token, key=stranger),
        "another alg": sealed(token, "RSA-OAEP"),
        "RSA1_5": relabelled(good, alg="RSA1_5"),
        "without alg": relabelled(good, alg=None),
        "another enc": sealed(token, "RSA-OAEP-256", "A128GCM"),
        "compressed": sealed("a" * 10_000_000, zip="DEF"),
        "critical": relabelled(good, crit=["exp"], exp=1),
        "cut": good[:-4],
        "changed": f"{good[:-4]}AAAA",
        "six parts": f"{good}.AAAA",
        "no header": f".{good.partition('.')[2]}",
        "endless": f"{good}{'A' * 40_000}",
        "not ASCII": sealed("é.é.é"),
        "nothing": "....",
    }


@pytest.mark.parametrize("why", wrong())
async def test_e1_anything_else_is_refused(why: str) -> None:
    async with THICK.on_bench(**settings()) as bench:
        with pytest.raises(UpstreamInvalid):
            await log_in(bench, wrong()[why])


async def test_an_encrypted_token_that_nobody_registered_is_refused() -> None:
    async with THICK.on_bench() as bench:
        with pytest.raises(UpstreamInvalid, match="not three parts"):
            await log_in(bench, sealed(THICK.id_token()))


async def test_what_is_kept_for_the_end_of_the_session_is_the_signed_token() -> None:
    """OIDC Core 3.1.2.1: an `id_token_hint` is not encrypted to us."""
    case: Case = THICK
    token = case.id_token()
    async with case.on_bench(**settings(), logout={"rp_initiated": True}) as bench:
        assert (await log_in(bench, sealed(token))).session.id_token == token


async def test_a_logout_token_may_be_encrypted_or_not() -> None:
    async with THICK.on_bench(**settings(), logout={"backchannel": True}) as bench:
        assert isinstance(bench.provider, HasAbilities)
        receives = bench.provider.abilities().receives_logout
        assert receives is not None
        claims: dict[str, Any] = {"jti": "j", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
        token = THICK.id_token(nonce=None, typ=None, **claims)
        for form in (token, sealed(token)):
            assert (await receives.verify_logout(form)).subject == THICK.data["expected"]["subject"]
        with pytest.raises(UpstreamInvalid):
            await receives.verify_logout(sealed(token, key=rsa.generate_private_key(65537, 2048)))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"key": "canary"}, "key is no private key for RSA-OAEP-256"),
        ({"key": pem(EC)}, "key is no private key for RSA-OAEP-256"),
        ({"key": pem(RSA), "alg": "ECDH-ES"}, "key is no private key for ECDH-ES"),
        ({"key": pem(RSA), "alg": "RSA1_5"}, "RSA-OAEP"),
        ({"key": pem(RSA), "enc": "dir"}, "A128GCM"),
    ],
)
def test_a_key_that_will_not_do_stops_the_start(told: Mapping[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OidcSettings.model_validate({**GIVEN, "id_token_encryption": told})
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "PRIVATE" not in str(caught.value)


def test_our_key_is_never_shown() -> None:
    shown = repr(OidcSettings.model_validate({**GIVEN, **settings()}))
    assert "PRIVATE" not in shown
