"""What apps post of vendors' kits, as they meet it where something is away, blocked or switched off."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator

import httpx2
import pytest

from broker.core.errors import UpstreamUnavailable
from broker.core.people.identity import Identity
from broker.core.terms import GrantType, TokenType
from tests.services.bare_broker import VERIFIER
from tests.services.upstreams import PostingUpstream
from tests.web.public_app import CONFIG, REDIRECT, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
SECRET = "8Nb2VxQ4rT6yLpWz0Kc3HdJf5SgMa7Ue"
CODE, EXCHANGE = GrantType.AUTHORIZATION_CODE.value, GrantType.TOKEN_EXCHANGE.value
SCOPES = "openid identities identities.manage"
BOT = f"""
  bot:
    name: Bot
    redirect_uris: ["https://bot.test/cb"]
    secret: {SECRET}
    id_token_alg: ES256
    lookup_identities: true
    first_party: true
"""
MAY = f"""
    grants: [{CODE}, "{EXCHANGE}"]
    accept_posted: [alpha]
"""
NOTHING_POSTED = f"{CONFIG.rstrip()}\n    scopes: [{SCOPES.replace(' ', ', ')}]{BOT}"
POSTED = f"{CONFIG.rstrip()}\n    scopes: [{SCOPES.replace(' ', ', ')}]{MAY.rstrip()}{BOT.rstrip()}{MAY}".replace(
    "client_id: a,", "client_id: a, accept_posted: [id_token], native_client_ids: [phone],"
)


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(POSTED, kind=PostingUpstream) as app:
        yield app


async def token_of(site: PublicApp) -> str:
    """The access token of a login by beta, of somebody who was asked who they are."""
    assert (await site.authorize(idp_hint="beta", prompt="login", scope=SCOPES)).status_code == 303
    code = answer_of(await site.browser.get(site.callback("beta")))["code"]
    form = {"grant_type": CODE, "code": code, "redirect_uri": REDIRECT, "client_id": "app"}
    answer = await site.browser.post("/token", data=form | {"code_verifier": VERIFIER})
    return str(answer.json()["access_token"])


def bearer(token: str) -> dict[str, str]:
    """Headers with this token."""
    return {"authorization": f"Bearer {token}"}


def basic(client_id: str = "bot") -> dict[str, str]:
    """Headers of a client with a secret."""
    return {"authorization": "Basic " + b64encode(f"{client_id}:{SECRET}".encode()).decode()}


async def credential(site: PublicApp, headers: dict[str, str], *, token: str = "t-1", **form: str) -> dict[str, str]:
    """What a kit gave to an app for a challenge that it took."""
    taken = await site.browser.post("/challenge", data={"provider": "alpha", **form}, headers=headers)
    assert taken.status_code == 200, taken.text
    said = {"subject_token": token, "subject_token_type": TokenType.ID_TOKEN.value, "subject_issuer": "alpha"}
    return said | {"challenge": str(taken.json()["challenge"])}


class Call:
    """A call with one credential, as often as it is made."""

    def __init__(self, site: PublicApp, token: str, sent: dict[str, str]) -> None:
        """`token`: of the person whose way in it becomes, "" for a look-up."""
        self._site, self._token, self._sent = site, token, sent

    async def __call__(self) -> httpx2.Response:
        """Once more, the same."""
        if self._token:
            return await self._site.browser.post("/identities", json=self._sent, headers=bearer(self._token))
        return await self._site.browser.post("/identities/lookup", data=self._sent, headers=basic())


@pytest.fixture(params=["add", "look up"])
async def call(request: pytest.FixtureRequest, site: PublicApp) -> Call:
    """That of an app which adds a way in, or which asks whose it is, of somebody who came by the provider once."""
    if request.param == "add":
        return Call(site, await token_of(site), await credential(site, {}, client_id="app"))
    first = await credential(site, {}, token="t-0", client_id="app")
    told = await site.browser.post("/token", data={"grant_type": EXCHANGE, "client_id": "app", **first})
    assert told.status_code == 200, told.text
    return Call(site, "", await credential(site, basic()))


def check_away(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["cache-control"] == "no-store"


async def test_m2_while_the_upstream_is_away_nothing_is_spent(site: PublicApp, call: Call) -> None:
    site.upstreams["alpha"].failure = UpstreamUnavailable("no answer")
    check_away(await call())
    site.upstreams["alpha"].failure = None
    assert (await call()).status_code in {200, 201}
    assert (await call()).status_code == 400, "and then it was"


@pytest.mark.parametrize("away", ["people.link people.person", "put claim", "*"])
async def test_m2_while_a_store_is_away_nothing_is_spent(site: PublicApp, call: Call, away: str) -> None:
    site.durable.fails = site.transient.fails = set(away.split()) | {away}
    check_away(await call())
    site.durable.fails = site.transient.fails = set()
    assert (await call()).status_code in {200, 201}
    assert (await call()).status_code == 400, "and then it was"


async def test_d18_whose_account_is_blocked_adds_nothing_and_is_nobody_to_a_look_up(site: PublicApp) -> None:
    token = await token_of(site)
    add = Call(site, token, await credential(site, {}, client_id="app"))
    assert (await add()).status_code == 201
    person = await site.durable.people.person("alpha", "x1")
    await site.durable.accounts.set_blocked(person.account.sub, True)
    add = Call(site, token, await credential(site, {}, token="t-2", client_id="app"))
    refused = await add()
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    hit = await Call(site, "", await credential(site, basic(), token="t-3"))()
    site.upstreams["alpha"].identity = Identity("nobody")
    miss = await Call(site, "", await credential(site, basic(), token="t-4"))()
    assert (hit.status_code, hit.content) == (miss.status_code, miss.content)
    assert hit.json()["error"] == "not_found"


async def test_where_a_sign_in_came_from_is_told_of_an_app_on_a_phone(site: PublicApp) -> None:
    agent = {"user-agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0"}
    form = {"grant_type": EXCHANGE, "client_id": "app", **await credential(site, {}, client_id="app")}
    assert (await site.browser.post("/token", data=form, headers=agent)).status_code == 200
    form = {"grant_type": EXCHANGE, **await credential(site, basic(), token="t-2")}
    assert (await site.browser.post("/token", data=form, headers=agent | basic())).status_code == 200
    person = await site.durable.people.person("alpha", "x1")
    seen = {one.client_id: one for one in await site.durable.history.sign_ins(person.account.sub, limit=10)}
    assert (seen["app"].place, seen["app"].agent) == ("localhost", "Chrome, Android")
    assert (seen["bot"].place, seen["bot"].agent) == ("", ""), "that is where a server stands"


async def test_where_no_client_may_bring_anything_there_is_nothing_of_it() -> None:
    async with public_app(NOTHING_POSTED, kind=PostingUpstream) as site:
        token = await token_of(site)
        answer = await site.browser.post("/identities", json={"subject_token": "t-1"}, headers=bearer(token))
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
        assert (await site.browser.get("/identities", headers=bearer(token))).status_code == 200
        assert (await site.browser.post("/challenge", data={"provider": "alpha"}, headers=basic())).status_code == 404
        sent = {"subject_token": "t-1", "subject_token_type": TokenType.ID_TOKEN.value, "subject_issuer": "alpha"}
        asked = await site.browser.post("/identities/lookup", data=sent, headers=basic())
        assert (asked.status_code, asked.json()["error"]) == (400, "unauthorized_client")
        paths = (await site.browser.get("/openapi.json")).json()["paths"]
        assert paths["/identities"].keys() == {"get"}
        assert "/challenge" not in paths
