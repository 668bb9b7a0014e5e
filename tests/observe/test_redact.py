"""Nothing secret in a log: by name, by shape, by being configured."""

from __future__ import annotations

from time import process_time

import pytest

from broker.observe.redact import HIDDEN, TEXT_LIMIT, Redactor

CANARY = "CaNaRy0123456789aBcDeFgHiJkL"
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


@pytest.mark.parametrize(
    "unit", ["a", "=", "%", " ", "a.", "a@", "+1", "eyJ", "code=", "://", "a-", "\n", "bearer ", "'\": "]
)
def test_h14_no_text_makes_the_redaction_slow(unit: str) -> None:
    text = unit * (TEXT_LIMIT // len(unit))
    started = process_time()
    Redactor(["something secret"]).text(text)
    assert process_time() - started < 1.0
