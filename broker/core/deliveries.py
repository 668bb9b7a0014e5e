"""What is on its way to others: logout tokens to apps, and events to webhooks, in one queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from broker.core.webhooks import News

_WEBHOOK = "webhook:"  # no client id has a colon


@dataclass(frozen=True, slots=True)
class Delivery:
    """One token to be delivered. `id` is its `jti`, the same at every attempt; `attempts` counts this one.

    `receiver` is a client id, or names a webhook. Without `news` it is a logout token: `sub` is the person as the app
    knows them. With `news` it is our own `sub`, and so is `sid` in any case, "" where no session is meant.
    """

    id: str
    receiver: str
    sid: str
    sub: str
    created_at: int
    attempts: int
    expires_at: int
    news: News | None = None


class Waiting(NamedTuple):
    """How many are on their way."""

    logouts: int
    events: int


def to_webhook(name: str) -> str:
    """A webhook of the configuration as the receiver of a delivery."""
    return _WEBHOOK + name


def webhook_of(receiver: str) -> str:
    """The name of the webhook that is the receiver, "" where it is a client."""
    return receiver.removeprefix(_WEBHOOK) if receiver.startswith(_WEBHOOK) else ""
