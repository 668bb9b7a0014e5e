"""What `type: oauth1` can be told, and what it refuses to be told."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from broker.demo.people import ADA
from broker.demo.upstreams import EMULATORS
from providers.oauth1 import OAuth1Settings
from tests.providers.test_emulated import begun_now, world

GIVEN: dict[str, Any] = {"type": "oauth1", **EMULATORS["oauth1"].settings}


def settings(**changes: Any) -> OAuth1Settings:
    return OAuth1Settings.model_validate({**GIVEN, **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_secret": None}, "HMAC-SHA1 needs client_secret"),
        ({"signature_method": "RSA-SHA1"}, "RSA-SHA1 needs private_key"),
        ({"accept_posted": ["access_token"]}, "own_tokens_only"),
        ({"accept_posted": ["access_token"], "own_tokens_only": True, "userinfo": []}, "needs userinfo"),
        ({"userinfo": GIVEN["userinfo"] * 2}, "same name"),
        ({"claims": {"sub": "me.username"}}, "can change or pass to somebody else"),
        ({"realm": 'a"b'}, "realm"),
        ({"request_token_url": "http://signed.example.com/"}, "request_token_url"),
    ],
)
def test_what_cannot_work_or_be_proved_stops_the_start(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        settings(**changes)


def test_the_same_key_at_two_services_means_two_sets_of_people() -> None:
    assert settings().identity_namespace() == "oauth1:https://signed.example.com:test-signed"
    elsewhere = settings(access_token_url="https://other.example.com/oauth/access_token")
    assert elsewhere.identity_namespace() != settings().identity_namespace()


@pytest.mark.anyio
async def test_somebody_signs_in_where_calls_are_signed_by_a_key() -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with world("oauth1", signature_method="RSA-SHA1", private_key=pem) as at:
        assert (await at.log_in(ADA, begun_now())).subject == at.emulator.subject(ADA)
