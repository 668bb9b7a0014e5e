"""Threats M, F and D at the calls of drf-social-oauth2, whose own server asks no token whose it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import httpx2
import pytest

from broker.core.posted import UNASKED_AGE
from tests.threats.posted_matrix import APP, CLIENTS, SECRET, WAYS, Ask, Bench, Way, bench, credential_of_page

BACKENDS: Final = {
    "google": "google-oauth2",
    "oidc": "oidc",
    "oauth1": "signed",
    "ok": "odnoklassniki-oauth2",
    "x": "twitter",
    "yandex": "yandex-oauth2",
}
OLD: Final = {
    **APP,
    "redirect_uris": ["http://127.0.0.1/callback"],
    "drf_backends": {backend: name for name, backend in BACKENDS.items()},
    "drf_without_nonce": ["google", "oidc"],
}
APPS: Final[Mapping[str, Mapping[str, object]]] = {
    **CLIENTS,
    "old": OLD,
    "old-web": {**OLD, "auth_method": "client_secret", "secret": SECRET, "first_party": False},
    "old-and-new": {**OLD, "drf_without_nonce": []},
    "old-and-narrow": {**OLD, "accept_posted": ["yandex"], "drf_backends": OLD["drf_backends"]},
    "old-and-shut": {**OLD, "accept_posted": ["shut"], "drf_backends": {"vk-oauth2": "shut"}},
}
# What a page of an app has of Google comes with a challenge, of which these calls know nothing.
FEW: Final = [way for way in WAYS if way.provider in BACKENDS and way.get is not credential_of_page]
each_way = pytest.mark.parametrize("way", FEW, ids=lambda way: way.name)
each_signed = pytest.mark.parametrize("way", [way for way in FEW if way.nonced], ids=lambda way: way.name)
OPAQUE: Final = [way for way in FEW if not way.challenged]
Answer = tuple[int, str]
ANY: Final = Ask()
REFUSED: Final[Answer] = (400, "access_denied")


@pytest.fixture(scope="module")
def running() -> Iterator[Bench]:
    with bench(APPS) as found:
        yield found


@pytest.fixture
def at(running: Bench) -> Iterator[Bench]:
    """With every upstream as at the start, before and after."""
    for switches in running.broker.emulators.values():
        switches.clear()
    running.clock.ahead = 0
    yield running
    running.clock.ahead = 0
    for switches in running.broker.emulators.values():
        switches.clear()


def token_of(at: Bench, way: Way, ask: Ask = ANY) -> str:
    """What the kit gives to an app that took no challenge: some make a nonce up, so no two tokens are the same."""
    nonce = uuid4().hex if ask.nonce is None else ask.nonce
    given = way.get(at, {}, replace(ask, nonce=nonce))
    token, secret = given["subject_token"], given.get("subject_token_secret")
    return urlencode({"oauth_token": token, "oauth_token_secret": secret, "user_id": "1"}) if secret else token


def form(way: Way, token: str, client_id: str = "old") -> dict[str, str]:
    """As these apps send it; all of them have a secret in their package."""
    known = {"client_id": client_id, "client_secret": SECRET if client_id == "old-web" else "of-the-package"}
    return known | {"grant_type": "convert_token", "backend": BACKENDS[way.provider], "token": token}


def convert(at: Bench, way: Way, token: str, client_id: str = "old") -> httpx2.Response:
    return call(at, "convert-token", **form(way, token, client_id))


def call(at: Bench, name: str, bearer: str = "", /, **sent: Any) -> httpx2.Response:
    """One of the calls, as JSON."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return at.http.post(f"{at.broker.issuer}/auth/{name}", json=sent, headers=headers)


def said(answer: httpx2.Response) -> Answer:
    return answer.status_code, answer.json()["error"]


def sign_in(at: Bench, person: str, client_id: str = "old") -> dict[str, Any]:
    """The tokens of somebody who was just asked who they are."""
    scope = "openid offline_access identities identities.manage"
    return dict(at.broker.login("google", person, client_id=client_id, scope=scope, prompt="login").tokens)


def somebody(at: Bench) -> str:
    name = f"p{uuid4().hex[:12]}"
    at.broker.people.add(name, given_name="Nora")
    return name


def refresh(at: Bench, tokens: Mapping[str, Any], client_id: str = "old") -> httpx2.Response:
    more = {"client_secret": SECRET} if client_id == "old-web" else {}
    sent = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": tokens["refresh_token"]}
    return call(at, "token", **sent, **more)


# --- whose token it is ---


@each_way
def test_m1_the_token_of_a_backend_signs_in_whom_a_browser_would(at: Bench, way: Way) -> None:
    answer = convert(at, way, token_of(at, way))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"access_token", "expires_in", "token_type", "scope", "refresh_token"}
    assert at.sub(answer) == at.broker.login(way.provider, "ada").claims["sub"]
    assert refresh(at, answer.json()).status_code == 200


@each_way
def test_m1_the_token_of_another_app_signs_nobody_in_whom_the_original_would(at: Bench, way: Way) -> None:
    assert said(convert(at, way, token_of(at, way, Ask(foreign=True)))) == REFUSED
    assert at.refusal()["provider"] == way.provider


@pytest.mark.parametrize("way", [way for way in FEW if way.web], ids=lambda way: way.name)
def test_c2_m1_a_token_of_our_pages_is_no_token_of_an_app(at: Bench, way: Way) -> None:
    assert said(convert(at, way, token_of(at, way, Ask(web=True)))) == REFUSED
    assert way.web in at.refusal()["reason"]


@pytest.mark.parametrize(
    ("way", "spoilt"), [(way, name) for way in FEW for name in way.spoilt], ids=lambda one: getattr(one, "name", one)
)
def test_m1_a_spoilt_token_signs_nobody_in(at: Bench, way: Way, spoilt: str) -> None:
    convert(at, way, token_of(at, way))  # whatever is cached of the upstream is there
    at.broker.emulators[way.provider].fault(way.spoilt[spoilt], times=1)
    assert said(convert(at, way, token_of(at, way))) == REFUSED


@each_signed
def test_m1_a_nonce_that_a_kit_made_up_is_no_fault_but_that_of_a_challenge_is(at: Bench, way: Way) -> None:
    challenge = at.challenge(way.provider)
    token = way.get(at, challenge, Ask())["subject_token"]
    assert said(convert(at, way, token)) == REFUSED
    assert "made for a challenge" in at.refusal()["reason"]
    exchanged = {"subject_token": token, "subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}
    exchanged |= {"subject_issuer": way.provider, "challenge": challenge["challenge"]}
    assert at.sub(at.exchange(exchanged)), "and was not spent by that"
    assert at.sub(convert(at, way, token_of(at, way, Ask(nonce="of-the-kit"))))


@each_signed
def test_m1_without_a_nonce_nothing_counts_where_the_operator_did_not_say_so(at: Bench, way: Way) -> None:
    assert said(convert(at, way, token_of(at, way), "old-and-new")) == REFUSED
    assert "challenge is missing" in at.refusal()["reason"]


@each_signed
def test_m1_f18_what_counts_without_a_nonce_there_does_so_nowhere_else(at: Bench, way: Way) -> None:
    token = token_of(at, way)
    posted = {"subject_token": token, "subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}
    posted["subject_issuer"] = way.provider
    grant = "urn:ietf:params:oauth:grant-type:token-exchange"
    for name in ("/token", "/auth/token"):
        answer = at.post(name, "old", grant_type=grant, **posted)
        assert "challenge is missing" in answer.json()["error_description"]
    assert "challenge is missing" in at.look_up(posted).json()["error_description"]
    bearer = sign_in(at, "ada")["access_token"]
    assert "challenge is missing" in at.link(bearer, posted).json()["error_description"]
    assert at.sub(convert(at, way, token))


# --- once, and young ---


@each_signed
def test_m2_an_id_token_without_a_nonce_is_good_for_minutes(at: Bench, way: Way) -> None:
    token = token_of(at, way, Ask(nonce="", issued_ago=UNASKED_AGE + 70))
    assert said(convert(at, way, token)) == REFUSED
    assert at.sub(convert(at, way, token_of(at, way, Ask(nonce="", issued_ago=UNASKED_AGE - 10))))


@each_way
def test_m2_a_token_counts_once(at: Bench, way: Way) -> None:
    token = token_of(at, way)
    first = convert(at, way, token)
    for client_id in ("old", "old-web"):
        assert said(convert(at, way, token, client_id)) == REFUSED
        assert "used before" in at.refusal()["reason"]
    assert at.sub(first), "whoever came first keeps what they got"


@pytest.mark.parametrize("way", OPAQUE, ids=lambda way: way.name)
def test_m2_a_token_counts_once_at_all_entries_together(at: Bench, way: Way) -> None:
    form = at.form(way)
    assert at.sub(at.exchange(form))
    assert said(convert(at, way, form["subject_token"])) == REFUSED


@each_way
def test_m2_of_many_at_once_one_counts(at: Bench, way: Way) -> None:
    token = token_of(at, way)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: convert(at, way, token), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 7]


@pytest.mark.parametrize("way", OPAQUE, ids=lambda way: way.name)
def test_m2_where_the_upstream_is_away_nothing_is_spent(at: Bench, way: Way) -> None:
    token, switches = token_of(at, way), at.broker.emulators[way.provider]
    switches.fault("500", times=1)
    assert said(convert(at, way, token)) == (503, "temporarily_unavailable")
    assert at.sub(convert(at, way, token))


# --- who may, and what ---


@pytest.mark.parametrize("client_id", ["phone", "old-and-narrow", "old-and-shut"])
def test_f18_client_and_provider_both_have_to_allow_it(at: Bench, client_id: str) -> None:
    way = FEW[0]
    answer = convert(at, way, token_of(at, way), client_id)
    if client_id == "phone":
        assert said(answer) == (400, "unauthorized_client")
        return
    assert said(answer) == (400, "invalid_request")
    assert answer.json()["error_description"] == "Invalid backend parameter."
    assert answer.json()["backend"] == ["Invalid backend."]


def test_f18_a_backend_whose_provider_takes_nothing_or_that_nobody_knows_is_none(at: Bench) -> None:
    sent = form(FEW[0], "x", "old-and-shut") | {"backend": "vk-oauth2"}
    assert said(call(at, "convert-token", **sent)) == REFUSED
    for backend in ("facebook", "google", "old", "__class__"):
        answer = call(at, "convert-token", **form(FEW[0], "x") | {"backend": backend})
        assert (said(answer), answer.json()["backend"]) == ((400, "invalid_request"), ["Invalid backend."])


@pytest.mark.parametrize("call_name", ["token", "revoke-token"])
def test_f18_no_call_is_for_another_client(at: Bench, call_name: str) -> None:
    sent = {"client_id": "phone", "grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    assert said(call(at, call_name, **sent)) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "call_name", ["revoke-token", "invalidate-sessions", "invalidate-refresh-tokens", "disconnect-backend"]
)
def test_f18_no_token_of_another_client_counts(at: Bench, call_name: str) -> None:
    bearer = sign_in(at, "ada", "partner")["access_token"]
    sent = {"client_id": "partner", "backend": "yandex-oauth2"}
    assert said(call(at, call_name, bearer, **sent)) == (400, "unauthorized_client")
    assert said(call(at, call_name, "made-up", **sent)) == (401, "invalid_token")


@pytest.mark.parametrize("missing", ["grant_type", "backend", "client_id", "token"])
def test_f18_what_is_missing_is_said_in_both_spellings(at: Bench, missing: str) -> None:
    sent = {name: value for name, value in form(FEW[0], "x").items() if name != missing}
    answer = call(at, "convert-token", **sent)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": f"Missing {missing} parameter.",
        "detail": f"Missing {missing} parameter.",
        missing: ["This field is required."],
    }


def test_f18_another_grant_type_converts_nothing(at: Bench) -> None:
    for grant_type in ("refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange", "password"):
        sent = form(FEW[0], "x") | {"grant_type": grant_type}
        assert said(call(at, "convert-token", **sent)) == (400, "unsupported_grant_type")


def test_f21_nobody_gets_a_token_for_a_password(at: Bench) -> None:
    sent = {"client_id": "old", "grant_type": "password", "username": "ada", "password": "lovelace"}
    assert said(call(at, "token", **sent)) == (400, "unsupported_grant_type")


def test_m6_the_secret_of_a_package_is_not_looked_at_and_another_one_is(at: Bench) -> None:
    way = OPAQUE[0]
    assert convert(at, way, token_of(at, way)).status_code == 200
    wrong = form(way, token_of(at, way), "old-web") | {"client_secret": "of-the-package"}
    for sent in (wrong, wrong | {"client_secret": ""}, wrong | {"client_id": "nobody"}):
        assert said(call(at, "convert-token", **sent)) == (401, "invalid_client")


def test_m7_who_agreed_to_nothing_yet_is_asked_in_a_browser(at: Bench) -> None:
    way, who = OPAQUE[0], somebody(at)
    answer = convert(at, way, token_of(at, way, Ask(who)), "old-web")
    assert said(answer) == (400, "consent_required")


def test_h_twice_is_twice_whatever_else_is_left_out(at: Bench) -> None:
    body = "&".join(f"{name}={value}" for name, value in form(OPAQUE[0], "x").items()) + "&token=y"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = at.http.post(f"{at.broker.issuer}/auth/convert-token", content=body, headers=headers)
    assert said(answer) == (400, "invalid_request")
    assert "more than once" in answer.json()["error_description"]


# --- what ends ---


def test_f20_all_that_the_app_has_of_the_person_ends_and_nothing_else(at: Bench) -> None:
    who, other = somebody(at), somebody(at)
    mine, more, elsewhere = sign_in(at, who), sign_in(at, who), sign_in(at, who, "old-and-new")
    theirs = sign_in(at, other)
    answer = call(at, "invalidate-sessions", mine["access_token"], client_id="old-and-new")
    assert (said(answer), answer.json()["client_id"]) == ((400, "invalid_request"), ["Invalid client_id."])
    assert call(at, "invalidate-sessions", mine["access_token"], client_id="old").status_code == 204
    for tokens in (mine, more):
        assert said(refresh(at, tokens)) == (400, "invalid_grant")
        answer = call(at, "invalidate-sessions", tokens["access_token"], client_id="old")
        assert said(answer) == (401, "invalid_token")
    assert refresh(at, theirs).status_code == 200
    assert refresh(at, elsewhere, "old-and-new").status_code == 200


def test_f20_refresh_tokens_alone_end_and_access_tokens_live_out(at: Bench) -> None:
    mine = sign_in(at, somebody(at))
    for _ in range(2):
        assert call(at, "invalidate-refresh-tokens", mine["access_token"], client_id="old").status_code == 204
    assert said(refresh(at, mine)) == (400, "invalid_grant")


def test_f20_a_token_is_given_back_by_a_secret_or_by_a_token_of_the_person(at: Bench) -> None:
    first, second, third = (sign_in(at, "ada") for _ in range(3))
    known = {"client_id": "old", "client_secret": "of-the-package"}
    assert call(at, "revoke-token", **known, token=first["access_token"]).status_code == 204
    assert call(at, "revoke-token", second["access_token"], client_id="old").status_code == 204
    sent = {"client_id": "old", "token": third["refresh_token"]}
    assert call(at, "revoke-token", third["access_token"], **sent).status_code == 204
    for tokens in (first, second, third):
        assert said(refresh(at, tokens)) == (400, "invalid_grant")


# --- ways in ---


def test_d7_no_way_in_is_taken_away_by_a_login_that_asked_nobody(at: Bench) -> None:
    way = OPAQUE[0]
    bearer = convert(at, way, token_of(at, way)).json()["access_token"]
    answer = call(at, "disconnect-backend", bearer, backend=BACKENDS[way.provider], association_id=1)
    assert said(answer) == (401, "insufficient_user_authentication")
    assert answer.json()["max_age"] == 300
    late = sign_in(at, "ada")["access_token"]
    at.clock.ahead = 301
    assert said(call(at, "disconnect-backend", late, backend="google-oauth2", association_id=1))[0] == 401


def test_d7_d16_a_fresh_login_takes_a_way_in_away_but_not_the_last_one(at: Bench) -> None:
    way, who = OPAQUE[0], somebody(at)
    bearer = sign_in(at, who)["access_token"]
    posted = at.form(way, Ask(who), "old")
    assert at.link(bearer, posted).status_code == 201
    backend = BACKENDS[way.provider]
    answer = call(at, "disconnect-backend", bearer, backend="nothing", association_id=1)
    assert (said(answer), answer.json()["backend"]) == ((400, "invalid_request"), ["Invalid backend."])
    for _ in range(2):  # and nothing is left to take away
        assert call(at, "disconnect-backend", bearer, backend=backend, association_id=1).status_code == 204
    answer = call(at, "disconnect-backend", bearer, backend="google-oauth2", association_id=1)
    assert said(answer) == (409, "last_identity")


def test_m1_nothing_of_a_token_is_in_the_log(at: Bench) -> None:
    for way in FEW:
        tokens = [token_of(at, way), token_of(at, way, Ask(foreign=True))]
        answers = [convert(at, way, token).json() for token in tokens]
        log = json.dumps(at.broker.log)
        for secret in (*tokens, answers[0]["access_token"], answers[0]["refresh_token"]):
            assert not [part for part in secret.split(".") if len(part) > 16 and part in log]
