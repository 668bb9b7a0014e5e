"""Threats B at every way in: an answer belongs to one browser, one attempt, one time, one provider and one session."""

from __future__ import annotations

import asyncio
from itertools import permutations
from urllib.parse import urlsplit

import pytest
from anyio import fail_after

from broker.demo.visitor import Visitor
from tests.threats.journeys import http, new_visitor, sign_in, until_callback
from tests.threats.site import Site
from tests.threats.tours import CALLS, issued
from tests.threats.ways import ADD, JOIN, LINK, STEP_UP, WAYS, Way, asked, at_home

pytestmark = pytest.mark.anyio
everywhere = pytest.mark.parametrize("way", WAYS, ids=str)
TITLES = {"google": "Google", "vk": "VK", "ok": "Odnoklassniki", "yandex": "Yandex"}


def calls(site: Site) -> int:
    """How often any upstream was asked about somebody."""
    logs = [entry for emulator in site.emulators.values() for entry in emulator.log()]
    return sum(str(entry["path"]) in CALLS for entry in logs)


def events(site: Site, name: str) -> list[dict[str, object]]:
    """The events of this name, in order."""
    return [line for line in site.log() if line.get("event") == name]


@everywhere
async def test_b1_d10_an_answer_in_another_browser_is_refused_and_the_state_is_burnt(
    site: Site, visitor: Visitor, way: Way
) -> None:
    for others in (None, "boris"):
        callback = await way.until_callback(site, visitor, "vk")
        before, told = issued(site), calls(site)
        async with new_visitor() as other:
            if others:
                await at_home(site, other, "yandex", others)
                before, told = issued(site), calls(site)
            assert (await other.get(callback)).status == 400
        assert (await visitor.get(callback)).status == 400, "the state has leaked; it is dead for its owner too"
        assert (issued(site), calls(site)) == (before, told)


@everywhere
async def test_b2_of_fifty_callbacks_at_once_one_reaches_the_upstream(site: Site, visitor: Visitor, way: Way) -> None:
    callback = await way.until_callback(site, visitor, "google")
    cookies, before = visitor.cookies.header(callback, method="GET", initiator=None), tokens_asked(site)
    async with http(site, headers={"Cookie": cookies}) as client:
        answers = await asyncio.gather(*(client.get(callback) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 49
    assert tokens_asked(site) == before + 1
    assert (await visitor.get(callback)).status == 400, "nor later"


def tokens_asked(site: Site) -> int:
    return sum(entry["path"] == "/token" for entry in site.emulators["google"].log())


@everywhere
@pytest.mark.parametrize(("begun", "arrived"), [("google", "yandex"), ("google", "google-two"), ("vk", "telegram")])
async def test_b3_b5_an_answer_counts_at_the_callback_it_was_asked_for(
    site: Site, visitor: Visitor, way: Way, begun: str, arrived: str
) -> None:
    callback = await way.until_callback(site, visitor, begun)
    before, told = issued(site), calls(site)
    page = await visitor.get(callback.replace(f"/callback/{begun}", f"/callback/{arrived}", 1))
    assert (page.status, way.believed(site, page)) == (400, False)
    assert (issued(site), calls(site)) == (before, told)


@everywhere
async def test_b16_an_error_is_never_success_at_any_way_in(site: Site, visitor: Visitor, way: Way) -> None:
    callback = await way.until_callback(site, visitor, "google")
    told = calls(site)
    page = await visitor.get(f"{callback}&error=access_denied")
    assert (page.status, way.believed(site, page)) == (403, False)
    assert calls(site) == told
    assert page.markup.targets, "no dead end"


# --- B6: who began it is who ends it ---


async def test_b6_a_way_in_is_added_in_the_session_that_asked_for_it_and_in_no_other(
    site: Site, visitor: Visitor
) -> None:
    """Somebody else signs in to the browser between the way to the upstream and the way back."""
    callback = await LINK.until_callback(site, visitor, "vk")
    kept = [cookie for cookie in visitor.cookies.sent_to(site.issuer) if cookie.name.startswith("__Host-flow-")]
    await at_home(site, visitor, "yandex", "zoe")
    assert kept, "the attempt itself is still there"
    before, refused = issued(site), len(events(site, "account.link_refused"))
    page = await visitor.get(callback)
    assert (page.status, LINK.believed(site, page)) == (403, False)
    assert issued(site) == before
    with fail_after(10):  # the log is written beside the work
        while len(events(site, "account.link_refused")) == refused:
            await asyncio.sleep(0.05)
    assert events(site, "account.link_refused")[-1]["reason"] == "another session"


async def test_b6_a_way_in_is_not_added_for_who_signed_out_meanwhile(site: Site, visitor: Visitor) -> None:
    callback = await LINK.until_callback(site, visitor, "vk")
    await visitor.get(f"{site.issuer}/logout")
    await visitor.click("logout")
    before = issued(site)
    page = await visitor.get(callback)
    assert (page.status, LINK.believed(site, page)) == (403, False)
    assert issued(site) == before


async def test_b6_the_question_about_a_way_in_is_its_sessions_alone(site: Site, visitor: Visitor) -> None:
    question = await visitor.get(await LINK.until_callback(site, visitor, "vk"))
    ticket = next(form.fields["ticket"] for form in question.markup.forms if "ticket" in form.fields)
    async with new_visitor() as other:
        await at_home(site, other, "yandex", "zoe")
        before = issued(site)
        assert (await other.get(question.url)).status == 403
        for fields in ({"ticket": ticket, "answer": "allow"}, {"ticket": ticket, "answer": "deny"}):
            answered = await other.post(f"{site.issuer}/account/link/confirm", fields)
            assert answered.status == 403
        assert issued(site) == before
    assert (await visitor.get(question.url)).has("allow"), "it was good all the while"


async def test_b6_whoever_is_to_show_that_it_is_them_is_nobody_else(site: Site, visitor: Visitor) -> None:
    callback = await STEP_UP.until_callback(site, visitor, "yandex", "ada")
    await visitor.get(callback)
    for provider, person in (("yandex", "boris"), ("vk", "ada")):
        await at_home(site, visitor, provider, person)  # known, so that only the comparison stands in the way
        await at_home(site, visitor, "yandex", "ada")
        leaving = await visitor.get(f"{site.issuer}/account/login?idp_hint={provider}&then=delete")
        page = await visitor.click(f"person-{person}") if leaving.has(f"person-{person}") else leaving
        assert (page.status, STEP_UP.believed(site, page)) == (403, False)
        home = await visitor.get(f"{site.issuer}/account")
        assert home.has("sub"), "whoever was signed in is left as they were"


async def test_b6_the_question_before_an_account_is_made_is_its_browsers_alone(site: Site, visitor: Visitor) -> None:
    question = await asked(site, visitor)
    ticket = next(form.fields["ticket"] for form in question.markup.forms if "ticket" in form.fields)
    async with new_visitor() as other:
        await asked(site, other)
        before = issued(site)
        assert (await other.get(question.url)).status == 403
        assert (await other.post(f"{site.issuer}/join", {"ticket": ticket, "answer": "new"})).status == 403
        foreign = await visitor.post(
            f"{site.issuer}/join", {"ticket": ticket, "answer": "new"}, initiator="https://evil.test/"
        )
        assert foreign.status == 403
        assert issued(site) == before
    assert (await visitor.get(question.url)).has("new"), "it was good all the while"


async def test_b6_a_held_proof_is_joined_to_who_sought_it_and_to_no_session_beside_it(
    site: Site, visitor: Visitor
) -> None:
    """The second login of a person who looks for their account ends in another browser: it holds nothing there."""
    callback = await JOIN.until_callback(site, visitor, "vk")
    async with new_visitor() as other:
        await at_home(site, other, "yandex", "zoe")
        before = issued(site)
        assert (await other.get(callback)).status == 400
        assert issued(site) == before


# --- B19: tabs ---


async def test_b19_ways_in_that_are_added_in_three_tabs_are_asked_about_each_for_itself(site: Site) -> None:
    tabs = ("vk", "ok", "yandex")
    for order in permutations(tabs):
        async with new_visitor() as visitor:
            await at_home(site, visitor, "google-two", "boris")
            callbacks = {provider: await ADD.until_callback(site, visitor, provider, "zoe") for provider in tabs}
            for provider in order:
                page = await visitor.get(callbacks[provider])
                assert urlsplit(page.url).path == "/account/link"
                assert TITLES[provider] in page.text_of("asks")


async def test_b19_a_login_in_another_tab_ends_at_its_own_app(site: Site, visitor: Visitor) -> None:
    linked = await LINK.until_callback(site, visitor, "vk")
    login = await until_callback(site, visitor, "google-two", person="boris", prompt="login")
    question = await visitor.get(linked)
    assert LINK.believed(site, question), "the login is under way, and its session not there yet"
    page = await visitor.get(login)
    assert page.url.startswith(f"{site.redirect_uri()}?code=")
    assert (await visitor.get(question.url)).status == 403, "it was put to the session before"
    assert (await sign_in(site, visitor, prompt="none")).url.startswith(site.redirect_uri())
