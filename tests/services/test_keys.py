"""Signing keys: made once, published before use, rotated by age and by command, sealed at rest."""

from __future__ import annotations

import asyncio
import os
import time
from base64 import urlsafe_b64decode

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from broker.core.errors import SealBroken
from broker.core.events import Event
from broker.core.jose.own_keys import load_key
from broker.core.seal import Seal
from broker.core.terms import Algorithm
from tests.services.bare_broker import MASTER
from tests.services.key_rings import DAY, ED, ES, Rings, published

pytestmark = pytest.mark.anyio


async def test_the_first_start_makes_a_key_per_algorithm_and_uses_it_at_once(rings: Rings) -> None:
    ring = rings.open(ES, ED)
    await ring.refresh()
    assert {key.algorithm for key in await rings.stored()} == {"ES256", "EdDSA"}
    assert published(ring) == {ring.signer(ES).kid, ring.signer(ED).kid} == set(ring.current.own)
    assert rings.notes.count(Event.KEY_CREATED) == rings.notes.count(Event.KEY_ACTIVATED) == 2


async def test_every_algorithm_offered_can_be_signed_with(rings: Rings) -> None:
    ring = rings.open(*Algorithm)
    await ring.refresh()
    assert {ring.signer(algorithm).algorithm for algorithm in Algorithm} == set(Algorithm)


async def test_a_restart_finds_the_same_keys(rings: Rings) -> None:
    before, after = rings.open(ES, ED), rings.open(ES, ED)
    await before.refresh()
    await after.refresh()
    assert after.signer(ES).kid == before.signer(ES).kid
    assert (after.current.jwks, after.current.etag) == (before.current.jwks, before.current.etag)
    assert len(await rings.stored()) == 2


async def test_looking_again_changes_nothing(rings: Rings) -> None:
    ring = rings.open()
    for _ in range(3):
        await ring.refresh()
    await rings.pass_days(80, ring)
    assert len(await rings.stored()) == 1
    assert rings.notes.count(Event.KEY_ACTIVATED) == 1


async def test_j5_a_key_is_published_before_use_used_retired_and_deleted(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    old = ring.signer(ES).kid
    await rings.pass_days(87.9, ring)
    assert published(ring) == {old}
    await rings.pass_days(0.1, ring)  # day 88 of 90: the next one appears, two days before its use
    (new,) = published(ring) - {old}
    assert ring.signer(ES).kid == old
    await rings.pass_days(1.9, ring)
    assert ring.signer(ES).kid == old
    await rings.pass_days(0.1, ring)  # day 90
    assert (ring.signer(ES).kid, published(ring)) == (new, {old, new})
    await rings.pass_days(29.9, ring)
    assert published(ring) == {old, new}
    await rings.pass_days(0.1, ring)  # day 120: thirty days after its last use
    assert published(ring) == {new}
    assert rings.notes.count(Event.KEY_RETIRED) == 1


async def test_j5_what_a_retired_key_signed_is_still_verified(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    old = ring.signer(ES).kid
    await ring.rotate(ES, at_once=True)
    assert old in ring.current.own
    assert ring.signer(ES).kid != old


async def test_a_command_publishes_first_and_uses_later(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    old = ring.signer(ES).kid
    rings.clock.now += 60
    new = await ring.rotate(ES)
    assert (ring.signer(ES).kid, published(ring)) == (old, {old, new})
    await rings.pass_days(2, ring)
    assert ring.signer(ES).kid == new


async def test_j6_a_command_can_take_over_at_once_and_other_nodes_follow(rings: Rings) -> None:
    ring, other = rings.open(), rings.open()
    await ring.refresh()
    await other.refresh()
    rings.clock.now += 60
    new = await ring.rotate(ES, at_once=True)
    assert ring.signer(ES).kid == new
    await other.refresh()
    assert other.signer(ES).kid == new
    assert published(other) == published(ring)


async def test_j6_the_last_of_many_commands_in_one_second_wins(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    for _ in range(10):
        assert await ring.rotate(ES, at_once=True) == ring.signer(ES).kid


async def test_j6_taking_over_at_once_ends_the_turn_of_a_key_to_come(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    first = ring.signer(ES).kid
    coming = await ring.rotate(ES)
    urgent = await ring.rotate(ES, at_once=True)
    assert await ring.rotate(ES, at_once=True) == ring.signer(ES).kid
    last = ring.signer(ES).kid
    assert published(ring) == {first, coming, urgent, last}
    await rings.pass_days(2, ring)
    assert ring.signer(ES).kid == last


async def test_a_broker_that_slept_through_a_rotation_still_publishes_first(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    old = ring.signer(ES).kid
    await rings.pass_days(400, ring)
    assert ring.signer(ES).kid == old
    assert len(published(ring)) == 2
    await rings.pass_days(2, ring)
    assert ring.signer(ES).kid != old


async def test_two_nodes_that_start_together_agree_on_one_key(rings: Rings) -> None:
    one, two = rings.open(), rings.open()
    await asyncio.gather(one.refresh(), two.refresh())
    first_signers = {one.signer(ES).kid, two.signer(ES).kid}
    await asyncio.gather(one.refresh(), two.refresh())
    assert one.signer(ES).kid == two.signer(ES).kid
    assert first_signers <= published(one) == published(two)
    for _ in range(3):
        await asyncio.gather(one.refresh(), two.refresh())
    stored = await rings.stored()
    assert len([key for key in stored if key.retired_at is None]) == 1
    assert len(stored) <= 2


async def test_two_nodes_that_rotate_together_agree_on_one_key(rings: Rings) -> None:
    one, two = rings.open(), rings.open()
    await one.refresh()
    await two.refresh()
    rings.clock.now += 88 * DAY
    await asyncio.gather(one.refresh(), two.refresh())
    await rings.pass_days(2, one, two)
    await rings.pass_days(0.001, one, two)
    assert one.signer(ES).kid == two.signer(ES).kid
    assert len([key for key in await rings.stored() if key.retired_at is None]) == 1


async def test_parallel_looks_of_one_node_make_one_key(rings: Rings) -> None:
    ring = rings.open()
    await asyncio.gather(*(ring.refresh() for _ in range(10)))
    assert len(await rings.stored()) == 1


async def test_k11_a_clock_that_jumps_back_leaves_somebody_to_sign(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    first = ring.signer(ES).kid
    await rings.pass_days(-1 / 24, ring)
    assert ring.signer(ES).kid in published(ring)
    await rings.pass_days(2 / 24, ring)
    assert ring.signer(ES).kid == first


@pytest.mark.parametrize("back", [1 / 24, 1, 30])
async def test_j14_a_clock_that_steps_back_past_a_take_over_makes_no_unannounced_key_sign(
    rings: Rings, back: float
) -> None:
    ring = rings.open()
    await ring.refresh()
    for _ in range(91 * 24):
        await rings.pass_days(1 / 24, ring)
        if rings.notes.count(Event.KEY_ACTIVATED) == 2:
            break
    taken_over, cached = ring.signer(ES).kid, published(ring)
    await rings.pass_days(-back, ring)
    assert ring.signer(ES).kid in cached, "an app that asked a moment ago knows it"
    assert ring.signer(ES).kid == taken_over
    await rings.pass_days(back + 1 / 24, ring)
    assert ring.signer(ES).kid == taken_over
    assert published(ring) == cached


async def test_an_algorithm_no_longer_offered_is_published_but_not_used(rings: Rings) -> None:
    before, after = rings.open(ES, ED), rings.open(ES)
    await before.refresh()
    await after.refresh()
    assert set(after.current.signers) == {ES}
    assert published(after) == published(before)


async def test_j2_private_keys_are_sealed_at_rest(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    (key,) = await rings.stored()
    raw = urlsafe_b64decode(key.sealed + "=" * (-len(key.sealed) % 4))
    with pytest.raises(ValueError, match=r".+"):
        load_der_private_key(raw, None)
    with pytest.raises(SealBroken):
        await rings.open(masters=(b"o" * 32,)).refresh()
    sealing = Seal((MASTER,), "signing key", randomness=os.urandom, clock=time.time)
    assert load_key(sealing.open_(key.sealed, bound_to=key.kid.encode()), ES).kid == key.kid
    with pytest.raises(SealBroken):
        sealing.open_(key.sealed, bound_to=b"another kid")


async def test_a_new_master_key_opens_what_the_old_one_sealed(rings: Rings) -> None:
    before = rings.open()
    await before.refresh()
    after = rings.open(masters=(b"o" * 32, MASTER))
    await after.refresh()
    assert after.signer(ES).kid == before.signer(ES).kid


async def test_j4_the_jwks_has_public_members_only(rings: Rings) -> None:
    ring = rings.open(*Algorithm)
    await ring.refresh()
    for key in orjson.loads(ring.current.jwks)["keys"]:
        assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}
        assert set(key) <= {"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"}


async def test_the_etag_changes_with_the_keys_only(rings: Rings) -> None:
    ring = rings.open()
    await ring.refresh()
    before = ring.current.etag
    await ring.refresh()
    assert ring.current.etag == before
    await ring.rotate(ES)
    assert ring.current.etag != before
