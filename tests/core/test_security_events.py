"""What webhooks are told, and how security event tokens say it (RFC 8417, RFC 8935, RFC 9493)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.core.deliveries import to_webhook, webhook_of
from broker.core.people.history import AccountEvent, Happened
from broker.core.terms import Algorithm
from broker.core.webhooks import (
    EVENT_TYPES,
    News,
    Subscriptions,
    Told,
    Webhook,
    build_payload,
    build_token,
    name_account,
    name_session,
    news_of,
    read_refusal,
)

ISSUER = "https://id.test"
CRM = Webhook("crm", "https://crm.test/", frozenset({Told.ACCOUNT_CREATED}), "aud", Algorithm.ES256, 60, token="t0k3n")
OTHER = {"format": "iss_sub", "iss": ISSUER, "sub": "s2"}


def test_everything_that_may_be_told_has_a_type_of_its_own() -> None:
    assert EVENT_TYPES.keys() == set(Told)
    assert len(set(EVENT_TYPES.values())) == len(Told)
    assert all(
        kind.startswith(("https://schemas.openid.net/secevent/", "urn:broker:")) for kind in EVENT_TYPES.values()
    )


TOLD_OF: dict[Happened, str | None] = {
    Happened.LINKED: "account.linked",
    Happened.UNLINKED: "account.unlinked",
    Happened.MERGED: None,
    Happened.ABSORBED: "account.merged",
    Happened.REVIVED: "account.revived",
    Happened.SIGNED_OUT: None,
    Happened.ACCESS_ENDED: None,
    Happened.WITHDRAWN: None,
    Happened.CLOSING: "account.closing",
    Happened.UNUSED: "account.closing",
    Happened.KEPT: "account.kept",
    Happened.BLOCKED: "account.blocked",
    Happened.UNBLOCKED: "account.unblocked",
    Happened.ENDED: "account.ended",
}


@pytest.mark.parametrize(("happened", "told"), TOLD_OF.items())
def test_what_of_an_accounts_history_is_told(happened: Happened, told: str | None) -> None:
    news = news_of(AccountEvent(happened, 1, provider="vk", client_id="app", other="s2"))
    assert news == (None if told is None else News(Told(told), "vk", "s2"))


def test_the_whole_history_is_looked_at_above() -> None:
    assert TOLD_OF.keys() == set(Happened)


def test_g22_a_token_says_what_the_specification_wants_and_nothing_that_other_tokens_have() -> None:
    event = {"urn:x": {"provider": "vk"}}
    claims = build_token(CRM, issuer=ISSUER, jti="j", at=7, subject=name_account(ISSUER, "s1"), event=event)
    subject = {"format": "iss_sub", "iss": ISSUER, "sub": "s1"}
    assert claims == {"iss": ISSUER, "aud": "aud", "iat": 7, "jti": "j", "sub_id": subject, "events": event}


def test_a_session_is_named_beside_its_person() -> None:
    assert name_session(ISSUER, "s2", "sid") == {
        "format": "complex",
        "user": OTHER,
        "session": {"format": "opaque", "id": "sid"},
    }


@pytest.mark.parametrize(
    ("what", "payload"),
    [
        (Told.ACCOUNT_MERGED, {"provider": "vk", "into": OTHER}),
        (Told.ACCOUNT_UNLINKED, {"provider": "vk", "gone_to": OTHER}),
        (Told.ACCOUNT_REVIVED, {"provider": "vk", "from": OTHER}),
        (Told.ACCOUNT_LINKED, {"provider": "vk"}),
    ],
)
def test_the_other_account_is_named_by_what_it_is_to_this_one(what: Told, payload: dict[str, Any]) -> None:
    assert build_payload(News(what), issuer=ISSUER, other="s2", provider="vk") == payload
    assert build_payload(News(what), issuer=ISSUER, other="", provider="") == {}


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"err": "invalid_audience", "description": "not me"}, ("invalid_audience", True)),
        ({"err": "invalid_request"}, ("invalid_request", True)),
        ({"err": "invalid_issuer"}, ("invalid_issuer", True)),
        ({"err": "invalid_key"}, ("invalid_key", False)),
        ({"err": "authentication_failed"}, ("authentication_failed", False)),
        ({"err": "access_denied"}, ("access_denied", False)),
        ({"err": "something\nelse"}, ("", False)),
        ({"err": ["invalid_request"]}, ("", False)),
        ({"error": "invalid_request"}, ("", False)),
        ([], ("", False)),
    ],
)
def test_i15_a_refusal_is_read_by_its_word_alone(body: Any, read: tuple[str, bool]) -> None:
    assert read_refusal(json.dumps(body).encode()) == read


def test_a_refusal_that_is_no_json_says_nothing() -> None:
    assert read_refusal(b"<html>") == read_refusal(b"") == ("", False)


def test_who_hears_of_what() -> None:
    assert Subscriptions([CRM]).to(Told.ACCOUNT_CREATED) == (("crm", 60),)
    assert Subscriptions([CRM]).to(Told.ACCOUNT_LINKED) == Subscriptions().to(Told.ACCOUNT_CREATED) == ()


def test_no_token_of_a_webhook_is_printed() -> None:
    assert "t0k3n" not in repr(CRM)


def test_a_webhook_is_no_client() -> None:
    assert webhook_of(to_webhook("crm")) == "crm"
    assert webhook_of("crm") == webhook_of("webhook") == ""
