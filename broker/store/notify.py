"""Messages of apps to their users: the durable queue, what became of each, and who may be written to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from broker.core.notify import Letter, Notice, Pace, Status
from broker.core.people.identity import Account


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody an app may want to write to.

    `ways` are (provider_key, subject) of the ways in that were asked for, the one used last first. `known`: the app
    has their consent or a living grant, or is first party and was signed in to.
    """

    account: Account
    ways: tuple[tuple[str, str], ...]
    known: bool


@dataclass(frozen=True, slots=True)
class Queued:
    """A message to be kept. `key` is what the app knows the order by, or "", and `print` what it is about."""

    id: str
    client_id: str
    sub: str
    provider_key: str
    subject: str
    body: str = field(repr=False)
    key: str
    print: str
    expires_at: int
    forget_at: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is in the queue. `id` is that of the first, where the order came before."""

    id: str
    again: bool = False


class OtherOrder:
    """The same key came with another order before."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """The person does not let the bot write to them, as far as anybody knows; nothing was queued."""

    reason: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """`letters` are for one attempt each. `expired`: client ids of messages that were given up for their age.

    `wake_at`: nothing more is to be had before, infinity where nothing waits.
    """

    letters: tuple[Letter, ...]
    expired: tuple[str, ...]
    wake_at: float


class NotifyStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def addressee(
        self, name: str, client_id: str, *, keys: Collection[str], first_party: bool, now: int
    ) -> Addressee | None:
        """Who goes by this `sub` today, as `AccountStore.resolve`, with the ways in under one of `keys`."""

    async def queue(self, message: Queued, *, now: int) -> Accepted | OtherOrder | Silenced:
        """Keep a message until it is sent or given up, unless the person is marked as unreachable for this bot.

        The mark is void when they signed in by this way after it was made, or added the way.
        """

    async def claim(self, provider_key: str, *, now: float, until: float, pace: Pace, limit: int) -> Claimed:
        """Messages of this bot that may go now, at most `limit` and one to a person, the longest due first.

        Nobody else gets them before `until`, and they count against the pace till then or till `settle` or `postpone`.
        """

    async def settle(self, message_id: str, status: Status, reason: str, *, now: float, pace: Pace) -> int:
        """The attempt was answered and is the last; the body goes. The number of messages this settled.

        An unreachable person gets a mark, and what waits for them is unreachable as well.
        """

    async def postpone(
        self, message_id: str, *, until: float, now: float, pace: Pace, answered: bool, everybody: bool = False
    ) -> None:
        """No attempt before `until`, for nobody of this bot where `everybody`. `answered`: what came of it is known."""

    async def find(self, message_id: str, client_id: str) -> Notice | None:
        """What became of a message of this client."""

    async def waiting(self) -> int:
        """How many are queued."""

    async def sweep(self, *, now: int) -> int:
        """As `Durable.sweep`."""
