"""The generic provider after the login: logout tokens, logging out there, and asking again. Each wrong in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jwt import encode
from pydantic import ValidationError

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamUnavailable
from broker.core.people.identity import UpstreamSession
from broker.testing.bench import FLOW, NOW, Bench, signing_key
from broker.testing.raw_server import json_of
from broker.upstream.abilities import Abilities, UpstreamLogout, abilities_of
from broker.upstream.oidc_session import EVENT
from providers.oidc import OidcSettings
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio

THICK, _ = load_cases("oidc")
GIVEN: Mapping[str, Any] = {"type": "oidc", **THICK.data["settings"]}
ISSUER, CLIENT = GIVEN["issuer"], GIVEN["client_id"]
DOCUMENT = "/realms/staff/.well-known/openid-configuration"
SAID: Mapping[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "j-1",
    "sub": "s-1",
    "sid": "u-1",
    "events": {EVENT: {}},
}
KEPT = UpstreamSession(refresh_token="r-1", nonce="n", auth_time=NOW - 500)


def logout_token(*, typ: str | None = "logout+jwt", algorithm: str = "RS256", **changes: Any) -> str:
    """A good logout token with changes; a change to None removes the claim."""
    claims = {name: value for name, value in {**SAID, **changes}.items() if value is not None}
    key = signing_key() if algorithm == "RS256" else "a secret of more than thirty-two characters"
    return encode(claims, key, algorithm=algorithm, headers={"kid": "bench", "typ": typ})


async def verify(bench: Bench, token: str) -> UpstreamLogout:
    """What the provider makes of a logout token."""
    ability = abilities_of(bench.provider).receives_logout
    assert ability is not None
    return await ability.verify_logout(token)


LOGOUT = {"logout": {"backchannel": True}}


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"typ": "JWT"}, {"typ": None}, {"typ": "LOGOUT+jwt"}, {"aud": [CLIENT]}, {"aud": ["another", CLIENT]},
        {"exp": None}, {"exp": None, "iat": NOW - 179}, {"iat": NOW - 600, "exp": NOW + 1}, {"exp": NOW - 59},
        {"events": {EVENT: {"more": 1}, "other": {}}}, {"iat": NOW + 60, "exp": NOW + 120},
    ],
    ids=str,
)  # fmt: skip
async def test_a_good_logout_token_names_session_and_person(changes: Any) -> None:
    async with THICK.on_bench(**LOGOUT) as bench:
        assert await verify(bench, logout_token(**changes)) == UpstreamLogout("s-1", "u-1", "j-1")


async def test_a_logout_token_may_name_the_session_or_the_person_alone() -> None:
    async with THICK.on_bench(**LOGOUT) as bench:
        assert (await verify(bench, logout_token(sid=None))).sid == ""
        assert (await verify(bench, logout_token(sub=None))).subject == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"}, {"iss": f"{ISSUER}/"}, {"iss": None}, {"aud": "another"},
        {"aud": []}, {"aud": None}, {"aud": [[CLIENT]]}, {"aud": {CLIENT: 1}}, {"aud": f"{CLIENT} "}, {"nonce": "n"},
        {"nonce": ""}, {"events": None}, {"events": {}}, {"events": [EVENT]}, {"events": EVENT},
        {"events": {EVENT: None}}, {"events": {EVENT: "x"}}, {"events": {EVENT: []}}, {"events": {f"{EVENT}/": {}}},
        {"sub": None, "sid": None}, {"sub": "", "sid": ""}, {"sub": 5}, {"sid": 5}, {"sid": ["u-1"]}, {"jti": None},
        {"jti": ""}, {"jti": 5}, {"jti": "j" * 256}, {"sid": "u" * 256}, {"iat": None}, {"iat": NOW - 661},
        {"iat": NOW + 61}, {"iat": True}, {"exp": NOW - 60}, {"exp": None, "iat": NOW - 180},
        {"typ": "at+jwt"}, {"typ": "dpop+jwt"},
    ],
    ids=str,
)  # fmt: skip
async def test_g8_a_logout_token_that_is_wrong_in_one_way_is_refused(changes: Any) -> None:
    async with THICK.on_bench(**LOGOUT) as bench:
        with pytest.raises(UpstreamInvalid):
            await verify(bench, logout_token(**changes))


async def test_g8_e1_e2_a_logout_token_is_signed_by_the_issuer_as_an_id_token_is() -> None:
    good = logout_token()
    head, body, signature = good.split(".")
    unsigned = encode(dict(SAID), "", algorithm="none", headers={"typ": "logout+jwt"})
    forged = [unsigned, f"{head}.{body}.", f"{head}.{body}", logout_token(algorithm="HS256"), "", "x", good + "A"]
    forged.append(f"{head}.{logout_token(sub='s-2').split('.')[1]}.{signature}")
    async with THICK.on_bench(**LOGOUT) as bench:
        for token in forged:
            with pytest.raises(UpstreamInvalid):
                await verify(bench, token)
        await verify(bench, good)


async def test_g8_e8_an_id_token_ends_no_session_and_a_logout_token_logs_nobody_in() -> None:
    async with THICK.on_bench(**LOGOUT) as bench:
        with pytest.raises(UpstreamInvalid):
            await verify(bench, THICK.id_token(jti="j", nonce=None, sid="u-1"))
        for token in (logout_token(nonce=FLOW.nonce), logout_token(typ="JWT")):
            bench.server.answers["/token"] = json_of({"access_token": "a", "token_type": "Bearer", "id_token": token})
            with pytest.raises(UpstreamInvalid):
                await bench.finish()


async def test_an_issuer_whose_keys_cannot_be_had_is_not_believed() -> None:
    async with THICK.on_bench(**LOGOUT) as bench:
        bench.server.answers[DOCUMENT] = json_of({}, "500 Oops")
        with pytest.raises(UpstreamUnavailable):
            await verify(bench, logout_token())


async def test_nothing_is_kept_and_nothing_can_be_done_unless_it_is_switched_on() -> None:
    case = THICK.with_changes({"id_token sid": "u-1", "answers /token refresh_token": "r-1"})
    async with case.on_bench() as bench:
        assert (await bench.finish()).session == UpstreamSession()
        assert abilities_of(bench.provider) == Abilities()
    async with case.on_bench(logout={"backchannel": True, "rp_initiated": True}, use_refresh_token=True) as bench:
        kept = (await bench.finish()).session
        assert (kept.sid, kept.refresh_token, kept.nonce) == ("u-1", "r-1", FLOW.nonce)
        assert kept.id_token.count(".") == 2
        assert "r-1" not in repr(kept)
        assert None not in (abilities_of(bench.provider).ends_session, abilities_of(bench.provider).refreshes)


@pytest.mark.parametrize("sid", [5, ["u-1"], "", "u" * 256, None])
async def test_an_odd_name_of_a_session_keeps_nobody_out(sid: object) -> None:
    async with THICK.with_changes({"id_token sid": sid}).on_bench(**LOGOUT) as bench:
        assert (await bench.finish()).session.sid == ""


@pytest.mark.parametrize("more", [LOGOUT, {"use_refresh_token": True}], ids=["logout", "refresh"])
async def test_what_knows_people_by_sub_needs_them_to_be_known_by_sub(more: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError, match="leave subject_claim out"):
        OidcSettings.model_validate({**GIVEN, **more, "subject_claim": "oid"})


async def ended(bench: Bench, **given: str) -> str:
    """Where the browser goes to log out."""
    ability = abilities_of(bench.provider).ends_session
    assert ability is not None
    return await ability.end_session(**{"id_token": "", "return_to": "", "state": "", **given})


async def test_logging_out_there_says_who_and_where_to_return() -> None:
    home = "https://sso.example.com/realms/staff/logout?kept=1"
    case = THICK.with_changes({f"answers {DOCUMENT} end_session_endpoint": home})
    async with case.on_bench(logout={"rp_initiated": True}) as bench:
        href = await ended(bench, id_token="i.d.t", return_to="https://id.example.com/out?x=1", state="s&t")
        assert href.startswith(home)
        sent = dict(parse_qsl(urlsplit(href).query))
        assert sent == {
            "kept": "1",
            "client_id": CLIENT,
            "id_token_hint": "i.d.t",
            "post_logout_redirect_uri": "https://id.example.com/out?x=1",
            "state": "s&t",
        }
        assert dict(parse_qsl(urlsplit(await ended(bench)).query)) == {"kept": "1", "client_id": CLIENT}


@pytest.mark.parametrize(
    "url", ["https://evil.example/logout", "http://sso.example.com/logout", "javascript:1", 5, "$absent"], ids=str
)
async def test_b17_an_end_session_endpoint_elsewhere_is_left_alone_and_logins_go_on(url: object) -> None:
    case = THICK.with_changes({f"answers {DOCUMENT} end_session_endpoint": url})
    async with case.on_bench(logout={"rp_initiated": True}) as bench:
        assert await ended(bench) == ""
        await bench.finish()


async def refreshed(bench: Bench, kept: UpstreamSession = KEPT, subject: str = "") -> UpstreamSession:
    """What comes of asking again."""
    ability = abilities_of(bench.provider).refreshes
    assert ability is not None
    return await ability.refresh(subject or str(THICK.data["id_token"]["sub"]), kept)


def answer(**changes: Any) -> bytes:
    """A token response with a new ID token; `changes` are the claims'."""
    token = THICK.id_token(**{"nonce": None, "at_hash": None, **changes})
    return json_of({"access_token": "a", "token_type": "Bearer", "id_token": token, "refresh_token": "r-2"})


@pytest.mark.parametrize("changes", [{}, {"nonce": "n"}, {"auth_time": NOW - 500}], ids=str)
async def test_b21_a_refreshed_id_token_about_the_same_login_brings_the_next_refresh_token(changes: Any) -> None:
    async with THICK.on_bench(use_refresh_token=True) as bench:
        bench.server.answers["/token"] = answer(**changes)
        assert await refreshed(bench) == replace(KEPT, refresh_token="r-2")
        (call,) = [one for one in bench.server.received if one.path == "/token"]
        assert (call.params["grant_type"], call.params["refresh_token"]) == ("refresh_token", "r-1")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"}, {"sub": "somebody-else"}, {"sub": None}, {"aud": "another"}, {"nonce": "m"},
        {"auth_time": NOW - 499}, {"exp": NOW - 61}, {"iat": NOW - 61}, {"iat": None}, {"azp": "another"},
    ],
    ids=str,
)  # fmt: skip
async def test_b21_a_refreshed_id_token_about_anything_else_is_not_believed(changes: Any) -> None:
    async with THICK.on_bench(use_refresh_token=True) as bench:
        bench.server.answers["/token"] = answer(**changes)
        with pytest.raises(UpstreamInvalid):
            await refreshed(bench)


async def test_an_answer_without_an_id_token_or_a_new_refresh_token_is_one() -> None:
    async with THICK.on_bench(use_refresh_token=True) as bench:
        bench.server.answers["/token"] = json_of({"access_token": "a", "token_type": "Bearer"})
        assert await refreshed(bench) == KEPT


@pytest.mark.parametrize(
    ("given", "means"),
    [
        (json_of({"error": "invalid_grant"}, "400 Bad Request"), UpstreamDenied),
        (json_of({"error": "invalid_grant"}), UpstreamDenied),
        (json_of({"error": "invalid_client"}, "401 Unauthorized"), UpstreamUnavailable),
        (json_of({}, "503 Later"), UpstreamUnavailable),
        (json_of({}), UpstreamUnavailable),
        (json_of([]), UpstreamUnavailable),
        (b"", UpstreamUnavailable),
    ],
    ids=["invalid_grant", "invalid_grant with 200", "invalid_client", "503", "no token", "no object", "nothing"],
)
async def test_only_a_refusal_of_the_token_itself_is_about_the_person(given: bytes, means: type[UpstreamError]) -> None:
    async with THICK.on_bench(use_refresh_token=True) as bench:
        bench.server.answers["/token"] = given
        with pytest.raises(means):
            await refreshed(bench)
