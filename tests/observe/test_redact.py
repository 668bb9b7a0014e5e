"""Nothing secret in a log: by name, by shape, by being configured."""

from __future__ import annotations

from random import Random
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.observe.redact import HIDDEN, TEXT_LIMIT, Redactor

CANARY = "CaNaRy0123456789aBcDeFgHiJkL"
REDACTOR = Redactor(["something secret"])
JWT = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    [
        "code",
        "state",
        "nonce",
        "access_token",
        "refresh_token",
        "id_token",
        "client_secret",
        "password",
        "assertion",
        "client_assertion",
        "code_verifier",
        "cookie",
        "set-cookie",
        "Authorization",
        "bot_token",
        "session",
        "ticket",
        "login_hint",
        "id_token_hint",
        "tgAuthResult",
        "hash",
        "sig",
        "device_id",
        "codes",
        "X-Api-Key",
        "private_key",
    ],
)
def test_a_field_with_a_secret_name_is_hidden_whatever_it_holds(name: str) -> None:
    assert Redactor().fields({name: "short"}) == {name: HIDDEN}
    assert Redactor().fields({"outer": {name: ["short"]}}) == {"outer": {name: HIDDEN}}


def test_identifiers_words_and_numbers_stay() -> None:
    fields = {"client_id": "shop", "sub": CANARY, "kid": CANARY, "grant_id": CANARY, "error": "invalid_grant"}
    fields["by"] = "token help-desk-2026-moscow"
    more = {"outcome": "UpstreamInvalid", "ms": 12, "keys": 3, "audit": True, "reason": "no subject", "none": None}
    assert Redactor().fields(fields | more) == fields | more


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://id.example.com/callback/vk?code={CANARY}&x=1",
        "callback?x=1&state=short-canary failed",
        "code_verifier=canary",
        "{'access_token': 'canary', 'n': 1}",
        '{"refresh_token": "canary"}',
        '{"client_secret" : "canary"}',
        "Authorization: Basic canary",
        "Cookie: __Host-session=canary; other=canary",
        "sent Bearer canary-token",
        "redis://user:canary@host:6379/0 refused",
        f"cannot verify {JWT}",
        f"unknown value {CANARY}",
        "person.canary@example.com is taken",
        "called +79991234567 twice",
        "key Y2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5IGNhbmFyeQ== refused",
        "tgAuthResult=canary",
        "initData=canary%26hash%3Dcanary",
        "KeyError: 'nonce=canary'",
        "GET /callback/of/many/parts/code=canary",
        "a-long-name-with-many-parts-in-front-of-the-code=canary",
        "sent eyJcanary0.e30.x",
        f"{'l' * 70}@canary.example.com is long",
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_any_text(text: str) -> None:
    shown = Redactor().text(text)
    assert "canary" not in shown.lower()
    assert "79991234567" not in shown
    assert "eyJ" not in shown
    assert "Y2FuYXJ5" not in shown
    assert HIDDEN in shown


def test_ordinary_sentences_stay_as_they_are() -> None:
    for text in (
        "redirect_uri is not registered for client shop-web",
        "state of vk came back at yandex",
        "the token endpoint answered 503 after 2.5 s",
        "UpstreamInvalid: id_token: audience is another client's",
        "127.0.0.1:8080 is in use",
        "internationalisation_of_everything",
    ):
        assert Redactor().text(text) == text


def test_a_configured_secret_is_hidden_wherever_it_turns_up() -> None:
    redactor = Redactor(["correct horse battery", "x"])
    assert redactor.text("it said correct horse battery.") == f"it said {HIDDEN}."
    assert redactor.line(b'{"sub":"correct horse battery"}') == b'{"sub":"[hidden]"}'
    assert redactor.text("x stays") == "x stays"


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    shown = Redactor().text("a" * 1_000_000)
    assert len(shown) < TEXT_LIMIT + 50
    assert "1000000 characters" in shown


FRAGMENTS = (
    *(
        "A/",
        "a+",
        "+1",
        "a-",
        "_",
        "eyJ",
        "é",
        "-",
        ".",
        "@",
        "%40",
        "=",
        "%3D",
        "://",
        "/",
        ":",
        "'",
        '"',
        " ",
        "\n",
        "\r",
    ),
    *(
        "code",
        "token",
        "private-",
        "s",
        "b",
        "bearer ",
        "cookie",
        "authorization",
        "proxy-",
        "a",
        "1",
        "[hidden]",
        "%2B",
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.characters(), min_size=1, max_size=6), st.integers())
def test_h14_k19_the_time_of_redaction_grows_with_the_length_alone(alphabet: list[str], seed: int) -> None:
    unit, chance = "".join(alphabet), Random(seed)
    for text in (unit * TEXT_LIMIT, "".join(chance.choice(alphabet) for _ in range(TEXT_LIMIT))):
        short, long = text[: TEXT_LIMIT // 4], text[:TEXT_LIMIT]
        # Four times the text takes four times as long; a quadratic scan would take sixteen times. A machine with other
        # work on it only ever adds, so one good measurement in ten is proof enough.
        assert any(fastest(long) < 6 * fastest(short) + 0.0003 for _ in range(10)), text[:60]


def fastest(text: str) -> float:
    """Seconds of this process that one redaction takes, the best of five."""
    return min(took(text) for _ in range(5))


def took(text: str) -> float:
    """Seconds of this process."""
    started = process_time()
    REDACTOR.text(text)
    return process_time() - started


def test_j1_secrets_of_a_new_configuration_are_hidden_from_when_it_was_read_and_former_ones_stay_hidden() -> None:
    redactor = Redactor(["the first one"])
    redactor.hide(["the second one"])
    assert redactor.text("the first one, the second one") == f"{HIDDEN}, {HIDDEN}"
    redactor.follow()
    for number in range(300):  # files that were refused
        redactor.hide([f"a refused one {number}"])
    assert redactor.text("the second one, a refused one 299") == f"{HIDDEN}, {HIDDEN}"
    redactor.hide(["the third one"])
    redactor.follow()
    assert redactor.line(b"the second one, the third one") == f"{HIDDEN}, {HIDDEN}".encode()
    assert len(redactor._former) == 100  # each costs every line a little
