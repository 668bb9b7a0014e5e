"""What operators ask and do about people: accounts found and looked after, sessions, consents."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from broker.core.errors import InvalidRequest, LastIdentity, NotFound
from broker.core.operators.question import Asked
from broker.core.people.cleaning import fold_words, plain_phone
from broker.core.people.identity import Account
from broker.core.people.linking import fold_address
from broker.services.context import Context
from broker.services.operators.door import Handler
from broker.services.operators.told import Json, tell_access, tell_account, tell_event, tell_sign_in
from broker.services.people.deeds import Deeds
from broker.services.people.merging import Merging
from broker.services.people.page import SHOWN, AccountPage
from broker.services.people.unlinking import Unlinking
from broker.store.accounts import Found, Merged, OperatorsWord, Sought
from broker.store.base import Durable
from broker.store.people import LastLink, Unlinked

_SHORTEST = 2  # letters of a word by which people are looked for


class PeopleCases:
    """The use cases of `core.operators.people`."""

    def __init__(
        self,
        context: Context,
        durable: Durable,
        page: AccountPage,
        *,
        deeds: Deeds,
        unlinking: Unlinking,
        merging: Merging,
    ) -> None:
        self._context = context
        self._durable = durable
        self._page = page
        self._deeds = deeds
        self._unlinking = unlinking
        self._merging = merging

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers each of them, by its name."""
        return {
            "account.find": self._find,
            "account.show": self._show,
            "account.block": self._block,
            "account.unblock": self._unblock,
            "account.end": self._end,
            "account.unlink": self._unlink,
            "account.merge": self._merge,
            "account.delete": self._delete,
            "account.keep": self._keep,
            "account.export": self._export,
            "session.list": self._list_sessions,
            "session.end": self._end_session,
            "consent.list": self._list_consents,
            "consent.revoke": self._revoke_consent,
        }

    async def _find(self, asked: Asked) -> Json:
        sub, address = asked.text("sub"), asked.text("email")
        if asked.text("subject") and not asked.text("provider"):
            raise InvalidRequest("subject goes with provider")
        folded = fold_address(address) if address else ""
        if folded is None:
            raise InvalidRequest("email is compared only where it is ASCII, with one @")
        if sub:
            sub = (await self._account(sub)).sub
        sought = Sought(
            sub,
            provider=asked.text("provider"),
            subject=asked.text("subject"),
            address=folded,
            phone=_number(asked.text("phone")),
            name=_words(asked.text("name")),
            blocked=asked.flag("blocked"),
            closing=asked.flag("closing"),
        )
        found = await self._durable.accounts.search(sought, after=asked.text("after"), limit=asked.limit)
        told: Json = {"accounts": [await self._tell(one) for one in found]}
        return told | {"next": found[-1].account.sub} if len(found) == asked.limit else told

    async def _show(self, asked: Asked) -> Json:
        sub = (await self._account(asked.text("sub"))).sub
        (found,) = await self._durable.accounts.search(Sought(sub), after="", limit=1) or (None,)
        if found is None:
            raise nobody()
        events = await self._durable.history.events(sub, limit=SHOWN)
        return {
            **await self._tell(found),
            "sessions": (await self._list_sessions(asked))["sessions"],
            "apps": (await self._list_consents(asked))["apps"],
            "events": [tell_event(one) for one in events],
        }

    async def _block(self, asked: Asked) -> Json:
        account = await self._account(asked.text("sub"))
        if not await self._deeds.block(account.sub, asked.text("why")):
            raise nobody()
        return {"sub": account.sub, "blocked": True, "changed": not account.blocked}

    async def _unblock(self, asked: Asked) -> Json:
        account = await self._account(asked.text("sub"))
        if account.blocked and not await self._deeds.unblock(account.sub, asked.text("why")):
            raise nobody()
        return {"sub": account.sub, "blocked": False, "changed": account.blocked}

    async def _end(self, asked: Asked) -> Json:
        sub = (await self._account(asked.text("sub"))).sub
        if not await self._deeds.end_all(sub):
            raise nobody()
        return {"sub": sub, "changed": True}

    async def _unlink(self, asked: Asked) -> Json:
        sub = (await self._account(asked.text("sub"))).sub
        link = await self._page.find_link(sub, asked.text("way"))
        done = await self._unlinking.unlink(sub, link) if link is not None else None
        if isinstance(done, LastLink):
            raise LastIdentity("no other way into this account works: block or delete it")
        if not isinstance(done, Unlinked):
            raise NotFound("the account has no such way in, or is blocked or closing, and then keeps all of them")
        return {"sub": sub, "changed": True, "went_home_to": done.home}

    async def _merge(self, asked: Asked) -> Json:
        sub, other = (await self._account(asked.text("sub"))).sub, asked.text("other")
        leads_to = (await self._account(other)).sub
        if leads_to not in {sub, other}:
            raise InvalidRequest(f"that account is part of another one by now: say {leads_to} if you mean all of it")
        if other == sub:
            raise InvalidRequest("that is one account, and not two")
        merged = await self._merging.merge(sub, other, OperatorsWord())
        if not isinstance(merged, Merged):
            raise InvalidRequest("one of the two is blocked or to be deleted: unblock or keep it first")
        return {"sub": sub, "changed": not merged.again, "absorbed": other}

    async def _delete(self, asked: Asked) -> Json:
        account = await self._account(asked.text("sub"))
        if account.blocked:
            raise InvalidRequest("the account is blocked: deleted, its person could come back as somebody new")
        closes_at = None if asked.flag("at_once") else self._deeds.closes_at()
        changed = await self._deeds.close(account.sub, closes_at=closes_at)
        when = closes_at if changed else account.closes_at
        told: Json = {"sub": account.sub, "changed": changed, "deleted": changed and when is None}
        return told if when is None else told | {"closes_at": when}

    async def _keep(self, asked: Asked) -> Json:
        sub = (await self._account(asked.text("sub"))).sub
        return {"sub": sub, "changed": await self._deeds.keep(sub)}

    async def _export(self, asked: Asked) -> Json:
        kept = await self._page.collect(await self._account(asked.text("sub")))
        document: Json = msgspec.to_builtins(kept, str_keys=True)
        return document

    async def _list_sessions(self, asked: Asked) -> Json:
        sub = (await self._account(asked.text("sub"))).sub
        if not asked.flag("history"):
            return {"sub": sub, "sessions": [tell_sign_in(one) for one in await self._page.living(sub)]}
        found = await self._durable.history.sign_ins(sub, limit=asked.limit, after=_behind(asked.text("after")))
        told: Json = {"sub": sub, "sessions": [tell_sign_in(one) for one in found]}
        return told | {"next": f"{found[-1].at}.{found[-1].sid}"} if len(found) == asked.limit else told

    async def _end_session(self, asked: Asked) -> Json:
        sub, sid = (await self._account(asked.text("sub"))).sub, asked.text("sid")
        if sid not in {one.sid for one in await self._page.living(sub)}:
            raise NotFound("the account has no such session that is alive")
        await self._deeds.end_session(sub, sid, reason="ended by an operator")
        return {"sub": sub, "sid": sid, "changed": True}

    async def _list_consents(self, asked: Asked) -> Json:
        sub = (await self._account(asked.text("sub"))).sub
        found = await self._durable.consents.accesses(sub, now=self._context.now())
        return {"sub": sub, "apps": [tell_access(one) for one in found]}

    async def _revoke_consent(self, asked: Asked) -> Json:
        sub, client_id = (await self._account(asked.text("sub"))).sub, asked.text("client_id")
        if not await self._deeds.take_back(sub, client_id):
            raise NotFound("the person agreed to nothing there, and the app holds no grant of theirs")
        return {"sub": sub, "client_id": client_id, "changed": True}

    async def _account(self, sub: str) -> Account:
        return await find_account(self._durable, sub)

    async def _tell(self, found: Found) -> Json:
        return tell_account(found, await self._durable.people.links(found.account.sub))


async def find_account(durable: Durable, sub: str) -> Account:
    """Who goes by this name today; raises NotFound."""
    account = await durable.accounts.resolve(sub)
    if account is None:
        raise nobody()
    return account


def nobody() -> NotFound:
    """What an operator hears who asks for an account that is not there."""
    return NotFound("there is no such account, or it was deleted")


def _number(text: str) -> str:
    """A telephone number as upstreams give it, whatever stands between its digits."""
    plain = plain_phone(re.sub(r"[\s().-]", "", text)) if text else ""
    if plain is None:
        raise InvalidRequest("phone is compared as an international number: + and digits")
    return plain


def _words(text: str) -> tuple[str, ...]:
    words = fold_words(text)
    if text and max(map(len, words), default=0) < _SHORTEST:
        raise InvalidRequest(f"name has a word of at least {_SHORTEST} letters")
    return words


def _behind(after: str) -> tuple[int, str] | None:
    if not after:
        return None
    at, dot, sid = after.partition(".")
    if not (dot and at.isascii() and at.isdigit() and len(at) < len(str(2**62))):
        raise InvalidRequest("after is not the `next` of another page")
    return int(at), sid
