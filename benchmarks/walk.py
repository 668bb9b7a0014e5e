"""What one login calls, counted: `python -m benchmarks.walk`. No timings, so every run prints the same.

A broker and the emulated VK stand in this process, VK in a thread of its own. A person who is known and has agreed logs
in with a fresh browser; the app exchanges the code, refreshes, asks userinfo and introspects. Of every request to the
broker the calls of functions in `broker/` and `providers/` are counted (no comprehensions, and a coroutine once however
often it waits); what the writer thread of the store does is not, calls of the store are. Then come figures of the tree.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2

import broker
from benchmarks.house import print_house
from broker.app import build
from broker.cli.common import resolve
from broker.config.load import load_text
from broker.demo.emulation import Address, Options, build_emulators, turned
from broker.demo.servers import serving, take_port
from broker.demo.visitor import Visitor

ROOT = Path(broker.__file__).parents[1]
ISSUER, REDIRECT = "https://id.test", "https://app.test/callback"
SECRET = "nB8yqv4mJg0qO7cC2o9n1bXzfUk0tN3vV"
CONFIG = f"""\
version: 1
issuer: {ISSUER}
keys: {{algorithms: [ES256]}}
storage: {{sqlite: {{path: "{{path}}"}}}}
providers:
  vk: {{type: vk, client_id: "51"}}
clients:
  app:
    name: App
    secret: {SECRET}
    redirect_uris: [{REDIRECT}]
    id_token_alg: ES256
    first_party: true
    scopes: [openid, profile, email, offline_access]
"""
_COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>"}  # calls in some versions of Python and none in others
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


@dataclass
class Walk:
    """What one request called."""

    calls: Counter[CodeType] = field(default_factory=Counter)
    arrows: Counter[tuple[str, str]] = field(default_factory=Counter)
    store: Counter[str] = field(default_factory=Counter)
    tree: list[str] = field(default_factory=list)
    deepest: int = 0
    _entered: set[FrameType] = field(default_factory=set)

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """A profile function (`sys.setprofile`)."""
        if event != "call" or not is_ours(frame.f_code) or frame in self._entered:
            return
        self._entered.add(frame)
        above = list(_ours_above(frame))
        self.calls[frame.f_code] += 1
        self.tree.append(f"{'  ' * len(above)}{_describe(frame.f_code)}")
        self.deepest = max(self.deepest, len(above) + 1)
        here, there = frame.f_code.co_filename, above[0].f_code.co_filename if above else ""
        if there and here != there:
            self.arrows[there, here] += 1
        # The engine's coroutine is made inside the store and awaited outside: the same call, entered twice.
        if "/broker/store/" in here and "/broker/store/" not in there and "engine" not in here:
            self.store["transient" if "transient" in here or "/redis" in here else "durable"] += 1

    def row(self) -> tuple[int, ...]:
        """The columns of the table."""
        files = {code.co_filename for code in self.calls}
        counts = (len(files), len(self.calls), self.calls.total(), self.arrows.total(), len(self.arrows), self.deepest)
        return *counts, self.store["durable"], self.store["transient"]

    def in_folders(self) -> str:
        """Calls by folder, most first."""
        folders: Counter[str] = Counter()
        for code, number in self.calls.items():
            folders[str(Path(code.co_filename).relative_to(ROOT).parent)] += number
        return ", ".join(f"{folder} {number}" for folder, number in folders.most_common())


def _describe(code: CodeType) -> str:
    return f"{code.co_qualname}  {Path(code.co_filename).relative_to(ROOT)}"


_PLACES = (f"{ROOT}/broker/", f"{ROOT}/providers/")


def is_ours(code: CodeType) -> bool:
    """Whether it is a function of the product; the demo is only its surroundings."""
    name = code.co_filename
    return name.startswith(_PLACES) and "/demo/" not in name and code.co_name not in _COMPREHENSIONS


def _ours_above(frame: FrameType) -> Iterator[FrameType]:
    above = frame.f_back
    while above is not None:
        if is_ours(above.f_code):
            yield above
        above = above.f_back


class Watched:
    """An ASGI app whose requests are walked, each under the name that `name` has when it comes."""

    def __init__(self, app: App) -> None:
        """`app` answers."""
        self._app, self.name = app, ""
        self.walks: dict[str, Walk] = {}

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass the request on."""
        walk = self.walks[self.name] = Walk()
        sys.setprofile(walk.profile)
        try:
            await self._app(scope, receive, send)
        finally:
            sys.setprofile(None)


@contextmanager
def emulated(emulators: Any) -> Iterator[dict[str, Address]]:
    """Serve each emulator on a port of this machine, in one other thread."""
    ports = {kind: take_port(kind, "127.0.0.1") for kind in emulators}
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with serving([(port, emulators[kind].app) for kind, port in ports.items()]):
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        urls = {kind: f"http://127.0.0.1:{port.number}" for kind, port in ports.items()}
        yield {kind: Address(url, url) for kind, url in urls.items()}
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        for port in ports.values():
            port.close()
        loop.close()


class Journey:
    """One login after another at the broker, each with a fresh browser."""

    def __init__(self, watched: Watched) -> None:
        """`watched` is the broker."""
        self._watched = watched

    async def log_in(self) -> None:
        """Everything an app and a browser do."""
        self._browser = httpx2.AsyncClient(transport=httpx2.ASGITransport(self._watched), base_url=ISSUER)
        async with self._browser:
            leaving = await self._ask("GET /authorize", "GET", f"/authorize?{urlencode(self._request())}")
            back = await self._choose(leaving.headers["location"])
            landed = await self._ask("GET /callback", "GET", back)
            answer = dict(parse_qsl(urlsplit(landed.headers["location"]).query))
            form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT}
            tokens = (await self._post("POST /token code", "/token", form | {"code_verifier": self._verifier})).json()
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            tokens = (await self._post("POST /token refresh", "/token", form)).json()
            bearer = {"authorization": f"Bearer {tokens['access_token']}"}
            who = await self._ask("GET /userinfo", "GET", "/userinfo", headers=bearer)
            told = await self._post("POST /introspect", "/introspect", {"token": tokens["access_token"]})
            if who.json()["name"] == "" or told.json()["active"] is not True:
                raise RuntimeError("the login did not work")

    def _request(self) -> dict[str, str]:
        self._verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).rstrip(b"=").decode()
        return {
            "client_id": "app",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid profile email offline_access",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }

    async def _ask(self, name: str, method: str, url: str, **more: Any) -> httpx2.Response:
        self._watched.name = name
        answer = await self._browser.request(method, url, **more)
        if answer.status_code not in {200, 302, 303}:
            raise RuntimeError(f"{name}: {answer.status_code} {answer.text[:500]}")
        return answer

    async def _post(self, name: str, path: str, form: dict[str, str]) -> httpx2.Response:
        return await self._ask(name, "POST", path, data=form, auth=("app", SECRET))

    async def _choose(self, url: str) -> str:
        """Be the first person there is; where the upstream sends the browser."""
        async with Visitor(stops=(f"{ISSUER}/callback",)) as visitor:
            page = await visitor.get(url)
            if page.status:
                page = await visitor.click("person-ada")
            return page.url


async def walk(folder: str) -> dict[str, Walk]:
    """The third login of somebody: everything that is kept for a while is there."""
    text = CONFIG.replace("{path}", f"{folder}/broker.db")
    config = load_text(text, "config.yaml", resolve, environ={}, base=Path()).config
    emulators = build_emulators(config, Options())
    with emulated(emulators) as addresses:
        ready = turned(config, addresses, emulators).model_copy(update={"storage": config.storage})
        standing = await build(ready)
        try:
            watched = Watched(standing.public)
            for _ in range(3):
                await Journey(watched).log_in()
        finally:
            await standing.close()
    return watched.walks


def main() -> None:
    """Print it."""
    with TemporaryDirectory() as folder, Path(folder, "log").open("w") as log, redirect_stdout(log):
        walks = asyncio.run(walk(folder))
    columns = ("files", "functions", "calls", "cross-file", "arrows", "deepest", "durable", "transient")
    print(f"{'':22}" + "".join(f"{name:>12}" for name in columns))
    for name, one in walks.items():
        print(f"{name:22}" + "".join(f"{number:12}" for number in one.row()))
    for name, one in walks.items():
        print(f"{name}: {one.in_folders()}")
        if "--tree" in sys.argv:
            print("\n".join(one.tree))
    print_house(ROOT)


if __name__ == "__main__":
    main()
