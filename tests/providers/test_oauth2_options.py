"""Every option of a described OAuth 2.0 upstream: what it refuses at the start, what it sends, and what it believes."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.events import Event
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.core.upstream_tokens import UpstreamTokens
from broker.testing.bench import FLOW, NOW, STATE, VERIFIER, Bench, Case
from broker.testing.raw_server import answer_of, json_of
from broker.upstream.model import Channel, Reply
from broker.upstream.posted import AcceptsPosted, Posted
from providers.oauth2 import OAuth2
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio

CASES = {case.variant: case for case in load_cases("oauth2")}
ODD, GITHUB, VK, YANDEX, FACEBOOK = (
    CASES[name] for name in ("a made-up oddity", "github", "vk before VK ID", "yandex", "facebook")
)
TOKEN, ME = "/login/oauth/access_token", "/user"
GIVEN: Mapping[str, Any] = {"type": "oauth2", **GITHUB.data["settings"]}


def other(case: Case, **settings: Any) -> Case:
    """The case with other settings; of a nested part those named, None takes a key away."""
    found = dict(case.data["settings"])
    for name, value in settings.items():
        found[name] = {**found.get(name, {}), **value} if isinstance(value, dict) else value
    kept = {name: value for name, value in found.items() if value is not None}
    return replace(case, data={**case.data, "settings": kept})


async def sent(bench: Bench, path: str = TOKEN) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Parameters and header of the one call to `path` of a login."""
    await bench.finish()
    (call,) = [one for one in bench.server.received if one.path == path]
    return call.params, call.headers


async def failure(case: Case, reply: Reply | None = None) -> UpstreamError:
    async with case.on_bench() as bench:
        with pytest.raises(UpstreamError) as caught:
            await bench.finish(reply)
        return caught.value


# --- the start ---


@pytest.mark.parametrize(
    "claim",
    [
        "me.email",
        "me.login",
        "me.name",
        "me.username",
        "me.upn",
        "me.screen_name || me.email",
        "me.oid || me.login",
        "emails[0].email",
        "emails[?primary].email | [0]",
        "me.phone",
        "me.display_name",
    ],
)
def test_c14_a_key_that_can_change_hands_stops_the_start(claim: str) -> None:
    with pytest.raises(ValidationError, match="pass to somebody else"):
        OAuth2.Settings.model_validate({**GIVEN, "claims": {"sub": claim}})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"claims": {"name": "me.name"}}, "needs sub"),
        ({"claims": {"sub": "me.id", "roles": "me.roles"}}, "knows no roles"),
        ({"claims": {"sub": "me.id["}}, "look at character"),
        ({"client_secret": None}, "client_secret is needed"),
        ({"client_auth": "none"}, "client_secret is needed"),
        (
            {
                "client_auth": "none",
                "client_secret": None,
                "token_check": None,
                "authorize": {"url": "https://a.example/a", "pkce": "off"},
            },
            "pkce has to be S256",
        ),
        ({"client_auth": "none", "client_secret": None}, "go with the secret"),
        ({"accept_posted": ["access_token"], "token_check": None}, "needs token_check"),
        ({"authorize": {"url": "https://a.example/a", "params": {"state": "x"}}}, "itself sends state"),
        ({"authorize": {"url": "http://a.example/a"}}, "https://host"),
        ({"userinfo": [{"url": "https://a.example/1"}, {"url": "https://a.example/2"}]}, "same name"),
        ({"userinfo": [{"url": "https://a.example/1", "name": "token"}]}, "taken"),
        ({"userinfo": [{"url": "https://a.example/1", "auth": "cookie"}]}, "header:SCHEME"),
        ({"userinfo": [{"url": "https://{token.host}/1"}]}, "never part of the host"),
        ({"defaults": {"email": "a@example.com"}}, "nobody can be given email"),
        ({"defaults": {"sub": "1"}}, "nobody can be given sub"),
        ({"templates": {"email": "https://a.example/{value}"}}, "not email"),
        ({"email": {"verified_domains": ["Example.com"]}}, "lower case"),
    ],
)
def test_what_could_not_work_or_would_be_unsafe_stops_the_start(wrong: dict[str, Any], said: str) -> None:
    settings = {name: value for name, value in {**GIVEN, **wrong}.items() if value is not None}
    with pytest.raises(ValidationError, match=said):
        OAuth2.Settings.model_validate(settings)


def test_b24_the_same_client_id_at_two_services_means_two_sets_of_people() -> None:
    one, two = (
        OAuth2.Settings.model_validate({"type": "oauth2", **case.data["settings"], "client_id": "1"})
        for case in (GITHUB, VK)
    )
    assert one.identity_namespace() != two.identity_namespace()


# --- the authorization request ---


async def test_our_parameters_win_over_those_in_the_address_and_in_the_settings() -> None:
    async with ODD.on_bench() as bench:
        asked = await bench.begin()
    assert (asked["state"], asked["lang"], asked["display"], asked["app_key"]) == (STATE, "en", "popup", "app-1")
    assert (asked["scope"], "client_id" in asked) == ("me;mail", False)


async def test_wishes_travel_under_the_names_they_have_there() -> None:
    flow = replace(FLOW, wishes=Wishes(login_hint="ann", prompt=("login",), max_age=5))
    async with GITHUB.on_bench() as bench:
        asked = await bench.begin(flow)
    assert asked["login"] == "ann"
    assert not {"prompt", "max_age", "login_hint"} & asked.keys()
    every = {"prompt": "ask", "max_age": "age", "login_hint": "who", "ui_locales": "lang"}
    async with other(GITHUB, authorize={"forward": every}).on_bench() as bench:
        asked = await bench.begin(flow)
    assert [asked[name] for name in every.values()] == ["login", "5", "ann", "en"]


async def test_b7_pkce_is_sent_as_the_service_knows_it() -> None:
    async with other(GITHUB, authorize={"pkce": "plain"}).on_bench() as bench:
        asked = await bench.begin()
        assert (asked["code_challenge"], asked["code_challenge_method"]) == (VERIFIER, "plain")
        assert (await sent(bench))[0]["code_verifier"] == VERIFIER
    async with other(GITHUB, authorize={"pkce": "off"}).on_bench() as bench:
        assert "code_challenge" not in await bench.begin()
        assert "code_verifier" not in (await sent(bench))[0]


async def test_without_scopes_none_are_asked_for() -> None:
    async with other(GITHUB, scopes=[]).on_bench() as bench:
        assert "scope" not in await bench.begin()


# --- the reply ---


async def test_b4_an_issuer_that_is_named_is_compared() -> None:
    assert isinstance(await failure(GITHUB, GITHUB.reply(iss="https://evil.example")), UpstreamInvalid)
    async with GITHUB.on_bench() as bench:
        assert (await bench.finish(GITHUB.reply(iss="$absent"))).subject == "5830001"


@pytest.mark.parametrize(("name", "value"), [("err", "went_away"), ("error", "access_denied"), ("error", "went_away")])
async def test_somebody_who_goes_away_has_cancelled(name: str, value: str) -> None:
    assert isinstance(await failure(ODD, ODD.reply(**{name: value})), UpstreamDenied)


async def test_b16_any_of_its_errors_wins_over_a_code() -> None:
    async with ODD.on_bench() as bench:
        for error in ({"err": "nope"}, {"err": ""}, {"error": "x"}, {"err": "come_later"}):
            with pytest.raises(UpstreamError) as caught:
                await bench.finish(ODD.reply(**error))
            assert isinstance(caught.value, UpstreamUnavailable) is (error == {"err": "come_later"})
        assert bench.server.received == []


async def test_c20_only_the_channel_that_was_agreed_counts() -> None:
    assert isinstance(await failure(GITHUB, replace(GITHUB.reply(), via=Channel.FORM_POST)), UpstreamInvalid)
    by_form = other(GITHUB, callback={"method": "form_post"})
    async with by_form.on_bench() as bench:
        assert (await bench.begin())["response_mode"] == "form_post"
        assert (await bench.finish(replace(GITHUB.reply(), via=Channel.FORM_POST))).subject == "5830001"
    assert isinstance(await failure(by_form), UpstreamInvalid)


async def test_what_has_to_be_repeated_is_repeated_and_nothing_else() -> None:
    async with ODD.on_bench() as bench:
        params, _ = await sent(bench, "/swap")
        assert (params["shard"], params["state"], params["code"]) == ("eu-1", STATE, "canary-code")
        assert {"app_key", "app_secret", "fmt"} <= params.keys()
        assert "client_id" not in params
        bench.server.received.clear()
        with pytest.raises(UpstreamInvalid):
            await bench.finish(ODD.reply(shard="$absent"))
        assert bench.server.received == []


# --- the token endpoint ---


async def test_the_secret_travels_as_the_description_says() -> None:
    async with GITHUB.on_bench() as bench:
        params, headers = await sent(bench)
        assert params["client_secret"] == "canary-client-secret"
        assert "authorization" not in headers
    async with other(GITHUB, client_auth="basic").on_bench() as bench:
        params, headers = await sent(bench)
        assert "client_secret" not in params
        assert b64decode(headers["authorization"].removeprefix("Basic ")) == b"app-1:canary-client-secret"
    async with other(GITHUB, client_auth="none", client_secret=None, token_check=None).on_bench() as bench:
        params, headers = await sent(bench)
        assert (params["client_id"], "client_secret" in params, "authorization" in headers) == ("app-1", False, False)


async def test_a_form_is_a_token_answer_too() -> None:
    form = answer_of(b"access_token=t%20t&scope=read%3Auser&token_type=bearer", kind="text/html")
    async with GITHUB.on_bench() as bench:
        bench.server.answers[TOKEN] = form
        assert (await sent(bench, ME))[1]["authorization"] == "Bearer t t"
    async with other(GITHUB, token={"response": "json"}).on_bench() as bench:
        bench.server.answers[TOKEN] = form
        with pytest.raises(UpstreamInvalid):
            await bench.finish()


@pytest.mark.parametrize(
    ("kind", "good"), [("bearer", True), ("Bearer", True), ("mac", False), (5, False), (None, True)]
)
async def test_a_token_of_a_type_nobody_listed_is_refused(kind: object, good: bool) -> None:
    case = GITHUB.with_changes({f"answers {TOKEN} token_type": kind})
    if good:
        async with case.on_bench() as bench:
            assert await bench.finish()
    else:
        assert isinstance(await failure(case), UpstreamInvalid)


@pytest.mark.parametrize(
    ("told", "lives"),
    [
        ("3600", 3600),
        (3600, 3600),
        (-1, None),
        ("-1", None),
        (0, None),
        ("x", None),
        (None, None),
        (1.5, None),
        (True, None),
    ],
)
async def test_how_long_a_token_lives(told: object, lives: int | None) -> None:
    case = other(GITHUB, keep_tokens=True).with_changes(
        {f"answers {TOKEN} expires_in": told, f"answers {TOKEN} scope": "a,b c", f"answers {TOKEN} refresh_token": "r"}
    )
    async with case.on_bench() as bench:
        kept = (await bench.finish(flow=replace(FLOW, keeps_tokens=True))).tokens
    assert kept is not None
    assert (kept.expires_at, kept.scope, kept.refresh_token) == (lives and NOW + lives, ("a", "b", "c"), "r")


async def test_kept_tokens_are_renewed_and_given_back_as_the_description_says() -> None:
    revoke = {"url": "https://api.github.com/applications/{client.id}/token", "method": "DELETE", "auth": "basic"}
    revoke |= {"body": "json", "token_param": "access_token"}
    async with other(GITHUB, keep_tokens=True, revoke=revoke).on_bench() as bench:
        assert isinstance(bench.provider, OAuth2)
        keeps = bench.provider.abilities().keeps
        assert keeps is not None
        renewed = await keeps.renew("5830001", UpstreamTokens("old", refresh_token="r"))
        assert (renewed.access_token, renewed.refresh_token) == ("canary-access-token", "r")
        bench.server.answers["/applications/app-1/token"] = answer_of(b"", "204 No Content")
        assert await keeps.give_back(renewed)
        last = bench.server.received[-1]
    assert (last.method, last.headers["content-type"]) == ("DELETE", "application/json")
    async with other(GITHUB, keep_tokens=True).on_bench() as bench:
        assert isinstance(bench.provider, OAuth2)
        keeps = bench.provider.abilities().keeps
        assert keeps is not None
        assert not await keeps.give_back(renewed)


# --- the calls with the token ---


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (12345678901234567890, "12345678901234567890"),
        (0, None),
        (True, None),
        (1.5, None),
        ("", None),
        (None, None),
        (-5, None),
        ("00ab", "00ab"),
    ],
)
async def test_b12_c16_an_id_is_text_or_a_whole_number_exactly(told: object, subject: str | None) -> None:
    case = other(GITHUB, types={"sub": "text"}).with_changes({"answers /user id": told})
    if subject is None:
        assert isinstance(await failure(case), UpstreamInvalid)
        return
    async with case.on_bench() as bench:
        assert (await bench.finish()).subject == subject


async def test_statuses_and_failures_that_only_mean_that_nothing_is_known() -> None:
    calls = GITHUB.data["settings"]["userinfo"]
    lenient = other(GITHUB, userinfo=[calls[0], {**calls[1], "on_status": {404: "empty"}}])
    async with lenient.on_bench() as bench:
        bench.server.answers["/user/emails"] = json_of({"message": "Not Found"}, "404 Not Found")
        assert "email" not in (await bench.finish()).claims
        bench.server.answers["/user/emails"] = json_of({"message": "Forbidden"}, "403 Forbidden")
        with pytest.raises(UpstreamRejected):
            await bench.finish()
    async with other(GITHUB, userinfo=[calls[0], {**calls[1], "optional": True}]).on_bench() as bench:
        for answer in (json_of({}, "500 Oops"), answer_of(b"<html>"), json_of(False)):
            bench.server.answers["/user/emails"] = answer
            assert "email" not in (await bench.finish()).claims
        assert len(bench.notes.of(Event.UPSTREAM_ODD_CLAIM)) == 3


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent"]
)
async def test_b17_a_token_follows_no_redirect(status: str) -> None:
    async with GITHUB.on_bench() as bench:
        bench.server.answers[ME] = answer_of(b"", status, f"Location: {bench.server.url}/elsewhere")
        with pytest.raises(UpstreamError):
            await bench.finish()
        assert "/elsewhere" not in [one.path for one in bench.server.received]


async def test_an_error_that_means_not_now_is_told_apart() -> None:
    async with VK.on_bench() as bench:
        for code, kind in ((6, UpstreamUnavailable), (5, UpstreamRejected)):
            bench.server.answers["/method/users.get"] = json_of({"error": {"error_code": code, "error_msg": "x"}})
            with pytest.raises(kind):
                await bench.finish()
    case = ODD.with_changes({"answers /people/u-17841400000000001 problem": {"name": "<script>canary"}})
    assert "canary" not in (await failure(case)).detail


async def test_an_upstreams_own_words_say_whether_it_knows_us() -> None:
    case = other(GITHUB, grant_refused=["no such code"], client_refused=["bad_secret"])
    async with case.on_bench() as bench:
        found = []
        assert isinstance(bench.provider, OAuth2)
        for word in ("no_such_code", "bad_secret", "another_word"):
            bench.server.answers[TOKEN] = json_of({"error": word})
            found.append((await bench.provider.try_credentials(FLOW)).good)
    assert found == [True, False, None]


# --- who may come in ---

PERSON = "answers /people/u-17841400000000001 result person"


@pytest.mark.parametrize(
    "change",
    [
        {f"{PERSON} teams": ["green"]},
        {f"{PERSON} teams": []},
        {f"{PERSON} teams": "$absent"},
        {f"{PERSON} kind": "robot"},
        {"answers /swap data": [{"key": "k", "may": ["mail"], "who": "u-17841400000000001"}]},
    ],
)
async def test_rules_keep_people_out(change: dict[str, Any]) -> None:
    assert isinstance(await failure(ODD.with_changes(change)), UpstreamDenied)


async def test_c18_whose_word_on_an_address_counts() -> None:
    told = {"claim": True, "always": True, "never": False}
    for trust, verified in told.items():
        async with other(GITHUB, email={"trust": trust}).on_bench() as bench:
            assert (await bench.finish()).claims["email_verified"] is verified
    unsaid = other(GITHUB, claims={"email_verified": "me.no_such_thing"})
    async with unsaid.on_bench() as bench:
        assert (await bench.finish()).claims["email_verified"] is False
    for odd in ("true", 1, "1", [True], {"a": 1}):
        listed = [{"email": "ann@example.com", "primary": True, "verified": odd}]
        async with GITHUB.with_changes({"answers /user/emails": listed}).on_bench() as bench:
            assert (await bench.finish()).claims["email_verified"] is False
    for trust, verified in {"claim": True, "never": False}.items():
        async with other(YANDEX, email={"trust": trust}).on_bench() as bench:
            assert (await bench.finish()).claims["email_verified"] is verified


# --- posted tokens ---

CHECK = "/applications/app-1/token"
OURS = {"app": {"client_id": "app-1"}, "user": {"id": 5830001}, "expires_at": None}


async def posted(bench: Bench, token: str = "posted") -> str:
    assert isinstance(bench.provider, AcceptsPosted)
    found = await bench.provider.verify_posted(Posted.unchallenged(PostedKind.ACCESS_TOKEN, token))
    return found.identity.subject


async def test_m1_a_posted_token_counts_where_the_check_names_our_application() -> None:
    async with other(GITHUB, accept_posted=["access_token"]).on_bench() as bench:
        bench.server.answers[CHECK] = json_of(OURS)
        assert await posted(bench) == "5830001"
        assert [one.path for one in bench.server.received] == [CHECK, ME, "/user/emails"]


@pytest.mark.parametrize(
    "told",
    [
        {**OURS, "app": {"client_id": "other"}},
        {**OURS, "app": {}},
        {**OURS, "app": {"client_id": ["app-1"]}},
        {**OURS, "app": None},
        {**OURS, "user": {"id": 7}},
        {**OURS, "user": None},
        {**OURS, "user": {"id": ""}},
        {},
        [],
        {"error": "x"},
    ],
)
async def test_m1_a_posted_token_of_another_application_or_person_counts_nowhere(told: object) -> None:
    async with other(GITHUB, accept_posted=["access_token"]).on_bench() as bench:
        bench.server.answers[CHECK] = json_of(told)
        with pytest.raises(UpstreamError):
            await posted(bench)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"is_valid": False}, False),
        ({"is_valid": "true"}, False),
        ({"is_valid": None}, False),
        ({"app_id": "1"}, False),
        ({"app_id": 138483919580948}, True),
        ({"expires_at": NOW}, False),
        ({"expires_at": NOW + 1}, True),
        ({"expires_at": 0}, True),
        ({"expires_at": "soon"}, False),
        ({"user_id": "1"}, False),
    ],
)
async def test_m1_what_the_check_says_of_a_token_is_read_to_the_letter(change: dict[str, Any], good: bool) -> None:
    told = {
        "app_id": "138483919580948",
        "is_valid": True,
        "expires_at": NOW + 60,
        "user_id": "10158000000000001",
    } | change
    async with other(FACEBOOK, accept_posted=["access_token"]).on_bench() as bench:
        bench.server.answers["/v25.0/debug_token"] = json_of({"data": told})
        if good:
            assert await posted(bench) == "10158000000000001"
            return
        with pytest.raises(UpstreamInvalid):
            await posted(bench)


async def test_m1_without_a_check_nothing_posted_counts() -> None:
    async with other(GITHUB, token_check=None).on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await posted(bench)
        assert bench.server.received == []
    async with other(GITHUB, accept_posted=["access_token"]).on_bench() as bench:
        for odd in ("", "a b", "x" * 5000, "é", "a\r\nb"):
            with pytest.raises(UpstreamInvalid):
                await posted(bench, odd)
        assert bench.server.received == []
