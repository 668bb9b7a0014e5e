"""What every durable store must do with claims that operators set; see `tests.contract.accounts`."""

from __future__ import annotations

import pytest

from broker.core.people.extra_claims import COUNT_LIMIT
from broker.store.base import Durable
from broker.store.extra_claims import StaticClaim
from tests.contract.people import NOW, adopt, give, grant, proof
from tests.contract.store import at_once

UNTIL = NOW + 86_400
GROUPS = StaticClaim("groups", ["staff"], NOW)


class ExtraClaimRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_what_is_set_comes_with_the_person_until_it_is_removed(self, durable: Durable) -> None:
        await adopt(durable, "x1", "x2")
        await give(durable, grant())
        level, later = StaticClaim("level", 3, NOW), StaticClaim("groups", ["admins"], NOW + 5)
        for claim in (GROUPS, level, later):
            assert await durable.extra_claims.put("s1", claim)
        assert await durable.extra_claims.of_account("s1") == (later, level)
        told = {"groups": ["admins"], "level": 3}
        for subject in ("x1", "x2"):
            person = await durable.people.person("p1", subject)
            assert person is not None
            assert person.account.claims == told
        live, resolved = await durable.grants.find("g1", now=NOW), await durable.accounts.resolve("s1")
        assert live is not None
        assert resolved is not None
        assert live.person.account.claims == resolved.claims == told
        assert await durable.extra_claims.remove("s1", "groups")
        assert not await durable.extra_claims.remove("s1", "groups")
        assert await durable.extra_claims.of_account("s1") == (level,)

    async def test_nothing_is_set_of_who_is_not_there_or_beyond_what_one_may_have(self, durable: Durable) -> None:
        assert not await durable.extra_claims.put("s1", GROUPS)
        await adopt(durable, "x1")
        for number in range(COUNT_LIMIT):
            assert await durable.extra_claims.put("s1", StaticClaim(f"c{number}", number, NOW))
        with pytest.raises(ValueError, match=str(COUNT_LIMIT)):
            await durable.extra_claims.put("s1", GROUPS)
        assert await durable.extra_claims.put("s1", StaticClaim("c0", 7, NOW)), "one of that name makes room"
        assert len(await durable.extra_claims.of_account("s1")) == COUNT_LIMIT

    async def test_of_fifty_who_set_at_once_no_more_than_the_bound_stays(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        names = iter(range(50))

        async def put() -> bool:
            try:
                return await durable.extra_claims.put("s1", StaticClaim(f"c{next(names)}", 1, NOW))
            except ValueError:
                return False

        assert sum(await at_once(50, put)) == COUNT_LIMIT
        assert len(await durable.extra_claims.of_account("s1")) == COUNT_LIMIT

    async def test_what_was_set_of_an_account_that_is_taken_in_rests_and_goes_with_it(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await adopt(durable, "x2", sub="s2")
        await durable.extra_claims.put("s2", GROUPS)
        await durable.accounts.merge("s1", "s2", proof=proof("x2"), now=NOW, expires_at=UNTIL, known=(), seen_as={})
        person = await durable.people.person("p1", "x2")
        assert person is not None
        assert (person.account.sub, person.account.claims) == ("s1", {})
        assert not await durable.extra_claims.put("s2", GROUPS)
        await durable.people.unlink("s1", "p1", "x2", usable={"p1"}, now=NOW, expires_at=UNTIL)
        person = await durable.people.person("p1", "x2")
        assert person is not None
        assert (person.account.sub, person.account.claims) == ("s2", {"groups": ["staff"]})

    async def test_a_deleted_account_has_nothing_set(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.extra_claims.put("s1", GROUPS)
        await durable.accounts.close("s1", closes_at=NOW, now=NOW, expires_at=UNTIL)
        assert await durable.accounts.delete_due(now=NOW) == ("s1",)
        assert await durable.extra_claims.of_account("s1") == ()
        assert not await durable.extra_claims.put("s1", GROUPS)
