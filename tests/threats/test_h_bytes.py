"""Threats H: sizes, hosts, sources, headers and text, as bytes on the wire."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.threats.journeys import (
    RawAnswer,
    get_bytes,
    http,
    post_bytes,
    redeem,
    request_for,
    send_raw,
)
from tests.threats.site import Site, running_site
from tests.threats.tours import issued
from tests.threats.vectors import HEADER_BREAKS

pytestmark = pytest.mark.anyio


async def test_h3_one_byte_too_many_is_refused_where_it_stands(site: Site) -> None:
    whole = urlencode(request_for(site, state=None))
    limit = 64 * 1024
    cases: tuple[tuple[bytes, set[int]], ...] = (
        (post_bytes(site, "/token", b"a=" + b"x" * (limit - 1)), {413}),
        (post_bytes(site, "/token", b"&".join(b"p%d=1" % n for n in range(65))), {400, 401}),
        (post_bytes(site, "/token", b"a=" + b"x" * (16 * 1024 - 1)), {400}),
        (get_bytes(site, "/authorize?" + "x" * (8 * 1024)), {414}),
        (get_bytes(site, "/" + "x" * (8 * 1024)), {414}),
        (get_bytes(site, "/jwks", "X-Large: " + "x" * (16 * 1024)), {431}),
        (get_bytes(site, "/jwks", *(f"X-{n}: {'y' * 100}" for n in range(200))), {431}),
        (get_bytes(site, "/jwks", "Cookie: " + "; ".join(f"c{n}={'z' * 900}" for n in range(20))), {431}),
        (get_bytes(site, f"/authorize?{whole}&state={'s' * 2049}"), {303}),
        (get_bytes(site, f"/authorize?{whole}&nonce2=&nonce={'s' * 1025}"), {303}),
    )
    for raw, expected in cases:
        answer = await send_raw(site, raw)
        assert answer.status in expected, (raw[:60], answer.raw[:100])
        assert answer.status != 303 or "error=invalid_request" in answer.headers["location"][0]
    state = "s" * 2048
    assert (
        f"state={state}"
        in (await send_raw(site, get_bytes(site, f"/authorize?{whole}&prompt=none&state={state}"))).raw.decode()
    )


async def test_h3_a_hundred_megabytes_are_not_read(site: Site) -> None:
    before = site.memory()
    head = post_bytes(site, "/token", b"", "X: y").replace(b"Content-Length: 0", b"Content-Length: 104857600")
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(head)
    sent, chunk = 0, b"a" * 65536
    try:
        while sent < 100 * 1024 * 1024:
            writer.write(chunk)
            await asyncio.wait_for(writer.drain(), 2)
            sent += len(chunk)
            if reader.at_eof():
                break
    except (ConnectionError, TimeoutError):
        pass  # the broker hung up, or no longer reads: both are what is wanted
    writer.close()
    assert sent < 20 * 1024 * 1024
    assert site.memory() - before < 16 * 1024 * 1024


async def test_h6_no_host_but_ours_is_answered_or_repeated(site: Site) -> None:
    whole = urlencode(request_for(site))
    evil = (
        get_bytes(site, f"/authorize?{whole}", host="evil.test"),
        get_bytes(site, f"/authorize?{whole}", host=f"{site.host}.evil.test"),
        get_bytes(site, f"/authorize?{whole}", host=f"evil.test#{site.host}"),
        get_bytes(site, f"/authorize?{whole}", f"Host: {site.host}", host="evil.test"),
        get_bytes(site, f"/authorize?{whole}", "Host: evil.test"),
        get_bytes(site, f"/authorize?{whole}", host=""),
        get_bytes(site, f"http://evil.test/authorize?{whole}"),
        f"GET /authorize?{whole} HTTP/1.1\r\nConnection: close\r\n\r\n".encode(),
        post_bytes(site, "/token", b"x=y").replace(site.host.encode(), b"evil.test"),
    )
    for raw in evil:
        answer = await send_raw(site, raw)
        assert answer.status in {400, 404, 421}, (raw[:80], answer.raw[:200])
        assert b"evil" not in answer.raw
    polite = (
        "X-Forwarded-Host: evil.test",
        "X-Forwarded-Proto: https",
        "Forwarded: host=evil.test;proto=https",
        "X-Original-URL: /metrics",
        "X-Rewrite-URL: /metrics",
        "X-Forwarded-Prefix: /evil",
        "X-Host: evil.test",
    )
    plain = [await send_raw(site, get_bytes(site, path)) for path in ("/", "/.well-known/openid-configuration")]
    for line in polite:
        for path, expected in zip(("/", "/.well-known/openid-configuration"), plain, strict=True):
            answer = await send_raw(site, get_bytes(site, path, line))
            assert answer.status == expected.status
            assert answer.body == expected.body


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with small limits that believes no proxy."""

    def change(config: dict[str, Any]) -> None:
        config["limits"] = {"client_auth_failure": "5/h", "login_start": "5/h", "callback": "5/h", "token": "5/h"}

    with running_site(tmp_path_factory.mktemp("strict"), change) as site:
        yield site


async def test_h7_a_source_does_not_change_by_saying_so(strict: Site) -> None:
    async with http(strict) as client:
        for path, form in (
            ("/token", {"grant_type": "x", "client_id": "nobody"}),
            ("/callback/google", {"state": "x"}),
        ):
            statuses = []
            for number in range(15):
                spoofed = {"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"}
                spoofed |= {"Forwarded": f"for=192.0.2.{number}", "CF-Connecting-IP": f"192.0.2.{number}"}
                statuses.append((await client.post(path, data=form, headers=spoofed)).status_code)
            assert statuses.count(429) == 10, path
        limited = await client.post("/token", data={"grant_type": "x", "client_id": "nobody"})
        assert int(limited.headers["retry-after"]) >= 1
        assert limited.json()["error"] == "slow_down"


async def test_h7_behind_a_proxy_the_right_most_stranger_counts(tmp_path_factory: pytest.TempPathFactory) -> None:
    def change(config: dict[str, Any]) -> None:
        config["limits"] = {"client_auth_failure": "5/h"}
        config["server"]["trusted_proxies"] = ["127.0.0.1/32", "10.0.0.0/8"]

    with running_site(tmp_path_factory.mktemp("proxied"), change) as site:
        async with http(site) as client:

            async def tries(hops: str) -> list[int]:
                form = {"grant_type": "x", "client_id": "nobody"}
                headers = [("X-Forwarded-For", line) for line in hops.split("|")]
                return [(await client.post("/token", data=form, headers=headers)).status_code for _ in range(7)]

            assert (await tries("192.0.2.1, 10.0.0.9")).count(429) == 2
            assert (await tries("1.2.3.4, 192.0.2.1, 10.0.0.9")).count(429) == 7, "what stands further left is hearsay"
            assert (await tries("8.8.8.8|192.0.2.1")).count(429) == 7, "two lines are one list"
            assert (await tries("192.0.2.77")).count(429) == 2, "another person is another source"


async def test_h9_no_value_becomes_a_header(site: Site) -> None:
    for vector in HEADER_BREAKS:
        value = urlencode({"v": vector})[2:]
        good = urlencode(request_for(site, state=None, prompt="none"))
        for target in (
            f"/authorize?{good}&state={value}",
            f"/authorize?client_id={value}",
            f"/callback/google?state=x&error_description={value}",
            f"/callback/{value}",
            f"/consent?ticket={value}",
            f"/static/{value}",
            f"/enter/telegram/app?id={value}",
            f"/{value}",
        ):
            answer = await send_raw(
                site,
                get_bytes(
                    site,
                    target,
                    "Origin: "
                    + vector.encode("utf-8").decode("latin-1").replace("\r", "").replace("\n", "").replace("\x00", ""),
                ),
            )
            assert answer.status in {303, 400, 403, 404, 421}, (target, answer.raw[:200])
            check_head(answer)


def check_head(answer: RawAnswer) -> None:
    """Only headers of ours, each in one line."""
    assert "evil" not in " ".join(
        value for name, values in answer.headers.items() for value in values if name == "set-cookie"
    )
    head = answer.raw.partition(b"\r\n\r\n")[0]
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert not any(byte < 0x20 for byte in head.replace(b"\r\n", b""))


MUTANTS = (
    b"%ff",
    b"%c0%ae",
    b"%ed%a0%80",
    b"%f5%80%80%80",
    b"%00",
    b"%",
    b"%1",
    b"%zz",
    b"%u0041",
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"=",
    b"&&&&",
    b"=====",
    b"[]=1",
    b"a[b]=c",
    b"+++",
    b";;",
    b"%e2%80%ae",
    b"%ef%bb%bf",
    b"%0d%0a",
    b"%1b[2J",
)


async def test_h10_bytes_that_are_no_text_are_refused_and_leave_nothing(site: Site) -> None:
    before = issued(site)
    chance = random.Random(20261120)
    whole = urlencode(request_for(site, prompt="none")).encode()
    targets = (
        b"/authorize",
        b"/callback/google",
        b"/callback/vk",
        b"/callback/widget",
        b"/consent",
        b"/enter/telegram/app",
    )
    for target in targets:
        for number in range(100):
            mutant = mutated(chance, whole if target == b"/authorize" else b"state=abc&code=xyz&ticket=abc&payload={}")
            target_bytes = target + b"?" + mutant.replace(b" ", b"+").replace(b"\n", b"").replace(b"\r", b"")
            got = await send_raw(site, get_bytes(site, target_bytes))
            posted = await send_raw(site, post_bytes(site, target.decode(), mutant))
            assert 300 <= got.status < 500, (number, target_bytes, got.raw[:100])
            assert 200 <= posted.status < 500, (number, mutant, posted.raw[:100])
    for number in range(200):
        mutant = mutated(chance, b"grant_type=authorization_code&code=x&client_id=spa&code_verifier=" + b"v" * 43)
        answer = await send_raw(site, post_bytes(site, "/token", mutant))
        assert answer.status in {400, 401}, (number, mutant)
        json.loads(answer.body)
    assert issued(site) == before


def mutated(chance: random.Random, good: bytes) -> bytes:
    """A good request with one thing or two spoilt."""
    raw = bytearray(good)
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(raw))
        match chance.randrange(4):
            case 0:
                raw[at] = chance.randrange(256)
            case 1:
                raw[at:at] = chance.choice(MUTANTS)
            case 2:
                del raw[at : at + chance.randint(1, 8)]
            case _:
                raw[at:at] = b"&" + bytes(raw[at : at + 12]) + b"&"
    return bytes(raw) or b"x"


async def test_h15_one_event_is_one_line_whatever_it_speaks_of(site: Site) -> None:
    async with http(site, headers={"User-Agent": "x\x1b[2J", "Accept-Language": "\x1b[31m"}) as client:
        for vector in (*HEADER_BREAKS, '{"event":"login.succeeded"}', "\u202e", "\x9b31m", "\u2029", "%s%n%x"):
            await client.get("/authorize", params={"client_id": vector, "redirect_uri": vector})
            await client.get("/authorize", params=request_for(site, idp_hint=vector, scope=vector))
            await client.get("/callback/google", params={"state": vector, "error": vector})
            await client.post("/token", data={"client_id": vector, "grant_type": vector, "client_secret": vector})
            await client.get(f"/enter/telegram/app?{urlencode({'first_name': vector, 'id': '1', 'hash': vector})}")
        await redeem(site, client, "x\x1b")
    raw = site.log_bytes()
    assert len(site.log()) == raw.count(b"\n")
    assert not any(byte < 0x20 and byte != 0x0A for byte in raw)
    for obeyed in ("\u2028", "\u2029", "\x9b", "\u202e", "\x7f"):
        assert obeyed.encode() not in raw
