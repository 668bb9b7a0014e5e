"""Upstreams' own tokens for apps, tied together: those who keep them, renew them and hand them out."""

from __future__ import annotations

from dataclasses import dataclass

from broker.assembly.parts import Parts, Settings
from broker.services.authorize.consent import Consents
from broker.services.clients.directory import Clients
from broker.services.grants.upstream_token import UpstreamTokenExchange
from broker.services.tokens.minting import Tokens
from broker.services.upstream_tokens.keeping import Keeping, TokenSeal
from broker.services.upstream_tokens.renewals import Renewals
from broker.services.upstream_tokens.withdrawing import Withdrawing


@dataclass(frozen=True, slots=True)
class UpstreamTokenServices:
    """`on`: an app of the operator's may have such tokens; without, nothing is kept and nothing can be asked for."""

    on: bool
    keeping: Keeping
    renewals: Renewals
    seal: TokenSeal

    def build_withdrawing(self, parts: Parts, settings: Settings, clients: Clients) -> Withdrawing:
        """What people see of it, which is nothing where nothing is kept."""
        durable = parts.durable
        return Withdrawing(
            parts.context,
            durable.upstream_tokens,
            durable.people,
            clients=clients,
            providers=parts.providers,
            seal=self.seal,
            deadline=settings.deadline,
        )

    def build_exchange(self, parts: Parts, tokens: Tokens, consents: Consents) -> UpstreamTokenExchange | None:
        """What hands them out, None where nobody may have any."""
        if not self.on:
            return None
        return UpstreamTokenExchange(parts.context, parts.providers, tokens, consents=consents, renewals=self.renewals)


def build_upstream_tokens(parts: Parts, settings: Settings) -> UpstreamTokenServices:
    """Over the stores, with one seal for those who write and those who read; kept as long as a grant may live."""
    context, store, seal = parts.context, parts.durable.upstream_tokens, TokenSeal(parts.seal("upstream tokens"))
    kept_for = max(settings.lifetimes.refresh_absolute, settings.lifetimes.access_token)
    return UpstreamTokenServices(
        settings.hands_tokens,
        Keeping(context, store, parts.transient, parts.providers, seal, kept_for=kept_for),
        Renewals(context, store, seal, deadline=settings.deadline, kept_for=kept_for),
        seal,
    )
