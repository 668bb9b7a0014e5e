"""Threats A: where the authorization endpoint sends a browser, and with what."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import jwt
import pytest

from broker.core.authorize.pushed import PREFIX
from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    CHALLENGE,
    VERIFIER,
    authorize_url,
    back,
    code_for,
    get_bytes,
    http,
    new_visitor,
    query_of,
    redeem,
    request_for,
    send_raw,
    sign_in,
    tokens_for,
)
from tests.threats.settings import NATIVE
from tests.threats.site import Site
from tests.threats.vectors import MARKUP, REDIRECT_VARIANTS

pytestmark = pytest.mark.anyio

MODES = ("query", "form_post", "fragment", "jwt", "query.jwt", "form_post.jwt", "fragment.jwt", "web_message")


def check_stays_here(answer: httpx2.Response) -> None:
    """A page of ours, and no way out of it."""
    assert answer.status_code == 400, answer.text
    assert "location" not in answer.headers
    assert "refresh" not in answer.headers
    assert "http-equiv" not in answer.text
    assert not re.search(r"=\s*[\"'][^\"'>]*evil\.test", answer.text), "what came is text, and no place to go"
    assert answer.headers["content-type"].startswith("text/html")


async def test_a1_every_other_spelling_of_a_redirect_uri_is_a_page(site: Site) -> None:
    assert len(set(REDIRECT_VARIANTS)) >= 60
    async with http(site) as client:
        for uri in REDIRECT_VARIANTS:
            check_stays_here(await client.get("/authorize", params=request_for(site, redirect_uri=uri)))


async def test_a1_control_characters_hide_no_second_target(site: Site) -> None:
    good = urlencode({"redirect_uri": site.redirect_uri()})
    rest = urlencode(request_for(site, redirect_uri=None))
    for extra in ("%09", "%0a", "%0d%0a", "%00", "%7f", "%e2%80%ae", "%c2%a0", "%ff", "%c0%af", "+", "%20"):
        answer = await send_raw(site, get_bytes(site, f"/authorize?{rest}&{good}{extra}"))
        assert answer.status == 400
        assert "location" not in answer.headers


async def test_a4_the_loopback_rule_bends_the_port_alone(site: Site) -> None:
    allowed = ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://[::1]:1/cb")
    refused = (
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:80@evil.test/cb",
        "http://localhost:1/cb",
        "http://127.1/cb",
        "http://0x7f.1/cb",
        "http://127.0.0.2:1/cb",
        "https://127.0.0.1:1/cb",
        "http://127.0.0.1:1/cb/",
        "http://127.0.0.1:1/other",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:99999/cb",
        "http://[::ffff:127.0.0.1]:1/cb",
        "http://127.0.0.1:51004/cb?x",
    )
    async with http(site) as client:
        for uri in allowed:
            answer = await client.get(
                "/authorize", params=request_for(site, "loopback", redirect_uri=uri, prompt="none")
            )
            assert answer.headers["location"].startswith(f"{uri}?error=login_required")
        for uri in refused:
            check_stays_here(await client.get("/authorize", params=request_for(site, "loopback", redirect_uri=uri)))


@pytest.mark.parametrize("client_id", ["nobody", "", "app ", "APP", None])
async def test_a5_an_unknown_client_is_never_redirected(site: Site, client_id: str | None) -> None:
    wrongs: tuple[dict[str, str | None], ...] = (
        {},
        {"scope": "bad"},
        {"prompt": "none"},
        {"response_type": "token"},
        {"response_type": None},
        {"response_mode": "form_post"},
        {"response_type": "id_token token"},
        {"request": "a.b.c"},
        {"max_age": "x"},
        {"state": "x" * 3000},
        {"code_challenge": None},
        {"claims": "{"},
    )
    async with http(site) as client:
        for wrong in wrongs:
            changes = {"client_id": client_id, "redirect_uri": "https://evil.test/", **wrong}
            check_stays_here(await client.get("/authorize", params=request_for(site, "app", **changes)))
            check_stays_here(await client.post("/authorize", data=request_for(site, "app", **changes)))


async def test_a7_a_client_of_the_code_flow_cannot_be_switched_to_another(site: Site) -> None:
    types = (
        "token",
        "id_token",
        "code token",
        "code id_token",
        "id_token token",
        "code id_token token",
        "none",
        "CODE",
        "code code",
    )
    async with http(site) as client:
        for wanted in types:
            answer = await client.get("/authorize", params=request_for(site, response_type=wanted))
            check_error(answer, site, "unsupported_response_type")
        for mode in MODES[2:]:
            answer = await client.get("/authorize", params=request_for(site, response_mode=mode))
            check_error(answer, site, "invalid_request")
        twice = urlencode(request_for(site)) + "&response_type=token"
        check_error(await client.get(f"/authorize?{twice}"), site, "invalid_request")


def check_error(answer: httpx2.Response, site: Site, code: str) -> None:
    """An error in the query of the registered redirect URI, nothing in a fragment."""
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{site.redirect_uri()}?")
    assert dict(parse_qsl(parts.query))["error"] == code
    assert not parts.fragment


@pytest.mark.parametrize("mode", MODES)
async def test_a8_no_response_mode_escapes_the_comparison(site: Site, mode: str) -> None:
    async with http(site) as client:
        for uri in REDIRECT_VARIANTS[::3]:
            changes = {"redirect_uri": uri, "response_mode": mode}
            check_stays_here(await client.get("/authorize", params=request_for(site, **changes)))


async def test_a9_a_hostile_state_is_text_in_the_form_that_returns_it(site: Site) -> None:
    for state in MARKUP:
        async with new_visitor(scripts=False) as visitor:
            page = await sign_in(site, visitor, response_mode="form_post", state=state)
        assert page.status == 200
        form = page.form("answer")
        assert form.action == site.redirect_uri()
        assert form.fields["state"] == state
        assert set(form.fields) == {"code", "state", "iss"}
        assert all(script.get("nonce") for script in page.markup.scripts)
        assert len(page.markup.scripts) == 1
        policy = page.headers["content-security-policy"]
        assert "form-action https://app.example.com;" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


async def test_a10_no_parameter_comes_back_as_markup(site: Site) -> None:
    names = (
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "prompt",
        "idp_hint",
        "ui_locales",
        "claims",
        "error",
        "error_description",
        "max_age",
        "login_hint",
        "acr_values",
        "request",
        "display",
        "nonce",
    )
    places = (
        "/callback/google",
        "/callback/nobody",
        "/callback/telegram",
        "/consent",
        "/enter/telegram/app",
        "/enter/x/y",
        "/nothing",
    )
    async with http(site, headers={"Accept": "text/html"}) as client:
        for vector in MARKUP:
            for name in names:
                # Without a client every failure is a page; with one, what is not a redirect must be clean too.
                check_clean(await client.get("/authorize", params={name: vector}), vector)
                check_clean(await client.get("/authorize", params=request_for(site, **{name: vector})), vector)
            everything = dict.fromkeys(
                (*names, "code", "ticket", "hash", "id", "first_name", "tgAuthResult", "fragment"), vector
            )
            for place in places:
                check_clean(await client.get(place, params=everything), vector)
                check_clean(await client.post(place, data=everything), vector)


def check_clean(answer: httpx2.Response, vector: str) -> None:
    """What could act as markup is nowhere as it was sent, neither in the body nor in a header."""
    assert answer.status_code < 500
    if set(vector) & set("<>\"'"):
        assert vector not in answer.text
    assert not any(set(value) & set("<>") or vector in value for value in answer.headers.values())


async def test_a11_every_answer_to_a_client_names_the_issuer(site: Site, visitor: Visitor) -> None:
    page = await sign_in(site, visitor)
    assert back(page)["iss"] == site.issuer
    errors: tuple[tuple[dict[str, str | None], str], ...] = (
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "bad"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none", "max_age": "0"}, "login_required"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://x.test/"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"max_age": "-1"}, "invalid_request"),
    )
    for changes, code in errors:
        answer = await visitor.get(authorize_url(site, **changes))
        assert (back(answer)["error"], back(answer)["iss"]) == (code, site.issuer)
    denied = await deny_consent(site)
    assert (denied["error"], denied["iss"]) == ("access_denied", site.issuer)
    async with http(site) as client:
        document = (await client.get("/.well-known/openid-configuration")).json()
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["issuer"] == site.issuer


async def deny_consent(site: Site) -> dict[str, str]:
    """What the app hears when the person presses Deny."""
    async with new_visitor() as visitor:
        await visitor.get(authorize_url(site, "shop", idp_hint="google", prompt="consent"))
        await visitor.click("person-ada")
        return (await visitor.click("deny")).params


async def test_a12_a_code_needs_the_verifier_of_its_challenge_and_no_other(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        for verifier in (None, "w" * 64, CHALLENGE, VERIFIER[:42], VERIFIER + "\n"):
            answer = await redeem(site, client, await code_for(site, visitor), code_verifier=verifier)
            assert (answer.status_code, answer.json()["error"]) in {(400, "invalid_grant"), (400, "invalid_request")}
        bare = await code_for(site, visitor, "relaxed", code_challenge=None, code_challenge_method=None)
        answer = await redeem(site, client, bare, "relaxed")
        assert answer.json()["error"] == "invalid_grant"
        for changes in (
            {"code_challenge": None, "code_challenge_method": None},
            {"code_challenge_method": "plain"},
            {"code_challenge_method": None},
            {"code_challenge": "short"},
        ):
            refused = await client.get("/authorize", params=request_for(site, "spa", **changes))
            assert "error=invalid_request" in refused.headers["location"]


async def test_a12_a_nonce_stands_in_for_pkce_where_a_secret_and_an_id_token_do(site: Site, visitor: Visitor) -> None:
    bare: Any = {"code_challenge": None, "code_challenge_method": None}
    async with http(site) as client:
        code = await code_for(site, visitor, nonce="tied", **bare)
        answer = await redeem(site, client, code, code_verifier=None)
        assert jwt.decode(answer.json()["id_token"], options={"verify_signature": False})["nonce"] == "tied"
        injected = await code_for(site, visitor, nonce="tied", **bare)
        assert (await redeem(site, client, injected)).json()["error"] == "invalid_grant", "another request"
        for changes in ({"nonce": None}, {"nonce": ""}, {"scope": "profile"}):
            refused = await client.get("/authorize", params=request_for(site, **bare, **changes))
            told = query_of(refused.headers["location"])
            assert told["error"] == "invalid_request"
            assert "switch on PKCE with S256, or else nonce," in told["error_description"]


async def test_a15_scopes_beyond_the_registration_are_never_granted(site: Site) -> None:
    tokens = await tokens_for(site, "limited", scope="openid admin offline_access email")
    assert tokens["scope"] == "openid"
    assert "refresh_token" not in tokens


async def test_a16_a_native_app_is_never_answered_silently(site: Site, visitor: Visitor) -> None:
    await sign_in(site, visitor)
    silent = await visitor.get(authorize_url(site, "native", prompt="none"))
    assert silent.url.startswith(NATIVE)
    assert back(silent)["error"] == "interaction_required"
    asked = await visitor.get(authorize_url(site, "native"))
    assert asked.has("allow"), "a person must press a button before another app's scheme gets a code"


async def test_a19_an_app_without_keys_sends_no_request_object_and_nothing_is_fetched(site: Site) -> None:
    trap = site.emulators["google"]
    async with http(site) as client:
        for name, value in (
            ("request", "eyJhbGciOiJub25lIn0.e30."),
            ("request_uri", f"{trap.url}/request.jwt"),
            ("request_uri", "file:///etc/passwd"),
            ("request_uri", "urn:ietf:params:oauth:other:x"),
        ):
            answer = await client.get("/authorize", params=request_for(site, **{name: value}))
            assert f"error={name}_not_supported" in answer.headers["location"]
        both = request_for(site, request="a.b.c", request_uri=f"{trap.url}/request.jwt")
        assert "error=invalid_request&" in (await client.get("/authorize", params=both)).headers["location"]
        pushed = await client.get("/authorize", params=request_for(site, request_uri=f"{PREFIX}x"))
        assert (pushed.status_code, "location" in pushed.headers) == (400, False)
    assert trap.log() == []
