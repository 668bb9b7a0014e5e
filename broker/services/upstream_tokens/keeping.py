"""Keeping an upstream's tokens: from a login for an app that may have them, once the app has its grant."""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.events import Event
from broker.core.records import Login
from broker.core.seal import Seal, digest
from broker.core.upstream_tokens import UpstreamTokens
from broker.services.context import Context
from broker.services.providers import ProviderInstance, Providers
from broker.store.transient import Kind, Transient
from broker.store.upstream_tokens import KeptTokens, UpstreamTokenStore

HELD = 1800  # seconds from a login to its grant: a consent page may lie open, a code has to be redeemed


class TokenSeal:
    """Seals tokens for one way in, so that a row that was moved in the database opens nowhere."""

    def __init__(self, seal: Seal) -> None:
        """`seal` has the purpose "upstream tokens"."""
        self._seal = seal

    def seal(self, tokens: UpstreamTokens, provider_key: str, subject: str) -> str:
        """Text that opens for this way in alone."""
        return self._seal.seal(tokens.to_bytes(), bound_to=_bound(provider_key, subject))

    def open_(self, sealed: str, provider_key: str, subject: str) -> UpstreamTokens:
        """The tokens again; raises SealBroken."""
        return UpstreamTokens.from_bytes(self._seal.open_(sealed, bound_to=_bound(provider_key, subject)))


class Keeping:
    """Holds what a login brought until its person has agreed and the app has its grant, and keeps it then.

    Who says no to the app leaves nothing that lasts: what is held dies by itself.
    """

    def __init__(
        self,
        context: Context,
        store: UpstreamTokenStore,
        transient: Transient,
        providers: Providers,
        seal: TokenSeal,
        *,
        kept_for: int,
    ) -> None:
        """`kept_for`: seconds after which tokens are forgotten that nobody has asked for."""
        self._context = context
        self._store = store
        self._transient = transient
        self._providers = providers
        self._seal = seal
        self._kept_for = kept_for

    async def hold(
        self, client: Client, instance: ProviderInstance, tokens: UpstreamTokens | None, login: Login
    ) -> None:
        """What a login for this client brought; nothing is held where it may have no tokens of that provider."""
        if tokens is None or not instance.keeps_for(client):
            return
        key, sealed = _name(login, client), self._seal.seal(tokens, login.provider_key, login.subject).encode()
        if not await self._transient.put(Kind.UPSTREAM_TOKENS, key, sealed, ttl=HELD):
            await self._transient.replace(Kind.UPSTREAM_TOKENS, key, sealed, ttl=HELD)

    async def keep(self, client: Client, login: Login) -> None:
        """The client is being given a grant that came from this login: from now on what was held is kept.

        It is done before the grant stands and may be done again, so that an app whose store is away tries once more.
        """
        instance = self._providers.instance_of(login.provider_key)
        if instance is None or not instance.keeps_for(client):
            return
        key = _name(login, client)
        held = await self._transient.get(Kind.UPSTREAM_TOKENS, key)
        if held is None:
            return
        now = self._context.now()
        version = self._context.mint(size=16)
        tokens = KeptTokens(login.provider_key, login.subject, held.decode(), version, login.began_at)
        if await self._store.keep(login.sub, tokens, expires_at=now + self._kept_for):
            self._context.recorder.record(
                Event.UPSTREAM_TOKENS_KEPT, provider=instance.name, client_id=client.id, sub=login.sub
            )
        await self._transient.take(Kind.UPSTREAM_TOKENS, key)


def _name(login: Login, client: Client) -> str:
    return digest(f"upstream tokens {login.sid} {client.id}")


def _bound(provider_key: str, subject: str) -> bytes:
    return f"{provider_key} {subject}".encode()
