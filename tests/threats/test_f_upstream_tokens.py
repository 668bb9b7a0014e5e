"""Threats F18, D11 and J2: upstreams' own tokens, which are kept for apps and handed to them by token exchange."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx2
import pytest

from broker.demo.visitor import Visitor
from tests.threats.token_takers import CALENDAR, Takers, takers

WAYS = ("google", "yandex", "oidc")
BUTTON = re.compile(
    r'action="/account/withdraw">\s*<input[^>]* value="([^"]+)">\s*<button[^>]* name="way" value="([^"]+)"'
)
each_way = pytest.mark.parametrize("provider", WAYS)
LIVES = {"google": 3599, "yandex": 365 * 86400, "oidc": 300}
"""Seconds that an access token lives there."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Takers]:
    with takers(tmp_path_factory.mktemp("takers")) as found:
        yield found


@pytest.fixture
def at(running: Takers) -> Iterator[Takers]:
    """Every upstream as at the start, before and after."""
    for emulator in running.broker.emulators.values():
        emulator.clear()
    yield running
    for emulator in running.broker.emulators.values():
        emulator.clear()
    running.clock.ahead = 0


def calls_google(at: Takers, token: str) -> int:
    """The status by which Google's API answers this token."""
    url = f"{at.broker.emulators['google'].url}/v1/userinfo"
    return httpx2.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code


# --- what an app gets ---


@each_way
def test_an_app_gets_the_upstreams_token_for_its_own_token(at: Takers, provider: str) -> None:
    answer = at.take(at.sign_in(at.somebody(), provider), provider)
    assert answer["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert answer["token_type"] == "Bearer"
    assert LIVES[provider] - 30 < answer["expires_in"] <= LIVES[provider]
    assert set(answer) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert at.events("upstream.tokens_handed")[-1]["provider"] == provider


def test_the_token_is_good_at_the_upstream_for_what_was_asked_for(at: Takers) -> None:
    answer = at.take(at.sign_in(at.somebody()))
    assert calls_google(at, answer["access_token"]) == 200
    assert {"openid", CALENDAR} <= set(answer["scope"].split())


def test_what_is_asked_of_the_upstream_is_more_for_such_an_app_alone(at: Takers) -> None:
    at.sign_in(at.somebody())
    at.sign_in(at.somebody(), client_id="plain")
    seen = [one["params"] for one in at.broker.emulators["google"].log() if one["path"] == "/o/oauth2/v2/auth"]
    found = [(one["access_type"], CALENDAR in one["scope"], one.get("prompt")) for one in seen if isinstance(one, dict)]
    assert sorted(set(found), key=str) == [("offline", True, "consent"), ("online", False, None)]


def test_the_newest_login_counts(at: Takers) -> None:
    person = at.somebody()
    first = at.take(at.sign_in(person))["access_token"]
    assert at.take(at.sign_in(person))["access_token"] != first


# --- F18: who may have them ---


def test_f18_an_app_that_may_not_gets_nothing_and_leaves_nothing(at: Takers) -> None:
    person = at.somebody()
    token = at.sign_in(person, client_id="other")
    before = len(at.events("upstream.tokens_kept"))
    assert at.refusal(token, "google", "other") == "invalid_target"
    assert at.refusal(at.sign_in(person, client_id="plain"), "google", "plain") == "unauthorized_client"
    assert len(at.events("upstream.tokens_kept")) == before
    own = at.broker.login("google", person, client_id="plain", scope="openid").tokens["access_token"]
    assert at.refusal(str(own)) == "invalid_request", "nor does another app for it"


@pytest.mark.parametrize("audience", ["vk", "mean", "nobody", "", "google oidc"])
def test_f18_a_provider_that_keeps_nothing_is_no_target(at: Takers, audience: str) -> None:
    assert at.refusal(at.sign_in(at.somebody()), audience) == ("invalid_target" if audience else "invalid_request")


def test_f18_a_token_of_another_app_opens_nothing(at: Takers) -> None:
    person = at.somebody()
    at.sign_in(person)
    assert at.refusal(at.sign_in(person, "google", "ours")) == "invalid_request"


@pytest.mark.parametrize(
    "changed",
    [
        {"subject_token": "made-up"},
        {"subject_token": None},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"subject_token_type": None},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token": "x"},
        {"actor_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        {"resource": "https://api.example.com/"},
        {"scope": "openid"},
        {"subject_issuer": "google"},
        {"audience": None},
    ],
    ids=str,
)
def test_f18_whatever_else_is_asked_for_is_refused(at: Takers, changed: dict[str, str | None]) -> None:
    assert at.refusal(at.sign_in(at.somebody()), "google", "planner", **changed) == "invalid_request"


def test_f18_a_token_that_was_given_back_hands_out_nothing(at: Takers) -> None:
    token = at.sign_in(at.somebody())
    at.take(token)
    form = {"token": token, "client_id": "planner", "client_secret": "a-secret-of-somebodys-app-of-32-characters"}
    assert at.http.post(f"{at.broker.issuer}/revoke", data=form).status_code == 200
    answer = at.ask(token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json() == at.ask("made-up").json(), "nobody learns why"


# --- renewal ---


@pytest.mark.parametrize("provider", ["google", "oidc"])
def test_a_token_that_is_about_to_end_is_renewed_once_for_fifty_at_once(at: Takers, provider: str) -> None:
    token = at.sign_in(at.somebody(), provider)
    first = at.take(token, provider)
    at.clock.ahead += LIVES[provider] - 59
    assert at.renewals(provider) == 0
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: at.take(token, provider), range(50)))
    assert len({answer["access_token"] for answer in answers}) == 1
    assert answers[0]["access_token"] != first["access_token"]
    assert answers[0]["expires_in"] > LIVES[provider] - 30
    assert at.renewals(provider) == 1


def test_an_upstream_that_changes_its_refresh_token_each_time_is_asked_with_the_newest(at: Takers) -> None:
    token, found = at.sign_in(at.somebody(), "oidc"), set()
    for _ in range(3):
        found.add(at.take(token, "oidc")["access_token"])
        at.clock.ahead += 250
    assert len(found) == 3
    assert at.renewals("oidc") == 2


def test_an_upstream_that_refuses_is_asked_no_more_and_the_app_hears_what_to_do(at: Takers) -> None:
    person = at.somebody()
    token = at.sign_in(person, "oidc")
    at.clock.ahead += 250
    at.broker.emulators["oidc"].fault("refresh_refused", times=1)
    answer = at.ask(token, "oidc")
    assert (answer.status_code, answer.json()["error"]) == (400, "login_required")
    assert "prompt=login" in answer.json()["error_description"]
    assert at.refusal(token, "oidc") == "login_required"
    assert at.renewals("oidc") == 1
    at.clock.ahead = 0
    assert at.take(at.sign_in(person, "oidc"), "oidc")


def test_b13_renewed_tokens_of_somebody_else_are_handed_to_nobody(at: Takers) -> None:
    token = at.sign_in(at.somebody(), "oidc")
    at.clock.ahead += 250
    at.broker.emulators["oidc"].fault("other_person", times=1)
    assert at.refusal(token, "oidc") == "login_required"
    assert at.events("upstream.tokens_renewed")[-1]["outcome"] == "UpstreamInvalid"


@pytest.mark.parametrize("fault", ["500", "not_json"])
def test_i6_an_upstream_that_is_away_costs_nothing_but_time(at: Takers, fault: str) -> None:
    token = at.sign_in(at.somebody())
    at.clock.ahead += LIVES["google"] - 30
    at.broker.emulators["google"].fault(fault, times=1)
    answer = at.ask(token)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert at.take(token)["expires_in"] > 3500


# --- J: where they are ---


def test_b20_j1_j2_no_token_of_an_upstream_is_in_the_database_or_the_log(at: Takers) -> None:
    seen = set()
    for provider in WAYS:
        token = at.sign_in(at.somebody(), provider)
        seen.add(at.take(token, provider)["access_token"])
        at.clock.ahead = LIVES[provider] - 30 if provider != "yandex" else 0
        if provider != "yandex":
            seen.add(at.take(token, provider)["access_token"])
        at.clock.ahead = 0
        posted = (one["params"] for one in at.broker.emulators[provider].log())
        seen |= {one["refresh_token"] for one in posted if isinstance(one, dict) and "refresh_token" in one}
    assert len(seen) == 7
    files = b"".join(path.read_bytes() for path in at.database.parent.glob("broker.db*"))
    log = json.dumps(at.broker.log, default=str).encode()
    assert [one for one in seen if one.encode() in files] == []
    assert [one for one in seen if one.encode() in log] == []


# --- what people are told ---


@pytest.mark.anyio
async def test_a23_the_consent_page_says_which_account_the_app_may_use_and_for_what(at: Takers) -> None:
    client = at.broker.client("planner")
    asked = {"client_id": client.client_id, "redirect_uri": client.redirect_uri, "response_type": "code"}
    asked |= {"scope": "openid", "nonce": "n-1", "idp_hint": "google", "ui_locales": "en"}
    async with Visitor(stops=(client.redirect_uri,)) as visitor:
        await visitor.get(f"{at.broker.issuer}/authorize?{urlencode(asked)}")
        page = await visitor.click("person-ada")
    assert page.has("elsewhere-google")
    assert not page.has("elsewhere-vk")
    assert "Use your Google account in your name" in page.text
    assert CALENDAR in page.text


@pytest.mark.anyio
@pytest.mark.parametrize("provider", ["google", "oidc"])
async def test_d16_who_withdraws_on_the_account_page_ends_the_token_here_and_at_the_provider(
    at: Takers, provider: str
) -> None:
    person = at.somebody()
    token = await asyncio.to_thread(at.sign_in, person, provider)
    given = (await asyncio.to_thread(at.take, token, provider))["access_token"]
    async with Visitor() as visitor:
        page = await visitor.get(f"{at.broker.issuer}/account/login?idp_hint={provider}")
        page = await visitor.click(f"person-{person}")
        assert page.has("elsewhere")
        assert "Planner" in page.text
        found = BUTTON.search(page.text)
        assert found is not None
        form = {"ticket": found[1], "way": found[2]}
        page = await visitor.post(f"{at.broker.issuer}/account/withdraw", form, initiator=page.url)
    assert not page.has("elsewhere")
    assert "No app can use that account any more" in page.text
    assert await asyncio.to_thread(at.refusal, token, provider) == "consent_required"
    revoked = [one for one in at.broker.emulators[provider].log() if one["path"] == "/revoke"]
    assert len(revoked) == 1
    assert given
    assert at.events("upstream.tokens_withdrawn")[-1]["outcome"] == "given_back"
