"""Is somebody still welcome at their upstream? Asked now and then when an app refreshes (OIDC Core 12)."""

from __future__ import annotations

import asyncio

from broker.core.errors import InvalidGrant, SealBroken, UpstreamDenied, UpstreamError, UpstreamInvalid
from broker.core.events import Event
from broker.core.people.identity import UpstreamSession
from broker.core.records import KeptLogin
from broker.core.seal import Seal
from broker.services.context import Context
from broker.services.providers import ProviderInstance, Providers
from broker.services.tokens.held import Held
from broker.store.sessions import SessionStore
from broker.upstream.abilities import RefreshesIdentity

EVERY = 600  # seconds between two questions about one login
_DEADLINE = 9.0  # seconds an app waits for an upstream


class Confirmations:
    """Asks the upstream of a grant, where it was told to, and believes a no at once.

    An upstream that does not answer must not log everybody out: whoever was welcome stays so until it answers again.
    """

    def __init__(self, context: Context, sessions: SessionStore, providers: Providers, seal: Seal) -> None:
        """`seal` has the purpose "upstream login"."""
        self._context = context
        self._sessions = sessions
        self._providers = providers
        self._seal = seal

    async def confirm(self, held: Held) -> None:
        """Raise InvalidGrant, and end every grant of that login, when the upstream says no."""
        grant = held.grant
        instance = self._providers.instance_of(grant.login.provider_key)
        if instance is None or instance.abilities.refreshes is None:
            return
        # The claim comes first: an upstream that changes the token at every use would take two questions for a theft.
        sealed = await self._sessions.claim_login(held.session, now=self._context.now(), every=EVERY)
        if sealed is not None:
            await self._ask(held, instance, instance.abilities.refreshes, sealed)

    async def _ask(self, held: Held, instance: ProviderInstance, ability: RefreshesIdentity, sealed: str) -> None:
        try:
            kept = self._open(held.session, sealed)
            async with asyncio.timeout(_DEADLINE):
                renewed = await ability.refresh(held.grant.login.subject, kept)
        except (UpstreamDenied, UpstreamInvalid) as error:
            await self._sessions.lose_login(held.session, now=self._context.now())
            self._record(instance, type(error).__name__)
            raise InvalidGrant(
                "the provider no longer confirms this login; log in again", detail=error.detail
            ) from None
        except (UpstreamError, TimeoutError, SealBroken) as error:
            self._record(instance, type(error).__name__)
            return
        if renewed != kept:
            await self._sessions.renew_login(held.session, seal_login(self._seal, held.session, renewed))
        self._record(instance, "confirmed")

    def _open(self, sid: str, sealed: str) -> UpstreamSession:
        login = KeptLogin.from_bytes(self._seal.open_(sealed, bound_to=sid.encode()))
        return UpstreamSession(refresh_token=login.refresh_token, nonce=login.nonce, auth_time=login.auth_time)

    def _record(self, instance: ProviderInstance, outcome: str) -> None:
        self._context.recorder.record(Event.UPSTREAM_REFRESHED, provider=instance.name, outcome=outcome)


def seal_login(seal: Seal, sid: str, kept: UpstreamSession) -> str:
    """What is kept of a login, sealed for the session `sid` of ours alone."""
    login = KeptLogin(kept.refresh_token, kept.nonce, kept.auth_time)
    return seal.seal(login.to_bytes(), bound_to=sid.encode())
