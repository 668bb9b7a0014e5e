"""OAuth 1.0a as a client: signatures against vectors and two other readings of RFC 5849, and the three steps."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import Client as OauthlibClient

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.people.identity import Identity
from broker.core.terms import PostedKind
from broker.core.wire.query import encode_query
from broker.demo.upstreams.oauth1_server import base_string, signature
from broker.testing.bench import FLOW, NOW, STATE, Notes
from broker.testing.raw_server import RawServer, answer_of, json_of, raw_server
from broker.upstream.fields import Fields
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from broker.upstream.model import Channel, Flow, Reply
from broker.upstream.oauth1 import OAuth1Provider, OAuth1Settings, Signer
from broker.upstream.posted import Posted

CONSUMER = ("ck-test-1234", "cs-test/secret+5678")
DOCUMENTED = ("xvz1evFS4wEEPTGEFPHBog", "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw")
VECTORS: Mapping[str, tuple[tuple[str, str], str, str, tuple[str, str], dict[str, str], str, int, str]] = {
    "a request token": (
        CONSUMER,
        "POST",
        "https://api.x.com/oauth/request_token",
        ("", ""),
        {"oauth_callback": "https://broker.example.com/upstream/twitter/callback?flow=abc"},
        "n0nce0001",
        1700000000,
        "Qd6VaswKacQXxvVFK8dB+AIsdV0=",
    ),
    "an access token": (
        CONSUMER,
        "POST",
        "https://api.x.com/oauth/access_token",
        ("rt-AbC123", "rs-DeF456"),
        {"oauth_verifier": "vf-789XYZ"},
        "n0nce0002",
        1700000010,
        "eFWH1ie4NSZSibQC1ff8I2J49vA=",
    ),
    "a call with a query": (
        CONSUMER,
        "GET",
        "https://api.x.com/1.1/account/verify_credentials.json"
        "?include_email=true&include_entities=false&skip_status=true",
        ("2244994945-AtTokenAbc", "at-secret-xyz"),
        {},
        "n0nce0003",
        1700000020,
        "HZofg8FsktEPiGAZmcZYe3WstCw=",
    ),
    # docs.x.com, creating a signature (read 2026-11). Its body has to stand in the query here, which is signed alike.
    "the one that X documents": (
        DOCUMENTED,
        "POST",
        "https://api.x.com/1.1/statuses/update.json"
        "?include_entities=true&status=Hello+Ladies+%2B+Gentlemen%2C+a+signed+OAuth+request%21",
        ("370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
        {},
        "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        1318622958,
        "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=",
    ),
}


def sent(headers: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the header."""
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', headers["Authorization"])}


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_signatures_are_those_of_the_vectors(vector: tuple[Any, ...]) -> None:
    consumer, method, url, held, more, nonce, timestamp, expected = vector
    where, headers = Signer(*consumer).sign(method, url, held, more, nonce=nonce, timestamp=timestamp)
    assert where == url
    assert sent(headers)["oauth_signature"] == expected
    pairs = [*parse_qsl(urlsplit(url).query), *sent(headers).items()]
    assert signature(base_string(method, url.partition("?")[0], pairs), consumer[1], held[1]) == expected, (
        "the emulator's"
    )


TEXTS = st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1, max_size=20)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from(["HMAC-SHA1", "PLAINTEXT"]))
def test_two_other_readings_of_the_specification_sign_alike(
    secret: str, token: str, token_secret: str, value: str, method: Any
) -> None:
    query = encode_query({"a": value, "b b": "1"})
    url, more = f"https://api.example.com/p/q?{query}", {"oauth_callback": f"https://id.example.com/cb?x={value}%20"}
    _, headers = Signer("key", secret, method).sign("POST", url, (token, token_secret), more, nonce="n", timestamp=5)
    ours = sent(headers)["oauth_signature"]
    theirs = OauthlibClient(
        "key", secret, token, token_secret, more["oauth_callback"], method, nonce="n", timestamp="5"
    ).sign(url, "POST")[1]
    assert ours == sent(theirs)["oauth_signature"]
    if method == "HMAC-SHA1":
        pairs = [*parse_qsl(query, keep_blank_values=True), *sent(headers).items()]
        assert ours == signature(base_string("POST", "https://api.example.com/p/q", pairs), secret, token_secret)


def test_parameters_may_go_into_the_query_in_place_of_a_header() -> None:
    signer = Signer("key", "secret", in_query=True)
    url, headers = signer.sign("GET", "https://api.example.com/me?a=1", ("t", "s"), {}, nonce="n", timestamp=5)
    found = dict(parse_qsl(urlsplit(url).query))
    assert headers == {}
    assert found["a"] == "1"
    assert found["oauth_signature"] == signature(
        base_string("GET", "https://api.example.com/me", list(found.items())), "secret", "s"
    )


def test_no_secret_is_in_a_text_of_the_signer() -> None:
    assert "canary" not in repr(Signer("key", "canary", private_key="canary"))


class Plain(OAuth1Provider):
    """The shape, with as little as a type has to say."""

    title: ClassVar = {"en": "Plain"}
    label: ClassVar = {"en": "Plain"}
    brand = "#000000"
    request_token_url = "https://api.example.com/request"
    authorize_url = "https://api.example.com/authorize?from=here"
    access_token_url = "https://api.example.com/access"

    async def identity(self, flow: Flow, tokens: Fields) -> Identity:
        return Identity((await self.get_signed("https://api.example.com/me", tokens, {"a": "b c"})).text("id"), {})


class InPath(Plain):
    """One whose upstream compares callbacks by their path."""

    state_in = "path"
    method = "GET"


ASKED = {"oauth_token": "rt", "oauth_token_secret": "rs", "oauth_callback_confirmed": "true"}
HELD = {"oauth_token": "at", "oauth_token_secret": "as"}
BEGUN = replace(FLOW, memo={"token": "rt", "secret": "rs"})
GOOD = {"state": STATE, "oauth_token": "rt", "oauth_verifier": "v"}


def form_of(members: Mapping[str, str], status: str = "200 OK") -> bytes:
    """A form as services send it."""
    return answer_of(urlencode(members).encode(), status, kind="text/html")


@dataclass
class At:
    """A provider and the upstream that it asks."""

    provider: Plain
    server: RawServer

    def signed(self, path: str) -> dict[str, str]:
        """What the one call of this path said in its header."""
        [call] = [call for call in self.server.received if call.path == path]
        return sent({"Authorization": call.headers["authorization"]})

    async def finish(
        self, changes: Mapping[str, str | None] | None = None, *, flow: Flow = BEGUN, via: Channel = Channel.QUERY
    ) -> Identity:
        """A reply that is good but for this; None leaves a parameter out."""
        params = {name: value for name, value in {**GOOD, **(changes or {})}.items() if value is not None}
        return await self.provider.finish(flow, Reply(via, params))


@asynccontextmanager
async def upstream(kind: type[Plain] = Plain) -> AsyncIterator[At]:
    async with raw_server(
        {"/request": form_of(ASKED), "/access": form_of(HELD), "/me": json_of({"id": "7"})}
    ) as server:
        pool = await HttpPool.open()
        given = {"type": "plain", "client_id": "key", "client_secret": "secret", "server_base": server.url}
        settings = OAuth1Settings.model_validate(given)
        try:
            yield At(kind(settings, lend(pool, "plain", settings, recorder=Notes(), now=lambda: NOW)), server)
        finally:
            await pool.close()


@pytest.mark.anyio
async def test_the_three_steps_are_signed_with_what_each_has() -> None:
    async with upstream() as at:
        step = await at.provider.begin(FLOW)
        assert step.url == "https://api.example.com/authorize?from=here&oauth_token=rt"
        assert step.memo == {"token": "rt", "secret": "rs"}
        assert (await at.finish(flow=replace(FLOW, memo=step.memo))).subject == "7"
    first, second, third = (at.signed(path) for path in ("/request", "/access", "/me"))
    assert first["oauth_callback"] == f"https://id.example.com/callback/x?state={STATE}"
    assert "oauth_token" not in first
    assert (second["oauth_token"], second["oauth_verifier"]) == ("rt", "v")
    assert third["oauth_token"] == "at"
    assert len({step["oauth_nonce"] for step in (first, second, third)}) == 3
    assert {step["oauth_timestamp"] for step in (first, second, third)} == {str(NOW)}
    for name, path, secret in (("/request", "request", ""), ("/access", "access", "rs"), ("/me", "me", "as")):
        pairs = [*at.signed(name).items(), *([("a", "b c")] if name == "/me" else [])]
        base = base_string("GET" if name == "/me" else "POST", f"https://api.example.com/{path}", pairs)
        assert at.signed(name)["oauth_signature"] == signature(base, "secret", secret), "the upstream's own address"


@pytest.mark.anyio
async def test_the_attempt_may_be_named_in_the_path_and_tokens_be_asked_for_by_get() -> None:
    async with upstream(InPath) as at:
        await at.provider.begin(FLOW)
        assert at.signed("/request")["oauth_callback"] == FLOW.callback_with_state
        assert [call.method for call in at.server.received] == ["GET"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "asked",
    [
        ASKED | {"oauth_callback_confirmed": "false"},
        {name: value for name, value in ASKED.items() if name != "oauth_callback_confirmed"},
        ASKED | {"oauth_token": ""},
        ASKED | {"oauth_token_secret": ""},
        ASKED | {"oauth_token": "x" * 513},
        ASKED | {"oauth_token_secret": "s\u00e9"},
    ],
)
async def test_a_request_token_counts_only_whole_and_with_its_callback_confirmed(asked: dict[str, str]) -> None:
    async with upstream() as at:
        at.server.answers["/request"] = form_of(asked)
        with pytest.raises(UpstreamInvalid):
            await at.provider.begin(FLOW)


@pytest.mark.anyio
async def test_b7_a_reply_about_another_request_token_is_refused_before_any_call() -> None:
    async with upstream() as at:
        wrong: tuple[dict[str, str | None], ...]
        wrong = ({"oauth_token": "of-somebody-else"}, {"oauth_token": None}, {"oauth_token": "RT"})
        for changes in wrong:
            with pytest.raises(UpstreamInvalid):
                await at.finish(changes)
        with pytest.raises(UpstreamInvalid):
            await at.finish({"oauth_token": None}, flow=FLOW)
        assert at.server.received == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"denied": "rt", "oauth_verifier": None, "oauth_token": None}, UpstreamDenied),
        ({"oauth_problem": "user_refused", "oauth_verifier": None}, UpstreamDenied),
        ({"oauth_problem": "token_expired", "oauth_verifier": None}, UpstreamInvalid),
        ({"denied": "rt"}, UpstreamDenied),
        ({"error": "access_denied"}, UpstreamDenied),
        ({"error": "server_error"}, UpstreamUnavailable),
        ({"oauth_verifier": None}, UpstreamInvalid),
        ({"state": "another"}, UpstreamInvalid),
    ],
)
async def test_a_reply_without_a_yes_is_told_apart_and_sent_nowhere(
    changes: dict[str, str | None], failure: type[UpstreamError]
) -> None:
    async with upstream() as at:
        with pytest.raises(failure):
            await at.finish(changes)
        with pytest.raises(UpstreamInvalid):
            await at.finish(via=Channel.FORM_POST)
        assert at.server.received == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (json_of({"errors": [{"code": 89, "message": "Invalid or expired token."}]}, "401 Unauthorized"), "error 89"),
        (json_of({"errors": [{"code": 89}]}), "oauth_token is missing"),
        (
            json_of({"title": "x", "type": "https://api.x.com/2/problems/client-forbidden"}, "403 No"),
            "client-forbidden",
        ),
        (json_of({"errors": ["x"], "type": "about:blank"}, "401 Unauthorized"), "without an error name"),
        (answer_of(b"Reverse auth credentials are invalid", "401 Unauthorized"), "without an error name"),
        (form_of({"oauth_token": "at"}), "oauth_token_secret is missing"),
        (answer_of(b"oauth_token=a&oauth_token=b&oauth_token_secret=c"), "names a member twice"),
        (answer_of(b"oauth_token=a&oauth_token_secret=\xff"), "neither JSON nor a form"),
    ],
)
async def test_an_answer_that_is_no_token_is_named(answer: bytes, failure: str) -> None:
    async with upstream() as at:
        at.server.answers["/access"] = answer
        with pytest.raises((UpstreamRejected, UpstreamInvalid)) as caught:
            await at.finish()
    assert failure in caught.value.detail


@pytest.mark.anyio
async def test_a_posted_token_needs_its_secret_and_is_asked_about_with_our_key() -> None:
    async with upstream() as at:
        posted = Posted(PostedKind.ACCESS_TOKEN, "at", FLOW, secret="as")
        found = await at.provider.verify_posted(posted)
        assert (found.identity.subject, found.replay_key, found.expires_at) == ("7", "at", NOW + 86400)
        assert at.signed("/me")["oauth_consumer_key"] == "key"
        at.server.received.clear()
        for token, secret in (("at", ""), ("", "as"), ("a\nb", "as"), ("at", "x" * 5000)):
            with pytest.raises(UpstreamInvalid):
                await at.provider.verify_posted(replace(posted, token=token, secret=secret))
        assert at.server.received == []
