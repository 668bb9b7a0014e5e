"""Threats C at the whole broker: what Telegram signs, and how often and for whom it counts."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from broker.demo.people import ADA
from broker.demo.upstreams.telegram_signed import auth_result, fields_of, signed
from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import (
    authorize_url,
    back,
    http,
    new_visitor,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import Site
from tests.threats.tours import signed_link, sub_of
from tests.threats.ways import ADD, JOIN, LINK, LOGIN, STEP_UP, WAYS, Way, at_home

pytestmark = pytest.mark.anyio
everywhere = pytest.mark.parametrize("way", WAYS, ids=str)


def widget_answer(site: Site, callback: str, fields: dict[str, str]) -> str:
    """The callback with these signed fields in its fragment."""
    return f"{callback.partition('#')[0]}#tgAuthResult={auth_result(fields)}"


def bot_token(site: Site) -> str:
    """Of the bot both Telegram instances are."""
    return str(site.config["providers"]["widget"]["bot_token"])


def fresh(site: Site) -> dict[str, str]:
    """What Telegram says of Ada now; unlike all it said before, for each reply counts once."""
    return signed({**fields_of(ADA, int(time.time())), "username": f"ada_{secrets.token_hex(4)}"}, bot_token(site))


async def present(site: Site, visitor: Visitor, fields: dict[str, str], way: Way = LOGIN) -> Page:
    """Set out for the widget and answer it with these fields."""
    callback = await way.until_callback(site, visitor, "widget")
    return await visitor.get(widget_answer(site, callback, fields))


@everywhere
async def test_c8_a_signed_reply_counts_once_and_for_five_minutes(site: Site, visitor: Visitor, way: Way) -> None:
    reply = fresh(site)
    page = await present(site, visitor, reply, way)
    assert way.believed(site, page), f"{page.status} {page.url}"
    for other in WAYS:
        again = await present(site, visitor, reply, other)
        assert (again.status, back(again)) == (400, {}), f"not at {other} either"
    async with new_visitor() as stranger:
        assert (await present(site, stranger, reply, way)).status == 400, "nor in another browser"
    for age in (301, 86400, -75, -3600):
        old = signed(fields_of(ADA, int(time.time()) - age), bot_token(site))
        page = await present(site, visitor, old, way)
        assert (page.status, way.believed(site, page)) == (502, False), age
    forged = signed(fields_of(ADA, int(time.time())), "7000000009:another-token")
    assert (await present(site, visitor, forged, way)).status == 502


@everywhere
async def test_c8_a_reply_needs_the_attempt_that_asked_for_it(site: Site, visitor: Visitor, way: Way) -> None:
    callback = await way.until_callback(site, visitor, "widget")
    fields = {"fragment": urlsplit(callback).fragment}
    async with new_visitor() as stranger:
        bare = callback.partition("#")[0]
        page = await stranger.post(bare, fields)
        assert page.status == 400
    assert (await visitor.get(callback)).status == 400, "the state was shown by a stranger and is burnt"


def regrouped(lines: dict[str, str]) -> Iterator[dict[str, str]]:
    """Every way in which a value may swallow the lines after it; the text that is signed stays the same."""
    names = sorted(lines)
    for cut in range(1, 2 ** (len(names) - 1)):
        fields: dict[str, str] = {}
        last = names[0]
        for position, name in enumerate(names):
            if position and cut >> (position - 1) & 1:
                fields[last] += f"\n{name}={lines[name]}"
            else:
                fields[name], last = lines[name], name
        yield fields


@everywhere
async def test_c9_a_line_feed_moves_no_field(site: Site, visitor: Visitor, way: Way) -> None:
    lines = {"auth_date": str(int(time.time())), "first_name": "Ada", "id": ADA.ids["telegram"], "last_name": "L"}
    lines |= {"photo_url": "https://t.me/x.jpg", "username": "ada"}
    genuine = signed(lines, bot_token(site))
    whole = 0
    for moved in regrouped(lines):
        text = "\n".join(f"{name}={moved[name]}" for name in sorted(moved))
        mac = hmac.new(hashlib.sha256(bot_token(site).encode()).digest(), text.encode(), hashlib.sha256).hexdigest()
        assert mac == genuine["hash"], "the attack must be a real one"
        complete = moved.get("id", "").isdigit() and moved["auth_date"].isdigit()
        whole += complete
        if not complete and way is not LOGIN:
            continue
        packed = urlsafe_b64encode(json.dumps({**moved, "hash": mac}).encode()).rstrip(b"=").decode()
        callback = await way.until_callback(site, visitor, "widget")
        page = await visitor.get(f"{callback.partition('#')[0]}#tgAuthResult={packed}")
        assert (page.status, back(page)) == (502, {})
    assert whole == 3, "in these everything that is needed is there, and only the line feeds are wrong"
    for spelling in ("042", "4.2", "+42", "4e2", "0x2a", "-42", ""):
        odd = signed({**lines, "id": spelling}, bot_token(site))
        text = urlsafe_b64encode(json.dumps(odd).encode()).rstrip(b"=").decode()
        callback = await way.until_callback(site, visitor, "widget")
        assert (await visitor.get(f"{callback.partition('#')[0]}#tgAuthResult={text}")).status == 502


async def test_c24_a_field_that_telegram_adds_one_day_ends_no_login(site: Site, visitor: Visitor) -> None:
    new = {"language_code": "en", "is_premium": "true"}
    fields = signed({**fields_of(ADA, int(time.time())), **new}, bot_token(site))
    assert "code" in back(await present(site, visitor, fields))
    assert (await present(site, visitor, {**fields, "role": "admin"})).status == 502, "and nobody else adds one"
    moved = {name: value for name, value in fields.items() if name != "language_code"}
    moved["is_premium"] += "\nlanguage_code=en"
    assert (await present(site, visitor, moved)).status == 502


def mini_app_data(fields: dict[str, str], token: str) -> dict[str, str]:
    """Signed as Telegram signs the data of a Mini App: another key from the same token."""
    text = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
    secret = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    return {**fields, "hash": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()}


@everywhere
async def test_c10_c11_data_of_a_mini_app_is_no_widget_reply(site: Site, visitor: Visitor, way: Way) -> None:
    now = str(int(time.time()))
    user = json.dumps({"id": int(ADA.ids["telegram"]), "first_name": "Ada"}, separators=(",", ":"))
    for fields in (
        {"auth_date": now, "query_id": "AA", "user": user},
        {"auth_date": now, "id": ADA.ids["telegram"], "first_name": "Ada"},
    ):
        data = mini_app_data(fields, bot_token(site))
        assert (await present(site, visitor, data, way)).status == 502
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


async def test_c22_at_their_account_page_too_one_bot_is_one_set_of_people(site: Site, visitor: Visitor) -> None:
    await at_home(site, visitor, "telegram", "ada")
    # Who came by OpenID Connect shows by the widget that it is them, and has nothing to add by it.
    assert STEP_UP.believed(site, await present(site, visitor, fresh(site), STEP_UP))
    page = await present(site, visitor, fresh(site), ADD)
    assert (page.status, urlsplit(page.url).path) == (200, "/account"), "it is theirs already"
    assert len([name for name in page.markup.attributes if name.startswith("way-")]) == 1
    # To somebody else it is the way into another account, whichever of the two it comes by.
    page = await present(site, visitor, fresh(site), LINK)
    assert (LINK.believed(site, page), page.has("moves")) == (True, True)
    # And to somebody new the account that they looked for.
    assert JOIN.believed(site, await present(site, visitor, fresh(site), JOIN))


async def test_c20_an_upstream_without_state_in_its_answer_is_bound_by_the_path(site: Site, visitor: Visitor) -> None:
    callback = await until_callback(site, visitor, "widget", person="zoe")
    path = urlsplit(callback).path
    assert len(path.removeprefix("/callback/widget/")) == 43
    elsewhere = callback.replace(path, "/callback/widget/" + "A" * 43)
    assert (await visitor.get(elsewhere)).status == 400
    await visitor.get(authorize_url(site))
    assert "code" in back(await visitor.get(callback))
