"""What operators are told: JSON values. Times in epoch seconds; what is not known is left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from broker.core.people.history import AccountEvent, SignIn
from broker.core.people.identity import Link
from broker.services.people.accounts import pick_name
from broker.store.accounts import Found
from broker.store.consents import Access

Json = dict[str, Any]
_TOLD = ("email", "email_verified", "phone_number", "phone_number_verified")


def tell_account(found: Found, links: Iterable[Link]) -> Json:
    """Whose it is and how it stands."""
    account = found.account
    return {
        "sub": account.sub,
        "created_at": account.created_at,
        "blocked": account.blocked,
        **_known(blocked_at=found.blocked_at, blocked_why=found.blocked_why, closes_at=account.closes_at),
        **_known(former=list(account.former)),
        "ways": [_tell_way(link) for link in links],
    }


def _tell_way(link: Link) -> Json:
    """By the handle that pages and apps know it by; of its claims what one person is told from another by."""
    return {
        "way": link.handle,
        "provider": link.provider,
        "subject": link.subject,
        **_known(name=pick_name(link.claims)),
        **{name: link.claims[name] for name in _TOLD if name in link.claims},
        **_known(linked_at=link.linked_at),
        "seen_at": link.seen_at,
    }


def tell_sign_in(one: SignIn) -> Json:
    """Without what its cookie is known by."""
    coarse = _known(client_id=one.client_id, place=one.place, agent=one.agent)
    return {"sid": one.sid, "at": one.at, "provider": one.provider, **coarse, "ends_at": one.ends_at}


def tell_access(one: Access) -> Json:
    """An app, and what it may do."""
    return {
        "client_id": one.client_id,
        "scope": sorted(one.scope),
        **_known(refused=sorted(one.refused), agreed_at=one.agreed_at, granted_at=one.granted_at),
        "offline": one.offline,
    }


def tell_event(one: AccountEvent) -> Json:
    """What happened."""
    return {
        "at": one.at,
        "what": one.what.value,
        **_known(provider=one.provider, client_id=one.client_id, other=one.other),
    }


def _known(**values: object) -> Json:
    return {name: value for name, value in values.items() if value not in (None, "", 0, [])}
