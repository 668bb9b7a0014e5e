"""Plan oidcc-3rdparty-init-login: where a third party begins a login (OIDC Core 4)."""

from __future__ import annotations

import pytest

from tests.conformance.openid_provider import HOME, Operator

pytestmark = pytest.mark.anyio


async def test_3rd_party_init_login(op: Operator) -> None:
    """`initiate_login_uri` is in the answer to the registration, and in the entry read later."""
    uri = f"{HOME}begin"
    entry = await op.register("begun", initiate_login_uri=uri)
    assert entry["initiate_login_uri"] == uri
    headers = {"Authorization": f"Bearer {entry['registration_access_token']}"}
    async with op.http.get(entry["registration_client_uri"], headers=headers) as answer:
        assert answer.status == 200
        assert (await answer.json())["initiate_login_uri"] == uri


async def test_3rd_party_init_login_nohttps(op: Operator) -> None:
    """An `initiate_login_uri` without https is refused."""
    status, body = await op.register_raw("begun", initiate_login_uri=f"{HOME}begin".replace("https:", "http:"))
    assert (status, body["error"]) == (400, "invalid_client_metadata")
    assert "initiate_login_uri" in body["error_description"]
