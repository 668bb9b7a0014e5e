"""Mail.ru, T-ID, Sber ID: what the shared rules cannot know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.core.errors import UpstreamDenied, UpstreamInvalid, UpstreamRejected
from broker.core.records import Wishes
from broker.testing.bench import FLOW, Case
from broker.testing.raw_server import json_of
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio


def case(name: str) -> Case:
    kind, _, variant = name.partition(" ")
    return next(found for found in load_cases(kind) if found.variant == variant)


async def asked(name: str, flow: Any = FLOW, **settings: Any) -> dict[str, str]:
    """What the browser is sent to ask for."""
    async with case(name).on_bench(**settings) as bench:
        return await bench.begin(flow)


# --- Mail.ru ---


async def test_m1_a_token_that_mailru_gave_to_another_app_is_refused() -> None:
    for client_id in ("other", "", None, "$absent", 5):
        async with case("mailru code").with_changes({"answers /userinfo client_id": client_id}).on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish()


async def test_mailru_is_called_with_the_secret_in_the_header_and_the_token_in_the_query() -> None:
    async with case("mailru code").on_bench(client_id="mailru-client", client_secret="mailru-secret") as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.finish()  # the profile is of the fixture's own app
        token, info = bench.server.received
    assert token.headers["authorization"] == "Basic bWFpbHJ1LWNsaWVudDptYWlscnUtc2VjcmV0"
    assert token.headers["user-agent"], "without one Mail.ru refuses"
    assert not {"client_id", "client_secret"} & token.params.keys()
    assert (info.method, info.params) == ("GET", {"access_token": "canary-access-token"})


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "401 Unauthorized"])
async def test_sentences_of_mailru_are_refusals_with_any_status(status: str) -> None:
    async with case("mailru code").on_bench() as bench:
        sentence = {"error": "token not found", "error_code": 6, "error_description": "token not found"}
        bench.server.answers["/userinfo"] = json_of(sentence, status)
        with pytest.raises(UpstreamRejected) as caught:
            await bench.finish()
    assert caught.value.error == "token_not_found"


async def test_c18_mailru_vouches_for_the_domains_that_the_operator_leaves() -> None:
    for domains, verified in (((), False), (("bk.ru",), False), (("Mail.ru",), True)):
        async with case("mailru code").on_bench(trust_email_domains=domains) as bench:
            assert (await bench.finish()).claims["email_verified"] is verified


async def test_mailru_shows_its_consent_where_a_fresh_login_is_wanted() -> None:
    found = await asked("mailru code", replace(FLOW, wishes=Wishes(prompt=("login",))))
    assert (found["prompt_force"], found["scope"]) == ("1", "userinfo")
    assert "prompt_force" not in await asked("mailru code")


async def test_an_upstream_that_moved_is_found_where_the_operator_says() -> None:
    moved = {
        "authorize_url": "https://o2.mail.ru/login",
        "token_url": "https://o2.mail.ru/t",
        "info_url": "https://o2.mail.ru/i",
    }
    async with case("mailru code").on_bench(**moved) as bench:
        bench.server.answers |= {"/t": bench.server.answers["/token"], "/i": bench.server.answers["/userinfo"]}
        assert (await bench.provider.begin(FLOW)).url.startswith("https://o2.mail.ru/login?")
        await bench.finish()
    assert [received.path for received in bench.server.received] == ["/t", "/i"]


# --- T-ID ---


async def test_m1_a_token_that_tid_gave_to_another_app_is_refused_before_its_profile_is_asked_for() -> None:
    wrong: dict[str, tuple[object, ...]] = {
        "client_id": ("other", "", None, "$absent", 5),
        "iss": ("https://evil.example/", "", None, "$absent", 5),
        "active": (False, None, "true", 1, "$absent"),
    }
    for member, values in wrong.items():
        for value in values:
            changed = case("tid code").with_changes({f"answers /auth/introspect {member}": value})
            async with changed.on_bench() as bench:
                with pytest.raises(UpstreamInvalid):
                    await bench.finish()
                assert [call.path for call in bench.server.received] == ["/auth/token", "/auth/introspect"], member


async def test_tid_is_called_in_its_own_ways() -> None:
    async with case("tid code").on_bench(client_secret="partner-secret") as bench:
        await bench.finish()
        token, introspection, info = bench.server.received
    basic = "Basic cGFydG5lci1jbGllbnQ6cGFydG5lci1zZWNyZXQ="
    assert (token.headers["authorization"], introspection.headers["authorization"]) == (basic, basic)
    assert introspection.params == {"token": "canary-access-token"}
    assert (info.method, info.headers["authorization"]) == ("POST", "Bearer canary-access-token")
    assert info.params == {"client_id": "partner-client", "client_secret": "partner-secret"}


async def test_tid_is_asked_for_no_scope_and_for_a_challenge_unless_the_operator_says_no() -> None:
    assert "scope" not in await asked("tid code")
    assert not {"scope", "code_challenge", "code_challenge_method"} & (await asked("tid code", pkce=False)).keys()
    async with case("tid code").on_bench(pkce=False) as bench:
        await bench.finish()
    assert "code_verifier" not in bench.server.received[0].params


@pytest.mark.parametrize("scope", [["profile"], "profile phone", [], None, 5, {"email": True}])
async def test_who_unticked_what_is_required_was_not_willing(scope: object) -> None:
    async with case("tid code").with_changes({"answers /auth/introspect scope": scope}).on_bench() as bench:
        await bench.finish()
    required = case("tid code").with_changes({"answers /auth/introspect scope": scope})
    async with required.on_bench(required_scopes=("profile", "email")) as bench:
        with pytest.raises(UpstreamDenied, match="email"):
            await bench.finish()
        assert [call.path for call in bench.server.received][-1] == "/auth/introspect", "nothing was read of them"
    for ticked in (["email", "profile"], "email profile"):
        fine = case("tid code").with_changes({"answers /auth/introspect scope": ticked})
        async with fine.on_bench(required_scopes=("profile", "email")) as bench:
            await bench.finish()
