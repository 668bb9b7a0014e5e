"""Microsoft: whose address counts, and which tenant speaks (threats C3 and C4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.demo.background import running_in_background
from broker.demo.headless import LoginFailed
from broker.demo.people import ADA, ZOE
from broker.demo.upstreams import EMULATORS
from broker.demo.upstreams.microsoft import PERSONAL, TENANT_A, TENANT_B
from broker.testing.bench import FLOW, NOW, Case, public_jwk
from broker.upstream.model import Redirect
from broker.upstream.posted import AcceptsPosted, Posted
from providers.microsoft import MicrosoftSettings
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio

WORK, ONE_TENANT = load_cases("microsoft")
HOST = "https://login.microsoftonline.com"
ISSUER_A, ISSUER_B, ISSUER_P = (f"{HOST}/{tenant}/v2.0" for tenant in (TENANT_A, TENANT_B, PERSONAL))
APP = "cccccccc-0000-4000-8000-00000000000a"


def of_tenant(tenant: str, issuer: str = "", **claims: Any) -> Case:
    """The case of somebody of this tenant."""
    changes = {"tid": tenant, "iss": issuer or f"{HOST}/{tenant}/v2.0", **claims}
    return WORK.with_changes({f"id_token {name}": value for name, value in changes.items()})


def at(tenant: str, case: Case) -> Case:
    """The same, where the provider is configured for this `tenant`."""
    answers = {path.replace("/common/", f"/{tenant}/"): answer for path, answer in case.data["answers"].items()}
    settings = {**case.data["settings"], "tenant": tenant}
    return replace(case, data={**case.data, "answers": answers, "settings": settings})


async def outcome(case: Case, **settings: Any) -> str:
    """The subject, or what kind of failure it is."""
    async with case.on_bench(**settings) as bench:
        try:
            return (await bench.finish()).subject
        except UpstreamError as failure:
            return type(failure).__name__


async def verified(case: Case, **settings: Any) -> bool:
    async with case.on_bench(**settings) as bench:
        return bool((await bench.finish()).claims["email_verified"])


# --- whose word it is ---


@pytest.mark.parametrize(
    ("tid", "iss"),
    [
        (TENANT_B, ISSUER_A),
        (TENANT_A, ISSUER_B),
        (TENANT_A, f"{HOST}/{{tenantid}}/v2.0"),
        ("{tenantid}", f"{HOST}/{{tenantid}}/v2.0"),
        (TENANT_A, f"https://sts.windows.net/{TENANT_A}/"),
        (TENANT_A, f"https://login.microsoftonline.us/{TENANT_A}/v2.0"),
        (TENANT_A, f"{HOST}/{TENANT_A}/v2.0/"),
        (TENANT_A.replace("1", "A"), f"{HOST}/{TENANT_A.replace('1', 'A')}/v2.0"),
        ("evil.example", f"{HOST}/evil.example/v2.0"),
        (f"{TENANT_A}/x", f"{HOST}/{TENANT_A}/x/v2.0"),
        ("", f"{HOST}//v2.0"),
        ("$absent", ISSUER_A),
        (5, ISSUER_A),
    ],
)
async def test_c4_the_issuer_is_the_template_with_the_tokens_own_tenant(tid: Any, iss: str) -> None:
    assert await outcome(of_tenant(tid, iss)) == "UpstreamInvalid"


async def test_c4_what_a_tenant_setting_lets_in_and_what_a_list_leaves_of_that() -> None:
    personal = of_tenant(PERSONAL)
    known = {"a": of_tenant(TENANT_A), "b": of_tenant(TENANT_B), "personal": personal}
    admitted: Mapping[str, set[str]] = {
        "common": {"a", "b", "personal"},
        "organizations": {"a", "b"},
        "consumers": {"personal"},
        TENANT_A: {"a"},
    }
    for tenant, let_in in admitted.items():
        found = {name: await outcome(at(tenant, case)) for name, case in known.items()}
        assert {name for name, told in found.items() if not told.startswith("Upstream")} == let_in, tenant
    assert await outcome(at("organizations", personal)) == "UpstreamDenied"
    assert await outcome(of_tenant(TENANT_B), tenants=(TENANT_A,)) == "UpstreamDenied"
    assert await outcome(of_tenant(TENANT_A), tenants=(TENANT_A,)) != "UpstreamDenied"


@pytest.mark.parametrize(
    ("of_key", "tenant", "good"),
    [
        (f"{HOST}/{{tenantid}}/v2.0", TENANT_A, True),
        (ISSUER_A, TENANT_A, True),
        (ISSUER_P, PERSONAL, True),
        (ISSUER_P, TENANT_A, False),
        (ISSUER_B, TENANT_A, False),
        ("https://login.microsoftonline.us/{tenantid}/v2.0", TENANT_A, False),
        (5, TENANT_A, True),
    ],
)
async def test_c4_a_key_signs_for_the_issuer_that_it_names(of_key: Any, tenant: str, good: bool) -> None:
    case = of_tenant(tenant).with_changes(
        {"answers /common/discovery/v2.0/keys keys": [public_jwk() | {"issuer": of_key}]}
    )
    assert (await outcome(case) != "UpstreamInvalid") is good
    one = at(TENANT_A, case)
    assert (await outcome(one) not in {"UpstreamInvalid"}) is (good and tenant == TENANT_A)


async def test_c4_another_cloud_is_another_issuer() -> None:
    us = "https://login.microsoftonline.us"
    assert await outcome(of_tenant(TENANT_A, f"{us}/{TENANT_A}/v2.0"), authority=us) != "UpstreamInvalid"
    assert await outcome(of_tenant(TENANT_A), authority=us) == "UpstreamInvalid"


async def test_a_token_of_version_one_is_refused() -> None:
    assert await outcome(of_tenant(TENANT_A, ver="1.0")) == "UpstreamInvalid"


async def test_an_object_id_is_somebodys() -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    for oid in (nobody, "$absent", "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee", "ann@contoso.com"):
        assert await outcome(of_tenant(TENANT_A, oid=oid)) == "UpstreamInvalid"
    assert await outcome(ONE_TENANT), "who is known by sub needs none"


async def test_c19_one_object_id_in_two_tenants_is_two_people() -> None:
    found = {await outcome(of_tenant(tenant)) for tenant in (TENANT_A, TENANT_B)}
    assert len(found) == 2


# --- addresses ---


async def test_c3_the_address_of_a_tenant_is_its_admins_word_unless_the_operator_trusts_it() -> None:
    plain = of_tenant(TENANT_A, xms_edov="$absent")
    trusted = {"trust_tenant_domains": {TENANT_A: ("contoso.com",)}}
    assert not await verified(plain)
    assert await verified(plain, **trusted)
    assert not await verified(of_tenant(TENANT_B, xms_edov="$absent"), **trusted), "another tenant's word on our domain"
    assert not await verified(of_tenant(TENANT_A, xms_edov="$absent", email="ceo@victim.com"), **trusted)
    assert not await verified(of_tenant(TENANT_A, xms_edov="$absent", idp="https://sts.windows.net/x/"), **trusted)
    assert not await verified(of_tenant(TENANT_A, xms_edov="0"), **trusted), "Microsoft says that it is not"


async def test_c3_addresses_of_personal_accounts_are_microsofts_word() -> None:
    personal = of_tenant(PERSONAL, xms_edov="$absent")
    assert await verified(personal)
    assert not await verified(personal, trust_personal_email=False)
    assert not await verified(of_tenant(PERSONAL, xms_edov=False))


def test_c3_an_address_of_another_tenant_reaches_nobodys_account() -> None:
    settings = {**EMULATORS["microsoft"].settings, "linking": "verified_email", "trusted_domains": ["gmail.com"]}
    providers = {"microsoft": settings, "google": {**EMULATORS["google"].settings}}
    with running_in_background({}, providers=providers) as broker:
        ours = broker.login("google", "ada").claims["sub"]
        with pytest.raises(LoginFailed, match="Do you already have an account"):
            broker.login("microsoft", "ada")  # whose tenant has proved the domain: she is asked, and told no more
        for word in (None, False, "false", 0, "0"):
            told = {"xms_edov": word} if word is not None else {}
            broker.emulators["microsoft"].claims("zoe", email=ADA.email, preferred_username=ADA.email, **told)
            login = broker.login("microsoft", "zoe", prompt="login").claims
            assert (login["email"], login["email_verified"]) == (ADA.email, False)
            assert login["sub"] != ours
            assert str(login["name"]).startswith(ZOE.given_name)


# --- asking and posting ---


async def test_one_word_is_asked_for_and_only_the_tenants_own_addresses_are_used() -> None:
    for words, sent in (
        (("login", "consent"), "login"),
        (("consent", "select_account"), "select_account"),
        (("create",), None),
        ((), None),
    ):
        async with at("consumers", WORK).on_bench(domain_hint="consumers") as bench:
            flow = replace(FLOW, wishes=Wishes(prompt=words, login_hint="ann@contoso.com"))
            step, asked = await bench.provider.begin(flow), await bench.begin(flow)
        assert isinstance(step, Redirect)
        assert step.url.startswith(f"{HOST}/consumers/oauth2/v2.0/authorize?")
        assert (asked.get("prompt"), asked["login_hint"]) == (sent, "ann@contoso.com")
        assert asked["domain_hint"] == "consumers"


async def test_a_reply_may_name_the_issuer_of_any_tenant_and_no_other() -> None:
    async with WORK.on_bench() as bench:
        assert (await bench.finish(WORK.reply(iss=ISSUER_A))).subject
        for issuer in (f"{HOST}/x/v2.0", "https://evil.example", "", f"{ISSUER_A}/"):
            with pytest.raises(UpstreamInvalid):
                await bench.finish(WORK.reply(iss=issuer))
    async with ONE_TENANT.on_bench() as bench:
        assert (await bench.finish(ONE_TENANT.reply(iss=ISSUER_A))).subject
        with pytest.raises(UpstreamInvalid):
            await bench.finish(ONE_TENANT.reply(iss=ISSUER_B))


async def test_when_somebody_was_asked_is_an_optional_claim() -> None:
    async with of_tenant(TENANT_A, auth_time=NOW - 40).on_bench() as bench:
        assert (await bench.finish()).auth_time == NOW - 40


async def test_m1_a_phones_token_is_of_a_registration_of_its_own_and_of_an_admitted_tenant() -> None:
    posting: dict[str, Any] = {"accept_posted": ["id_token"], "native_client_ids": [APP]}
    async with WORK.on_bench(**posting, tenants=(TENANT_A,)) as bench:
        assert isinstance(bench.provider, AcceptsPosted)

        async def verify(case: Case, **claims: Any) -> str:
            token = case.id_token(**{"aud": APP} | claims)
            assert isinstance(bench.provider, AcceptsPosted)
            return (await bench.provider.verify_posted(Posted(PostedKind.ID_TOKEN, token, FLOW))).identity.subject

        assert await verify(WORK) == WORK.data["expected"]["subject"]
        with pytest.raises(UpstreamDenied):
            await verify(of_tenant(TENANT_B))
        for wrong in ({"aud": WORK.data["settings"]["client_id"]}, {"nonce": "x"}, {"iss": ISSUER_B}, {"ver": "1.0"}):
            with pytest.raises(UpstreamInvalid):
                await verify(WORK, **wrong)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tenant": "contoso.com"}, "tenant"),
        ({"tenant": TENANT_A.replace("1", "A")}, "tenant"),
        ({"tenants": ["common"]}, "tenants"),
        ({"authority": "http://login.microsoftonline.com"}, "authority"),
        ({"trust_tenant_domains": {"common": ["contoso.com"]}}, "trust_tenant_domains"),
        ({"trust_tenant_domains": {TENANT_A: ["not a domain"]}}, "trust_tenant_domains"),
        ({"scopes": ["profile"]}, "openid is one of them"),
        ({"subject": "email"}, "subject"),
        ({"subject": "sub", "accept_posted": ["id_token"], "native_client_ids": [APP]}, "needs subject: oid"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_stop_the_start(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MicrosoftSettings.model_validate({"type": "microsoft", **WORK.data["settings"], **changed})
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
