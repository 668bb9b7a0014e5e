"""What operators set of people for apps: claims beside what upstreams say."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.errors import InvalidRequest, NotFound
from broker.core.events import Event
from broker.core.operators.question import Asked
from broker.core.people.extra_claims import check_kept_name, extra_of, parse_value
from broker.core.wire.strict_json import Malformed, parse_json
from broker.services.context import Context
from broker.services.operators.door import Handler
from broker.services.operators.people import find_account, nobody
from broker.services.operators.told import Json
from broker.store.base import Durable
from broker.store.extra_claims import StaticClaim


class ExtraClaimCases:
    """The use cases of `core.operators.extra_claims`."""

    def __init__(self, context: Context, durable: Durable) -> None:
        self._context = context
        self._durable = durable

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers each of them, by its name."""
        return {"claim.list": self._list, "claim.set": self._set, "claim.remove": self._remove}

    async def _list(self, asked: Asked) -> Json:
        sub = (await find_account(self._durable, asked.text("sub"))).sub
        known, links = await self._durable.extra_claims.of_account(sub), await self._durable.people.links(sub)
        return {
            "sub": sub,
            "claims": [{"name": one.name, "value": one.value, "set_at": one.set_at} for one in known],
            "told": [
                {"provider": link.provider, "way": link.handle, "name": name, "value": value}
                for link in links
                for name, value in extra_of(link.claims).items()
            ],
        }

    async def _set(self, asked: Asked) -> Json:
        sub, name = (await find_account(self._durable, asked.text("sub"))).sub, asked.text("name")
        try:
            value = parse_value(check_kept_name(name), parse_json(asked.text("value")))
            done = await self._durable.extra_claims.put(sub, StaticClaim(name, value, self._context.now()))
        except Malformed:
            raise InvalidRequest("value is not JSON; a text stands in quotation marks") from None
        except ValueError as problem:
            raise InvalidRequest(f"{name} cannot be set so: {problem}") from None
        if not done:
            raise nobody()
        self._context.recorder.record(Event.ACCOUNT_CLAIM_CHANGED, sub=sub, claim=name, state="set")
        return {"sub": sub, "name": name, "value": value, "changed": True}

    async def _remove(self, asked: Asked) -> Json:
        sub, name = (await find_account(self._durable, asked.text("sub"))).sub, asked.text("name")
        if not await self._durable.extra_claims.remove(sub, name):
            raise NotFound("no such claim of the account is set; what its providers tell, they tell again")
        self._context.recorder.record(Event.ACCOUNT_CLAIM_CHANGED, sub=sub, claim=name, state="removed")
        return {"sub": sub, "name": name, "changed": True}
