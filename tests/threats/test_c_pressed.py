"""Threats C2 at `/credential/…`, where Google's button on a page of an app posts: nobody is signed in unasked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from urllib.parse import quote, urlencode

import httpx2
import pytest

from broker.demo.background import PROVIDERS, RunningBroker, running_in_background
from broker.demo.visitor import Page, Visitor
from broker.upstream.exchange import tls_context
from tests.threats.journeys import CHALLENGE
from tests.threats.posted_matrix import EXCHANGE, Clock

pytestmark = pytest.mark.anyio
OURS = str(PROVIDERS["google"]["client_id"])
SHOP = "https://shop.test"
APP: Mapping[str, object] = {
    "name": "Shop",
    "redirect_uris": [f"{SHOP}/cb"],
    "initiate_login_uri": f"{SHOP}/login",
    "auth_method": "none",
    "first_party": True,
    "grants": ["authorization_code", EXCHANGE],
    "accept_posted": ["google"],
}
CLIENTS: Mapping[str, Mapping[str, object]] = {
    "shop": APP,
    "second": {**APP, "name": "Second"},
    "homeless": {**APP, "initiate_login_uri": ""},
    "plain": {**APP, "grants": ["authorization_code"], "accept_posted": []},
}
CLOCK = Clock()
PAIR = "g_csrf_token"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningBroker]:
    providers = {**PROVIDERS, "google": {**PROVIDERS["google"], "accept_posted": ["credential"]}}
    with running_in_background(CLIENTS, CLOCK, providers=providers) as broker:
        yield broker


@pytest.fixture
async def visitor(broker: RunningBroker) -> AsyncIterator[Visitor]:
    async with Visitor(stops=("https://",)) as found:
        yield found


def challenge(broker: RunningBroker, client_id: str = "shop") -> dict[str, str]:
    """What the page takes before it shows the button."""
    form = {"client_id": client_id, "provider": "google"}
    answer = httpx2.post(f"{broker.issuer}/challenge", data=form, trust_env=False, timeout=30, verify=tls_context(None))
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


async def press(
    broker: RunningBroker, visitor: Visitor, person: str = "ada", /, paired: bool = True, **changes: str
) -> Page:
    """The button on a page at our own host, Google's account page, and what that posts; wrong in what is changed."""
    taken = challenge(broker)
    if paired:
        visitor.cookies.store(broker.issuer, [f"{PAIR}=pair-of-this-page; Path=/; Secure; SameSite=None"])
    query = {
        "client_id": OURS,
        "origin": broker.issuer,
        "ux_mode": "redirect",
        "login_uri": f"{broker.issuer}/credential/google/shop",
        "nonce": taken["nonce"],
        "state": taken["challenge"],
        PAIR: "pair-of-this-page",
        **changes,
    }
    google = broker.emulators["google"].url
    return await visitor.get(f"{google}/gsi/select?{urlencode({**query, '_person': person})}")


def begins(page: Page, broker: RunningBroker) -> bool:
    """Whether the app was told to begin a login, and nothing else."""
    return (page.status, page.url) == (0, f"{SHOP}/login?iss={quote(broker.issuer, safe='')}")


def signed_in(broker: RunningBroker, visitor: Visitor) -> bool:
    """Whether this browser has a session here."""
    return "__Host-session" in visitor.cookies.header(f"{broker.issuer}/", method="GET", initiator=None)


def refusal(broker: RunningBroker) -> str:
    """Why the newest credential was refused."""
    return str(next(line for line in reversed(broker.log) if line["event"] == "credential.refused")["reason"])


async def authorize(broker: RunningBroker, visitor: Visitor, **more: str) -> Page:
    request = {"response_type": "code", "client_id": "shop", "redirect_uri": f"{SHOP}/cb", "scope": "openid"}
    request |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": "s", **more}
    return await visitor.get(f"{broker.issuer}/authorize?{urlencode(request)}")


async def test_the_button_of_an_apps_page_asks_and_then_the_app_begins_a_login(
    broker: RunningBroker, visitor: Visitor
) -> None:
    page = await press(broker, visitor, "boris")
    assert page.has("allow"), page.text
    assert not signed_in(broker, visitor)
    assert begins(await visitor.click("allow"), broker)
    assert signed_in(broker, visitor)
    answered = await authorize(broker, visitor, prompt="none")
    assert (answered.status, "code" in answered.params) == (0, True)
    sub = next(line["sub"] for line in reversed(broker.log) if line["event"] == "login.succeeded")
    assert broker.login("google", "boris", client_id="test-app").claims["sub"] == sub


async def test_who_is_signed_on_by_google_already_is_not_asked_again(broker: RunningBroker, visitor: Visitor) -> None:
    await press(broker, visitor)
    await visitor.click("allow")
    assert begins(await press(broker, visitor), broker)
    assert (await press(broker, visitor, "zoe")).has("allow"), "another person is asked about"


async def test_when_somebody_authenticated_at_google_nobody_knows(broker: RunningBroker, visitor: Visitor) -> None:
    await press(broker, visitor)
    await visitor.click("allow")
    assert (await authorize(broker, visitor, prompt="none", max_age="3600")).params["error"] == "login_required"


@pytest.mark.parametrize(("posted", "paired"), [("of-another-page", True), ("", True), ("pair-of-this-page", False)])
async def test_c2_without_the_pair_of_field_and_cookie_nothing_is_taken(
    broker: RunningBroker, visitor: Visitor, posted: str, paired: bool
) -> None:
    before = len(broker.log)
    assert begins(await press(broker, visitor, paired=paired, **{PAIR: posted}), broker)
    assert not signed_in(broker, visitor)
    assert not any(line["event"].startswith("credential.") for line in broker.log[before:] if "kind" in line)


async def test_c2_only_the_nonce_of_the_challenge_counts_and_each_once(broker: RunningBroker, visitor: Visitor) -> None:
    other = challenge(broker)
    assert begins(await press(broker, visitor, nonce=other["nonce"]), broker)
    assert "nonce" in refusal(broker)
    assert begins(await press(broker, visitor, nonce="mine"), broker)
    assert begins(await press(broker, visitor, state=""), broker)
    foreign = challenge(broker, "second")
    assert begins(await press(broker, visitor, state=foreign["challenge"], nonce=foreign["nonce"]), broker)
    assert refusal(broker) == "the challenge is another client's, or for another provider"
    assert (await press(broker, visitor, state=other["challenge"], nonce=other["nonce"])).has("allow")
    assert begins(await press(broker, visitor, state=other["challenge"], nonce=other["nonce"]), broker)
    assert refusal(broker) == "it, or its challenge, was used before"
    assert not signed_in(broker, visitor)


async def test_c2_an_old_challenge_is_worth_nothing(broker: RunningBroker, visitor: Visitor) -> None:
    old = challenge(broker)
    CLOCK.ahead = 301
    assert begins(await press(broker, visitor, state=old["challenge"], nonce=old["nonce"]), broker)
    assert not signed_in(broker, visitor)


async def test_c2_the_question_is_for_one_browser_and_one_answer(broker: RunningBroker, visitor: Visitor) -> None:
    page = await press(broker, visitor)
    ticket = next(form for form in page.markup.forms if "ticket" in form.fields).fields["ticket"]
    async with Visitor(stops=("https://",)) as other:
        assert begins(await other.get(f"{broker.issuer}/credential/google/shop"), broker), "nothing was taken here"
        assert (await press(broker, other, "zoe")).has("allow")
        stolen = await other.post(f"{broker.issuer}/enter/google/shop", {"ticket": ticket, "answer": "allow"})
        assert stolen.status == 403
    assert begins(await visitor.get(f"{broker.issuer}/credential/google/shop"), broker), "it is asked about once"
    await visitor.post(f"{broker.issuer}/enter/google/shop", {"ticket": ticket, "answer": "allow"})
    again = await visitor.post(f"{broker.issuer}/enter/google/shop", {"ticket": ticket, "answer": "allow"})
    assert again.status == 400


async def test_c2_what_was_taken_for_one_app_is_not_asked_about_for_another(
    broker: RunningBroker, visitor: Visitor
) -> None:
    visitor.scripts = False
    await press(broker, visitor)
    form = visitor.page.form("answer")
    headers = {"cookie": f"{PAIR}=pair-of-this-page"}
    async with httpx2.AsyncClient(trust_env=False, verify=tls_context(None)) as client:
        answer = await client.post(form.action, data=form.fields, headers=headers)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].partition(";")[0]
    for path, status in (("/credential/google/second", 403), ("/credential/google/shop", 200)):
        async with httpx2.AsyncClient(trust_env=False, verify=tls_context(None)) as client:
            assert (await client.get(f"{broker.issuer}{path}", headers={"cookie": cookie})).status_code == status
    async with httpx2.AsyncClient(trust_env=False, verify=tls_context(None)) as client:
        taken = {"ticket": cookie.partition("=")[2], "answer": "allow"}
        sent = {"cookie": "__Host-browser=mine", "origin": broker.issuer, "sec-fetch-site": "same-origin"}
        assert (await client.post(f"{broker.issuer}/enter/google/shop", data=taken, headers=sent)).status_code == 403


@pytest.mark.parametrize("path", ["/google/plain", "/google/homeless", "/google/nobody", "/vk/shop"])
async def test_c2_where_client_and_provider_did_not_both_ask_for_it_nothing_is_posted(
    broker: RunningBroker, visitor: Visitor, path: str
) -> None:
    page = await visitor.post(f"{broker.issuer}/credential{path}", {"credential": "x", PAIR: "x"})
    assert (page.status, signed_in(broker, visitor)) == (400, False)
    assert "cb" not in page.url


async def test_an_upstream_that_is_away_leaves_the_login_of_the_app(broker: RunningBroker, visitor: Visitor) -> None:
    broker.emulators["google"].fault("rotated_keys")
    broker.emulators["google"].fault("500")
    assert begins(await press(broker, visitor), broker)
    assert not signed_in(broker, visitor)
