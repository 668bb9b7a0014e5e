"""What every durable store must do about upstreams' tokens that are kept for apps."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.core.authorize.consent import Said
from broker.core.people.history import Happened
from broker.store.accounts import Merged
from broker.store.base import Durable
from broker.store.people import Unlinked
from broker.store.upstream_tokens import KeptTokens
from tests.contract.people import NOW, USABLE, adopt, proof

FIRST = KeptTokens("p1", "x1", "first", "v1", NOW)
LATER = NOW + 1000


async def kept(durable: Durable, sub: str = "s1", provider_key: str = "p1", subject: str = "x1") -> str:
    """What is kept of this way in, "" where nothing is."""
    found = await durable.upstream_tokens.find(sub, provider_key, subject, now=NOW)
    return found.sealed if found else ""


class UpstreamTokenRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_what_is_kept_is_found_by_its_account_and_provider_alone(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await adopt(durable, "x2", sub="s2")
        assert await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        assert await durable.upstream_tokens.find("s1", "p1", "x1", now=NOW) == FIRST
        assert await durable.upstream_tokens.find("s1", "p1", "", now=NOW) == FIRST
        assert await durable.upstream_tokens.of_account("s1", now=NOW) == (FIRST,)
        assert (await kept(durable, "s2"), await kept(durable, provider_key="p2")) == ("", "")
        assert await durable.upstream_tokens.of_account("s2", now=NOW) == ()

    async def test_nothing_is_kept_of_a_way_in_that_is_not_this_living_accounts(self, durable: Durable) -> None:
        assert not await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        await adopt(durable, "x1", sub="s2")
        assert not await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        await durable.accounts.set_blocked("s2", True)
        assert not await durable.upstream_tokens.keep("s2", FIRST, expires_at=LATER)

    async def test_a_later_login_replaces_them_and_an_older_one_does_not(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        second = replace(FIRST, sealed="second", version="v2", kept_at=NOW + 1)
        assert await durable.upstream_tokens.keep("s1", second, expires_at=LATER)
        assert not await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        assert await kept(durable) == "second"
        third = replace(FIRST, sealed="third", version="v3", kept_at=NOW + 2)
        assert await durable.upstream_tokens.keep("s1", third, expires_at=LATER)
        assert await kept(durable) == "third"

    async def test_of_several_ways_in_the_one_that_is_meant_counts_else_the_last(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2", sub="s1")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        newer = KeptTokens("p1", "x2", "of x2", "v2", NOW + 1)
        await durable.upstream_tokens.keep("s1", newer, expires_at=LATER)
        assert (await kept(durable, subject="x1"), await kept(durable, subject="")) == ("first", "of x2")
        assert await durable.upstream_tokens.of_account("s1", now=NOW) == (FIRST, newer)

    async def test_of_fifty_who_would_renew_one_may_until_its_time_is_over(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        claims = [durable.upstream_tokens.claim(FIRST, now=NOW, until=NOW + 9.5) for _ in range(50)]
        assert sum(await asyncio.gather(*claims)) == 1
        assert not await durable.upstream_tokens.claim(FIRST, now=NOW + 9, until=NOW + 20)
        assert await durable.upstream_tokens.claim(FIRST, now=NOW + 9.5, until=NOW + 20)
        await durable.upstream_tokens.release(FIRST)
        assert await durable.upstream_tokens.claim(FIRST, now=NOW, until=NOW + 20)

    async def test_only_what_was_read_is_renewed_claimed_or_lost(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        await durable.upstream_tokens.claim(FIRST, now=NOW, until=LATER)
        assert await durable.upstream_tokens.renew(FIRST, "renewed", version="v2", expires_at=LATER)
        assert await kept(durable) == "renewed"
        assert not await durable.upstream_tokens.renew(FIRST, "stale", version="v3", expires_at=LATER)
        assert not await durable.upstream_tokens.claim(FIRST, now=NOW, until=LATER)
        assert not await durable.upstream_tokens.lose(FIRST)
        second = replace(FIRST, version="v2")
        assert await durable.upstream_tokens.claim(second, now=NOW, until=LATER), "whoever renewed them is through"
        assert await durable.upstream_tokens.lose(second)
        assert await kept(durable) == ""
        assert not await durable.upstream_tokens.renew(second, "again", version="v4", expires_at=LATER)

    async def test_d16_they_go_with_the_way_in(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2", sub="s1")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        done = await durable.people.unlink("s1", "p1", "x1", usable=USABLE, now=NOW, expires_at=LATER)
        assert isinstance(done, Unlinked)
        assert await kept(durable) == ""
        await adopt(durable, "x1", sub="s3")
        assert await kept(durable, "s3") == ""

    async def test_what_an_absorbed_account_had_is_gone_and_the_survivors_stays(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await adopt(durable, "x2", sub="s2")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        await durable.upstream_tokens.keep("s2", replace(FIRST, subject="x2", sealed="theirs"), expires_at=LATER)
        merged = await durable.accounts.merge(
            "s1", "s2", proof=proof("x2"), now=NOW, expires_at=LATER, seen_as={}, known=()
        )
        assert merged == Merged(again=False)
        assert await durable.upstream_tokens.of_account("s1", now=NOW) == (FIRST,)
        assert await kept(durable, "s1", subject="x2") == "first"

    async def test_they_go_when_their_person_asks_to_be_deleted(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        await durable.accounts.close("s1", closes_at=NOW + 9, now=NOW, expires_at=LATER)
        assert await kept(durable) == ""
        await durable.accounts.keep("s1", now=NOW)
        assert await kept(durable) == ""

    async def test_what_expired_is_not_found_and_is_swept_a_day_later(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=NOW + 9)
        assert await durable.upstream_tokens.find("s1", "p1", "x1", now=NOW + 8) == FIRST
        assert await durable.upstream_tokens.find("s1", "p1", "x1", now=NOW + 9) is None
        assert await durable.sweep(now=NOW + 9) == 0
        assert await durable.sweep(now=NOW + 10 + 86_400) == 1
        assert await durable.upstream_tokens.find("s1", "p1", "x1", now=NOW) is None

    async def test_what_a_person_withdraws_is_gone_with_their_yes_to_the_apps_and_stands_in_the_history(
        self, durable: Durable
    ) -> None:
        await adopt(durable, "x1", sub="s1")
        for client_id in ("app", "other"):
            await durable.consents.save_consent("s1", client_id, "p", Said(frozenset({"openid"})), NOW)
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        newest = replace(FIRST, version="another by now")
        clients = ["app"]
        assert await durable.upstream_tokens.withdraw("s1", newest, provider="google", clients=clients, now=NOW + 1)
        assert await kept(durable) == ""
        assert not (await durable.consents.consent("s1", "app", "p")).yes
        assert (await durable.consents.consent("s1", "other", "p")).yes
        (event,) = await durable.history.events("s1", limit=9)
        assert (event.what, event.provider, event.at) == (Happened.WITHDRAWN, "google", NOW + 1)
        assert not await durable.upstream_tokens.withdraw("s1", FIRST, provider="google", clients=[], now=NOW + 2)
        assert len(await durable.history.events("s1", limit=9)) == 1

    async def test_nobody_withdraws_what_is_anothers(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await adopt(durable, "x2", sub="s2")
        await durable.upstream_tokens.keep("s1", FIRST, expires_at=LATER)
        assert not await durable.upstream_tokens.withdraw("s2", FIRST, provider="google", clients=[], now=NOW)
        assert await kept(durable) == "first"
