"""What an app may ask to be sent, and what it is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.errors import InvalidRequest
from broker.core.notify import MAX_BUTTONS, MAX_TEXT, Button, Message, Notice, Order, Status, parse_order

GO = {"text": "Go", "url": "https://shop.example.com/orders/7?x=1#top"}


def order(**changed: Any) -> Order:
    """What a good body asks for, with something changed; None leaves a member out."""
    sent = {"sub": "s1", "text": "Your order\n\tis ready", "buttons": [GO]} | changed
    return parse_order({name: value for name, value in sent.items() if value is not None})


def test_an_order_is_read_as_it_was_sent() -> None:
    button = Button("Go", "https://shop.example.com/orders/7?x=1#top")
    assert order() == Order("s1", Message("Your order\n\tis ready", (button,)))
    assert order(buttons=None, idempotency_key="k-1") == Order("s1", Message("Your order\n\tis ready"), "k-1")
    assert order(text="😀" * MAX_TEXT).message.text == "😀" * MAX_TEXT


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "s" * 256},
        {"text": None},
        {"text": ""},
        {"text": " \n"},
        {"text": 7},
        {"text": "x" * (MAX_TEXT + 1)},
        {"text": "a\x00b"},
        {"text": "a\rb"},
        {"parse_mode": "HTML"},
        {"idempotency_key": 7},
        {"idempotency_key": "a b"},
        {"idempotency_key": "k" * 129},
        {"buttons": {}},
        {"buttons": [GO] * (MAX_BUTTONS + 1)},
        {"buttons": ["Go"]},
        {"buttons": [{"text": "Go"}]},
        {"buttons": [GO | {"callback_data": "x"}]},
        {"buttons": [GO | {"text": ""}]},
        {"buttons": [GO | {"text": "x" * 65}]},
        {"buttons": [GO | {"url": 7}]},
        {"buttons": [GO | {"url": "http://shop.example.com/"}]},
        {"buttons": [GO | {"url": "tg://user?id=1"}]},
        {"buttons": [GO | {"url": "https://ada@shop.example.com/"}]},
        {"buttons": [GO | {"url": "https://shop.example.com/a b"}]},
        {"buttons": [GO | {"url": "https://"}]},
        {"buttons": [GO | {"url": "https://a.test/" + "x" * 2048}]},
    ],
)
def test_what_is_no_order_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        order(**changed)


def test_a_text_is_in_no_representation() -> None:
    asked = order(text="a secret of theirs", idempotency_key="k-7")
    assert "secret" not in repr(asked)
    assert "k-7" not in repr(asked)


def test_an_app_is_told_what_there_is_to_tell() -> None:
    waiting = Notice("n1", Status.QUEUED, "", 0, 1_800_000_000, None)
    assert waiting.describe() == {"id": "n1", "status": "queued", "attempts": 0, "created_at": 1_800_000_000}
    over = Notice("n1", Status.FAILED, "why", 2, 1_800_000_000, 1_800_000_009)
    assert over.describe() == {
        "id": "n1",
        "status": "failed",
        "reason": "why",
        "attempts": 2,
        "created_at": 1_800_000_000,
        "settled_at": 1_800_000_009,
    }
