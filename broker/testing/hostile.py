"""Answers no client should trip over: each is a failure of the upstream, and never one of ours."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache

from broker.testing.raw_server import Answer, Script, answer_of, json_of

ENDLESS = ("silence", "one byte now and then")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def shapes(good: bytes) -> Mapping[str, Answer]:
    """By name; `good` is the body that would be right, so that only the shape is wrong."""
    return {**_not_json(good), **_statuses(good), **_refusals(), **_framing(good), **_sizes(good)}


async def meet_all(good: bytes, meet: Callable[..., Awaitable[None]]) -> None:
    """Await `meet(title, answer)` for every shape of `good`.

    Those that last as long as they are listened to come with a `timeout` in seconds, and all at once; the others have
    to be refused for what they are, and not because time was up.
    """
    found = dict(shapes(good))
    endless = {title: found.pop(title) for title in ENDLESS}
    for title, answer in found.items():
        await meet(title, answer)
    await asyncio.gather(*(meet(title, answer, timeout=0.15) for title, answer in endless.items()))


def _not_json(good: bytes) -> Mapping[str, Answer]:
    text = good.decode()
    bodies = {
        "empty": b"",
        "HTML": b"<html><h1>Maintenance</h1></html>",
        "plain text": b"ok",
        "byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32-le"),
        "invalid UTF-8": b'{"name":"\xff"}',
        "list": b"[]",
        "list of the answer": b"[" + good + b"]",
        "null": b"null",
        "text": b'"text"',
        "true": b"true",
        "zero": b"0",
        "empty object": b"{}",
        "cut off": good[:-1],
        "member named twice": b'{"x":1,"x":2,' + good.lstrip()[1:],
        "objects in objects": b'{"x":' * 20 + b"1" + b"}" * 20,
        "lists in lists": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "NaN": b'{"x":NaN,' + good.lstrip()[1:],
        "number beyond a double": b'{"x":1e400,' + good.lstrip()[1:],
        "number of 5000 digits": b'{"x":' + b"9" * 5000 + b"," + good.lstrip()[1:],
        "lone surrogate": b'{"x":"\\ud800",' + good.lstrip()[1:],
        "something behind": good + b"x",
        "two documents": good + good,
        "single quotes": good.replace(b'"', b"'"),
        "JSONP": b"callback(" + good + b")",
    }
    return {name: answer_of(body) for name, body in bodies.items()}


def _statuses(good: bytes) -> Mapping[str, Answer]:
    statuses = (
        ("204 No Content", ()),
        ("301 Moved", ("Location: http://127.0.0.1:1/",)),
        ("302 Found", ("Location: http://127.0.0.1:1/",)),
        ("307 Temporary Redirect", ("Location: http://127.0.0.1:1/",)),
        ("400 Bad Request", ()),
        ("401 Unauthorized", ()),
        ("403 Forbidden", ()),
        ("404 Not Found", ()),
        ("418 Teapot", ()),
        ("429 Too Many Requests", ("Retry-After: 3600",)),
        ("500 Oops", ()),
        ("502 Bad Gateway", ()),
        ("503 Unavailable", ("Retry-After: x",)),
        ("599 Whatever", ()),
    )
    return {name: answer_of(b"" if name.startswith("204") else good, name, *headers) for name, headers in statuses}


def _refusals() -> Mapping[str, Answer]:
    bodies: tuple[object, ...] = (
        {"error": "invalid_grant", "error_description": "Bad Request"},
        {"error": {"error_code": 5, "error_msg": "User authorization failed"}},
        {"error": "<script>alert(1)</script>\r\nX: y"},
        {"error": ""},
        {"error_code": 102, "error_msg": "PARAM_SESSION_EXPIRED"},
        {"error_code": "102"},
    )
    return {f"200 with {json.dumps(body)[:40]}": json_of(body) for body in bodies}


def _framing(good: bytes) -> Mapping[str, Answer]:
    length = f"Content-Length: {len(good)}\r\n".encode()
    return {
        "no HTTP": b"HELLO\r\n\r\n",
        "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: close\r\n\r\n",
        "half a head": _then_hang_up(b"HTTP/1.1 200 OK\r\nContent-"),
        "nothing at all": _then_hang_up(b""),
        "less than promised": _then_hang_up(_HEAD + b"Content-Length: 9999\r\n\r\n" + good),
        "two lengths": _then_hang_up(_HEAD + length + b"Content-Length: 1\r\n\r\n" + good),
        "negative length": _then_hang_up(_HEAD + b"Content-Length: -1\r\n\r\n" + good),
        "bad chunk": _then_hang_up(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + good),
        "unfinished chunks": _then_hang_up(_HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a"'),
        "no gzip after all": _then_hang_up(_HEAD + b"Content-Encoding: gzip\r\n" + length + b"\r\n" + good),
        "a header without end": _then_hang_up(_HEAD + b"X: " + b"x" * 100_000),
        "ten thousand headers": _then_hang_up(_HEAD + b"X: y\r\n" * 10_000 + length + b"\r\n" + good),
        "silence": _hang,
        "one byte now and then": _drip,
    }


def _sizes(good: bytes) -> Mapping[str, Answer]:
    bomb = _bomb()
    head = _HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    return {
        "over the limit": answer_of(good + b" " * (512 * 1024)),
        "without end": _flood,
        "compressed zeros": _then_hang_up(head + bomb),
    }


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * 50_000_000)


def _then_hang_up(raw: bytes) -> Script:
    async def run(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return run


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + b"Content-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _flood(writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + b"\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()
