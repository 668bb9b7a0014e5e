"""The admin API: off unless it is on, for its tokens alone, and all of the catalogue that a network may reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from broker.core.events import Event
from broker.core.openapi.admin import BASE, DOCUMENT, path_of, reached
from broker.core.operators.catalogue import USE_CASES
from broker.core.operators.question import Kind
from tests.web.public_app import CONFIG, ISSUER, PublicApp, public_app

pytestmark = pytest.mark.anyio
ON = "server: {admin_api: true, admin_hosts: [admin.test]}\n"
LIMITS = "limits: {admin: 20/min, admin_failure: 5/min}\n"
CASES = {case.name: case for case in reached()}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name)
WHY = "ticket 7"


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    """It is on."""
    async with public_app(CONFIG + ON) as site:
        yield site


async def bearer(site: PublicApp, scope: str = "write", name: str = "desk") -> dict[str, str]:
    """The header of a new token."""
    values = {"name": name, "scope": scope, "why": WHY}
    made = await site.services.operators.answer("admin.token.new", values, by="root")
    return {"Authorization": f"Bearer {made['token']}"}


async def somebody(site: PublicApp) -> str:
    """The `sub` of a person who signed in."""
    await site.authorize(idp_hint="alpha")
    await site.browser.get(site.callback())
    found = await site.services.operators.answer("account.find", {}, by="root")
    return str(found["accounts"][0]["sub"])


def values_of(case: Any, **given: object) -> dict[str, object]:
    """What it has to be asked with."""
    usual = {Kind.OBJECT: {"name": "X"}}
    needed = {one.name: (one.choices or (usual.get(one.kind, "x"),))[0] for one in case.parameters if one.required}
    return {**needed, **({"why": WHY} if case.writes else {}), **given}


def told(site: PublicApp, event: Event) -> list[dict[str, Any]]:
    """What the operator's log has of this."""
    return [fields for heard, fields in site.notes.heard if heard is event]


async def test_l10_off_there_is_no_route() -> None:
    async with public_app() as site:
        headers = await bearer(site)
        for method in ("GET", "POST"):
            for path in (DOCUMENT, f"{BASE}/account/find"):
                answer = await site.management.request(method, path, headers=headers)
                assert answer.status_code == (404 if method == "GET" else 405)
                assert b"admin" not in answer.content


@each_case
async def test_l10_without_a_token_nothing_is_done_and_nothing_told(site: PublicApp, case: Any) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "DPoP x"}, {"Cookie": "__Host-session=x"}):
        answer = await site.management.post(path_of(case), json=values_of(case), headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"] == 'Bearer realm="http://127.0.0.1:9400"'
    answer = await site.management.post(path_of(case), json={}, headers={"Authorization": "Bearer made-up"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.headers["cache-control"] == "no-store"
    assert told(site, Event.OPERATOR_ACTED) == []


@each_case
async def test_l10_a_token_that_reads_changes_nothing_and_who_tried_is_told(site: PublicApp, case: Any) -> None:
    answer = await site.management.post(path_of(case), json=values_of(case), headers=await bearer(site, "read"))
    acted = told(site, Event.OPERATOR_ACTED)[-1]
    assert acted["by"] == "token desk"
    if case.writes:
        assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
        assert (acted["outcome"], acted["why"]) == ("insufficient_scope", WHY)
    else:
        assert answer.status_code in {200, 404}


async def test_l10_what_is_for_the_machine_alone_has_no_path(site: PublicApp) -> None:
    headers = await bearer(site)
    here = [case for case in USE_CASES.values() if case.here]
    assert {"admin.token.new", "admin.token.list", "admin.token.revoke"} <= {case.name for case in here}
    for case in here:
        answer = await site.management.post(path_of(case), json=values_of(case), headers=headers)
        assert answer.status_code == 404
    document = (await site.management.get(DOCUMENT, headers=headers)).json()
    assert document["paths"].keys() == {path_of(case) for case in CASES.values()}
    assert (await site.management.get(DOCUMENT)).status_code == 401


async def test_l10_every_call_is_in_the_audit_stream_with_who_and_why(site: PublicApp) -> None:
    sub, headers = await somebody(site), await bearer(site)
    site.notes.heard.clear()
    answer = await site.management.post(f"{BASE}/account/block", json={"sub": sub, "why": WHY}, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"sub": sub, "blocked": True, "changed": True})
    shown = await site.management.get(f"{BASE}/account/show", params={"sub": sub}, headers=headers)
    assert (shown.json()["blocked"], shown.json()["blocked_why"]) == (True, WHY)
    assert [(one["use_case"], one["by"], one["why"]) for one in told(site, Event.OPERATOR_ACTED)] == [
        ("account.block", "token desk", WHY),
        ("account.show", "token desk", ""),
    ]
    for why in ({}, {"why": " "}, {"why": "a\nb"}):
        refused = await site.management.post(f"{BASE}/account/unblock", json={"sub": sub, **why}, headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
        assert "why" in refused.json()["error_description"]


async def test_a_question_is_asked_by_get_with_its_values_in_the_query(site: PublicApp) -> None:
    sub, headers = await somebody(site), await bearer(site, "read")

    async def find(query: str) -> httpx2.Response:
        return await site.management.get(f"{BASE}/account/find?{query}", headers=headers)

    assert [one["sub"] for one in (await find("limit=5&blocked=false")).json()["accounts"]] == [sub]
    assert (await find("blocked=true")).json() == {"accounts": []}
    for query, name in (("limit=many", "limit"), ("limit=0", "limit"), ("blocked=yes", "blocked"), ("who=x", "who")):
        refused = await find(query)
        assert (refused.status_code, name in refused.json()["error_description"]) == (400, True)
    assert (await find("limit=5&limit=6")).status_code == 400, "H1"
    assert (await find("access_token=x")).status_code == 400, "F22"
    assert (await find("email=" + "x" * 9000)).status_code == 414
    assert (await site.management.get(f"{BASE}/account/end?sub={sub}&why=x", headers=headers)).status_code == 405


async def test_h3_h4_h5_a_body_is_bounded_json(site: PublicApp) -> None:
    headers = await bearer(site)
    sent: list[tuple[bytes, str, int]] = [
        (b'{"email": "' + b"x" * 70_000 + b'"}', "application/json", 413),
        (b"email=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/json; charset=utf-16", 415),
        (b"[]", "application/json", 400),
        (b'{"limit": 1, "limit": 2}', "application/json", 400),
        (b"[" * 100_000, "application/json", 413),
        (b"[" * 50_000, "application/json", 400),
        (b'{"email": "\xff"}', "application/json", 400),
    ]
    for body, kind, status in sent:
        answer = await site.management.post(
            f"{BASE}/account/find", content=body, headers={**headers, "Content-Type": kind}
        )
        assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request"), body[:40]


async def test_h6_a_page_whose_name_leads_here_is_refused(site: PublicApp) -> None:
    headers, path = await bearer(site, "read"), f"{BASE}/account/find"
    for host in ("evil.test", "127.0.0.1.evil.test", "10.0.0.5:9400", "admin.test:1", ""):
        answer = await site.management.get(path, headers={**headers, "Host": host})
        assert answer.status_code == 421, host
    for host in ("127.0.0.1:9400", "localhost:9999", "ADMIN.test"):
        assert (await site.management.get(path, headers={**headers, "Host": host})).status_code == 200, host


async def test_h8_h12_a_path_has_one_spelling_and_its_methods(site: PublicApp) -> None:
    headers = await bearer(site)
    for path in ("/admin/v1/account/find/", "/admin//v1/account/find", "/admin/v1/account%2ffind", "/admin/v1/../v1/x"):
        assert (await site.management.get(path, headers=headers)).status_code == 404
    for path in ("/admin%2fv1/account/find", "/admin", "/admin/", "/admin/v2/account/find"):
        assert (await site.management.get(path, headers=headers)).status_code == 404
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
        answer = await site.management.request(method, f"{BASE}/account/block", headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    as_page = await site.management.get("/admin/v1/nothing", headers={"Accept": "text/html"})
    assert (as_page.status_code, as_page.headers["content-type"]) == (404, "application/json")
    assert (await site.browser.get(f"{ISSUER}{BASE}/account/find", headers=headers)).status_code == 404, "not public"


async def test_f23_no_page_of_another_origin_reads_it(site: PublicApp) -> None:
    headers = await bearer(site, "read") | {"Origin": "https://spa.test"}
    for path in (DOCUMENT, f"{BASE}/account/find"):
        answer = await site.management.get(path, headers=headers)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["cache-control"] == "no-store"


async def test_f27_nothing_that_is_sent_becomes_part_of_a_statement(site: PublicApp) -> None:
    sub, headers = await somebody(site), await bearer(site)
    for text in (
        "'",
        "' OR 1=1 --",
        '" OR ""="',
        "1; DROP TABLE accounts",
        "' UNION SELECT digest FROM admin_tokens --",
    ):
        for name in ("sub", "provider", "email", "after"):
            query = {"provider": "alpha", "subject": text} if name == "provider" else {name: text}
            answer = await site.management.get(f"{BASE}/account/find", params=query, headers=headers)
            assert answer.status_code in {200, 400, 404}
            assert sub not in answer.text or name == "after"
    assert (await site.management.get(f"{BASE}/account/show", params={"sub": sub}, headers=headers)).status_code == 200


async def test_failures_are_counted_and_shut_nobody_out_who_has_a_token() -> None:
    async with public_app(CONFIG + ON + LIMITS) as site:
        headers = await bearer(site, "read")
        wrong = {"Authorization": "Bearer broker_admin_" + "A" * 43}
        answers = [await site.management.get(DOCUMENT, headers=wrong) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0
        assert len(told(site, Event.ADMIN_REFUSED)) == 5
        ways = (("GET", DOCUMENT), ("GET", f"{BASE}/provider/list"), ("POST", f"{BASE}/provider/list"))
        calls = [
            (
                await site.management.request(*ways[turn % 3], headers=headers, json={} if turn % 3 == 2 else None)
            ).status_code
            for turn in range(21)
        ]
        assert calls == [200] * 20 + [429], "whatever is asked"
        for way in ways:
            assert (await site.management.request(*way, headers=headers)).status_code == 429
        assert (await site.management.get(DOCUMENT, headers=await bearer(site, "read", "other"))).status_code == 200


async def test_k_a_store_that_is_away_is_told_and_nothing_done(site: PublicApp) -> None:
    headers = await bearer(site)
    site.durable.fails = {"admin_tokens.used"}
    assert (await site.management.get(DOCUMENT, headers=headers)).status_code == 200, "a full disk keeps nobody out"
    site.durable.fails = {"admin_tokens.find"}
    answer = await site.management.get(DOCUMENT, headers=headers)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    wrong = {"Authorization": "Bearer of-another-shape"}
    assert (await site.management.get(DOCUMENT, headers=wrong)).status_code == 401, "the store is not asked"
