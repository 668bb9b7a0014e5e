"""Threats A: consent, re-authentication, hints, and what a page may leak."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest

from broker.demo.upstreams.keys import key, mac_signed, unsigned
from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    authorize_url,
    back,
    http,
    new_visitor,
    query_of,
    request_for,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.journeys import redeem as redeem_code
from tests.threats.site import Site
from tests.threats.tours import answer_with_id_token, consent_form, consent_page, tour

pytestmark = pytest.mark.anyio


async def test_a13_a_question_is_answered_in_the_browser_it_was_put_to(site: Site, visitor: Visitor) -> None:
    page = await consent_page(site, visitor)
    ticket = page.form(consent_form(page)).fields["ticket"]
    async with new_visitor() as stranger, http(site) as client:
        await sign_in(site, stranger, person="boris")
        seen = await stranger.get(page.url)
        assert (seen.status, seen.has("allow")) == (403, False)
        answered = await stranger.post(f"{site.issuer}/consent", {"ticket": ticket, "answer": "allow"})
        assert answered.status == 403
        assert "code=" not in answered.text
        nobody = await client.post("/consent", data={"ticket": ticket, "answer": "allow"})
        assert nobody.status_code == 403


async def test_a13_a_question_is_answered_once(site: Site, visitor: Visitor) -> None:
    page = await consent_page(site, visitor)
    ticket = page.form(consent_form(page)).fields["ticket"]
    first = await visitor.post(f"{site.issuer}/consent", {"ticket": ticket, "answer": "allow"})
    assert "code" in back(first)
    for answer in ("allow", "deny"):
        second = await visitor.post(f"{site.issuer}/consent", {"ticket": ticket, "answer": answer})
        assert (second.status, back(second)) == (400, {})


async def test_a14_fields_added_to_the_consent_form_change_nothing(site: Site, visitor: Visitor) -> None:
    page = await consent_page(site, visitor, scope="openid")
    ticket = page.form(consent_form(page)).fields["ticket"]
    added = {
        "scope": "openid profile offline_access admin",
        "client_id": "app",
        "redirect_uri": "https://evil.test/",
        "sub": "x",
    }
    answer = await visitor.post(
        f"{site.issuer}/consent", {"ticket": ticket, "answer": "allow", **added, "state": "mine"}
    )
    assert answer.url.startswith(site.redirect_uri("shop"))
    assert back(answer)["state"] != "mine"
    async with http(site) as client:
        tokens = (await redeem_code(site, client, back(answer)["code"], "shop")).json()
        assert tokens["scope"] == "openid"
        assert "name" not in (await userinfo(site, client, tokens["access_token"])).json()


@pytest.mark.parametrize("demand", [{"max_age": "1"}, {"max_age": "0"}, {"prompt": "login"}])
async def test_a17_an_old_upstream_session_is_no_new_login(
    site: Site, visitor: Visitor, demand: dict[str, str]
) -> None:
    callback = await until_callback(site, visitor, **demand)
    await answer_with_id_token(site, callback, auth_time=int(time.time()) - 7200)
    page = await visitor.get(callback)
    assert back(page)["error"] == "login_required"
    assert "code" not in back(page)


async def test_a17_a_demand_for_a_new_login_is_passed_on_and_met(site: Site, visitor: Visitor) -> None:
    first = await sign_in(site, visitor)
    assert "code" in back(first)
    for demand in ({"max_age": "0"}, {"prompt": "login"}, {"prompt": "select_account"}):
        page = await visitor.get(authorize_url(site, idp_hint="google", **demand))
        assert page.has("person-ada"), "the session must not answer"
    callback = await until_callback(site, visitor, prompt="login")
    await answer_with_id_token(site, callback, auth_time=int(time.time()))
    assert "code" in back(await visitor.get(callback))
    assert query_of(visitor.history[0].url)["idp_hint"] == "google"


# --- id_token_hint ---


async def test_a18_a_hint_that_is_not_ours_for_this_client_and_person_is_an_error(site: Site, visitor: Visitor) -> None:
    mine = await tokens_for(site, visitor=visitor)
    good = await visitor.get(authorize_url(site, prompt="none", id_token_hint=mine["id_token"]))
    assert "code" in back(good)
    others = (await tokens_for(site, person="boris"))["id_token"]
    foreign = (await tokens_for(site, "second"))["id_token"]
    for name, hint in {"other user": others, "other client": foreign, **await forged(site, mine)}.items():
        page = await visitor.get(authorize_url(site, prompt="none", id_token_hint=hint))
        assert back(page)["error"] in {"login_required", "invalid_request"}, name
        assert "code" not in back(page)


async def forged(site: Site, tokens: dict[str, Any]) -> dict[str, str]:
    """Tokens that say what the good one says, and were not signed by us."""
    token = tokens["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    header = jwt.get_unverified_header(token)
    stranger = key("stranger", "RS256")
    async with http(site) as client:
        jwks = (await client.get("/jwks")).text
    head, body, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"nOnE","typ":"JWT"}').rstrip(b"=").decode()
    embedded = {"jwk": stranger.jwk(use="sig")}
    cases: dict[str, Callable[[], str]] = {
        "alg none": lambda: unsigned(claims),
        "alg nOnE": lambda: f"{none}.{body}.",
        "no signature": lambda: f"{head}.{body}.",
        "foreign key, our kid": lambda: stranger.sign(claims, kid=header["kid"]),
        "key in the header": lambda: stranger.sign(claims, **embedded),
        "HS256 with our key set": lambda: mac_signed(claims, jwks.encode(), kid=header["kid"]),
        "another issuer": lambda: stranger.sign({**claims, "iss": "https://evil.test"}, kid=header["kid"]),
        "an access token": lambda: tokens["access_token"],
        "text": lambda: "x",
        "changed": lambda: f"{head}.{body[:-2]}AA.{signature}",
        "five parts": lambda: f"{head}.{body}.{signature}.a.b",
    }
    return {name: make() for name, make in cases.items()}


# --- what a page gives away ---


async def test_a20_no_answer_to_a_post_repeats_the_post(site: Site, visitor: Visitor) -> None:
    page = await consent_page(site, visitor)
    ticket = page.form(consent_form(page)).fields["ticket"]
    visitor.scripts = False
    cookies = visitor.cookies.header(site.issuer, method="POST", initiator=None)
    async with http(site, headers={"Cookie": cookies}) as client:
        login = await client.post("/authorize", data=request_for(site, idp_hint="google"))
        consent = await client.post("/consent", data={"ticket": ticket, "answer": "allow"})
    assert login.status_code == 303
    assert urlsplit(login.headers["location"]).path == "/authorize"
    assert consent.status_code == 200
    assert "location" not in consent.headers
    assert 'http-equiv="refresh"' in consent.text
    assert ticket not in consent.text
    async with new_visitor() as other:
        callback = await until_callback(site, other, "ok-client")
        await other.get(callback)  # the landing page posts the fragment
        assert not {307, 308} & {step.status for step in other.history + visitor.history}


async def test_a21_no_page_of_the_flow_loads_or_tells_anything_elsewhere(site: Site, visitor: Visitor) -> None:
    pages = await tour(site, visitor)
    assert len(pages) > 20
    for page in pages:
        assert page.headers["referrer-policy"] == "no-referrer", page.url
        for script in page.markup.scripts:
            assert not script.get("src") or urlsplit(script["src"]).netloc in {"", site.host}
        assert not page.markup.frames
        for name in ("src=", "srcset="):
            assert f'{name}"http' not in page.text
            assert f'{name}"//' not in page.text
