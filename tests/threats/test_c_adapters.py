"""Threats C at the whole broker: what each upstream's peculiarity must not let through."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from broker.demo.people import ADA
from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    back,
    http,
    new_visitor,
    query_of,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import Site, running_site
from tests.threats.tours import answer_with_id_token, issued, sub_of
from tests.threats.ways import WAYS, Way

pytestmark = pytest.mark.anyio
everywhere = pytest.mark.parametrize("way", WAYS, ids=str)


# --- Google ---


async def test_c1_a_new_sub_with_a_known_address_is_a_new_account(site: Site, visitor: Visitor) -> None:
    known = await sub_of(site, scope="openid email")
    links = site.rows("links")
    callback = await until_callback(site, visitor, scope="openid email")
    await answer_with_id_token(site, callback, sub="999000111", email=ADA.email, email_verified=True)
    page = await visitor.get(callback)
    assert "code" in back(page)
    assert site.rows("links") == links + 1
    assert len({known, await sub_of(site, person="boris")}) == 2


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose Google admits one Workspace domain, and whose widget is embedded in our page."""

    def change(config: dict[str, dict[str, dict[str, object]]]) -> None:
        config["providers"]["google"]["hosted_domains"] = ["example.org"]
        config["providers"]["widget"]["bot_username"] = "sample_bot"

    with running_site(tmp_path_factory.mktemp("workspace"), change) as site:
        yield site


async def test_c1_d15_the_domain_gate_asks_hd_and_not_the_address(workspace: Site) -> None:
    site = workspace
    outcomes = (
        ({"hd": "example.org", "email": "a@example.org", "email_verified": True}, True),
        ({"email": "a@example.org", "email_verified": True}, False),
        ({"hd": "evil.example", "email": "a@example.org", "email_verified": True}, False),
        ({"hd": "gmail.com", "email": "a@gmail.com", "email_verified": True}, False),
        ({"hd": "example.org.evil.test", "email": "a@example.org", "email_verified": True}, False),
    )
    for claims, admitted in outcomes:
        async with new_visitor() as visitor:
            callback = await until_callback(site, visitor)
            await answer_with_id_token(site, callback, **claims)
            page = await visitor.get(callback)
            assert ("code" in back(page)) is admitted, claims
            assert admitted or page.status == 403
            site.clear()


# --- OK ---


@everywhere
async def test_c12_nothing_a_visitor_sends_is_signed_for_ok(site: Site, visitor: Visitor, way: Way) -> None:
    callback = await way.until_callback(site, visitor, "ok-client")
    extra = {
        "api_server": "https://evil.test/",
        "apiconnection": "1_2",
        "method": "friends.get",
        "uid": "1",
        "sig": "0" * 32,
    }
    fields = query_of(callback) | extra | {"application_key": "EVIL", "fields": "uid", "format": "xml"}
    page = await visitor.get(f"{callback.partition('#')[0]}#{urlencode(fields)}")
    assert way.believed(site, page), "a stranger's parameters are simply not looked at"
    calls = [entry["params"] for entry in site.emulators["ok"].log() if entry["path"] == "/fb.do"]
    assert calls
    for params in calls:
        assert isinstance(params, dict)
        assert params["application_key"] == "CKEY2"
        assert not {"api_server", "apiconnection"} & params.keys()
        assert params["method"] in {"users.getLoggedInUser", "users.getCurrentUser"}


@everywhere
async def test_c12_a_digit_moved_between_two_fields_is_refused(site: Site, visitor: Visitor, way: Way) -> None:
    callback = await way.until_callback(site, visitor, "ok-client")
    good = query_of(callback)
    token, secret = good["access_token"], good["session_secret_key"]
    moved = good | {"access_token": token + secret[0], "session_secret_key": secret[1:]}
    page = await visitor.get(f"{callback.partition('#')[0]}#{urlencode(moved)}")
    assert (page.status, way.believed(site, page)) == (502, False)


@everywhere
async def test_c13_a_token_in_a_fragment_counts_for_our_app_once_and_in_its_own_browser(
    site: Site, visitor: Visitor, way: Way
) -> None:
    callback = await way.until_callback(site, visitor, "ok-client")
    stranger = await way.until_callback(site, visitor, "ok")  # the other application's attempt
    assert stranger != callback
    fields = {"fragment": urlsplit(callback).fragment}
    bare = callback.partition("#")[0]
    async with http(site) as client:
        assert (await client.post(bare, data=fields)).status_code == 400, "no cookie of this attempt"
    callback = await way.until_callback(site, visitor, "ok-client")
    assert way.believed(site, await visitor.get(callback))
    assert (await visitor.get(callback)).status == 400, "once"
    fresh = await way.until_callback(site, visitor, "ok-client")
    mixed = query_of(fresh) | {"access_token": query_of(fresh)["access_token"] + "x"}
    page = await visitor.get(f"{bare}#{urlencode(mixed)}")
    assert (page.status, way.believed(site, page)) == (502, False), "a token that is none"
    landing = await visitor.get(bare)
    assert landing.headers["content-security-policy"].startswith("default-src 'none'")
    assert "connect-src" not in landing.headers["content-security-policy"]


@everywhere
async def test_c13_a_token_of_another_app_of_ok_is_refused(site: Site, visitor: Visitor, way: Way) -> None:
    ok = site.config["providers"]["ok-client"]
    base, other = site.emulators["ok"].url, str(int(ok["client_id"]) + 1)
    # The other application of the emulator, begun from our own first one: same upstream, another client id.
    async with new_visitor() as person:
        person.stops = ("https://other-app.example/",)
        first = min(site.raw_emulators["ok"].apps)
        foreign = next(
            a for a in site.raw_emulators["ok"].apps.values() if a.redirect_uris[0].startswith("https://other-app")
        )
        asked = {"client_id": foreign.client_id, "response_type": "token", "scope": "VALUABLE_ACCESS"}
        asked |= {"redirect_uri": foreign.redirect_uris[0], "state": "s", "_person": "ada"}
        theirs = query_of((await person.get(f"{base}/oauth/authorize?{urlencode(asked)}")).url)
        assert first
        assert other
    fresh = await way.until_callback(site, visitor, "ok-client")
    stolen = theirs | {"state": query_of(fresh)["state"]}
    page = await visitor.get(f"{fresh.partition('#')[0]}#{urlencode(stolen)}")
    assert (page.status, way.believed(site, page)) == (502, False)


# --- VK and all ---


@everywhere
async def test_c17_a_changed_person_or_device_in_the_callback_is_not_believed(
    site: Site, visitor: Visitor, way: Way
) -> None:
    callback = await way.until_callback(site, visitor, "vk")
    changed = query_of(callback) | {"device_id": "another"}
    page = await visitor.get(f"{callback.partition('?')[0]}?{urlencode(changed)}")
    assert (page.status, way.believed(site, page)) == (502, False)
    sub = await sub_of(site, "vk")
    callback = await way.until_callback(site, visitor, "vk")
    page = await visitor.get(f"{callback}&user_id=1&uid=1&email=victim@example.org")
    assert way.believed(site, page)
    assert "victim" not in page.text
    callback = await way.until_callback(site, visitor, "vk")
    site.emulators["vk"].fault("other_user_id", times=1)
    page = await visitor.get(callback)
    assert (page.status, way.believed(site, page)) == (502, False)
    assert sub == await sub_of(site, "vk")


async def test_c17_the_answer_in_one_json_parameter_is_the_same_answer(site: Site, visitor: Visitor) -> None:
    site.emulators["vk"].fault("payload_form", times=1)
    page = await sign_in(site, visitor, idp_hint="vk")
    assert "code" in back(page), f"{page.status} {page.title}"


async def test_c18_an_address_nobody_checked_links_nothing_and_says_so(site: Site) -> None:
    subs = {}
    for provider in ("google", "vk", "ok", "yandex"):
        tokens = await tokens_for(site, idp_hint=provider, scope="openid email")
        async with http(site) as client:
            claims = (await userinfo(site, client, tokens["access_token"])).json()
        subs[provider] = claims["sub"]
        if provider in {"vk", "ok"} and "email" in claims:
            assert claims["email_verified"] is False
    assert len(set(subs.values())) == 4, "one address, four people"
    assert issued(site)[0] == issued(site)[1], "every account has exactly one link"
