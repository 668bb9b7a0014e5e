"""Something happened to somebody at an upstream: what its word demands is done, once, and written down (ADR 65)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from broker.core.errors import BrokerError, InvalidRequest, UpstreamError, UpstreamUnavailable
from broker.core.events import Event
from broker.core.people.identity import Link, Person
from broker.core.seal import digest
from broker.services.context import Context
from broker.services.people.deeds import Deeds
from broker.services.people.unlinking import Unlinking
from broker.services.providers import ProviderInstance, Providers
from broker.services.sessions.endings import Endings
from broker.store.people import LastLink, PeopleStore, Unlinked
from broker.store.transient import Kind, Transient
from broker.upstream.abilities import EVENT_MAX_AGE, Abilities, HearsEvents, Meaning, UpstreamEvent

_REMEMBERED = EVENT_MAX_AGE + 3600  # seconds: a little longer than any message counts
_CONFIRMATION = 16  # digits of a digest
_ENDING = frozenset({Meaning.SESSIONS_OVER, Meaning.WITHDRAWN, Meaning.GONE})


@dataclass(frozen=True, slots=True)
class Effects:
    """What an event may do, each in the one place where that happens."""

    endings: Endings
    unlinking: Unlinking
    deeds: Deeds


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken, now or before. `status`: what its upstream wants to be answered.

    `subject` is whom its last event is about, `sub` whose account theirs was before anything was done, or "".
    `confirmation` is a name for it: 16 hexadecimal digits, the same every time it comes. The log has it of deletions.
    """

    instance: ProviderInstance
    status: int
    subject: str
    sub: str
    confirmation: str


class UpstreamEvents:
    """Believes a verified message once. Every effect may be had twice, so a message that failed is to come again."""

    def __init__(
        self,
        context: Context,
        transient: Transient,
        people: PeopleStore,
        providers: Providers,
        effects: Effects,
        *,
        deadline: float,
    ) -> None:
        """`deadline` of the upstream, in seconds."""
        self._context = context
        self._transient = transient
        self._people = people
        self._providers = providers
        self._effects = effects
        self._deadline = deadline

    async def receive(self, name: str, body: bytes) -> int:
        """Do what a message to `Abilities.hears` demands; what its upstream wants to be answered; raises as `take`."""
        return (await self.take(name, body, lambda abilities: abilities.hears)).status

    async def take(self, name: str, body: bytes, by: Callable[[Abilities], HearsEvents | None]) -> Taken:
        """Do what the message demands that came for the ability that `by` picks. A second time nothing is done.

        Raises InvalidRequest for what that upstream did not make for us, which it need not repeat; UpstreamUnavailable,
        StoreUnavailable, and ProviderSwitchedOff while an operator has it off, where it is to repeat it.
        """
        self._providers.check_on(name)
        instance = self._providers.named(name)
        ability = by(instance.abilities) if instance is not None else None
        if instance is None or ability is None:
            raise InvalidRequest("no provider of this name is configured with events")
        return await self._believe(instance, ability, body)

    async def _believe(self, instance: ProviderInstance, ability: HearsEvents, body: bytes) -> Taken:
        try:
            heard = await instance.in_time(ability.hear(body), self._deadline)
        except UpstreamError as error:
            self._refuse(instance, error)
            if isinstance(error, UpstreamUnavailable):
                raise
            raise InvalidRequest("this is no event of that provider for us", detail=error.detail) from None
        mark = digest(f"event {instance.key} {heard.replay_key}")
        confirmation, subject, sub = mark[:_CONFIRMATION], "", ""
        named = {"confirmation": confirmation} if ability is instance.abilities.deletes else {}
        if (before := await self._transient.get(Kind.CLAIM, mark)) is not None:
            for event in heard.events:
                self._record(instance, event.kind, "repeated", **named)
                subject, sub = event.subject, before[1:].decode()
            return Taken(instance, ability.status, subject, sub, confirmation)
        for event in heard.events:
            subject, sub = event.subject, await self._obey(instance, event, named)
        # Only now: a message that did not have all of its effects must count when it is sent again.
        await self._transient.put(Kind.CLAIM, mark, b"1" + sub.encode(), ttl=_REMEMBERED)
        return Taken(instance, ability.status, subject, sub, confirmation)

    async def _obey(self, instance: ProviderInstance, event: UpstreamEvent, named: Mapping[str, str]) -> str:
        """Whose account it was about, or ""."""
        key, subject, meaning = instance.key, event.subject, event.meaning
        person = await self._people.person(key, subject) if subject else None
        ended: tuple[str, ...] = ()
        if meaning is Meaning.SESSIONS_OVER:
            ended = await self._effects.endings.end_upstream(key, subject=subject)
        elif meaning in _ENDING:
            ended = await self._effects.endings.withdraw_upstream(key, subject)
        outcome = "noted" if meaning is Meaning.NOTED else "nobody"
        if person is not None and meaning is not Meaning.NOTED:
            outcome = await self._change(person, event)
        sub = person.account.sub if person else ""
        self._record(instance, event.kind, outcome, sub=sub, sessions=len(ended), **named)
        return sub

    async def _change(self, person: Person, event: UpstreamEvent) -> str:
        """What came of it for an account of ours, besides sessions that ended."""
        if event.meaning is Meaning.GONE:
            return await self._part(person)
        if event.meaning is Meaning.MARKED:
            await self._people.update_link(_marked(person.link, event.marks))
            return "marked"
        return "ended"

    async def _part(self, person: Person) -> str:
        """The way in leads nowhere any more; with the last one goes the account, as if its person had asked for it.

        A way that is switched off today is one: its operator may switch it on again. One that came by a merge goes back
        to the account that was made for it, where it is parted with as well.
        """
        sub, link = person.account.sub, person.link
        others = {one.provider_key for one in await self._people.links(sub) if one.handle != link.handle}
        done = await self._effects.unlinking.unlink(sub, link, usable=others)
        if isinstance(done, Unlinked):
            if done.home and (at_home := await self._people.person(link.provider_key, link.subject)) is not None:
                await self._part(at_home)
            return "unlinked"
        if isinstance(done, LastLink):
            deeds = self._effects.deeds
            await deeds.close(sub, closes_at=deeds.closes_at())
            return "closed"
        return "kept"  # a blocked account stays as it is, and one that is closing goes on to close

    def _refuse(self, instance: ProviderInstance, error: BrokerError) -> None:
        self._record(instance, "refused", type(error).__name__, reason=error.detail)

    def _record(self, instance: ProviderInstance, kind: str, outcome: str, **more: str | int) -> None:
        self._context.recorder.record(Event.UPSTREAM_EVENT, provider=instance.name, kind=kind, outcome=outcome, **more)


def _marked(link: Link, marks: Mapping[str, str | None]) -> Link:
    told = {**link.raw_ids, **marks}
    return replace(link, raw_ids={name: value for name, value in told.items() if value is not None})
