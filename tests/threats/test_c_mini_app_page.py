"""Threats C8 and C11 at the page that a Mini App is: whoever is named there said so, in their own browser."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import authorize_url, back, http, new_visitor, tokens_for, userinfo
from tests.threats.posted_matrix import bench
from tests.threats.site import Site
from tests.threats.tours import opened_mini_app as opened
from tests.threats.tours import sub_of

pytestmark = pytest.mark.anyio
PAGE = "/miniapp/telegram/app"


async def enter(site: Site, visitor: Visitor, fragment: str, page: str = PAGE) -> Page:
    return await visitor.get(f"{site.issuer}{page}#{fragment}")


def session_of(site: Site, visitor: Visitor) -> str:
    return next((c.value for c in visitor.cookies.sent_to(site.issuer) if c.name == "__Host-session"), "")


async def test_c22_who_opens_the_mini_app_says_yes_and_is_who_they_are_by_every_other_way(
    site: Site, visitor: Visitor
) -> None:
    page = await enter(site, visitor, await opened(site, start_param="ref-42"))
    assert page.has("allow")
    assert session_of(site, visitor) == ""
    done = await visitor.click("allow")
    assert done.url == f"https://app.example.com/login?iss={quote(site.issuer, safe='')}&start_param=ref-42"
    tokens = await tokens_for(site, visitor=visitor, idp_hint="telegram", prompt="none")
    async with http(site) as client:
        by_page = (await userinfo(site, client, tokens["access_token"])).json()["sub"]
    assert by_page == await sub_of(site, "telegram")


async def test_c11_a_link_with_somebody_elses_data_signs_nobody_in_unasked(site: Site, visitor: Visitor) -> None:
    await enter(site, visitor, await opened(site, "ada"))
    await visitor.click("allow")
    before = session_of(site, visitor)
    page = await enter(site, visitor, await opened(site, "boris"))
    assert page.has("allow"), "another person is asked about"
    assert session_of(site, visitor) == before
    left = await visitor.click("deny")
    assert urlsplit(left.url).path == "/"
    assert session_of(site, visitor) == before
    page = await enter(site, visitor, await opened(site, "ada", start_param="again"))
    assert (page.status, page.params.get("start_param")) == (0, "again"), "who is signed on here is not asked again"
    assert session_of(site, visitor) == before


async def test_c8_c11_the_answer_counts_once_and_in_the_browser_that_was_asked(site: Site, visitor: Visitor) -> None:
    fragment = await opened(site, "zoe")
    page = await enter(site, visitor, fragment)
    ticket = next(form for form in page.markup.forms if "ticket" in form.fields).fields["ticket"]
    async with new_visitor() as other:
        assert (await enter(site, other, fragment)).has("allow"), "reading it spends nothing"
        stolen = await other.post(f"{site.issuer}/enter/telegram/app", {"ticket": ticket, "answer": "allow"})
        assert stolen.status == 403
        await enter(site, other, fragment)
        assert (await visitor.click("allow")).url.startswith("https://app.example.com/login?iss=")
        assert (await other.click("allow")).status == 400, "it was used"
    again = await visitor.post(f"{site.issuer}/enter/telegram/app", {"ticket": ticket, "answer": "allow"})
    assert again.status == 400


async def test_c11_only_a_browser_that_opened_the_page_hands_data_over_and_only_from_it(
    site: Site, visitor: Visitor
) -> None:
    fields = {"fragment": await opened(site)}
    url = f"{site.issuer}{PAGE}"
    assert (await visitor.post(url, fields)).status == 403, "no page of ours was opened here"
    await visitor.get(url)
    foreign = await visitor.post(url, fields, initiator="https://evil.test/")
    assert (foreign.status, foreign.has("allow")) == (403, False)
    assert (await visitor.post(url, fields)).has("allow")


async def test_c11_what_is_no_init_data_of_our_bot_asks_nobody(site: Site, visitor: Visitor) -> None:
    await visitor.get(f"{site.issuer}{PAGE}")
    good = await opened(site)
    data = good.partition("&")[0]
    foreign = await opened(site, app="7000000010")
    old = await opened(site, issued_ago=301)
    for fragment in ("", "x=1", f"{good}&{data}", f"tgWebAppData=x&{data}", "tgWebAppData=", foreign, old, data[:-1]):
        page = await visitor.post(f"{site.issuer}{PAGE}", {"fragment": fragment})
        assert (page.status, page.has("allow"), back(page)) == (400, False, {}), fragment
    page = await visitor.post(f"{site.issuer}{PAGE}", {"fragment": good})
    assert page.has("allow")
    landing = await visitor.get(f"{site.issuer}{PAGE}#other=1")
    assert landing.has("nothing"), "and nothing was handed over"


@pytest.mark.parametrize("start", ["a b", "https://evil.test/", "x" * 513, "ключ", "a&iss=x", "../x"])
async def test_c11_what_a_link_made_up_for_a_start_is_left_out(site: Site, visitor: Visitor, start: str) -> None:
    await enter(site, visitor, await opened(site, start_param=start))
    done = await visitor.click("allow")
    assert dict(parse_qsl(urlsplit(done.url).query)) == {"iss": site.issuer}


@pytest.mark.parametrize("path", ["/miniapp/telegram/shop", "/miniapp/widget/app", "/miniapp/google/app"])
async def test_c11_where_client_and_provider_did_not_both_ask_for_it_there_is_no_page(
    site: Site, visitor: Visitor, path: str
) -> None:
    await visitor.get(f"{site.issuer}{PAGE}")
    page = await visitor.get(site.issuer + path)
    assert (page.status, page.has("fragment-form")) == (400, False)
    posted = await visitor.post(site.issuer + path, {"fragment": await opened(site)})
    assert (posted.status, posted.has("allow")) == (400, False)


async def test_c11_the_page_may_not_be_framed_and_the_fragment_leaves_no_trace(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        answer = await client.get(PAGE)
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "https://" not in answer.headers["content-security-policy"], "no script of anybody else's"
    data = await opened(site)
    await enter(site, visitor, data)
    secret = dict(parse_qsl(dict(parse_qsl(data))["tgWebAppData"]))["hash"]
    assert secret.encode() not in site.log_bytes()
    await visitor.get(authorize_url(site))


def test_f18_without_a_client_that_asks_for_it_there_is_no_such_address() -> None:
    with bench() as at:
        for answer in (at.http.get(f"{at.broker.issuer}/miniapp/telegram/phone"), at.post("/miniapp/telegram/phone")):
            assert answer.status_code == 404
