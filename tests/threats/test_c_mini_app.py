"""Threats C at the whole broker: what Telegram signs for a bot, posted by apps and Mini Apps."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from broker.core.terms import TokenType
from tests.threats.posted_matrix import PROVIDERS, Bench, Form, bench

BOT, OTHER_BOT = str(PROVIDERS["telegram"]["client_id"]), str(PROVIDERS["miniapp"]["client_id"])
TYPES = {"widget": TokenType.WIDGET, "init_data": TokenType.INIT_DATA, "id_token": TokenType.ID_TOKEN}


@pytest.fixture(scope="module")
def at() -> Iterator[Bench]:
    with bench() as found:
        yield found


def posted(kind: str, token: str, provider: str = "telegram", **more: str) -> Form:
    return {"subject_token": token, "subject_token_type": TYPES[kind], "subject_issuer": provider, **more}


def given(at: Bench, kind: str, person: str = "ada", **more: str | int) -> str:
    """What the bot's page, Mini App or kit was given of this person."""
    return at.kit("telegram", **{"app": BOT, "person": person, "kind": kind, **more})[kind]


def refused(at: Bench, form: Form) -> str:
    answer = at.exchange(form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    return str(at.refusal()["reason"])


def test_c22_one_bot_is_one_set_of_people_by_browser_kit_widget_and_mini_app(at: Bench) -> None:
    subs = {at.broker.login("telegram", "zoe").claims["sub"]}
    for kind in ("widget", "init_data"):
        subs.add(at.sub(at.exchange(posted(kind, given(at, kind, "zoe")))))
    challenge = at.challenge("telegram")
    token = given(at, "id_token", "zoe", nonce=challenge["nonce"])
    subs.add(at.sub(at.exchange(posted("id_token", token, challenge=challenge["challenge"]))))
    assert len(subs) == 1
    of_another = at.kit("miniapp", app=OTHER_BOT, person="zoe", kind="init_data")["init_data"]
    assert "does not fit" in refused(at, posted("init_data", of_another))
    assert at.sub(at.exchange(posted("init_data", of_another, "miniapp"))) not in subs, "another bot, other people"
    assert "does not fit" in refused(at, posted("init_data", given(at, "init_data", "zoe"), "miniapp"))


def test_c10_a_widget_is_no_mini_app_and_the_other_way_round(at: Bench) -> None:
    widget, data = given(at, "widget", "boris", issued_ago=7), given(at, "init_data", "boris")
    refused(at, posted("init_data", widget))
    refused(at, posted("widget", data))
    for kind, token in (("widget", widget), ("init_data", data)):
        assert at.sub(at.exchange(posted(kind, token))), "and neither was spent by that"


def test_c8_c11_what_was_signed_counts_once_in_whatever_order_and_spelling(at: Bench) -> None:
    for kind in ("widget", "init_data"):
        token = given(at, kind, issued_ago=11)
        assert at.sub(at.exchange(posted(kind, token)))
        pairs = token.split("&")
        spelt = urlencode(parse_qsl(token))
        for again in (token, "&".join(reversed(pairs)), spelt, token.replace("&", "&&")):
            assert "used before" in refused(at, posted(kind, again))


def test_c11_what_is_old_dropped_or_doubled_signs_nobody_in(at: Bench) -> None:
    assert "s old" in refused(at, posted("init_data", given(at, "init_data", issued_ago=301)))
    token = given(at, "init_data")
    pairs = token.split("&")
    for pair in pairs:
        refused(at, posted("init_data", "&".join(other for other in pairs if other != pair)))
        refused(at, posted("init_data", f"{token}&{pair}"))
        assert "came twice" in at.refusal()["reason"]
    assert at.sub(at.exchange(posted("init_data", token)))


def test_c9_a_line_feed_moves_no_field_of_init_data(at: Bench) -> None:
    token = given(at, "init_data", start_param="ref-1")
    fields = dict(parse_qsl(token))
    moved = dict(fields)
    moved["chat_instance"] += f"\nchat_type={moved.pop('chat_type')}"
    assert "control character" in refused(at, posted("init_data", urlencode(moved, quote_via=quote)))
    assert at.sub(at.exchange(posted("init_data", token)))


def test_m1_a_kit_without_a_nonce_needs_a_challenge_and_is_believed_where_the_operator_says_so(at: Bench) -> None:
    def kit(**more: str | int) -> str:
        return at.kit("miniapp", app=OTHER_BOT, person="ada", **more)["id_token"]

    challenge = at.challenge("miniapp")
    answer = at.exchange(posted("id_token", kit(), "miniapp"))
    assert "challenge is missing" in answer.json()["error_description"]
    assert "before this login attempt" in refused(
        at, posted("id_token", kit(issued_ago=125), "miniapp", challenge=challenge["challenge"])
    )
    strict = at.challenge("telegram")
    without = given(at, "id_token")
    assert "nonce" in refused(at, posted("id_token", without, challenge=strict["challenge"]))
    token = kit()
    assert at.sub(at.exchange(posted("id_token", token, "miniapp", challenge=challenge["challenge"])))
    again = at.challenge("miniapp")["challenge"]
    assert "used before" in refused(at, posted("id_token", token, "miniapp", challenge=again))
