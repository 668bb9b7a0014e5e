"""`/events/{provider}`: what Apple, Google and Facebook tell of people, and what they and others are answered."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import httpx2
import pytest

from broker.demo.background import RunningBroker, running_in_background
from broker.demo.headless import Login
from broker.demo.upstreams import EMULATORS
from broker.demo.upstreams.facebook_events import signed_request
from broker.demo.upstreams.keys import key

PROVIDERS: Mapping[str, Mapping[str, object]] = {
    "apple": {**EMULATORS["apple"].settings, "events": True},
    "google": {**EMULATORS["google"].settings, "events": True},
    "facebook": {**EMULATORS["facebook"].settings, "events": True},
    "github": EMULATORS["github"].settings,
}
STATUS = {"apple": 200, "google": 202, "facebook": 200}
ENDS = {"apple": "consent-revoked", "google": "account-disabled", "facebook": "deauthorize"}
FORGED = [
    *("wrong_signature", "alg_none", "alg_hs256", "unknown_kid", "wrong_issuer", "wrong_audience"),
    "future_token",
]
SECRET = str(EMULATORS["facebook"].settings["client_secret"])
JSON = {"content-type": "application/json"}


class Clock:
    """Behind the machine's, and a second goes by with every event: a login in the same second may have crossed it."""

    behind = 240

    def __call__(self) -> float:
        return time.time() - self.behind


CLOCK = Clock()


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    """A broker that hears three upstreams."""
    with running_in_background({}, CLOCK, providers=PROVIDERS) as running:
        yield running


@pytest.fixture(autouse=True)
def _clear(broker: RunningBroker) -> None:
    for switches in broker.emulators.values():
        switches.clear()


def order(broker: RunningBroker, name: str, kind: str, person: str = "ada") -> list[dict[str, Any]]:
    """The emulator tells; what it sent and what it was answered."""
    url = f"{broker.emulators[name].url}/_emulator/event"
    answer = httpx2.post(url, json={"kind": kind, "person": person}, timeout=30)
    CLOCK.behind -= 1
    assert answer.status_code == 200, answer.text
    sent: list[dict[str, Any]] = answer.json()
    return sent


def post(broker: RunningBroker, name: str, body: str | bytes, content_type: str = "text/plain") -> httpx2.Response:
    """Somebody tells."""
    content = body.encode() if isinstance(body, str) else body
    url, headers = f"{broker.issuer}/events/{name}", {"content-type": content_type}
    return httpx2.post(url, content=content, headers=headers, timeout=30)


def refreshes(broker: RunningBroker, login: Login) -> bool:
    """Whether the app's grant, which outlives its session, stands."""
    client = broker.client()
    form = {"grant_type": "refresh_token", "refresh_token": login.tokens["refresh_token"]}
    answer = httpx2.post(f"{broker.issuer}/token", data=form, auth=(client.client_id, client.client_secret), timeout=30)
    return answer.status_code == 200


def told(broker: RunningBroker, before: int) -> list[tuple[str, str, str]]:
    """Provider, kind and outcome of every event since."""
    return [
        (line["provider"], line["kind"], line["outcome"])
        for line in broker.log[before:]
        if line["event"] == "upstream.event"
    ]


@pytest.mark.parametrize("name", sorted(STATUS))
def test_whoever_took_their_consent_back_there_is_out_here_and_in_again_by_a_new_login(
    broker: RunningBroker, name: str
) -> None:
    ada, boris = broker.login(name, "ada"), broker.login(name, "boris")
    before = len(broker.log)
    (sent,) = order(broker, name, ENDS[name])
    assert (sent["status"], sent["answer"]) == (STATUS[name], "")
    assert told(broker, before) == [(name, ENDS[name], "ended")]
    assert not refreshes(broker, ada)
    assert refreshes(broker, boris)
    assert broker.login(name, "ada").claims["sub"] == ada.claims["sub"]


@pytest.mark.parametrize("name", sorted(STATUS))
def test_g21_what_was_taken_once_is_answered_the_same_and_does_nothing(broker: RunningBroker, name: str) -> None:
    (sent,) = order(broker, name, ENDS[name])
    ada, before = broker.login(name, "ada"), len(broker.log)
    again = post(broker, name, sent["body"], sent["content_type"])
    assert (again.status_code, again.content) == (STATUS[name], b"")
    assert told(broker, before) == [(name, ENDS[name], "repeated")]
    assert refreshes(broker, ada)


@pytest.mark.parametrize(("name", "fault"), [("apple", "expired_token"), *product(("apple", "google"), FORGED)])
def test_g21_what_the_upstream_did_not_sign_for_us_just_now_ends_nothing(
    broker: RunningBroker, name: str, fault: str
) -> None:
    ada, before = broker.login(name, "ada"), len(broker.log)
    broker.emulators[name].fault(fault)
    (sent,) = order(broker, name, ENDS[name])
    assert sent["status"] == 400
    assert json.loads(sent["answer"])["error"] == "invalid_request"
    assert told(broker, before) == [(name, "refused", "UpstreamInvalid")]
    broker.emulators[name].fault(fault, on=False)
    assert refreshes(broker, ada)


def risc(**changes: Any) -> str:
    """An event of Google's about Ada, with these claims instead."""
    person = {"subject_type": "iss-sub", "iss": "https://accounts.google.com/", "sub": ADA_AT_GOOGLE}
    events = {"https://schemas.openid.net/secevent/risc/event-type/sessions-revoked": {"subject": person}}
    claims = {"iss": "https://accounts.google.com/", "aud": PROVIDERS["google"]["client_id"], "iat": int(CLOCK())}
    claims |= {"jti": f"j-{time.monotonic_ns()}", "events": events, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return key("emu-google-2", "RS256").sign(kept, kid="emu-google-2")


def named(changes: Mapping[str, object]) -> str:
    """An id without the times in it: every process that runs tests has to find the same ones."""
    return str({name: value for name, value in changes.items() if name not in {"iat", "issued_at"}} or sorted(changes))


ADA_AT_GOOGLE = "110000000000000000001"
_SESSIONS = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked"


def about(**subject: Any) -> dict[str, Any]:
    """Events about a subject that is written otherwise."""
    return {"events": {_SESSIONS: {"subject": subject}}}


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 256},
        {"iat": None},
        {"iat": "now"},
        {"iat": int(time.time()) - 8 * 86400},
        {"nonce": "n-1"},
        {"iss": "https://accounts.google.com"},
        {"events": None},
        {"events": [_SESSIONS]},
        {"events": {_SESSIONS: "x"}},
        about(subject_type="iss-sub", iss="https://evil.example/", sub="1"),
        about(subject_type="iss-sub", sub="1"),
        about(subject_type="iss-sub", iss="https://accounts.google.com/", sub=1),
    ],
    ids=named,
)
def test_g21_an_event_that_lacks_what_makes_it_one_is_refused(broker: RunningBroker, changes: dict[str, Any]) -> None:
    before = len(broker.log)
    assert post(broker, "google", risc(**changes)).status_code == 400
    assert told(broker, before) == [("google", "refused", "UpstreamInvalid")]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (about(subject_type="email", email="ada@gmail.com"), ("sessions-revoked", "noted")),
        (about(), ("sessions-revoked", "noted")),
        ({"events": {"https://evil.example/<script>": {}}}, ("other", "noted")),
        ({"aud": ["another", PROVIDERS["google"]["client_id"]]}, ("sessions-revoked", "nobody")),
        (about(format="iss_sub", iss="https://accounts.google.com", sub="nobody"), ("sessions-revoked", "nobody")),
    ],
    ids=str,
)
def test_an_address_is_nobody_and_an_unknown_word_is_noted(
    broker: RunningBroker, changes: dict[str, Any], found: tuple[str, str]
) -> None:
    before = len(broker.log)
    assert post(broker, "google", risc(**changes)).status_code == 202
    assert told(broker, before) == [("google", *found)]


def test_every_event_that_google_has_is_taken(broker: RunningBroker) -> None:
    kinds = ("sessions-revoked", "tokens-revoked", "token-revoked", "account-disabled", "account-enabled")
    for kind in (*kinds, "account-credential-change-required", "verification"):
        (sent,) = order(broker, "google", kind, "zoe")
        assert sent["status"] == 202, kind


def test_apple_tells_that_an_account_is_gone_and_that_mail_is_not_forwarded(broker: RunningBroker) -> None:
    first, before = broker.login("apple", "zoe"), len(broker.log)
    for kind in ("email-disabled", "email-enabled", "email-disabled"):
        (sent,) = order(broker, "apple", kind, "zoe")
        assert sent["status"] == 200
    again = broker.login("apple", "zoe", scope="openid identities")
    assert again.claims["sub"] == first.claims["sub"]
    userinfo = httpx2.get(
        f"{broker.issuer}/userinfo", headers={"Authorization": f"Bearer {again.tokens['access_token']}"}
    ).json()
    assert userinfo["identities"][0]["apple_email_disabled"] == "true"
    for kind in ("account-deleted", "account-delete", "something-new"):
        (sent,) = order(broker, "apple", kind, "zoe")
        assert sent["status"] == 200
    assert [outcome for _, _, outcome in told(broker, before)] == [*["marked"] * 3, "closed", "kept", "noted"]
    assert told(broker, before)[-1][1] == "other"
    assert not refreshes(broker, first)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"payload": 5}',
        b'{"payload": "x"}',
        b'{"payload": "x.y.z", "payload": "x"}',
        b"\xff\xfe",
        b"payload=x",
    ],
)
@pytest.mark.parametrize("name", sorted(STATUS))
def test_g21_what_is_no_message_at_all_is_refused(broker: RunningBroker, name: str, body: bytes) -> None:
    answer = post(broker, name, body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.headers["cache-control"] == "no-store"


def test_g21_an_id_token_is_no_event_and_an_event_is_no_id_token(broker: RunningBroker) -> None:
    ada = risc(events=None, sub=ADA_AT_GOOGLE, exp=int(CLOCK()) + 60)
    assert post(broker, "google", ada).status_code == 400
    assert post(broker, "apple", json.dumps({"payload": ada})).status_code == 400


def signed(**changes: Any) -> dict[str, Any]:
    """What Facebook would sign about somebody who was never here, with these members instead."""
    told = {"user_id": "10158000000000001", "algorithm": "HMAC-SHA256", "issued_at": int(CLOCK()), **changes}
    return {name: value for name, value in told.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "HMAC-SHA1"},
        {"algorithm": None},
        {"issued_at": None},
        {"issued_at": int(time.time()) - 2 * 86400},
        {"issued_at": int(time.time()) + 3600},
        {"user_id": None},
        {"user_id": "ada"},
        {"code": "AQ-of-a-login"},
        {"oauth_token": "EAA"},
    ],
    ids=named,
)
def test_g21_a_signed_request_that_facebook_made_for_something_else_is_refused(
    broker: RunningBroker, changes: dict[str, Any]
) -> None:
    url = f"{broker.issuer}/events/facebook"
    good, bad = signed_request(signed(), SECRET), signed_request(signed(**changes), SECRET)
    assert httpx2.post(url, data={"signed_request": good}).status_code == 200
    assert httpx2.post(url, data={"signed_request": bad}).status_code == 400
    assert httpx2.post(url, data={"signed_request": signed_request(signed(), "another")}).status_code == 400
    assert httpx2.post(url, data={"signed_request": good.replace(".", "")}).status_code == 400


def test_while_keys_cannot_be_had_the_upstream_is_asked_to_come_again(broker: RunningBroker) -> None:
    with running_in_background({}, providers={"apple": PROVIDERS["apple"]}) as fresh:
        fresh.emulators["apple"].answer("/auth/keys", status=500)
        (sent,) = order(fresh, "apple", "consent-revoked")
        assert sent["status"] == 503
        assert json.loads(sent["answer"])["error"] == "temporarily_unavailable"


def test_where_nobody_tells_there_is_no_such_place(broker: RunningBroker) -> None:
    assert post(broker, "github", "x").status_code == 400
    assert httpx2.get(f"{broker.issuer}/events/apple").status_code == 405
    with running_in_background({}, providers={"github": PROVIDERS["github"]}) as without:
        assert post(without, "github", "x").status_code == 404
