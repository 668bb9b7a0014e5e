"""Ways in as an app with the token of a person sees them, and takes one away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest

from broker.core.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidGrant,
    InvalidToken,
    LastIdentity,
    LoginRequired,
    NotFound,
)
from broker.core.events import Event
from broker.core.people.identity import Identity, Link
from broker.core.terms import Scope, SubjectType
from broker.services.authorize.codes import Answer
from broker.services.tokens.proofs import Shown
from tests.contract.people import proof
from tests.services.bare_broker import NOW, World, app
from tests.services.merged_accounts import absorb

pytestmark = pytest.mark.anyio
EVERYTHING = "openid profile email offline_access identities identities.manage"


@pytest.fixture
async def known(world: World) -> World:
    """An app that may have every scope, and one whose people have a `sub` of their own there."""
    scopes = frozenset(Scope)
    pairwise = replace(app().tokens, subject_type=SubjectType.PAIRWISE, sector="apart.test")
    world.clients |= {"app": app(scopes=scopes), "apart": app("apart", scopes=scopes, tokens=pairwise)}
    world.upstreams["beta"].identity = Identity("y1", {"name": "Bee", "email": "bee@b.test", "email_verified": False})
    await world.restart()
    return world


async def signed_in(world: World, client_id: str = "app", **changed: str | None) -> dict[str, Any]:
    """The token response of Ann, who comes by alpha and is asked who she is."""
    sent = {"scope": EVERYTHING, "prompt": "login"} | changed
    return await world.redeem(await world.code(client_id, "alpha", **sent), client_id)


async def add_beta(world: World) -> Link:
    """Another way into Ann's account."""
    person = await world.store.durable.people.person(world.providers.find("alpha").key, "x1")
    assert person is not None
    who = world.upstreams["beta"].identity
    link = Link(world.providers.find("beta").key, who.subject, "beta", who.claims, who.raw_ids, NOW + 5)
    await world.store.durable.people.link(person.account.sub, link, began_at=NOW + 8, now=NOW + 7)
    return link


def at(answer: dict[str, Any], method: str = "GET", path: str = "/identities") -> Shown:
    """The access token as it comes to the resource."""
    return Shown(answer["access_token"], as_dpop=False, proof="", method=method, endpoint=path)


def said(answer: dict[str, Any]) -> dict[str, Any]:
    """The claims of the ID token."""
    claims: dict[str, Any] = jwt.decode(answer["id_token"], options={"verify_signature": False})
    return claims


async def test_every_way_in_is_told_and_which_of_them_this_login_came_by(known: World) -> None:
    answer = await signed_in(known)
    link = await add_beta(known)
    first, second = [way.describe() for way in await known.identities.show(at(answer))]
    assert (first["provider"], first["subject"], first["current"]) == ("alpha", "x1", True)
    assert second == {
        "id": link.handle,
        "provider": "beta",
        "subject": "y1",
        "name": "Bee",
        "email": "bee@b.test",
        "email_verified": False,
        "linked_at": NOW + 7,
        "last_used_at": NOW + 5,
        "current": False,
    }


@pytest.mark.parametrize(
    ("scope", "told"),
    [("openid identities", set()), ("openid identities profile", {"name"}), ("identities email", {"email"})],
)
async def test_of_another_upstream_an_app_learns_what_its_scopes_are_for(
    known: World, scope: str, told: set[str]
) -> None:
    answer = await signed_in(known, scope=scope)
    await add_beta(known)
    for way in await known.identities.show(at(answer)):
        assert way.describe().keys() & {"name", "email"} == told


async def test_l6_an_app_sees_only_ways_in_that_people_may_come_to_it_by(known: World) -> None:
    known.clients["app"] = replace(known.clients["app"], providers=("alpha",))
    await known.restart()
    answer = await signed_in(known)
    link = await add_beta(known)
    assert [way.link.provider for way in await known.identities.show(at(answer))] == ["alpha"]
    with pytest.raises(NotFound):
        await known.identities.remove(at(answer), link.handle)
    assert len(await known.store.durable.people.links(said(answer)["sub"])) == 2


async def test_reading_and_changing_take_a_scope_each(known: World) -> None:
    reading, changing = [await signed_in(known, scope=f"openid {word}") for word in EVERYTHING.split()[-2:]]
    link = await add_beta(known)
    with pytest.raises(InsufficientScope, match="identities"):
        await known.identities.show(at(changing))
    with pytest.raises(InsufficientScope, match=r"identities\.manage"):
        await known.identities.remove(at(reading), link.handle)


async def test_d16_what_came_from_a_way_in_that_is_taken_away_ends_at_once(known: World) -> None:
    ann = await signed_in(known)
    await add_beta(known)
    by_beta = await known.redeem(await known.code("app", "beta", scope=EVERYTHING, prompt="login"))
    assert said(by_beta)["sub"] == said(ann)["sub"]
    (gone,) = [way.link for way in await known.identities.show(at(ann)) if not way.current]
    await known.identities.remove(at(ann, "DELETE"), gone.handle)
    assert known.notes.heard[-1] == (Event.ACCOUNT_UNLINKED, {"sub": said(ann)["sub"], "provider": "beta"})
    with pytest.raises(InvalidGrant):
        await known.refresh(by_beta["refresh_token"])
    assert not await known.is_alive(by_beta["access_token"])
    assert await known.is_alive(ann["access_token"])
    with pytest.raises(NotFound):
        await known.identities.remove(at(ann, "DELETE"), gone.handle)


async def test_d16_a_way_in_that_is_switched_off_is_none_to_be_left_with(known: World) -> None:
    answer = await signed_in(known)
    await add_beta(known)
    known.on.discard("beta")
    await known.restart()
    (only,) = await known.identities.show(at(answer))
    with pytest.raises(LastIdentity):
        await known.identities.remove(at(answer, "DELETE"), only.link.handle)
    assert len(await known.store.durable.people.links(said(answer)["sub"])) == 2
    known.on.add("beta")
    await known.restart()
    await known.identities.remove(at(answer, "DELETE"), only.link.handle)


async def test_d16_the_way_in_of_this_very_login_takes_its_token_along(known: World) -> None:
    answer = await signed_in(known)
    await add_beta(known)
    (here,) = [way.link for way in await known.identities.show(at(answer)) if way.current]
    await known.identities.remove(at(answer), here.handle)
    with pytest.raises(InvalidToken):
        await known.identities.show(at(answer))


async def test_d16_the_last_way_in_stays(known: World) -> None:
    answer = await signed_in(known)
    (only,) = await known.identities.show(at(answer))
    with pytest.raises(LastIdentity):
        await known.identities.remove(at(answer), only.link.handle)
    assert await known.is_alive(answer["access_token"])


async def test_a_way_in_is_taken_away_by_who_logged_in_just_now(known: World) -> None:
    answer = await signed_in(known)
    link = await add_beta(known)
    known.clock.now += 301
    with pytest.raises(InsufficientUserAuthentication):
        await known.identities.remove(at(answer), link.handle)
    assert len(await known.identities.show(at(answer))) == 2


async def test_l6_a_handle_of_somebody_else_is_none_of_theirs(known: World) -> None:
    (hers,) = await known.identities.show(at(await signed_in(known)))
    known.upstreams["alpha"].identity = Identity("x2", {})
    other = await signed_in(known)
    await add_beta_to(known, said(other)["sub"])
    with pytest.raises(NotFound):
        await known.identities.remove(at(other), hers.link.handle)


async def add_beta_to(world: World, sub: str) -> None:
    """Another way into this account."""
    link = Link(world.providers.find("beta").key, "y2", "beta", {}, {}, NOW)
    await world.store.durable.people.link(sub, link, began_at=NOW + 1, now=NOW)


# --- names of before a merge ---


async def test_tokens_and_userinfo_name_who_the_person_was_before_a_merge(known: World) -> None:
    before = await signed_in(known)
    assert "former_subs" not in said(before)
    assert "former_subs" not in await told(known, before)
    for former in ("who-b", "who-a"):
        await absorb(known.store.durable, said(before)["sub"], former, key=former)
    after = await signed_in(known)
    assert said(after)["former_subs"] == ["who-a", "who-b"]
    assert (await told(known, after))["former_subs"] == ["who-a", "who-b"]
    refreshed = await known.refresh(after["refresh_token"])
    assert said(refreshed)["former_subs"] == ["who-a", "who-b"]


async def test_a_client_with_subs_of_its_own_learns_the_former_one_by_its_own_name(known: World) -> None:
    mine = said(await signed_in(known))["sub"]
    await absorb(known.store.durable, mine, "who")
    answer = await signed_in(known, "apart")
    assert said(answer)["former_subs"] == [known.tokens.subjects.of("who", known.clients["apart"])]
    assert "who" not in str(said(answer)) + str(await told(known, answer))


async def told(world: World, answer: dict[str, Any]) -> dict[str, Any]:
    """What userinfo says."""
    found = await world.userinfo.tell(at(answer, path="/userinfo"))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("client_id", ["app", "apart"])
async def test_a_hint_of_before_a_merge_names_the_person_of_today(known: World, client_id: str) -> None:
    client = known.clients[client_id]
    known.upstreams["beta"].identity = Identity("y9", {})
    old = await known.redeem(await known.code(client_id, "beta", scope=EVERYTHING), client_id)
    ann = said(await signed_in(known))["sub"]
    was = await known.store.durable.people.person(known.providers.find("beta").key, "y9")
    assert was is not None
    seen = {known.tokens.subjects.of(was.account.sub, client): was.account.sub} if client_id == "apart" else {}
    known.clock.now += 60
    now = int(known.clock.now)
    shown = proof("y9", provider_key=was.link.provider_key, began_at=now)
    accounts = known.store.durable.accounts
    apps = await accounts.known_to(was.account.sub)
    await accounts.merge(ann, was.account.sub, proof=shown, now=now, expires_at=now + 9, known=apps, seen_as=seen)
    known.clock.now += 60
    finished, _, session = await known.log_in(await known.request(client_id, scope=EVERYTHING))
    silent = await known.request(client_id, scope=EVERYTHING, prompt="none", id_token_hint=old["id_token"])
    assert isinstance(await known.authorization.next_step(silent, client, session), Answer)
    again = await known.request(client_id, scope=EVERYTHING, id_token_hint=old["id_token"])
    step = await known.authorization.after_login(again, client, session, fresh_since=finished.started_at)
    assert isinstance(step, Answer)


async def test_a_hint_of_somebody_else_still_names_a_stranger(known: World) -> None:
    known.upstreams["beta"].identity = Identity("y9", {})
    other = await known.redeem(await known.code("app", "beta", scope=EVERYTHING, prompt="login"))
    await absorb(known.store.durable, said(await signed_in(known))["sub"], "who")
    _, _, session = await known.log_in()
    silent = await known.request("app", prompt="none", id_token_hint=other["id_token"])
    with pytest.raises(LoginRequired):
        await known.authorization.next_step(silent, known.clients["app"], session)
