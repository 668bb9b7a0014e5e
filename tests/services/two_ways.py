"""Somebody with two ways in, of which we know one: what they walk through to make both open one account."""

from __future__ import annotations

from typing import Any

from broker.core.people.identity import Identity
from broker.core.people.linking import LinkingPolicy, LinkingRule
from broker.core.records import Authorize
from broker.services.authorize.decide import Ask, Return
from broker.services.login.complete import Completed
from broker.services.login.joining import Settled
from broker.services.login.outcomes import Visitor
from broker.services.sessions.single_sign_on import Session
from tests.services.bare_broker import World

CONFIRM = LinkingRule(LinkingPolicy.CONFIRM)
TRUSTING = LinkingRule(LinkingPolicy.VERIFIED_EMAIL, ("a.test",))
ANN = {"name": "Ann", "email": "Ann@a.test", "email_verified": True}
STRANGER = Visitor(browser="b1", last_used="beta")


async def set_up(world: World, rule: LinkingRule = CONFIRM) -> Session:
    """Ann has an account by `beta`; at `alpha`, whose rule this is, nobody knows her. A session of hers."""
    world.linking_rules["alpha"] = rule
    await world.restart()
    is_at(world, "beta", "b-ann")
    is_at(world, "alpha", "a-ann")
    _, _, session = await world.log_in(name="beta")
    return session


def is_at(world: World, name: str, subject: str, claims: dict[str, Any] | None = None) -> None:
    """From now on an upstream vouches for somebody else."""
    world.upstreams[name].identity = Identity(subject, ANN if claims is None else claims)


async def purpose(world: World, /, **changed: str | None) -> Authorize:
    """A request of the app."""
    return Authorize(await world.request(**changed))


def ticket_of(done: Completed | None, path: str) -> str:
    """The ticket of the question that a login ended in."""
    assert done is not None
    assert isinstance(done.step, Ask)
    assert done.step.path == path
    return done.step.ticket


async def offered(world: World, visitor: Visitor = STRANGER, /, **changed: str | None) -> str:
    """The ticket of the question that Ann is put when she comes by `alpha`."""
    return ticket_of(await world.arrive(await purpose(world, **changed), "alpha", visitor), "/join")


async def seek(world: World, ticket: str, visitor: Visitor = STRANGER, name: str = "beta") -> Completed:
    """She says that she has an account, and logs in to it at `name`."""
    question = await world.joining.open_(ticket, visitor.browser)
    return await world.arrive(question.seeking, name, visitor)


async def decline(world: World, ticket: str, visitor: Visitor = STRANGER) -> Completed:
    """She wants a new account."""
    async with world.joining.decline(ticket, visitor) as done:
        return done


async def answer(world: World, ticket: str, cookie: str, *, allowed: bool = True) -> Settled:
    """She answers whether that is her, too."""
    async with world.joining.answer(ticket, cookie, allowed=allowed) as settled:
        return settled


async def logged_in(world: World, name: str = "beta") -> tuple[str, Session]:
    """A cookie and its session, of a login just now for which she was asked who she is."""
    _, value, session = await world.log_in(await world.request(prompt="login"), name)
    return value, session


async def add(world: World, cookie: str, session: Session, name: str = "alpha") -> Completed:
    """She adds a way in from her account page."""
    return await world.arrive(world.linking.begin(session, name), name, Visitor(cookie))


async def ways(world: World, sub: str) -> list[tuple[str, str]]:
    """Provider and subject of every way into an account."""
    return [(link.provider, link.subject) for link in await world.store.durable.people.links(sub)]


async def owner(world: World, name: str, subject: str) -> str:
    """Whose way in it is, "" for nobody's."""
    person = await world.store.durable.people.person(world.providers.find(name).key, subject)
    return person.account.sub if person else ""


def code_in(step: object) -> str:
    """The code of an answer."""
    assert isinstance(step, Return)
    return step.params["code"]
