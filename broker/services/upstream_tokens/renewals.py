"""Renewing kept tokens: asked once for everybody who waits, on every node, and never written backwards."""

from __future__ import annotations

import asyncio

from broker.core.errors import (
    LoginRequired,
    SealBroken,
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.upstream_tokens import UpstreamTokens
from broker.services.context import Context
from broker.services.providers import ProviderInstance
from broker.services.upstream_tokens.keeping import TokenSeal
from broker.store.upstream_tokens import KeptTokens, UpstreamTokenStore
from broker.upstream.abilities import KeepsTokens

_LEASE = 15.0  # seconds for which one node alone renews; longer than an upstream is waited for
_LOOK_EVERY = 0.1  # seconds between two looks whether another node is through


class Renewals:
    """Finds tokens that are good for a while."""

    def __init__(
        self, context: Context, store: UpstreamTokenStore, seal: TokenSeal, *, deadline: float, kept_for: int
    ) -> None:
        """`deadline` of the upstream, in seconds; `kept_for` as for `Keeping`."""
        self._context = context
        self._store = store
        self._seal = seal
        self._deadline = deadline
        self._kept_for = kept_for
        self._flights: dict[tuple[str, str], asyncio.Task[UpstreamTokens]] = {}

    async def fresh(self, instance: ProviderInstance, sub: str, subject: str) -> UpstreamTokens:
        """The tokens of this provider that are kept for an account; of several ways in, that of `subject` is meant.

        Raises LoginRequired where there are none, or the upstream renews them no more, and UpstreamUnavailable where
        it cannot be asked: then nothing is lost.
        """
        kept, tokens = await self._find(instance, sub, subject)
        if not tokens.is_spent(self._context.now()):
            return tokens
        name = (kept.provider_key, kept.subject)
        flight = self._flights.get(name)
        if flight is None:
            # A task of its own: whoever asked may hang up, and an upstream's answer must be written down all the same.
            flight = self._flights[name] = asyncio.create_task(self._renew(instance, sub, kept, tokens))
            flight.add_done_callback(lambda done: self._land(name, done))
        return await asyncio.shield(flight)

    def _land(self, name: tuple[str, str], done: asyncio.Task[UpstreamTokens]) -> None:
        del self._flights[name]
        if not done.cancelled():
            done.exception()  # looked at, also where nobody waits any more

    async def _find(self, instance: ProviderInstance, sub: str, subject: str) -> tuple[KeptTokens, UpstreamTokens]:
        kept = await self._store.find(sub, instance.key, subject, now=self._context.now())
        if kept is None:
            raise _login_again("nothing is kept")
        try:
            return kept, self._seal.open_(kept.sealed, kept.provider_key, kept.subject)
        except SealBroken as error:  # sealed by a master key that is gone
            await self._store.lose(kept)
            self._record(instance, type(error).__name__)
            raise _login_again(error.detail) from None

    async def _renew(
        self, instance: ProviderInstance, sub: str, kept: KeptTokens, tokens: UpstreamTokens
    ) -> UpstreamTokens:
        """Whoever claims them asks; everybody else waits for what comes of it."""
        give_up_at = self._context.monotonic() + self._deadline
        while tokens.is_spent(self._context.now()):
            now = self._context.clock()
            if await self._store.claim(kept, now=now, until=now + _LEASE):
                return await self._ask(instance, sub, kept, tokens)
            if self._context.monotonic() > give_up_at:
                raise UpstreamUnavailable("another node has not renewed the tokens in time")
            await asyncio.sleep(_LOOK_EVERY)
            kept, tokens = await self._find(instance, sub, kept.subject)
        return tokens

    async def _ask(
        self, instance: ProviderInstance, sub: str, kept: KeptTokens, tokens: UpstreamTokens
    ) -> UpstreamTokens:
        try:
            renewed = await self._ask_upstream(instance, kept, tokens)
        except (UpstreamDenied, UpstreamInvalid) as error:
            self._record(instance, type(error).__name__)
            await self._store.lose(kept)
            raise _login_again(error.detail) from None
        except UpstreamError as error:
            self._record(instance, type(error).__name__)
            await self._store.release(kept)
            raise
        self._record(instance, "renewed")
        return await self._write(instance, sub, kept, renewed)

    async def _ask_upstream(
        self, instance: ProviderInstance, kept: KeptTokens, tokens: UpstreamTokens
    ) -> UpstreamTokens:
        ability: KeepsTokens | None = instance.abilities.keeps
        if ability is None or not tokens.refresh_token:
            raise UpstreamDenied("it gave no refresh token")
        return await instance.in_time(ability.renew(kept.subject, tokens), self._deadline)

    async def _write(
        self, instance: ProviderInstance, sub: str, kept: KeptTokens, renewed: UpstreamTokens
    ) -> UpstreamTokens:
        """What another login brought meanwhile is newer than this, and what was taken back stays so."""
        sealed = self._seal.seal(renewed, kept.provider_key, kept.subject)
        version, expires_at = self._context.mint(size=16), self._context.now() + self._kept_for
        if await self._store.renew(kept, sealed, version=version, expires_at=expires_at):
            return renewed
        _, newer = await self._find(instance, sub, kept.subject)
        return newer

    def _record(self, instance: ProviderInstance, outcome: str) -> None:
        self._context.recorder.record(Event.UPSTREAM_TOKENS_RENEWED, provider=instance.name, outcome=outcome)


def _login_again(detail: str) -> LoginRequired:
    text = "the provider has to be asked again; send the user through /authorize with prompt=login and idp_hint"
    return LoginRequired(text, detail=detail)
