"""The control API, alike on every emulator."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial

import httpx2
import pytest

from broker.demo.faults import FAULTS
from broker.demo.people import PEOPLE
from broker.demo.upstreams import EMULATORS, RegisteredApp
from broker.demo.upstreams.base import KEPT, Emulator, Newest, OneTime
from broker.demo.upstreams.control import LOGGED
from broker.demo.upstreams.oauth1_server import Asked, OAuth1Emulator
from tests.demo.emulated import CALLBACK, Upstream, emulated

pytestmark = pytest.mark.anyio
APP = RegisteredApp("7654321", "secret", (CALLBACK,), {"bot_token": "7654321:t", "public_key": "CBA"})
FRONT = {
    "google": ("/o/oauth2/v2/auth", {"scope": "openid"}),
    "instagram": ("/oauth/authorize", {"scope": "instagram_business_basic"}),
    "x": ("/i/oauth2/authorize", {"scope": "users.read", "code_challenge": "c" * 43, "code_challenge_method": "S256"}),
    "sber": ("/CSAFront/oidc/authorize.do", {"scope": "openid", "client_type": "PRIVATE", "nonce": "n" * 43}),
    "vk": ("/authorize", {"code_challenge": "c" * 43, "code_challenge_method": "s256"}),
    "ok": ("/oauth/authorize", {"scope": "VALUABLE_ACCESS"}),
    "yandex": ("/authorize", {}),
    "telegram": ("/auth", {"scope": "openid"}),
    "oidc": ("/authorize", {"scope": "openid"}),
    "apple": ("/auth/authorize", {}),
    "twitch": ("/oauth2/authorize", {"scope": "openid"}),
    "microsoft": ("/common/oauth2/v2.0/authorize", {"scope": "openid"}),
}
BACK = {
    "microsoft": "/common/oauth2/v2.0/token",
    "vk": "/oauth2/auth",
    "ok": "/fb.do",
    **dict.fromkeys(("google", "yandex", "telegram", "oidc"), "/token"),
}


PROOF = {"scope": "openid", "code_challenge": "c" * 43, "code_challenge_method": "S256"}


def front_of(emulator: Emulator) -> tuple[str, dict[str, str]]:
    """Where browsers begin, and what has to be asked there besides what all ask."""
    if emulator.type == "oauth1":  # nobody begins there without a token that was asked for
        assert isinstance(emulator, OAuth1Emulator)
        return emulator.fronts[0], {"oauth_token": emulator.asked.give(Asked(APP, CALLBACK, "s"))}
    return FRONT.get(emulator.type) or (emulator.fronts[0], PROOF)


def back_of(emulator: Emulator) -> str:
    """A path that the broker calls."""
    found = (path for path, methods, _ in emulator.routes() if "POST" in methods and not emulator.is_front(path))
    return BACK.get(emulator.type) or next(path for path in found if not path.startswith("/_emulator/"))


@pytest.fixture(params=sorted(EMULATORS))
async def upstream(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(EMULATORS[request.param], (APP,))) as opened:
        yield opened


async def begin(upstream: Upstream, **more: str) -> httpx2.Response:
    path, params = front_of(upstream.emulator)
    request = {"client_id": APP.client_id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s" * 43}
    return await upstream.get(path, **request, **params, **more)


async def test_three_people_are_listed_with_their_ids(upstream: Upstream) -> None:
    people = (await upstream.http.get("/_emulator/people")).json()
    assert [p["key"] for p in people] == [p.key for p in PEOPLE]
    assert all(int(re.sub(r"[-.TU]", "", p["id"]), 16) > 2**31 for p in people)
    assert people[1]["email"] is None


async def test_the_chooser_offers_three_people_a_way_out_and_every_fault(upstream: Upstream) -> None:
    page = await begin(upstream)
    assert page.status_code == 200
    identifiers = [f"person-{p.key}" for p in PEOPLE] + ["cancel", "ribbon", "fault-drawer"]
    identifiers += [f"fault-{name}" for name in upstream.emulator.faults.known]
    assert [i for i in identifiers if f'id="{i}"' not in page.text] == []


async def test_every_declared_fault_has_a_text_in_both_languages(upstream: Upstream) -> None:
    assert set(upstream.emulator.faults.known) <= FAULTS.keys()


async def test_it_says_what_its_rules_rest_on(upstream: Upstream) -> None:
    kind = type(upstream.emulator).__name__
    assert upstream.emulator.works, f"{kind}.works says, for docs/reference/emulators.md, what of the service is there"
    assert upstream.emulator.rules, f"{kind}.rules says what it rests on: documented(…), measured(…) or guessed(…)"
    told = (await upstream.http.get("/_emulator/rules")).json()
    assert told == [{"basis": str(rule.basis), "rule": rule.text} for rule in upstream.emulator.rules]


async def test_the_chooser_speaks_the_visitors_language(upstream: Upstream) -> None:
    path, params = front_of(upstream.emulator)
    query = {"client_id": APP.client_id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s" * 43, **params}
    page = await upstream.http.get(path, params=query, headers={"Accept-Language": "ru-RU,ru;q=0.9"})
    assert '<html lang="ru">' in page.text
    assert "ЭМУЛЯТОР" in page.text


async def test_a_choice_in_advance_skips_the_chooser(upstream: Upstream) -> None:
    assert (await upstream.order("choose", person="boris")).status_code == 204
    assert (await begin(upstream)).status_code == 302
    await upstream.order("choose")
    assert (await begin(upstream)).status_code == 200


async def test_nobody_unknown_can_be_chosen(upstream: Upstream) -> None:
    assert (await upstream.order("choose", person="mallory")).status_code == 400


async def test_a_cancelled_choice_and_the_decline_fault_refuse(upstream: Upstream) -> None:
    await upstream.order("choose", cancel=True)
    refused = "denied=" if upstream.emulator.type == "oauth1" else "error="
    assert refused in (await begin(upstream)).headers["location"]
    await upstream.order("clear")
    await upstream.fault("decline", times=1)
    assert refused in (await begin(upstream)).headers["location"]
    assert (await begin(upstream)).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status"), [("500", 500), ("html_502", 502), ("empty_answer", 200), ("not_json", 200)]
)
async def test_transport_faults_break_calls_and_leave_pages_alone(upstream: Upstream, fault: str, status: int) -> None:
    await upstream.fault(fault)
    broken = await upstream.post(back_of(upstream.emulator))
    assert broken.status_code == status
    with pytest.raises(ValueError, match="Expecting value"):
        broken.json()
    assert (await begin(upstream)).status_code == 200


async def test_the_slow_fault_waits_ten_seconds(upstream: Upstream) -> None:
    await upstream.fault("slow", times=1)
    for _ in range(2):
        await upstream.post(back_of(upstream.emulator))
    assert upstream.slept == [10]


async def test_an_unknown_fault_is_refused_by_name(upstream: Upstream) -> None:
    answer = await upstream.order("faults", fault="meteorite")
    known = ", ".join(sorted(upstream.emulator.faults.known))
    assert (answer.status_code, answer.json()) == (400, {"error": f"no fault meteorite; there are {known}"})


async def test_a_canned_answer_replaces_one_path_so_many_times(upstream: Upstream) -> None:
    path = back_of(upstream.emulator)
    order = {"path": path, "status": 418, "headers": {"X-A": "b"}, "body_base64": "/w==", "delay": 3, "times": 1}
    assert (await upstream.order("answers", **order)).status_code == 204
    answer = await upstream.post(path)
    assert (answer.status_code, answer.headers["x-a"], answer.content) == (418, "b", b"\xff")
    assert upstream.slept == [3]
    assert (await upstream.post(path)).status_code != 418


async def test_the_log_shows_what_was_asked_until_it_is_cleared(upstream: Upstream) -> None:
    path = back_of(upstream.emulator)
    await upstream.post(path, {"a": "b"}, {"Authorization": "OAuth t"})
    [entry] = (await upstream.http.get("/_emulator/log")).json()
    assert (entry["method"], entry["path"], entry["params"]) == ("POST", path, {"a": "b"})
    assert entry["headers"]["authorization"] == "OAuth t"
    await upstream.order("clear")
    assert (await upstream.http.get("/_emulator/log")).json() == []


async def test_clear_switches_faults_answers_and_choice_off(upstream: Upstream) -> None:
    path = back_of(upstream.emulator)
    await upstream.fault("500")
    await upstream.order("choose", person="ada")
    await upstream.order("answers", path=path, status=418)
    await upstream.order("clear")
    assert (await upstream.post(path)).status_code not in {418, 500}
    assert (await begin(upstream)).status_code == 200


async def test_the_drawer_toggles_a_fault_and_returns_to_the_page(upstream: Upstream) -> None:
    for expected in (True, False):
        answer = await upstream.post("/_emulator/drawer", {"fault": "500", "back": "/auth?x=1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth?x=1")
        assert (await upstream.http.get("/_emulator/faults")).json()["500"] is expected


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_the_drawer_returns_to_this_host_only(upstream: Upstream, back: str) -> None:
    answer = await upstream.post("/_emulator/drawer", {"fault": "500", "back": back})
    assert answer.headers["location"] == "/"


async def test_another_site_cannot_give_orders(upstream: Upstream) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await upstream.http.post("/_emulator/clear", headers=foreign)).status_code == 403
    rebound = {"Host": "evil.example"}
    assert (await upstream.http.get("/_emulator/log", headers=rebound)).status_code == 403


async def test_another_machine_cannot_give_orders(upstream: Upstream) -> None:
    transport = httpx2.ASGITransport(app=upstream.emulator.app, client=("192.0.2.7", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8410") as far:
        assert (await far.get("/_emulator/log")).status_code == 403


async def test_secrets_of_registered_apps_are_not_in_their_repr() -> None:
    assert APP.client_secret not in repr(APP)


async def test_the_log_of_requests_keeps_the_newest(upstream: Upstream) -> None:
    upstream.emulator.control.seen.extend({"number": number} for number in range(LOGGED))
    await begin(upstream)
    logged = (await upstream.http.get("/_emulator/log")).json()
    assert (len(logged), logged[0], logged[-1]["method"]) == (LOGGED, {"number": 1}, "GET")


def test_secrets_for_one_use_make_room_for_newer_ones() -> None:
    clock, numbers = [0.0], iter(range(10**6))
    secrets = OneTime[int](60, lambda: clock[0], lambda: f"s{next(numbers)}")
    for value in range(KEPT + 5):
        secrets.give(value)
    assert (secrets.look("s4"), secrets.look("s5"), secrets.look(f"s{KEPT + 4}")) == (None, 5, KEPT + 4)
    clock[0] = 60
    secrets.give(7)
    assert len(secrets) == 1, "what expired is gone when the next one comes"


def test_what_an_emulator_remembers_makes_room_for_what_is_newer() -> None:
    kept = Newest[int]()
    for number in range(KEPT + 1):
        kept[str(number)] = number
    assert ("0" in kept, "1" in kept, len(kept)) == (False, True, KEPT)
