"""What a provider and a client must both want: of each such thing, that the other side says so, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.config.model import Config
from broker.config.report import Report
from broker.core.terms import PostedKind

Checks = tuple[Callable[[Config, Report], None], ...]


def _posted(config: Config, report: Report) -> None:
    """Both have to want it: the provider accepts what is posted, and the client may post it."""
    for client_id, client in config.clients.items():
        for index, name in enumerate(client.accept_posted):
            settings = config.providers.get(name)
            if settings is not None and not getattr(settings, "accept_posted", True):
                text = f"needs providers.{name}.accept_posted: what of it may be posted"
                report.problem(("clients", client_id, "accept_posted", index), text)
        for index, name in enumerate(client.mini_apps):
            accepted = getattr(config.providers.get(name), "accept_posted", None)
            if accepted is not None and PostedKind.INIT_DATA not in accepted:
                text = f"needs init_data in providers.{name}.accept_posted"
                report.problem(("clients", client_id, "mini_apps", index), text)


def _drf(config: Config, report: Report) -> None:
    """An app of drf-social-oauth2 posts one token, and took no challenge for it."""
    for client_id, client in config.clients.items():
        for backend, name in client.drf_backends.items():
            kinds = set(getattr(config.providers.get(name), "accept_posted", ()))
            if PostedKind.ACCESS_TOKEN in kinds or not kinds:
                continue
            text = f"can do nothing with {name}: its apps bring tokens, and of those none counts there"
            if PostedKind.ID_TOKEN in kinds:
                text = f"needs {name} in drf_without_nonce: these apps take no challenge for an ID token"
            if PostedKind.ID_TOKEN not in kinds or name not in client.drf_without_nonce:
                report.problem(("clients", client_id, "drf_backends", backend), text)


def _upstream_tokens(config: Config, report: Report) -> None:
    """Both have to want it: the provider's tokens are kept, and the client may have them."""
    for client_id, client in config.clients.items():
        for index, name in enumerate(client.upstream_tokens):
            settings = config.providers.get(name)
            if settings is not None and not getattr(settings, "keep_tokens", False):
                can = hasattr(settings, "keep_tokens")
                text = f"needs providers.{name}.keep_tokens" if can else f"{name} gives no tokens that could be kept"
                report.problem(("clients", client_id, "upstream_tokens", index), text)


def _one_tap(config: Config, report: Report) -> None:
    """Both have to want it, here too: a provider has a prompt, and the client lets it on its login page."""
    for client_id, client in config.clients.items():
        offered = config.providers if client.providers is None else client.providers
        shown = (getattr(config.providers.get(name), "one_tap", False) for name in offered)
        if client.one_tap and not any(shown):
            text = "needs a provider of this client with one_tap: true, which Google's type has"
            report.problem(("clients", client_id, "one_tap"), text)


AGREEMENTS: Final[Checks] = (_posted, _drf, _upstream_tokens, _one_tap)
