"""Threats C at the whole broker: what each upstream's peculiarity must not let through."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from broker.demo.people import ADA
from broker.demo.upstreams.telegram_fields import auth_result, fields_of, signed
from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import (
    authorize_url,
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
from tests.threats.test_a_consent import answer_with_id_token
from tests.threats.test_b_browser import issued
from tests.threats.test_b_providers import signed_link

pytestmark = pytest.mark.anyio


async def sub_of(site: Site, provider: str = "google", person: str = "ada", scope: str = "openid") -> str:
    """The subject our app is given."""
    tokens = await tokens_for(site, person=person, idp_hint=provider, scope=scope)
    async with http(site) as client:
        return str((await userinfo(site, client, tokens["access_token"])).json()["sub"])


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


# --- Telegram ---


def widget_answer(site: Site, callback: str, fields: dict[str, str]) -> str:
    """The callback with these signed fields in its fragment."""
    return f"{callback.partition('#')[0]}#tgAuthResult={auth_result(fields)}"


def bot_token(site: Site) -> str:
    """Of the bot both Telegram instances are."""
    return str(site.config["providers"]["widget"]["bot_token"])


async def present(site: Site, visitor: Visitor, fields: dict[str, str]) -> Page:
    """Begin a login by the widget and answer it with these fields."""
    callback = await until_callback(site, visitor, "widget", prompt="login")
    return await visitor.get(widget_answer(site, callback, fields))


async def test_c8_a_signed_reply_counts_once_and_for_five_minutes(site: Site, visitor: Visitor) -> None:
    fresh = signed(fields_of(ADA, int(time.time())), bot_token(site))
    assert "code" in back(await present(site, visitor, fresh))
    again = await present(site, visitor, fresh)
    assert (again.status, back(again)) == (400, {})
    async with new_visitor() as other:
        assert (await present(site, other, fresh)).status == 400, "nor in another browser, nor in another attempt"
    for age in (301, 86400, -31, -3600):
        old = signed(fields_of(ADA, int(time.time()) - age), bot_token(site))
        page = await present(site, visitor, old)
        assert (page.status, "code" in back(page)) == (502, False), age
    forged = signed(fields_of(ADA, int(time.time())), "7000000009:another-token")
    assert (await present(site, visitor, forged)).status == 502


async def test_c8_a_reply_needs_the_attempt_that_asked_for_it(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, "widget")
    fields = {"fragment": urlsplit(callback).fragment}
    async with new_visitor() as stranger:
        bare = callback.partition("#")[0]
        page = await stranger.post(bare, fields)
        assert page.status == 400
    assert (await visitor.get(callback)).status == 400, "the state was shown by a stranger and is burnt"


async def test_c9_a_line_feed_moves_no_field(site: Site, visitor: Visitor) -> None:
    now = int(time.time())
    lines = {"auth_date": str(now), "first_name": "Ada", "id": ADA.ids["telegram"], "username": "ada"}
    genuine = signed(lines, bot_token(site))
    names = sorted(lines)
    for keep in range(1, len(names)):
        # One value swallows the lines after it: the check string, and so the signature, stays the same.
        moved = {name: lines[name] for name in names[:keep]}
        moved[names[keep - 1]] += "".join(f"\n{name}={lines[name]}" for name in names[keep:])
        mac = hmac.new(
            hashlib.sha256(bot_token(site).encode()).digest(),
            "\n".join(f"{name}={moved[name]}" for name in sorted(moved)).encode(),
            hashlib.sha256,
        ).hexdigest()
        assert mac == genuine["hash"], "the attack must be a real one"
        text = urlsafe_b64encode(json.dumps({**moved, "hash": mac}).encode()).rstrip(b"=").decode()
        callback = await until_callback(site, visitor, "widget", prompt="login")
        page = await visitor.get(f"{callback.partition('#')[0]}#tgAuthResult={text}")
        assert (page.status, "code" in back(page)) == (502, False)
    unknown = signed({**lines, "role": "admin"}, bot_token(site))
    assert (await present(site, visitor, unknown)).status == 502
    for spelling in ("042", "4.2", "+42", "4e2", "0x2a", "-42", ""):
        odd = signed({**lines, "id": spelling}, bot_token(site))
        text = urlsafe_b64encode(json.dumps(odd).encode()).rstrip(b"=").decode()
        callback = await until_callback(site, visitor, "widget", prompt="login")
        assert (await visitor.get(f"{callback.partition('#')[0]}#tgAuthResult={text}")).status == 502


def mini_app_data(fields: dict[str, str], token: str) -> dict[str, str]:
    """Signed as Telegram signs the data of a Mini App: another key from the same token."""
    text = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
    secret = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    return {**fields, "hash": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()}


async def test_c10_c11_data_of_a_mini_app_is_no_widget_reply(site: Site, visitor: Visitor) -> None:
    now = str(int(time.time()))
    user = json.dumps({"id": int(ADA.ids["telegram"]), "first_name": "Ada"}, separators=(",", ":"))
    for fields in (
        {"auth_date": now, "query_id": "AA", "user": user},
        {"auth_date": now, "id": ADA.ids["telegram"], "first_name": "Ada"},
    ):
        data = mini_app_data(fields, bot_token(site))
        assert (await present(site, visitor, data)).status == 502
        link = f"{site.issuer}/enter/telegram/app?{urlencode(data)}"
        page = await visitor.get(link)
        assert (page.status, page.has("allow")) == (400, False)


async def test_c8_a_link_from_a_chat_logs_nobody_in_before_they_say_so(site: Site, visitor: Visitor) -> None:
    link = await signed_link(site, "telegram", "boris")
    page = await visitor.get(link)
    assert page.has("allow")
    assert not [c for c in visitor.cookies.sent_to(site.issuer) if c.name == "__Host-session"]
    ticket = next(form for form in page.markup.forms if "ticket" in form.fields).fields["ticket"]
    async with new_visitor() as other:
        assert (await other.get(link)).has("allow"), "reading it spends nothing"
        stolen = await other.post(f"{site.issuer}/enter/telegram/app", {"ticket": ticket, "answer": "allow"})
        assert stolen.status == 403
    foreign = await visitor.post(
        f"{site.issuer}/enter/telegram/app", {"ticket": ticket, "answer": "allow"}, initiator="https://evil.test/"
    )
    assert foreign.status == 403
    await visitor.get(link)
    done = await visitor.click("allow")
    assert done.url.startswith("https://app.example.com/login?iss=")
    again = await visitor.post(f"{site.issuer}/enter/telegram/app", {"ticket": ticket, "answer": "allow"})
    assert again.status == 400
    async with new_visitor() as third:
        await third.get(link)
        spent = await third.click("allow")
        assert spent.status == 400, "the link was used"


async def test_c22_one_bot_is_one_set_of_people_in_all_three_ways(site: Site, visitor: Visitor) -> None:
    by_oidc, by_widget = await sub_of(site, "telegram"), await sub_of(site, "widget")
    await visitor.get(await signed_link(site, "telegram"))
    await visitor.click("allow")
    tokens = await tokens_for(site, visitor=visitor, idp_hint="telegram")
    async with http(site) as client:
        by_link = (await userinfo(site, client, tokens["access_token"])).json()["sub"]
    assert by_oidc == by_widget == by_link


# --- OK ---


async def test_c12_nothing_a_visitor_sends_is_signed_for_ok(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, "ok-client")
    extra = {
        "api_server": "https://evil.test/",
        "apiconnection": "1_2",
        "method": "friends.get",
        "uid": "1",
        "sig": "0" * 32,
    }
    fields = query_of(callback) | extra | {"application_key": "EVIL", "fields": "uid", "format": "xml"}
    page = await visitor.get(f"{callback.partition('#')[0]}#{urlencode(fields)}")
    assert "code" in back(page), "a stranger's parameters are simply not looked at"
    calls = [entry["params"] for entry in site.emulators["ok"].log() if entry["path"] == "/fb.do"]
    assert calls
    for params in calls:
        assert isinstance(params, dict)
        assert params["application_key"] == "CKEY2"
        assert not {"api_server", "apiconnection"} & params.keys()
        assert params["method"] in {"users.getLoggedInUser", "users.getCurrentUser"}


async def test_c12_a_digit_moved_between_two_fields_is_refused(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, "ok-client")
    good = query_of(callback)
    token, secret = good["access_token"], good["session_secret_key"]
    moved = good | {"access_token": token + secret[0], "session_secret_key": secret[1:]}
    page = await visitor.get(f"{callback.partition('#')[0]}#{urlencode(moved)}")
    assert (page.status, "code" in back(page)) == (502, False)


async def test_c13_a_token_in_a_fragment_counts_for_our_app_once_and_in_its_own_browser(
    site: Site, visitor: Visitor
) -> None:
    callback = await until_callback(site, visitor, "ok-client")
    stranger = await until_callback(site, visitor, "ok")  # the other application's attempt
    assert stranger != callback
    fields = {"fragment": urlsplit(callback).fragment}
    bare = callback.partition("#")[0]
    async with http(site) as client:
        assert (await client.post(bare, data=fields)).status_code == 400, "no cookie of this attempt"
    callback = await until_callback(site, visitor, "ok-client")
    assert "code" in back(await visitor.get(callback))
    assert (await visitor.get(callback)).status == 400, "once"
    async with new_visitor() as attacker:
        theirs = query_of(await until_callback(site, attacker, "ok-client", person="boris"))
    fresh = await until_callback(site, visitor, "ok-client", prompt="login")
    mixed = query_of(fresh) | {"access_token": theirs["access_token"]}
    page = await visitor.get(f"{bare}#{urlencode(mixed)}")
    assert (page.status, "code" in back(page)) == (502, False), "a token without the secret of its session"
    landing = await visitor.get(bare)
    assert landing.headers["content-security-policy"].startswith("default-src 'none'")
    assert "connect-src" not in landing.headers["content-security-policy"]


async def test_c13_a_token_of_another_app_of_ok_is_refused(site: Site, visitor: Visitor) -> None:
    ok = site.config["providers"]["ok-client"]
    base, other = site.emulators["ok"].url, str(int(ok["client_id"]) + 1)
    # The other application of the emulator, begun from our own first one: same upstream, another client id.
    async with new_visitor() as person:
        person.stops = ("http://other-app.localhost/",)
        first = min(site.raw_emulators["ok"].apps)
        foreign = next(
            a for a in site.raw_emulators["ok"].apps.values() if a.redirect_uris[0].startswith("http://other-app")
        )
        asked = {"client_id": foreign.client_id, "response_type": "token", "scope": "VALUABLE_ACCESS"}
        asked |= {"redirect_uri": foreign.redirect_uris[0], "state": "s", "_person": "ada"}
        theirs = query_of((await person.get(f"{base}/oauth/authorize?{urlencode(asked)}")).url)
        assert first
        assert other
    fresh = await until_callback(site, visitor, "ok-client")
    stolen = theirs | {"state": query_of(fresh)["state"]}
    page = await visitor.get(f"{fresh.partition('#')[0]}#{urlencode(stolen)}")
    assert (page.status, "code" in back(page)) == (502, False)


# --- VK and all ---


async def test_c17_a_changed_person_or_device_in_the_callback_is_not_believed(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, "vk")
    changed = query_of(callback) | {"device_id": "another"}
    page = await visitor.get(f"{callback.partition('?')[0]}?{urlencode(changed)}")
    assert (page.status, "code" in back(page)) == (502, False)
    sub = await sub_of(site, "vk")
    callback = await until_callback(site, visitor, "vk")
    page = await visitor.get(f"{callback}&user_id=1&uid=1&email=victim@example.org")
    assert "code" in back(page)
    site.emulators["vk"].fault("other_user_id", times=1)
    assert (await sign_in(site, visitor, idp_hint="vk", prompt="login")).status == 502
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


async def test_c20_an_upstream_without_state_in_its_answer_is_bound_by_the_path(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, "widget")
    path = urlsplit(callback).path
    assert len(path.removeprefix("/callback/widget/")) == 43
    elsewhere = callback.replace(path, "/callback/widget/" + "A" * 43)
    assert (await visitor.get(elsewhere)).status == 400
    await visitor.get(authorize_url(site))
    assert "code" in back(await visitor.get(callback))
