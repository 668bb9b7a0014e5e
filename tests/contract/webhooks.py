"""What every durable store must do for webhooks: an event is queued in the transaction of what it tells of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.deliveries import Delivery, to_webhook
from broker.core.people.identity import Account
from broker.core.terms import Algorithm
from broker.core.webhooks import News, Subscriptions, Told, Webhook
from broker.store.accounts import Decision, Merged
from broker.store.base import Durable
from tests.contract.histories import sign_in
from tests.contract.people import EVERY_APP, NOW, USABLE, account, adopt, grant, link, of_login, proof

UNTIL = NOW + 86_400
AT = NOW + 5
CRM = Webhook("crm", "https://crm.test/", frozenset(Told), "crm", Algorithm.ES256, keep_trying=900)
EVERYTHING = Subscriptions([CRM])


async def queued(durable: Durable, now: int = AT + 9) -> list[Delivery]:
    """All that is on its way to webhooks; nobody else gets it afterwards."""
    due = await durable.deliveries.claim(now=now, until=2**40, limit=100, share=100, under_way={})
    return [one for one in due if one.news is not None]


async def heard(durable: Durable) -> list[tuple[str, str, str, str]]:
    """Whom it is about, what happened, of whom else it speaks, and which session ended."""
    return sorted((one.sub, one.news.what, one.news.other, one.sid) for one in await queued(durable) if one.news)


async def signed_in(durable: Durable, sid: str, *, sub: str = "s1", granted: bool = False) -> None:
    """A session of somebody, with a grant of it or without."""
    await durable.history.signed_in(replace(sign_in(sid, sub=sub), sub=sub), expires_at=UNTIL)
    if granted:
        given = of_login(grant(sub=sub), sid=sid).replace(id=f"of-{sid}", offline=False)
        await durable.grants.redeem(f"c-{sid}", given, None, now=NOW)


class WebhookRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_g22_nobody_is_told_of_anything_they_did_not_ask_for(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        some = replace(CRM, name="some", events=frozenset({Told.ACCOUNT_BLOCKED}))
        durable.subscribe(Subscriptions([some]))
        await durable.people.link("s1", link("x2"), began_at=NOW, now=AT)
        await durable.accounts.set_blocked("s1", True, decision=Decision("why", AT, UNTIL))
        (only,) = await queued(durable)
        assert (only.receiver, only.news) == (to_webhook("some"), News(Told.ACCOUNT_BLOCKED))
        assert (only.created_at, only.attempts, only.expires_at) == (AT, 1, AT + 900)
        assert (await durable.deliveries.waiting()) == (0, 1)

    async def test_each_webhook_has_a_delivery_of_its_own_with_an_id_that_tells_nothing(self, durable: Durable) -> None:
        durable.subscribe(Subscriptions([CRM, replace(CRM, name="audit", keep_trying=5)]))
        await adopt(durable, "x1")
        one, other = await queued(durable)
        assert {one.receiver, other.receiver} == {"webhook:crm", "webhook:audit"}
        assert {one.expires_at - one.created_at, other.expires_at - other.created_at} == {900, 5}
        assert one.id != other.id

    async def test_who_comes_for_the_first_time_is_told_once(self, durable: Durable) -> None:
        durable.subscribe(EVERYTHING)
        await durable.people.adopt(account(), link())
        await durable.people.adopt(Account("other", NOW), link())
        assert await heard(durable) == [("s1", "account.created", "", "")]

    async def test_ways_in_that_come_and_go_are_told(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        durable.subscribe(EVERYTHING)
        for _ in range(2):
            await durable.people.link("s1", link("x2"), began_at=NOW, now=AT)
        (added,) = await queued(durable)
        assert (added.sub, added.news) == ("s1", News(Told.ACCOUNT_LINKED, "google"))
        await durable.people.unlink("s1", "p1", "x2", usable=USABLE, now=AT, expires_at=UNTIL)
        await durable.people.unlink("s1", "p1", "x1", usable=USABLE, now=AT, expires_at=UNTIL)
        assert await heard(durable) == [("s1", "account.unlinked", "", "")], "the last one stays"

    async def test_a_merge_is_told_of_the_one_that_goes_and_a_way_home_of_both(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await adopt(durable, "x2", sub="s2")
        durable.subscribe(EVERYTHING)
        for again in (False, True):
            done = await durable.accounts.merge(
                "s1", "s2", proof=proof("x2"), now=AT, expires_at=UNTIL, known=EVERY_APP, seen_as={}
            )
            assert done == Merged(again=again)
        assert await heard(durable) == [("s2", "account.merged", "s1", "")]
        await durable.people.unlink("s1", "p1", "x2", usable=USABLE, now=AT, expires_at=UNTIL)
        assert await heard(durable) == [("s1", "account.unlinked", "s2", ""), ("s2", "account.revived", "s1", "")]

    async def test_d11_blocked_and_unblocked_are_told(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        durable.subscribe(EVERYTHING)
        for blocked, what in ((True, "account.blocked"), (False, "account.unblocked")):
            await durable.accounts.set_blocked("s1", blocked, decision=Decision("why", AT, UNTIL))
            assert await heard(durable) == [("s1", what, "", "")]

    async def test_what_ends_everything_is_told_with_each_session_that_was_alive(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await signed_in(durable, "here")
        await signed_in(durable, "there", granted=True)
        await durable.sessions.end("there", now=NOW, expires_at=UNTIL)
        durable.subscribe(EVERYTHING)
        await durable.accounts.end_all("s1", now=AT, expires_at=UNTIL)
        assert await heard(durable) == [("s1", "account.ended", "", ""), ("s1", "session.ended", "", "here")]

    async def test_g7_the_end_of_a_session_is_told_once_however_it_came(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        durable.subscribe(EVERYTHING)
        await signed_in(durable, "one")
        given = of_login(grant(), sid="posted").replace(id="of-posted")  # an app brought it, and no browser knows of it
        await durable.grants.redeem("c-posted", given, None, now=NOW)
        await signed_in(durable, "three")
        for _ in range(2):
            await durable.sessions.end("one", now=AT, expires_at=UNTIL)
            await durable.sessions.end("posted", now=AT, expires_at=UNTIL)
            await durable.sessions.end("nobodys", now=AT, expires_at=UNTIL)
        await durable.history.signed_in(replace(sign_in("four"), at=AT), expires_at=UNTIL, ends="three")
        assert await heard(durable) == [("s1", "session.ended", "", sid) for sid in ("one", "posted", "three")]

    async def test_deletion_is_told_when_it_is_asked_for_called_off_and_done(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        await adopt(durable, "x2", sub="s2")
        await durable.accounts.merge(
            "s1", "s2", proof=proof("x2"), now=NOW, expires_at=UNTIL, known=EVERY_APP, seen_as={}
        )
        durable.subscribe(EVERYTHING)
        await durable.accounts.close("s1", closes_at=AT, now=AT, expires_at=UNTIL)
        await durable.accounts.keep("s1", now=AT)
        await durable.accounts.close("s1", closes_at=AT, now=AT, expires_at=UNTIL)
        assert [what for _, what, *_ in await heard(durable)] == ["account.closing"] * 2 + ["account.kept"]
        await durable.accounts.delete_due(now=AT)
        await durable.accounts.delete_due(now=AT)
        assert await heard(durable) == [("s1", "account.deleted", "", ""), ("s2", "account.deleted", "", "")]

    async def test_k27_of_too_many_the_newest_stay_and_other_receivers_keep_theirs(self, durable: Durable) -> None:
        await adopt(durable, "x1")
        durable.subscribe(Subscriptions([CRM, replace(CRM, name="other")]))
        for number in range(6):
            await durable.people.link("s1", link(f"y{number}"), began_at=NOW, now=NOW + number)
        drop = durable.deliveries.drop_oldest
        assert await drop(to_webhook("crm"), keep=6, limit=9) == 0
        assert await drop(to_webhook("crm"), keep=9, limit=9) == 0
        assert await drop(to_webhook("crm"), keep=2, limit=3) == 3
        assert await drop(to_webhook("crm"), keep=2, limit=3) == 1
        assert await durable.deliveries.waiting_for(to_webhook("crm")) == 2
        assert await durable.deliveries.waiting_for(to_webhook("other")) == 6
        left = sorted(one.created_at for one in await queued(durable) if one.receiver == to_webhook("crm"))
        assert left == [NOW + 4, NOW + 5]
