"""Whole tokens in the shape each service has them, made with throw-away keys, checked at a fixed clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from broker.core.errors import UpstreamInvalid
from broker.testing.bench import NOW, Notes
from broker.upstream.jwt import JwtVerifier
from broker.upstream.model import IdTokenRules
from tests.upstream.test_jwt_threats import RULES, Issuer

pytestmark = pytest.mark.anyio

GOOGLE_N = (
    "qlGwCobOi9moa3qfxDY6KWxGDvG6lTvdlmf2wBUOpIVSX1VKyHO4vZs7gNls4HrK0pdcXggszAZgCTZZHKDqOCGXDl_CzBNAONbQc92m_tOhID"
    "0-4YaWen40hYQRHDMIEPy2VUEJzyjZSewRL1EFqXfUevu_EOUCX8Yt3VRZIrxSn2sj928jUzL4QNhtjYrmFzThLPxz3QXU3qUfNX4Th3GLbaaI"
    "uLg2TF2WZlAbc6YtdkkbWJOZHy1fdwvnvxWSiCnHpzTPKrZT32FNT_ZrTGrA41nh1C84ktdwswXkV_CbjFfIMivcCmh9gwF4jRsdxH-Maj4nOQ"
    "RYF505Kd8qjw"
)
GOOGLE = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImVtdS1nb29nbGUtMSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb"
    "20iLCJhenAiOiIxMDAwMDAwMDAwMDEtZW11d2ViLmFwcHMuZ29vZ2xldXNlcmNvbnRlbnQuY29tIiwiYXVkIjoiMTAwMDAwMDAwMDAxLWVtdXd"
    "lYi5hcHBzLmdvb2dsZXVzZXJjb250ZW50LmNvbSIsInN1YiI6IjEwMDAwMDAwMDAwMDAwMDAwMDA0MiIsImhkIjoiZXhhbXBsZS5jb20iLCJlb"
    "WFpbCI6ImFkYUBleGFtcGxlLmNvbSIsImVtYWlsX3ZlcmlmaWVkIjp0cnVlLCJhdF9oYXNoIjoiUWswaDdFOEswNGV6ZHJPQWQ0OXpLUSIsIm5"
    "vbmNlIjoibi0wUzZfV3pBMk1qIiwibmFtZSI6IkFkYSBFeGFtcGxlIiwicGljdHVyZSI6Imh0dHBzOi8vbGgzLmdvb2dsZXVzZXJjb250ZW50L"
    "mNvbS9hL0VYQU1QTEU9czk2LWMiLCJnaXZlbl9uYW1lIjoiQWRhIiwiZmFtaWx5X25hbWUiOiJFeGFtcGxlIiwiaWF0IjoxNzY3MjI1NjAwLCJ"
    "leHAiOjE3NjcyMjkyMDB9.VPgcxUGgTCPmMCGpyirLia6438cm4RfTxNc6WL3aDdZ3lzEaJG5KUz8fqifqVdasgPI2XhFoOQr_YfgTC9-p8Olc"
    "UYD3FbaH3HyRCOokbM7lA_GS54WEuo3RRF_2kYA9VvHdmcjOgbf17LvR4oZHyxIO0J4OXgmU-DTVHq7QgWhKbGui_K0xXzDjqtJbvEGBpJ4soJ"
    "rBjIipd3RAc9eizecq2ioJ8AR97-v6N-ye7hb7Uju_69MH3pHcCRLibPFrTWGaNQPnUQ0zKxI55KohTH7aboanmhfp_hDZ1s6dt36TaqdK7xab"
    "C8lV03RAMREAUj2P4QKDD2CsRdzZYKrwjg"
)
TELEGRAM = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6Im9pZGMtZWRkc2EtMSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL29hdXRoLnRlbGVncmFtLm9yZ"
    "yIsImF1ZCI6IjcwMDAwMDAwMDEiLCJzdWIiOiI0NjExNjg2MDE4NDI3Mzg3OTA1IiwiaWF0IjoxNzY3MjI1NjAwLCJleHAiOjE3NjcyMjkyMDA"
    "sIm5vbmNlIjoibi0wUzZfV3pBMk1qIiwiaWQiOjUwMDAwMDAwNDMsIm5hbWUiOiJab8OrIE3DvGxsZXIg8J-agCIsInByZWZlcnJlZF91c2Vyb"
    "mFtZSI6InpvZV9tIiwicGljdHVyZSI6Imh0dHBzOi8vY2RuNC50ZWxlc2NvLnBlL2ZpbGUvQWJDLWRFZl8xMjMuanBnIiwicGhvbmVfbnVtYmV"
    "yIjoiNDkxNTExMjM0NTY3In0.6w0VwlUXgHxlbzRtMjJaCBy0tuklnukQa5cZUUwCY1Wiyurc8vjerFNDiEV6w7d2AY_u1OCYn75ONkkMxSA4C"
    "g"
)
VK_N = (
    "l6tfmcil2AXn37LURVNfyLVb878CZL7_vAb8WLR36DD7FOAMCkW478LuYaBBhZHmoSi4UuWsCeCusje9nh6ou9-FgaNOdJGkqkg-PV2Dib3Alb"
    "aRnsMtXeUcD2rCy7eSvByh9GFJACCEhFDHIPKDh7OCx-wGNM12LJiqbaFL39Wwl_NDb2JQIALcOvmVyipB0Kyb0UDOE5EZn2t-zjzDO5ddpvzM"
    "9Pr3jJI3sJsAzbi0fRtGOLDi5u9totb_vsEJP60XEhqPicd-GeKI7_xoEuWU6tmkBpugIhanStlOPprsqIia42KEE7w5qiw_kFJLsTVDPkWRZ3"
    "6N-pL6tYluSw"
)
VK = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJpaXMiOiJWSyIsInN1YiI6MTIzNDU2Nzg5MCwiYXBwIjo3NjU0MzIxLCJleHAiOjE3MzExM"
    "DQwMDAsImlhdCI6MTcwMDAwMDAwMCwianRpIjoyMX0.DGRw4ZBj-cKpmz11jcuZS99oLkjmsSM4-VlHPdBVDFX13apbmJbT6ulz8TnoDQxIiXF"
    "OnEPuZaN1Ms3at1xLnerEELtKHN9r_9GiDR40UiiC-Sqvqjw_fhc4OL-sxDcr9LgDlYe1LVEYBPOHeRfhsCSgXgSNK-juXZ34Dlsa2yP-R8-TT"
    "CiFOYncZY2z6vZjrD6QeX_1GVr7Dw3ykriUL6Bpp_LN88zFCZ3tdBT-jm1UKnt8Sm7RnXh_9C7A5ZOrJNh6iocdp5ZPk0mqLme_RUhRXuBuRtG"
    "7FvcHA4ks4sVE0UEE_eIL9DmI_bHXXHGAWuAaBpBFyqqQERNO9zwYhg"
)

GOOGLE_KEY = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "emu-google-1", "e": "AQAB", "n": GOOGLE_N}
TELEGRAM_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "alg": "EdDSA",
    "use": "sig",
    "kid": "oidc-eddsa-1",
    "x": "c1y66UxrUtEA6PouxNYkFf4Z3VxQC3Pk-b3rCuRCphA",
}
CLIENT = "100000000001-emuweb.apps.googleusercontent.com"
GOOGLE_RULES = replace(
    RULES,
    issuers=("https://accounts.google.com", "accounts.google.com"),
    audience=CLIENT,
    algorithms=("RS256",),
    nonce="n-0S6_WzA2Mj",
    access_token="ya29.EXAMPLE-access-token-0001",
    issued_after=NOW - 100,
)
TELEGRAM_RULES = replace(
    GOOGLE_RULES,
    issuers=("https://oauth.telegram.org",),
    audience="7000000001",
    algorithms=("RS256", "ES256", "EdDSA"),
    nonce_optional=True,
)


async def check(token: str, key: dict[str, str], rules: IdTokenRules, now: float = NOW) -> str:
    """The subject, if the token is good."""
    issuer = Issuer([key])
    verifier = JwtVerifier(issuer, name="x", recorder=Notes(), now=lambda: now, clock=lambda: 0.0)
    return (await verifier.verify_id_token(token, rules)).text("sub")


async def test_a_token_as_google_makes_them() -> None:
    assert await check(GOOGLE, GOOGLE_KEY, GOOGLE_RULES) == "100000000000000000042"
    changes: tuple[dict[str, Any], ...] = (
        {"audience": "other"},
        {"azp": ("other",)},
        {"nonce": "other"},
        {"access_token": "ya29.EXAMPLE-access-token-0002"},
        {"algorithms": ("ES256",)},
        {"issuers": ("https://accounts.google.com/",)},
    )
    for change in changes:
        with pytest.raises(UpstreamInvalid):
            await check(GOOGLE, GOOGLE_KEY, replace(GOOGLE_RULES, **change))
    with pytest.raises(UpstreamInvalid):
        await check(GOOGLE, GOOGLE_KEY, GOOGLE_RULES, 1767229200 + 60)


async def test_a_token_as_telegram_makes_them() -> None:
    assert await check(TELEGRAM, TELEGRAM_KEY, TELEGRAM_RULES) == "4611686018427387905"
    changes: tuple[dict[str, Any], ...] = ({"audience": "7000000002"}, {"nonce": "other"}, {"algorithms": ("RS256",)})
    for change in changes:
        with pytest.raises(UpstreamInvalid):
            await check(TELEGRAM, TELEGRAM_KEY, replace(TELEGRAM_RULES, **change))
    with pytest.raises(UpstreamInvalid):
        await check(TELEGRAM, TELEGRAM_KEY, TELEGRAM_RULES, 1767229200 + 60)
    with pytest.raises(UpstreamInvalid):
        await check(TELEGRAM, TELEGRAM_KEY | {"kid": "oidc-1"}, TELEGRAM_RULES)


async def test_a_token_as_vk_makes_them_has_a_signature_and_little_else() -> None:
    key = RSAAlgorithm.from_jwk({"kty": "RSA", "e": "AQAB", "n": VK_N})
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()  # type: ignore[union-attr]  # public
    verifier = JwtVerifier(Issuer(), name="x", recorder=Notes(), now=lambda: NOW, clock=lambda: 0.0)
    claims = verifier.verify_pinned(VK, public_key=pem, algorithm="RS256")
    assert (claims.text("iis"), claims.decimal_id("sub"), claims.decimal_id("app")) == ("VK", "1234567890", "7654321")
    with pytest.raises(UpstreamInvalid):
        await verifier.verify_id_token(VK, replace(GOOGLE_RULES, audience="7654321"))


SBER = (
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL29ubGluZS5zYmVyYmFuay5ydS9DU0FGcm9udC9pbmRleC5kbyIsInN1YiI6ImUzMjc0O"
    "TNlLTk3OWEtNDYxZi05Y2E1LWVkZmFiOWQ2ZmJhYiIsImF1ZCI6IkRBNTI3OEFDLUEwN0YtQzAxQS1CMkQzLUMyMzFEQkIyRTIwRiIsIm5vbmN"
    "lIjoibi0wUzZfV3pBMk1qIiwiZXhwIjoxNzAwMDAwNjAwLCJpYXQiOjE3MDAwMDAwMDB9."
)
SBER_RULES = IdTokenRules(
    issuers=("https://online.sberbank.ru/CSAFront/index.do",),
    audience="DA5278AC-A07F-C01A-B2D3-C231DBB2E20F",
    algorithms=(),
    jwks_uri="",
    nonce="n-0S6_WzA2Mj",
)


async def test_an_unsigned_token_as_sber_makes_them_counts_where_the_channel_is_trusted_and_nowhere_else() -> None:
    def verifier(now: int) -> JwtVerifier:
        return JwtVerifier(Issuer(), name="x", recorder=Notes(), now=lambda: now, clock=lambda: 0.0)

    assert verifier(1700000100).read_direct(SBER, SBER_RULES).text("sub") == "e327493e-979a-461f-9ca5-edfab9d6fbab"
    for rules in (replace(SBER_RULES, nonce="other"), replace(SBER_RULES, audience="other")):
        with pytest.raises(UpstreamInvalid):
            verifier(1700000100).read_direct(SBER, rules)
    with pytest.raises(UpstreamInvalid, match="expired"):
        verifier(1700000700).read_direct(SBER, SBER_RULES)
    with pytest.raises(UpstreamInvalid, match="algorithm"):
        await verifier(1700000100).verify_id_token(SBER, replace(SBER_RULES, algorithms=("RS256",)))
