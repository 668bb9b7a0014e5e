"""Makes data with an older version: `python -m tests.compatibility.make_data PYTHON FOLDER [OPTION ...]`.

PYTHON is the interpreter of that version's virtual environment, the options are for its `broker serve`. That runs over
a fresh database while people sign in, apps ask for tokens and devices wait; it is stopped in the middle of all that.
What stays are the database, the configuration and, in `known.json`, what apps, devices and browsers held just then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import jwt

from broker.cli.common import resolve
from broker.config.load import load
from broker.demo.emulation import build_emulators
from broker.demo.servers import serving, take_port
from broker.demo.upstreams import Options
from broker.demo.visitor import Page, Visitor
from tests.compatibility.world_of_then import DATABASE, ELSEWHERE, ISSUER, MINTED, PORTS, upstream
from tests.threats.journeys import (
    authorize_url,
    http,
    own_token,
    pushed,
    redeem,
    refresh,
    revoke,
    sign_in,
)
from tests.threats.settings import provider_keys
from tests.threats.site import Site

_INITIAL: Final = "an-initial-access-token-of-then"
_EVERYTHING: Final = ["openid", "profile", "email", "phone", "offline_access"]
_WAYS: Final = ("google", "vk", "ok", "ok-client", "yandex", "telegram", "widget", "company")


def config_of(folder: Path) -> dict[str, Any]:
    """Every provider kind, and a client of every kind that leaves something behind."""

    def client(name: str, **more: Any) -> dict[str, Any]:
        uri = f"https://{name}.example.com/cb"
        base = {"name": name.title(), "redirect_uris": [uri], "scopes": _EVERYTHING, "first_party": True}
        public = more.get("auth_method") == "none"
        proof = {} if public else {"secret": secrets.token_urlsafe(32), "auth_method": "client_secret_basic"}
        return {**base, **proof, **more}

    everybody = {name: settings for name, settings in provider_keys().items() if name != "google-two"}
    company: dict[str, Any] = {"type": "oidc", "issuer": "https://sso.example.com", "client_id": "at-the-company"}
    company |= {"client_secret": secrets.token_urlsafe(32), "use_refresh_token": True}
    company |= {"scopes": ["openid", "profile", "email", "phone", "offline_access"]}
    company |= {"logout": {"backchannel": True, "rp_initiated": True}}
    plenty = dict.fromkeys(("login_start", "callback", "token", "device_code_entry", "registration"), "1000000/s")
    device = "urn:ietf:params:oauth:grant-type:device_code"
    writes = {"grants": ["authorization_code", "refresh_token", "client_credentials"], "service_scopes": ["notify"]}
    providers: dict[str, dict[str, Any]] = {**everybody, "company": company}
    for settings in providers.values():
        kind, number = settings["type"], PORTS[settings["type"]]
        settings |= {"browser_base": upstream(kind), "server_base": f"http://127.0.0.1:{number}"}
    return {
        "version": 1,
        "issuer": ISSUER,
        "server": {"listen": f"127.0.0.1:{PORTS['broker']}", "management": None},
        "storage": {"sqlite": {"path": str(folder / DATABASE)}},
        "keys": {"master": [b64encode(secrets.token_bytes(32)).decode()], "algorithms": ["RS256", "ES256"]},
        "providers": providers,
        "clients": {
            "app": client("app", initiate_login_uri="https://app.example.com/login", **writes),
            "hearing": client("hearing", backchannel_logout_uri="https://hearing.example.com/out"),
            "shop": client("shop", first_party=False),
            "bank": client("bank", subject_type="pairwise"),
            "spa": client("spa", auth_method="none", access_token_format="jwt", id_token_alg="ES256"),
            "robot": client("robot", redirect_uris=[], grants=["client_credentials"], service_scopes=["orders:read"]),
            "tv": client("tv", redirect_uris=[], auth_method="none", grants=["refresh_token", device]),
        },
        "registration": {"token_hashes": [f"sha256:{sha256(_INITIAL.encode()).hexdigest()}"], "scopes": _EVERYTHING},
        "limits": plenty,
        "logging": {"format": "json"},
    }


class Then:
    """What happened before the broker was stopped; `known` is what the others kept of it."""

    def __init__(self, site: Site, client: httpx2.AsyncClient) -> None:
        """`client` is the back channel of every app."""
        self.site = site
        self.client = client
        self.known: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator[Visitor]:
        """A fresh browser."""
        async with Visitor(stops=ELSEWHERE) as visitor:
            yield visitor

    async def login(
        self, visitor: Visitor, provider: str, person: str, client_id: str, scope: str = " ".join(_EVERYTHING)
    ) -> dict[str, Any]:
        """Somebody signs in; what the app got, and the browser's cookies."""
        page = await sign_in(self.site, visitor, client_id, person, idp_hint=provider, scope=scope)
        assert "code" in page.params, f"{provider}: {page.url} {page.status} {page.title} {page.text[:500]}"
        answer = await redeem(self.site, self.client, page.params["code"], client_id)
        return self._kept(answer, visitor, provider=provider, person=person, client_id=client_id)

    def _kept(self, answer: httpx2.Response, visitor: Visitor, **more: str) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        sub = jwt.decode(told["id_token"], options={"verify_signature": False})["sub"]
        told = {name: told[name] for name in ("access_token", "refresh_token", "id_token") if name in told}
        return {**more, **told, "sub": sub, "cookies": cookies_of(visitor)}

    async def everybody(self) -> None:
        """Through every provider; of each refresh token a later one is held."""
        self.known["logins"] = logins = []
        ways = [*((way, "ada") for way in _WAYS), ("google", "boris"), ("vk", "zoe"), ("company", "boris")]
        for number, (way, person) in enumerate(ways):
            async with self.browser() as visitor:
                login = await self.login(visitor, way, person, "app")
                login["spent"] = []
                for _ in range(number % 3):
                    login["spent"].append(login["refresh_token"])
                    answer = await refresh(self.site, self.client, login["refresh_token"])
                    assert answer.status_code == 200, answer.text
                    login |= {name: answer.json()[name] for name in ("refresh_token", "access_token")}
                logins.append(login)

    async def other_apps(self) -> None:
        """One that people agreed to, one with subjects of its own, a public one, one that registered itself."""
        for name in ("shop", "bank", "spa"):
            async with self.browser() as visitor:
                self.known[name] = await self.login(visitor, "vk", "ada", name)
        metadata = {"client_name": "Registered", "redirect_uris": ["https://registered.example.com/cb"]}
        metadata |= {"grant_types": ["authorization_code", "refresh_token"], "scope": " ".join(_EVERYTHING)}
        answer = await self.client.post("/register", json=metadata, headers={"Authorization": f"Bearer {_INITIAL}"})
        assert answer.status_code == 201, answer.text
        entry = answer.json()
        self.site.config["clients"][entry["client_id"]] = {
            "secret": entry["client_secret"],
            "auth_method": "client_secret_basic",
            "redirect_uris": metadata["redirect_uris"],
        }
        async with self.browser() as visitor:
            login = await self.login(visitor, "yandex", "ada", entry["client_id"])
        self.known["registered"] = {**login, "entry": entry}

    async def sessions(self) -> None:
        """One that an app wants to hear the end of, and one that its upstream has ended."""
        async with self.browser() as visitor:
            self.known["heard"] = await self.login(visitor, "company", "ada", "hearing", "openid profile")
        async with self.browser() as visitor:
            self.known["over"] = await self.login(visitor, "company", "boris", "app", "openid profile")
            said = await self.client.post(f"{_server('oidc')}/_emulator/logout", json={"person": "boris"})
            assert [one["status"] for one in said.json()] == [200], said.text

    async def entered(self) -> None:
        """Somebody opened a signed link and was asked whether it is theirs."""
        order = {"person": "boris", "url": f"{ISSUER}/enter/telegram/app"}
        link = (await self.client.post(f"{_server('telegram')}/_emulator/login_url", json=order)).json()["url"]
        async with self.browser() as visitor:
            page = await visitor.get(link)
            ticket = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
            self.known["entry"] = {"path": urlsplit(link).path, "ticket": ticket, "cookies": cookies_of(visitor)}

    async def ended(self) -> None:
        """Tokens taken back, and a logout that an app has not heard of yet."""
        self.known["robot"] = [await own_token(self.site, self.client) for _ in range(2)]
        await revoke(self.site, self.client, self.known["robot"][1], "robot")
        async with self.browser() as visitor:
            self.known["revoked"] = login = await self.login(visitor, "google", "ada", "app")
        await revoke(self.site, self.client, login["refresh_token"])
        async with self.browser() as visitor:
            login = await self.login(visitor, "google", "zoe", "hearing", "openid profile")
            page = await visitor.get(f"{ISSUER}/logout?id_token_hint={login['id_token']}")
            assert page.status == 200, page.text
            self.known["logged_out"] = login
        async with self.browser() as visitor:  # the upstream has to hear of this one: the browser is there now
            login = await self.login(visitor, "company", "zoe", "hearing", "openid profile")
            visitor.stops = (*ELSEWHERE, upstream("oidc"))
            page = await visitor.get(f"{ISSUER}/logout?id_token_hint={login['id_token']}")
            assert page.status == 0, (page.url, page.status)
            self.known["leaving"] = {"url": page.url, "cookies": cookies_of(visitor)}

    async def devices(self) -> None:
        """One waits, the other was allowed and has not asked again, and of a third one somebody is being asked."""
        told = {}
        for name in ("waiting", "allowed", "asked"):
            answer = await self.client.post(
                "/device_authorization", data={"client_id": "tv", "scope": "openid profile"}
            )
            assert answer.status_code == 200, answer.text
            told[name] = {"told": answer.json()}
        for name in ("allowed", "asked"):
            async with self.browser() as visitor:
                page = await self._at_the_device(visitor, told[name]["told"]["user_code"])
                told[name]["cookies"] = cookies_of(visitor)
                if name == "allowed":
                    page = await visitor.click("allow")
                    assert page.has("done"), page.text
                else:
                    told[name]["ticket"] = page.markup.forms[0].fields["ticket"]
        self.known["devices"] = told

    async def _at_the_device(self, visitor: Visitor, user_code: str) -> Page:
        await visitor.get(f"{ISSUER}/device")
        page = await visitor.submit("", user_code=user_code)
        page = await visitor.click("provider-google")
        if page.has("person-ada"):
            page = await visitor.click("person-ada")
        assert page.has("allow"), page.text
        return page

    async def messages(self) -> None:
        """One that somebody got, and one that the messenger had no answer for yet."""
        headers = {"Authorization": f"Bearer {await own_token(self.site, self.client, 'app')}"}
        sub = next(one["sub"] for one in self.known["logins"] if one["provider"] == "telegram")
        self.known["messages"] = told = {}
        for name in ("sent", "waiting"):
            if name == "waiting":
                answer = await self.client.post(f"{_server('telegram')}/_emulator/faults", json={"fault": "500"})
                assert answer.is_success, answer.text
            sent = {"sub": sub, "text": f"A message of then, {name}"}
            answer = await self.client.post("/notify", json=sent, headers=headers)
            assert answer.status_code == 202, answer.text
            told[name] = answer.json()["id"]
            while name == "sent":
                answer = await self.client.get(f"/notify/{told[name]}", headers=headers)
                if answer.json()["status"] == "sent":
                    break
                await asyncio.sleep(0.1)

    async def unfinished(self) -> None:
        """Codes, pushed requests, questions, and people who are at an upstream."""
        await self._begun_logins()
        async with self.browser() as visitor:
            await visitor.get(authorize_url(self.site, "shop", idp_hint="ok"))
            page = await visitor.click("person-zoe")
            assert page.has("allow"), page.text
            ticket = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
            self.known["question"] = {"ticket": ticket, "cookies": cookies_of(visitor)}
        fresh = await pushed(self.site, "app", idp_hint="google", state="pushed")
        shown = await pushed(self.site, "app", idp_hint="google", state="shown")
        async with self.browser() as visitor:
            page = await visitor.get(f"{ISSUER}/authorize?client_id=app&request_uri={shown}")
            self.known["pushed"] = {"fresh": fresh, "shown": shown, "cookies": cookies_of(visitor), "at": page.url}
        codes = {}
        for client_id in ("app", "spa", "hearing"):
            async with self.browser() as visitor:
                page = await sign_in(self.site, visitor, client_id, "ada", idp_hint="company", scope="openid")
                codes[client_id] = page.params["code"]
        self.known["codes"] = codes

    async def _begun_logins(self) -> None:
        """The address at the upstream and the cookies of the attempt; the last one is too large for a cookie."""
        begun: list[dict[str, Any]] = []
        self.known["begun"] = begun
        for way in (*_WAYS, "google"):
            async with self.browser() as visitor:
                visitor.stops = (*ELSEWHERE, *(upstream(kind) for kind in PORTS))
                state = "s" * 1800 if begun and way == "google" else f"begun-{way}"
                more = {"nonce": "n" * 500, "login_hint": "h" * 250} if len(state) > 1000 else {}
                page = await visitor.get(authorize_url(self.site, "app", idp_hint=way, state=state, **more))
                assert page.status == 0, (way, page.url, page.status, page.text[:500])
                begun.append({"provider": way, "state": state, "url": page.url, "cookies": cookies_of(visitor)})


def _server(kind: str) -> str:
    return f"http://127.0.0.1:{PORTS[kind]}"


def cookies_of(visitor: Visitor) -> list[list[str]]:
    """Every Set-Cookie the browser met at the broker, in order."""
    return [list(page.set_cookies) for page in visitor.pages if page.set_cookies and page.url.startswith(ISSUER)]


async def _live(site: Site, python: str) -> dict[str, Any]:
    config = load(str(site.folder / "config.json"), resolve)
    emulators = build_emulators(config, Options(mint=lambda: MINTED + secrets.token_hex(16)))
    ports = [(take_port(kind, "127.0.0.1", PORTS[kind]), emulator.app) for kind, emulator in emulators.items()]
    rotate = [python, "-m", "broker", "keys", "rotate", "--now", "--config", str(site.folder / "config.json")]
    async with serving(ports), http(site) as client:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if (await client.get("/jwks")).status_code == 200:
                    break
            await asyncio.sleep(0.1)
        then = Then(site, client)
        await then.everybody()
        rotating = await asyncio.create_subprocess_exec(*rotate, cwd=site.folder)
        assert await rotating.wait() == 0
        for step in (
            then.other_apps,
            then.sessions,
            then.ended,
            then.devices,
            then.entered,
            then.unfinished,
            then.messages,
        ):
            await step()
        return {"then": int(time.time()), **then.known}


@contextlib.contextmanager
def _running(python: str, folder: Path, options: Sequence[str]) -> Iterator[None]:
    command = [python, "-m", "broker", "serve", "--config", str(folder / "config.json"), *options]
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, cwd=folder, env={**os.environ, "PYTHONPATH": ""})
        try:
            yield
        finally:
            process.send_signal(SIGTERM)
            process.wait(40)


def main(python: str, target: Path, *options: str) -> None:
    """Make it, and write the three files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = config_of(folder)
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "config.json").chmod(0o600)
        site = Site(config, folder, ISSUER, "", {}, {})
        with _running(python, folder, options):
            known = asyncio.run(_live(site, python))
        with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("VACUUM")
        target.mkdir(parents=True, exist_ok=True)
        config["clients"] = {name: client for name, client in config["clients"].items() if not name.startswith("dc_")}
        config["storage"]["sqlite"]["path"] = DATABASE
        (target / DATABASE).write_bytes((folder / DATABASE).read_bytes())
        (target / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        (target / "known.json").write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
