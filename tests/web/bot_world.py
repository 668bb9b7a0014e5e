"""A broker whose Telegram has a bot to open, a browser that waits, and the chat in which somebody answers."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from broker.core.authorize.pkce import build_challenge
from broker.core.login.by_bot import NO
from broker.demo.background import PROVIDERS, TEST_APP, RunningBroker, running_in_background
from broker.demo.headless import ClientData
from broker.demo.people import PEOPLE
from broker.demo.switches import Switches
from broker.demo.visitor import Page, Visitor
from broker.upstream.exchange import tls_context

BOT, SECRET = "test_login_bot", "webhook-secret-of-at-least-32-characters"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
STARTABLE = {
    **PROVIDERS["telegram"],
    "bot_username": BOT,
    "bot_start": True,
    "webhook_secret": SECRET,
}
_OTHER = {"type": "telegram", "client_id": "7000000019", "client_secret": "another-secret", "bot_token": "7000000019:t"}
OTHER = _OTHER | {"bot_username": "other_login_bot", "bot_start": True, "webhook_secret": f"other-{SECRET}"}
WIDGET = {"type": "telegram", "mode": "widget", "client_id": "7000000009", "bot_token": "7000000009:test"}


@contextmanager
def bots(**more: dict[str, Any]) -> Iterator[RunningBroker]:
    """Two bots, and what is given."""
    providers = {"telegram": STARTABLE, "telegram-two": OTHER, "google": PROVIDERS["google"], **more}
    with running_in_background({}, providers=providers) as running:
        yield running


@dataclass
class Desk:
    """Somebody at a computer, at the page of the provider."""

    broker: RunningBroker
    visitor: Visitor
    provider: str
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    async def open_bot(self) -> Page:
        """They want to open the bot."""
        return await self.visitor.click("by-bot")

    @property
    def link(self) -> str:
        """Where the button leads."""
        return self.visitor.page.markup.links["open-bot"]

    @property
    def token(self) -> str:
        """What the link carries."""
        return parse_qs(urlsplit(self.link).query)["start"][0]

    @property
    def number(self) -> str:
        """What their screen shows."""
        return number_on(self.visitor.page)

    @property
    def client(self) -> ClientData:
        """The app they sign in to."""
        return self.broker.client()

    async def look(self) -> Page:
        """Their page loads itself again."""
        return await self.visitor.get(self.visitor.page.url)

    async def redeem(self) -> dict[str, Any]:
        """At the app: what userinfo says of whoever has arrived there."""
        code = self.visitor.page.params["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uri}
        async with httpx2.AsyncClient(verify=tls_context(None)) as http:
            basic = (self.client.client_id, self.client.client_secret)
            answer = await http.post(f"{self.broker.issuer}/token", data=form | {"code_verifier": VERIFIER}, auth=basic)
            token = answer.json()["access_token"]
            told = await http.get(f"{self.broker.issuer}/userinfo", headers={"Authorization": f"Bearer {token}"})
            return dict(told.json())


def number_on(page: Page) -> str:
    """What a page that waits for a chat shows."""
    found = re.search(r'id="number"[^>]*>(\d\d)<', page.text)
    assert found, page.text
    return found[1]


VERIFIER = secrets.token_urlsafe(32)


@asynccontextmanager
async def desk(
    broker: RunningBroker, provider: str = "telegram", *, languages: str = "en", scripts: bool = True
) -> AsyncIterator[Desk]:
    """A fresh browser, sent by the app to this provider."""
    client = broker.client(TEST_APP)
    request = {"response_type": "code", "client_id": client.client_id, "redirect_uri": client.redirect_uri}
    request |= {"scope": "openid profile identities", "state": "s-1", "nonce": "n-1", "idp_hint": provider}
    request |= {"code_challenge": build_challenge(VERIFIER), "code_challenge_method": "S256"}
    async with Visitor(stops=(client.redirect_uri,), languages=languages, scripts=scripts) as visitor:
        await visitor.get(f"{broker.issuer}/authorize?{urlencode(request)}")
        yield Desk(broker, visitor, provider)


@dataclass
class Phone:
    """Somebody in their own chat with the bot. Each thing they do is an update to the broker, by a real socket."""

    emulators: Mapping[str, Switches]
    person: str
    bot: str = BOT

    async def say(self, **what: str) -> list[int]:
        """What the broker answered to all updates so far."""
        url = f"{self.emulators['telegram'].url}/_emulator/say"
        async with httpx2.AsyncClient(timeout=30, verify=tls_context(None)) as http:
            answer = await http.post(url, json={"person": self.person, "username": self.bot, **what})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["statuses"])

    async def start(self, token: str) -> list[int]:
        """Open the bot by a link that carries this, and press Start."""
        return await self.say(text=f"/start {token}")

    async def messages(self) -> list[dict[str, Any]]:
        """All that the bot wrote to them, each with its number."""
        async with httpx2.AsyncClient(verify=tls_context(None)) as http:
            every = (await http.get(f"{self.emulators['telegram'].url}/_emulator/messages")).json()
        chat = next(one for one in PEOPLE if one.key == self.person).ids["telegram"]
        return [one | {"id": number} for number, one in enumerate(every, 1) if one["chat_id"] == chat]

    async def last(self) -> dict[str, Any]:
        """What it wrote last."""
        return (await self.messages())[-1]

    async def press(self, value: str) -> list[int]:
        """A button of the last question: a number, or NO."""
        question = await self.last()
        data = next(data for _, data in question["choices"] if data.endswith(f":{value}"))
        return await self.say(message=str(question["id"]), data=data)

    async def press_wrong(self, right: str) -> list[int]:
        """Some other number."""
        question = await self.last()
        values = [data.rpartition(":")[2] for _, data in question["choices"]]
        return await self.press(next(value for value in values if value not in {right, NO}))


async def send(
    broker: RunningBroker, update: object, *, provider: str = "telegram", secret: str | None = SECRET
) -> httpx2.Response:
    """An update of anybody's."""
    headers = {} if secret is None else {HEADER: secret}
    async with httpx2.AsyncClient(verify=tls_context(None)) as http:
        return await http.post(f"{broker.issuer}/updates/{provider}", json=update, headers=headers)


def started(token: str, *, number: int, person: int = 5000000042, **changed: Any) -> dict[str, Any]:
    """An update: this person pressed Start at a link that carries the token."""
    sender = {"id": person, "is_bot": False, "first_name": "Ada"}
    message = {"message_id": 1, "from": sender, "chat": {"id": person, "type": "private"}, "text": f"/start {token}"}
    return {"update_id": number, "message": message | changed}
