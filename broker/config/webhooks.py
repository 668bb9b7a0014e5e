"""The webhooks of config.yaml: what must hold of them, and as the rest of the broker knows them."""

from __future__ import annotations

import re

from broker.config.model import Config, WebhookSettings
from broker.config.report import Report, did_you_mean
from broker.core.webhooks import Told, Webhook

_NAME = re.compile(r"[a-z0-9][a-z0-9_\-]{0,31}")


def build_webhooks(config: Config) -> dict[str, Webhook]:
    """By name."""
    return {name: _build(name, settings, config) for name, settings in config.webhooks.items()}


def _build(name: str, settings: WebhookSettings, config: Config) -> Webhook:
    client = config.clients.get(settings.client or "")
    return Webhook(
        name=name,
        url=settings.url,
        events=frozenset(settings.events),
        audience=settings.audience or settings.client or settings.url,
        algorithm=client.id_token_alg if client else config.keys.algorithms[0],
        keep_trying=settings.keep_trying,
        client_id=settings.client or "",
        token=settings.token.get_secret_value() if settings.token else "",
    )


def check_webhooks(config: Config, report: Report) -> None:
    """Report names that are none, and webhooks that speak for a client which could not tell whom they mean."""
    for name, settings in config.webhooks.items():
        path = ("webhooks", name)
        if not _NAME.fullmatch(name):
            text = "a webhook's name is up to 32 of a-z, 0-9, - and _, beginning with a letter or digit"
            report.problem(path, text, of_key=True)
        if settings.client is None:
            continue
        client = config.clients.get(settings.client)
        if client is None:
            hint = did_you_mean(settings.client, tuple(config.clients))
            report.problem((*path, "client"), f"there is no client {settings.client}{hint}")
        elif Told.SESSION_ENDED in settings.events and not (
            client.backchannel_logout_uri or client.frontchannel_logout_uri
        ):
            text = f"session.ended names a `sid`, which {settings.client} knows with a back- or frontchannel_logout_uri"
            report.problem((*path, "events", settings.events.index(Told.SESSION_ENDED)), text)
