"""FAPI 2.0: proofs of possession (RFC 9449) at the token endpoint, at PAR and at the resource."""

from __future__ import annotations

from typing import Any

from tests.conformance.fapi_party import RSA, FapiParty
from tests.conformance.relying_party import Login
from tests.core.own_tokens import encode
from tests.core.prover import Prover, claims_for


async def test_access_token_type_header_case_sensitivity(party: FapiParty) -> None:
    """The name of the scheme is spelt in any case (RFC 9110 section 11.1)."""
    login = await party.log_in()
    for scheme in ("DPoP", "dpop", "DPOP", "dPoP"):
        assert (await party.call_userinfo(login, scheme=scheme))[0] == 200


async def test_check_dpop_proof_nbf_exp(party: FapiParty) -> None:
    """`nbf` and `exp` may be in a proof, and count where they are."""
    now = party.op.clock()
    good = party.proof("token_endpoint", nbf=now - 10, exp=now + 30)
    login = await party.redeem(await party.authorize(), proof=good)
    for claims, expected in (
        ({"nbf": now - 10, "exp": now + 30}, 200),
        ({"nbf": now + 300}, 401),
        ({"exp": now - 300}, 401),
    ):
        assert (await party.call_userinfo(login, _shown(party, login, **claims)))[0] == expected


async def test_ensure_dpopproof_with_iat_10seconds_before_succeeds(party: FapiParty) -> None:
    """A proof may be ten seconds old."""
    await _at_every_place(party, -10)


async def test_ensure_dpopproof_with_iat_10seconds_after_succeeds(party: FapiParty) -> None:
    """The client's clock may be ten seconds ahead."""
    await _at_every_place(party, 10)


async def test_ensure_mismatched_dpop_jkt_fails(party: FapiParty) -> None:
    """A pushed request names the key of the proof that comes with it, or none."""
    proof = party.proof("pushed_authorization_request_endpoint")
    status, body = await party.push_raw(party.build({"dpop_jkt": Prover().jkt}), proof=proof)
    assert (status, body["error"]) == (400, "invalid_dpop_proof")


async def test_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(party: FapiParty) -> None:
    """A code whose request came with a proof is redeemed with the same key."""
    code = await party.authorize(proof=party.proof("pushed_authorization_request_endpoint"))
    party.prover = Prover()
    _refuse(await party.redeem_raw(code))


async def test_ensure_token_endpoint_fails_with_mismatched_dpop_jkt(party: FapiParty) -> None:
    """A code whose request named a key is redeemed with that key."""
    code = await party.authorize({"dpop_jkt": party.prover.jkt})
    party.prover = Prover()
    _refuse(await party.redeem_raw(code))


async def test_ensure_dpopproof_at_par_endpoint_binding_success(party: FapiParty) -> None:
    """The proof that comes with a pushed request binds its code; the same key redeems it."""
    await party.redeem(await party.authorize(proof=party.proof("pushed_authorization_request_endpoint")))


async def test_ensure_dpop_auth_code_binding_success(party: FapiParty) -> None:
    """So does `dpop_jkt`, alone or together with a proof."""
    jkt = party.prover.jkt
    await party.redeem(await party.authorize({"dpop_jkt": jkt}))
    proof = party.proof("pushed_authorization_request_endpoint")
    await party.redeem(await party.authorize({"dpop_jkt": jkt}, proof=proof))


async def test_ensure_holder_of_key_required(party: FapiParty) -> None:
    """No tokens without a proof, and none by a proof that RS256 signed."""
    _refuse(await party.redeem_raw(await party.authorize(), proof=""), "invalid_dpop_proof")
    party.prover = Prover(pair=RSA)
    _refuse(await party.redeem_raw(await party.authorize()), "invalid_dpop_proof")


async def test_dpop_negative_tests(party: FapiParty) -> None:
    """At the resource: 22 proofs that are wrong in one place, one shown twice, a bound token shown as a bearer."""
    login = await party.log_in()
    for name, proofs in _bad_proofs(party, login).items():
        status, body = await party.call_userinfo(login, *proofs)
        assert (status, body["error"]) in {(401, "invalid_dpop_proof"), (401, "invalid_token")}, name
    for proof in _good_proofs(party, login):
        assert (await party.call_userinfo(login, proof))[0] == 200
        assert (await party.call_userinfo(login, proof))[0] == 401, "the second time"
    assert (await party.call_userinfo(login, scheme="Bearer"))[0] == 401


def _bad_proofs(party: FapiParty, login: Login) -> dict[str, tuple[str, ...]]:
    good, now = _shown(party, login), party.op.clock()
    head, body, _ = good.split(".")
    private = {**party.prover.jwk, "d": "A" * 43}
    claims: dict[str, dict[str, Any]] = {name: {name: ...} for name in ("jti", "htm", "htu", "iat", "ath")}
    claims |= {"PUT": {"htm": "PUT"}, "elsewhere": {"htu": "https://elsewhere.example/userinfo"}}
    claims |= {"an hour ago": {"iat": now - 3600}, "in an hour": {"iat": now + 3600}, "other token": {"ath": "x"}}
    headers: dict[str, dict[str, Any]] = {name: {name: ...} for name in ("typ", "alg", "jwk")}
    headers |= {"typ JWT": {"typ": "JWT"}, "private": {"jwk": private}, "none": {"alg": "none"}, "HS": {"alg": "HS256"}}
    return {
        **{name: (_shown(party, login, **changes),) for name, changes in claims.items()},
        **{name: (party.prover.sign(_claims(party, login), header),) for name, header in headers.items()},
        "two": (good, _shown(party, login)),
        "no JWT": ("nonsense",),
        "cut": (f"{head}.{body}",),
        "signature": (f"{head}.{body}.{encode(b'0' * 64)}",),
        "other key": (Prover().sign(_claims(party, login)),),
        "RS256": (Prover(pair=RSA).sign(_claims(party, login)),),
    }


def _good_proofs(party: FapiParty, login: Login) -> list[str]:
    url = party.op.metadata["userinfo_endpoint"]
    return [
        _shown(party, login, htu=f"{url}?query#fragment"),
        _shown(party, login, other="claim"),
        party.prover.sign(_claims(party, login), {"other": "header"}),
    ]


def _claims(party: FapiParty, login: Login) -> dict[str, Any]:
    url = party.op.metadata["userinfo_endpoint"]
    return claims_for("GET", url, at=party.op.clock(), token=login.access_token)


def _shown(party: FapiParty, login: Login, **claims: Any) -> str:
    return party.proof("userinfo_endpoint", method="GET", token=login.access_token, **claims)


async def _at_every_place(party: FapiParty, seconds: int) -> None:
    at = party.op.clock() + seconds
    code = await party.authorize(proof=party.proof("pushed_authorization_request_endpoint", at=at))
    at = party.op.clock() + seconds
    login = await party.redeem(code, proof=party.proof("token_endpoint", at=at))
    assert (await party.call_userinfo(login, _shown(party, login, at=at)))[0] == 200


def _refuse(answer: tuple[int, dict[str, Any]], *errors: str) -> None:
    status, body = answer
    assert (status, body["error"]) in {(400, error) for error in errors or ("invalid_grant", "invalid_dpop_proof")}
