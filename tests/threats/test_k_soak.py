"""The long runs over sockets: what nobody vouched for, many times over, against one process of the broker.

`SOAK_REQUESTS` and `SOAK_CALLS` in the environment make them shorter: fuzzed requests in all, and calls of each kind.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest

from broker.core.terms import GrantType
from tests.threats.journeys import code_for, new_visitor, pushed, request_for, sign_in, tokens_for
from tests.threats.site import Site, running_site
from tests.threats.test_h_bytes import MUTANTS, mutated
from tests.threats.vectors import HEADER_BREAKS

pytestmark = [pytest.mark.anyio, pytest.mark.soak, pytest.mark.timeout(6 * 3600)]

REQUESTS: Final = int(os.environ.get("SOAK_REQUESTS", "200000"))
CALLS: Final = int(os.environ.get("SOAK_CALLS", "50000"))
COUNTERS: Final = 60_000  # more addresses than a process keeps counters for
AT_ONCE: Final = 8
MEANT: Final = frozenset({502, 503})
JUNK: Final = "junk" * 12
FORM: Final = "Content-Type: application/x-www-form-urlencoded"


def open_house(config: dict[str, Any]) -> None:
    """Everything that a stranger can reach is on, the limits are those of every day, and the log is short."""
    del config["limits"]
    config["registration"] = {"token_hashes": [f"sha256:{sha256(b'initial').hexdigest()}"]}
    config["clients"]["spa"]["grants"] = ["authorization_code", "refresh_token", str(GrantType.DEVICE_CODE)]
    config["server"]["trusted_proxies"] = ["127.0.0.0/8"]
    config["logging"] = {"level": "error", "format": "json"}


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own for each of the runs."""
    with running_site(tmp_path_factory.mktemp("soak"), open_house) as site:
        yield site


def raw(site: Site, method: str, target: str, body: bytes = b"", *lines: str) -> bytes:
    """A request on a connection that stays."""
    length = [f"Content-Length: {len(body)}"] if method != "GET" else []
    head = [f"{method} {target} HTTP/1.1", f"Host: {site.host}", *lines, *length, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


class Line:
    """A connection that is opened anew whenever the broker has ended it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes, *, patience: float = 60.0) -> int:
        """The status, 0 where the broker hung up or went on waiting for `patience` seconds."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._site.port)
        assert self._reader is not None
        try:
            self._writer.write(request)
            async with asyncio.timeout(patience):
                head = await self._reader.readuntil(b"\r\n\r\n")
                await self._reader.readexactly(length_of(head) if not request.startswith(b"HEAD ") else 0)
        except (ConnectionError, EOFError, TimeoutError):
            self.close()
            return 0
        if b"connection: close" in head.lower():
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        """The next request opens another."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = None


def length_of(head: bytes) -> int:
    """Of the body behind this head."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


# --- calls of every kind ---

Call = Callable[[Site], bytes]


def get(target: str, *lines: str) -> Call:
    """A GET."""
    return lambda site: raw(site, "GET", target, b"", *lines)


def post(target: str, form: dict[str, str], *lines: str) -> Call:
    """A form."""
    return lambda site: raw(site, "POST", target, urlencode(form).encode(), FORM, *lines)


def token(grant: str, *lines: str, **form: str) -> Call:
    """A token request of a public client, unless the form says otherwise."""
    return post("/token", {"grant_type": grant, "client_id": "spa"} | form, *lines)


def authorize(**changes: str | None) -> Call:
    """A request of the app `spa`, or one spoilt by these changes."""
    return lambda site: raw(site, "GET", f"/authorize?{urlencode(request_for(site, 'spa', **changes))}")


KINDS: Final[dict[str, Call]] = {
    "home": get("/"),
    "metadata": get("/.well-known/openid-configuration"),
    "metadata of OAuth": get("/.well-known/oauth-authorization-server"),
    "keys": get("/jwks"),
    "a file": get("/static/base.css"),
    "health": get("/healthz"),
    "nowhere": get("/nowhere"),
    "another method": lambda site: raw(site, "PUT", "/token"),
    "authorize: nothing": get("/authorize"),
    "authorize: an unknown client": authorize(client_id=JUNK),
    "authorize: a foreign redirect URI": authorize(redirect_uri="https://evil.test/"),
    "authorize: the choice of a provider": authorize(),
    "authorize: off to a provider": authorize(idp_hint="google"),
    "authorize: no such provider": authorize(idp_hint="A/" * 900),
    "authorize: silently": authorize(prompt="none"),
    "authorize: a hint": authorize(id_token_hint=JUNK),
    "authorize: claims": authorize(claims='{"id_token":{"email":null}}'),
    "authorize: a request object": authorize(request=f"{JUNK}.{JUNK}.{JUNK}"),
    "authorize: a pushed request": authorize(request_uri=f"urn:ietf:params:oauth:request_uri:{JUNK}"),
    "authorize: a request by address": authorize(request_uri="https://evil.test/request"),
    "authorize: by POST": lambda site: post("/authorize", request_for(site, "spa"))(site),
    "callback: nobody's": get(f"/callback/google?state={JUNK}&code={JUNK}"),
    "callback: by POST": post("/callback/google", {"state": JUNK, "code": JUNK}),
    "callback: a false cookie": get(
        f"/callback/google?state={JUNK}&code=x", f"Cookie: __Host-flow-000000000000={JUNK}"
    ),
    "consent": get(f"/consent?ticket={JUNK}"),
    "consent: an answer": post("/consent", {"ticket": JUNK, "answer": "allow"}),
    "logout": get("/logout"),
    "logout: a hint": get(f"/logout?id_token_hint={JUNK}"),
    "logout: an answer": post("/logout/confirm", {"ticket": JUNK}),
    "logout: done": get("/logout/done"),
    "device": get("/device?user_code=BBBB-BBBB"),
    "device: a ticket": get(f"/device/login?ticket={JUNK}"),
    "device: an answer": post("/device/confirm", {"ticket": JUNK, "answer": "allow"}),
    "an entry": get(f"/enter/telegram/app?id=1&auth_date=1&hash={'0' * 64}"),
    "token: a wrong secret": token("refresh_token", client_id="second", client_secret=JUNK),
    "token: a code": token("authorization_code", code=JUNK),
    "token: a refresh token": token("refresh_token", refresh_token=JUNK),
    "token: a device code": token(str(GrantType.DEVICE_CODE), device_code=JUNK),
    "token: a proof": token("refresh_token", f"DPoP: {JUNK}.{JUNK}.{JUNK}"),
    "revoke": post("/revoke", {"client_id": "spa", "token": JUNK}),
    "introspect: a wrong secret": post("/introspect", {"client_id": "second", "client_secret": JUNK, "token": JUNK}),
    "register: a wrong token": lambda site: raw(
        site, "POST", "/register", b"{}", "Content-Type: application/json", f"Authorization: Bearer {JUNK}"
    ),
    "register: an entry": get(f"/register/dc_{JUNK}", f"Authorization: Bearer {JUNK}"),
    "userinfo": get("/userinfo"),
    "userinfo: a token": get("/userinfo", f"Authorization: Bearer {JUNK}"),
    "a logout token": post("/backchannel/google", {"logout_token": JUNK}),
}
"""What anybody may call without having proved anything, each from another address every time."""

BOUNDED: Final[dict[str, Call]] = {
    "device: a wrong code": post("/device", {"user_code": "BBBB-BBBB"}),
    "authorize: too large for a cookie": authorize(idp_hint="google", state="s" * 2000, nonce="n" * 1000, claims=None),
    "par": lambda site: post("/par", request_for(site, "spa"))(site),
    "device authorization": post("/device_authorization", {"client_id": "spa", "scope": "openid"}),
}
"""What is kept for a while, or counted for everybody: all from one address, whose limit is the bound."""


async def call_often(site: Site, call: Call, number: int, *, one_address: bool) -> Counter[int]:
    """So many calls over a few connections; statuses and how often."""
    request, told = call(site), Counter[int]()
    head, _, rest = request.partition(b"\r\n")

    async def share(which: int) -> None:
        line = Line(site)
        for turn in range(number // AT_ONCE):
            count = turn * AT_ONCE + which
            address = "192.0.2.1" if one_address else f"100.{count >> 16 & 255}.{count >> 8 & 255}.{count & 255}"
            told[await line.ask(b"%b\r\nX-Forwarded-For: %b\r\n%b" % (head, address.encode(), rest))] += 1
        line.close()

    await asyncio.gather(*map(share, range(AT_ONCE)))
    return told


async def test_k15_no_call_of_a_stranger_costs_memory_or_rows(house: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(KINDS) >= 37
    for call in KINDS.values():
        await call_often(house, call, 200, one_address=False)  # what a process grows by while it warms up
    if CALLS >= 1000:
        await call_often(house, KINDS["callback: nobody's"], COUNTERS, one_address=False)
    memory, rows = house.memory(), house.rows("transient")
    for name, call in KINDS.items():
        before = house.memory()
        told = await call_often(house, call, CALLS, one_address=False)
        show(capsys, f"{name}: {dict(told)}, {(house.memory() - before) / 1024:+.0f} KiB")
        assert not [status for status in told if status >= 500 or status == 0], (name, told)
    assert house.rows("transient") == rows
    for name, call in BOUNDED.items():
        told = await call_often(house, call, CALLS, one_address=True)
        show(capsys, f"{name}: {dict(told)}, {house.rows('transient') - rows} rows kept")
        assert told[429] > told.total() // 2 or CALLS < 1000, (name, told)
    grown = house.memory() - memory
    show(capsys, f"{CALLS} calls of each of {len(KINDS) + len(BOUNDED)} kinds: memory {memory} {grown:+} bytes")
    assert grown < 16 * 1024 * 1024
    assert not {"server.error", "store.unavailable"} & {event["event"] for event in house.log()}


# --- requests of every shape ---


class Fuzz:
    """Requests that are nearly right: live values in wrong places, and one thing or two spoilt."""

    def __init__(self, site: Site, live: dict[str, str], seed: int) -> None:
        """`live`: values of this site that are good somewhere."""
        self._site = site
        self._chance = random.Random(seed)
        self._session = live["session"]
        self._values = [*live.values(), JUNK, "", "0", "-1", "1e400", "null", "[]", "{}", "x" * 3000, *HEADER_BREAKS]
        self._values += ["none", "login", "consent", "S256", "code", "openid", "google", "vk", "spa", "app", *GRANTS]

    def next(self) -> tuple[bytes, bool]:
        """A request, and whether its head was spoilt, so that the broker may be left waiting for its end."""
        pick = self._chance.choice
        method, path = pick(PLACES)
        fields = [(pick(NAMES), pick(self._values)) for _ in range(self._chance.randrange(7))]
        if path == "/authorize" and self._chance.random() < 0.5:
            fields = [*request_for(self._site, pick(("app", "spa", "shop")), prompt="none").items(), *fields]
        sent = urlencode(fields).encode()
        if len(sent) > 20 and self._chance.random() < 0.5:
            sent = mutated(self._chance, sent).replace(b" ", b"+").replace(b"\r", b"").replace(b"\n", b"")
        lines = self._lines()
        if method == "GET":
            request = raw(self._site, method, f"{path}?{sent.decode('latin-1')}"[:8000], b"", *lines)
        else:
            kind = pick((FORM, FORM, FORM, "Content-Type: application/json", "X: y"))
            request = raw(self._site, method, path, sent, kind, *lines)
        if self._chance.random() < 0.1:
            return mutated(self._chance, request), True
        return request, False

    def _lines(self) -> list[str]:
        value = quote(self._chance.choice(self._values), safe="=.-_")
        some = (
            f"Cookie: __Host-session={self._session}",
            f"Cookie: __Host-session={value}; __Host-browser={value}; __Host-visitor={value}",
            f"Cookie: __Host-flow-{value[:12]}={value}",
            f"Authorization: Bearer {value}",
            f"Authorization: Basic {value}",
            f"DPoP: {value}",
            f"Accept-Language: {value}",
            "Sec-Fetch-Site: same-origin",
            f"Origin: {self._site.issuer}",
            f"If-None-Match: {value}",
            f"X-Forwarded-For: {value}",
            "Connection: upgrade\r\nUpgrade: h2c",
        )
        return [line for line in some if self._chance.random() < 0.2]


GRANTS: Final = tuple(map(str, GrantType))
NAMES: Final = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt", "max_age"),
    *("code_challenge", "code_challenge_method", "code_verifier", "claims", "request", "request_uri", "resource"),
    *("id_token_hint", "login_hint", "ui_locales", "acr_values", "idp_hint", "dpop_jkt", "display", "iss", "error"),
    *("grant_type", "code", "refresh_token", "token", "token_type_hint", "client_secret", "client_assertion"),
    *("client_assertion_type", "device_code", "user_code", "ticket", "answer", "logout_token", "access_token"),
    *("post_logout_redirect_uri", "id", "hash", "auth_date", "payload", "tgAuthResult", "device_id", "registration"),
)
PLACES: Final = (
    *(("GET", path) for path in ("/", "/authorize", "/authorize", "/consent", "/logout", "/logout/done", "/device")),
    *(("GET", path) for path in ("/device/login", "/device/confirm", "/userinfo", "/jwks", "/static/base.css")),
    *(("GET", f"/callback/{name}") for name in ("google", "vk", "ok-client", "telegram", "widget", "nobody")),
    *(("GET", path) for path in ("/enter/telegram/app", "/register/dc_x", "/.well-known/openid-configuration")),
    *(("POST", path) for path in ("/authorize", "/token", "/token", "/par", "/device_authorization", "/revoke")),
    *(("POST", path) for path in ("/introspect", "/register", "/userinfo", "/consent", "/logout", "/logout/confirm")),
    *(("POST", path) for path in ("/device", "/device/confirm", "/callback/google", "/callback/widget")),
    *(("POST", path) for path in ("/enter/telegram/app", "/backchannel/google")),
    *(("PUT", "/register/dc_x"), ("DELETE", "/register/dc_x"), ("HEAD", "/authorize"), ("OPTIONS", "/token")),
    *(("GET", "/" + mutant.decode("latin-1").strip("=")) for mutant in MUTANTS if mutant.isascii()),
)


async def test_h10_h17_j8_no_request_of_any_shape_is_an_error_of_ours(
    house: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    house.config["limits"] = dict.fromkeys(("login_start", "callback", "token", "client_auth_failure"), "1000000/s")
    house.config["limits"] |= dict.fromkeys(("registration", "device_code_entry", "device_code_wrong"), "1000000/s")
    house.stop()
    house.start()
    live = await live_values(house)
    told, memory, wrong = Counter[int](), house.memory(), list[tuple[int, bytes]]()

    async def share(which: int) -> None:
        line, fuzz = Line(house), Fuzz(house, live, 20261129 + which)
        for _ in range(REQUESTS // AT_ONCE):
            request, spoilt = fuzz.next()
            if spoilt:
                line.close()
            status = await line.ask(request, patience=0.5 if spoilt else 60.0)
            told[status] += 1
            if spoilt:
                line.close()
            if (status >= 500 and status not in MEANT) or not (status or spoilt):
                wrong.append((status, request))
        line.close()

    await asyncio.gather(*map(share, range(AT_ONCE)))
    grown = house.memory() - memory
    show(capsys, f"{told.total()} fuzzed requests: {dict(sorted(told.items()))}, memory {memory} {grown:+} bytes")
    assert wrong == []
    assert not {"server.error", "store.unavailable"} & {event["event"] for event in house.log()}
    assert grown < 32 * 1024 * 1024


async def live_values(site: Site) -> dict[str, str]:
    """Values that are good somewhere."""
    async with new_visitor() as visitor:
        found = {name: str(value) for name, value in (await tokens_for(site, visitor=visitor)).items()}
        found |= {"code": await code_for(site, visitor), "request_uri": await pushed(site)}
        await sign_in(site, visitor, "shop", prompt="consent")
        cookies = {cookie.name: cookie.value for cookie in visitor.cookies.sent_to(site.issuer)}
        return found | {"session": cookies["__Host-session"]}


def show(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """The numbers are what such a run is for."""
    with capsys.disabled():
        print(f"\n{text}", end="", flush=True)  # noqa: T201 - as said
