"""A pushed request in the browser: every link of ours leads back to it, and its answer ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from broker.core.errors import UpstreamUnavailable
from tests.web.public_app import REDIRECT, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
GOOD = {
    "client_id": "app",
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": "openid",
    "state": "s-1",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        yield app


async def push(site: PublicApp, **changed: str) -> httpx2.Response:
    """The app pushes its request."""
    return await site.browser.post("/par", data=GOOD | changed)


async def pushed(site: PublicApp, **changed: str) -> dict[str, str]:
    """What the app sends the browser with."""
    answer = await push(site, **changed)
    assert answer.status_code == 201
    return {"client_id": "app", "request_uri": answer.json()["request_uri"]}


async def come(site: PublicApp, sent: dict[str, str], **more: str) -> httpx2.Response:
    """The browser comes with it."""
    return await site.browser.get(f"/authorize?{urlencode(sent | more)}")


def links(page: httpx2.Response) -> list[dict[str, str]]:
    """The parameters of every link of the page back to the authorization endpoint."""
    hrefs = [unescape(part.partition('"')[0]) for part in page.text.split('href="')[1:]]
    return [dict(parse_qsl(urlsplit(href).query)) for href in hrefs if href.startswith("/authorize?")]


async def test_a_request_is_pushed_for_a_minute_and_the_answer_is_kept_nowhere(site: PublicApp) -> None:
    answer = await push(site)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert set(answer.json()) == {"request_uri", "expires_in"}
    assert answer.json()["expires_in"] == 60


async def test_a_pushed_request_is_answered_like_any_other(site: PublicApp) -> None:
    sent = await pushed(site)
    page = await come(site, sent, idp_hint="alpha")
    assert page.status_code == 303
    answer = answer_of(await site.browser.get(site.callback()))
    assert answer["code"]
    assert (answer["state"], answer["iss"]) == ("s-1", "https://id.test")


async def test_every_link_of_the_login_page_leads_back_to_it(site: PublicApp) -> None:
    sent = await pushed(site, idp_hint="gone", ui_locales="ru")
    page = await come(site, sent)
    assert 'lang="ru"' in page.text
    found = links(page)
    assert {link.get("idp_hint") for link in found} == {"alpha", "beta", "-"}
    assert {link.get("ui_locales") for link in found} == {None, "en", "ru"}
    assert all(set(link) <= {"client_id", "request_uri", "idp_hint", "ui_locales"} for link in found)
    assert all(link.items() >= sent.items() for link in found)
    english = await come(site, sent, ui_locales="en")
    assert 'lang="en"' in english.text
    assert {link.get("ui_locales") for link in links(english) if link["idp_hint"] == "alpha"} == {"en"}


async def test_trying_again_and_another_way_lead_back_to_it(site: PublicApp) -> None:
    sent = await pushed(site, idp_hint="alpha")
    await come(site, sent)
    site.upstreams["alpha"].failure = UpstreamUnavailable("down")
    page = await site.browser.get(site.callback())
    assert page.status_code == 503
    assert links(page) == [sent | {"idp_hint": "alpha"}, sent | {"idp_hint": "-"}]
    site.upstreams["alpha"].failure = None
    chooser = await come(site, sent, idp_hint="-")
    assert chooser.status_code == 200
    assert (await come(site, sent, idp_hint="beta")).status_code == 303
    assert "code" in answer_of(await site.browser.get(site.callback("beta")))


async def test_f14_after_the_answer_there_is_a_page_and_a_way_back_to_the_app(site: PublicApp) -> None:
    sent = await pushed(site)
    await come(site, sent, idp_hint="alpha")
    assert "code" in answer_of(await site.browser.get(site.callback()))
    for again in (await come(site, sent), await come(site, sent, prompt="none")):
        assert again.status_code == 400
        assert "location" not in again.headers
        assert "invalid_request_uri" in again.text
        assert "E-EXPIRED" in again.text
        assert 'href="https://app.test/"' in again.text


async def test_f14_an_error_that_went_back_is_its_answer(site: PublicApp) -> None:
    sent = await pushed(site, prompt="none")
    assert answer_of(await come(site, sent))["error"] == "login_required"
    again = await come(site, sent)
    assert (again.status_code, "location" in again.headers) == (400, False)


async def test_k1_an_outage_is_told_although_the_request_cannot_be_ended(site: PublicApp) -> None:
    sent = await pushed(site)
    await come(site, sent, idp_hint="alpha")
    await site.browser.get(site.callback())
    silent = await pushed(site, prompt="none")
    site.transient.down = True
    assert (await come(site, silent)).status_code == 503
    site.transient.down = False
    assert "code" in answer_of(await come(site, silent))


async def test_a_form_may_bring_it_too(site: PublicApp) -> None:
    sent = await pushed(site)
    page = await site.browser.post("/authorize", data=sent | {"scope": "openid email", "state": "other"})
    assert page.status_code == 303
    assert dict(parse_qsl(urlsplit(page.headers["location"]).query)) == sent


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_f14_a_request_is_pushed_by_post_alone(site: PublicApp, method: str) -> None:
    answer = await site.browser.request(method, f"/par?{urlencode(GOOD)}")
    assert answer.status_code == 405


async def test_f14_what_is_wrong_is_said_in_json(site: PublicApp) -> None:
    for changed in ({"redirect_uri": "https://evil.test/"}, {"request_uri": "https://app.test/r"}):
        answer = await push(site, **changed)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await push(site, client_id="nobody")).status_code == 401
    assert (await push(site, state="x" * 70_000)).status_code == 413


async def test_i1_nobody_has_us_fetch_more_often_than_they_could_depart(site: PublicApp) -> None:
    sent = GOOD | {"request_uri": "https://app.test/request.jwt"}
    answers = [await site.browser.get(f"/authorize?{urlencode(sent)}") for _ in range(121)]
    assert {answer_of(answer)["error"] for answer in answers[:120]} == {"request_uri_not_supported"}
    assert answers[-1].status_code == 429


async def test_k21_to_show_a_pushed_request_again_writes_nothing(site: PublicApp) -> None:
    name = {"client_id": "app", "request_uri": (await push(site)).json()["request_uri"]}
    assert (await site.browser.get(f"/authorize?{urlencode(name)}")).status_code == 200
    site.transient.fails = {"put par", "replace par"}
    assert (await site.browser.get(f"/authorize?{urlencode(name)}")).status_code == 200


async def test_k15_a_public_client_pushes_no_more_than_it_could_depart(site: PublicApp) -> None:
    answers = [await push(site) for _ in range(121)]
    assert [answer.status_code for answer in answers].count(201) == 120
    assert (answers[-1].status_code, answers[-1].json()["error"]) == (429, "slow_down")
