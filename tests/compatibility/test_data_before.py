"""Data of versions before opens with everybody in it: nobody signs in twice, nobody becomes somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import jwt
import pytest

from broker.demo.upstreams import Telegram
from broker.demo.visitor import Page
from tests.compatibility.world_of_then import DATA, ISSUER, MINTED, World, world_of_then
from tests.threats.journeys import authorize_url, back, introspect, own_token, redeem, refresh, sign_in, userinfo, walk

pytestmark = pytest.mark.anyio
PROVEN, UNPROVEN = "ada.lovelace@gmail.com", "zoe+odd&co@example.org"
ASKED_ONCE_MORE = {"schema-6"}
"""A yes was bound to what its page promised with schema 7; what was agreed to or asked before is asked anew."""
WITHOUT_MESSAGES = {"schema-6", "schema-7"}
"""Apps write to people with schema 9."""


@pytest.fixture(params=sorted(folder.name for folder in DATA.iterdir() if folder.is_dir()))
def version(request: pytest.FixtureRequest) -> str:
    """The name of a folder of data."""
    return str(request.param)


@pytest.fixture
async def world(version: str, tmp_path: Path) -> AsyncIterator[World]:
    """A copy of its own for every test."""
    async with world_of_then(DATA / version, tmp_path) as world:
        yield world


def everybody(world: World, *, but: str = "") -> dict[str, Mapping[str, Any]]:
    """What each app got at a login, by a name for the failure; `but` is a client_id."""
    logins = {f"{one['provider']} {one['person']}": one for one in world.known["logins"]}
    logins |= {name: world.known[name] for name in ("shop", "bank", "spa", "registered", "heard")}
    return {name: login for name, login in logins.items() if login["client_id"] != but}


def sub_in(answer: httpx2.Response) -> str:
    """Whom the ID token of a token answer is about."""
    assert answer.status_code == 200, answer.text
    return str(jwt.decode(answer.json()["id_token"], options={"verify_signature": False})["sub"])


async def whom(world: World, page: Page, client_id: str = "app") -> str:
    """Who an app is told has come back to it."""
    assert "code" in back(page), f"{client_id}: {page.url} {page.status} {page.title}"
    return sub_in(await redeem(world.site, world.client, page.params["code"], client_id))


def ada_of(world: World, provider: str) -> str:
    """Her `sub` at the app."""
    return str(everybody(world)[f"{provider} ada"]["sub"])


async def test_every_refresh_token_goes_on_as_the_same_person(world: World) -> None:
    for name, login in everybody(world, but="hearing").items():
        answer = await refresh(world.site, world.client, login["refresh_token"], login["client_id"])
        assert sub_in(answer) == login["sub"], name
        again = await refresh(world.site, world.client, answer.json()["refresh_token"], login["client_id"])
        assert sub_in(again) == login["sub"], name


async def test_every_access_token_still_says_whom_it_is_about(world: World) -> None:
    for name, login in everybody(world).items():
        answer = await userinfo(world.site, world.client, login["access_token"])
        assert (answer.status_code, answer.json()["sub"]) == (200, login["sub"]), name


async def test_every_session_signs_on_silently_with_a_hint_of_then(world: World, version: str) -> None:
    for name, login in everybody(world).items():
        async with world.browser(login["cookies"]) as visitor:
            url = authorize_url(world.site, login["client_id"], prompt="none", id_token_hint=login["id_token"])
            page = await visitor.get(url)
            if version in ASKED_ONCE_MORE and name in {"shop", "registered"}:
                assert "consent_required" in f"{page.url} {page.text}", name
            else:
                assert await whom(world, page, login["client_id"]) == login["sub"], name


async def test_whoever_signs_in_anew_is_who_they_were(world: World) -> None:
    for name, login in everybody(world).items():
        async with world.browser() as visitor:
            page = await sign_in(world.site, visitor, login["client_id"], login["person"], idp_hint=login["provider"])
            assert await whom(world, page, login["client_id"]) == login["sub"], name


async def test_what_was_signed_then_verifies_by_a_published_key(world: World) -> None:
    keys = {key["kid"]: jwt.PyJWK(key) for key in (await world.client.get("/jwks")).json()["keys"]}
    for name, login in everybody(world).items():
        kid = jwt.get_unverified_header(login["id_token"])["kid"]
        told = jwt.decode(login["id_token"], keys[kid], audience=login["client_id"], options={"verify_exp": False})
        assert told["sub"] == login["sub"], name


async def test_logins_under_way_arrive(world: World) -> None:
    for begun in world.known["begun"]:
        async with world.browser(begun["cookies"]) as visitor:
            page = await walk(await visitor.get(begun["url"]), visitor)
            assert page.params["state"] == begun["state"]
            assert await whom(world, page) == ada_of(world, begun["provider"]), begun["provider"]


async def test_codes_under_way_are_redeemed(world: World) -> None:
    for client_id, code in world.known["codes"].items():
        answer = await redeem(world.site, world.client, code, client_id)
        assert sub_in(answer) == ada_of(world, "company"), client_id


async def test_pushed_requests_are_shown_and_answered(world: World) -> None:
    pushed = world.known["pushed"]
    async with world.browser() as visitor:
        page = await visitor.get(f"{ISSUER}/authorize?client_id=app&request_uri={pushed['fresh']}")
        page = await walk(page, visitor)
        assert page.params["state"] == "pushed"
        assert await whom(world, page) == ada_of(world, "google")
    async with world.browser(pushed["cookies"]) as visitor:
        page = await walk(await visitor.get(pushed["at"]), visitor)
        assert page.params["state"] == "shown"
        assert await whom(world, page) == ada_of(world, "google")


async def test_devices_that_wait_hear_their_answer(world: World, version: str) -> None:
    waiting, allowed, asked = (world.known["devices"][name] for name in ("waiting", "allowed", "asked"))
    async with world.browser() as visitor:
        await visitor.get(waiting["told"]["verification_uri_complete"])
        await visitor.click("continue")
        await visitor.click("provider-google")
        await visitor.click("person-ada")
        assert (await visitor.click("allow")).has("done")
    async with world.browser(asked["cookies"]) as visitor:
        page = await visitor.post(f"{ISSUER}/device/confirm", {"ticket": asked["ticket"], "answer": "allow"})
        assert page.has("done") is (version not in ASKED_ONCE_MORE)
    for device in (waiting, allowed, *(() if version in ASKED_ONCE_MORE else (asked,))):
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "tv"}
        answer = await world.client.post("/token", data=form | {"device_code": device["told"]["device_code"]})
        assert sub_in(answer) == ada_of(world, "google")


async def test_questions_on_the_screen_are_answered(world: World, version: str) -> None:
    question, entry = world.known["question"], world.known["entry"]
    async with world.browser(question["cookies"]) as visitor:
        page = await visitor.post(f"{ISSUER}/consent", {"ticket": question["ticket"], "answer": "allow"})
        assert ("code" in back(page)) is (version not in ASKED_ONCE_MORE)
    async with world.browser(entry["cookies"]) as visitor:
        page = await visitor.post(f"{ISSUER}{entry['path']}", {"ticket": entry["ticket"], "answer": "allow"})
        assert page.url.startswith("https://app.example.com/login?"), f"{page.url} {page.status} {page.title}"
        assert await whom(world, await visitor.get(authorize_url(world.site, prompt="none")))


async def test_what_ended_then_has_ended(world: World) -> None:
    alive, revoked = world.known["robot"]
    assert (await introspect(world.site, world.client, alive, "robot"))["active"] is True
    assert (await introspect(world.site, world.client, revoked, "robot"))["active"] is False
    answer = await refresh(world.site, world.client, world.known["revoked"]["refresh_token"])
    assert answer.json()["error"] == "invalid_grant"
    for name in ("logged_out", "over"):
        async with world.browser(world.known[name]["cookies"]) as visitor:
            page = await visitor.get(authorize_url(world.site, prompt="none"))
            assert back(page)["error"] == "login_required", name


async def test_a_refresh_token_that_was_spent_ends_its_family(world: World) -> None:
    world.clock.now += 3600
    for name, login in everybody(world).items():
        for spent in login.get("spent", ()):
            assert (await refresh(world.site, world.client, spent)).json()["error"] == "invalid_grant", name
        if login.get("spent"):
            answer = await refresh(world.site, world.client, login["refresh_token"])
            assert answer.json()["error"] == "invalid_grant", name


async def test_logouts_that_an_app_did_not_hear_of_are_told(world: World) -> None:
    world.clock.now += 60
    await world.broker.deliveries.look()
    await world.broker.deliveries.settle()
    told = [jwt.decode(token, options={"verify_signature": False}) for token in world.told]
    assert world.known["logged_out"]["sub"] in {claims["sub"] for claims in told}
    assert {claims["aud"] for claims in told} == {"hearing"}


async def test_a_logout_that_is_at_the_upstream_comes_back(world: World) -> None:
    leaving = world.known["leaving"]
    sent = dict(parse_qsl(urlsplit(leaving["url"]).query))
    async with world.browser(leaving["cookies"]) as visitor:
        page = await visitor.get(f"{sent['post_logout_redirect_uri']}?state={sent['state']}")
        assert page.status == 200
        assert "Hearing" in page.text


async def test_an_upstream_is_asked_with_the_token_it_gave_then(world: World) -> None:
    world.clock.now += 601
    login = everybody(world)["company ada"]
    answer = await refresh(world.site, world.client, login["refresh_token"])
    assert answer.json()["error"] == "invalid_grant", "the upstream of today does not know that token"
    asked = [call["params"] for call in world.emulators["oidc"].control.seen if call["path"] == "/token"]
    assert [isinstance(form, dict) and form["refresh_token"].startswith(MINTED) for form in asked] == [True]


async def test_an_address_that_was_proven_then_is_known_as_proven(world: World) -> None:
    people = world.broker.durable.people
    found = {address: await people.sharing_address(address) for address in (PROVEN, UNPROVEN)}
    assert {person.account.sub for person in found[PROVEN]} == {ada_of(world, "google"), ada_of(world, "company")}
    assert found[UNPROVEN] == ()


async def test_an_app_that_registered_itself_keeps_its_entry(world: World) -> None:
    entry = world.known["registered"]["entry"]
    headers = {"Authorization": f"Bearer {entry['registration_access_token']}"}
    answer = await world.client.get(entry["registration_client_uri"], headers=headers)
    assert (answer.status_code, answer.json()["client_id"]) == (200, entry["client_id"])
    assert answer.json()["redirect_uris"] == entry["redirect_uris"]


async def test_messages_that_waited_arrive_and_what_came_of_others_is_known(world: World, version: str) -> None:
    messages = world.known.get("messages", {})
    assert bool(messages) is (version not in WITHOUT_MESSAGES)
    if messages:
        assert world.broker.sending is not None
        world.clock.now += 60
        await world.broker.sending.look()
        await world.broker.sending.settle()
        headers = {"Authorization": f"Bearer {await own_token(world.site, world.client, 'app')}"}
        for name, message_id in messages.items():
            answer = await world.client.get(f"/notify/{message_id}", headers=headers)
            assert (answer.status_code, answer.json()["status"]) == (200, "sent"), name
        telegram = world.emulators["telegram"]
        assert isinstance(telegram, Telegram)
        assert [one.text for one in telegram.bots.arrived] == ["A message of then, waiting"]
