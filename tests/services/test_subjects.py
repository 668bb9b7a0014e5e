"""Pairwise subjects: each sector knows a person by another name, and keeps knowing them by it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import jwt
import pytest

from broker.core.clients.client import Client, LogoutPolicy, TokenPolicy
from broker.core.errors import SealBroken
from broker.core.seal import Seal
from broker.core.terms import SubjectType, TokenFormat
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Choose
from broker.services.people.subjects import open_subjects
from tests.services.bare_broker import MASTER, NOW, REDIRECT, World, app

pytestmark = pytest.mark.anyio
OTHER_MASTER = bytes(range(32))


def pairwise(client_id: str, sector: str, **changed: Any) -> Client:
    """A client whose subjects are its sector's own."""
    return app(client_id, tokens=TokenPolicy(subject_type=SubjectType.PAIRWISE, sector=sector), **changed)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return said


@pytest.fixture
async def sectors(world: World) -> World:
    """Two clients of one sector, one of another, and one that sees the account's own subject."""
    jwts = {"access_token_format": TokenFormat.JWT}
    world.clients |= {
        "one": pairwise("one", "a.test", **jwts),
        "two": pairwise("two", "a.test"),
        "far": pairwise("far", "b.test", email_fallback="{sub}@none.a.test"),
    }
    await world.restart()
    return world


async def sub_at(world: World, client_id: str, name: str = "alpha") -> str:
    """The `sub` this client gets for who logs in through `name`."""
    answer = await world.redeem(await world.code(client_id, name), client_id)
    return str(claims_of(answer["id_token"])["sub"])


async def test_a_sector_has_a_subject_of_its_own_that_stays(sectors: World) -> None:
    own, one, two, far = [await sub_at(sectors, client_id) for client_id in ("app", "one", "two", "far")]
    assert one == two == await sub_at(sectors, "one")
    assert len({own, one, far}) == 3
    assert await sub_at(sectors, "one", "beta") not in {own, one, far}, "another person"


async def test_g20_a_session_has_another_name_in_every_sector_and_none_where_nobody_hears_of_its_end(
    sectors: World,
) -> None:
    hears = {"logout": LogoutPolicy(backchannel_logout_uri="https://app.test/out")}
    sectors.clients |= {
        "one": pairwise("one", "a.test", **hears),
        "two": pairwise("two", "a.test", **hears),
        "far": pairwise("far", "b.test", **hears),
        "open": app("open", tokens=TokenPolicy(sector="c.test"), **hears),
    }
    await sectors.restart()
    _, _, session = await sectors.log_in()
    said: dict[str, Any] = {}
    for name in sectors.clients:
        answer = await sectors.codes.issue(await sectors.request(name), session, agreed_at=sectors.clock())
        said[name] = claims_of((await sectors.redeem(answer.params["code"], name))["id_token"])
    assert "sid" not in said["app"], "it hears of no logout, so it has no use for the name of a session"
    assert said["one"]["sid"] == said["two"]["sid"]
    sids = {said[name]["sid"] for name in ("one", "far", "open")}
    assert len(sids) == 3
    assert session.login.sid not in sids
    assert not sids & {claims["sub"] for claims in said.values()}


async def test_every_token_and_answer_of_one_client_names_the_same_subject(sectors: World) -> None:
    answer = await sectors.redeem(await sectors.code("one"), "one")
    said = claims_of(answer["id_token"])["sub"]
    assert claims_of(answer["access_token"])["sub"] == said
    token, held = await sectors.tokens.verify_access(answer["access_token"])
    assert (held.grant.login.sub, held.person.account.sub) == (said, said)
    kept = await sectors.store.durable.grants.find(token.grant_id, now=NOW)
    assert kept is not None
    assert kept.grant.login.sub != said, "the store knows the account"


async def test_a_made_up_address_does_not_betray_the_account(sectors: World) -> None:
    sectors.upstreams["alpha"].identity = replace(sectors.upstreams["alpha"].identity, claims={"name": "Ann"})
    asked = '{"id_token":{"email":null}}'
    answer = await sectors.redeem(await sectors.code("far", claims=asked, scope="openid email"), "far")
    said = claims_of(answer["id_token"])
    assert said["email"] == f"{said['sub']}@none.a.test"


async def test_a18_a_hint_names_the_person_by_the_clients_own_subject(sectors: World) -> None:
    answer = await sectors.redeem(await sectors.code("one"), "one")
    _, _, session = await sectors.log_in(await sectors.request("one"))
    client = sectors.clients["one"]
    request = await sectors.request("one", id_token_hint=answer["id_token"], prompt="none")
    assert isinstance(await sectors.authorization.next_step(request, client, session), Answer)
    foreign = await sectors.redeem(await sectors.code("one", "beta"), "one")
    stranger = await sectors.request("one", id_token_hint=foreign["id_token"])
    assert isinstance(await sectors.authorization.next_step(stranger, client, session), Choose)


async def test_f29_a_pairwise_subject_never_has_the_form_of_a_clients(sectors: World) -> None:
    assert ":" not in await sub_at(sectors, "one")
    assert REDIRECT.startswith("https:")


async def test_the_salt_outlives_a_change_of_the_master_key(world: World) -> None:
    def seal(*masters: bytes) -> Seal:
        return Seal(masters, "pairwise", randomness=os.urandom, clock=time.time)

    keys, client = world.store.durable.keys, pairwise("one", "a.test")
    first = await open_subjects(world.context, keys, seal(MASTER))
    kept = await keys.secret("pairwise salt")
    again = await open_subjects(world.context, keys, seal(OTHER_MASTER, MASTER))
    alone = await open_subjects(world.context, keys, seal(OTHER_MASTER))
    assert first.of("s1", client) == again.of("s1", client) == alone.of("s1", client)
    assert await keys.secret("pairwise salt") != kept, "sealed anew with the current key"
    with pytest.raises(SealBroken):
        await open_subjects(world.context, keys, seal(MASTER))
