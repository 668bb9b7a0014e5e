"""A store that is away while somebody answers: nothing was answered, and the same button works when it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from broker.core.people.identity import Identity
from tests.web.device_flow import WITH_DEVICES, poll, question, read, start, ticket_in
from tests.web.public_app import PublicApp, answer_of, public_app
from tests.web.test_register import config_of, register

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(WITH_DEVICES.replace("first_party: true", "first_party: false", 1)) as app:
        yield app


async def asked(site: PublicApp) -> str:
    """The ticket of a consent question."""
    await site.authorize(idp_hint="alpha")
    landed = await site.browser.get(site.callback())
    return ticket_in(await site.browser.get(landed.headers["location"]))


async def signed_in(site: PublicApp) -> None:
    """Somebody has just shown that it is them."""
    await site.authorize(idp_hint="alpha", prompt="login")
    await site.browser.get(site.callback())


def check_come_again(page: httpx2.Response) -> None:
    """A page of ours that says when."""
    assert page.status_code == 503, page.text
    assert int(page.headers["retry-after"]) > 0
    assert "E-UNAVAILABLE" in page.text


@pytest.mark.parametrize("said", ["allow", "deny"])
async def test_k22_a_consent_answered_while_the_database_is_away_can_be_answered_again(
    site: PublicApp, said: str
) -> None:
    form = {"ticket": await asked(site), "answer": said}
    site.durable.fails = {"consents.save_consent", "people.person"}
    first = await site.browser.post("/consent", data=form)
    if said == "allow":
        check_come_again(first)
        site.durable.fails = set()
        again = await site.browser.post("/consent", data=form)
        assert "https://app.test/cb?code=" in again.text
    assert (await site.browser.post("/consent", data=form)).status_code == 400, "answered, and only once"


async def test_k22_a_code_that_cannot_be_kept_leaves_the_question_open(site: PublicApp) -> None:
    form = {"ticket": await asked(site), "answer": "allow"}
    site.transient.fails = {"put code"}
    check_come_again(await site.browser.post("/consent", data=form))
    site.transient.fails = set()
    assert "https://app.test/cb?code=" in (await site.browser.post("/consent", data=form)).text


@pytest.mark.parametrize(
    ("durable", "transient"),
    [({"people.person"}, set()), (set(), {"put device-answer"}), (set(), {"take user-code"})],
    ids=["person", "answer", "code"],
)
async def test_k22_a_device_confirmed_while_a_store_is_away_can_be_confirmed_again(
    site: PublicApp, durable: set[str], transient: set[str]
) -> None:
    told = await start(site)
    form = {"ticket": ticket_in(await site.browser.get(await question(site, told))), "answer": "allow"}
    site.durable.fails, site.transient.fails = durable, transient
    check_come_again(await site.browser.post("/device/confirm", data=form))
    site.durable.fails, site.transient.fails = set(), set()
    assert (await site.browser.post("/device/confirm", data=form)).status_code == 200
    site.clock.now += 5
    assert "access_token" in (await poll(site, told)).json()
    assert (await site.browser.post("/device/confirm", data=form)).status_code == 400


async def test_k22_the_answer_itself_is_never_given_twice(site: PublicApp) -> None:
    form = {"ticket": await asked(site), "answer": "allow"}
    site.transient.fails = {"take claim"}
    site.durable.fails = {"consents.save_consent"}
    check_come_again(await site.browser.post("/consent", data=form))
    site.transient.fails, site.durable.fails = set(), set()
    assert "E-DONE" in (await site.browser.post("/consent", data=form)).text, "what cannot be given back stands"
    location = answer_of(await site.authorize(prompt="none"))
    assert location["error"] == "consent_required"


@pytest.fixture
async def registering() -> AsyncIterator[PublicApp]:
    async with public_app(config_of()) as app:
        yield app


async def begin_registered(site: PublicApp) -> None:
    """A login for an app that registered itself; the browser is at the upstream."""
    entry = (await register(site)).json()
    await site.authorize(client_id=entry["client_id"], redirect_uri=entry["redirect_uris"][0], idp_hint="alpha")


@pytest.mark.parametrize("fails", [{"*"}, {"clients.find"}, {"people.person"}])
async def test_k22_a_callback_for_a_registered_app_finds_the_database_away(
    registering: PublicApp, fails: set[str]
) -> None:
    await begin_registered(registering)
    registering.durable.fails = fails
    check_come_again(await registering.browser.get(registering.callback()))


async def test_k22_a_login_whose_app_cannot_be_looked_up_is_not_spent(registering: PublicApp) -> None:
    await begin_registered(registering)
    registering.durable.fails = {"*"}
    check_come_again(await registering.browser.get(registering.callback()))
    assert registering.upstreams["alpha"].asked == []
    registering.durable.fails = set()
    landed = await registering.browser.get(registering.callback())
    assert landed.headers["location"].startswith("/consent?ticket=")


@pytest.mark.parametrize("address", ["/consent?ticket=x", "/authorize?client_id=dc_x", "/device/confirm?ticket=x"])
async def test_k22_an_error_page_asks_no_store(registering: PublicApp, address: str) -> None:
    registering.durable.fails, registering.transient.down = {"*"}, True
    page = await registering.browser.get(address)
    assert page.status_code in {403, 503}
    assert page.headers["content-type"].startswith("text/html")


AWAY = [({"people.person"}, set()), ({"*"}, set()), (set(), {"put session"})]


def check_led_on(answer: httpx2.Response) -> str:
    """Where the button leads of a page that says when to come again; never to an attempt that is spent."""
    check_come_again(answer)
    again = read(answer).by_id("retry")["href"]
    assert not again.startswith("/callback/")
    return again


@pytest.mark.parametrize(("durable", "transient"), AWAY, ids=["person", "database", "session"])
@pytest.mark.parametrize("then", ["", "delete", "link/beta"])
async def test_k22_a_login_at_home_that_a_store_cut_short_is_begun_again_where_it_was(
    site: PublicApp, then: str, durable: set[str], transient: set[str]
) -> None:
    await signed_in(site)
    await site.browser.get("/account/login", params={"idp_hint": "alpha", "then": then})
    site.durable.fails, site.transient.fails = durable, transient
    again = check_led_on(await site.browser.get(site.callback()))
    assert again == f"/account/{then}".rstrip("/")
    site.durable.fails, site.transient.fails = set(), set()
    assert (await site.browser.get(again)).status_code == 200


@pytest.mark.parametrize(("durable", "transient"), [*AWAY[:2], (set(), {"get session"})])
async def test_k22_a_way_in_that_a_store_did_not_let_in_is_added_when_it_is_back(
    site: PublicApp, durable: set[str], transient: set[str]
) -> None:
    await signed_in(site)
    site.upstreams["beta"].identity = Identity("y1", {"name": "Anna"})
    form = {"ticket": ticket_in(await site.browser.get("/account/link/beta"))}
    assert (await site.browser.post("/account/link/beta", data=form)).status_code == 200
    site.durable.fails, site.transient.fails = durable, transient
    again = check_led_on(await site.browser.get(site.callback("beta")))
    assert again == "/account/link/beta"
    site.durable.fails, site.transient.fails = set(), set()
    form = {"ticket": ticket_in(await site.browser.get(again))}
    assert (await site.browser.post(again, data=form)).status_code == 200
    landed = await site.browser.get(site.callback("beta"))
    assert landed.headers["location"].startswith("/account/link?ticket=")


@pytest.mark.parametrize(("durable", "transient"), AWAY)
async def test_k22_a_login_for_an_app_that_a_store_cut_short_is_begun_again(
    site: PublicApp, durable: set[str], transient: set[str]
) -> None:
    await site.authorize(idp_hint="alpha")
    site.durable.fails, site.transient.fails = durable, transient
    again = check_led_on(await site.browser.get(site.callback()))
    site.durable.fails, site.transient.fails = set(), set()
    assert (await site.browser.get(again)).status_code == 303
    landed = await site.browser.get(site.callback())
    assert landed.headers["location"].startswith("/consent?ticket=")
