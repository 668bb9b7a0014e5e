"""`/events/{provider}/deletion`: what Facebook is answered, and the page that it shows to whoever asked there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.responses import HTMLResponse

from broker.core.wire.parameters import parse_form
from broker.demo.background import RunningBroker, running_in_background
from broker.demo.upstreams import EMULATORS
from broker.demo.upstreams.facebook_events import signed_request
from tests.web.page_samples import Outline, read
from tests.web.test_events_http import CLOCK, PROVIDERS, SECRET, order, post, refreshes, signed, told

NAME = "facebook"


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    """A broker that hears Facebook, and Google, which has no such callback."""
    chosen = {name: PROVIDERS[name] for name in (NAME, "google")}
    with running_in_background({}, CLOCK, providers=chosen) as running:
        yield running


@pytest.fixture(autouse=True)
def _clear(broker: RunningBroker) -> None:
    for switches in broker.emulators.values():
        switches.clear()


def ask(broker: RunningBroker, person: str) -> dict[str, str]:
    """Somebody asks at Facebook; what we answered it."""
    (sent,) = order(broker, NAME, "deletion", person)
    assert sent["url"] == f"{broker.issuer}/events/{NAME}/deletion"
    assert sent["status"] == 200, sent["answer"]
    answer: dict[str, str] = json.loads(sent["answer"])
    assert sorted(answer) == ["confirmation_code", "url"]
    return answer


def page(url: str, language: str = "en", status: int = 200) -> Outline:
    """The page that this address leads to."""
    answer = httpx2.get(url, headers={"accept-language": language}, timeout=30)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    return read(HTMLResponse(answer.text))


def test_whoever_asks_at_facebook_is_told_when_their_account_goes(broker: RunningBroker) -> None:
    zoe, boris, before = broker.login(NAME, "zoe"), broker.login(NAME, "boris"), len(broker.log)
    answer = ask(broker, "zoe")
    assert told(broker, before) == [(NAME, "deletion", "closed")]
    (line,) = [line for line in broker.log[before:] if line["event"] == "upstream.event"]
    assert line["confirmation"] == answer["confirmation_code"]
    assert not refreshes(broker, zoe)
    assert refreshes(broker, boris)
    assert answer["url"].startswith(f"{broker.issuer}/deletion?code=")
    assert "zoe" not in answer["url"]
    shown = page(answer["url"])
    assert "Your account will be deleted on 20" in shown.text
    assert answer["confirmation_code"] in shown.text
    assert "Asked for at Facebook" in shown.text
    russian = shown.by_id("lang-ru")["href"]
    assert "Ваш аккаунт будет удалён" in page(f"{broker.issuer}{russian}").text


def test_g21_a_deletion_counts_once_and_signed_by_facebook_for_us(broker: RunningBroker) -> None:
    (sent,) = order(broker, NAME, "deletion", "ada")
    ada, before = broker.login(NAME, "ada"), len(broker.log)
    again = post(broker, f"{NAME}/deletion", sent["body"], sent["content_type"])
    assert again.json()["confirmation_code"] == json.loads(sent["answer"])["confirmation_code"]
    assert told(broker, before) == [(NAME, "deletion", "repeated")]
    broker.emulators[NAME].fault("wrong_signature")
    (forged,) = order(broker, NAME, "deletion", "ada")
    assert (forged["status"], json.loads(forged["answer"])["error"]) == (400, "invalid_request")
    for changes in ({"code": "AQ-of-a-login"}, {"issued_at": int(time.time()) - 2 * 86400}, {"user_id": None}):
        form = {"signed_request": signed_request(signed(**changes), SECRET)}
        assert httpx2.post(f"{broker.issuer}/events/{NAME}/deletion", data=form, timeout=30).status_code == 400, changes
    assert refreshes(broker, ada)
    assert "in use" in page(again.json()["url"]).text


def test_consent_that_was_taken_back_is_no_deletion(broker: RunningBroker) -> None:
    boris = broker.login(NAME, "boris")
    (sent,) = order(broker, NAME, "deauthorize", "boris")
    assert sent["answer"] == ""
    assert broker.login(NAME, "boris").claims["sub"] == boris.claims["sub"]


def test_an_address_that_was_changed_leads_to_a_page_that_says_so(broker: RunningBroker) -> None:
    url = ask(broker, "boris")["url"]
    for bad in (url[:-5], url.partition("?")[0], url.replace("code=", "code=A")):
        answer = httpx2.get(bad, timeout=30)
        assert answer.status_code == 404, bad
        assert answer.headers["content-type"].startswith("text/html")
    shown = page(url[:-5], status=404)
    assert "This address belongs to no request" in shown.text
    assert shown.by_id("account-page") is not None
    code = parse_form(urlsplit(url).query.encode()).get("code", "")
    assert code[:40] not in shown.text


def test_where_nobody_tells_of_deletions_there_is_no_such_place(broker: RunningBroker) -> None:
    assert post(broker, "google/deletion", "x").status_code == 400
    assert httpx2.get(f"{broker.issuer}/events/{NAME}/deletion").status_code == 405
    for providers in ({"google": PROVIDERS["google"]}, {NAME: EMULATORS[NAME].settings}):
        with running_in_background({}, providers=providers) as without:
            (name,) = providers
            assert post(without, f"{name}/deletion", "x").status_code == 404
            assert httpx2.get(f"{without.issuer}/deletion?code=x").status_code == 404
            assert "belongs to no request" not in httpx2.get(f"{without.issuer}/deletion?code=x").text
