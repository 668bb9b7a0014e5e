"""Events reach webhooks at least once, signed, by the names that each may know (RFC 8417, RFC 8935)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import jwt
import orjson
import pytest

from broker.core.clients.client import LogoutPolicy, TokenPolicy
from broker.core.errors import NotFound
from broker.core.events import Event
from broker.core.people.identity import Account, Link
from broker.core.terms import Algorithm, SubjectType
from broker.core.webhooks import Told, Webhook
from broker.services.deliveries import AT_ONCE, SHARE
from broker.services.sessions.single_sign_on import Session
from broker.services.webhooks import Webhooks
from broker.upstream.outbound import Outbound
from tests.services.apps import delivering
from tests.services.bare_broker import ISSUER, NOW, World, app
from tests.services.merged_accounts import absorb

pytestmark = pytest.mark.anyio
TELL = "https://app.test/backchannel"
CRM_URL, SHOP_URL = "https://crm.test/events", "https://shop.test/events"
DAY = 86_400
CRM = Webhook("crm", CRM_URL, frozenset(Told), "the-crm", Algorithm.ES256, 3 * DAY)
SHOP = Webhook("shop", SHOP_URL, frozenset(Told), "shop", Algorithm.EDDSA, 3 * DAY, client_id="shop")
RISC, CAEP = (f"https://schemas.openid.net/secevent/{profile}/event-type" for profile in ("risc", "caep"))


@pytest.fixture
async def world(world: World) -> World:
    """One webhook for everything, and one that speaks for an app with subjects of its own; both take what comes."""
    shop = app(
        "shop",
        logout=LogoutPolicy(backchannel_logout_uri=TELL),
        tokens=TokenPolicy(subject_type=SubjectType.PAIRWISE, sector="shop.test"),
    )
    world.clients |= {"shop": shop}
    world.webhook_rules |= {"crm": CRM, "shop": SHOP}
    world.apps.status = {CRM_URL: 202, SHOP_URL: 202, TELL: 200}
    await world.restart()
    return world


async def attempt(world: World) -> None:
    """Everything that is due, once."""
    await world.deliveries.look()
    await world.deliveries.settle()
    assert world.notes.crashes == []


async def leave(world: World) -> Session:
    """Somebody signs in for the first time, gives the app a grant, and logs out; their first events are away."""
    _, _, session = await world.log_in()
    await attempt(world)
    answer = await world.codes.issue(await world.request("shop"), session, agreed_at=world.clock())
    await world.redeem(answer.params["code"], "shop")
    world.apps.pushed.clear()
    await world.endings.end_session(session, reason="logout")
    return session


async def block(world: World) -> str:
    """Somebody signed in and is blocked; the event of that alone is on its way, to the first webhook."""
    del world.webhook_rules["shop"]
    world.webhook_rules["crm"] = replace(CRM, events=frozenset({Told.ACCOUNT_BLOCKED}))
    await world.restart()
    _, _, session = await world.log_in()
    await world.deeds.block(session.login.sub, "why")
    return session.login.sub


def verified(world: World, token: str, audience: str = "the-crm", algorithm: str = "ES256") -> dict[str, Any]:
    """The claims of an event, as a receiver verifies them."""
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("secevent+jwt", algorithm)
    key = jwt.PyJWKSet.from_dict(orjson.loads(world.keys.current.jwks))[header["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=[algorithm], audience=audience, issuer=ISSUER, options={"verify_iat": False}
    )
    return claims


def outcomes(world: World) -> list[tuple[Any, Any]]:
    """What became of attempts that failed."""
    return [(f["outcome"], f["reason"]) for event, f in world.notes.heard if event is Event.WEBHOOK_FAILED]


async def test_an_event_is_pushed_as_the_specification_says(world: World) -> None:
    sub = await block(world)
    await attempt(world)
    ((headers, token),) = world.apps.events(CRM_URL)
    assert headers == {"Content-Type": "application/secevent+jwt", "Accept": "application/json"}
    claims = verified(world, token)
    assert len(claims.pop("jti")) == 32
    assert claims == {
        "iss": ISSUER,
        "aud": "the-crm",
        "iat": NOW,
        "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": sub},
        "events": {f"{RISC}/account-disabled": {}},
    }
    assert sum(await world.store.durable.deliveries.waiting()) == 0
    assert world.notes.count(Event.WEBHOOK_TOLD) == 1


async def test_g22_an_app_hears_of_people_and_sessions_by_the_names_that_it_knows(world: World) -> None:
    session = await leave(world)
    await attempt(world)
    ((_, plain),), ((_, pairwise),) = world.apps.events(CRM_URL), world.apps.events(SHOP_URL)
    seen, told = verified(world, plain), verified(world, pairwise, "shop", "EdDSA")
    shop = world.clients["shop"]
    subjects = world.tokens.subjects
    sub, sid = subjects.of(session.login.sub, shop), subjects.sid_of(session.login.sid, shop)
    assert session.login.sub not in json.dumps(told)
    assert session.login.sid not in json.dumps(told)
    assert told["sub_id"] == {
        "format": "complex",
        "user": {"format": "iss_sub", "iss": ISSUER, "sub": sub},
        "session": {"format": "opaque", "id": sid},
    }
    assert seen["sub_id"]["user"]["sub"] == session.login.sub
    assert seen["sub_id"]["session"]["id"] == session.login.sid
    assert seen["jti"] != told["jti"], "two receivers who compare have nothing in common"
    assert seen["events"] == told["events"] == {f"{CAEP}/session-revoked": {}}


async def test_g22_the_other_account_of_a_merge_is_named_likewise_and_the_way_in_is_nothing_for_apps(
    world: World,
) -> None:
    _, _, session = await world.log_in()
    sub, durable = session.login.sub, world.store.durable
    await attempt(world)
    await absorb(durable, sub, "former")
    world.apps.pushed.clear()
    await durable.people.link(sub, Link("key", "x", "vk", {}, {}, NOW), began_at=NOW, now=NOW)
    await attempt(world)
    apps, shop = world.apps.events(SHOP_URL), world.clients["shop"]
    told = [event for _, token in apps for event in verified(world, token, "shop", "EdDSA")["events"].items()]
    survivor = {"format": "iss_sub", "iss": ISSUER, "sub": world.tokens.subjects.of(sub, shop)}
    assert ("urn:broker:event-type:account-merged", {"into": survivor}) in told
    assert ("urn:broker:event-type:account-linked", {}) in told
    own = [event for _, token in world.apps.events(CRM_URL) for event in verified(world, token)["events"].items()]
    assert ("urn:broker:event-type:account-linked", {"provider": "vk"}) in own


async def test_g22_a_session_without_a_name_at_the_app_is_not_told_as_if_all_were_meant(world: World) -> None:
    await leave(world)
    world.clients["shop"] = replace(world.clients["shop"], logout=LogoutPolicy())
    await world.restart()
    await attempt(world)
    assert world.apps.events(SHOP_URL) == []
    assert ("failed", "its client knows no sessions") in outcomes(world)
    assert len(world.apps.events(CRM_URL)) == 1


async def test_i15_a_webhook_that_wants_a_token_gets_its_own(world: World) -> None:
    world.webhook_rules["crm"] = replace(CRM, token="bearer-of-the-crm")
    await world.restart()
    await world.log_in()
    await attempt(world)
    ((headers, _),) = world.apps.events(CRM_URL)
    assert headers["Authorization"] == "Bearer bearer-of-the-crm"
    assert "bearer-of-the-crm" not in repr(world.notes.heard)
    ((headers, _),) = world.apps.events(SHOP_URL)
    assert "Authorization" not in headers


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_whatever_says_yes_is_a_yes(world: World, status: int) -> None:
    world.apps.status[CRM_URL] = status
    await block(world)
    await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, b"") for status in (301, 400, 401, 404, 429, 500, 503)),
        *((400, b'{"err": "%s"}' % word) for word in (b"invalid_key", b"authentication_failed", b"access_denied")),
    ],
)
async def test_k27_what_is_no_yes_is_tried_again_with_the_same_event(world: World, status: int, body: bytes) -> None:
    world.apps.status[CRM_URL], world.apps.bodies[CRM_URL] = status, body
    await block(world)
    await attempt(world)
    await attempt(world)
    assert len(world.apps.events(CRM_URL)) == 1, "not before its time"
    world.apps.status[CRM_URL] = 202
    world.clock.now += 60
    await attempt(world)
    first, second = (verified(world, token) for _, token in world.apps.events(CRM_URL))
    assert first == second
    assert sum(await world.store.durable.deliveries.waiting()) == 0


@pytest.mark.parametrize("word", ["invalid_request", "invalid_issuer", "invalid_audience"])
async def test_i15_a_refusal_for_what_it_is_is_final(world: World, word: str) -> None:
    world.apps.status[CRM_URL], world.apps.bodies[CRM_URL] = 400, json.dumps({"err": word}).encode()
    await block(world)
    await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 0
    assert outcomes(world) == [("failed", f"status 400 {word}")]


async def test_what_is_not_taken_in_time_is_given_up(world: World) -> None:
    del world.apps.status[CRM_URL]
    await block(world)
    world.clock.now = NOW + 3 * DAY - 1
    await attempt(world)
    assert sum(await world.store.durable.deliveries.waiting()) == 1
    world.clock.now = NOW + 3 * DAY + 7200
    await attempt(world)
    assert outcomes(world)[-2:] == [("waiting", "refused"), ("failed", "not taken in time")]
    assert sum(await world.store.durable.deliveries.waiting()) == 0


async def test_what_is_for_a_webhook_or_an_app_that_is_gone_is_given_up(world: World) -> None:
    await world.log_in()
    del world.webhook_rules["crm"]
    del world.clients["shop"]
    await world.restart()
    await attempt(world)
    assert sorted(outcomes(world)) == [("failed", "no such client"), ("failed", "no such webhook")]
    assert world.apps.pushed == []


async def test_k27_a_webhook_that_fails_rests_from_all_events_and_longer_each_time(world: World) -> None:
    world.webhook_rules["crm"] = replace(CRM, events=frozenset({Told.ACCOUNT_CREATED}), keep_trying=30 * DAY)
    del world.webhook_rules["shop"]
    await world.restart()
    del world.apps.status[CRM_URL]
    for number in range(20 * SHARE):
        await world.store.durable.people.adopt(Account(f"s{number}", NOW), Link("k", str(number), "vk", {}, {}, NOW))
    for _ in range(DAY // 60):
        world.clock.now += 60
        await attempt(world)
    assert len(world.apps.pushed) < 32 * SHARE, "a day of hourly probes, however many are waiting"
    (told,) = await world.webhooks.list_all()
    assert told["waiting"] == 20 * SHARE
    assert told["rests_until_at"] > world.clock.now
    world.apps.status[CRM_URL] = 202
    world.clock.now += 2 * 3600
    for _ in range(60):  # a look begins no more than the share
        await attempt(world)
        world.clock.now += 120
    assert sum(await world.store.durable.deliveries.waiting()) == 0


async def test_k27_a_webhook_that_hangs_keeps_no_logout_and_no_other_waiting(world: World) -> None:
    world.apps.hangs.add(CRM_URL)
    durable = world.store.durable
    for number in range(3 * AT_ONCE):
        await durable.people.adopt(Account(f"s{number}", NOW), Link("k", str(number), "vk", {}, {}, NOW))
    async with delivering(world.deliveries), asyncio.timeout(30):
        while len(world.apps.events(SHOP_URL)) < 3 * AT_ONCE:
            await asyncio.sleep(0.01)
        _, _, session = await world.log_in()
        answer = await world.codes.issue(await world.request("shop"), session, agreed_at=world.clock())
        await world.redeem(answer.params["code"], "shop")
        await world.endings.end_session(session, reason="logout")
        while not world.apps.tokens(TELL):
            await asyncio.sleep(0.01)
    assert len(world.apps.events(CRM_URL)) == SHARE


async def test_k27_of_more_than_fit_the_newest_stay(world: World) -> None:
    del world.apps.status[CRM_URL]
    durable = world.store.durable
    for number in range(9):
        await durable.people.adopt(Account(f"s{number}", NOW + number), Link("k", str(number), "vk", {}, {}, NOW))
    small = Webhooks(
        world.context,
        world.webhook_rules,
        durable.deliveries,
        world.directory,
        keys=world.keys,
        outbound=world.apps,
        subjects=world.tokens.subjects,
        most_waiting=4,
    )
    await small.count(4)
    assert sum(await durable.deliveries.waiting()) == 18
    await small.count(18)
    assert sum(await durable.deliveries.waiting()) == 8
    dropped = [fields for event, fields in world.notes.heard if event is Event.WEBHOOK_OVERFLOWED]
    assert dropped == [{"webhook": "crm", "dropped": 5}, {"webhook": "shop", "dropped": 5}]


async def test_the_operator_sees_how_much_is_on_its_way(world: World) -> None:
    world.apps.status = {}
    await world.log_in()
    await attempt(world)
    world.apps.status = {CRM_URL: 202, SHOP_URL: 202}
    world.clock.now += 10
    await attempt(world)
    await attempt(world)
    told = [fields["waiting"] for event, fields in world.notes.heard if event is Event.WEBHOOK_BACKLOG]
    assert told == [2, 0]


async def test_an_operator_lists_and_tests_them(world: World) -> None:
    world.webhook_rules["crm"] = replace(
        CRM, url="https://crm.test/in/S3CRET-PATH", audience="https://crm.test/in/S3CRET-PATH"
    )
    await world.restart()
    listed = await world.operators.answer("webhook.list", {}, by="ann")
    crm, shop = listed["webhooks"]
    assert "S3CRET" not in json.dumps(listed)
    assert (crm["name"], crm["host"], crm["audience"], crm["waiting"]) == ("crm", "crm.test", "", 0)
    assert (shop["client_id"], shop["audience"]) == ("shop", "shop")
    assert set(shop["events"]) == set(Told)
    tested = await world.operators.answer("webhook.test", {"name": "shop", "why": "new"}, by="ann")
    assert tested == {"name": "shop", "taken": True}
    ((_, token),) = world.apps.events(SHOP_URL)
    claims = verified(world, token, "shop", "EdDSA")
    assert claims["sub_id"] == {"format": "opaque", "id": "shop"}
    assert claims["events"] == {"https://schemas.openid.net/secevent/ssf/event-type/verification": {}}
    assert sum(await world.store.durable.deliveries.waiting()) == 0
    refused = await world.operators.answer("webhook.test", {"name": "crm", "why": "new"}, by="ann")
    assert refused == {"name": "crm", "taken": False, "reason": "refused"}


async def test_there_is_nothing_to_test_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        await world.operators.answer("webhook.test", {"name": "other", "why": "new"}, by="ann")


async def test_i15_an_event_goes_to_no_private_address(world: World) -> None:
    outbound = await Outbound.open(recorder=world.notes)
    for place in ("https://10.0.0.1/in", "https://169.254.169.254/in", "http://127.0.0.1:1/in"):
        guarded = Webhooks(
            world.context,
            {"crm": replace(CRM, url=place)},
            world.store.durable.deliveries,
            world.directory,
            keys=world.keys,
            outbound=outbound,
            subjects=world.tokens.subjects,
        )
        assert "forbidden" in (await guarded.test("crm")).reason
    await outbound.close()
