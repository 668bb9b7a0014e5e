"""What people and apps were told by a running broker, written down, and an audit of whether it still holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2

from broker.demo.visitor import Visitor
from tests.threats.journeys import back, code_for, http, new_visitor, redeem, refresh, revoke, sign_in, userinfo
from tests.threats.site import Site

PEOPLE = ("ada", "boris", "zoe")


@dataclass
class Family:
    """What one login gave an app: the newest tokens it was told of, and the code they came from."""

    code: str
    access: str
    refresh: str
    id_token: str
    known: bool = True
    """False when an answer was lost on its way: then nobody can say what became of it."""


@dataclass
class Ledger:
    """Acknowledged facts alone: what was answered with anything but success is not in here."""

    site: Site
    subs: dict[str, str] = field(default_factory=dict)
    live: list[Family] = field(default_factory=list)
    ended: list[Family] = field(default_factory=list)
    signed_out: list[Visitor] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def log_in(self, visitor: Visitor, person: str) -> Family:
        """A login with its code redeemed; the person's `sub` must be the one of before."""
        code = await code_for(self.site, visitor, person=person, prompt="login")
        async with http(self.site) as client:
            answer = await redeem(self.site, client, code)
            told = answer.json()
            who = await userinfo(self.site, client, told["access_token"])
        assert self.subs.setdefault(person, who.json()["sub"]) == who.json()["sub"], f"{person} is somebody else now"
        family = Family(code, told["access_token"], told["refresh_token"], told["id_token"])
        self.live.append(family)
        return family

    async def sign_out(self, visitor: Visitor, family: Family) -> None:
        """Ends the visitor's session."""
        page = await visitor.get(f"{self.site.issuer}/logout?{urlencode({'id_token_hint': family.id_token})}")
        assert page.status == 200, page.title
        self.signed_out.append(visitor)

    async def give_back(self, client: httpx2.AsyncClient, family: Family) -> None:
        """Its app revokes it."""
        await revoke(self.site, client, family.refresh)
        self.live.remove(family)
        self.ended.append(family)

    async def turn(self, client: httpx2.AsyncClient, family: Family) -> int:
        """One refresh, and the status of the answer; 0 when there was none."""
        try:
            answer = await refresh(self.site, client, family.refresh)
        except httpx2.TransportError:
            family.known = False
            return 0
        self.answers.append(answer.status_code)
        if answer.status_code == 200:
            told: dict[str, Any] = answer.json()
            family.access, family.refresh = told["access_token"], told["refresh_token"]
        return answer.status_code

    async def audit(self) -> tuple[list[str], list[str]]:
        """(lost, undone): what was acknowledged and is not there, and what had ended and counts again."""
        lost, undone = [], []
        async with http(self.site) as client:
            for number, family in enumerate(self.live):
                if family.known and await self.turn(client, family) != 200:
                    lost.append(f"refresh token {number}")
                if (await redeem(self.site, client, family.code)).status_code == 200:
                    undone.append(f"code {number}")
        return lost + await self._people(), undone + await self.risen()

    async def risen(self) -> list[str]:
        """What was revoked or ended and counts again."""
        found = []
        async with http(self.site) as client:
            for number, family in enumerate(self.ended):
                answers = (
                    await refresh(self.site, client, family.refresh),
                    await userinfo(self.site, client, family.access),
                    await redeem(self.site, client, family.code),
                )
                found += [f"grant {number}: {answer.url.path}" for answer in answers if answer.status_code == 200]
        for number, visitor in enumerate(self.signed_out):
            if "code" in back(await sign_in(self.site, visitor, prompt="none")):
                found.append(f"logout {number}")
        return found

    async def _people(self) -> list[str]:
        before, lost = dict(self.subs), []
        for person, sub in before.items():
            self.subs.pop(person)
            async with new_visitor() as visitor:
                await self.log_in(visitor, person)
            if self.subs[person] != sub:
                lost.append(f"account of {person}")
        return lost


async def fill(ledger: Ledger, *, families: int = 6) -> None:
    """People who log in, apps that refresh and revoke, somebody who signs out."""
    async with http(ledger.site) as client:
        for number in range(families):
            async with new_visitor() as visitor:
                family = await ledger.log_in(visitor, PEOPLE[number % len(PEOPLE)])
                await ledger.turn(client, family)
                if number % 3 == 2:
                    await ledger.give_back(client, family)


async def load(ledger: Ledger, stop: asyncio.Event) -> None:
    """Refreshes of every family, one after the other in each, until told to stop or its outcome is unknown."""

    async def lane(family: Family) -> None:
        async with http(ledger.site) as client:
            while not stop.is_set() and await ledger.turn(client, family) == 200:
                pass

    await asyncio.gather(*(lane(family) for family in ledger.live if family.known))
