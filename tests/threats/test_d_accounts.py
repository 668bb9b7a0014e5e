"""Threats D at the whole broker: what somebody prepared in an account before its owner took it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import authorize_url, back, http, new_visitor, refresh, sign_in, tokens_for, userinfo
from tests.threats.site import Site, running_site
from tests.threats.tours import issued
from tests.threats.ways import ADD, at_home

pytestmark = pytest.mark.anyio
OWN = "google-two"


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Whose accounts are joined and taken apart here, and nowhere else."""
    with running_site(tmp_path_factory.mktemp("accounts")) as site:
        yield site


def ticket_of(page: Page) -> str:
    """What the question on this page is answered with."""
    return next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)


async def ask_to_add(site: Site, visitor: Visitor, provider: str, person: str) -> Page:
    """The question whether this is to be a way into the account that is signed in."""
    page = await visitor.get(await ADD.until_callback(site, visitor, provider, person))
    assert page.has("allow"), f"{page.url} {page.title}"
    return page


async def sign_out_elsewhere(site: Site, owner: Visitor) -> None:
    """What the account page has for whoever finds somebody in their account."""
    await owner.get(f"{site.issuer}/account/sign-out")
    page = await owner.click("yes")
    assert page.has("notice"), f"{page.url} {page.title}"


async def test_d3_a_session_somebody_else_has_is_over_when_its_person_signs_out_everywhere_else(
    site: Site, visitor: Visitor
) -> None:
    async with new_visitor() as thief, http(site) as client:
        await at_home(site, thief, OWN, "boris")
        tokens = await tokens_for(site, visitor=thief, person="boris", idp_hint=OWN, scope="openid")
        begun = await ADD.until_callback(site, thief, "vk", "boris")
        question = await ask_to_add(site, thief, "yandex", "boris")
        await at_home(site, visitor, OWN, "boris")
        await sign_out_elsewhere(site, visitor)
        before = issued(site)
        assert not (await thief.get(f"{site.issuer}/account")).has("sub"), "the session"
        assert back(await thief.get(authorize_url(site, prompt="none", idp_hint=OWN)))["error"] == "login_required"
        answered = await thief.post(
            f"{site.issuer}/account/link/confirm", {"ticket": ticket_of(question), "answer": "allow"}
        )
        assert answered.status == 403, "the question that was open"
        assert (await thief.get(begun)).status == 403, "the way in that was being added"
        assert issued(site) == before
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401


async def test_d3_d16_a_way_in_that_somebody_planted_gives_nothing_once_it_is_removed(
    site: Site, visitor: Visitor
) -> None:
    """The trojan identifier: an identity of the thief's, added to the account while they could."""
    victim = (await at_home(site, visitor, OWN, "zoe")).text_of("sub")
    await ask_to_add(site, visitor, "google", "boris")  # the thief's, in the victim's browser
    await visitor.click("allow")
    async with new_visitor() as thief, http(site) as client:
        tokens = await tokens_for(site, person="boris", visitor=thief)
        assert (await thief.get(f"{site.issuer}/account")).text_of("sub") == victim
        home = await visitor.get(f"{site.issuer}/account")
        planted = next(name for name, text in home.markup.texts.items() if name.startswith("way-") and "Борис" in text)
        await visitor.click(planted.replace("way", "unlink"))
        assert (await visitor.click("yes")).has("notice")
        assert not (await thief.get(f"{site.issuer}/account")).has("sub")
        assert (await refresh(site, client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
        await sign_in(site, thief, person="boris", prompt="login")
        assert (await thief.get(f"{site.issuer}/account")).text_of("sub") != victim


async def test_d6_a_proof_is_used_up_by_the_link_it_made(site: Site, visitor: Visitor) -> None:
    await at_home(site, visitor, OWN, "ada")
    callback = await ADD.until_callback(site, visitor, "yandex", "zoe")
    question = await visitor.get(callback)
    assert (await visitor.click("allow")).status == 200
    before = issued(site)
    for answer in ("allow", "deny"):
        again = await visitor.post(
            f"{site.issuer}/account/link/confirm", {"ticket": ticket_of(question), "answer": answer}
        )
        assert again.status == 400
    assert (await visitor.get(callback)).status == 400, "nor does the answer of the upstream count again"
    assert issued(site) == before
