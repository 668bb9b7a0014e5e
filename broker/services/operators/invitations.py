"""What operators do about invitations."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.errors import InvalidRequest, NotFound
from broker.core.invitations import Invitation, Invitee
from broker.core.operators.invitations import DAYS
from broker.core.operators.question import Asked
from broker.services.operators.door import Handler
from broker.services.operators.told import Json
from broker.services.people.invitations import Invitations


class InvitationCases:
    """The use cases of `core.operators.invitations`."""

    def __init__(self, invitations: Invitations) -> None:
        self._invitations = invitations

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers each of them, by its name."""
        return {"invite.add": self._add, "invite.list": self._list, "invite.remove": self._remove}

    async def _add(self, asked: Asked) -> Json:
        days = int(asked.given.get("days", DAYS))
        made = await self._invitations.add(
            self._invitee(asked), provider=asked.text("provider"), days=days, why=asked.text("why")
        )
        return _tell(made)

    async def _list(self, asked: Asked) -> Json:
        found = await self._invitations.page(after=asked.text("after"), limit=asked.limit)
        told: Json = {"invitations": [_tell(one) for one in found]}
        return told | {"next": found[-1].id} if len(found) == asked.limit else told

    async def _remove(self, asked: Asked) -> Json:
        invite = asked.text("invite")
        named = any(asked.text(name) for name in ("provider", "subject", "email", "phone"))
        if invite and named:
            raise InvalidRequest("say invite, or who it is for")
        ids = (invite,) if invite else self._invitations.ids(self._invitee(asked))
        if not await self._invitations.remove(*ids):
            raise NotFound("there is no such invitation, or it was used")
        return {"removed": True}

    def _invitee(self, asked: Asked) -> Invitee:
        return self._invitations.name(
            provider=asked.text("provider"),
            subject=asked.text("subject"),
            email=asked.text("email"),
            phone=asked.text("phone"),
        )


def _tell(one: Invitation) -> Json:
    """Times in epoch seconds."""
    by = {"provider": one.provider} if one.provider else {}
    return {
        "invite": one.id,
        "kind": one.kind.value,
        **by,
        "made_at": one.made_at,
        "expires_at": one.expires_at,
        "why": one.why,
    }
