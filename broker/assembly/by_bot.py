"""Sign-in by a bot, tied together: the browser that waits, and the chat that answers (ADR 58)."""

from __future__ import annotations

from dataclasses import dataclass

from broker.assembly.parts import Parts
from broker.services.clients.directory import Clients
from broker.services.login.attempts import Logins
from broker.services.login.by_bot import BotLogins, BotUpdates
from broker.web.limits.intake import Intake
from broker.web.login.by_bot import BotEndpoints, BotEntry, UpdatesEndpoint
from broker.web.login.callback import CallbackEndpoint
from broker.web.pages.frontend import Frontend


@dataclass(frozen=True, slots=True)
class ByBot:
    """Both sides. `on`: some provider has a bot to open; without, there is no such page and no such address."""

    on: bool
    logins: BotLogins
    updates: BotUpdates


def build_by_bot(parts: Parts, logins: Logins, clients: Clients) -> ByBot:
    """Over the transient store, with one seal for those who answer and those who come for the answer."""
    context, transient, providers, seal = parts.context, parts.transient, parts.providers, parts.seal("bot answer")
    return ByBot(
        any(providers.find(name).abilities.signs_in_by_bot for name, _ in providers.enabled),
        BotLogins(context, logins, clients, transient=transient, seal=seal, keys=parts.derive("bot token")),
        BotUpdates(context, providers, transient=transient, seal=seal),
    )


def build_bot_endpoints(
    by_bot: ByBot, parts: Parts, frontend: Frontend, intake: Intake, callbacks: CallbackEndpoint
) -> BotEndpoints | None:
    """None where it is off."""
    if not by_bot.on:
        return None
    entry = BotEntry(frontend, by_bot.logins, callbacks, providers=parts.providers, intake=intake)
    return BotEndpoints(entry, UpdatesEndpoint(by_bot.updates, intake))
