"""Every option of the generic provider: what it refuses at the start, what it sends, and what it believes."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt import encode
from jwt.algorithms import RSAAlgorithm
from pydantic import ValidationError

from broker.cli.online import look_around
from broker.config.model import Config
from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.events import Event
from broker.core.records import Wishes
from broker.testing.bench import FLOW, NOW, Bench, Case, signing_key
from broker.testing.raw_server import answer_of, json_of
from broker.upstream.model import Channel, Reply
from providers.oidc import OidcSettings
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio

THICK, THIN = load_cases("oidc")
DOCUMENT = "/realms/staff/.well-known/openid-configuration"
USERINFO = "/realms/staff/userinfo"
GIVEN: Mapping[str, Any] = {"type": "oidc", **THICK.data["settings"]}


def said(case: Case = THICK, /, **changes: Any) -> Case:
    """The case with other things in its discovery document."""
    return case.with_changes({f"answers {DOCUMENT} {name}": value for name, value in changes.items()})


async def sent(bench: Bench) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Form and header of the token request of a login."""
    await bench.finish()
    (call,) = [one for one in bench.server.received if one.path == "/token"]
    return call.params, call.headers


@pytest.mark.parametrize(
    "claim",
    [
        "email", "preferred_username", "name", "upn", "unique_name", "phone_number", "nickname", "login", "username",
        "User-Name", "mail", "sAMAccountName", "groups", "Email", "given_name", "iss", "", "o id", "x" * 129,
    ],
)  # fmt: skip
async def test_c14_a_key_that_can_change_hands_stops_the_start(claim: str) -> None:
    with pytest.raises(ValidationError):
        OidcSettings.model_validate({**GIVEN, "subject_claim": claim})


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ["profile"]}, {"scopes": ["openid", "a b"]}, {"algorithms": ["none"]}, {"algorithms": ["HS256"]},
        {"algorithms": []}, {"claims": {"sub": "email"}}, {"claims": {"email": ""}}, {"claims": {"roles": "r"}},
        {"email_trust": True}, {"response_mode": "fragment"}, {"pkce": "off"}, {"nonce": "off"}, {"client_secret": ""},
        {"endpoint_origins": ["http://keys.example"]}, {"endpoint_origins": ["https://keys.example/path"]},
        {"discovery_url": "http://sso.example.com/doc"}, {"forward": ["acr_values"]}, {"issuer": "sso.example.com"},
        *({"extra_authorize_params": {name: "x"}} for name in ("state", "redirect_uri", "nonce", "request", "scope")),
        *({"extra_authorize_params": {name: "x"}} for name in ("code_challenge", "client_id", "prompt", "request_uri")),
    ],
    ids=str,
)  # fmt: skip
async def test_an_option_that_would_take_a_check_away_stops_the_start(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OidcSettings.model_validate({**GIVEN, **wrong})


async def test_people_are_known_per_issuer_and_client() -> None:
    settings = OidcSettings.model_validate(GIVEN)
    assert settings.identity_namespace() == "oidc:https://sso.example.com/realms/staff:broker"
    assert OidcSettings.model_validate({**GIVEN, "namespace": "n"}).identity_namespace() == "n"


async def test_nothing_is_fetched_before_somebody_logs_in_and_then_the_document_once() -> None:
    async with THICK.on_bench() as bench:
        assert bench.server.received == []
        await bench.begin()
        await bench.finish()
        assert [one.path for one in bench.server.received].count(DOCUMENT) == 1


async def test_a_provider_whose_document_cannot_be_had_fails_its_own_logins_as_unavailable() -> None:
    for answer in (
        json_of({}, "500 Oops"),
        json_of({}, "404 Not Found"),
        b"",
        json_of({"issuer": "https://evil.example"}),
    ):
        async with THICK.on_bench() as bench:
            bench.server.answers[DOCUMENT] = answer
            with pytest.raises(UpstreamUnavailable):
                await bench.begin()
            with pytest.raises(UpstreamUnavailable):
                await bench.finish()


async def test_c20_the_answer_counts_only_by_the_way_that_was_asked_for() -> None:
    for case, other in ((THICK, Channel.FORM_POST), (THIN, Channel.QUERY)):
        async with case.on_bench() as bench:
            with pytest.raises(UpstreamInvalid):
                await bench.finish(Reply(other, case.reply().params))
            assert bench.server.received == []
            assert (await bench.begin()).get("response_mode") == (None if case is THICK else "form_post")


async def test_b4_an_issuer_that_promises_iss_must_send_it_before_any_code_is_sent_on() -> None:
    async with THICK.on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.finish(THICK.reply(iss="$absent"))
        assert "/token" not in [one.path for one in bench.server.received]
    async with said(authorization_response_iss_parameter_supported=False).on_bench() as bench:
        await bench.finish(THICK.reply(iss="$absent"))


@pytest.mark.parametrize(
    ("listed", "chosen", "header"),
    [
        (["client_secret_basic", "client_secret_post"], "auto", True),
        (["client_secret_post"], "auto", False),
        (["private_key_jwt"], "auto", False),
        ([], "auto", True),
        ("$absent", "auto", True),
        (["client_secret_basic"], "client_secret_post", False),
        (["client_secret_post"], "client_secret_basic", True),
    ],
)
async def test_the_secret_travels_one_way_only(listed: Any, chosen: str, header: bool) -> None:
    case = said(token_endpoint_auth_methods_supported=listed)
    async with case.on_bench(client_id="a:b", token_endpoint_auth_method=chosen) as bench:
        bench.server.answers["/token"] = json_of({"access_token": "t", "id_token": case.id_token(aud="a:b", azp=None)})
        form, headers = await sent(bench)
    if header:
        assert b64decode(headers["authorization"].partition(" ")[2]) == b"a%3Ab:canary-client-secret"
        assert "client_secret" not in form
    else:
        assert "authorization" not in headers
        assert (form["client_id"], form["client_secret"]) == ("a:b", "canary-client-secret")


@pytest.mark.parametrize(
    ("listed", "chosen", "challenged"),
    [
        (["S256"], "auto", True),
        ("$absent", "auto", True),
        (["plain"], "auto", False),
        (["plain", "S256"], "required", True),
        (["plain"], "required", None),
        ("$absent", "required", None),
    ],
)
async def test_b7_a_challenge_goes_out_wherever_it_can(listed: Any, chosen: str, challenged: bool | None) -> None:
    case = said(code_challenge_methods_supported=listed)
    async with case.on_bench(pkce=chosen) as bench:
        if challenged is None:
            with pytest.raises(UpstreamUnavailable):
                await bench.begin()
            return
        step = await bench.provider.begin(FLOW)
        assert ("code_challenge=" in step.url, "code_challenge_method=S256" in step.url) == (challenged, challenged)
        await bench.finish(flow=replace(FLOW, memo=step.memo))
        (call,) = [one for one in bench.server.received if one.path == "/token"]
        assert ("code_verifier" in call.params) is challenged


async def test_the_operators_parameters_go_along_and_an_endpoint_keeps_its_query() -> None:
    async with THIN.on_bench(extra_authorize_params={"domain_hint": "corp"}) as bench:
        asked = await bench.begin()
        assert (asked["domain_hint"], asked["tenant"], asked["state"]) == ("corp", "7", FLOW.state)
        assert (await bench.provider.begin(FLOW)).url.count("?") == 1


async def test_wishes_of_the_app_go_on_as_far_as_the_operator_lets_them() -> None:
    flow = replace(FLOW, wishes=Wishes(prompt=("login",), max_age=0, login_hint="ada@example.com"), ui_locale="ru")
    async with THICK.on_bench() as bench:
        asked = await bench.begin(flow)
    assert {
        "prompt": "login",
        "max_age": "0",
        "login_hint": "ada@example.com",
        "ui_locales": "ru",
    }.items() <= asked.items()
    async with THICK.on_bench(forward=["ui_locales"]) as bench:
        asked = await bench.begin(flow)
    assert not {"prompt", "max_age", "login_hint"} & asked.keys()


async def test_only_an_issuer_that_is_said_to_know_it_is_asked_to_create_an_account() -> None:
    flow = replace(FLOW, wishes=Wishes(prompt=("create", "consent")))
    for forward, sent in ((["prompt"], "consent"), (["prompt", "create"], "create consent"), (["create"], None)):
        async with THICK.on_bench(forward=forward) as bench:
            assert (await bench.begin(flow)).get("prompt") == sent
    async with THICK.on_bench() as bench:
        assert "prompt" not in await bench.begin(replace(FLOW, wishes=Wishes(prompt=("create",))))


@pytest.mark.parametrize(
    ("auth_time", "forward", "good"),
    [
        (NOW - 5, ["max_age"], True),
        ("$absent", ["max_age"], False),
        ("soon", ["max_age"], False),
        (True, ["max_age"], False),
        (NOW + 61, ["max_age"], False),
        ("$absent", [], True),
    ],
)
async def test_an_issuer_that_was_asked_for_max_age_says_when(auth_time: Any, forward: list[str], good: bool) -> None:
    case = THICK.with_changes({"id_token auth_time": auth_time})
    async with case.on_bench(forward=forward) as bench:
        flow = replace(FLOW, wishes=Wishes(max_age=60))
        if good:
            assert (await bench.finish(flow=flow)).auth_time == (None if auth_time == "$absent" else auth_time)
            return
        with pytest.raises(UpstreamInvalid):
            await bench.finish(flow=flow)


@pytest.mark.parametrize(
    ("listed", "accepted", "good"),
    [
        (["RS256"], ["RS256"], True),
        ("$absent", ["RS256"], True),
        (["ES256"], ["RS256", "ES256"], False),
        (["RS256"], ["ES256"], False),
        (["none", "HS256"], ["RS256"], False),
    ],
)
async def test_e1_a_signature_counts_where_operator_and_issuer_both_name_it(
    listed: Any, accepted: Any, good: bool
) -> None:
    async with said(id_token_signing_alg_values_supported=listed).on_bench(algorithms=accepted) as bench:
        if good:
            await bench.finish()
            return
        with pytest.raises(UpstreamInvalid):
            await bench.finish()


@pytest.mark.parametrize(
    ("trust", "word", "verified"), [("claim", True, True), ("never", True, False), ("always", False, True)]
)
async def test_whose_word_counts_is_the_operators_choice(trust: str, word: bool, verified: bool) -> None:
    phone = {"phone_number": "+15550100100", "phone_number_verified": True}
    case = THICK.with_changes({f"answers {USERINFO} {n}": v for n, v in {**phone, "email_verified": word}.items()})
    async with case.on_bench(email_trust=trust) as bench:
        claims = (await bench.finish()).claims
    assert claims["email_verified"] is verified
    assert claims["phone_number_verified"] is (trust != "never")


async def test_the_word_on_one_address_is_never_joined_to_another() -> None:
    boss = {"id_token mail": "boss@example.com"}
    async with THICK.with_changes(boss).on_bench(claims={"email": "mail"}) as bench:
        claims = (await bench.finish()).claims
    assert (claims["email"], claims["email_verified"]) == ("boss@example.com", False)
    both = {"email": "mail", "email_verified": "mail_checked"}
    async with THICK.with_changes({**boss, "id_token mail_checked": True}).on_bench(claims=both) as bench:
        assert (await bench.finish()).claims["email_verified"] is True
    # The ID token's word without an address says nothing of the address that userinfo has.
    alone = {"id_token email_verified": True, f"answers {USERINFO} email_verified": False}
    async with THICK.with_changes(alone).on_bench() as bench:
        assert (await bench.finish()).claims["email_verified"] is False


async def test_userinfo_is_asked_only_where_there_is_one_and_it_is_wanted() -> None:
    for case, more in ((THICK, {"userinfo": False}), (said(userinfo_endpoint="$absent"), {})):
        async with case.on_bench(**more) as bench:
            assert "email" not in (await bench.finish()).claims
            assert USERINFO not in [one.path for one in bench.server.received]


@pytest.mark.parametrize(
    ("lacking", "more", "calls"),
    [
        ({}, {}, 0),
        ({}, {"userinfo": "always"}, 1),
        ({}, {"scopes": ["openid", "profile", "email", "phone"]}, 1),
        ({}, {"claims": {"nickname": "handle"}}, 1),
        ({"id_token name": "$absent"}, {}, 1),
        ({"id_token name": None}, {}, 1),
        ({"id_token name": "$absent"}, {"scopes": ["openid", "email"]}, 0),
        ({"id_token email": "$absent"}, {}, 1),
        ({"id_token email_verified": "$absent"}, {}, 1),
        ({"id_token email": "$absent"}, {"userinfo": False}, 0),
    ],
)
async def test_userinfo_is_asked_where_a_claim_that_was_asked_for_is_missing(
    lacking: dict[str, Any], more: dict[str, Any], calls: int
) -> None:
    whole = THICK.with_changes({"id_token email": "ada@example.com", "id_token email_verified": True})
    async with whole.with_changes(lacking).on_bench(**more) as bench:
        assert (await bench.finish()).subject == THICK.data["expected"]["subject"]
        assert [one.path for one in bench.server.received].count(USERINFO) == calls


def signed(**changes: Any) -> bytes:
    """A signed userinfo answer, as it goes over the wire."""
    told = {"iss": THICK.data["settings"]["issuer"], "aud": "broker", **THICK.data["answers"][USERINFO], **changes}
    kept = {name: value for name, value in told.items() if value is not None}
    return encode(kept, signing_key(), algorithm="RS256", headers={"kid": "bench"}).encode()


async def test_a_signed_userinfo_answer_counts_by_the_same_keys_and_about_the_same_person() -> None:
    async with THICK.on_bench() as bench:
        for kind in ("application/jwt", "Application/JWT; charset=utf-8"):
            bench.server.answers[USERINFO] = answer_of(signed(), kind=kind)
            assert (await bench.finish()).claims["email"] == "ada@example.com"
        wrong = [signed(iss="https://evil.example"), signed(aud="other"), signed(iss=None), signed(aud=None)]
        wrong += [signed(sub="other"), signed()[:-8] + b"AAAAAAAA", b"", b"a.b.c", b'{"sub": "f3a1b2c4-0001"}']
        wrong += [encode({"sub": "f3a1b2c4-0001"}, "", algorithm="none").encode(), signed() * 2, b"\xff" * 20]
        for body in wrong:
            bench.server.answers[USERINFO] = answer_of(body, kind="application/jwt")
            with pytest.raises(UpstreamInvalid):
                await bench.finish()
        bench.server.answers[USERINFO] = answer_of(signed())
        with pytest.raises(UpstreamInvalid):
            await bench.finish()


async def test_a_clock_may_be_off_by_what_the_operator_allows_and_is_watched() -> None:
    late = THICK.with_changes({"id_token iat": NOW + 200, "id_token exp": NOW + 500})
    async with late.on_bench() as bench:
        with pytest.raises(UpstreamInvalid):
            await bench.finish()
        assert bench.notes.of(Event.UPSTREAM_CLOCK) == [{"provider": "x", "ahead_s": 200}]
    async with late.on_bench(clock_skew=300) as bench:
        assert (await bench.finish()).subject == THICK.data["expected"]["subject"]
    with pytest.raises(ValidationError):
        OidcSettings.model_validate({**GIVEN, "clock_skew": 301})


async def test_b14_keys_and_tokens_of_another_issuer_mean_nothing_here() -> None:
    foreign = THIN.id_token()
    async with THICK.with_changes({"answers /token id_token": foreign}).on_bench() as bench:
        with pytest.raises(UpstreamError):
            await bench.finish()


async def test_e_a_token_without_kid_needs_exactly_one_key_that_fits() -> None:
    keys = "/realms/staff/certs"
    jwk = THICK.filled("$jwk")
    another = RSAAlgorithm.to_jwk(generate_private_key(65537, 2048).public_key(), as_dict=True)
    other = {**jwk, **another, "kid": "second"}
    for published, good in (([jwk], True), ([jwk, other], False), ([jwk, {**other, "alg": "PS256"}], True)):
        case = THICK.with_changes({"answers /token id_token": _without_kid(THICK)})
        async with case.on_bench() as bench:
            bench.server.answers[keys] = json_of({"keys": published})
            if good:
                await bench.finish()
                continue
            with pytest.raises(UpstreamInvalid):
                await bench.finish()


def _without_kid(case: Case) -> str:
    return encode(case.filled(case.data["id_token"]), signing_key(), algorithm="RS256")


async def test_the_online_check_reads_the_document_and_names_what_is_wrong_with_it() -> None:
    for changes, expected in (({}, []), ({"issuer": "https://evil.example"}, ["the document is of another issuer"])):
        case = said(**changes)
        async with case.on_bench() as bench:
            base = {"server_base": bench.server.url, "browser_base": bench.server.url}
            provider = OidcSettings.model_validate({**GIVEN, **base})
            client = {"name": "c", "redirect_uris": ["https://c.example/"], "secret": "s" * 40}
            report = await look_around(
                Config.model_validate(
                    {"version": 1, "issuer": bench.server.url, "providers": {"x": provider}, "clients": {"c": client}}
                )
            )
        found = [line.split()[0] for line in report.lines if line.endswith(" ok")]
        assert found == ([] if expected else ["discovery:", "authorization_endpoint:", "token_endpoint:", "jwks_uri:"])
        assert len(report.failures) == len(expected)
        assert all(why in line for why, line in zip(expected, report.failures, strict=True))
