"""What goes out by itself, logout tokens and events, tied together."""

from __future__ import annotations

from typing import NamedTuple

from broker.assembly.parts import Parts, Settings
from broker.core.webhooks import Subscriptions
from broker.services.clients.directory import Clients
from broker.services.deliveries import Deliveries
from broker.services.logout.telling import LogoutTokens
from broker.services.webhooks import Webhooks


class Telling(NamedTuple):
    """The worker, and those who know what it brings."""

    deliveries: Deliveries
    logout_tokens: LogoutTokens
    webhooks: Webhooks
    subscriptions: Subscriptions


def build_telling(parts: Parts, settings: Settings, directory: Clients) -> Telling:
    """Nothing is queued for the webhooks of the settings before somebody subscribes them."""
    context, keys, outbound, queue = parts.context, parts.keys, parts.outbound, parts.durable.deliveries
    logouts = LogoutTokens(context, directory, keys, outbound, subjects=parts.subjects)
    webhooks = Webhooks(
        context, settings.webhooks, queue, directory, keys=keys, outbound=outbound, subjects=parts.subjects
    )
    worker = Deliveries(context, queue, logouts=logouts, events=webhooks, on_crash=parts.observer.on_crash)
    return Telling(worker, logouts, webhooks, Subscriptions(settings.webhooks.values()))
