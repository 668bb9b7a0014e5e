"""The section `webhooks`: what it may say, and what it comes to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.config.webhooks import build_webhooks
from broker.core.terms import Algorithm
from broker.core.webhooks import EVENT_TYPES, Told, Webhook
from tests.config.minimal import MINIMAL, SECRET, Read

CRM = "webhooks:\n  crm:\n    url: https://crm.example.com/events\n    events: [account.created, account.deleted]\n"
PAGE = (Path(__file__).parents[2] / "docs/how-to/webhooks.md").read_text("utf-8")
TOLD = frozenset({Told.ACCOUNT_CREATED, Told.ACCOUNT_DELETED})
SHOP = "    client: shop\n"


def test_without_the_section_nobody_is_told(read: Read) -> None:
    assert build_webhooks(read(MINIMAL).config) == {}


def test_what_is_not_said_follows_from_what_is(read: Read) -> None:
    made = build_webhooks(read(MINIMAL + CRM).config)["crm"]
    url = "https://crm.example.com/events"
    assert made == Webhook("crm", url, TOLD, url, Algorithm.RS256, 3 * 86_400)


def test_with_a_client_its_name_and_algorithm_are_those_of_events(read: Read) -> None:
    config = read(MINIMAL + "    id_token_alg: ES256\n" + CRM + SHOP).config
    made = build_webhooks(config)["crm"]
    assert (made.client_id, made.audience, made.algorithm) == ("shop", "shop", Algorithm.ES256)


def test_what_is_said_counts(read: Read) -> None:
    said = f"    audience: us\n    keep_trying: 2h\n    token: {SECRET}\n"
    made = build_webhooks(read(MINIMAL + CRM + SHOP + said).config)["crm"]
    assert (made.audience, made.keep_trying, made.token) == ("us", 7200, SECRET)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CRM.replace("https:", "http:"), "needs https"),
        (CRM.replace("https://crm.example.com/events", '""'), "webhooks.crm.url"),
        (CRM.replace("account.deleted", "account.eaten"), "webhooks.crm.events[1]"),
        (CRM.replace("[account.created, account.deleted]", "[]"), "webhooks.crm.events"),
        (CRM.replace("crm:", "Crm:"), "up to 32 of a-z"),
        (CRM.replace("crm:", '"a b":'), "up to 32 of a-z"),
        (CRM + "    client: shp\n", "there is no client shp (did you mean shop?)"),
        (CRM.replace("account.created", "session.ended") + SHOP, "webhooks.crm.events[0]: session.ended names a `sid`"),
        (CRM + "    token: changeme\n", "is a placeholder"),
        (CRM + "    token: Ab3dE\n", "too short for a secret"),
        (CRM + "    keep_trying: 90d\n", "webhooks.crm.keep_trying"),
        (CRM + "    secret: x\n", "unknown key"),
    ],
)
def test_a_mistake_stops_the_start(problems: Callable[..., list[str]], text: str, problem: str) -> None:
    assert any(problem in found for found in problems(MINIMAL + text)), problems(MINIMAL + text)


def test_an_app_with_a_logout_address_may_hear_of_sessions_by_their_names(read: Read) -> None:
    hears = "    backchannel_logout_uri: https://shop.example.com/bye\n"
    text = MINIMAL + hears + CRM.replace("account.created", "session.ended") + SHOP
    assert Told.SESSION_ENDED in build_webhooks(read(text).config)["crm"].events


def test_the_page_says_what_there_is_and_by_which_type(read: Read) -> None:
    rows = dict(re.findall(r"^\| `([a-z.]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    assert rows == {told.value: kind for told, kind in EVENT_TYPES.items()}
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert build_webhooks(read(MINIMAL + shown).config)["crm"].audience == "crm"
