"""`/link`: an app sends somebody to add a way in, and hears how it ended; nobody else does, and nobody else can."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from broker.core.errors import UpstreamDenied, UpstreamUnavailable
from broker.core.events import Event
from broker.core.people.identity import Identity
from tests.services.bare_broker import VERIFIER
from tests.web.device_flow import read, ticket_in
from tests.web.public_app import CONFIG, ISSUER, REDIRECT, PublicApp, answer_of, public_app
from tests.web.test_register import config_of, register

pytestmark = pytest.mark.anyio
OTHER = "https://shop.test/cb"
LINKING = f"""{CONFIG.rstrip()}
    account_linking: true
  shop:
    name: Shop
    redirect_uris: ["{OTHER}"]
    auth_method: none
    first_party: true
    id_token_alg: ES256
    providers: [alpha]
  partner:
    name: Partner
    redirect_uris: ["{OTHER}"]
    auth_method: none
    id_token_alg: ES256
    providers: [alpha]
    account_linking: true
"""


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(LINKING) as app:
        yield app


async def sign_in(site: PublicApp, name: str = "alpha", subject: str = "x1") -> str:
    """The ID token of somebody who comes by this provider."""
    site.upstreams[name].identity = Identity(subject, {"name": f"Ann at {name}"})
    assert (await site.authorize(idp_hint=name, prompt="login")).status_code == 303
    code = answer_of(await site.browser.get(site.callback(name)))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "app"}
    return str((await site.browser.post("/token", data=form | {"code_verifier": VERIFIER})).json()["id_token"])


async def ask(site: PublicApp, id_token: str, **changed: str) -> httpx2.Response:
    """The app sends the browser."""
    sent = {"client_id": "app", "provider": "beta", "redirect_uri": REDIRECT, "state": "s-9", "id_token_hint": id_token}
    return await site.browser.get("/link", params={name: value for name, value in (sent | changed).items() if value})


def heard(response: httpx2.Response, place: str = REDIRECT) -> dict[str, str]:
    """What the app is told, by a redirect or by a page that navigates."""
    location = response.headers.get("location", "")
    if not location:
        (meta,) = (tag["content"] for tag in read(response).found("meta") if tag.get("http-equiv") == "refresh")
        location = meta.removeprefix("0;url=")
    assert location.startswith(place), location
    return dict(parse_qsl(urlsplit(location).query))


def told(status: str, **more: str) -> dict[str, str]:
    """The whole answer."""
    return {"status": status, "state": "s-9", "iss": ISSUER} | more


async def question(site: PublicApp, subject: str = "y1") -> httpx2.Response:
    """Ann shows who she is at beta: the page that asks."""
    site.upstreams["beta"].identity = Identity(subject, {"name": "Ann at beta"})
    back = await site.browser.get(site.callback("beta"))
    assert urlsplit(back.headers["location"]).path == "/account/link", back.headers["location"]
    return await site.browser.get(back.headers["location"])


async def press(site: PublicApp, page: httpx2.Response, answer: str) -> httpx2.Response:
    """A button of it."""
    return await site.browser.post("/account/link/confirm", data={"ticket": ticket_in(page), "answer": answer})


async def ways(site: PublicApp) -> list[str]:
    """The ways into the account of Ann at alpha."""
    person = await site.durable.people.person("alpha", "x1")
    return [link.subject for link in await site.durable.people.links(person.account.sub)]


async def test_a_way_in_is_added_and_the_app_hears_of_it(site: PublicApp) -> None:
    left = await ask(site, await sign_in(site))
    assert left.headers["location"].startswith("https://up.test/authorize")
    page = await question(site)
    assert "App asks for this. You go back there afterwards." in page.text
    assert await ways(site) == ["x1"], "not before the yes"
    assert heard(await press(site, page, "allow")) == told("linked")
    assert await ways(site) == ["x1", "y1"]
    again = await ask(site, await sign_in(site))
    assert again.status_code == 303
    site.upstreams["beta"].identity = Identity("y1")
    assert heard(await site.browser.get(site.callback("beta"))) == told("linked"), "hers already: no question"


async def test_a_no_on_our_page_is_told_as_cancelled(site: PublicApp) -> None:
    await ask(site, await sign_in(site))
    assert heard(await press(site, await question(site), "deny")) == told("cancelled")
    assert await ways(site) == ["x1"]


async def test_a_no_at_the_provider_is_told_as_cancelled(site: PublicApp) -> None:
    await ask(site, await sign_in(site))
    site.upstreams["beta"].failure = UpstreamDenied("cancelled")
    assert heard(await site.browser.get(site.callback("beta"))) == told("cancelled")


async def test_a_provider_that_does_not_answer_is_told_before_and_after_it_was_visited(site: PublicApp) -> None:
    token = await sign_in(site)
    await ask(site, token)
    site.upstreams["beta"].failure = UpstreamUnavailable("down")
    text = "a service that the login needs does not answer; try again"
    failed = told("error", error="temporarily_unavailable", error_description=text)
    assert heard(await site.browser.get(site.callback("beta"))) == failed
    assert heard(await ask(site, token)) == failed


async def test_k22_a_store_that_is_away_when_she_comes_back_is_told(site: PublicApp) -> None:
    await ask(site, await sign_in(site))
    site.durable.fails = {"people.person"}
    answer = heard(await site.browser.get(site.callback("beta")))
    assert (answer["status"], answer["error"]) == ("error", "temporarily_unavailable")


async def test_a_way_into_another_account_of_hers_is_offered_to_be_joined(site: PublicApp) -> None:
    await sign_in(site, "beta", "y1")
    token = await sign_in(site)
    await ask(site, token)
    page = await question(site)
    assert "App asks for this. You go back there afterwards." in page.text
    kept_apart = heard(await press(site, page, "deny"))
    assert (kept_apart["status"], kept_apart["error"]) == ("error", "already_linked_elsewhere")
    assert await ways(site) == ["x1"]
    await ask(site, token)
    assert heard(await press(site, await question(site), "allow")) == told("linked")
    assert sorted(await ways(site)) == ["x1", "y1"]


# --- who may ask, and for whom ---


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"provider": "gamma"}, "provider_not_allowed"),
        ({"provider": ""}, "provider_not_allowed"),
        ({"id_token_hint": ""}, "invalid_request"),
        ({"id_token_hint": "made.up.token"}, "invalid_request"),
    ],
)
async def test_what_the_developer_can_mend_is_told_to_the_app(
    site: PublicApp, changed: dict[str, str], error: str
) -> None:
    answer = heard(await ask(site, await sign_in(site), **changed))
    assert (answer["status"], answer["error"], answer["state"]) == ("error", error, "s-9")


async def test_a_parameter_comes_once_and_state_is_bounded(site: PublicApp) -> None:
    token = await sign_in(site)
    sent = {"client_id": "app", "provider": "beta", "redirect_uri": REDIRECT, "id_token_hint": token}
    twice = await site.browser.get("/link", params=[*sent.items(), ("provider", "alpha")])
    assert heard(twice)["error"] == "invalid_request"
    assert heard(await ask(site, token, state="x" * 2049))["error"] == "invalid_request"


async def test_a_client_that_was_not_let_ask_is_told_so(site: PublicApp) -> None:
    answer = heard(await ask(site, await sign_in(site), client_id="shop", redirect_uri=OTHER), OTHER)
    assert (answer["status"], answer["error"]) == ("error", "unauthorized_client")


async def test_an_app_is_offered_its_own_providers_alone(site: PublicApp) -> None:
    token = await sign_in(site)
    answer = heard(await ask(site, token, client_id="partner", redirect_uri=OTHER), OTHER)
    assert answer["error"] == "provider_not_allowed"


async def test_a6_an_app_that_registered_itself_never_asks_and_nobody_is_led_to_it_unasked() -> None:
    async with public_app(config_of()) as site:
        entry = (await register(site, account_linking=True, lookup_identities=True)).json()
        assert not {"account_linking", "lookup_identities"} & entry.keys()
        sent = {"client_id": entry["client_id"], "redirect_uri": "https://dyn.test/cb", "provider": "alpha"}
        answer = await site.browser.get("/link", params=sent)
        assert (answer.status_code, "location" in answer.headers) == (200, False)
        assert 'http-equiv="refresh"' not in answer.text
        assert "error=unauthorized_client" in answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "nobody"},
        {"client_id": ""},
        {"redirect_uri": ""},
        {"redirect_uri": "https://evil.test/cb"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"redirect_uri": OTHER},
        {"redirect_uri": "//evil.test"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
@pytest.mark.parametrize("broken", [{}, {"provider": "gamma"}, {"id_token_hint": "x"}])
async def test_a5_until_the_place_is_known_to_be_the_clients_a_failure_is_a_page(
    site: PublicApp, changed: dict[str, str], broken: dict[str, str]
) -> None:
    answer = await ask(site, await sign_in(site), **broken, **changed)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "E-CLIENT" in answer.text
    assert 'http-equiv="refresh"' not in answer.text


async def test_b6_the_app_must_speak_of_who_is_signed_in_in_this_browser(site: PublicApp) -> None:
    eve = await sign_in(site, subject="eve")
    ann = await sign_in(site)
    answer = heard(await ask(site, eve))
    assert (answer["status"], answer["error"]) == ("error", "login_required"), "another person's ID token"
    site.browser.cookies.clear()
    assert heard(await ask(site, ann))["error"] == "login_required", "nobody is signed in"


async def test_b6_a_hint_of_another_client_counts_for_nothing(site: PublicApp) -> None:
    token = await sign_in(site)
    answer = heard(await ask(site, token, client_id="partner", redirect_uri=OTHER, provider="alpha"), OTHER)
    assert answer["error"] == "invalid_request"


async def test_b6_another_session_by_the_end_of_it_links_nothing_and_tells_the_app_nothing(site: PublicApp) -> None:
    await ask(site, await sign_in(site))
    back = site.callback("beta")
    await sign_in(site, subject="eve")
    site.upstreams["beta"].identity = Identity("y1")
    refused = await site.browser.get(back)
    assert (refused.status_code, "E-OTHER" in refused.text) == (403, True)
    assert "location" not in refused.headers
    assert site.notes.count(Event.ACCOUNT_LINK_REFUSED) == 1
    assert await ways(site) == ["x1"]


async def test_b6_a_link_request_sent_to_somebody_elses_browser_is_not_finished_there(site: PublicApp) -> None:
    await ask(site, await sign_in(site))
    back = site.callback("beta")
    site.browser.cookies.clear()
    refused = await site.browser.get(back)
    assert (refused.status_code, "E-COOKIE" in refused.text) == (400, True)
    assert await ways(site) == ["x1"]


# --- fresh sign-in ---


async def test_d7_an_old_session_is_asked_to_sign_in_again_and_goes_on(site: PublicApp) -> None:
    token = await sign_in(site)
    site.clock.now += 301
    left = await ask(site, token)
    assert left.status_code == 303
    assert site.upstreams["alpha"].flows[-1].wishes.prompt == ("login",)
    back = await site.browser.get(site.callback("alpha"))
    assert back.headers["location"].startswith("/link?client_id=app&")
    assert (await site.browser.get(back.headers["location"])).headers["location"].startswith("https://up.test/")
    assert heard(await press(site, await question(site), "allow")) == told("linked")


@pytest.mark.parametrize("subject", ["eve", "nobody"])
async def test_d7_who_signs_in_again_as_somebody_else_adds_nothing(site: PublicApp, subject: str) -> None:
    await sign_in(site, subject="eve")
    token = await sign_in(site)
    site.clock.now += 301
    await ask(site, token)
    site.upstreams["alpha"].identity = Identity(subject)
    answer = heard(await site.browser.get(site.callback("alpha")))
    assert (answer["status"], answer["error"], answer["state"]) == ("error", "login_required", "s-9")
    assert (await ask(site, token)).status_code == 303, "whoever was signed in still is"
    assert await ways(site) == ["x1"]


async def test_a_no_when_they_are_to_sign_in_again_is_told_as_cancelled(site: PublicApp) -> None:
    token = await sign_in(site)
    site.clock.now += 301
    await ask(site, token)
    site.upstreams["alpha"].failure = UpstreamDenied("cancelled")
    assert heard(await site.browser.get(site.callback("alpha"))) == told("cancelled")


async def test_d7_nobody_goes_in_circles_where_the_provider_asks_nobody(site: PublicApp) -> None:
    token = await sign_in(site)
    site.clock.now += 301
    await ask(site, token)
    site.upstreams["alpha"].identity = Identity("x1", auth_time=int(site.clock.now) - 301)
    back = await site.browser.get(site.callback("alpha"))
    answer = heard(await site.browser.get(back.headers["location"]))
    assert (answer["status"], answer["error"]) == ("error", "login_required")


async def test_d7_a_provider_of_the_new_way_that_asked_nobody_is_told(site: PublicApp) -> None:
    await ask(site, await sign_in(site))
    site.upstreams["beta"].identity = Identity("y1", auth_time=int(site.clock.now) - 301)
    answer = heard(await site.browser.get(site.callback("beta")))
    assert (answer["status"], answer["error"]) == ("error", "login_required")
    assert await ways(site) == ["x1"]


async def test_a_right_that_was_taken_meanwhile_ends_it(site: PublicApp) -> None:
    await ask(site, await sign_in(site))
    await site.durable.accounts.set_blocked((await site.durable.people.person("alpha", "x1")).account.sub, True)
    site.upstreams["beta"].identity = Identity("y1", {"name": "Ann at beta"})
    back = await site.browser.get(site.callback("beta"))
    page = await site.browser.get(back.headers["location"])
    answer = await press(site, page, "allow")
    assert await ways(site) == ["x1"]
    assert heard(answer)["status"] == "error"
