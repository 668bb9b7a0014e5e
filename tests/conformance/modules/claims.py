"""Modules about userinfo, scopes and the `claims` parameter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from broker.demo.people import ADA, ZOE
from tests.conformance.relying_party import Login, RelyingParty

PROFILE: Final = frozenset(
    {
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    }
)  # fmt: skip
"""OIDC Core 5.4."""
TELLS: Final[Mapping[str, frozenset[str]]] = {
    "google": frozenset({"name", "family_name", "given_name", "nickname", "picture", "updated_at"}),
    "vk": frozenset({"name", "family_name", "given_name", "picture", "gender", "birthdate", "updated_at"}),
    "ok": frozenset({"name", "family_name", "given_name", "profile", "gender", "birthdate", "locale", "picture"}),
    "yandex": frozenset({"name", "family_name", "given_name", "nickname", "preferred_username", "updated_at"}),
}
"""The profile claims each upstream has for somebody who filled in everything."""


async def test_userinfo_get(rp: RelyingParty) -> None:
    """GET with the token in the header."""
    login = await rp.log_in()
    await rp.userinfo(login)


async def test_userinfo_post_header(rp: RelyingParty) -> None:
    """POST with the token in the header."""
    login = await rp.log_in()
    status, claims = await rp.call_userinfo("POST", bearer=login.access_token)
    assert (status, claims["sub"]) == (200, login.claims["sub"])


async def test_userinfo_post_body(rp: RelyingParty) -> None:
    """POST with the token in a form body."""
    login = await rp.log_in()
    status, claims = await rp.call_userinfo("POST", form={"access_token": login.access_token})
    assert (status, claims["sub"]) == (200, login.claims["sub"])


async def test_scope_profile(rp: RelyingParty) -> None:
    """`profile` gives what the upstream knows of OIDC Core 5.4, and nothing besides; in userinfo alone."""
    login = await rp.log_in({"scope": "openid profile", "prompt": "login"}, who=("oidc", "ada"))
    assert (await rp.userinfo(login)).keys() == PROFILE | {"sub"}
    assert not PROFILE & login.claims.keys()
    for provider, known in TELLS.items():
        login = await rp.log_in({"scope": "openid profile", "prompt": "login"}, who=(provider, "ada"))
        claims = await rp.userinfo(login)
        assert known <= claims.keys() <= PROFILE | {"sub"}
        assert claims["name"] == ADA.name
    odd = await rp.log_in({"scope": "openid profile", "prompt": "login"}, who=("vk", "zoe"))
    claims = await rp.userinfo(odd)
    assert claims["name"] == ZOE.name
    assert claims["birthdate"] == "0000-02-29"


async def test_scope_email(rp: RelyingParty) -> None:
    """`email` gives the address together with the word on whether it was verified; in userinfo alone."""
    login = await rp.log_in({"scope": "openid email"})
    assert "email" not in login.claims
    claims = await rp.userinfo(login)
    assert claims == {"sub": login.claims["sub"], "email": ADA.email, "email_verified": True}


async def test_scope_address(rp: RelyingParty) -> None:
    """`address` gives a JSON object (OIDC Core 5.1.1)."""
    for provider, parts in (("ok", {"country"}), ("oidc", {"formatted", "street_address", "postal_code", "country"})):
        login = await rp.log_in({"scope": "openid address", "prompt": "login"}, who=(provider, "ada"))
        claims = await rp.userinfo(login)
        assert claims.keys() == {"sub", "address"}
        assert parts <= claims["address"].keys()


async def test_scope_phone(rp: RelyingParty) -> None:
    """`phone` gives the number together with the word on whether it was verified."""
    login = await rp.log_in({"scope": "openid phone"}, who=("vk", "ada"))
    claims = await rp.userinfo(login)
    assert claims == {"sub": login.claims["sub"], "phone_number": ADA.phone, "phone_number_verified": False}


async def test_scope_all(rp: RelyingParty) -> None:
    """All scopes at once: every claim of OIDC Core 5.1 that the upstream tells is passed on."""
    scope = "openid profile email address phone"
    login = await rp.log_in({"scope": scope, "prompt": "login"}, who=("oidc", "ada"))
    assert set(login.tokens["scope"].split()) == set(scope.split())
    expected = PROFILE | {"email", "email_verified", "phone_number", "phone_number_verified", "address", "sub"}
    assert (await rp.userinfo(login)).keys() == expected


async def test_claims_essential(rp: RelyingParty) -> None:
    """A claim named in `claims` comes where it was asked for, without its scope and without its neighbours."""
    login = await _ask(rp, {"userinfo": {"name": {"essential": True}}})
    assert await rp.userinfo(login) == {"sub": login.claims["sub"], "name": ADA.name}
    assert "name" not in login.claims
    login = await _ask(rp, {"id_token": {"name": {"essential": True}}})
    assert login.claims["name"] == ADA.name
    assert set(await rp.userinfo(login)) == {"sub"}


async def _ask(rp: RelyingParty, claims: Mapping[str, Any]) -> Login:
    return await rp.log_in({"claims": json.dumps(claims)})
