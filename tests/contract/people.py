"""A person, what was vouched for them and what they gave to a client: samples for tests that need somebody."""

from __future__ import annotations

from broker.core.logout import SessionClient
from broker.core.people.identity import Account, Link
from broker.core.records import Grant, HeldIdentity, Login, RefreshToken
from broker.store.base import Durable
from broker.store.grants import Redeemed
from broker.store.people import Linked

NOW = 1_800_000_000
USABLE = frozenset({"p1"})
"""Keys of the providers that are switched on."""
EVERY_APP = frozenset({"app"})
"""The clients that know the people of these samples."""


def account(sub: str = "s1") -> Account:
    """An account made now."""
    return Account(sub, NOW)


def link(subject: str = "x1", provider_key: str = "p1") -> Link:
    """What an upstream said just now."""
    return Link(provider_key, subject, "google", {"name": "Ann", "address": {"country": "NL"}}, {"id": subject}, NOW)


def proof(subject: str = "x1", *, provider_key: str = "p1", began_at: int = NOW + 1) -> HeldIdentity:
    """What an upstream said a moment after everything else happened."""
    return HeldIdentity("google", provider_key, subject, jti="j", began_at=began_at, proven_at=began_at)


def grant(number: int = 1, *, sub: str = "s1", subject: str = "x1", expires_at: int = NOW + 1000) -> Grant:
    """A grant of the person of `account` and `link`."""
    return Grant(
        id=f"g{number}",
        client_id="app",
        login=Login(sub, "google", "p1", subject, auth_time=NOW, amr=("fed",), sid="sid"),
        scope=("openid", "offline_access"),
        nonce="n",
        created_at=NOW,
        expires_at=expires_at,
        offline=True,
        claims={"userinfo": {"name": None}},
    )


def of_login(given: Grant, *, sid: str = "sid", upstream_sid: str = "") -> Grant:
    """The grant as if it came from another session."""
    return given.replace(login=given.login.replace(sid=sid, upstream_sid=upstream_sid))


def token(digest: str, *, grant_id: str = "g1", expires_at: int = NOW + 500) -> RefreshToken:
    """A refresh token made now."""
    return RefreshToken(digest, grant_id, NOW, expires_at)


async def adopt(durable: Durable, *subjects: str, sub: str = "s1") -> None:
    """An account with these ways in."""
    await durable.people.adopt(account(sub), link(subjects[0]))
    for subject in subjects[1:]:
        assert await durable.people.link(sub, link(subject), began_at=NOW + 1, now=NOW) == Linked(again=False)


async def give(durable: Durable, given: Grant, *, hears: str = "") -> Grant:
    """The grant, redeemed by its app, which hears of logouts where `hears` says by which `sub` it knows the person."""
    told = SessionClient(given.login.sid, given.client_id, hears, True, NOW + 86_400) if hears else None
    token_of_it = token(f"t-{given.id}", grant_id=given.id)
    assert await durable.grants.redeem(f"c-{given.id}", given, token_of_it, now=NOW, hears=told) == Redeemed()
    return given


async def told(durable: Durable) -> list[tuple[str, str, str]]:
    """Which apps are to be told of the end of which sessions, and of whom."""
    due = await durable.deliveries.claim(now=NOW + 9, until=NOW + 9, limit=100, share=100, under_way={})
    return sorted((one.receiver, one.sid, one.sub) for one in due)


async def is_over(durable: Durable, login: Login, *, now: int = NOW) -> bool:
    """Whether the session of this login ended here."""
    return (await durable.sessions.ending(login, "", now=now)).here


async def settle(durable: Durable) -> None:
    """One person with one grant and one refresh token `t1`."""
    await durable.people.adopt(account(), link())
    assert await durable.grants.redeem("c1", grant(), token("t1"), now=NOW) == Redeemed()


async def kept_token(durable: Durable, digest: str) -> RefreshToken | None:
    """The refresh token, whatever its grant is worth."""
    known = await durable.grants.refresh_token(digest, now=NOW)
    return known.token if known is not None else None


async def is_ended(durable: Durable, sid: str, key: str, *, now: int) -> bool:
    """Whether the session, or its cookie, ended here."""
    login = grant().login.replace(provider_key="none", sid=sid)
    return (await durable.sessions.ending(login, key, now=now)).here


async def ended_at(durable: Durable, provider_key: str, *, sid: str, subject: str) -> int | None:
    """When the upstream's session, or all of the subject's, was said to have ended."""
    login = grant().login.replace(provider_key=provider_key, upstream_sid=sid, subject=subject)
    return (await durable.sessions.ending(login, "", now=NOW)).upstream_at
