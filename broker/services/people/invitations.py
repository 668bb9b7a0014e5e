"""Invitations made, taken back, and found again by who comes; spent are they with the account that they are for."""

from __future__ import annotations

from broker.core.errors import InvalidRequest
from broker.core.events import Event
from broker.core.invitations import Invitation, Invitee, Named, invitees, parse_email, parse_phone
from broker.core.people.identity import Link
from broker.services.context import Context
from broker.services.providers import Providers
from broker.store.invitations import InvitationStore

_DAY = 86_400  # seconds


class Invitations:
    """All of them. `keys` make digests of people: the first does, by the others they are found, too."""

    def __init__(self, context: Context, store: InvitationStore, providers: Providers, keys: tuple[bytes, ...]) -> None:
        self._context = context
        self._store = store
        self._providers = providers
        self._keys = keys

    def fitting(self, link: Link) -> tuple[str, ...]:
        """The ids that an invitation of whoever comes by this link would have."""
        return tuple([one.digest(key) for one in invitees(link) for key in self._keys])

    def name(self, *, provider: str, subject: str, email: str, phone: str) -> Invitee:
        """Who is meant; raises InvalidRequest where that is not one thing that can be proved here."""
        if bool(provider) != bool(subject) or sum(map(bool, (subject, email, phone))) != 1:
            raise InvalidRequest("say one of: provider and subject, email, phone")
        if email:
            found, wrong = parse_email(email), "email is no plain address"
        elif phone:
            found, wrong = parse_phone(phone), "phone is no international number, as +15550100123"
        else:
            instance = self._providers.known(provider)
            found = Invitee(Named.IDENTITY, instance.key, subject) if instance else None
            wrong = "there is no such provider that is on in the configuration"
        if found is None:
            raise InvalidRequest(wrong)
        return found

    async def add(self, invitee: Invitee, *, provider: str, days: int, why: str) -> Invitation:
        """Invite somebody for that many days; who is invited already is from now on."""
        now = self._context.now()
        made = Invitation(invitee.digest(self._keys[0]), invitee.kind, provider, now, now + days * _DAY, why)
        await self._store.add(made)
        self._context.recorder.record(
            Event.INVITATION_MADE, invite=made.id, kind=made.kind, provider=provider, expires_at=made.expires_at
        )
        return made

    async def page(self, *, after: str, limit: int) -> tuple[Invitation, ...]:
        """Those that are good, behind `after`."""
        return await self._store.page(after=after, limit=limit, now=self._context.now())

    async def remove(self, *ids: str) -> bool:
        """Take back what there is under these ids; False where there is nothing."""
        removed = [invite for invite in ids if await self._store.remove(invite)]
        for invite in removed:
            self._context.recorder.record(Event.INVITATION_REMOVED, invite=invite)
        return bool(removed)

    def ids(self, invitee: Invitee) -> tuple[str, ...]:
        """The ids that an invitation of them may have."""
        return tuple([invitee.digest(key) for key in self._keys])
