"""The document that describes the API: served, complete, and true of whatever anybody sends."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from broker.core.openapi.document import build_openapi
from broker.core.openapi.operations import OPERATIONS, Caller, Operation
from broker.demo.background import TEST_APP, RunningBroker
from broker.testing import running_broker
from tests.web.public_app import ISSUER, public_app

HERE = "http://127.0.0.1/callback"
SECRET = "legacy-secret-of-at-least-32-characters"
HELD_TO = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
NO_API = {
    *("authorization", "end_session", "account_linking"),
    *("pushed_authorization_request", "device_authorization", "registration"),
}
"""Endpoints that browsers are sent to, and those that prepare for it."""


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    grants = ["authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"]
    phone: dict[str, object] = {
        "name": "Phone",
        "auth_method": "none",
        "redirect_uris": ["com.example.phone:/cb"],
        "grants": grants,
    }
    legacy = {**phone, "auth_method": "client_secret", "secret": SECRET, "first_party": True}
    legacy |= {"scopes": ["openid", "offline_access", "identities.manage"], "drf_backends": {"google-oauth2": "google"}}
    clients: dict[str, dict[str, object]] = {"phone": phone, "legacy": legacy | {"redirect_uris": [HERE]}}
    with running_broker({name: {**client, "accept_posted": ["google"]} for name, client in clients.items()}) as running:
        yield running


def headers_of(operation: Operation, broker: RunningBroker) -> Mapping[str, str]:
    """What lets a caller in."""
    client = broker.client("legacy" if operation.where == "drf" else TEST_APP)
    if operation.caller is Caller.PERSON:
        login = broker.login(client_id=client.client_id, scope="openid identities identities.manage", prompt="login")
        return {"Authorization": f"Bearer {login.tokens['access_token']}"}
    pair = b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
    if operation.caller is Caller.SERVICE:
        form = {"grant_type": "client_credentials"}
        told = httpx2.post(f"{broker.issuer}/token", data=form, headers={"Authorization": f"Basic {pair}"}).json()
        return {"Authorization": f"Bearer {told['access_token']}"}
    return {"Authorization": f"Basic {pair}"}


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_whatever_is_sent_the_answer_is_one_that_is_described(
    broker: RunningBroker, operation: Operation, known: bool
) -> None:
    described = schemathesis.openapi.from_url(f"{broker.issuer}/openapi.json")
    headers = headers_of(operation, broker) if known else {"Authorization": "Bearer made-up"}

    def send(case: schemathesis.Case[Any]) -> None:
        case.validate_response(case.call(headers=dict(headers)), checks=HELD_TO)

    strategy = described[operation.path][operation.method.upper()].as_strategy()
    unhurried = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    unhurried(given(case=strategy)(send))()


@pytest.mark.anyio
async def test_every_endpoint_of_the_metadata_that_apps_call_is_described() -> None:
    async with public_app() as site:
        metadata = (await site.browser.get("/.well-known/openid-configuration")).json()
    ends = {name.removesuffix("_endpoint"): value for name, value in metadata.items() if name.endswith("_endpoint")}
    called = {value.removeprefix(ISSUER) for name, value in ends.items() if name not in NO_API}
    assert called <= {operation.path for operation in OPERATIONS}


@pytest.mark.anyio
async def test_the_document_is_served_to_every_tool_and_says_which_issuer_it_is_of() -> None:
    async with public_app() as site:
        answer = await site.browser.get("/openapi.json", headers={"Origin": "https://spa.test"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert "/challenge" not in answer.json()["paths"], "no client may bring what it is for"
        assert not [path for path in answer.json()["paths"] if path.startswith("/auth/")], "no client speaks it"
        for call in (one.path for one in OPERATIONS if one.where == "drf"):
            assert (await site.browser.post(call, data={"client_id": "app"})).status_code == 404
        assert answer.headers["access-control-allow-origin"] == "https://spa.test"
        assert answer.json() == httpx2.Response(200, json=build_openapi(ISSUER)).json()
        again = await site.browser.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
