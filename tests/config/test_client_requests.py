"""What a configuration may ask of the authorization requests of a client, and how an API is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.config.minimal import MINIMAL

Problems = Callable[..., list[str]]
KEYS = {"jwks_uri": "https://shop.example.com/jwks.json"}
AT = "https://shop.example.com/request.jwt"


def entry(**keys: Any) -> str:
    """The configuration with these keys in the client's entry."""
    return MINIMAL + "".join(f"    {name}: {json.dumps(value)}\n" for name, value in keys.items())


@pytest.mark.parametrize(
    "keys",
    [
        {"require_par": True},
        KEYS | {"request_uris": [AT], "request_object_signing_alg": "ES256", "require_signed_request_object": True},
        {"resources": ["https://api.example.com", "urn:example:api"], "serves": ["https://api.example.com"]},
    ],
    ids=["par", "signed", "apis"],
)
def test_a_client_may_ask_in_every_way(problems: Problems, keys: dict[str, Any]) -> None:
    assert problems(entry(**keys)) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"request_uris": [AT]}, "needs jwks_uri or jwks"),
        ({"request_object_signing_alg": "ES256"}, "needs jwks_uri or jwks"),
        ({"require_signed_request_object": True}, "needs jwks_uri or jwks"),
        (KEYS | {"request_object_signing_alg": "none"}, "request_object_signing_alg"),
        (KEYS | {"request_object_signing_alg": "HS256"}, "request_object_signing_alg"),
        (KEYS | {"request_uris": ["ftp://a"]}, "request_uris"),
        (KEYS | {"request_uris": [AT], "require_par": True}, "has no use"),
        ({"require_par": True, "grants": ["client_credentials"]}, "needs authorization_code"),
        ({"resources": ["https://api.example.com#x"]}, "fragment"),
        ({"serves": ["api"]}, "absolute URI"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_work_stops_the_start(problems: Problems, keys: dict[str, Any], said: str) -> None:
    found = problems(entry(**keys))
    assert len(found) == 1
    assert said in found[0]
