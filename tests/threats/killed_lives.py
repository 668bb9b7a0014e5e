"""People and apps who use a broker that is killed again and again, and a ledger of everything it acknowledged.

An operation is written down when its answer came. What was under way at a kill has an unknown outcome: it may have
been done or not, but nothing in between, and it is not counted as lost.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import aiohttp
import httpx2

from broker.demo.people import Person, make_person
from broker.demo.visitor import Visitor
from tests.threats.journeys import back, http, new_visitor, post_as, redeem, refresh, request_for
from tests.threats.killed_ways import FIRST, SECOND, SHOP, allow, join, leave, part, seen_by, sign_in
from tests.threats.site import Site

INITIAL: Final = "an initial access token of these tests"
CROWD: Final = 200  # people who come and go
CUT_OFF: Final = (aiohttp.ClientError, httpx2.HTTPError, OSError, asyncio.TimeoutError)


def crowd() -> dict[str, Person]:
    """People whom the emulated upstream knows beside the three of the demo, by key."""
    people = [make_person(f"p{number}") for number in range(CROWD)]
    return {person.key: person for person in people}


def change(config: dict[str, Any]) -> None:
    """What the soak needs: codes that outlive a restart, registration, a quiet log."""
    config["tokens"] = {"code_ttl": "10m", "refresh_token": {"reuse_grace": "60s"}}
    config["registration"] = {"token_hashes": [f"sha256:{sha256(INITIAL.encode()).hexdigest()}"]}
    config["logging"] = {"level": "warning", "format": "json"}
    allow(config)


def invite(site: Site) -> None:
    """Let the crowd have accounts at the upstreams."""
    for provider in (FIRST, SECOND):
        site.raw_emulators[provider].people.update(crowd())


@dataclass
class Family:
    """What one redeemed code gave: `token` is the refresh token that counts, `doubt` one whose refresh was cut off."""

    person: str
    code: str
    token: str
    access: str
    spent: list[str] = field(default_factory=list)
    doubt: bool = False


@dataclass
class Ledger:
    """Everything acknowledged; a set or list by what must be true of it from then on."""

    subs: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)  # cookie -> person
    ended: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)  # (code, person), given and not used
    live: list[Family] = field(default_factory=list)
    dead: list[Family] = field(default_factory=list)
    clients: dict[str, str] = field(default_factory=dict)  # address -> token
    deleted: dict[str, str] = field(default_factory=dict)
    joined: list[str] = field(default_factory=list)  # people who have a second way in
    parted: list[str] = field(default_factory=list)  # who had one, and have it no more
    doubtful: set[str] = field(default_factory=set)  # who once set out to have one
    leaving: set[str] = field(default_factory=set)  # whose account is being deleted, or may be
    gone: dict[str, str] = field(default_factory=dict)  # sub -> who had it
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)


class Life:
    """Uses one broker: `worker` until it is killed, `audit` when it is back."""

    def __init__(self, site: Site, seed: int) -> None:
        """`seed` decides who does what; what is under way at a kill is chance."""
        self.site, self.ledger, self._dice = site, Ledger(), random.Random(seed)
        self._busy: set[str] = set()
        self._killed = asyncio.Event()

    async def until_killed(self, workers: int, seconds: float) -> None:
        """Load, and a kill in the middle of it, not before everybody could have been answered once."""
        self._killed.clear()
        answered = self.ledger.counts["answered"] + workers
        tasks = [asyncio.create_task(self._work()) for _ in range(workers)]
        await asyncio.sleep(seconds)
        while self.ledger.counts["answered"] < answered and not any(task.done() for task in tasks):
            await asyncio.sleep(0.01)
        self._killed.set()
        self.site.kill()
        await asyncio.gather(*tasks)
        self._busy.clear()
        self.ledger.counts["kills"] += 1

    async def _work(self) -> None:
        async with http(self.site) as client:
            while not self._killed.is_set():
                try:
                    await self._one_visit(client)
                except CUT_OFF:
                    if not self._killed.is_set():
                        raise
                    self.ledger.counts["cut off"] += 1

    def _count(self, what: str) -> None:
        self.ledger.counts["answered"] += 1
        self.ledger.counts[what] += 1

    # --- what people and apps do ---

    async def _one_visit(self, client: httpx2.AsyncClient) -> None:
        async with self._somebody() as person, new_visitor() as visitor:
            family = await self._log_in(client, visitor, person)
            await asyncio.sleep(0)
            for _ in range(self._dice.randrange(3)):
                await self._refresh(client, family)
            await self._silently(client, visitor, person)
            deeds = [self._stay, self._stay, self._revoke, self._log_out, self._register]
            deeds += [self._join, self._join, self._leave]
            await self._dice.choice(deeds)(client, visitor, family)

    @asynccontextmanager
    async def _somebody(self) -> AsyncIterator[str]:
        """A person with whom nobody else is busy."""
        free = sorted({f"p{number}" for number in range(CROWD)} - self._busy - self.ledger.leaving)
        person = self._dice.choice(free)
        self._busy.add(person)
        yield person
        self._busy.discard(person)

    async def _log_in(self, client: httpx2.AsyncClient, visitor: Visitor, person: str) -> Family:
        page = await sign_in(self.site, visitor, person, prompt="login")
        code = back(page).get("code", "")
        assert code, f"{page.status} {page.url} {page.title}"
        self._count("logins")
        self.ledger.sessions[cookie_of(self.site, visitor)] = person
        return await self._redeem(client, code, person)

    async def _redeem(self, client: httpx2.AsyncClient, code: str, person: str) -> Family:
        answer = await redeem(self.site, client, code, SHOP)
        assert answer.status_code == 200, answer.text
        self._count("codes redeemed")
        found = answer.json()
        self._check_sub(person, found["id_token"])
        family = Family(person, code, found["refresh_token"], found["access_token"])
        self.ledger.live.append(family)
        return family

    def _check_sub(self, person: str, id_token: str) -> None:
        sub = claims_of(id_token)["sub"]
        if self.ledger.subs.setdefault(person, sub) != sub:
            self.ledger.lost.append(f"{person} is somebody else now")

    async def _refresh(self, client: httpx2.AsyncClient, family: Family) -> None:
        family.doubt = True
        answer = await refresh(self.site, client, family.token, SHOP)
        assert answer.status_code == 200, answer.text
        self._count("refreshes")
        family.spent.append(family.token)
        family.token, family.access = answer.json()["refresh_token"], answer.json()["access_token"]
        family.doubt = False

    async def _silently(self, client: httpx2.AsyncClient, visitor: Visitor, person: str) -> None:
        """Single sign-on; the code is used, or kept over the kill."""
        code = await silent(self.site, client, cookie_of(self.site, visitor))
        assert code, "a session of a moment ago"
        self._count("single sign-ons")
        if self._dice.random() < 0.5:
            await self._redeem(client, code, person)
        else:
            self.ledger.waiting.append((code, person))

    async def _stay(self, client: httpx2.AsyncClient, visitor: Visitor, family: Family) -> None:
        """Whoever stays is there after the kill."""

    async def _revoke(self, client: httpx2.AsyncClient, visitor: Visitor, family: Family) -> None:
        self.ledger.live.remove(family)
        answer = await post_as(self.site, client, SHOP, "/revoke", token=family.token)
        assert answer.status_code == 200, answer.text
        self._count("revocations")
        self.ledger.dead.append(family)

    async def _log_out(self, client: httpx2.AsyncClient, visitor: Visitor, family: Family) -> None:
        cookie = cookie_of(self.site, visitor)
        self.ledger.sessions.pop(cookie)
        self.ledger.waiting = [one for one in self.ledger.waiting if one[1] != family.person]  # codes of it may be dead
        await visitor.get(f"{self.site.issuer}/logout")
        page = await visitor.click("logout")
        assert page.has("logged-out"), f"{page.status} {page.url} {page.title}"
        self._count("logouts")
        self.ledger.ended.append(cookie)

    async def _register(self, client: httpx2.AsyncClient, visitor: Visitor, family: Family) -> None:
        order = {"redirect_uris": ["https://new.example.com/cb"], "client_name": "New"}
        answer = await client.post("/register", json=order, headers=bearer(INITIAL))
        assert answer.status_code == 201, answer.text
        self._count("registrations")
        address, token = answer.json()["registration_client_uri"], answer.json()["registration_access_token"]
        if self._dice.random() < 0.5:
            self.ledger.clients[address] = token
            return
        answer = await client.delete(address, headers=bearer(token))
        assert answer.status_code == 204, answer.text
        self._count("deletions")
        self.ledger.deleted[address] = token

    async def _join(self, client: httpx2.AsyncClient, visitor: Visitor, family: Family) -> None:
        """A second way in, once in a life; sometimes it goes again."""
        person, ledger = family.person, self.ledger
        if person in ledger.doubtful:
            return
        ledger.doubtful.add(person)
        ledger.sessions.pop(cookie_of(self.site, visitor))
        ledger.waiting = [one for one in ledger.waiting if one[1] != person]  # codes of that session may be dead
        merging = self._dice.random() < 0.5
        page = await join(self.site, visitor, person, merging=merging)
        assert "code" in back(page), f"{page.status} {page.url} {page.title}"
        self._count("merges" if merging else "links")
        cookie = cookie_of(self.site, visitor)
        ledger.sessions[cookie] = person
        if self._dice.random() < 0.5:
            ledger.joined.append(person)
            return
        await part(self.site, client, cookie)
        self._count("unlinks")
        ledger.parted.append(person)

    async def _leave(self, client: httpx2.AsyncClient, visitor: Visitor, family: Family) -> None:
        """Their account is deleted, with everything that hung on it."""
        person, ledger = family.person, self.ledger
        ledger.leaving.add(person)
        sub, families = ledger.subs.pop(person), [one for one in ledger.live if one.person == person]
        cookies = [cookie for cookie, whose in ledger.sessions.items() if whose == person]
        ledger.live = [one for one in ledger.live if one.person != person]
        ledger.waiting = [one for one in ledger.waiting if one[1] != person]
        ledger.joined = [one for one in ledger.joined if one != person]
        ledger.parted = [one for one in ledger.parted if one != person]
        for cookie in cookies:
            ledger.sessions.pop(cookie)
        await leave(self.site, visitor)
        self._count("accounts deleted")
        ledger.gone[sub] = person
        ledger.ended += cookies
        ledger.dead += families
        ledger.leaving.discard(person)

    # --- what must be true afterwards ---

    async def audit(self) -> None:
        """The newest entries of every kind, and some of the old ones; what is wrong goes to `lost` and `undone`."""
        ledger = self.ledger
        async with http(self.site) as client:
            await self._audit_sessions(client)
            await self._audit_codes(client)
            await self._audit_ways()
            for family in self._pick(ledger.live):
                await self._audit_live(client, family)
            for family in self._pick(ledger.dead):
                await self._audit_dead(client, family)
            for known, status in ((ledger.clients, 200), (ledger.deleted, 401)):
                for address in self._pick(list(known)):
                    answer = await client.get(address, headers=bearer(known[address]))
                    self._judge(answer.status_code == status, status == 200, f"client {address}: {answer.status_code}")

    def _pick(self, entries: list[Any]) -> list[Any]:
        """The newest twenty, and ten of those before."""
        older = entries[:-20]
        return [*entries[-20:], *self._dice.sample(older, min(10, len(older)))]

    def _judge(self, good: bool, gone: bool, what: str) -> None:
        self.ledger.counts["checks"] += 1
        if not good:
            (self.ledger.lost if gone else self.ledger.undone).append(what)

    async def _audit_sessions(self, client: httpx2.AsyncClient) -> None:
        """A live one gives a code without a question, so session and consent are there; a dead one gives none."""
        for cookie in self._pick(list(self.ledger.sessions)):
            code, person = await silent(self.site, client, cookie), self.ledger.sessions[cookie]
            self._judge(bool(code), True, f"session or consent of {person}")
            if code:
                answer = await redeem(self.site, client, code, SHOP)
                self._judge(answer.status_code == 200, True, f"a code of {person}")
                self._check_sub(person, answer.json()["id_token"])
        for cookie in self._pick(self.ledger.ended):
            self._judge(not await silent(self.site, client, cookie), False, "a session that was ended")

    async def _audit_codes(self, client: httpx2.AsyncClient) -> None:
        """What waited is good once. What was used is not, and whoever brings it again ends what it gave."""
        waiting, self.ledger.waiting = self.ledger.waiting, []
        for code, person in waiting:
            answers = [await redeem(self.site, client, code, SHOP) for _ in range(2)]
            self._judge(answers[0].status_code == 200, True, f"a code of {person}")
            self._judge(answers[1].status_code == 400, False, f"a code of {person} counted twice")
        for family in self._dice.sample(self.ledger.live, min(5, len(self.ledger.live))):
            answer = await redeem(self.site, client, family.code, SHOP)
            self._bury(family, answer, "a code that was used")
        rotated = [family for family in self.ledger.live if len(family.spent) > 1]  # nothing is forgiven the first one
        for family in self._dice.sample(rotated, min(5, len(rotated))):
            self._bury(family, await refresh(self.site, client, family.spent[0], SHOP), "a spent refresh token")
        self.ledger.counts["people"] = len(self.ledger.subs)

    async def _audit_ways(self) -> None:
        """Who comes by the second way is who they are by the first, or, where it went again, is not.

        Who was deleted is somebody new.
        """
        for person in self._pick(self.ledger.joined):
            same = claims_of(await seen_by(self.site, person))["sub"] == self.ledger.subs[person]
            self._judge(same, True, f"the second way of {person}")
        for person in self._pick(self.ledger.parted):
            same = claims_of(await seen_by(self.site, person))["sub"] == self.ledger.subs[person]
            self._judge(not same, False, f"the second way of {person}")
        for sub in self._pick(list(self.ledger.gone)):
            person = self.ledger.gone[sub]
            if person not in self.ledger.leaving:  # once more
                today = claims_of(await seen_by(self.site, person, FIRST))["sub"]
                self._judge(today not in self.ledger.gone, False, f"the deleted account of {person}")

    def _bury(self, family: Family, answer: httpx2.Response, what: str) -> None:
        """What was shown a second time is refused, and the login it came from is over."""
        self._judge(answer.status_code == 400, False, what)
        self.ledger.live.remove(family)
        self.ledger.dead.append(family)

    async def _audit_live(self, client: httpx2.AsyncClient, family: Family) -> None:
        answer = await refresh(self.site, client, family.token, SHOP)
        self.ledger.counts["refreshes in doubt"] += family.doubt
        self._judge(answer.status_code == 200, True, f"refresh token of {family.person}: {answer.text}")
        if answer.status_code == 200:
            family.spent.append(family.token)
            family.token, family.access, family.doubt = (
                answer.json()["refresh_token"],
                answer.json()["access_token"],
                False,
            )

    async def _audit_dead(self, client: httpx2.AsyncClient, family: Family) -> None:
        for token in (family.token, *family.spent):
            answer = await refresh(self.site, client, token, SHOP)
            self._judge(answer.status_code == 400, False, "a refresh token that was revoked")
        answer = await client.get("/userinfo", headers=bearer(family.access))
        self._judge(answer.status_code == 401, False, "an access token that was revoked")


async def silent(site: Site, client: httpx2.AsyncClient, cookie: str) -> str:
    """The code that the holder of a session cookie gets without being asked anything; "" for none."""
    headers = {"Cookie": f"__Host-session={cookie}"}
    answer = await client.get("/authorize", params=request_for(site, SHOP, prompt="none"), headers=headers)
    assert answer.status_code == 303, answer.text
    return str(httpx2.URL(answer.headers["location"]).params.get("code", ""))


def cookie_of(site: Site, visitor: Visitor) -> str:
    """The value of the session cookie."""
    return next(c.value for c in visitor.cookies.sent_to(site.issuer) if c.name == "__Host-session")


def claims_of(id_token: str) -> dict[str, Any]:
    """What an ID token says; who signed it is not the question here."""
    body = id_token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def bearer(token: str) -> dict[str, str]:
    """A header."""
    return {"Authorization": f"Bearer {token}"}
