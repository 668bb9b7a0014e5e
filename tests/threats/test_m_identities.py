"""Threats M and D: ways in that apps add by what a vendor's kit gave to them, and look-ups of whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest

from tests.threats.posted_matrix import WAYS, Ask, Bench, Way, bench, elsewhere

NEUTRAL = "the subject token is not acceptable; take a new challenge and let the user sign in again"
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)


@pytest.fixture(scope="module")
def running() -> Iterator[Bench]:
    with bench() as found:
        yield found


@pytest.fixture
def at(running: Bench) -> Iterator[Bench]:
    """At the time of the day, before and after."""
    running.clock.ahead = 0
    yield running
    running.clock.ahead = 0


def somebody(at: Bench) -> str:
    """A person whom nobody knows yet."""
    name = f"p{uuid4().hex[:12]}"
    at.broker.people.add(name, given_name="Nora")
    return name


def check_refused(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert answer.json() == {"error": "invalid_request", "error_description": NEUTRAL}


def ways_of(at: Bench, token: str) -> list[str]:
    """The providers by which they come."""
    answer = at.http.get(f"{at.broker.issuer}/identities", headers={"Authorization": f"Bearer {token}"})
    return [way["provider"] for way in answer.json()["identities"]]


@each_way
def test_m1_what_a_kit_gave_becomes_a_way_in_and_is_shown_as_the_others_are(at: Bench, way: Way) -> None:
    who = somebody(at)
    token = at.sign_in(who, way)
    answer = at.link(token, at.form(way, Ask(who), "partner"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["current"] is False
    listed = at.http.get(f"{at.broker.issuer}/identities", headers={"Authorization": f"Bearer {token}"}).json()
    assert answer.json() in listed["identities"]
    noted = [line["provider"] for line in at.broker.log if line["event"] == "account.linked"]
    assert noted[-1] == way.provider
    again = at.link(token, at.form(way, Ask(who), "partner"))
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert len([line for line in at.broker.log if line["event"] == "account.linked"]) == len(noted)
    assert at.sub(at.exchange(at.form(way, Ask(who)))) == at.broker.login(elsewhere(way), who).claims["sub"]


@each_way
def test_m1_a_credential_of_another_app_links_nothing_and_finds_nobody(at: Bench, way: Way) -> None:
    who = somebody(at)
    token = at.sign_in(who, way)
    check_refused(at.link(token, at.form(way, Ask(who, foreign=True), "partner")))
    check_refused(at.link(token, at.form(way, Ask(who), "tablet")))
    assert ways_of(at, token) == [elsewhere(way)]
    check_refused(at.look_up(at.form(way, Ask(foreign=True), "partner")))


@each_way
def test_m2_a_credential_links_once(at: Bench, way: Way) -> None:
    who = somebody(at)
    token, form = at.sign_in(who, way), at.form(way, Ask(who), "partner")
    assert at.link(token, form).status_code == 201
    check_refused(at.link(token, form))
    check_refused(at.exchange(form, "partner"))


@each_way
def test_m2_a_credential_is_looked_up_once(at: Bench, way: Way) -> None:
    sub = at.broker.login(way.provider, "ada", client_id="partner").claims["sub"]
    form = at.form(way, Ask(), "partner")
    answer = at.look_up(form)
    assert (answer.status_code, answer.json()) == (200, {"sub": sub})
    check_refused(at.look_up(form))
    check_refused(at.exchange(form, "partner"))


def test_m2_looking_up_makes_nobody(at: Bench) -> None:
    way, who = WAYS[0], somebody(at)
    for _ in range(2):
        answer = at.look_up(at.form(way, Ask(who), "partner"))
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert at.exchange(at.form(way, Ask(who)), sign_up="false").json()["error"] == "account_not_found"


def test_d18_a_look_up_by_a_credential_is_for_clients_that_may_ask(at: Bench) -> None:
    answer = at.look_up(at.form(WAYS[0]), "phone")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    mixed = at.look_up(at.form(WAYS[0], Ask(), "partner") | {"former_sub": "x"})
    assert (mixed.status_code, mixed.json()["error"]) == (400, "invalid_request")


def test_d7_an_old_login_or_one_that_asked_nobody_links_nothing(at: Bench) -> None:
    way, who = WAYS[0], somebody(at)
    scope = "openid identities identities.manage"
    unasked = at.exchange(at.form(way, Ask(who)), scope=scope).json()["access_token"]
    token = at.sign_in(somebody(at), way)
    at.clock.ahead = 301
    for old in (unasked, token):
        form = at.form(WAYS[1], Ask(somebody(at)))
        answer = at.link(old, form)
        assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
        assert answer.json()["max_age"] == 300
        assert at.sub(at.exchange(form)), "and it was not spent by that"


@each_way
def test_d12_of_two_accounts_that_link_one_person_at_once_one_wins(at: Bench, way: Way) -> None:
    who = somebody(at)
    tokens = [at.sign_in(somebody(at), way) for _ in range(2)]
    forms = [at.form(way, Ask(who), "partner") for _ in tokens]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(at.link, tokens, forms))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    lost = next(answer for answer in answers if answer.status_code == 409)
    assert lost.json()["error"] == "already_linked_elsewhere"
    assert sorted(len(ways_of(at, token)) for token in tokens) == [1, 2]


@pytest.mark.parametrize(("body", "status"), [(b"[]", 400), (b'{"subject_token": 1}', 400), (b"", 400)])
def test_h4_what_is_linked_comes_as_texts_in_json(at: Bench, body: bytes, status: int) -> None:
    headers = {"Authorization": f"Bearer {at.sign_in('ada', WAYS[0])}"}
    url = f"{at.broker.issuer}/identities"
    answer = at.http.post(url, content=body, headers=headers | {"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")
    assert at.http.post(url, data={"subject_token": "x"}, headers=headers).status_code == 415
