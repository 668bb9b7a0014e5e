"""Threats C2 at Google's own prompt on our login page: what a credential of it opens, where, and for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx2
import pytest

from broker.demo.background import PROVIDERS, RunningBroker, running_in_background
from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import CHALLENGE
from tests.threats.posted_matrix import Clock

pytestmark = pytest.mark.anyio
OURS = str(PROVIDERS["google"]["client_id"])
REDIRECT = "https://shop.test/cb"
APP: Mapping[str, object] = {
    "name": "Shop",
    "redirect_uris": [REDIRECT],
    "auth_method": "none",
    "first_party": True,
    "one_tap": True,
}
CLIENTS: Mapping[str, Mapping[str, object]] = {
    "shop": APP,
    "plain": {**APP, "one_tap": False},
    "without": {**APP, "providers": ["vk", "oidc"]},
}
CLOCK = Clock()


@contextmanager
def one_tap_broker() -> Iterator[RunningBroker]:
    """Whose Google has the prompt."""
    providers = {**PROVIDERS, "google": {**PROVIDERS["google"], "one_tap": True}}
    with running_in_background(CLIENTS, CLOCK, providers=providers) as broker:
        yield broker


@pytest.fixture(scope="module")
def running() -> Iterator[RunningBroker]:
    with one_tap_broker() as broker:
        yield broker


@pytest.fixture
async def visitor(broker: RunningBroker) -> AsyncIterator[Visitor]:
    async with Visitor(stops=("https://",)) as found:
        yield found


async def chooser(broker: RunningBroker, visitor: Visitor, client_id: str = "shop", **more: str) -> Page:
    """The login page of this client."""
    request = {"response_type": "code", "client_id": client_id, "redirect_uri": REDIRECT, "scope": "openid"}
    request |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": "s", **more}
    page = await visitor.get(f"{broker.issuer}/authorize?{urlencode(request)}")
    assert page.has("provider-vk"), page.text
    return page


def credential(broker: RunningBroker, page: Page, person: str = "ada", /, **changes: str | int) -> str:
    """What Google's script gives on this page, wrong in what is changed."""
    order = {"app": OURS, "person": person, "nonce": page.form("one-tap").attributes["data-nonce"], **changes}
    answer = httpx2.post(f"{broker.emulators['google'].url}/_emulator/kit", json=order, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id_token"])


async def tap(visitor: Visitor, given: str, select_by: str = "user") -> Page:
    """The script of the page posts it."""
    return await visitor.submit("one-tap", credential=given, select_by=select_by)


def signed_in(broker: RunningBroker, visitor: Visitor) -> bool:
    """Whether this browser has a session here."""
    return "__Host-session" in visitor.cookies.header(f"{broker.issuer}/", method="GET", initiator=None)


def told(page: Page) -> bool:
    """Whether the app was answered with a code."""
    return page.status == 0 and "code" in page.params


def refusal(broker: RunningBroker) -> str:
    """Why the newest login failed."""
    return str(next(line for line in reversed(broker.log) if line["event"] == "login.failed")["reason"])


async def test_a_tap_signs_in_and_the_link_beside_it_is_the_same_person(
    broker: RunningBroker, visitor: Visitor
) -> None:
    page = await chooser(broker, visitor)
    assert page.has("provider-google")
    answered = await tap(visitor, credential(broker, page, "boris"), "fedcm")
    assert told(answered), answered.text
    started, succeeded = [line for line in broker.log if line["event"] in {"login.started", "login.succeeded"}][-2:]
    assert (started["select_by"], succeeded["ms"] < 10_000) == ("fedcm", True)
    assert broker.login("google", "boris", client_id="test-app").claims["sub"] == succeeded["sub"]


async def test_c2_looking_at_the_page_begins_no_login_and_keeps_nothing_here(
    broker: RunningBroker, visitor: Visitor
) -> None:
    before = len(broker.log)
    page = await chooser(broker, visitor)
    assert any(one.startswith("__Host-flow-") for one in page.set_cookies)
    assert [line["event"] for line in broker.log[before:]] == []
    # A request that no cookie carries has no prompt: its record would have to stay here.
    large = await chooser(
        broker, visitor, login_hint="h" * 250, nonce="n" * 1000, state="s" * 1000, code_challenge="c" * 43
    )
    assert not large.has("one-tap")
    assert not any(one.startswith("__Host-flow-") for one in large.set_cookies)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"app": f"other-{OURS}"}, "our client id is not in aud"),
        ({"app": f"phone-other-{OURS}", "server": f"other-{OURS}"}, "our client id is not in aud"),
        ({"nonce": "of-another-page"}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"issued_ago": 3500}, "before this login attempt"),
    ],
    ids=["another app", "another app's phone", "another nonce", "no nonce", "of another day"],
)
async def test_c2_a_credential_that_is_not_of_this_page_signs_nobody_in(
    broker: RunningBroker, visitor: Visitor, changes: dict[str, str | int], why: str
) -> None:
    page = await chooser(broker, visitor)
    answered = await tap(visitor, credential(broker, page, **changes))
    assert answered.has("provider-google") or answered.status >= 400, answered.text
    assert why in refusal(broker)
    assert not signed_in(broker, visitor)


@pytest.mark.parametrize(
    "fault", ["wrong_signature", "wrong_issuer", "wrong_azp", "expired_token", "alg_none", "no_id"]
)
async def test_c2_a_spoilt_credential_signs_nobody_in(broker: RunningBroker, visitor: Visitor, fault: str) -> None:
    broker.emulators["google"].fault(fault)
    page = await chooser(broker, visitor)
    await tap(visitor, credential(broker, page))
    assert "ID token" in refusal(broker)
    assert not signed_in(broker, visitor)


async def test_c2_a_credential_counts_once(broker: RunningBroker, visitor: Visitor) -> None:
    page = await chooser(broker, visitor)
    given, form = credential(broker, page), page.form("one-tap")
    record = next(one for one in page.set_cookies if one.startswith("__Host-flow-"))
    assert told(await tap(visitor, given))
    again = await visitor.post(form.action, {"credential": given}, initiator=page.url)
    assert (again.status, told(again)) == (400, False)
    visitor.cookies.store(broker.issuer, (record,))
    again = await visitor.post(form.action, {"credential": given}, initiator=page.url)
    assert (again.status, told(again)) == (400, False)


async def test_c2_b1_a_credential_counts_in_the_browser_of_the_page_alone(
    broker: RunningBroker, visitor: Visitor
) -> None:
    """A page elsewhere posts somebody's own credential into the browser of somebody else."""
    async with Visitor(stops=("https://",)) as attacker:
        page = await chooser(broker, attacker)
        given = credential(broker, page, "zoe")
        forced = await visitor.post(page.form("one-tap").action, {"credential": given}, initiator="https://evil.test/")
        assert forced.status == 400
        assert not signed_in(broker, visitor)
        assert not told(await tap(attacker, given)), "it has been seen elsewhere"


async def test_c2_a_prompt_and_a_redirect_do_not_answer_for_each_other(broker: RunningBroker, visitor: Visitor) -> None:
    page = await chooser(broker, visitor)
    given, action = credential(broker, page), page.form("one-tap").action
    assert not told(await visitor.get(f"{action}?code=4%2F0abc"))
    assert "does not end by query" in refusal(broker)
    # The other way round: an attempt that went to Google is not ended by a credential with its nonce.
    await chooser(broker, visitor)
    leaving = await visitor.click("provider-google")
    state, nonce = leaving.params["state"], leaving.params["nonce"]
    given = credential(broker, page, nonce=nonce)
    answered = await visitor.post(f"{broker.issuer}/callback/google/{state}", {"credential": given}, initiator=page.url)
    assert not told(answered)
    assert "does not answer by credential" in refusal(broker)


@pytest.mark.parametrize(
    "more", [{"prompt": "login"}, {"max_age": "60"}, {"prompt": "select_account"}, {"prompt": "create"}], ids=str
)
async def test_c2_who_is_to_be_asked_anew_is_not_offered_a_prompt(
    broker: RunningBroker, visitor: Visitor, more: dict[str, str]
) -> None:
    page = await chooser(broker, visitor, **more)
    assert not page.has("one-tap")
    assert "gsi" not in page.headers["content-security-policy"]


async def test_c2_a_tap_is_no_proof_of_when_somebody_was_asked(broker: RunningBroker, visitor: Visitor) -> None:
    page = await chooser(broker, visitor)
    assert told(await tap(visitor, credential(broker, page), "fedcm_auto"))
    assert (await chooser(broker, visitor, max_age="36000")).status == 200, "asked again, however short ago it was"
    request = {"client_id": "shop", "response_type": "code", "redirect_uri": REDIRECT, "scope": "openid"}
    request |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert told(await visitor.get(f"{broker.issuer}/authorize?{urlencode(request)}"))


@pytest.mark.parametrize("client_id", ["plain", "without"])
async def test_a_login_page_of_a_client_without_it_is_as_ever(
    broker: RunningBroker, visitor: Visitor, client_id: str
) -> None:
    page = await chooser(broker, visitor, client_id)
    assert "script-src 'none'" in page.headers["content-security-policy"]
    assert (page.has("one-tap"), page.set_cookies) == (False, ())


async def test_in_the_browser_of_another_app_google_would_refuse_so_there_is_no_prompt(
    broker: RunningBroker, visitor: Visitor
) -> None:
    visitor.headers["User-Agent"] = "Mozilla/5.0 (Linux; Android 15; wv) Instagram 300"
    assert not (await chooser(broker, visitor)).has("one-tap")


async def test_a_page_that_lay_open_for_too_long_says_so(broker: RunningBroker, visitor: Visitor) -> None:
    page = await chooser(broker, visitor)
    CLOCK.ahead = 601
    late = await tap(visitor, credential(broker, page))
    assert (late.status, told(late)) == (400, False)


async def test_c2_the_page_runs_that_script_and_tells_google_its_origin_and_no_more(
    broker: RunningBroker, visitor: Visitor
) -> None:
    page = await chooser(broker, visitor)
    gsi = f"{broker.emulators['google'].url}/gsi/"
    rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    nonce = next(one for one in rules["script-src"].split() if one.startswith("'nonce-"))
    assert rules["script-src"].split() == [nonce, f"{gsi}client"]
    assert (rules["frame-src"], rules["connect-src"]) == (gsi, gsi)
    assert rules["style-src"] == f"'self' {gsi}style"
    assert rules["form-action"] == "'self'"
    assert page.headers["referrer-policy"] == "strict-origin"
    assert page.headers["cross-origin-opener-policy"] == "same-origin-allow-popups"
    assert page.has("provider-google")


async def test_what_select_by_says_is_a_word_or_nothing_in_the_log(broker: RunningBroker, visitor: Visitor) -> None:
    page = await chooser(broker, visitor)
    await tap(visitor, credential(broker, page), "<script>" * 10)
    assert next(one for one in reversed(broker.log) if one["event"] == "login.started")["select_by"] == ""


async def test_a_provider_that_is_away_has_no_prompt(visitor: Visitor) -> None:
    with one_tap_broker() as broker:
        page = await chooser(broker, visitor)
        order = {"path": "/oauth2/v3/certs", "status": 503, "headers": {"Retry-After": "60"}}
        url = f"{broker.emulators['google'].url}/_emulator/answers"
        assert httpx2.post(url, json=order, trust_env=False).status_code < 300
        assert not told(await tap(visitor, credential(broker, page))), "nobody gives the key that it is signed with"
        page = await chooser(broker, visitor)
        assert (page.has("one-tap"), page.has("provider-google")) == (False, True)
