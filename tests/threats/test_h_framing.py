"""Threats H: the framing of HTTP/1.1, as bytes on the wire of a running broker."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.threats.journeys import get_bytes, post_bytes, send_raw
from tests.threats.site import Site

pytestmark = pytest.mark.anyio

MUCH = 10 * 1024 * 1024  # bytes
LITTLE = 5 * 1024 * 1024  # bytes of memory
FORM = "POST /token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = FORM + "Transfer-Encoding: chunked\r\n\r\n"
GET = "GET /jwks HTTP/1.1\r\nHost: %s\r\n"
UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: h2c\r\n"  # as Java asks

PARTS = {
    "empty lines before a request": ("", "\r\n"),
    "the method": ("", "A"),
    "the target": ("GET /", "a"),
    "the version": ("GET / HTTP/1.", "1"),
    "the value of a field": (GET + "X: ", "y"),
    "the name of a field": (GET, "x"),
    "the number of fields": (GET, "X:\r\n"),
    "a body with a length": (FORM + "Content-Length: 10485760\r\n\r\na=", "b"),
    "a body nobody reads": (GET + "Content-Length: 10485760\r\n\r\n", "b"),
    "a chunked body": (CHUNKED, "400\r\n" + "c" * 1024 + "\r\n"),
    "tiny chunks": (CHUNKED, "1\r\nc\r\n"),
    "the length of a chunk": (CHUNKED, "0"),
    "the extension of a chunk": (CHUNKED + "3;", "e=f;"),
    "extensions of chunks": (CHUNKED, "1;" + "e" * 1000 + "\r\nc\r\n"),
    "the number of trailers": (CHUNKED + "3\r\na=b\r\n0\r\n", "X: y\r\n"),
    "the value of a trailer": (CHUNKED + "3\r\na=b\r\n0\r\nX: ", "y"),
    "the name of a trailer": (CHUNKED + "3\r\na=b\r\n0\r\n", "x"),
    "requests in a row": ("", GET + "\r\n"),
    "what follows a refusal": ("nonsense\r\n\r\n", "more "),
    "what follows an offer of another protocol": (GET + UPGRADE + "\r\n", "x"),
    "offers of another protocol in a row": ("", GET + UPGRADE + "\r\n"),
}


@pytest.mark.parametrize("part", PARTS)
async def test_h17_ten_megabytes_in_any_part_of_a_message_cost_no_memory(site: Site, part: str) -> None:
    start, more = (text.replace("%s", site.host).encode() for text in PARTS[part])
    await send_raw(site, get_bytes(site, "/jwks"))
    before = most = site.memory()
    async with connected(site) as (_, writer):
        chunk = more * (64 * 1024 // len(more))
        writer.write(start)
        try:
            for _ in range(MUCH // len(chunk)):
                writer.write(chunk)
                most = max(most, site.memory())
                await asyncio.wait_for(writer.drain(), 1)
        except (ConnectionError, TimeoutError):
            pass  # the broker hung up, or reads no further: both are what is wanted
        most = max(most, site.memory())
    assert most - before < LITTLE, part


@asynccontextmanager
async def connected(site: Site) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that ends with the block, whatever is still to be sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_h17_a_field_after_the_body_is_refused_and_says_so_nowhere_else(site: Site) -> None:
    head = CHUNKED.replace("%s", site.host).encode()
    answer = await send_raw(site, head + b"3\r\na=b\r\n0\r\nX: y\r\n\r\n", get_bytes(site, "/jwks"))
    assert answer.status == 400
    assert b'"keys"' not in answer.raw
    assert "server.error" not in Counter(event["event"] for event in site.log())


@pytest.mark.parametrize("digits", [16, 4299, 4300, 4301, 5000])
async def test_h17_a_length_of_any_number_of_digits_is_no_error_of_ours(site: Site, digits: int) -> None:
    for number in ("3".rjust(digits, "0"), "9" * digits):
        raw = post_bytes(site, "/token", b"a=b").replace(b"Content-Length: 3", f"Content-Length: {number}".encode())
        assert (await send_raw(site, raw)).status == 400, number[:20]
    assert "server.error" not in Counter(event["event"] for event in site.log())


async def test_h17_requests_in_one_go_are_answered_in_order(site: Site) -> None:
    paths = ["/jwks" if number % 2 else "/.well-known/openid-configuration" for number in range(4999)]
    row = b"".join(f"GET {path} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode() for path in paths)
    async with connected(site) as (reader, writer):
        writer.write(row + get_bytes(site, "/nowhere"))
        found = await asyncio.wait_for(reader.read(), 120)
        while part := await asyncio.wait_for(reader.read(), 120):
            found += part
    answers = found.split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200"] * 4999 + [b"404"]
    assert [
        "/jwks" if b'"keys":' in answer else "/.well-known/openid-configuration" for answer in answers[:-1]
    ] == paths


@pytest.mark.parametrize(
    "head",
    [
        "GET /jwks HTTP/1.1\r\n",
        "GET /jwks HTTP/1.1\r\nHost: %s\r\nHost: %s\r\n",
        "GET /jwks HTTP/1.0\r\nHost: %s\r\nHost: %s\r\n",
        "GET /jwks\r\n",
        "GET /jwks HTTP/0.9\r\nHost: %s\r\n",
        "GET /jwks HTTP/2.0\r\nHost: %s\r\n",
        "GET /jwks HTTP/1.7\r\nHost: %s\r\n",
        "GET /jwks HTTP/3.0\r\nHost: %s\r\n",
        "GET /jwks HTTP/11\r\nHost: %s\r\n",
        "GET /jwks http/1.1\r\nHost: %s\r\n",
        "GET /jwks ICE/1.0\r\nHost: %s\r\n",
        "PRI * HTTP/2.0\r\n",
        "GET /jwks HTTP/1.1 \r\nHost: %s\r\n",
        "CONNECT %s HTTP/1.1\r\nHost: %s\r\n",
        "CONNECT /jwks HTTP/1.1\r\nHost: %s\r\n",
        "CONNECT /jwks HTTP/1.1\r\nHost: %s\r\nUpgrade: h2c\r\n",
    ],
)
async def test_h18_a_request_is_one_of_http_1_with_one_host(site: Site, head: str) -> None:
    raw = head.replace("%s", site.host).encode() + b"Connection: close\r\n\r\n"
    answer = await send_raw(site, raw)
    assert answer.status == 400, head
    assert b'"keys"' not in answer.raw
    good = await send_raw(site, get_bytes(site, "/jwks"))
    assert good.status == 200


async def test_h16_a_form_that_offers_http_2_is_answered_and_what_follows_it_too(site: Site) -> None:
    form = b"grant_type=refresh_token&client_id=app&client_secret=wrong"
    head = f"{FORM.replace('%s', site.host)}{UPGRADE}Content-Length: {len(form)}\r\n\r\n"
    async with connected(site) as (reader, writer):
        writer.write(head.encode() + form + get_bytes(site, "/jwks"))
        found = await asyncio.wait_for(reader.read(), 120)
        while part := await asyncio.wait_for(reader.read(), 120):
            found += part
    first, second = found.split(b"HTTP/1.1 ")[1:]
    assert (first[:3], b'"invalid_client"' in first) == (b"401", True)
    assert (second[:3], b'"keys":' in second) == (b"200", True)
