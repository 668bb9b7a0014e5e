"""Tokens for the admin API: shown once, kept as digests, and dead the moment they end."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.errors import AlreadyThere, InvalidRequest, InvalidToken, NotFound, NoToken
from broker.core.events import Event
from broker.core.operators.question import Reach
from broker.core.operators.tokens import PREFIX, is_token
from broker.core.seal import digest
from broker.services.operators.tokens import AdminTokens
from tests.services.bare_broker import NOW, World

pytestmark = pytest.mark.anyio
WHY = "for the desk"


@pytest.fixture
def tokens(world: World) -> AdminTokens:
    """What looks tokens up."""
    return AdminTokens(world.context, world.store.durable.admin_tokens)


async def ask(world: World, verb: str, **values: object) -> dict[str, Any]:
    """The answer to root."""
    why = {} if verb == "list" else {"why": WHY}
    return await world.operators.answer(f"admin.token.{verb}", values | why, by="root")


async def listed(world: World) -> dict[str, Any]:
    """The only token there is."""
    (one,) = (await ask(world, "list"))["tokens"]
    found: dict[str, Any] = one
    return found


async def test_l10_a_token_is_shown_once_and_its_digest_is_kept(world: World, tokens: AdminTokens) -> None:
    made = await ask(world, "new", name="desk", scope="read")
    assert is_token(made["token"])
    assert made == {"name": "desk", "token": made["token"], "scope": "read", "expires_at": NOW + 90 * 86400}
    (kept,) = await world.store.durable.admin_tokens.all_()
    assert (kept.digest, kept.may) == (digest(made["token"]), Reach.READ)
    assert made["token"] not in str(await ask(world, "list"))
    assert kept.digest not in str(await ask(world, "list"))
    assert await tokens.admit(made["token"]) == kept
    assert made["token"] not in str(world.notes.heard)
    told = [fields for event, fields in world.notes.heard if event is Event.ADMIN_TOKEN_MADE]
    assert told == [
        {"name": "desk", "scope": "read", "expires_at": NOW + 90 * 86400, "by": "root", "why": WHY},
    ]


async def test_l10_a_token_that_was_revoked_opens_nothing_from_the_next_call_on(
    world: World, tokens: AdminTokens
) -> None:
    token = (await ask(world, "new", name="desk", scope="write"))["token"]
    with pytest.raises(AlreadyThere):
        await ask(world, "new", name="desk", scope="read")
    assert (await tokens.admit(token)).may is Reach.WRITE
    assert await ask(world, "revoke", name="desk") == {"name": "desk", "changed": True}
    with pytest.raises(InvalidToken):
        await tokens.admit(token)
    with pytest.raises(NotFound):
        await ask(world, "revoke", name="desk")
    assert world.notes.count(Event.ADMIN_TOKEN_REVOKED) == 1
    assert await ask(world, "new", name="desk", scope="read")


async def test_l10_a_token_ends_to_the_second_and_is_listed_on(world: World, tokens: AdminTokens) -> None:
    token = (await ask(world, "new", name="desk", scope="read", expires="2h"))["token"]
    world.clock.now += 2 * 3600 - 1
    assert await tokens.admit(token)
    world.clock.now += 1
    with pytest.raises(InvalidToken) as refused:
        await tokens.admit(token)
    assert "desk" in refused.value.detail
    assert "desk" not in refused.value.public, "whose it was, the log says"
    assert (await listed(world))["expires_at"] == NOW + 2 * 3600


async def test_l10_nothing_else_opens_it(world: World, tokens: AdminTokens) -> None:
    access_token = (await world.redeem(await world.code()))["access_token"]
    made = (await ask(world, "new", name="desk", scope="read"))["token"]
    with pytest.raises(NoToken):
        await tokens.admit("")
    for other in (access_token, digest(made), made[:-1], made + "A", made.upper(), PREFIX + "A" * 43, f"{made}\n"):
        with pytest.raises(InvalidToken):
            await tokens.admit(other)


async def test_when_it_was_used_is_noted_once_a_minute(world: World, tokens: AdminTokens) -> None:
    token = (await ask(world, "new", name="desk", scope="read"))["token"]
    assert "used_at" not in await listed(world)
    for seconds, noted in ((0, 0), (59, 0), (1, 60), (59, 60), (1, 120)):
        world.clock.now += seconds
        await tokens.admit(token)
        assert (await listed(world))["used_at"] == NOW + noted


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Desk"},
        {"name": "-desk"},
        {"name": "a desk"},
        {"name": "d" * 33},
        {"scope": "admin"},
        {"scope": ""},
        {"expires": "0d"},
        {"expires": "367d"},
        {"expires": "90"},
        {"expires": "9999999d"},
        {"why": ""},
    ],
    ids=str,
)
async def test_what_a_token_may_be_is_bounded(world: World, wrong: dict[str, str]) -> None:
    values = {"name": "desk", "scope": "read", "why": WHY, **wrong}
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        await world.operators.answer("admin.token.new", values, by="root")
    assert await ask(world, "list") == {"tokens": []}
