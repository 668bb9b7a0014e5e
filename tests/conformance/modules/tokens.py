"""Modules about the token endpoint."""

from __future__ import annotations

from joserfc import jwt

from tests.conformance.relying_party import Answer, RelyingParty


async def test_codereuse(rp: RelyingParty) -> None:
    """A code that comes a second time is refused with `invalid_grant`."""
    answer = await rp.authorize()
    await rp.redeem(answer)
    await _refuse(rp, answer)


async def test_codereuse_30seconds(rp: RelyingParty) -> None:
    """Also half a minute later, and when it has expired: the first access token is dead (RFC 6749 section 4.1.2)."""
    for later in (31, 90):
        answer = await rp.authorize()
        login = await rp.redeem(answer)
        rp.op.clock.advance(later)
        await rp.userinfo(login)
        await _refuse(rp, answer)
        status, body = await rp.call_userinfo("GET", bearer=login.access_token)
        assert (status, body["error"]) == (401, "invalid_token")


async def test_server_client_secret_post(rp: RelyingParty) -> None:
    """A client registered for `client_secret_post` sends its secret in the body, and only there."""
    posting = rp.other("posting")
    login = await posting.log_in()
    await posting.userinfo(login)
    answer = await posting.authorize()
    posting.auth_method = "client_secret_basic"
    status, body = await posting.redeem_raw(answer)
    assert (status, body["error"]) == (401, "invalid_client")
    posting.auth_method = "client_secret_post"
    await posting.redeem(answer)


async def test_refresh_token(rp: RelyingParty) -> None:
    """`offline_access` gives a refresh token: for this client alone, with an ID token about the same login."""
    answer = await rp.authorize({"scope": "openid offline_access", "prompt": "consent"})
    assert answer.asked == ("login", "upstream", "consent")
    first = await rp.redeem(answer)
    rp.op.clock.advance(5)
    status, body = await rp.other("second").refresh_raw(first)
    assert (status, body["error"]) == (400, "invalid_grant")
    second = await rp.refresh(first)
    for name in ("iss", "sub", "aud", "auth_time"):
        assert second.claims[name] == first.claims[name]
    assert second.claims["iat"] >= first.claims["iat"] + 5
    assert second.claims.get("nonce", first.claims["nonce"]) == first.claims["nonce"]
    await rp.userinfo(second)
    await rp.refresh(second)


async def _refuse(rp: RelyingParty, answer: Answer) -> None:
    status, body = await rp.redeem_raw(answer)
    assert (status, body["error"]) == (400, "invalid_grant")


async def test_server_rotate_keys(rp: RelyingParty) -> None:
    """The operator rotates the keys: a new one signs, the old one is still published and verifies what it signed."""
    first = await rp.log_in()
    before = {key.kid for key in (await rp.op.keys()).keys}
    rp.op.broker.rotate_keys()
    keys = await rp.op.keys()
    assert before < {key.kid for key in keys.keys}
    second = await rp.log_in()
    old, new = (jwt.decode(login.tokens["id_token"], keys, algorithms=["RS256"]) for login in (first, second))
    assert old.header["kid"] in before
    assert new.header["kid"] not in before
