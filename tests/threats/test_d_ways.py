"""Threats D: ways in are joined in one browser, by who proved both, after a page that shows them."""

from __future__ import annotations

import asyncio

import pytest

from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import (
    back,
    http,
    new_visitor,
    query_of,
    redeem,
    sign_in,
    tokens_for,
    userinfo,
)
from tests.threats.kinds import Stand
from tests.threats.site import Site

pytestmark = pytest.mark.anyio


async def asked(site: Site, visitor: Visitor, person: str = "zoe") -> Page:
    """Somebody who came by google before comes by google-two, where nobody knows them: the question."""
    await tokens_for(site, visitor=visitor, person=person)
    page = await sign_in(site, visitor, person=person, idp_hint="google-two", prompt="login")
    assert page.has("new"), f"{page.url} {page.status} {page.title}"
    return page


def ticket_in(page: Page) -> str:
    """Of the one form of a page."""
    return next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)


def events(site: Site, name: str) -> int:
    """How often the log tells of it."""
    return sum(line.get("event") == name for line in site.log())


async def test_k15_d12_a_question_costs_no_row_and_fifty_answers_make_one_account(stand: Stand) -> None:
    site = stand.site
    page = await asked(site, stand.visitor)
    before = site.rows("accounts"), site.rows("links")
    form = {"ticket": ticket_in(page), "answer": "new"}
    cookies = stand.visitor.cookies.header(f"{site.issuer}/join", method="POST", initiator=site.issuer)
    async with http(site, headers={"Cookie": cookies}) as client:
        answers = await asyncio.gather(*(client.post("/join", data=form) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    assert (site.rows("accounts"), site.rows("links")) == (before[0] + 1, before[1] + 1)


async def test_d10_what_is_joined_is_shown_first_and_opens_one_account_from_then_on(stand: Stand) -> None:
    site, visitor = stand.site, stand.visitor
    mine = await tokens_for(site, visitor=visitor, person="boris")
    page = await sign_in(site, visitor, person="boris", idp_hint="google-two", prompt="login")
    await visitor.click("provider-google")
    page = await visitor.click("person-boris")
    assert page.has("allow")
    assert "Борис" in page.text
    done = await visitor.click("allow")
    assert "code" in back(done), f"{done.url} {done.status} {done.title}"
    async with new_visitor() as other, http(site) as client:
        page = await sign_in(site, other, person="boris", idp_hint="google-two")
        tokens = (await redeem(site, client, back(page)["code"])).json()
        subs = [(await userinfo(site, client, one["access_token"])).json()["sub"] for one in (mine, tokens)]
    assert len(set(subs)) == 1
    assert query_of(done.url)["code"]
    assert events(site, "account.linked") >= 1
