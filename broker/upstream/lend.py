"""What the broker lends a provider instance, put together."""

from __future__ import annotations

import time
from collections.abc import Callable

from broker.core.events import Recorder
from broker.upstream.answer import NOT_NOW, rebase
from broker.upstream.discovery import Discovery
from broker.upstream.fields import counting
from broker.upstream.http import HttpPool
from broker.upstream.jwt import JwtVerifier
from broker.upstream.model import ProviderSettings, Tools
from broker.upstream.tls import TlsSettings


def lend(
    pool: HttpPool,
    name: str,
    settings: ProviderSettings,
    *,
    recorder: Recorder,
    not_now: frozenset[str] = NOT_NOW,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Tools:
    """Tools of the provider instance `name`: nothing in them is shared with another instance but the connections.

    `not_now`: the error codes by which this upstream says that it cannot just now. `now` gives epoch seconds, `clock`
    monotonic ones.
    """
    http = pool.for_provider(
        name,
        recorder=recorder,
        server_base=settings.server_base,
        timeout=settings.timeout,
        not_now=not_now,
        tls=settings.tls if isinstance(settings, TlsSettings) else None,
        clock=clock,
    )
    jwt = JwtVerifier(http, name=name, recorder=recorder, now=now, clock=clock)
    discovery = Discovery(http, name=name, recorder=recorder, clock=clock)
    return Tools(
        http=http,
        jwt=jwt,
        now=now,
        browser_url=lambda url: rebase(url, settings.browser_base),
        metadata=discovery.metadata,
        odd=counting(recorder, name),
        calls=pool.secret_calls(name, recorder=recorder, server_base=settings.server_base, timeout=settings.timeout),
    )
