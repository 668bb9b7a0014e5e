"""What every durable store must do with the life of accounts: merged, signed out, closed, deleted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from broker.core.authorize.consent import Said
from broker.core.people.history import AccountEvent, Happened
from broker.core.people.identity import Account, Person
from broker.core.records import HeldIdentity
from broker.store.accounts import KnownToMore, Merged, OperatorsWord, Unmergeable
from broker.store.base import Durable
from broker.store.grants import SessionOver
from broker.store.people import LastLink, Linked, NotLinked, Unlinked
from tests.contract.histories import sign_in
from tests.contract.linking import CALLERS, UNTIL, stop, subjects, unlink
from tests.contract.people import NOW, account, adopt, give, grant, is_over, link, of_login, proof, token, told

NOBODY = "0" * 26


async def merge(
    durable: Durable,
    survivor: str,
    absorbed: str,
    *,
    shown: HeldIdentity | None = None,
    now: int = NOW,
    **seen_as: str,
) -> Merged | KnownToMore | Unmergeable:
    """As a service does; unless a proof is `shown`, by the newest way into the account that goes."""
    ways = await subjects(durable, absorbed) or await subjects(durable, survivor) or ["of nobody"]
    return await durable.accounts.merge(
        survivor,
        absorbed,
        proof=shown or proof(ways[-1]),
        now=now,
        expires_at=UNTIL,
        known=await durable.accounts.known_to(absorbed),
        seen_as=seen_as,
    )


async def two_accounts(durable: Durable) -> None:
    """`s1` with the way x1 and `s2` with the way x2."""
    await adopt(durable, "x1", sub="s1")
    await adopt(durable, "x2", sub="s2")


async def resolved(durable: Durable, sub: str) -> str:
    """The `sub` that this one leads to today, "" for none."""
    found = await durable.accounts.resolve(sub)
    return found.sub if found is not None else ""


async def former(durable: Durable, sub: str) -> tuple[str, ...]:
    """The subs of what was merged into the account that goes by this one."""
    found = await durable.accounts.resolve(sub)
    return found.former if found is not None else ()


async def closed(durable: Durable, sub: str = "s1", *, after: int = 10) -> bool:
    """The person asks to be deleted."""
    return await durable.accounts.close(sub, closes_at=NOW + after, now=NOW, expires_at=UNTIL)


class MergeRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_d17_a_merged_account_is_the_other_one_by_every_name(self, durable: Durable) -> None:
        await two_accounts(durable)
        assert await merge(durable, "s1", "s2", now=NOW + 5, pairwise="s2") == Merged(again=False)
        moved = replace(link("x2"), linked_at=NOW + 5, home="s2")
        whole = replace(account("s1"), former=("s2",))
        assert await durable.people.person("p1", "x2") == Person(whole, moved)
        assert await durable.people.links("s1") == (link("x1"), moved)
        assert await durable.people.links("s2") == ()
        assert await durable.accounts.resolve("s2") == whole
        assert [await resolved(durable, sub) for sub in ("s1", "pairwise", NOBODY)] == ["s1", "s1", ""]

    async def test_a_grant_names_whom_its_account_took_in_for_as_long_as_it_has_them(self, durable: Durable) -> None:
        await two_accounts(durable)
        await adopt(durable, "x3", sub="s0")
        await give(durable, grant(1))
        for absorbed in ("s2", "s0"):
            await merge(durable, "s1", absorbed)
        live = await durable.grants.find("g1", now=NOW)
        assert live is not None
        assert live.person.account.former == ("s0", "s2")
        await unlink(durable, "x2")
        live = await durable.grants.find("g1", now=NOW)
        assert live is not None
        assert live.person.account.former == ("s0",)

    async def test_both_are_told_in_their_histories(self, durable: Durable) -> None:
        await two_accounts(durable)
        await merge(durable, "s1", "s2", now=NOW + 5)
        assert await durable.history.events("s1", limit=9) == (AccountEvent(Happened.MERGED, NOW + 5, other="s2"),)
        assert await durable.history.events("s2", limit=9) == (AccountEvent(Happened.ABSORBED, NOW + 5, other="s1"),)

    async def test_a_merge_copies_what_was_agreed_to(self, durable: Durable) -> None:
        await two_accounts(durable)
        await durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid"})), NOW)
        await durable.consents.save_consent("s2", "app", "p", Said(frozenset({"openid", "email"})), NOW + 1)
        await durable.consents.save_consent("s2", "shop", "q", Said(frozenset({"openid"})), NOW)
        await merge(durable, "s1", "s2")
        for sub in ("s1", "s2"):
            assert await durable.consents.consent(sub, "app", "p") == Said(frozenset({"openid", "email"}))
            assert await durable.consents.consent(sub, "shop", "q") == Said(frozenset({"openid"}))

    async def test_d17_by_an_operators_word_nothing_is_agreed_to_for_the_other(self, durable: Durable) -> None:
        await two_accounts(durable)
        await durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid", "email"})), NOW)
        await durable.consents.save_consent("s2", "app", "p", Said(frozenset({"openid"}), frozenset({"email"})), NOW)
        await durable.consents.save_consent("s2", "shop", "q", Said(frozenset({"openid"})), NOW)
        given = await give(durable, grant(2, sub="s2", subject="x2"))
        merge_them = partial(
            durable.accounts.merge,
            *("s1", "s2"),
            proof=OperatorsWord(),
            now=NOW + 5,
            expires_at=UNTIL,
            known={"app", "shop"},
            seen_as={"pairwise": "s2"},
        )
        assert await merge_them() == Merged(again=False)
        assert await merge_them() == Merged(again=True)
        assert await durable.consents.consent("s1", "shop", "q") == Said()
        last = Said(frozenset({"openid"}), frozenset({"email"}))
        assert await durable.consents.consent("s1", "app", "p") == last, "what was refused stays so"
        assert await durable.consents.consent("s2", "shop", "q") == Said(frozenset({"openid"})), "for the way back"
        assert await durable.grants.find(given.id, now=NOW + 6) is None
        assert await resolved(durable, "pairwise") == "s1"
        assert await unlink(durable, "x2") == Unlinked("s2")
        assert await resolved(durable, "s2") == "s2"

    async def test_by_an_operators_word_nobody_blocked_closing_or_gone_is_joined(self, durable: Durable) -> None:
        for number, sub in enumerate(("s1", "blocked", "closing", "part")):
            await adopt(durable, f"x{number}", sub=sub)
        await durable.accounts.set_blocked("blocked", True)
        await closed(durable, "closing")
        await adopt(durable, "x9", sub="whole")
        await merge(durable, "whole", "part")
        for other in ("blocked", "closing", "part", NOBODY, "s1"):
            for pair in {("s1", other), (other, "s1")}:
                done = await durable.accounts.merge(
                    *pair, proof=OperatorsWord(), now=NOW, expires_at=UNTIL, known=set(), seen_as={}
                )
                assert isinstance(done, Unmergeable), pair

    @pytest.mark.parametrize(("said_no", "gives"), [(NOW + 1, False), (NOW - 1, True)], ids=["after", "before"])
    @pytest.mark.parametrize("refuser", ["s1", "s2"])
    async def test_of_two_answers_to_two_promises_the_last_one_stands(
        self, durable: Durable, refuser: str, said_no: int, gives: bool
    ) -> None:
        await two_accounts(durable)
        agreed = {"s1": "s2", "s2": "s1"}[refuser]
        without = Said(frozenset({"openid"}), frozenset({"email"}))
        await durable.consents.save_consent(refuser, "app", "p", without, said_no)
        await durable.consents.save_consent(agreed, "app", "q", Said(frozenset({"openid", "email"})), NOW)
        await merge(durable, "s1", "s2")
        told = await durable.consents.consent("s1", "app", "q")
        assert ("email" in told.yes) is gives
        assert "openid" in told.yes

    @pytest.mark.parametrize("again", ["s1", "s2"])
    async def test_a_no_that_is_said_again_is_the_last_answer(self, durable: Durable, again: str) -> None:
        await two_accounts(durable)
        both, without = Said(frozenset({"openid", "email"})), Said(frozenset({"openid"}), frozenset({"email"}))
        await durable.consents.save_consent("s1", "app", "p", without, NOW)
        await durable.consents.save_consent("s2" if again == "s1" else "s1", "app", "q", both, NOW + 1)
        await durable.consents.save_consent(again, "app", "p", without, NOW + 2)
        await merge(durable, "s1", "s2")
        assert (await durable.consents.consent("s1", "app", "q")).yes == {"openid"}

    async def test_what_one_of_two_merged_accounts_refused_is_refused(self, durable: Durable) -> None:
        await two_accounts(durable)
        without = Said(frozenset({"openid"}), frozenset({"email"}))
        await durable.consents.save_consent("s1", "app", "p", without, NOW)
        await durable.consents.save_consent("s2", "app", "p", Said(frozenset({"openid", "email"})), NOW)
        await merge(durable, "s1", "s2")
        (access,) = await durable.consents.accesses("s1", now=NOW)
        assert access.scope == {"openid"}

    async def test_a_merge_ends_sessions_and_grants_of_the_absorbed_account_and_apps_hear_of_it(
        self, durable: Durable
    ) -> None:
        await two_accounts(durable)
        stays = await give(durable, of_login(grant(1), sid="stays"), hears="survivor")
        gone = await give(durable, of_login(grant(2, sub="s2", subject="x2"), sid="gone"), hears="absorbed")
        silent = gone.login.replace(sid="silent", began_at=NOW)
        await durable.sessions.keep_login("gone", "sealed", asked_at=NOW, expires_at=UNTIL)
        await merge(durable, "s1", "s2")
        assert await durable.grants.find("g1", now=NOW) is not None
        assert await durable.grants.find("g2", now=NOW) is None
        assert await durable.grants.rotate("t-g2", token("next"), now=NOW, grace=10) is None
        assert [await is_over(durable, one) for one in (stays.login, gone.login, silent)] == [False, True, True]
        assert await told(durable) == [("app", "gone", "absorbed")]
        assert await durable.sessions.claim_login("gone", now=NOW + 60, every=1) is None
        assert await durable.grants.redeem("late", gone.replace(login=silent), None, now=NOW) == SessionOver()

    async def test_apps_hear_of_a_merge_when_their_grants_are_over_already(self, durable: Durable) -> None:
        await two_accounts(durable)
        short = of_login(grant(1, sub="s2", subject="x2", expires_at=NOW + 1), sid="long")
        await give(durable, short, hears="absorbed")
        await merge(durable, "s1", "s2", now=NOW + 2)
        assert await told(durable) == [("app", "long", "absorbed")]

    async def test_a_merged_account_is_never_switched_on_or_off(self, durable: Durable) -> None:
        await two_accounts(durable)
        await merge(durable, "s1", "s2")
        assert not await durable.accounts.set_blocked("s2", True)
        assert not await closed(durable, "s2")
        assert not await durable.accounts.keep("s2", now=NOW)
        assert await resolved(durable, "s2") == "s1"

    async def test_merging_again_changes_nothing(self, durable: Durable) -> None:
        await two_accounts(durable)
        await merge(durable, "s1", "s2")
        assert await merge(durable, "s1", "s2", now=NOW + 5) == Merged(again=True)
        assert len(await durable.history.events("s1", limit=9)) == 1

    @pytest.mark.parametrize("how", ["blocked", "closing", "merged", "deleted"])
    async def test_what_does_not_live_is_not_merged(self, durable: Durable, how: str) -> None:
        await two_accounts(durable)
        await stop(durable, how)
        for survivor, absorbed in (("s1", "s2"), ("s2", "s1")):
            assert isinstance(await merge(durable, survivor, absorbed), Unmergeable)
        assert await subjects(durable, "s2") == ["x2"]
        assert not await former(durable, "s2")

    async def test_nobody_is_merged_with_themselves_or_with_nobody(self, durable: Durable) -> None:
        await two_accounts(durable)
        for survivor, absorbed in (("s1", "s1"), ("s1", NOBODY), (NOBODY, "s1")):
            assert isinstance(await merge(durable, survivor, absorbed), Unmergeable)
        assert await subjects(durable) == ["x1"]

    @pytest.mark.parametrize("went", ["nowhere", "to the survivor", "to a third", "and came back"])
    async def test_d6_a_proof_falls_with_its_way_in_wherever_that_went(self, durable: Durable, went: str) -> None:
        await two_accounts(durable)
        await durable.people.link("s2", link("spare"), began_at=NOW + 1, now=NOW)
        await adopt(durable, "x3", sub="s3")
        assert await durable.accounts.is_proved("s1", "s2", proof("x2"))
        await unlink(durable, "x2", "s2")
        if new := {"to the survivor": "s1", "to a third": "s3", "and came back": "s2"}.get(went):
            assert await durable.people.link(new, link("x2"), began_at=NOW + 3, now=NOW + 2) == Linked(again=False)
        assert not await durable.accounts.is_proved("s1", "s2", proof("x2"))
        assert isinstance(await merge(durable, "s1", "s2", shown=proof("x2")), Unmergeable)
        assert "spare" in await subjects(durable, "s2")
        fresh = proof("x2", began_at=NOW + 2)
        assert await durable.accounts.is_proved("s1", "s2", fresh) == (went == "and came back")

    async def test_d6_a_proof_falls_when_its_person_signs_out_everywhere(self, durable: Durable) -> None:
        await two_accounts(durable)
        await durable.accounts.sign_out("s2", now=NOW + 1, expires_at=UNTIL)
        assert isinstance(await merge(durable, "s1", "s2", shown=proof("x2")), Unmergeable)
        fresh = proof("x2", began_at=NOW + 2)
        assert await merge(durable, "s1", "s2", shown=fresh, now=NOW + 2) == Merged(again=False)

    async def test_d6_a_proof_joins_nothing_again_once_the_joining_is_undone(self, durable: Durable) -> None:
        await two_accounts(durable)
        before = proof("x2", began_at=NOW)
        await merge(durable, "s1", "s2", shown=before)
        assert await durable.accounts.is_proved("s1", "s2", before)
        assert await unlink(durable, "x2") == Unlinked(home="s2")
        assert isinstance(await merge(durable, "s1", "s2", shown=before), Unmergeable)

    @pytest.mark.parametrize("shown", [proof("x1"), proof("x3"), proof("X2"), proof("x2", provider_key="p2")])
    async def test_d5_no_other_way_in_proves_an_account(self, durable: Durable, shown: HeldIdentity) -> None:
        await two_accounts(durable)
        await adopt(durable, "x3", sub="s3")
        assert isinstance(await merge(durable, "s1", "s2", shown=shown), Unmergeable)
        assert await resolved(durable, "s2") == "s2"

    async def test_d6_a_way_in_that_goes_while_accounts_are_joined_joins_none_afterwards(
        self, durable: Durable
    ) -> None:
        for turn in range(20):
            one, two = f"a{turn}", f"b{turn}"
            await adopt(durable, f"of-{one}", sub=one)
            await adopt(durable, f"of-{two}", f"spare-{two}", sub=two)
            joining = merge(durable, one, two, shown=proof(f"of-{two}"))
            leaving = unlink(durable, f"of-{two}", two)
            pair = (leaving, joining) if turn % 2 else (joining, leaving)
            outcomes = await asyncio.gather(*pair)
            assert outcomes.count(Unlinked(home="")) + outcomes.count(Merged(again=False)) == 1

    async def test_there_are_no_chains_of_names(self, durable: Durable) -> None:
        await two_accounts(durable)
        await adopt(durable, "x3", sub="s3")
        await merge(durable, "s2", "s3", of_third="s3")
        await merge(durable, "s1", "s2", of_second="s2")
        assert await former(durable, "s1") == ("s2", "s3")
        assert {await resolved(durable, name) for name in ("s2", "s3", "of_second", "of_third")} == {"s1"}
        assert [one.home for one in await durable.people.links("s1")] == ["", "s2", "s3"]

    @pytest.mark.parametrize("by", ["consent", "grant", "session", "sign-in"])
    async def test_d17_an_account_that_an_app_just_got_to_know_does_not_go_without_a_name_there(
        self, durable: Durable, by: str
    ) -> None:
        await two_accounts(durable)
        if by == "consent":
            await durable.consents.save_consent("s2", "late", "p", Said(frozenset({"openid"})), NOW)
        elif by == "sign-in":
            await durable.history.signed_in(replace(sign_in("one", sub="s2"), client_id="late"), expires_at=UNTIL)
        else:
            given = of_login(grant(1, sub="s2", subject="x2"), sid="one").replace(client_id="late")
            await give(durable, given, hears="s2 at late" if by == "session" else "")
        shown: Any = {"proof": proof("x2"), "now": NOW, "expires_at": UNTIL, "seen_as": {"pairwise": "s2"}}
        outcome = await durable.accounts.merge("s1", "s2", known={"app"}, **shown)
        assert isinstance(outcome, KnownToMore)
        assert await resolved(durable, "s2") == "s2"
        assert await resolved(durable, "pairwise") == ""
        assert await subjects(durable, "s2") == ["x2"]
        assert await durable.accounts.merge("s1", "s2", known={"app", "late"}, **shown) == Merged(again=False)
        assert await durable.accounts.merge("s1", "s2", known=(), **shown) == Merged(again=True)

    async def test_k7_fifty_merges_at_once_come_to_one(self, durable: Durable) -> None:
        await two_accounts(durable)
        outcomes = await asyncio.gather(*(merge(durable, "s1", "s2") for _ in range(CALLERS)))
        assert outcomes.count(Merged(again=False)) == 1
        assert outcomes.count(Merged(again=True)) == CALLERS - 1
        assert len(await durable.history.events("s1", limit=9)) == 1

    async def test_two_accounts_that_absorb_each_other_at_once_are_one(self, durable: Durable) -> None:
        for turn in range(10):
            one, two = f"a{turn}", f"b{turn}"
            await adopt(durable, f"of-{one}", sub=one)
            await adopt(durable, f"of-{two}", sub=two)
            pairs = [(one, two) if n % 2 else (two, one) for n in range(CALLERS)]
            outcomes = await asyncio.gather(*(merge(durable, *pair) for pair in pairs))
            assert outcomes.count(Merged(again=False)) == 1
            assert sum(isinstance(outcome, Unmergeable) for outcome in outcomes) == CALLERS // 2
            names = {await resolved(durable, one), await resolved(durable, two)}
            assert len(names) == 1
            assert len(await subjects(durable, names.pop())) == 2

    async def test_the_apps_that_know_an_account_are_known(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        assert await durable.accounts.known_to("s1") == ()
        await durable.consents.save_consent("s1", "agreed", "p", Said(frozenset({"openid"})), NOW)
        await give(durable, grant(1).replace(client_id="granted"))
        await give(durable, of_login(grant(2, expires_at=NOW + 1), sid="a").replace(client_id="hears"), hears="s1")
        await durable.history.signed_in(sign_in("b", client_id="seen"), expires_at=UNTIL)
        await durable.history.signed_in(sign_in("c", client_id=""), expires_at=UNTIL)
        await durable.sweep(now=NOW + 1 + 86_399)
        assert await durable.accounts.known_to("s1") == ("agreed", "granted", "hears", "seen")

    # --- undone by unlinking ---

    async def test_an_unlinked_way_goes_home_and_revives_its_account_as_it_was(self, durable: Durable) -> None:
        await two_accounts(durable)
        await durable.consents.save_consent("s2", "app", "p", Said(frozenset({"openid"})), NOW)
        await merge(durable, "s1", "s2", pairwise="s2")
        assert await unlink(durable, "x2") == Unlinked(home="s2")
        back = replace(link("x2"), linked_at=NOW + 1)
        assert await durable.people.person("p1", "x2") == Person(account("s2"), back)
        assert [await resolved(durable, sub) for sub in ("s1", "s2", "pairwise")] == ["s1", "s2", "s2"]
        assert await former(durable, "s1") == ()
        assert await durable.consents.consent("s2", "app", "p") == Said(frozenset({"openid"}))
        assert await durable.people.link("s2", link("x3"), began_at=NOW + 1, now=NOW) == Linked(again=False)

    async def test_what_was_taken_back_while_two_accounts_were_one_stays_so(self, durable: Durable) -> None:
        await two_accounts(durable)
        both = Said(frozenset({"openid", "email"}))
        for client_id in ("app", "other"):
            await durable.consents.save_consent("s2", client_id, "p", both, NOW)
        await merge(durable, "s1", "s2")
        assert await durable.consents.take_back("s1", "app", now=NOW, expires_at=UNTIL)
        await unlink(durable, "x2")
        assert await durable.consents.consent("s2", "app", "p") == Said()
        assert await durable.consents.consent("s2", "other", "p") == both

    async def test_what_was_refused_while_two_accounts_were_one_is_asked_anew(self, durable: Durable) -> None:
        await two_accounts(durable)
        both = Said(frozenset({"openid", "email"}))
        for promise in ("p", "q"):
            await durable.consents.save_consent("s2", "app", promise, both, NOW)
        await durable.consents.save_consent("s2", "other", "p", both, NOW)
        await merge(durable, "s1", "s2")
        await durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid"}), frozenset({"email"})), NOW)
        await unlink(durable, "x2")
        for promise in ("p", "q"):
            assert await durable.consents.consent("s2", "app", promise) == Said(frozenset({"openid"})), promise
        assert await durable.consents.consent("s2", "other", "p") == both

    async def test_both_histories_tell_of_it(self, durable: Durable) -> None:
        await two_accounts(durable)
        await merge(durable, "s1", "s2")
        await unlink(durable, "x2")
        unlinked = AccountEvent(Happened.UNLINKED, NOW + 1, provider="google", other="s2")
        revived = AccountEvent(Happened.REVIVED, NOW + 1, provider="google", other="s1")
        assert (await durable.history.events("s1", limit=1), await durable.history.events("s2", limit=1)) == (
            (unlinked,),
            (revived,),
        )

    async def test_sessions_of_before_a_merge_stay_over_when_it_is_undone(self, durable: Durable) -> None:
        await two_accounts(durable)
        before = grant(1, sub="s2", subject="x2").login.replace(began_at=NOW)
        merged = before.replace(sub="s1", sid="merged")
        await merge(durable, "s1", "s2")
        await unlink(durable, "x2")
        after = before.replace(sid="after", began_at=NOW + 1)
        assert [await is_over(durable, one) for one in (before, merged, after)] == [True, True, False]

    async def test_the_way_that_was_the_first_of_the_survivor_may_go_when_another_stays(self, durable: Durable) -> None:
        await two_accounts(durable)
        await merge(durable, "s1", "s2")
        assert await unlink(durable, "x1") == Unlinked(home="")
        assert isinstance(await unlink(durable, "x2"), LastLink)
        assert await subjects(durable) == ["x2"]

    async def test_a_link_that_comes_home_has_no_other(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await adopt(durable, "x2", "x3", sub="s2")
        await merge(durable, "s1", "s2")
        assert await unlink(durable, "x3") == Unlinked(home="s2")
        await merge(durable, "s2", "s1", now=NOW + 2)
        homes = {one.subject: one.home for one in await durable.people.links("s2")}
        assert homes == {"x1": "s1", "x2": "", "x3": ""}

    async def test_of_a_chain_of_merges_each_way_goes_to_its_own_home(self, durable: Durable) -> None:
        await two_accounts(durable)
        await adopt(durable, "x3", sub="s3")
        await merge(durable, "s2", "s3")
        await merge(durable, "s1", "s2")
        assert await unlink(durable, "x3") == Unlinked(home="s3")
        assert [await resolved(durable, sub) for sub in ("s2", "s3")] == ["s1", "s3"]
        assert await unlink(durable, "x2") == Unlinked(home="s2")
        assert await subjects(durable, "s2") == ["x2"]

    async def test_a_way_whose_home_was_deleted_is_free(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await adopt(durable, "x2", "x3", sub="s2")
        await merge(durable, "s1", "s2")
        await unlink(durable, "x3")
        assert await closed(durable, "s2")
        assert await durable.accounts.delete_due(now=NOW + 10) == ("s2",)
        assert await unlink(durable, "x2") == Unlinked(home="")
        assert await durable.people.person("p1", "x2") is None
        assert await resolved(durable, "s2") == ""

    async def test_d17_a_way_whose_home_is_part_of_a_third_account_is_free_and_tears_nothing_out_of_it(
        self, durable: Durable
    ) -> None:
        await adopt(durable, "x1", sub="s1")
        await adopt(durable, "x2", "x3", sub="s2")
        await adopt(durable, "x4", sub="s4")
        await merge(durable, "s1", "s2")
        assert await unlink(durable, "x2") == Unlinked(home="s2")
        await merge(durable, "s4", "s2")
        await durable.accounts.set_blocked("s4", True)
        assert await unlink(durable, "x3") == Unlinked(home="")
        assert await durable.people.person("p1", "x3") is None
        assert (await resolved(durable, "s2"), await former(durable, "s4")) == ("s4", ("s2",))
        assert (await subjects(durable, "s2"), await subjects(durable, "s4")) == ([], ["x2", "x4"])

    async def test_a_way_goes_home_to_an_account_that_stands_on_its_own_already(self, durable: Durable) -> None:
        await adopt(durable, "x1", sub="s1")
        await adopt(durable, "x2", "x3", sub="s2")
        await merge(durable, "s1", "s2")
        for subject in ("x2", "x3"):
            assert await unlink(durable, subject) == Unlinked(home="s2")
        assert await subjects(durable, "s2") == ["x2", "x3"]

    async def test_merging_and_unlinking_at_once_leaves_every_way_with_one_living_account(
        self, durable: Durable
    ) -> None:
        for turn in range(20):
            one, two = f"a{turn}", f"b{turn}"
            await adopt(durable, f"{one}1", f"{one}2", sub=one)
            await adopt(durable, f"{two}1", f"{two}2", sub=two)
            await asyncio.gather(
                merge(durable, one, two),
                unlink(durable, f"{two}1", two),
                unlink(durable, f"{two}1", one),
                merge(durable, two, one),
                durable.people.link(two, link(f"{one}3"), began_at=NOW + 1, now=NOW),
            )
            for subject in (f"{one}1", f"{one}2", f"{two}2"):
                person = await durable.people.person("p1", subject)
                assert person is not None
                assert await resolved(durable, person.account.sub) == person.account.sub


class LifeRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_signing_out_everywhere_ends_every_session(self, durable: Durable) -> None:
        await two_accounts(durable)
        known = await give(durable, of_login(grant(1).replace(offline=False), sid="known"), hears="s1")
        outlives = await give(durable, of_login(grant(2), sid="outlived"))
        others = await give(durable, of_login(grant(3, sub="s2", subject="x2"), sid="others"))
        await durable.history.signed_in(sign_in("seen"), expires_at=UNTIL)
        silent = known.login.replace(sid="silent", began_at=NOW)
        assert await durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL) == 3
        ended = [known.login, outlives.login, silent, known.login.replace(sid="seen")]
        assert [await is_over(durable, one) for one in ended] == [True] * 4
        assert not await is_over(durable, others.login)
        assert [await durable.grants.find(f"g{n}", now=NOW) is not None for n in (1, 2, 3)] == [False, True, True]
        assert await told(durable) == [("app", "known", "s1")]
        assert not await is_over(durable, silent.replace(began_at=NOW + 1))
        assert await durable.history.events("s1", limit=9) == (AccountEvent(Happened.SIGNED_OUT, NOW),)

    async def test_one_session_may_stay(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        here = await give(durable, of_login(grant(1).replace(offline=False), sid="here"))
        there = here.login.replace(sid="there")
        await durable.history.signed_in(sign_in("there"), expires_at=UNTIL)
        assert await durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL, keep=here.login) == 1
        assert [await is_over(durable, one) for one in (here.login, there)] == [False, True]
        assert await durable.grants.find("g1", now=NOW) is not None
        assert await durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL, keep=there) == 1
        assert [await is_over(durable, one) for one in (here.login, there)] == [True, True]

    async def test_no_session_that_was_over_is_brought_back_by_being_kept(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        silent = grant().login.replace(sid="silent", began_at=NOW)
        for keep in (None, silent):
            assert await durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL, keep=keep) == 0
            assert await is_over(durable, silent)
        assert await durable.history.events("s1", limit=9) == (), "nothing was seen to end"

    async def test_nobody_signs_out_of_an_account_that_is_not_there(self, durable: Durable) -> None:
        assert await durable.accounts.sign_out(NOBODY, now=NOW, expires_at=UNTIL) == 0

    async def test_a_code_of_before_gives_nothing_when_all_sessions_ended(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL)
        assert await durable.grants.redeem("c1", grant(), None, now=NOW) == SessionOver()

    async def test_a_closing_account_is_ended_at_once_and_known_until_its_time(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        given = await give(durable, grant(), hears="s1")
        assert await closed(durable)
        assert await durable.people.person("p1", "x1") == Person(replace(account(), closes_at=NOW + 10), link())
        assert await durable.accounts.resolve("s1") == Account("s1", NOW, closes_at=NOW + 10)
        assert await durable.grants.find("g1", now=NOW) is None
        assert await is_over(durable, given.login)
        assert await told(durable) == [("app", "sid", "s1")]
        assert not await closed(durable, after=15)
        assert await durable.accounts.delete_due(now=NOW + 9) == ()
        assert await durable.history.events("s1", limit=9) == (AccountEvent(Happened.CLOSING, NOW),)

    async def test_a_closing_account_may_be_kept_and_is_as_before_but_for_what_ended(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        given = await give(durable, grant())
        await closed(durable)
        assert await durable.accounts.keep("s1", now=NOW + 5)
        assert not await durable.accounts.keep("s1", now=NOW + 5)
        assert await durable.people.person("p1", "x1") == Person(account(), link())
        assert await durable.accounts.delete_due(now=NOW + 10) == ()
        assert await durable.grants.find("g1", now=NOW) is None
        assert await is_over(durable, given.login)
        assert (await durable.history.events("s1", limit=1))[0] == AccountEvent(Happened.KEPT, NOW + 5)

    async def test_d17_a_deleted_account_leaves_its_sub_and_nothing_else(self, durable: Durable) -> None:
        await two_accounts(durable)
        given = await give(durable, grant())
        await durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid"})), NOW)
        await durable.history.signed_in(sign_in("seen"), expires_at=UNTIL)
        await merge(durable, "s1", "s2", pairwise="s2")
        await closed(durable)
        assert await durable.accounts.delete_due(now=NOW + 10) == ("s1",)
        assert [await resolved(durable, sub) for sub in ("s1", "s2", "pairwise")] == ["", "", ""]
        assert [await subjects(durable, sub) for sub in ("s1", "s2")] == [[], []]
        assert await durable.consents.consent("s1", "app", "p") == Said()
        assert await durable.history.events("s1", limit=9) == await durable.history.events("s2", limit=9) == ()
        assert await durable.history.sign_ins("s1", limit=9) == ()
        assert await durable.grants.spent("c-g1") is None
        assert await is_over(durable, given.login, now=UNTIL + 1), "what ended never comes back"
        for sub in ("s1", "s2"):
            with pytest.raises(Exception, match="UNIQUE"):
                await durable.people.adopt(account(sub), link("fresh"))
        assert (await durable.people.adopt(account("s3"), link("x2"))).account.sub == "s3"

    async def test_d11_a_blocked_account_is_not_deleted_and_blocks_whoever_comes_by_its_ways(
        self, durable: Durable
    ) -> None:
        await two_accounts(durable)
        for sub in ("s1", "s2"):
            await closed(durable, sub)
        await durable.accounts.set_blocked("s1", True)
        assert await durable.accounts.delete_due(now=NOW + 10) == ("s2",)
        known = await durable.people.adopt(account("s3"), link("x1"))
        assert (known.account.sub, known.account.blocked, known.account.closes_at) == ("s1", True, NOW + 10)
        await durable.accounts.set_blocked("s1", False)
        assert await durable.accounts.delete_due(now=NOW + 10) == ("s1",)

    async def test_a_deleted_account_stays_so(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await closed(durable)
        await durable.accounts.delete_due(now=NOW + 10)
        assert await durable.accounts.delete_due(now=NOW + 10) == ()
        assert not await durable.accounts.keep("s1", now=NOW)
        assert not await closed(durable)
        assert not await durable.accounts.set_blocked("s1", False)
        assert await durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL) == 0
        assert isinstance(await durable.people.link("s1", link("x1"), began_at=NOW + 1, now=NOW), NotLinked)

    async def test_accounts_are_deleted_a_few_at_a_time_the_longest_due_first(self, durable: Durable) -> None:
        for number in range(5):
            await adopt(durable, f"x{number}", sub=f"s{number}")
            await closed(durable, f"s{number}", after=10 - number)
        assert await durable.accounts.delete_due(now=NOW + 9, limit=3) == ("s4", "s3", "s2")
        assert await durable.accounts.delete_due(now=NOW + 9, limit=3) == ("s1",)

    async def test_d19_what_is_known_of_a_provider_made_anew_is_nothing(self, durable: Durable) -> None:
        old = await durable.people.namespace_key("vk", "vk:1")
        await durable.people.adopt(account(), link("x1", old))
        assert await durable.people.namespace_key("vkontakte", "vk:1") == old
        new = await durable.people.namespace_key("fresh", "vk:2")
        assert await durable.people.person(new, "x1") is None
