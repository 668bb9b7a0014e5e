"""FAPI 2.0: codes, client assertions and refresh tokens."""

from __future__ import annotations

from typing import Any

from tests.conformance.fapi_party import FapiParty


async def test_ensure_client_id_in_token_endpoint(party: FapiParty) -> None:
    """A `client_id` that is not that of the assertion is refused; it may be left out."""
    _refuse(await party.redeem_raw(await party.authorize(), client_id=party.other().client_id), "invalid_client")
    await party.redeem(await party.authorize(), client_id=None)


async def test_ensure_authorization_code_is_bound_to_client(party: FapiParty) -> None:
    """The code of one client is worth nothing to another."""
    code, other = await party.authorize(), party.other()
    _refuse(await other.redeem_raw(code), "invalid_grant")


async def test_attempt_reuse_authorization_code_after_one_second(party: FapiParty) -> None:
    """A code that comes a second time is refused, a second later or half a minute."""
    for later in (1, 30):
        code = await party.authorize()
        await party.redeem(code)
        party.op.clock.advance(later)
        _refuse(await party.redeem_raw(code), "invalid_grant")


async def test_ensure_token_endpoint_fails_with_expired_auth_code(party: FapiParty) -> None:
    """A code lives for a minute (section 5.3.2.1)."""
    code = await party.authorize()
    party.op.clock.advance(61)
    _refuse(await party.redeem_raw(code), "invalid_grant")


async def test_ensure_signed_client_assertion_with_rs256_fails(party: FapiParty) -> None:
    """RS256 proves nobody, not even by a key that the client has registered."""
    await _refuse_assertion(party, key="RS256")


async def test_ensure_client_assertion_in_token_endpoint(party: FapiParty) -> None:
    """Without an assertion nobody is proved."""
    code = await party.authorize()
    bare: dict[str, Any] = {"client_assertion": None, "client_assertion_type": None}
    _refuse(await party.redeem_raw(code, **bare), "invalid_client")


async def test_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails(party: FapiParty) -> None:
    """An assertion that expired five minutes ago is refused."""
    now = party.op.clock()
    await _refuse_assertion(party, iat=now - 360, exp=now - 300)


async def test_ensure_client_assertion_with_wrong_aud_fails(party: FapiParty) -> None:
    """An assertion for somebody else is refused, also where it names us as well."""
    for audience in ("https://elsewhere.example", [party.op.issuer, "https://elsewhere.example"]):
        await _refuse_assertion(party, aud=audience)


async def test_ensure_client_assertion_with_no_sub_fails(party: FapiParty) -> None:
    """An assertion says whom it proves."""
    await _refuse_assertion(party, sub=...)


async def test_par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted(party: FapiParty) -> None:
    """The client's clock may be eight seconds ahead (section 5.3.2.1)."""
    ahead = party.op.clock() + 8
    await party.push(party.build(), assertion=party.assertion(iat=ahead, nbf=ahead))


async def test_par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails(party: FapiParty) -> None:
    """But not more than a minute."""
    ahead = party.op.clock() + 65
    await _refuse_at_par(party, nbf=ahead)
    await _refuse_at_par(party, iat=ahead)


async def test_par_test_array_as_audience_fails(party: FapiParty) -> None:
    """`aud` is one text, not a list, even when the list holds the issuer alone."""
    for audience in ([party.op.issuer], [party.op.metadata["pushed_authorization_request_endpoint"]]):
        await _refuse_at_par(party, aud=audience)


async def test_par_test_par_endpoint_url_as_audience_fails(party: FapiParty) -> None:
    """The endpoint is no audience."""
    await _refuse_at_par(party, aud=party.op.metadata["pushed_authorization_request_endpoint"])


async def test_par_test_token_endpoint_url_as_audience_fails(party: FapiParty) -> None:
    """Nor is the token endpoint."""
    await _refuse_at_par(party, aud=party.op.metadata["token_endpoint"])


async def test_ensure_pkce_code_verifier_required(party: FapiParty) -> None:
    """A code is redeemed with its verifier."""
    _refuse(await party.redeem_raw(await party.authorize(), code_verifier=None), "invalid_grant", "invalid_request")


async def test_incorrect_pkce_code_verifier_rejected(party: FapiParty) -> None:
    """And with no other."""
    _refuse(await party.redeem_raw(await party.authorize(), code_verifier="x" * 43), "invalid_grant")


async def test_refresh_token(party: FapiParty) -> None:
    """A refresh token counts again when an answer was lost; it is its client's alone, and never without a proof."""
    first = await party.log_in({"scope": "openid offline_access", "prompt": "consent"})
    token = first.tokens["refresh_token"]
    for _ in range(2):
        status, body = await party.refresh_raw(token)
        assert status == 200, body
        assert body.get("refresh_token", token) == token, "not rotated (section 5.3.2.1)"
        again = await party.verify(body)
        assert {name: again.claims[name] for name in ("sub", "iss", "aud", "auth_time")} == {
            name: first.claims[name] for name in ("sub", "iss", "aud", "auth_time")
        }
        assert (await party.call_userinfo(again))[0] == 200
        party.op.clock.advance(31)
    _refuse(await party.refresh_raw(token, proof=""), "invalid_dpop_proof")
    _refuse(await party.other().refresh_raw(token), "invalid_grant")
    assert (await party.refresh_raw(token))[0] == 200, "what failed has spent nothing"


def _refuse(answer: tuple[int, dict[str, Any]], *errors: str) -> None:
    status, body = answer
    assert status == (401 if body["error"] == "invalid_client" else 400)
    assert body["error"] in errors, body
    assert "access_token" not in body


async def _refuse_assertion(party: FapiParty, *, key: str = "", **claims: Any) -> None:
    """At both places where it proves itself."""
    assertion = party.assertion(key=key, **claims)
    _refuse(await party.redeem_raw(await party.authorize(), assertion=assertion), "invalid_client")
    await _refuse_at_par(party, key=key, **claims)


async def _refuse_at_par(party: FapiParty, *, key: str = "", **claims: Any) -> None:
    _refuse(await party.push_raw(party.build(), assertion=party.assertion(key=key, **claims)), "invalid_client")
