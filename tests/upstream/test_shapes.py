"""The shapes providers inherit from, with a type that has no peculiarities."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
from jwt import encode
from pydantic import ValidationError

from broker.core.errors import (
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamUnavailable,
)
from broker.core.people.identity import Identity
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.testing.bench import FLOW, NOW, STATE, VERIFIER, Notes, public_jwk, signing_key
from broker.testing.raw_server import RawServer, json_of, raw_server
from broker.upstream.answer import operation, rebase
from broker.upstream.fields import Fields
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from broker.upstream.model import Channel, ConfidentialSettings, Flow, ProviderSettings, Redirect, Reply
from broker.upstream.oauth2 import OAuth2Provider, refusal
from broker.upstream.oidc import OidcProvider
from broker.upstream.posted import AudibleTokenProvider, Posted

pytestmark = pytest.mark.anyio


class Plain(OidcProvider):
    """An upstream straight from the specification."""

    class Settings(ConfidentialSettings):
        """Nothing of its own."""

        scopes: tuple[str, ...] = ("openid",)

    title: ClassVar = {"en": "Plain", "ru": "Plain"}
    label: ClassVar = title
    brand = "#000000"
    authorize_url = "https://up.example/authorize"
    token_url = "https://up.example/token"
    jwks_uri = "https://up.example/jwks"
    issuers = ("https://up.example",)
    userinfo_url = "https://up.example/userinfo"
    forwards = frozenset({"prompt", "max_age", "login_hint", "ui_locales"})

    def describe(self, claims: Fields) -> Identity:
        return Identity(claims.text("sub"), {"name": claims.shown("name"), "locale": claims.shown("locale")})


class Silent(Plain):
    """The same without wishes and userinfo."""

    forwards = frozenset()
    userinfo_url = ""


def id_token(**changes: Any) -> str:
    claims = {"iss": "https://up.example", "aud": "c", "sub": "s-1", "iat": NOW, "exp": NOW + 60, "nonce": FLOW.nonce}
    return encode(claims | changes, signing_key(), algorithm="RS256", headers={"kid": "bench"})


@asynccontextmanager
async def made(kind: type[OidcProvider], **settings: Any) -> AsyncIterator[tuple[OidcProvider, RawServer]]:
    async with raw_server() as server:
        server.answers |= {
            "/token": json_of({"access_token": "t", "id_token": id_token(name="Ada")}),
            "/jwks": json_of({"keys": [public_jwk()]}),
            "/userinfo": json_of({"sub": "s-1", "locale": "ru", "name": "Other"}),
        }
        chosen = kind.Settings.model_validate(
            {"type": "plain", "client_id": "c", "client_secret": "s", "server_base": server.url, **settings}
        )
        pool = await HttpPool.open()
        try:
            yield kind(chosen, lend(pool, "x", chosen, recorder=Notes(), now=lambda: NOW)), server
        finally:
            await pool.close()


REPLY = Reply(Channel.QUERY, {"code": "c-1", "state": STATE})


async def asked(kind: type[OidcProvider], flow: Flow, **settings: Any) -> dict[str, str]:
    async with made(kind, **settings) as (provider, _):
        step = await provider.begin(flow)
    assert isinstance(step, Redirect)
    return dict(parse_qsl(urlsplit(step.url).query))


async def test_the_request_says_what_the_specification_wants_and_no_more() -> None:
    assert await asked(Silent, FLOW) == {
        "response_type": "code",
        "client_id": "c",
        "redirect_uri": FLOW.redirect_uri,
        "scope": "openid",
        "state": STATE,
        "code_challenge": FLOW.code_challenge,
        "code_challenge_method": "S256",
        "nonce": FLOW.nonce,
    }


async def test_wishes_of_the_client_go_on_only_to_who_understands_them() -> None:
    wishing = replace(
        FLOW, wishes=Wishes(prompt=("login", "consent"), max_age=0, login_hint="ada@example.com"), ui_locale="ru"
    )
    found = await asked(Plain, wishing)
    assert (found["prompt"], found["max_age"]) == ("login consent", "0")
    assert (found["login_hint"], found["ui_locales"]) == ("ada@example.com", "ru")
    assert not {"prompt", "max_age", "login_hint", "ui_locales"} & (await asked(Silent, wishing)).keys()
    assert not {"prompt", "max_age", "login_hint"} & (await asked(Plain, FLOW)).keys()


async def test_the_browser_goes_where_the_configuration_says() -> None:
    async with made(Silent, browser_base="http://up.localhost:8410") as (provider, _):
        step = await provider.begin(FLOW)
    assert isinstance(step, Redirect)
    assert step.url.startswith("http://up.localhost:8410/authorize?")


async def test_userinfo_adds_to_the_id_token_which_wins() -> None:
    async with made(Plain) as (provider, server):
        identity = await provider.finish(FLOW, REPLY)
        assert identity.claims == {"name": "Ada", "locale": "ru"}
        assert server.received[-1].headers["authorization"] == "Bearer t"
    token = server.received[0]
    assert token.params == {
        "grant_type": "authorization_code",
        "code": "c-1",
        "redirect_uri": FLOW.redirect_uri,
        "code_verifier": VERIFIER,
        "client_id": "c",
        "client_secret": "s",
    }


@pytest.mark.parametrize("sub", ["s-2", None, "", 5, "S-1"])
async def test_b13_userinfo_about_somebody_else_is_refused(sub: object) -> None:
    async with made(Plain) as (provider, server):
        server.answers["/userinfo"] = json_of({"sub": sub})
        with pytest.raises(UpstreamInvalid):
            await provider.finish(FLOW, REPLY)


async def test_without_userinfo_only_two_calls_are_made() -> None:
    async with made(Silent) as (provider, server):
        assert (await provider.finish(FLOW, REPLY)).claims == {"name": "Ada"}
        assert [received.path for received in server.received] == ["/token", "/jwks"]


async def test_a_token_response_may_be_wrapped_where_a_type_unwraps_it() -> None:
    class Wrapped(Silent):
        def unwrap(self, answer: Fields) -> Fields:
            return answer.sub("data")

    async with made(Wrapped) as (provider, server):
        server.answers["/token"] = json_of({"data": {"access_token": "t", "id_token": id_token(name="Ada")}})
        assert (await provider.finish(FLOW, REPLY)).claims == {"name": "Ada"}
        server.answers["/token"] = json_of({"access_token": "t", "data": {"access_token": ""}})
        with pytest.raises(UpstreamInvalid):
            await provider.finish(FLOW, REPLY)


@pytest.mark.parametrize("answer", [{}, {"id_token": "x"}, {"access_token": ""}, {"access_token": 5, "id_token": "x"}])
async def test_a_token_response_without_tokens_is_refused(answer: dict[str, object]) -> None:
    async with made(Silent) as (provider, server):
        server.answers["/token"] = json_of(answer)
        with pytest.raises(UpstreamInvalid):
            await provider.finish(FLOW, REPLY)


async def test_rfc_9207_an_issuer_that_is_named_must_be_ours() -> None:
    async with made(Silent) as (provider, server):
        with pytest.raises(UpstreamInvalid):
            await provider.finish(FLOW, Reply(Channel.QUERY, {**REPLY.params, "iss": "https://evil.example"}))
        assert server.received == []
        await provider.finish(FLOW, Reply(Channel.QUERY, {**REPLY.params, "iss": "https://up.example"}))


async def test_e12_a_token_older_than_the_attempt_is_refused() -> None:
    async with made(Silent) as (provider, _):
        with pytest.raises(UpstreamInvalid, match="before this login attempt"):
            await provider.finish(replace(FLOW, started_at=NOW + 61), REPLY)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        *((name, UpstreamDenied) for name in ("access_denied", "login_required", "interaction_required")),
        *((name, UpstreamUnavailable) for name in ("temporarily_unavailable", "server_error", "slow_down")),
        *((name, UpstreamRejected) for name in ("invalid_scope", "unauthorized_client", "", "a b", "x" * 65, "<b>")),
    ],
)
def test_errors_in_a_reply_are_named(error: str, failure: type[UpstreamError]) -> None:
    found = refusal(error)
    assert type(found) is failure
    assert "<" not in found.detail
    if isinstance(found, UpstreamRejected):
        assert found.error in {error.replace(" ", "_"), "unreadable"}


async def test_a_type_has_words_of_its_own_for_a_person_who_did_not_want_to() -> None:
    class Courteous(Silent):
        denied = frozenset({"user_cancelled_login"})

    reply = Reply(Channel.QUERY, {"error": "user_cancelled_login", "state": STATE})
    for kind, failure in ((Courteous, UpstreamDenied), (Silent, UpstreamRejected)):
        async with made(kind) as (provider, _):
            with pytest.raises(failure):
                await provider.finish(FLOW, reply)


async def test_b13_a_posted_token_and_its_profile_are_of_one_person() -> None:
    class Asking(AudibleTokenProvider):
        async def owner_of(self, token: str) -> str:
            return token

        async def identity(self, flow: Flow, tokens: Fields) -> Identity:
            return Identity("s-1")

    tools: Any = SimpleNamespace(http=None, now=lambda: NOW)
    asking = Asking(None, tools)
    posted = Posted.unchallenged(PostedKind.ACCESS_TOKEN, "s-1")
    assert (await asking.verify_posted(posted)).identity.subject == "s-1"
    with pytest.raises(UpstreamInvalid, match="somebody else"):
        await asking.verify_posted(replace(posted, token="s-2"))


@pytest.mark.parametrize(("shape", "missing"), [(OAuth2Provider, "identity"), (OidcProvider, "describe")])
def test_a_type_that_does_not_say_who_people_are_cannot_be_made(shape: Callable[..., object], missing: str) -> None:
    with pytest.raises(TypeError, match=missing):
        shape(None, None)


@pytest.mark.parametrize(
    "base",
    [
        "https://proxy.example",
        "https://proxy.example:8443",
        "http://127.0.0.1:1",
        "http://[::1]:1",
        "http://x.localhost",
    ],
)
def test_base_addresses_are_hosts(base: str) -> None:
    settings = ProviderSettings(type="x", client_id="c", server_base=base, browser_base=base)
    assert settings.server_base == base


@pytest.mark.parametrize(
    "base",
    [
        "http://proxy.example",
        "https://a/",
        "https://a/x",
        "https://u@a",
        "ftp://a",
        "a",
        "",
        "https://A",
        "https://a b",
    ],
)
def test_base_addresses_that_could_be_read_in_two_ways_are_refused(base: str) -> None:
    with pytest.raises(ValidationError):
        ProviderSettings(type="x", client_id="c", server_base=base)


def test_people_are_kept_apart_by_type_and_client_unless_told() -> None:
    assert ProviderSettings(type="x", client_id="c").identity_namespace() == "x:c"
    assert ProviderSettings(type="x", client_id="c", namespace="x:old").identity_namespace() == "x:old"


def test_addresses_are_rebased_by_host_only() -> None:
    assert rebase("https://a.example/x/y?z=1", "http://127.0.0.1:1") == "http://127.0.0.1:1/x/y?z=1"
    assert rebase("https://a.example", "http://127.0.0.1:1") == "http://127.0.0.1:1"
    assert rebase("https://a.example/x", None) == "https://a.example/x"
    with pytest.raises(UpstreamInvalid):
        rebase("http://a.example/x", None)
    assert operation("https://a.example/x?token=canary") == "/x"
    assert operation("https://a.example") == "/"
