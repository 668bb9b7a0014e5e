"""What operators do for people: by the catalogue, audited, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import InvalidRequest, LastIdentity, NotFound, RequestError
from broker.core.events import Event
from broker.core.operators.catalogue import USE_CASES, find_use_case
from broker.core.operators.question import (
    DEEPEST,
    LARGEST,
    LONGEST,
    MOST,
    Kind,
    Parameter,
    Reach,
    UseCase,
    read_values,
)
from broker.core.people.identity import Account, Identity, Link
from broker.services.people.changes import AccountRules
from broker.services.people.retention import Retention
from tests.services.bare_broker import NOW, World, app
from tests.services.test_account_page import ANN, add_beta, arrive

pytestmark = pytest.mark.anyio
WHY = "asked for on the phone"
WRITES = [case for case in USE_CASES.values() if case.writes]
each_write = pytest.mark.parametrize("case", WRITES, ids=lambda case: case.name)


async def ask(world: World, name: str, /, **values: object) -> dict[str, Any]:
    """The answer; a write says why."""
    given = {"why": WHY, **values} if USE_CASES[name].writes else values
    return await world.operators.answer(name, given, by="root")


def acts(world: World) -> list[dict[str, object]]:
    """What the audit stream has of operators, newest last."""
    return [dict(fields) for event, fields in world.notes.heard if event is Event.OPERATOR_ACTED]


async def test_somebody_is_found_and_shown_with_all_that_support_asks_for(world: World) -> None:
    _, found = await arrive(world)
    sub = found.account.sub
    await add_beta(world, sub)
    await world.redeem(await world.code())
    fit: list[dict[str, object]] = [
        {"email": "ANN@a.test"},
        {"provider": "alpha", "subject": "x1"},
        {"provider": "beta"},
        {"sub": sub},
    ]
    for asked in fit:
        (seen,) = (await ask(world, "account.find", **asked))["accounts"]
        assert seen["sub"] == sub
    nobody: list[dict[str, object]] = [
        {"email": "eve@a.test"},
        {"provider": "alpha", "subject": "x2"},
        {"blocked": True},
    ]
    for asked in nobody:
        assert await ask(world, "account.find", **asked) == {"accounts": []}
    shown = await ask(world, "account.show", sub=sub)
    first, second = shown["ways"]
    assert (first["provider"], first["subject"], first["name"], first["email"]) == ("alpha", "x1", "Ann", "ann@a.test")
    assert second["way"] == (await world.store.durable.people.links(sub))[1].handle
    assert [one["client_id"] for one in shown["sessions"]] == ["app", "app"]
    assert [one["client_id"] for one in shown["apps"]] == ["app"]
    assert [one["what"] for one in shown["events"]] == ["linked"]
    assert not {"key", "claims", "raw_ids"} & {name for part in shown["ways"] + shown["sessions"] for name in part}


async def test_somebody_is_found_by_name_and_number_as_people_say_them(world: World) -> None:
    claims = {"name": "Ann Smith", "phone_number": "+79991234542", "phone_number_verified": True}
    world.upstreams["alpha"].identity = Identity("x1", claims)
    _, found = await arrive(world)
    for asked in ({"name": "ann SMI"}, {"name": " smith, "}, {"phone": "+7 (999) 123-45-42"}):
        (seen,) = (await ask(world, "account.find", **asked))["accounts"]
        assert seen["sub"] == found.account.sub
    assert (await ask(world, "account.find", name="smith ann"))["accounts"] == []
    for name, value in (("name", "a b"), ("name", "-"), ("phone", "89991234542"), ("phone", "ann")):
        with pytest.raises(InvalidRequest, match=name):
            await ask(world, "account.find", **{name: value})


async def test_an_account_that_nobody_uses_goes_after_a_wait_and_old_events_do(world: World) -> None:
    rules = AccountRules(deletion_wait=86400, history_kept=86400, events_kept=50 * 86400, unused_kept=100 * 86400)
    retention = Retention(world.context, world.store.durable.history, world.deeds, rules)
    _, found = await arrive(world)
    sub = found.account.sub
    await ask(world, "account.end", sub=sub)
    assert await retention.apply() == 0
    world.clock.now += 50 * 86400
    assert await retention.apply() == 1
    assert (await ask(world, "account.show", sub=sub))["events"] == []
    world.clock.now += 50 * 86400
    assert await retention.apply() == 1
    shown = await ask(world, "account.show", sub=sub)
    assert [one["what"] for one in shown["events"]] == ["unused"]
    at = shown["closes_at"]
    assert (Event.ACCOUNT_CLOSING, {"sub": sub, "closes_at": at, "reason": "unused"}) in world.notes.heard
    assert (await ask(world, "account.keep", sub=sub))["changed"]
    assert await retention.apply() == 0, "who is kept is kept"
    never = Retention(world.context, world.store.durable.history, world.deeds, AccountRules(0, 1))
    world.clock.now += 10_000 * 86400
    assert await never.apply() == 0, "nothing goes where nobody said so"
    assert await retention.apply() == 3


async def test_lists_go_on_where_the_page_before_ended(world: World) -> None:
    _, found = await arrive(world)
    await arrive(world, "beta")
    first = await ask(world, "account.find", limit=1)
    second = await ask(world, "account.find", limit=1, after=first["next"])
    assert [one["sub"] for one in first["accounts"] + second["accounts"]] == sorted(
        one["sub"] for one in (await ask(world, "account.find"))["accounts"]
    )
    assert await ask(world, "account.find", limit=1, after=second["next"]) == {"accounts": []}
    await arrive(world)
    sub = found.account.sub
    newest = await ask(world, "session.list", sub=sub, history=True, limit=1)
    older = await ask(world, "session.list", sub=sub, history=True, limit=1, after=newest["next"])
    assert newest["sessions"][0]["at"] > older["sessions"][0]["at"]
    for wrong in ("x", "1", ".", "²." + "a", "9" * 30 + ".a"):
        with pytest.raises(InvalidRequest):
            await ask(world, "session.list", sub=sub, history=True, after=wrong)


async def test_d11_whoever_is_blocked_is_told_why_to_nobody_but_operators(world: World) -> None:
    _, found = await arrive(world)
    sub = found.account.sub
    assert await ask(world, "account.block", sub=sub) == {"sub": sub, "blocked": True, "changed": True}
    assert await ask(world, "account.block", sub=sub) == {"sub": sub, "blocked": True, "changed": False}
    shown = await ask(world, "account.show", sub=sub)
    assert (shown["blocked"], shown["blocked_why"], shown["blocked_at"]) == (True, WHY, NOW + 1)
    assert WHY not in str(await ask(world, "account.export", sub=sub))
    assert await ask(world, "account.unblock", sub=sub) == {"sub": sub, "blocked": False, "changed": True}
    assert await ask(world, "account.unblock", sub=sub) == {"sub": sub, "blocked": False, "changed": False}
    assert not {"blocked_why", "blocked_at"} & (await ask(world, "account.show", sub=sub)).keys()


async def test_everything_ends_or_one_session_or_what_one_app_may(world: World) -> None:
    _, found = await arrive(world)
    sub, sid = found.account.sub, found.session.login.sid
    await world.redeem(await world.code())
    await ask(world, "session.end", sub=sub, sid=sid)
    assert sid not in {one["sid"] for one in (await ask(world, "session.list", sub=sub))["sessions"]}
    with pytest.raises(NotFound):
        await ask(world, "session.end", sub=sub, sid=sid)
    assert await ask(world, "consent.revoke", sub=sub, client_id="app")
    assert (await ask(world, "consent.list", sub=sub))["apps"] == []
    with pytest.raises(NotFound):
        await ask(world, "consent.revoke", sub=sub, client_id="app")
    await arrive(world)
    await ask(world, "account.end", sub=sub)
    assert (await ask(world, "session.list", sub=sub))["sessions"] == []


async def test_d16_a_way_in_is_taken_but_never_the_last(world: World) -> None:
    _, found = await arrive(world)
    sub = found.account.sub
    beta = await add_beta(world, sub)
    await ask(world, "account.unlink", sub=sub, way=beta.handle)
    with pytest.raises(NotFound):
        await ask(world, "account.unlink", sub=sub, way=beta.handle)
    with pytest.raises(LastIdentity):
        await ask(world, "account.unlink", sub=sub, way=found.person.link.handle)
    assert [link.subject for link in await world.store.durable.people.links(sub)] == [ANN.subject]


async def test_d17_two_accounts_become_one_and_two_again(world: World) -> None:
    _, ann = await arrive(world)
    _, her = await arrive(world, "beta")
    sub, other = ann.account.sub, her.account.sub
    told = await ask(world, "account.merge", sub=sub, other=other)
    assert told == {"sub": sub, "changed": True, "absorbed": other}
    assert not (await ask(world, "account.merge", sub=sub, other=other))["changed"]
    shown = await ask(world, "account.show", sub=other)
    assert (shown["sub"], shown["former"], len(shown["ways"])) == (sub, [other], 2)
    assert [one["what"] for one in shown["events"]] == ["merged"]
    assert [fields for event, fields in world.notes.heard if event is Event.ACCOUNT_MERGED] == [
        {"sub": sub, "absorbed": other, "provider": ""}
    ]
    way = shown["ways"][1]["way"]
    assert (await ask(world, "account.unlink", sub=sub, way=way))["went_home_to"] == other
    assert (await ask(world, "account.show", sub=other))["sub"] == other


async def test_d17_what_is_no_second_account_of_its_own_is_not_joined(world: World) -> None:
    _, ann = await arrive(world)
    _, her = await arrive(world, "beta")
    sub, other = ann.account.sub, her.account.sub
    with pytest.raises(InvalidRequest, match="one account"):
        await ask(world, "account.merge", sub=sub, other=sub)
    with pytest.raises(NotFound):
        await ask(world, "account.merge", sub=sub, other="nobody")
    await world.store.durable.people.adopt(Account("third", NOW), Link("k", "x", "gamma", {}, {}, NOW))
    await ask(world, "account.merge", sub="third", other=other)
    with pytest.raises(InvalidRequest, match="say third"):
        await ask(world, "account.merge", sub=sub, other=other)
    await ask(world, "account.block", sub="third")
    with pytest.raises(InvalidRequest, match="blocked"):
        await ask(world, "account.merge", sub=sub, other="third")


async def test_a_deletion_waits_is_called_off_and_brought_forward(world: World) -> None:
    _, found = await arrive(world)
    sub = found.account.sub
    told = await ask(world, "account.delete", sub=sub)
    assert told == {"sub": sub, "changed": True, "deleted": False, "closes_at": NOW + 1 + 14 * 86400}
    assert not (await ask(world, "account.delete", sub=sub))["changed"]
    assert [one["sub"] for one in (await ask(world, "account.find", closing=True))["accounts"]] == [sub]
    assert (await ask(world, "account.keep", sub=sub))["changed"]
    assert not (await ask(world, "account.keep", sub=sub))["changed"]
    await ask(world, "account.delete", sub=sub)
    assert await ask(world, "account.delete", sub=sub, at_once=True) == {"sub": sub, "changed": True, "deleted": True}
    with pytest.raises(NotFound):
        await ask(world, "account.show", sub=sub)


async def test_d11_who_is_blocked_is_not_deleted_and_back_as_somebody_new(world: World) -> None:
    _, found = await arrive(world)
    await ask(world, "account.block", sub=found.account.sub)
    with pytest.raises(InvalidRequest, match="blocked"):
        await ask(world, "account.delete", sub=found.account.sub, at_once=True)


async def test_every_call_is_in_the_audit_stream_with_who_and_why(world: World) -> None:
    _, found = await arrive(world)
    sub = found.account.sub
    await ask(world, "account.find", email="ann@a.test")
    await ask(world, "account.block", sub=sub)
    with pytest.raises(NotFound):
        await ask(world, "account.end", sub="nobody")
    by = {"client_id": "", "by": "root"}
    assert acts(world) == [
        {"use_case": "account.find", "sub": "", "why": "", "outcome": "done", **by},
        {"use_case": "account.block", "sub": sub, "why": WHY, "outcome": "done", **by},
        {"use_case": "account.end", "sub": "nobody", "why": WHY, "outcome": "not_found", **by},
    ]


@each_write
async def test_nothing_is_changed_without_a_why(world: World, case: UseCase) -> None:
    values = _required(case)
    for why in ({}, {"why": ""}, {"why": "  "}, {"why": "a\nb"}, {"why": "x" * (LONGEST + 1)}, {"why": 1}):
        with pytest.raises(InvalidRequest, match="why"):
            await world.operators.answer(case.name, values | why, by="root")
    assert acts(world) == []


async def test_every_use_case_of_the_catalogue_is_answered_and_says_not_found_of_nobody(world: World) -> None:
    for case in USE_CASES.values():
        values = _required(case)
        about_somebody = "sub" in values
        try:
            assert isinstance(await ask(world, case.name, **values), dict)
            assert not about_somebody, case.name
        except NotFound:
            assert values, case.name
        except InvalidRequest:  # of what may be made, and says what it lacks
            assert case.writes, case.name
            assert not about_somebody, case.name


async def test_a_switch_is_a_use_case_and_says_who_and_why(world: World) -> None:
    world.on.discard("beta")
    await world.restart()
    told = await ask(world, "provider.off", provider="alpha")
    off = {"state": "switched_off", "off_at": NOW, "by": "root", "why": WHY}
    assert told == {"provider": "alpha", **off, "changed": True}
    assert not (await ask(world, "provider.off", provider="alpha", why="again"))["changed"]
    disabled = {"provider": "beta", "state": "disabled"}
    assert await ask(world, "provider.list") == {"providers": [{"provider": "alpha", **off}, disabled]}
    assert await ask(world, "provider.on", provider="alpha") == {"provider": "alpha", "state": "on", "changed": True}
    await ask(world, "client.off", client_id="app")
    world.clients = {"other": app("other")}
    await world.restart()
    listed = (await ask(world, "client.list"))["clients"]
    assert listed == [
        {"client_id": "app", "source": "gone", **off},
        {"client_id": "other", "source": "file", "name": "App", "state": "on"},
    ]
    assert (await ask(world, "client.on", client_id="app"))["changed"], "what is gone from the file can be put on"
    with pytest.raises(NotFound):
        await ask(world, "client.on", client_id="app")
    assert [fields["outcome"] for fields in acts(world)][-1] == "not_found"


@pytest.mark.parametrize("may", [Reach.READ, Reach.WRITE], ids=lambda one: one.name)
async def test_l10_nobody_goes_further_than_they_may_and_the_audit_stream_says_who_tried(
    world: World, may: Reach
) -> None:
    for case in USE_CASES.values():
        values = _required(case) | {"why": WHY}
        outcome = "done"
        try:
            await world.operators.answer(case.name, values, by="ci", may=may)
        except RequestError as refused:
            outcome = refused.code
        assert (outcome == "insufficient_scope") == (case.here or (case.writes and may is Reach.READ)), case.name
        assert acts(world)[-1] == {
            **{"use_case": case.name, "sub": values.get("sub", ""), "client_id": values.get("client_id", "")},
            **{"by": "ci", "why": WHY, "outcome": outcome},
        }


def test_a_question_of_no_use_case_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"account\.find"):
        find_use_case("account.promote")


def _required(case: UseCase) -> dict[str, object]:
    return {one.name: {} if one.kind is Kind.OBJECT else (one.choices or ("x",))[0] for one in case.own if one.required}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(case=st.sampled_from(list(USE_CASES.values())), values=_JSON)
def test_whatever_json_is_sent_is_read_or_refused_by_name(case: UseCase, values: object) -> None:
    with suppress(InvalidRequest):
        asked = read_values(case, values)
        assert all(one.name in asked.given for one in case.parameters if one.required)


@given(data=st.data(), case=st.sampled_from(list(USE_CASES.values())))
def test_values_have_the_kind_and_size_that_the_catalogue_says(data: st.DataObject, case: UseCase) -> None:
    right = {one.name: _right(one) for one in case.parameters}
    assert read_values(case, right).given == right
    one = data.draw(st.sampled_from(case.parameters))
    wrong = data.draw(
        st.sampled_from([*_WRONG[one.kind], *(["x" * (one.longest + 1)] if one.kind is Kind.TEXT else [])])
    )
    with pytest.raises(InvalidRequest, match=one.name):
        read_values(case, {**right, one.name: wrong})
    with pytest.raises(InvalidRequest, match="unheard_of"):
        read_values(case, {**right, "unheard_of": "x"})


def _right(one: Parameter) -> object:
    if one.choices:
        return one.choices[0]
    return {Kind.TEXT: "x" * LONGEST, Kind.NUMBER: MOST, Kind.FLAG: True, Kind.OBJECT: {"a": [1]}}[one.kind]


_DEEP: dict[str, object] = {}
for _ in range(DEEPEST):
    _DEEP = {"a": _DEEP}
_WRONG: dict[Kind, list[object]] = {
    Kind.TEXT: [1, True, ["x"], " ", "a\x00", "a\u2028b", "\ud800"],
    Kind.NUMBER: [0, -1, MOST + 1, "1", 1.0, True],
    Kind.FLAG: [1, "yes", [True]],
    Kind.OBJECT: [["x"], "x", {"a": "x" * LARGEST}, {"a": 2**53}, {"a": float("nan")}, {"a": "\ud800"}, _DEEP],
}
