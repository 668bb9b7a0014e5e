"""Modules about how a client proves itself."""

from __future__ import annotations

from tests.conformance.authenticating_party import AuthenticatingParty
from tests.conformance.relying_party import RelyingParty


async def test_ensure_client_assertion_with_iss_aud_succeeds(rp: RelyingParty) -> None:
    """The issuer is a good audience of an assertion; another server is none, and an assertion works once."""
    for client_id in ("signing", "sharing"):
        party = AuthenticatingParty(rp.op, rp.browser, client_id)
        party.audience = rp.op.issuer
        await party.log_in()
        answer = await party.authorize()
        party.audience = "https://other.example.com"
        status, body = await party.redeem_raw(answer)
        assert (status, body["error"]) == (401, "invalid_client")
        party.audience = rp.op.issuer
        await party.redeem(answer)
