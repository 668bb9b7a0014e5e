"""An app that orders messages to many people through a broker that is killed in between, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import httpx2

from broker.demo.people import Person, make_person
from broker.demo.upstreams import Telegram
from tests.threats.journeys import http
from tests.threats.site import Site

APP: Final = "robot-post"
SECRET: Final = "a secret of an app that writes to people"
BOT: Final = "7000000009"
FAULTS: Final = ("message_429", "message_lost", "500")


def configure(config: dict[str, Any], *, per_bot: int) -> None:
    """An app that may write, and a messenger that takes more in a second than the real one."""
    config["clients"][APP] = {
        "name": "Post",
        "secret": SECRET,
        "auth_method": "client_secret_basic",
        "grants": ["client_credentials"],
        "service_scopes": ["notify"],
    }
    config["notify"] = {"per_bot": f"{per_bot}/s"}
    config["limits"]["notify"] = "1000000/s"
    config["logging"] = {"level": "info", "format": "json"}


@dataclass
class Postman:
    """Orders messages, and keeps what was acknowledged: the text of each by its id."""

    site: Site
    people: list[Person]
    seed: int
    accepted: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @classmethod
    def among(cls, site: Site, people: int, *, seed: int) -> Postman:
        """So many people have an account through Telegram and allowed the app; one in ten has blocked the bot."""
        postman = cls(site, [make_person(f"p{number}") for number in range(people)], seed)
        postman.bots.people().update({person.key: person for person in postman.people})
        with contextlib.closing(sqlite3.connect(site.database, timeout=20)) as db, db:
            (key,) = db.execute(
                "SELECT provider_key FROM namespaces WHERE namespace = ?", (f"telegram:{BOT}",)
            ).fetchone()
            for person in postman.people:
                db.execute("INSERT INTO accounts (sub, created_at) VALUES (?, 0)", (person.key,))
                db.execute(
                    """INSERT INTO links (provider_key, subject, sub, provider, claims, raw_ids, seen_at)
                       VALUES (?, ?, ?, 'telegram', '{}', '{}', 0)""",
                    (key, person.ids["telegram"], person.key),
                )
                db.execute(
                    "INSERT INTO consents (sub, client_id, promise, scope, agreed_at) VALUES (?, ?, '', 'openid', 0)",
                    (person.key, APP),
                )
        for person in postman.people[::10]:
            postman.bots.blocked.add((BOT, person.ids["telegram"]))
        return postman

    @property
    def bots(self) -> Any:
        """The emulated Bot API."""
        telegram = self.site.raw_emulators["telegram"]
        assert isinstance(telegram, Telegram)
        return telegram.bots

    async def order(self, numbers: range) -> None:
        """One message each, and again with the same key until there is an answer."""
        async with http(self.site) as client:
            token = ""
            for number in numbers:
                person = self.people[number % len(self.people)]
                body = {"sub": person.key, "text": f"message {number}", "idempotency_key": f"k{number}"}
                while True:
                    try:
                        token = token or await self._token(client)
                        answer = await client.post("/notify", json=body, headers={"Authorization": f"Bearer {token}"})
                    except (httpx2.HTTPError, OSError):
                        await asyncio.sleep(0.2)
                        continue
                    if answer.status_code != 401:
                        break
                    token = ""
                if answer.status_code == 202:
                    self.accepted[answer.json()["id"]] = body["text"]
                else:
                    assert (answer.status_code, answer.json()["error"]) == (409, "unreachable"), answer.text
                    self.refused.append(person.ids["telegram"])

    async def disturb(self, stop: asyncio.Event) -> None:
        """Faults of the messenger, again and again."""
        dice = random.Random(self.seed)
        while not stop.is_set():
            self.site.raw_emulators["telegram"].faults.switch(dice.choice(FAULTS), on=True, times=1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), dice.uniform(1, 4))

    async def emptied(self, within: float) -> None:
        """Return when nothing is queued any more."""
        deadline = monotonic() + within
        while self._queued():
            assert monotonic() < deadline, f"{self._queued()} are queued still"
            await asyncio.sleep(0.3)

    async def look_up(self) -> None:
        """What the app is told of every message."""
        async with http(self.site) as client:
            token = await self._token(client)
            for message_id in self.accepted:
                answer = await client.get(f"/notify/{message_id}", headers={"Authorization": f"Bearer {token}"})
                self.statuses[answer.json()["status"]] += 1

    def _queued(self) -> int:
        with contextlib.closing(sqlite3.connect(f"file:{self.site.database}?mode=ro", uri=True)) as reader:
            (count,) = reader.execute("SELECT count(*) FROM notifications WHERE status = 'queued'").fetchone()
            return int(count)

    @staticmethod
    async def _token(client: httpx2.AsyncClient) -> str:
        form = {"grant_type": "client_credentials"}
        answer = await client.post("/token", data=form, auth=(APP, SECRET))
        answer.raise_for_status()
        return str(answer.json()["access_token"])
