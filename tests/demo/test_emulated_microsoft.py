"""The emulated Microsoft against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import jwt
import pytest

from broker.demo.people import ADA, BORIS, ZOE
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.microsoft import HOST, PERSONAL, TEMPLATE, TENANT_A, TENANT_B, Microsoft
from tests.demo.emulated import CALLBACK, CHALLENGE, NOW, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
PHONE = "cccccccc-0000-4000-8000-00000000000a"
APP = RegisteredApp("cccccccc-0000-4000-8000-000000000001", "secret~1", (CALLBACK,), {"native_client_ids": PHONE})
OTHER = RegisteredApp("cccccccc-0000-4000-8000-000000000002", "secret~2", (CALLBACK,))
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "scope": "openid profile email",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "nonce": "n-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
async def microsoft(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Microsoft, (APP, OTHER))) as upstream:
        yield upstream


def front(tenant: str = "common") -> str:
    return f"/{tenant}/oauth2/v2.0/authorize"


async def exchange(microsoft: Upstream, given: str, tenant: str = "common", **changes: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": given, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    known = {"client_id": APP.client_id, "client_secret": APP.client_secret}
    return await microsoft.post(f"/{tenant}/oauth2/v2.0/token", {**form, **known, **changes})


async def code(microsoft: Upstream, person: str = "ada", **changes: str) -> str:
    return (await microsoft.answer_of(front(), person, **REQUEST | changes))["code"]


async def verified(microsoft: Upstream, token: str, audience: str = APP.client_id) -> tuple[dict[str, Any], str]:
    """The claims, and the issuer that the key names."""
    listed = (await microsoft.get("/common/discovery/v2.0/keys")).json()["keys"]
    kid = jwt.get_unverified_header(token)["kid"]
    (named,) = [one for one in listed if one["kid"] == kid]
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    key = jwt.PyJWK(named)
    found: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=audience, options=options)
    return found, named["issuer"]


async def claims_of(microsoft: Upstream, person: str = "ada", **changes: str) -> tuple[dict[str, Any], str]:
    tokens = (await exchange(microsoft, await code(microsoft, person, **changes))).json()
    return await verified(microsoft, tokens["id_token"])


async def test_everybody_is_of_a_tenant_and_keys_say_whose_they_are(microsoft: Upstream) -> None:
    for person, tenant, of_key in (
        (ADA, TENANT_A, TEMPLATE),
        (ZOE, TENANT_B, TEMPLATE),
        (BORIS, PERSONAL, f"{HOST}/{PERSONAL}/v2.0"),
    ):
        claims, issuer = await claims_of(microsoft, person.key)
        assert (claims["tid"], claims["iss"], issuer) == (tenant, f"{HOST}/{tenant}/v2.0", of_key)
        assert (claims["ver"], claims["nonce"], claims["name"]) == ("2.0", "n-1", person.name)
        assert f"{claims['oid']}.{tenant}" == microsoft.emulator.subject(person)
        assert claims.get("xms_edov") is (True if person is ADA else None)
        assert claims.get("email", "") == person.email


async def test_sub_differs_by_app_and_oid_does_not(microsoft: Upstream) -> None:
    ours, _ = await claims_of(microsoft)
    given = (await microsoft.order("kit", app=PHONE, nonce="n-2", issued_ago=60)).json()["id_token"]
    theirs, _ = await verified(microsoft, given, PHONE)
    assert ours["oid"] == theirs["oid"]
    assert ours["sub"] != theirs["sub"]
    assert (theirs["nonce"], theirs["iat"], "azp" in theirs) == ("n-2", NOW - 60, False)


async def test_a_narrower_scope_gives_fewer_claims(microsoft: Upstream) -> None:
    claims, _ = await claims_of(microsoft, scope="openid")
    assert not {"oid", "name", "email", "preferred_username"} & claims.keys()
    tokens = (await exchange(microsoft, await code(microsoft, scope="User.Read"))).json()
    assert "id_token" not in tokens


@pytest.mark.parametrize(
    ("tenant", "issuer"),
    [
        ("common", TEMPLATE),
        ("organizations", TEMPLATE),
        ("consumers", f"{HOST}/{PERSONAL}/v2.0"),
        (TENANT_B, f"{HOST}/{TENANT_B}/v2.0"),
    ],
)
async def test_discovery_has_a_template_where_many_share_an_address(
    microsoft: Upstream, tenant: str, issuer: str
) -> None:
    found = (await microsoft.get(f"/{tenant}/v2.0/.well-known/openid-configuration")).json()
    assert (found["issuer"], found["token_endpoint"]) == (issuer, f"{HOST}/{tenant}/oauth2/v2.0/token")


@pytest.mark.parametrize(
    ("tenant", "admitted"),
    [
        ("common", {"ada", "boris", "zoe"}),
        ("organizations", {"ada", "zoe"}),
        ("consumers", {"boris"}),
        (TENANT_A, {"ada"}),
        (TENANT_B, {"zoe"}),
    ],
)
async def test_an_address_admits_its_accounts(microsoft: Upstream, tenant: str, admitted: set[str]) -> None:
    people = ("ada", "boris", "zoe")
    answers = {key: await microsoft.get(front(tenant), _person=key, **REQUEST) for key in people}
    assert {key for key, answer in answers.items() if answer.status_code == 302} == admitted


async def test_a_tenant_that_nobody_has_is_not_found(microsoft: Upstream) -> None:
    answer = await microsoft.get(front("contoso.com"), **REQUEST)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


@pytest.mark.parametrize("changes", [{"client_id": "nobody"}, {"redirect_uri": "https://elsewhere.example/"}])
async def test_an_unknown_app_or_address_stays_on_the_page(microsoft: Upstream, changes: dict[str, str]) -> None:
    assert (await microsoft.get(front(), _person="ada", **REQUEST | changes)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"prompt": "login consent"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": ""}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"_cancel": "1"}, "access_denied"),
    ],
    ids=str,
)
async def test_other_mistakes_come_back(microsoft: Upstream, changes: dict[str, str], error: str) -> None:
    answer = params_of(await microsoft.get(front(), **REQUEST | changes))
    assert (answer["error"], answer["state"]) == (error, STATE)


async def test_a_code_is_good_once_for_its_app_address_and_verifier(microsoft: Upstream) -> None:
    of_other = {"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}
    for changes, number in (
        (of_other, 54005),
        ({"redirect_uri": "https://elsewhere.example/"}, 50011),
        ({"code_verifier": "x" * 43}, 501481),
        ({"code_verifier": ""}, 501481),
    ):
        answer = await exchange(microsoft, await code(microsoft), **changes)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert answer.json()["error_codes"] == [number]
    given = await code(microsoft)
    assert len(given) > 1000
    assert (await exchange(microsoft, given)).status_code == 200
    assert (await exchange(microsoft, given)).json()["error_codes"] == [54005]


async def test_who_asks_is_proved(microsoft: Upstream) -> None:
    wrong = await exchange(microsoft, "x", client_secret="wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (await exchange(microsoft, "x", client_id="nobody")).json()["error"] == "unauthorized_client"
    assert (await exchange(microsoft, "x", grant_type="password")).json()["error"] == "unsupported_grant_type"


async def test_a_refresh_token_is_asked_for(microsoft: Upstream) -> None:
    assert "refresh_token" not in (await exchange(microsoft, await code(microsoft))).json()
    tokens = (await exchange(microsoft, await code(microsoft, scope="openid offline_access"))).json()
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    told = (await exchange(microsoft, "", **again)).json()
    claims, _ = await verified(microsoft, told["id_token"])
    assert "nonce" not in claims
    refused = await exchange(microsoft, "", **again | {"refresh_token": "nobody's"})
    assert refused.json()["error"] == "invalid_grant"


async def test_a_tenant_that_an_app_names_is_where_people_work() -> None:
    own = "0a0a0a0a-1111-2222-3333-444444444444"
    app = RegisteredApp(APP.client_id, APP.client_secret, (CALLBACK,), {"tenant": own})
    async with emulated(partial(Microsoft, (app,))) as microsoft:
        given = (await microsoft.answer_of(front(own), **REQUEST))["code"]
        token = (await exchange(microsoft, given, own)).json()["id_token"]
        claims, _ = await verified(microsoft, token)
    assert (claims["tid"], claims["iss"]) == (own, f"{HOST}/{own}/v2.0")


async def test_faults_of_a_token(microsoft: Upstream) -> None:
    for fault, name, told in (
        ("other_tenant", "tid", TENANT_B),
        ("template_issuer", "iss", TEMPLATE),
        ("v1_token", "iss", f"https://sts.windows.net/{TENANT_A}/"),
    ):
        await microsoft.fault(fault, times=1)
        assert (await claims_of(microsoft))[0][name] == told
    await microsoft.fault("other_key", times=1)
    assert (await claims_of(microsoft))[1] == f"{HOST}/{PERSONAL}/v2.0"
    await microsoft.fault("no_id", times=1)
    assert not {"sub", "oid"} & (await claims_of(microsoft))[0].keys()
    await microsoft.fault("error_200", times=1)
    answer = await exchange(microsoft, await code(microsoft))
    assert (answer.status_code, answer.json()["error"]) == (200, "invalid_grant")


async def me(microsoft: Upstream, token: str, query: str = "") -> httpx2.Response:
    """What Microsoft Graph says to this token."""
    return await microsoft.http.get(f"/v1.0/me{query}", headers={"authorization": f"Bearer {token}"})


async def test_graph_shows_who_holds_a_token_that_may_read_that(microsoft: Upstream) -> None:
    found = {}
    for person in (ADA, BORIS):
        tokens = (await exchange(microsoft, await code(microsoft, person.key, scope="User.Read"))).json()
        assert "id_token" not in tokens
        shown = await me(microsoft, tokens["access_token"])
        found[person.key] = shown.json()
    assert found["ada"]["id"] == microsoft.emulator.subject(ADA).partition(".")[0]
    assert microsoft.emulator.subject(BORIS).partition(".")[0].replace("-", "") == "0" * 16 + found["boris"]["id"]
    assert (found["ada"]["mail"], found["boris"]["mail"], found["ada"]["jobTitle"]) == (
        ADA.email,
        BORIS.email or None,
        None,
    )


async def test_graph_gives_what_is_selected_and_refuses_who_may_not_read(microsoft: Upstream) -> None:
    token = (await exchange(microsoft, await code(microsoft, scope="User.Read"))).json()["access_token"]
    asked = await me(microsoft, token, "?$select=id,mail")
    assert set(asked.json()) == {"@odata.context", "id", "mail"}
    nobody = await me(microsoft, "guessed")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    other = (await exchange(microsoft, await code(microsoft))).json()["access_token"]
    less = await me(microsoft, other)
    assert (less.status_code, less.json()["error"]["code"]) == (403, "Authorization_RequestDenied")
