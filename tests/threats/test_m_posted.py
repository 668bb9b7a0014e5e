"""Threats M and F18: what apps post that a vendor's kit gave to them, or to somebody else.

Every way of `WAYS` walks every row. The rows are those of a matrix: ours, and each wrong in one way only.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx2
import jwt
import pytest

from broker.core.posted import CHALLENGE_TTL
from broker.core.terms import TokenType
from broker.demo.upstreams.keys import mac_signed
from broker.services.once import reply_mark
from tests.threats.posted_matrix import PROVIDERS, SPOILT, WAYS, Ask, Bench, Form, Way, bench

NEUTRAL = "the subject token is not acceptable; take a new challenge and let the user sign in again"


def ways(fits: Callable[[Way], bool] = lambda way: True) -> pytest.MarkDecorator:
    """Every way that has such a row."""
    return pytest.mark.parametrize("way", [way for way in WAYS if fits(way)], ids=lambda way: way.name)


each_way = ways()


@pytest.fixture(scope="module")
def running() -> Iterator[Bench]:
    with bench() as found:
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


def check_refused(at: Bench, answer: httpx2.Response, form: Mapping[str, str]) -> str:
    """It says nothing, to nobody; the log says why, which comes back, and what of, but not the thing itself."""
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert answer.json() == {"error": "invalid_request", "error_description": NEUTRAL}
    noted = at.refusal()
    assert noted["provider"] == form["subject_issuer"]
    assert len(noted["fingerprint"]) == 12
    return str(noted["reason"])


# --- ours ---


@each_way
def test_m1_a_credential_of_our_app_signs_in_whom_a_browser_would(at: Bench, way: Way) -> None:
    answer = at.exchange(at.form(way), scope="openid offline_access")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["issued_token_type"] == TokenType.ACCESS_TOKEN
    assert (told["token_type"], told["scope"]) == ("Bearer", "openid offline_access")
    assert at.sub(answer) == at.broker.login(way.provider, "ada").claims["sub"]
    again = at.post("/token", grant_type="refresh_token", refresh_token=told["refresh_token"])
    assert again.status_code == 200


@each_way
def test_m1_somebody_new_gets_an_account_even_without_an_address(at: Bench, way: Way) -> None:
    sub = at.sub(at.exchange(at.form(way, Ask("boris"))))
    assert sub != at.sub(at.exchange(at.form(way)))
    assert sub == at.broker.login(way.provider, "boris").claims["sub"]


@each_way
def test_m7_nothing_is_said_of_when_and_how_well_they_authenticated(at: Bench, way: Way) -> None:
    told = at.exchange(at.form(way)).json()
    claims = jwt.decode(told["id_token"], options={"verify_signature": False})
    assert not {"auth_time", "acr", "nonce"} & claims.keys()
    assert claims["amr"] == ["fed", *way.amr]


@each_way
def test_m1_a_hash_of_an_access_token_that_did_not_come_along_is_no_fault(at: Bench, way: Way) -> None:
    at.broker.emulators[way.upstream].claims("ada", at_hash="A" * 22)
    assert at.sub(at.exchange(at.form(way)))


def test_m2_what_counts_once_is_what_is_signed(at: Bench) -> None:
    """Of an elliptic signature there are two forms that both fit."""
    form, broker = at.form(WAYS[0]), at.broker
    assert at.exchange(form).status_code == 200

    async def spent() -> str | None:
        key = await broker.durable.people.namespace_key("google", f"google:{PROVIDERS['google']['client_id']}")
        return await broker.durable.grants.spent(reply_mark(key, form["subject_token"].rpartition(".")[0]))

    assert asyncio.run_coroutine_threadsafe(spent(), broker.loop).result(timeout=30)


# --- wrong in one way ---


@each_way
def test_m1_a_credential_of_another_app_signs_nobody_in(at: Bench, way: Way) -> None:
    form = at.form(way, Ask(foreign=True))
    assert way.foreign in check_refused(at, at.exchange(form), form), "the operator sees whose it was"


@ways(lambda way: bool(way.web))
def test_c2_m1_a_token_of_our_pages_is_none_of_a_kit(at: Bench, way: Way) -> None:
    form = at.form(way, Ask(web=True))
    assert way.web in check_refused(at, at.exchange(form), form)


@pytest.mark.parametrize(("way", "spoilt"), SPOILT, ids=lambda one: one if isinstance(one, str) else one.name)
def test_m1_a_spoilt_credential_signs_nobody_in(at: Bench, way: Way, spoilt: str) -> None:
    at.exchange(at.form(way))  # whatever is cached of the upstream is there
    at.broker.emulators[way.upstream].fault(way.spoilt[spoilt], times=1)
    form = at.form(way)
    check_refused(at, at.exchange(form), form)
    assert at.sub(at.exchange(at.form(way)))


@ways(lambda way: way.nonced)
@pytest.mark.parametrize("nonce", ["", "made-up"])
def test_m1_a_credential_without_our_nonce_signs_nobody_in(at: Bench, way: Way, nonce: str) -> None:
    form = at.form(way, Ask(nonce=nonce))
    check_refused(at, at.exchange(form), form)


@each_way
def test_m1_a_challenge_is_of_one_client(at: Bench, way: Way) -> None:
    theirs = at.form(way, client_id="tablet")
    assert "another client" in check_refused(at, at.exchange(theirs), theirs)
    assert at.sub(at.exchange(theirs, "tablet"))  # and was not spent by that


@ways(lambda way: way.challenged)
def test_m1_a_credential_is_for_the_challenge_it_was_made_for(at: Bench, way: Way) -> None:
    mixed = at.form(way, client_id="tablet") | {"challenge": at.challenge(way.provider)["challenge"]}
    check_refused(at, at.exchange(mixed), mixed)


@each_way
def test_m1_a_challenge_is_for_one_provider(at: Bench, way: Way) -> None:
    other = next(one.provider for one in WAYS if one.provider != way.provider)
    challenge = at.challenge(other)
    form = way.get(at, challenge, Ask()) | {"subject_issuer": way.provider, "challenge": challenge["challenge"]}
    assert "another provider" in check_refused(at, at.exchange(form), form)


@each_way
@pytest.mark.parametrize("made_up", ["x", "AAAA" * 40])
def test_m1_a_challenge_is_one_of_ours(at: Bench, way: Way, made_up: str) -> None:
    form = at.form(way) | {"challenge": made_up}
    check_refused(at, at.exchange(form), form)


@each_way
def test_m2_a_challenge_is_good_for_minutes(at: Bench, way: Way) -> None:
    form = at.form(way)
    at.clock.ahead = CHALLENGE_TTL + 1
    assert "too old" in check_refused(at, at.exchange(form), form)


@ways(lambda way: way.nonced)
def test_m2_a_credential_is_younger_than_its_challenge(at: Bench, way: Way) -> None:
    form = at.form(way, Ask(issued_ago=660))
    check_refused(at, at.exchange(form), form)


@each_way
def test_m2_a_credential_counts_once(at: Bench, way: Way) -> None:
    form = at.form(way)
    first = at.exchange(form)
    assert way.again in check_refused(at, at.exchange(form), form)
    assert at.sub(first), "whoever came first keeps what they got"
    again = form | {"challenge": at.challenge(way.provider)["challenge"]}
    check_refused(at, at.exchange(again), again)


@each_way
def test_m2_of_many_at_once_one_counts(at: Bench, way: Way) -> None:
    form = at.form(way)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: at.exchange(form), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 7]


@ways(lambda way: not way.challenged)
@pytest.mark.parametrize("token", ["x y", "ключ", "x" * 8193])
def test_m1_what_is_no_token_is_not_sent_anywhere(at: Bench, way: Way, token: str) -> None:
    form = at.form(way) | {"subject_token": token}
    assert "visible ASCII" in check_refused(at, at.exchange(form), form)


def test_c17_m1_a_code_of_vk_is_of_one_device(at: Bench) -> None:
    way = next(one for one in WAYS if one.name == "vk")
    for device_id in ("", "another-device"):
        form = at.form(way)
        check_refused(at, at.exchange(form, device_id=device_id), form)


def test_m1_a_jwt_that_yandex_signs_with_our_secret_is_no_credential(at: Bench) -> None:
    """`/info?format=jwt` names no audience, and whoever asks may choose the key: contract, sections 4 and 5."""
    vector = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMCwiaXNzIjoibG9naW4ueWFuZGV4Ln"
        "J1IiwianRpIjoiai0xIiwidWlkIjoxMDAwMDM0NDI2LCJsb2dpbiI6InZhc3lhIiwicHN1aWQiOiIxLkEuQiJ9.0Amx9ANeWsVzb_C3z18KXa1Q"
        "viL40-eK2Qg6tbWYbOo"
    )
    claims, now = jwt.decode(vector, options={"verify_signature": False}), int(at.clock())
    ours = str(PROVIDERS["yandex"]["client_secret"]).encode()
    fresh = mac_signed(claims | {"iat": now, "exp": now + 3600}, ours)
    for token in (vector, fresh):
        form = {"subject_issuer": "yandex", "subject_token": token}
        for kind in (TokenType.JWT, TokenType.ID_TOKEN):
            answer = at.exchange(form, subject_token_type=kind)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
            assert "is not accepted" in answer.json()["error_description"]
        check_refused(at, at.exchange(form, subject_token_type=TokenType.ACCESS_TOKEN), form)


# --- nothing of this was ever allowed ---


@each_way
def test_f18_only_what_the_provider_accepts_may_be_posted(at: Bench, way: Way) -> None:
    answer = at.exchange(at.form(way), subject_token_type=way.other_type)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "is not accepted" in answer.json()["error_description"]


@ways(lambda way: not way.challenged)
def test_m1_m2_what_carries_no_challenge_counts_once_without(at: Bench, way: Way) -> None:
    form = at.form(way) | {"challenge": ""}
    assert at.sub(at.exchange(form))
    check_refused(at, at.exchange(form), form)


@ways(lambda way: way.challenged)
def test_f18_without_a_challenge_nothing_counts(at: Bench, way: Way) -> None:
    form = at.form(way)
    answer = at.exchange(form, challenge="")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "challenge is missing" in answer.json()["error_description"]
    assert at.sub(at.exchange(form))


@each_way
@pytest.mark.parametrize(
    "more", [{"actor_token": "x"}, {"actor_token_type": TokenType.JWT}, {"code_verifier": "v" * 43}]
)
def test_f18_nobody_acts_for_somebody_else_or_brings_a_verifier(at: Bench, way: Way, more: Form) -> None:
    form = at.form(way)
    answer = at.exchange(form, **more)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert at.sub(at.exchange(form)), "and it was not spent by that"


@pytest.mark.parametrize(
    ("client_id", "provider", "error"),
    [
        ("plain", "google", "unauthorized_client"),
        ("narrow", "oidc", "unauthorized_client"),
        ("phone", "shut", "unauthorized_client"),
        ("phone", "nobody", "unauthorized_client"),
    ],
)
def test_f18_client_and_provider_both_have_to_allow_it(at: Bench, client_id: str, provider: str, error: str) -> None:
    form = {"subject_token": "x", "subject_token_type": TokenType.ID_TOKEN, "subject_issuer": provider}
    answer = at.exchange(form, client_id)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    answer = at.post("/challenge", client_id, provider=provider)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("missing", ["subject_token", "subject_token_type", "subject_issuer"])
def test_f18_what_is_missing_is_said(at: Bench, missing: str) -> None:
    answer = at.exchange(at.form(WAYS[0]), **{missing: ""})
    assert answer.json() == {"error": "invalid_request", "error_description": f"{missing} is missing"}


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"requested_token_type": TokenType.ID_TOKEN}, "invalid_request"),
        ({"requested_token_type": "urn:x"}, "invalid_request"),
        ({"subject_token_type": "urn:x"}, "invalid_request"),
        ({"audience": "second"}, "invalid_target"),
        ({"resource": "https://api.example"}, "invalid_target"),
        ({"scope": "address"}, "invalid_scope"),
        ({"sign_up": "maybe"}, "invalid_request"),
    ],
)
def test_f18_what_cannot_be_had_is_said_and_nothing_is_spent(at: Bench, more: Form, error: str) -> None:
    form = at.form(WAYS[0])
    answer = at.exchange(form, **more)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert at.sub(at.exchange(form))


# --- gates ---


def test_m7_who_agreed_to_nothing_yet_is_asked_in_a_browser(at: Bench) -> None:
    way = WAYS[0]
    people = at.broker.people
    people.add("nora", given_name="Nora")
    answer = at.exchange(at.form(way, Ask("nora"), "partner"), "partner", scope="openid profile")
    assert (answer.status_code, answer.json()["error"]) == (400, "consent_required")
    assert "/authorize" in answer.json()["error_description"]
    assert at.exchange(at.form(way, Ask("nora")), sign_up="false").json()["error"] == "account_not_found"
    at.broker.login("google", "nora", client_id="partner", scope="openid profile")
    answer = at.exchange(at.form(way, Ask("nora"), "partner"), "partner", scope="openid profile")
    assert answer.json()["scope"] == "openid profile"
    answer = at.exchange(at.form(way, Ask("nora"), "partner"), "partner", scope="openid email")
    assert answer.json()["error"] == "consent_required"
    api = {"scope": "openid", "resource": "https://api.partner.test"}
    assert at.exchange(at.form(way, Ask("nora"), "partner"), "partner", **api).json()["error"] == "consent_required"


# --- the upstream is away ---


@pytest.mark.parametrize(("way", "fault"), [(way, fault) for way in WAYS for fault in way.away])
def test_m2_where_the_upstream_is_away_nothing_is_spent(way: Way, fault: str) -> None:
    with bench() as at:  # nothing of the upstream is known yet
        form = at.form(way)
        at.broker.emulators[way.upstream].fault(fault)
        answer = at.exchange(form)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        at.broker.emulators[way.upstream].fault(fault, on=False)
        at.clock.ahead = 0
        deadline = at.clock() + 60
        while (answer := at.exchange(form)).status_code == 503 and at.clock() < deadline:
            pass
        assert at.sub(answer)


# --- nothing of it is told ---


def test_m1_nothing_of_a_credential_or_a_challenge_is_in_the_log(at: Bench) -> None:
    for way in WAYS:
        good, bad = at.form(way), at.form(way, Ask(foreign=True))
        at.exchange(good)
        at.exchange(bad)
        log = json.dumps(at.broker.log)
        for form in (good, bad):
            assert form["challenge"] not in log
            parts = re.split("[.&=]", form["subject_token"])
            assert not [part for part in parts if len(part) > 16 and part in log]
