"""A signing key has leaked: one command, and nothing it ever signed counts, on any node, now or later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from broker.core.errors import InvalidGrant, InvalidRequest, InvalidToken
from broker.core.events import Event
from broker.core.records import SigningKey
from broker.core.terms import Algorithm, TokenFormat
from broker.services.keys.ring import LOOK_EVERY, end_grants
from broker.services.keys.signing import KeyHandle, KeyService, MadeKey
from tests.services.bare_broker import World, app
from tests.services.key_rings import DAY, ED, ES, Rings, published, sealed_keys

pytestmark = pytest.mark.anyio


async def test_j6_a_removed_key_signs_nothing_verifies_nothing_and_is_not_published(rings: Rings) -> None:
    ring = rings.open(ES, ED)
    await ring.refresh()
    before, etag = published(ring), ring.current.etag
    await ring.replace()
    assert not before & published(ring)
    assert published(ring) == set(ring.current.own) == {ring.signer(ES).kid, ring.signer(ED).kid}
    assert {key.kid for key in await rings.stored()} == published(ring)
    assert ring.current.etag != etag


async def test_j6_keys_that_wait_or_are_retired_or_no_longer_offered_go_as_well(rings: Rings) -> None:
    earlier, ring = rings.open(ES, ED), rings.open(ES)
    await earlier.refresh()
    await ring.rotate(ES, at_once=True)
    await ring.rotate(ES)
    assert len(published(ring)) == 4
    await ring.replace()
    assert published(ring) == {ring.signer(ES).kid}


async def test_j6_one_algorithm_can_be_replaced_and_the_others_left_alone(rings: Rings) -> None:
    ring = rings.open(ES, ED)
    await ring.refresh()
    old, other = ring.signer(ES).kid, ring.signer(ED).kid
    await ring.replace([ES])
    assert ring.signer(ED).kid == other
    assert published(ring) == {other, ring.signer(ES).kid}
    assert old not in ring.current.own


async def test_j6_k18_every_node_follows_at_its_next_look_and_a_restart_brings_nothing_back(rings: Rings) -> None:
    ring, other = rings.open(ES, ED), rings.open(ES, ED)
    await ring.refresh()
    await other.refresh()
    before = published(other)
    rings.clock.now += 5
    await ring.replace()
    rings.clock.now += LOOK_EVERY
    await other.refresh()
    restarted = rings.open(ES, ED)
    await restarted.refresh()
    for node in (ring, other, restarted):
        assert node.current.jwks == ring.current.jwks
        assert node.signer(ES).kid == ring.signer(ES).kid
        assert not before & set(node.current.own)


def test_j6_k18_a_node_looks_more_than_once_in_the_minute_it_has() -> None:
    assert LOOK_EVERY * 2 < 60


@dataclass
class Interrupted:
    """Something happens elsewhere while this service makes a key."""

    service: KeyService
    meanwhile: Callable[[], Awaitable[None]]

    async def make(self, algorithm: Algorithm) -> MadeKey:
        """KeyService.make."""
        await self.meanwhile()
        return await self.service.make(algorithm)

    async def open_(self, key: SigningKey) -> KeyHandle:
        """KeyService.open_."""
        return await self.service.open_(key)


async def test_j6_a_node_that_read_the_keys_before_they_were_removed_brings_none_back(rings: Rings) -> None:
    ring = rings.open(ES, ED)
    slow = rings.open(ES, ED, service=Interrupted(sealed_keys(), ring.replace))
    await ring.refresh()
    await ring.rotate(ED)
    before = published(ring)
    rings.clock.now += 88 * DAY
    # Time for the next ES256 key; while it is made, all others go, among them the EdDSA key that would retire next.
    await slow.refresh()
    await ring.refresh()
    assert not before & {key.kid for key in await rings.stored()}
    assert published(ring) == published(slow)
    assert ring.signer(ED).kid == slow.signer(ED).kid


async def test_j6_life_goes_on_with_the_new_key(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    await ring.replace()
    new = ring.signer(ES).kid
    await rings.pass_days(88, ring)
    assert (ring.signer(ES).kid, len(published(ring))) == (new, 2)
    await rings.pass_days(2, ring)
    assert ring.signer(ES).kid != new


async def test_j6_what_was_done_is_told_key_by_key(rings: Rings) -> None:
    ring = rings.open(ES, ED)
    await ring.refresh()
    old = {(Event.KEY_REMOVED, key.kid, key.algorithm) for key in await rings.stored()}
    rings.notes.heard.clear()
    await ring.replace()
    new = {ring.signer(ES).kid, ring.signer(ED).kid}
    heard = {(event, str(fields["kid"]), str(fields["algorithm"])) for event, fields in rings.notes.heard}
    assert {told for told in heard if told[0] is Event.KEY_REMOVED} == old
    for event in (Event.KEY_CREATED, Event.KEY_ACTIVATED):
        assert {kid for told, kid, _ in heard if told is event} == new
    assert rings.notes.count(Event.KEY_RETIRED) == 0


async def issue(world: World, token_format: TokenFormat) -> dict[str, str]:
    """Tokens of a login."""
    world.clients["app"] = app(access_token_format=token_format)
    await world.restart()
    return await world.redeem(await world.code(scope="openid offline_access"))


async def test_j6_what_a_removed_key_signed_is_refused_wherever_it_comes_back(world: World) -> None:
    answer = await issue(world, TokenFormat.JWT)
    await world.keys.replace([])
    assert not await world.is_alive(answer["access_token"])
    with pytest.raises(InvalidToken):
        world.tokens.verify_hint(answer["id_token"])
    with pytest.raises(InvalidRequest, match="not signed here"):
        await world.request(id_token_hint=answer["id_token"])
    again = await world.refresh(answer["refresh_token"])
    assert await world.is_alive(again["access_token"])
    assert world.tokens.verify_hint(again["id_token"])


async def test_j6_tokens_that_no_key_signed_end_only_when_asked(world: World) -> None:
    answer = await issue(world, TokenFormat.OPAQUE)
    await world.keys.replace([ES])
    assert await world.is_alive(answer["access_token"])
    assert await end_grants(world.context, world.store.durable.grants) == 1
    assert not await world.is_alive(answer["access_token"])
    with pytest.raises(InvalidGrant):
        await world.refresh(answer["refresh_token"])
    assert world.notes.heard[-2:].count((Event.GRANTS_ENDED, {"grants": 1})) == 1
    assert await world.is_alive((await issue(world, TokenFormat.OPAQUE))["access_token"])
