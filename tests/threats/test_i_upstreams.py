"""Threats I at the whole broker: upstreams that hang, drown, lie or are not who they say."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from broker.demo.visitor import Page, Visitor
from tests.threats.journeys import authorize_url, back, new_visitor, sign_in, until_callback
from tests.threats.site import Site, background_loop, running_site

pytestmark = pytest.mark.anyio

TOKEN_PATHS = {
    "google": "/token",
    "vk": "/oauth2/auth",
    "ok": "/oauth/token.do",
    "yandex": "/token",
    "telegram": "/token",
}
MEBIBYTE = 1024 * 1024


def offers_another_way(page: Page) -> None:
    """An error page that does not leave the person alone, and starts no session."""
    assert page.status in {502, 503}, f"{page.status} {page.title}"
    assert page.has("other-way"), page.markup.links
    assert not any("__Host-session=" in cookie for cookie in page.set_cookies)
    assert "Traceback" not in page.text


@pytest.fixture(scope="module")
def shaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose upstreams are ill; what its circuit breakers remember is nobody else's concern."""
    # A proxy nobody listens at: whoever asks the environment for one reaches no upstream.
    nowhere = dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9"
    )

    def change(config: dict[str, Any]) -> None:
        config["server"]["trusted_proxies"] = ["127.0.0.1/32", "::1/128"]  # so that visitors may come from anywhere

    with running_site(tmp_path_factory.mktemp("shaky"), change, environment=nowhere) as site:
        yield site


async def test_i6_a_hanging_upstream_costs_ten_seconds_and_nobody_else_anything(shaky: Site) -> None:
    async with new_visitor() as waiting:
        callback = await until_callback(shaky, waiting, "vk")
        shaky.emulators["vk"].fault("slow")
        started = perf_counter()
        hanging = asyncio.create_task(waiting.get(callback))
        took = []
        while not hanging.done():
            async with new_visitor() as other:
                begun = perf_counter()
                assert "code" in back(await sign_in(shaky, other, idp_hint="yandex"))
                took.append(perf_counter() - begun)
        page = await hanging
        assert perf_counter() - started < 10
        offers_another_way(page)
        assert len(took) > 5
        assert sorted(took)[len(took) // 2] < 0.5
        shaky.clear()
        page = await waiting.click("other-way")
        assert page.has("provider-yandex")


async def order(site: Site, kind: str, path: str, **answer: Any) -> None:
    """The emulator's next answers at this path."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        base = site.emulators[kind].url.replace("localhost", "127.0.0.1")
        sent = await client.post(f"{base}/_emulator/answers", json={"path": path, **answer})
        assert sent.status_code == 204, sent.text


SHAPES: tuple[dict[str, Any], ...] = (
    {"status": 204},
    {"body": "<html>ok</html>", "headers": {"Content-Type": "text/html"}},
    {"status": 302, "headers": {"Location": "/x"}},
    {"status": 429, "headers": {"Retry-After": "0"}},
    {"status": 500},
    {"status": 503},
    {"body": ""},
    {"body": "null"},
    {"body": "[]"},
    {"body": "{}"},
    {"body": '"text"'},
    {"body": "1"},
    {"body": '{"access_token":'},
    {"body": "\ufeff{}"},
    {"body": '{"access_token":null}'},
    {"body": '{"access_token":1}'},
    {"body": '{"access_token":""}'},
    {"body": '{"access_token":["x"]}'},
    {"body": '{"access_token":"x","access_token":"y"}'},
    {"body_base64": base64.b64encode("{}".encode("utf-16")).decode()},
    {"body_base64": "////"},
    {"body": '{"a":' * 50 + "1" + "}" * 50},
    {"body": '{"error":"invalid_grant"}'},
    {"body": '{"error_code":102}'},
    {"status": 400, "body": '{"error":"x"}'},
    {"status": 401},
    {"body": '{"access_token":"x"}', "headers": {"Content-Encoding": "gzip"}},
    {"body": "NaN"},
    {"status": 404},
    {"status": 206, "body": "{}"},
)


@pytest.mark.parametrize("provider", TOKEN_PATHS)
async def test_i8_whatever_an_upstream_answers_ends_on_a_page_with_a_way_on(shaky: Site, provider: str) -> None:
    shaky.clear()
    sessions = shaky.rows("accounts")
    async with new_visitor() as visitor:
        for number, shape in enumerate(SHAPES):
            if number % 3 == 0:  # so that the breaker stays closed and every shape is really looked at
                assert "code" in back(await sign_in(shaky, visitor, idp_hint=provider, prompt="login", person="ada"))
                sessions = max(sessions, shaky.rows("accounts"))
            callback = await until_callback(shaky, visitor, provider, prompt="login", person="boris")
            await order(shaky, provider, TOKEN_PATHS[provider], times=1, **shape)
            page = await visitor.get(callback)
            if page.status == 403:
                assert page.has("other-way")
            else:
                offers_another_way(page)
    assert shaky.rows("accounts") == sessions, "nobody was made out of rubbish"
    assert not [event for event in shaky.log() if event["event"] == "server.error"]


async def test_i7_an_answer_without_end_is_not_swallowed(shaky: Site) -> None:
    shaky.clear()
    async with new_visitor() as visitor:
        assert "code" in back(await sign_in(shaky, visitor, idp_hint="yandex"))
        before = shaky.memory()
        bomb = gzip.compress(b"0" * 200 * MEBIBYTE)
        huge = {"headers": {"Content-Encoding": "gzip"}, "body_base64": base64.b64encode(bomb).decode()}
        for shape in (huge, {"body": '{"a":"' + "x" * 20 * MEBIBYTE + '"}'}):
            callback = await until_callback(shaky, visitor, "yandex", prompt="login")
            await order(shaky, "yandex", "/token", times=1, **shape)
            started = perf_counter()
            offers_another_way(await visitor.get(callback))
            assert perf_counter() - started < 5
        assert shaky.memory() - before < 16 * MEBIBYTE


async def test_i10_the_environment_does_not_choose_the_way_out(shaky: Site) -> None:
    shaky.clear()
    assert "HTTP_PROXY" in shaky.environment
    async with new_visitor() as visitor:
        assert "code" in back(await sign_in(shaky, visitor, idp_hint="telegram"))


async def test_k14_a_breaker_opens_for_one_upstream_alone_and_closes_again(shaky: Site) -> None:
    shaky.clear()
    async with contextlib.AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(visitor_from(f"203.0.113.{number}")) for number in range(4)]
        callbacks = [await until_callback(shaky, visitor, "ok", prompt="login") for visitor in crowd]
        shaky.emulators["ok"].fault("500")
        for visitor, callback in zip(crowd[:3], callbacks[:3], strict=True):
            offers_another_way(await visitor.get(callback))
        assert marked(await crowd[3].get(authorize_url(shaky)), "ok")
        shaky.emulators["ok"].clear()
        asked = len(shaky.emulators["ok"].log())
        offers_another_way(await crowd[3].get(callbacks[3]))
        assert len(shaky.emulators["ok"].log()) == asked, "an open breaker asks nobody"
        assert "code" in back(await sign_in(shaky, crowd[3], idp_hint="google", prompt="login"))
        async with asyncio.timeout(60):
            while marked(await crowd[3].get(authorize_url(shaky, prompt="login")), "ok"):
                await asyncio.sleep(0.5)  # nobody tries it: the mark heals by itself
        assert "code" in back(await sign_in(shaky, crowd[3], idp_hint="ok", prompt="login"))


async def test_i14_a_visitor_who_makes_an_upstream_fail_keeps_nobody_else_out(shaky: Site) -> None:
    shaky.clear()
    async with visitor_from("203.0.113.66") as rogue, visitor_from("203.0.113.77") as honest:
        for _ in range(6):
            callback = await until_callback(shaky, rogue, "yandex", prompt="login")
            await order(shaky, "yandex", "/token", times=1, status=500)
            offers_another_way(await rogue.get(callback))
        assert not marked(await honest.get(authorize_url(shaky)), "yandex")
        assert "code" in back(await sign_in(shaky, honest, idp_hint="yandex", prompt="login"))


def visitor_from(address: str) -> Visitor:
    """A browser at this address."""
    return new_visitor(headers={"X-Forwarded-For": address})


def marked(page: Page, provider: str) -> bool:
    """Whether the login page says that this one does not answer."""
    assert page.has(f"provider-{provider}"), page.title
    return f'class="way down" id="provider-{provider}"' in page.text


# --- a server that is not the upstream, and one that answers a byte a second ---


def certificate(folder: Path, name: str, *, days: int) -> Path:
    """A self-signed certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=days))
    signed = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, SHA256())
    path = folder / f"{name}{days}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return path


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def listening(loop: asyncio.AbstractEventLoop, serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server on the background loop."""

    async def start() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.1)  # until the cancelled connections have closed their transports

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)


async def test_i6_i9_a_trickle_and_a_false_certificate_are_no_upstream(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
            for _ in range(60):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(1)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the broker hung up, which is the point
        finally:
            writer.close()

    with contextlib.ExitStack() as stack:
        loop = stack.enter_context(background_loop())
        contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2)]
        contexts[0].load_cert_chain(certificate(tmp_path, "localhost", days=9))
        contexts[1].load_cert_chain(certificate(tmp_path, "localhost", days=-1))
        slow, false, expired = (
            stack.enter_context(listening(loop, serve, tls))
            for serve, tls in ((trickle, None), (impostor, contexts[0]), (impostor, contexts[1]))
        )
        places = {"yandex": f"http://127.0.0.1:{slow}", "google": f"https://localhost:{false}"}
        places |= {"telegram": f"https://localhost:{expired}"}

        def change(config: dict[str, Any]) -> None:
            for name, place in places.items():
                config["providers"][name]["server_base"] = place

        with running_site(tmp_path, change) as site:
            async with new_visitor() as visitor:
                for provider in ("google", "telegram"):
                    offers_another_way(await visitor.get(await until_callback(site, visitor, provider)))
                assert heard == [], "nothing was told to a server that could not prove its name"
                started = perf_counter()
                offers_another_way(await visitor.get(await until_callback(site, visitor, "yandex")))
                assert perf_counter() - started < 10
                assert (await visitor.get(authorize_url(site))).has("provider-vk")


async def test_i1_i5_nothing_a_client_or_visitor_names_is_fetched(site: Site, visitor: Visitor) -> None:
    trap = site.emulators["yandex"]
    named = {"request_uri": f"{trap.url}/a", "logo_uri": f"{trap.url}/b", "jwks_uri": f"{trap.url}/c", "claims": "{}"}
    named |= {"sector_identifier_uri": f"{trap.url}/d", "post_logout_redirect_uri": f"{trap.url}/e", "issuer": trap.url}
    await visitor.get(authorize_url(site, **named))
    callback = await until_callback(site, visitor, "google", **{k: v for k, v in named.items() if k != "request_uri"})
    await visitor.get(f"{callback}&userinfo_endpoint={trap.url}/f&api_server={trap.url}/g")
    assert trap.log() == []
