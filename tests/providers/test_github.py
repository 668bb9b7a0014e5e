"""What is peculiar about GitHub: which address counts, servers of one's own, whose a token is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from broker.cli.common import resolve
from broker.config.load import load_text
from broker.core.errors import ConfigError, UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.people.identity import Identity
from broker.core.records import Wishes
from broker.demo.people import ADA, BORIS
from broker.demo.upstreams.control import AnswerOrder
from broker.upstream.model import Redirect
from providers.github import GitHubSettings
from tests.providers.posted_tokens import token_of_kit, verified
from tests.providers.test_emulated import begun_now, world

pytestmark = pytest.mark.anyio

OURS = {"type": "github", "client_id": "Iv1.0123456789abcdef", "client_secret": "s"}


async def logged_in(fault: str = "", way: str = "github", **settings: object) -> Identity:
    async with world(way, **settings) as at:
        if fault:
            at.emulator.faults.switch(fault, on=True)
        return await at.log_in(ADA, begun_now())


@pytest.mark.parametrize(
    ("fault", "email", "verified"),
    [
        ("", ADA.email, True),
        ("public_email", ADA.email, True),
        ("many_emails", ADA.email, True),
        ("unverified_primary", ADA.email, False),
        ("noreply_primary", None, None),
        ("emails_hidden", None, None),
    ],
)
async def test_c15_only_the_primary_address_of_the_list_counts(
    fault: str, email: str | None, verified: bool | None
) -> None:
    claims = (await logged_in(fault)).claims
    assert (claims.get("email"), claims.get("email_verified")) == (email, verified)


async def test_c15_who_takes_over_a_login_name_is_somebody_else() -> None:
    async with world("github") as at:
        first = await at.log_in(ADA, begun_now())
        at.emulator.claims["boris"] = {"login": "ada-lovelace", "html_url": "https://github.com/ada-lovelace"}
        second = await at.log_in(BORIS, begun_now())
    assert first.claims["preferred_username"] == second.claims["preferred_username"] == "ada-lovelace"
    assert first.subject != second.subject


async def test_c15_a_server_of_ones_own_proves_no_address_unless_it_is_trusted() -> None:
    assert (await logged_in(way="github enterprise server")).claims["email_verified"] is False
    trusted = await logged_in(way="github enterprise server", trust_ghes_email=True)
    assert trusted.claims["email_verified"] is True


async def test_too_many_calls_are_no_person_without_an_address() -> None:
    with pytest.raises(UpstreamUnavailable):
        await logged_in("rate_limited")


async def test_a_token_that_ends_between_two_calls_ends_the_login() -> None:
    async with world("github") as at:
        flow = begun_now()
        reply = await at.agree(ADA, flow)
        at.emulator.control.order(AnswerOrder(path="/user/emails", status=401, body="{}"))
        with pytest.raises(UpstreamRejected):
            await at.provider.finish(flow, reply)


@pytest.mark.parametrize(
    ("base_url", "api_url", "api"),
    [
        ("https://github.com", None, "https://api.github.com"),
        ("https://git.example.com:8443", None, "https://git.example.com:8443/api/v3"),
        ("https://corp.ghe.com", None, "https://api.corp.ghe.com"),
        ("https://git.example.com", "https://api.git.example.com/v3/", "https://api.git.example.com/v3"),
    ],
)
def test_the_api_lies_where_the_server_has_it(base_url: str, api_url: str | None, api: str) -> None:
    settings = GitHubSettings.model_validate({**OURS, "base_url": base_url, "api_url": api_url})
    assert settings.api == api
    assert settings.issuer == f"{base_url}/login/oauth"


def test_c19_every_server_has_people_of_its_own() -> None:
    def namespace(**more: str) -> str:
        return GitHubSettings.model_validate({**OURS, **more}).identity_namespace()

    assert namespace() == "github:Iv1.0123456789abcdef"
    assert namespace(base_url="https://git.example.com") == "github:https://git.example.com:Iv1.0123456789abcdef"
    assert namespace(base_url="https://git.example.com", namespace="github:work") == "github:work"


async def test_b4_a_server_names_itself_and_no_other() -> None:
    for way, others in (("github", "https://git.example.com"), ("github enterprise server", "https://github.com")):
        async with world(way) as at:
            flow = begun_now()
            reply = await at.agree(ADA, flow)
            assert reply.params["iss"].endswith("/login/oauth")
            for iss in (f"{others}/login/oauth", "https://github.com", ""):
                with pytest.raises(UpstreamInvalid, match="another issuer"):
                    await at.provider.finish(flow, replace(reply, params={**reply.params, "iss": iss}))
            assert (await at.provider.finish(flow, reply)).subject == at.emulator.subject(ADA)


async def test_wishes_become_the_account_picker() -> None:
    async def asked(**wishes: Any) -> dict[str, str]:
        async with world("github") as at:
            step = await at.provider.begin(replace(begun_now(), wishes=Wishes(**wishes)))
        assert isinstance(step, Redirect)
        return dict(parse_qsl(urlsplit(step.url).query))

    plain, wished = await asked(), await asked(prompt=("login",), login_hint="octo-ann")
    assert (plain["scope"], plain["code_challenge_method"]) == ("read:user user:email", "S256")
    assert not {"prompt", "login", "nonce"} & plain.keys()
    assert (wished["prompt"], wished["login"]) == ("select_account", "octo-ann")


# --- tokens that apps post ---


async def test_m1_a_token_counts_that_github_says_is_ours() -> None:
    async with world("github") as at:
        identity = await verified(at, await token_of_kit(at, OURS["client_id"]))
        assert (identity.subject, identity.claims["email"]) == (at.emulator.subject(ADA), ADA.email)
        for bad in (await token_of_kit(at, "512001"), "ghp_somebodys-own", "gho_made-up"):
            with pytest.raises(UpstreamError):
                await verified(at, bad)


@pytest.mark.parametrize("fault", ["other_app", "other_user_id", "no_id", "unauthorized", "rate_limited"])
async def test_m1_whatever_the_check_and_the_profile_do_not_agree_about_is_refused(fault: str) -> None:
    async with world("github") as at:
        token = await token_of_kit(at, OURS["client_id"])
        at.emulator.faults.switch(fault, on=True)
        with pytest.raises(UpstreamError):
            await verified(at, token)


@pytest.mark.parametrize("scopes", ["[]", "null", '"user:email"', '[{"a": 1}]', '["read:user"]'])
async def test_m1_a_token_that_may_not_read_the_address_is_refused(scopes: str) -> None:
    client_id = OURS["client_id"]
    async with world("github") as at:
        token = await token_of_kit(at, client_id)
        told = f'{{"app": {{"client_id": "{client_id}"}}, "user": {{"id": 1}}, "scopes": {scopes}}}'
        at.emulator.control.order(AnswerOrder(path=f"/applications/{client_id}/token", body=told))
        with pytest.raises(UpstreamInvalid, match="user:email"):
            await verified(at, token)


async def test_m1_a_github_app_has_no_scopes_to_be_asked_about() -> None:
    async with world("github", scopes=[]) as at:
        client_id = OURS["client_id"]
        token = await token_of_kit(at, client_id)
        number = at.emulator.subject(ADA)
        told = f'{{"app": {{"client_id": "{client_id}"}}, "user": {{"id": {number}}}, "scopes": null}}'
        at.emulator.control.order(AnswerOrder(path=f"/applications/{client_id}/token", body=told))
        assert (await verified(at, token)).subject == number


def test_two_servers_never_share_people_unnoticed(tmp_path: Path) -> None:
    text = """
version: 1
issuer: https://id.example.com
providers:
  github: {type: github, client_id: a, client_secret: abcdefghijklmnopqrstuvwxyz012345}
  work: {type: github, client_id: b, client_secret: abcdefghijklmnopqrstuvwxyz543210,
         base_url: "https://git.example.com", namespace: "github:a"}
"""
    with pytest.raises(ConfigError) as caught:
        load_text(text, "config.yaml", resolve, environ={}, base=tmp_path)
    assert any("namespace of another service" in line for line in caught.value.problems)
