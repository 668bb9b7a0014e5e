"""Proofs of who somebody is upstream, held until they decide what it is for: good for one decision, for ten minutes."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from broker.core.clients.client import Client
from broker.core.errors import FlowFinished, FlowGone, ProviderNotOffered
from broker.core.events import Event
from broker.core.people.identity import Identity, Link, UpstreamSession
from broker.core.records import HeldIdentity
from broker.core.seal import digest
from broker.services.context import Context
from broker.services.once import once
from broker.services.people.standing import Standing
from broker.services.providers import ProviderInstance, Providers
from broker.store.people import Linked, NotLinked, PeopleStore, Taken
from broker.store.transient import Transient

PROOF_TTL = 600  # seconds from the upstream's word to the person's


@dataclass(frozen=True, slots=True)
class Shown:
    """Somebody is this `identity` at `instance`.

    `started_at` in epoch seconds, `began_ms` in milliseconds, 0 in attempts of older versions. `asked_at` as in
    `Login`.
    """

    started_at: int
    began_ms: int
    instance: ProviderInstance
    identity: Identity
    asked_at: int = 0


class HeldIdentities:
    """Holds them, and sees to it that each counts once, and while its provider does."""

    def __init__(self, context: Context, transient: Transient, providers: Providers, standing: Standing) -> None:
        self._context = context
        self._transient = transient
        self._providers = providers
        self._standing = standing

    def hold(self, shown: Shown) -> HeldIdentity:
        """What was shown just now. Of the upstream's session its name alone is kept: no browser carries its tokens.

        Raises AccessBarred for whom the operator lets in nowhere: it is to be a way in.
        """
        instance, identity = shown.instance, shown.identity
        link = build_link(instance.key, instance.name, identity, now=self._context.now())
        self._standing.check_admitted(link, None)
        return HeldIdentity(
            provider=instance.name,
            provider_key=instance.key,
            subject=identity.subject,
            jti=self._context.mint(size=16),
            began_at=shown.started_at,
            proven_at=self._context.now(),
            upstream_sid=identity.session.sid,
            claims=dict(identity.claims),
            raw_ids=dict(identity.raw_ids),
            amr=identity.amr,
            acr=identity.acr,
            auth_time=identity.auth_time,
            asked_at=shown.asked_at,
        )

    def is_good(self, held: HeldIdentity) -> bool:
        """Whether it is young enough."""
        return self._context.now() < held.proven_at + PROOF_TTL

    def check(self, held: HeldIdentity) -> ProviderInstance:
        """Where it was shown; raises FlowGone for one that is too old, ProviderNotOffered where that is off, and
        AccessBarred as `hold`.
        """
        if not self.is_good(held):
            raise FlowGone("what the upstream said is too old")
        instance = self._providers.still(held.provider, held.provider_key)
        if instance is None:
            raise ProviderNotOffered("the provider of a proof was switched off")
        link = build_link(held.provider_key, held.provider, identity_of(held), now=held.proven_at)
        self._standing.check_admitted(link, None)
        return instance

    def spend(self, held: HeldIdentity, client: Client | None = None) -> AbstractAsyncContextManager[None]:
        """The body is the one thing it is good for; raises FlowFinished for a second one (see `once`)."""
        again = FlowFinished("a proof was used twice", client=client)
        return once(self._transient, digest(f"proof {held.jti}"), ttl=PROOF_TTL, again=again)


def identity_of(held: HeldIdentity) -> Identity:
    """The identity again. Where the upstream did not say when it asked the person last, they were asked just then."""
    return Identity(
        held.subject,
        held.claims,
        held.raw_ids,
        auth_time=held.proven_at if held.auth_time is None else held.auth_time,
        amr=held.amr,
        acr=held.acr,
        session=UpstreamSession(sid=held.upstream_sid),
    )


def build_link(provider_key: str, provider: str, identity: Identity, *, now: int) -> Link:
    """What is kept of an identity that was shown now (epoch seconds)."""
    return Link(
        provider_key=provider_key,
        subject=identity.subject,
        provider=provider,
        claims=dict(identity.claims),
        raw_ids=dict(identity.raw_ids),
        seen_at=now,
        linked_at=now,
    )


async def add_link(
    context: Context, people: PeopleStore, sub: str, link: Link, *, began_at: int
) -> Linked | Taken | NotLinked:
    """Make it a way into this account too, and say so where it was not one; as `PeopleStore.link`.

    Who may is asked before. `began_at`: when they set out to show it (epoch seconds).
    """
    done = await people.link(sub, link, began_at=began_at, now=link.linked_at)
    if isinstance(done, Linked) and not done.again:
        context.recorder.record(Event.ACCOUNT_LINKED, sub=sub, provider=link.provider)
    return done
