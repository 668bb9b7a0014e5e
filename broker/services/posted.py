"""Posted credentials: the one proof that every entry for them stands on, whatever it does for whoever shows one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from broker.core.clients.client import Client
from broker.core.errors import (
    AccessDenied,
    CredentialRefused,
    InvalidRequest,
    RequestError,
    SealBroken,
    UnauthorizedClient,
    UpstreamDenied,
    UpstreamError,
    UpstreamInvalid,
    UpstreamRejected,
)
from broker.core.events import Event
from broker.core.people.identity import Identity
from broker.core.posted import CHALLENGE_TTL, REPLAY_KEPT, UNASKED_AGE, Brought, Challenge, nonce_of, tell
from broker.core.seal import Seal, digest
from broker.core.terms import GrantType, PostedKind
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.once import once, reply_mark
from broker.services.providers import ProviderInstance, Providers
from broker.store.transient import Transient
from broker.upstream.model import Flow
from broker.upstream.posted import AcceptsPosted, Posted


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody is this `identity` at `instance`: what `client` brought shows it, and was made for one of its apps.

    `mark` is the digest that the credential is known by until `kept_until` (epoch seconds), `challenge` the one that it
    came with. `began_at` (epoch seconds): when the app set out. It counts once: see `PostedCredentials.spending`.
    """

    client: Client
    brought: Brought
    instance: ProviderInstance
    identity: Identity
    mark: str
    kept_until: int
    began_at: int
    challenge: Challenge | None


class PostedCredentials:
    """Gives challenges, and verifies what comes back with them."""

    def __init__(
        self, context: Context, providers: Providers, transient: Transient, seal: Seal, *, deadline: float
    ) -> None:
        """`seal` has the purpose "challenge"; `deadline` of the upstream, in seconds."""
        self._context = context
        self._providers = providers
        self._transient = transient
        self._seal = seal
        self._deadline = deadline

    def challenge(self, client: Client, params: Parameters) -> dict[str, Any]:
        """A challenge for a credential of `provider`, brought by this client; raises RequestError. Nothing is stored.

        Raises UnauthorizedClient where none would be accepted.
        """
        params.check_single(params.repeated)
        if "provider" not in params:
            raise InvalidRequest("provider is missing")
        instance = self._find(client, params["provider"])
        challenge = Challenge(
            client_id=client.id,
            provider_key=instance.key,
            state=self._context.mint(),
            code_verifier=self._context.mint(size=48),
            started_at=self._context.now(),
        )
        self._context.recorder.record(Event.CHALLENGE_GIVEN, provider=instance.name, client_id=client.id)
        sealed = self._seal.seal(challenge.to_bytes())
        return tell(challenge, sealed, with_code=PostedKind.CODE in instance.accepts)

    async def verify(self, client: Client, params: Parameters) -> Proven:
        """Whose credential this client brings. Nothing is spent.

        Raises CredentialRefused, which says nothing; InvalidRequest and UnauthorizedClient for what was never a
        question of the credential; AccessDenied where the upstream, or the operator, does not want that person; and
        UpstreamUnavailable.
        """
        params.check_single(params.repeated)
        return await self.prove(client, Brought.of(params))

    async def prove(self, client: Client, brought: Brought, *, unasked: bool = False) -> Proven:
        """As `verify`, of what was read. `unasked`: the operator takes ID tokens for which no challenge was taken.

        Such a one is young, and its nonce is not of a challenge.
        """
        unasked = unasked and brought.kind is PostedKind.ID_TOKEN and not brought.challenge
        instance = self._find(client, brought.issuer)
        with self._telling(client, instance, brought):
            provider = instance.provider
            if brought.kind not in instance.accepts or not isinstance(provider, AcceptsPosted):
                kinds = ", ".join(sorted(instance.accepts))
                raise InvalidRequest(f"subject_token_type is not accepted of this subject_issuer, only: {kinds}")
            challenge = self._open(
                client, instance, brought, required=brought.kind in provider.challenged and not unasked
            )
            posted = _build(brought, challenge)
            if unasked:
                flow = replace(posted.flow, started_at=self._context.now() - UNASKED_AGE)
                posted = replace(posted, flow=flow, unasked=True)
            signed = await instance.in_time(provider.verify_posted(posted), self._deadline)
        now = self._context.now()
        return Proven(
            client,
            brought,
            instance,
            signed.identity,
            mark=reply_mark(instance.key, signed.replay_key),
            kept_until=min(signed.expires_at, now + REPLAY_KEPT),
            began_at=challenge.started_at if challenge else now,
            challenge=challenge,
        )

    @asynccontextmanager
    async def spending(self, proven: Proven) -> AsyncIterator[None]:
        """The body is the one thing that a credential and its challenge are good for.

        Raises CredentialRefused for a second one. Where a store is away before the body is through, nothing was spent
        (see `once`).
        """
        marks = [(proven.mark, max(1, proven.kept_until - self._context.now()))]
        if proven.challenge is not None:
            marks.insert(0, (digest(f"challenge {proven.challenge.state}"), CHALLENGE_TTL))
        with self._telling(proven.client, proven.instance, proven.brought):
            async with AsyncExitStack() as stack:
                for mark, ttl in marks:
                    again = CredentialRefused("it, or its challenge, was used before")
                    await stack.enter_async_context(once(self._transient, mark, ttl=ttl, again=again))
                yield

    def _find(self, client: Client, name: str) -> ProviderInstance:
        """The provider whose credentials this client may bring; raises UnauthorizedClient, the same for all others.

        Raises ProviderSwitchedOff where an operator has it off for now.
        """
        may = GrantType.TOKEN_EXCHANGE in client.grants and name in client.accept_posted
        if may:
            self._providers.check_on(name, client)
        if not may or name not in self._providers.offered_to(client):
            raise UnauthorizedClient("this client may not bring credentials of this provider")
        return self._providers.find(name)

    def _open(
        self, client: Client, instance: ProviderInstance, brought: Brought, *, required: bool
    ) -> Challenge | None:
        """The challenge of exactly this client and provider; None where it may be missing, and is."""
        if not brought.challenge:
            if required:
                raise InvalidRequest("challenge is missing; take one from /challenge before the user signs in")
            return None
        try:
            challenge = Challenge.from_bytes(self._seal.open_(brought.challenge))
        except SealBroken as error:
            raise CredentialRefused(f"challenge: {error.detail}") from None
        if (challenge.client_id, challenge.provider_key) != (client.id, instance.key):
            raise CredentialRefused("the challenge is another client's, or for another provider")
        if challenge.expires_at <= self._context.now():
            raise CredentialRefused("the challenge is too old")
        return challenge

    @contextmanager
    def _telling(self, client: Client, instance: ProviderInstance, brought: Brought) -> Iterator[None]:
        """What fails in the body is told the operator exactly, and the app as much as it may know."""
        try:
            yield
        except (RequestError, UpstreamError) as error:
            self._context.recorder.record(
                Event.CREDENTIAL_REFUSED,
                provider=instance.name,
                client_id=client.id,
                kind=brought.kind.value,
                outcome=type(error).__name__,
                reason=error.detail,
                fingerprint=brought.fingerprint,
            )
            if isinstance(error, UpstreamDenied):
                raise AccessDenied("the login was refused", detail=error.detail) from None
            if isinstance(error, UpstreamInvalid | UpstreamRejected):
                raise CredentialRefused(error.detail) from None
            raise


def _build(brought: Brought, challenge: Challenge | None) -> Posted:
    """As its provider gets it."""
    flow = Flow(
        state=challenge.state if challenge else "",
        nonce=nonce_of(brought.challenge) if challenge else "",
        code_verifier=challenge.code_verifier if challenge else "",
        redirect_uri=brought.redirect_uri,
        callback_with_state="",
        started_at=challenge.started_at if challenge else 0,
    )
    return Posted(brought.kind, brought.token, flow, secret=brought.secret, device_id=brought.device_id)
