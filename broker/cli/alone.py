"""A provider outside a broker: with all that a broker would lend it, and an attempt that only the terminal knows of."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from broker.registry import provider_types
from broker.upstream.answer import NOT_NOW
from broker.upstream.lend import lend
from broker.upstream.model import Flow, Provider, ProviderSettings

if TYPE_CHECKING:
    from broker.core.events import Event
    from broker.upstream.http import HttpPool


class Nobody:
    """A Recorder for calls that are reported on the terminal."""

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """Nothing is kept."""


def make_provider(pool: HttpPool, name: str, settings: ProviderSettings) -> Provider:
    """The provider `name` of config.yaml; its calls go by `pool`."""
    kind = provider_types([settings.type])[settings.type]
    not_now = getattr(kind, "not_now", NOT_NOW)
    return kind(settings, lend(pool, name, settings, recorder=Nobody(), not_now=not_now))


def new_flow(redirect_uri: str) -> Flow:
    """An attempt as a broker would begin one."""
    state = secrets.token_urlsafe(32)
    return Flow(
        state=state,
        nonce=secrets.token_urlsafe(32),
        code_verifier=secrets.token_urlsafe(48),
        redirect_uri=redirect_uri,
        callback_with_state=f"{redirect_uri}/{state}",
        started_at=int(time.time()),
    )
