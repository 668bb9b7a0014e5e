"""Registration over HTTP: who may, how often, and that an entry's token opens that entry alone (RFC 7591, 7592)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.core.events import Event
from broker.testing.raw_server import json_of, raw_server
from tests.web.public_app import CONFIG, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
TOKEN = "it_initial"
METADATA = {"redirect_uris": ["https://dyn.test/cb"], "client_name": "Dynamic"}


def config_of(max_clients: int = 5) -> str:
    """The app's configuration with registration switched on."""
    hashed = sha256(TOKEN.encode()).hexdigest()
    return CONFIG + f"registration: {{token_hashes: ['sha256:{hashed}'], max_clients: {max_clients}, pkce: optional}}\n"


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(config_of()) as app:
        yield app


async def register(site: PublicApp, token: str = TOKEN, **sent: Any) -> httpx2.Response:
    """A registration request."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await site.browser.post("/register", json=METADATA | sent, headers=headers)


def by(entry: dict[str, Any]) -> dict[str, str]:
    """The header that opens an entry."""
    return {"authorization": f"Bearer {entry['registration_access_token']}"}


def path(entry: dict[str, Any]) -> str:
    """Where it is, for the in-process browser."""
    return str(entry["registration_client_uri"]).removeprefix("https://id.test")


async def test_a_registered_client_logs_people_in_with_consent(site: PublicApp) -> None:
    response = await register(site)
    entry = response.json()
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    assert entry["client_secret_expires_at"] == 0
    assert entry["redirect_uris"] == METADATA["redirect_uris"]
    asked = {"client_id": entry["client_id"], "redirect_uri": "https://dyn.test/cb", "idp_hint": "alpha"}
    await site.authorize(**asked)
    landed = await site.browser.get(site.callback())
    assert landed.headers["location"].startswith("/consent?ticket="), "a client nobody vouched for always asks"
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://dyn.test/cb"}
    known = await site.browser.post("/token", data=form, auth=(entry["client_id"], entry["client_secret"]))
    assert known.json()["error"] == "invalid_grant"
    unknown = await site.browser.post("/token", data=form, auth=(entry["client_id"], "wrong"))
    assert unknown.json()["error"] == "invalid_client"


@pytest.mark.parametrize("token", ["", "it_other", "ra_x"])
async def test_l1_without_the_operators_token_nobody_registers(site: PublicApp, token: str) -> None:
    response = await register(site, token)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_l1_registration_is_off_unless_the_operator_made_a_token() -> None:
    async with public_app() as site:
        assert (await register(site)).status_code == 401
        assert "registration_endpoint" not in (await site.browser.get("/.well-known/openid-configuration")).json()


async def test_l1_there_is_a_cap_that_holds_for_callers_at_once() -> None:
    async with public_app(config_of(max_clients=3)) as site:
        answers = await asyncio.gather(*(register(site) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 5
        entry = next(answer.json() for answer in answers if answer.status_code == 201)
        assert (await site.browser.delete(path(entry), headers=by(entry))).status_code == 204
        assert (await register(site)).status_code == 201


async def test_l1_callers_are_counted(site: PublicApp) -> None:
    codes = [(await register(site, "it_guess")).status_code for _ in range(21)]
    assert codes == [401] * 20 + [429]


async def test_an_entry_is_read_changed_and_deleted_by_its_own_token(site: PublicApp) -> None:
    entry = (await register(site, initiate_login_uri="https://dyn.test/login")).json()
    read = await site.browser.get(path(entry), headers=by(entry))
    assert read.json() == entry, "an app finds what it registered, initiate_login_uri included"
    change = METADATA | {"client_id": entry["client_id"], "redirect_uris": ["https://dyn.test/new"]}
    after = (await site.browser.put(path(entry), json=change, headers=by(entry))).json()
    assert (after["redirect_uris"], after["client_secret"]) == (["https://dyn.test/new"], entry["client_secret"])
    assert "initiate_login_uri" not in after, "an update is a whole entry"
    assert after["registration_access_token"] != entry["registration_access_token"]
    assert (await site.browser.get(path(entry), headers=by(entry))).status_code == 401, "the old token is dead"
    assert (await site.browser.delete(path(after), headers=by(after))).status_code == 204
    gone = await site.authorize(client_id=entry["client_id"], redirect_uri="https://dyn.test/new")
    assert (gone.status_code, "location" in gone.headers) == (400, False)
    assert [site.notes.count(event) for event in (Event.CLIENT_REGISTERED, Event.CLIENT_UPDATED)] == [1, 1]
    assert site.notes.count(Event.CLIENT_DELETED) == 1


async def test_l3_a_token_opens_no_other_entry_and_nothing_after_deletion(site: PublicApp) -> None:
    one, two = [(await register(site)).json() for _ in range(2)]
    for method in ("GET", "PUT", "DELETE"):
        for headers in (by(two), {}, {"authorization": f"Bearer {TOKEN}"}):
            sent = METADATA | {"client_id": one["client_id"]}
            response = await site.browser.request(method, path(one), json=sent, headers=headers)
            assert (method, response.status_code) == (method, 401)
    await site.browser.delete(path(one), headers=by(one))
    assert (await site.browser.get(path(one), headers=by(one))).status_code == 401
    assert (await site.browser.get("/register/app", headers=by(two))).status_code == 401, "nor one of config.yaml"


@pytest.mark.parametrize(
    "change", [{"client_id": "app"}, {"client_secret": "other"}, {"client_id_issued_at": 1}, {"redirect_uris": ["x"]}]
)
async def test_a_refused_update_changes_nothing(site: PublicApp, change: dict[str, Any]) -> None:
    entry = (await register(site)).json()
    sent = METADATA | {"client_id": entry["client_id"]} | change
    assert (await site.browser.put(path(entry), json=sent, headers=by(entry))).status_code == 400
    assert (await site.browser.get(path(entry), headers=by(entry))).json() == entry


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"redirect_uris=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"[]", "application/json", 400),
        (b'{"client_name":"a","client_name":"b"}', "application/json", 400),
        (b"{" * 1000, "application/json", 400),
        (b'{"a":' + b"[" * 20 + b"]" * 20 + b"}", "application/json", 400),
        (b'{"a":"' + b"x" * 70_000 + b'"}', "application/json", 413),
        (b"\xff", "application/json", 400),
    ],
    ids=["form", "text", "list", "twice", "broken", "deep", "large", "bytes"],
)
async def test_h4_h5_only_one_plain_json_object_is_read(
    site: PublicApp, content: bytes, kind: str, status: int
) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": kind}
    assert (await site.browser.post("/register", content=content, headers=headers)).status_code == status


async def test_j2_neither_secret_nor_token_is_stored_in_clear(tmp_path: Path) -> None:
    async with public_app(config_of(), database=str(tmp_path / "broker.db")) as site:
        entry = (await register(site)).json()
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert entry["client_id"].encode() in stored
    for name in ("client_secret", "registration_access_token"):
        assert entry[name].encode() not in stored
    assert TOKEN.encode() not in stored


async def test_a_sector_document_must_name_every_redirect_uri(site: PublicApp) -> None:
    uris = ["https://one.test/cb", "https://two.test/cb"]
    answers = {"/good": json_of([*uris, "https://three.test/"]), "/bad": json_of(uris[:1]), "/text": json_of({})}
    async with raw_server(answers) as served:
        asked: dict[str, Any] = {"subject_type": "pairwise", "redirect_uris": uris}
        for name, status in (("good", 201), ("bad", 400), ("text", 400), ("none", 400)):
            response = await register(site, sector_identifier_uri=f"{served.url}/{name}", **asked)
            assert (name, response.status_code) == (name, status)
        refused = await register(site, sector_identifier_uri=f"{served.url}/bad", **asked)
        assert refused.json()["error"] == "invalid_client_metadata"


async def test_a6_an_error_before_anybody_was_asked_does_not_send_people_to_a_place_nobody_verified(
    site: PublicApp,
) -> None:
    entry = (await register(site)).json()
    wrong = {"scope": "bad", "redirect_uri": "https://dyn.test/cb"}
    for mode in ("query", "form_post"):
        page = await site.authorize(client_id=entry["client_id"], response_mode=mode, **wrong)
        assert (page.status_code, "location" in page.headers) == (200, False)
        assert 'id="pause"' in page.text
        assert "dyn.test" in page.text
        assert "http-equiv" not in page.text
        assert "<script" not in page.text
        assert "script-src 'none'" in page.headers["content-security-policy"]
    own = await site.authorize(scope="bad")
    assert "error=invalid_scope" in own.headers["location"], "an app of the operator's hears of it at once"


async def test_a_denied_consent_goes_back_to_a_registered_client_at_once(site: PublicApp) -> None:
    entry = (await register(site)).json()
    asked = {"client_id": entry["client_id"], "redirect_uri": "https://dyn.test/cb", "idp_hint": "alpha"}
    await site.authorize(**asked)
    landed = await site.browser.get(site.callback())
    ticket = landed.headers["location"].partition("ticket=")[2]
    page = await site.browser.post("/consent", data={"ticket": ticket, "answer": "deny"})
    assert "access_denied" in page.text + page.headers.get("location", "")
    assert 'id="pause"' not in page.text


async def test_a6_a_silent_request_leads_on_only_out_of_sight_or_to_an_app_the_person_allowed(site: PublicApp) -> None:
    entry = (await register(site)).json()
    asked = {"client_id": entry["client_id"], "redirect_uri": "https://dyn.test/cb"}

    async def silent(**more: str) -> httpx2.Response:
        return await site.authorize(prompt="none", **asked, **more)

    for page in (await silent(), await silent(scope="bad")):
        assert (page.status_code, "location" in page.headers) == (200, False)
        assert 'id="pause"' in page.text
    site.browser.headers["sec-fetch-dest"] = "iframe"
    assert "error=login_required" in (await silent()).headers["location"]
    assert "error=invalid_scope" in (await silent(scope="bad")).headers["location"]
    site.browser.headers["sec-fetch-dest"] = "document"
    assert answer_of(await site.authorize(prompt="none"))["error"] == "login_required", "an app of the operator's"
    await site.authorize(idp_hint="alpha", **asked)
    ticket = (await site.browser.get(site.callback())).headers["location"].partition("ticket=")[2]
    assert 'id="pause"' in (await silent()).text, "there is a session, and no consent"
    await site.browser.post("/consent", data={"ticket": ticket, "answer": "allow"})
    assert "error=login_required" in (await silent(max_age="0")).headers["location"]
    assert "code=" in (await silent()).headers["location"]


async def test_a6_a_logout_that_ended_nothing_leads_to_a_registered_app_by_a_link_alone(site: PublicApp) -> None:
    entry = (await register(site, post_logout_redirect_uris=["https://dyn.test/bye"])).json()
    asked = {"client_id": entry["client_id"], "redirect_uri": "https://dyn.test/cb", "idp_hint": "alpha"}
    await site.authorize(**asked, code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    ticket = (await site.browser.get(site.callback())).headers["location"].partition("ticket=")[2]
    back = (await site.browser.post("/consent", data={"ticket": ticket, "answer": "allow"})).text
    form = {
        "grant_type": "authorization_code",
        "code": unescape(back.split("code=")[1]).split("&")[0],
        "redirect_uri": "https://dyn.test/cb",
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    tokens = (await site.browser.post("/token", data=form, auth=(entry["client_id"], entry["client_secret"]))).json()
    out = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://dyn.test/bye", "state": "s"}
    first = await site.browser.get("/logout", params=out)
    assert first.headers["location"] == "https://dyn.test/bye?state=s", "somebody was signed out"
    again = await site.browser.get("/logout", params=out)
    assert (again.status_code, "location" in again.headers) == (200, False)
    assert "http-equiv" not in again.text
    assert 'href="https://dyn.test/bye?state=s"' in again.text


def changed(entry: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The entry as it is after a PUT of these members."""
    return METADATA | {"client_id": entry["client_id"]} | members


async def question(site: PublicApp, client_id: str, redirect_uri: str, **more: str) -> str:
    """The ticket of the consent page somebody is led to."""
    await site.authorize(client_id=client_id, redirect_uri=redirect_uri, idp_hint="alpha", **more)
    landed = await site.browser.get(site.callback())
    assert landed.headers["location"].startswith("/consent?ticket=")
    return landed.headers["location"].partition("=")[2]


async def test_a23_an_app_that_becomes_another_one_has_nobodys_yes(site: PublicApp) -> None:
    entry = (await register(site, subject_type="pairwise")).json()
    ticket = await question(site, entry["client_id"], "https://dyn.test/cb")
    allowed = await site.browser.post("/consent", data={"ticket": ticket, "answer": "allow"})
    assert "code=" in allowed.text
    here = {"client_id": entry["client_id"], "prompt": "none"}
    silent = await site.authorize(redirect_uri="https://dyn.test/cb", **here)
    assert silent.headers["location"].startswith("https://dyn.test/cb?code=")
    for members in (
        {"client_name": "Totally Other Bank", "subject_type": "pairwise"},
        {"redirect_uris": ["https://other-bank.test/cb"], "subject_type": "pairwise"},
        {"subject_type": "public"},
    ):
        entry = (await site.browser.put(path(entry), json=changed(entry, **members), headers=by(entry))).json()
        answer = await site.authorize(redirect_uri=entry["redirect_uris"][0], **here)
        said = answer.text + answer.headers.get("location", "")
        assert ("code=" in said, "consent_required" in said) == (False, True)


async def test_a23_an_app_that_changes_under_an_open_question_gets_no_answer(site: PublicApp) -> None:
    entry = (await register(site)).json()
    ticket = await question(site, entry["client_id"], "https://dyn.test/cb")
    assert (await site.browser.get("/consent", params={"ticket": ticket})).status_code == 200
    renamed = changed(entry, client_name="Totally Other Bank")
    assert (await site.browser.put(path(entry), json=renamed, headers=by(entry))).status_code == 200
    for answer in (
        await site.browser.get("/consent", params={"ticket": ticket}),
        await site.browser.post("/consent", data={"ticket": ticket, "answer": "allow"}),
    ):
        assert (answer.status_code, "code=" in answer.text) == (400, False)


@pytest.mark.parametrize("name", ["App", "Sign-in", "Upstream"])
async def test_l8_the_names_of_this_service_its_providers_and_its_own_apps_are_taken(
    site: PublicApp, name: str
) -> None:
    refused = await register(site, client_name=name)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
    entry = (await register(site)).json()
    assert (
        await site.browser.put(path(entry), json=changed(entry, client_name=name), headers=by(entry))
    ).status_code == 400


async def test_l8_the_operator_hears_of_two_apps_with_one_name(site: PublicApp) -> None:
    first = (await register(site, client_name="Nice App")).json()
    site.clock.now += 1
    other = (await register(site, client_name="Another")).json()
    copy = (await register(site, **{"client_name": "Something", "client_name#ru": "nice app!"})).json()
    await site.browser.put(path(other), json=changed(other, client_name="Niсe Aрp"), headers=by(other))
    heard = [
        fields.get("namesake")
        for event, fields in site.notes.heard
        if event in {Event.CLIENT_REGISTERED, Event.CLIENT_UPDATED}
    ]
    assert heard == [None, None, first["client_id"], first["client_id"]]
    assert copy["client_id"]
