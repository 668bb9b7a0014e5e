"""The one HTTP client, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import resource
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from urllib.parse import unquote_plus

import pytest

from broker.core.errors import UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.events import Event, visitor
from broker.testing.bench import Notes
from broker.testing.hostile import shapes
from broker.testing.raw_server import RawServer, answer_of, json_of, raw_server
from broker.upstream.answer import UpstreamAnswer
from broker.upstream.exchange import Request
from broker.upstream.http import CALLS_AT_ONCE, HttpPool, UpstreamHttp
from tests.upstream.tls_server import Certificate, tls_server

pytestmark = pytest.mark.anyio

URL = "https://up.example/token"
GOOD = {"access_token": "t"}


@dataclass
class Bench:
    """A view of one provider on a pool of its own, and the server it really talks to."""

    pool: HttpPool
    server: RawServer
    timeout: float
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        self.http = self.view("x")

    def view(self, name: str) -> UpstreamHttp:
        return self.pool.for_provider(name, server_base=self.server.url, timeout=self.timeout, recorder=self.notes)


@asynccontextmanager
async def bench(timeout: float = 2.0) -> AsyncIterator[Bench]:
    async with raw_server({"/token": json_of(GOOD)}) as server:
        pool = await HttpPool.open()
        try:
            yield Bench(pool, server, timeout)
        finally:
            await pool.close()


async def test_a_form_is_posted_and_the_object_read() -> None:
    async with bench() as at:
        answer = await at.http.post_form(URL, {"a": "x y&é"}, headers={"X-More": "1"})
        (received,) = at.server.received
    assert answer.text("access_token") == "t"
    assert (received.method, received.path, dict(received.params)) == ("POST", "/token", {"a": "x y&é"})
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    assert received.headers["x-more"] == "1"
    assert "cookie" not in received.headers


async def test_basic_credentials_are_form_encoded_first() -> None:
    async with bench() as at:
        await at.http.post_form(URL, {}, basic=("id:1", "s e+c/é"))
    header = at.server.received[0].headers["authorization"]
    assert header.startswith("Basic ")
    client_id, _, secret = b64decode(header[6:]).decode().partition(":")
    assert (unquote_plus(client_id), unquote_plus(secret)) == ("id:1", "s e+c/é")


async def test_a_query_is_sent_and_stays_out_of_events() -> None:
    async with bench() as at:
        await at.http.get_json(URL, params={"token": "canary /?"}, headers={"Authorization": "OAuth t"})
    assert at.server.received[0].params == {"token": "canary /?"}
    (event,) = at.notes.of(Event.UPSTREAM_CALLED)
    assert event["operation"] == "/token"
    assert (event["provider"], event["outcome"]) == ("x", "ok")
    assert isinstance(event["duration_ms"], float)
    assert "canary" not in str(at.notes.events)


async def test_any_value_is_read_where_it_is_asked_for() -> None:
    async with bench() as at:
        for value in ("561999209121", 5, None, [1], {"a": 1}):
            at.server.answers["/token"] = json_of(value)
            assert await at.http.post_form_value(URL, {}) == value
        at.server.answers["/token"] = json_of({"error_code": 102})
        with pytest.raises(UpstreamRejected) as caught:
            await at.http.post_form_value(URL, {})
    assert caught.value.error == "102"


async def test_any_value_may_answer_a_get_and_a_refusal_tells_its_status() -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of([{"a": 1}])
        assert await at.http.get_value(URL, params={"page": "2"}, headers={"X-More": "1"}) == [{"a": 1}]
        (received,) = at.server.received
        assert (received.method, received.params, received.headers["x-more"]) == ("GET", {"page": "2"}, "1")
        at.server.answers["/token"] = json_of({"message": "Not Found"}, "404 Not Found")
        with pytest.raises(UpstreamRejected) as caught:
            await at.http.get_value(URL)
    assert (caught.value.answered, caught.value.error) == (404, "")


async def test_a_json_object_is_posted_with_the_clients_credentials() -> None:
    async with bench() as at:
        answer = await at.http.post_json(URL, {"access_token": "é"}, basic=("id", "secret"), headers={"X-More": "1"})
        (received,) = at.server.received
    assert answer.text("access_token") == "t"
    assert (received.method, received.headers["content-type"]) == ("POST", "application/json")
    assert (received.headers["authorization"], received.headers["x-more"]) == ("Basic aWQ6c2VjcmV0", "1")


@pytest.mark.parametrize(("header", "pause"), [("Retry-After: 60", 60.0), ("X-RateLimit-Remaining: 0", None)])
async def test_a_403_for_too_many_calls_is_no_refusal(header: str, pause: float | None) -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of({"message": "secondary rate limit"}, "403 Forbidden", header)
        with pytest.raises(UpstreamUnavailable) as caught:
            await at.http.get_json(URL)
        assert (caught.value.answered, caught.value.retry_after) == (True, pause)
        at.server.answers["/token"] = json_of({}, "403 Forbidden", "X-RateLimit-Remaining: 1")
        with pytest.raises(UpstreamRejected):
            await at.view("another").get_json(URL)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("public, max-age=19800, must-revalidate", 19800),
        ("max-age=60", 60),
        ("MAX-AGE=5", 5),
        ("s-maxage=7", None),
        ("no-store", None),
        ("max-age=-5", None),
        ("max-age=x", None),
        ("max-age=99999999999", None),
    ],
)
async def test_the_age_an_answer_may_reach(header: str, seconds: int | None) -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of(GOOD, "200 OK", f"Cache-Control: {header}")
        assert (await at.http.get_cacheable(URL))[1] == seconds


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("400 Bad Request", {"error": "invalid_grant"}, "invalid_grant"),
        ("401 Unauthorized", {"error": "Basic auth required"}, "basic_auth_required"),
        ("401 Unauthorized", "", ""),
        ("404 Not Found", {}, ""),
        ("302 Found", {"error": "x"}, "x"),
        ("200 OK", {"error": "invalid_grant", "access_token": "t"}, "invalid_grant"),
        ("200 OK", {"error_code": "104"}, "104"),
        ("200 OK", {"error": None, "error_code": 5}, "5"),
        ("200 OK", {"error": {"error_code": 5, "error_msg": "x"}}, "5"),
        ("400 Bad", {"error": {"code": 190, "type": "OAuthException"}}, "190"),
        ("400 Bad", {"error": {"type": "OAuthException"}}, "oauthexception"),
        ("200 OK", {"error": {}}, "unreadable"),
        ("200 OK", {"error": {"code": ["x"]}}, "unreadable"),
        ("200 OK", {"error": "a\r\nb"}, "unreadable"),
        ("200 OK", {"error": "x" * 65}, "unreadable"),
        ("200 OK", {"error": False}, "false"),
    ],
)
async def test_a_refusal_is_told_by_status_or_by_body(status: str, body: object, error: str) -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of(body, status) if body != "" else answer_of(b"", status)
        with pytest.raises(UpstreamRejected) as caught:
            await at.http.post_form(URL, {})
    assert caught.value.error == error
    told = f"error {error}" if error else "without an error name"
    assert caught.value.detail == f"/token: status {status[:3]}, {told}"
    assert at.notes.of(Event.UPSTREAM_CALLED)[0]["outcome"] == "rejected"


async def test_null_for_an_error_is_none() -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of({"error": None, **GOOD})
        assert (await at.http.post_form(URL, {})).text("access_token") == "t"


@pytest.mark.parametrize("status", ["429 Slow", "500 Oops", "502 Bad", "503 Later", "599 What"])
async def test_an_upstream_that_cannot_just_now_is_unavailable(status: str) -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of(GOOD, status)
        with pytest.raises(UpstreamUnavailable):
            await at.http.post_form(URL, {})


async def test_i8_every_hostile_shape_is_a_named_failure_that_quotes_nothing() -> None:
    async with bench(timeout=0.2) as at:
        for title, answer in shapes(b'{"access_token":"canary"}').items():
            if title != "empty object":
                at.server.answers["/token"] = answer
                with pytest.raises(UpstreamError) as caught:
                    await at.view(title).post_form(URL, {"code": "canary"})
                assert "canary" not in f"{caught.value!r}{caught.value.detail}", title
                assert caught.value.__cause__ is None


async def test_i2_no_redirect_is_followed() -> None:
    async with raw_server({"/": json_of(GOOD)}) as trap, bench() as at:
        for status in ("301 a", "302 b", "303 c", "307 d", "308 e"):
            at.server.answers["/token"] = answer_of(b"", status, f"Location: {trap.url}/")
            with pytest.raises(UpstreamRejected):
                await at.http.get_json(URL)
        assert trap.received == []


async def test_a_token_that_no_header_can_carry_is_a_named_failure() -> None:
    async with bench() as at:
        with pytest.raises(UpstreamInvalid) as caught:
            await at.http.get_json(URL, headers={"Authorization": "Bearer canary\r\nX: y"})
        assert caught.value.detail == "/token: ValueError"
        assert at.server.received == []


async def test_cookies_of_an_upstream_are_not_sent_back() -> None:
    async with bench() as at:
        # By name: a cookie jar would not keep what comes from a bare address anyway.
        named = at.server.url.replace("127.0.0.1", "localhost")
        http = at.pool.for_provider("x", server_base=named, recorder=at.notes)
        at.server.answers["/token"] = json_of(GOOD, "200 OK", "Set-Cookie: a=b; Path=/")
        await http.get_json(URL)
        await http.get_json(URL)
    assert len(at.server.received) == 2
    assert all("cookie" not in received.headers for received in at.server.received)


async def test_connections_are_kept_and_shared() -> None:
    async with bench() as at:
        for _ in range(5):
            await at.http.get_json(URL)
            await at.view("y").post_form(URL, {})
        assert at.server.connections == 1


async def test_i6_one_byte_at_a_time_ends_at_the_time_limit() -> None:
    async with bench(timeout=0.3) as at:
        at.server.answers["/token"] = shapes(b"{}")["one byte now and then"]
        started = perf_counter()
        with pytest.raises(UpstreamUnavailable):
            await at.http.get_json(URL)
        assert perf_counter() - started < 2


async def test_i7_floods_and_bombs_are_cut_off_without_filling_memory() -> None:
    async with bench(timeout=10) as at:
        before = _peak_memory()
        for title in ("without end", "compressed zeros", "over the limit"):
            at.server.answers["/token"] = shapes(b"{}")[title]
            with pytest.raises(UpstreamInvalid, match="more than"):
                await at.view(title).get_json(URL)
        gc.collect()
        assert _peak_memory() - before < 20 * 1024


def _peak_memory() -> int:
    """KiB this process has ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def test_an_answer_of_exactly_the_limit_is_read() -> None:
    body = b'{"a":"' + b"x" * (512 * 1024 - 8) + b'"}'
    async with bench() as at:
        at.server.answers["/token"] = answer_of(body)
        assert len((await at.http.get_json(URL)).text("a")) == 512 * 1024 - 8
        at.server.answers["/token"] = answer_of(body + b" ")
        with pytest.raises(UpstreamInvalid):
            await at.http.get_json(URL)


async def test_nobody_listening_is_unavailable() -> None:
    async with raw_server() as gone:
        pass
    pool = await HttpPool.open()
    try:
        for method in ("post", "get"):
            http = pool.for_provider("x", server_base=gone.url, recorder=Notes(), pause=never)
            with pytest.raises(UpstreamUnavailable, match="no connection"):
                await (http.post_form(URL, {}) if method == "post" else http.get_json(URL))
    finally:
        await pool.close()


async def test_what_may_be_sent_once_is_sent_once_although_it_is_a_get() -> None:
    async with bench() as at:
        at.server.answers["/token"] = b""  # hangs up without an answer
        for once, calls in ((True, 1), (False, 2)):
            at.server.received.clear()
            with pytest.raises(UpstreamUnavailable):
                await at.http.ask(Request("GET", f"{URL}?code=c", once=once), UpstreamAnswer.fields)
            assert len(at.server.received) == calls


async def test_only_a_get_is_tried_again_and_only_when_no_connection_came_about() -> None:
    connections = 0

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"this is no TLS")
        writer.close()

    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    pool = await HttpPool.open()
    try:
        base = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for method, expected in (("post", 1), ("get", 3)):
            http = pool.for_provider("x", server_base=base, recorder=Notes(), pause=never)
            with pytest.raises(UpstreamUnavailable):
                await (http.post_form(URL, {}) if method == "post" else http.get_json(URL))
            assert connections == expected
    finally:
        await pool.close()
        server.close()
    async with bench() as at:
        at.server.answers["/token"] = shapes(b"{}")["nothing at all"]
        with pytest.raises(UpstreamUnavailable):
            await at.http.post_form(URL, {})
        assert len(at.server.received) == 1


async def test_an_address_must_be_https_whatever_stands_behind_it() -> None:
    async with bench() as at:
        for url in ("http://up.example/token", "file:///etc/passwd", "//up.example/", "", "HTTPS://up.example/"):
            with pytest.raises(UpstreamInvalid):
                await at.http.get_json(url)
        assert at.server.received == []


def passes(http: UpstreamHttp) -> bool:
    """Whether calls do, asked anew."""
    return http.down_for is None


async def never(_: float) -> None:
    """Nobody looks again."""
    await asyncio.Event().wait()


async def from_visitors(http: UpstreamHttp, *visitors: str, answer: type[UpstreamError] = UpstreamUnavailable) -> None:
    """A code of each of these visitors is sent, and fails."""
    for one in visitors:
        visitor.set(one)
        with pytest.raises(answer):
            await http.post_form(URL, {"code": one})


async def test_k14_the_breaker_opens_for_one_provider_and_says_so() -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of({}, "500 Oops")
        await from_visitors(at.http, "1", "2")
        assert passes(at.http)
        await from_visitors(at.http, "3")
        assert not passes(at.http)
        assert at.http.down_for is not None
        at.server.answers["/token"] = json_of(GOOD)
        with pytest.raises(UpstreamUnavailable, match="left alone"):
            await at.http.get_json(URL)
        assert len(at.server.received) == 3
        opened = {"provider": "x", "state": "open", "reason": "/token: status 500"}
        assert at.notes.of(Event.UPSTREAM_BREAKER) == [opened]
        assert (await at.view("y").get_json(URL)).text("access_token") == "t"


async def test_i14_one_visitor_cannot_hold_the_breaker_open() -> None:
    async with bench(timeout=0.2) as at:
        for answer in (json_of({}, "500 Oops"), json_of({"error": "server_error"}), shapes(b"{}")["silence"], b"x"):
            at.server.answers["/token"] = answer
            await from_visitors(at.http, *["one"] * 5, answer=UpstreamError)
            assert passes(at.http)
            at.server.answers["/token"] = json_of(GOOD)
            visitor.set("honest")
            assert (await at.http.post_form(URL, {})).text("access_token") == "t"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (json_of({}, "429 Slow", "Retry-After: 120"), 120),
        (json_of({}, "503 Later", "Retry-After: 7"), 7),
        (json_of({"error": "temporarily_unavailable"}, "400 Bad", "Retry-After: 30"), 30),
        (
            json_of(
                {}, "503 Later", "Date: Sun, 29 Nov 2026 10:00:00 GMT", "Retry-After: Sun, 29 Nov 2026 10:01:30 GMT"
            ),
            90,
        ),
    ],
)
async def test_the_pause_an_upstream_asks_for_is_kept(answer: bytes, seconds: float) -> None:
    waits: list[float] = []

    async def pause(wait: float) -> None:
        waits.append(round(wait))
        await never(wait)

    async with bench() as at:
        at.server.answers["/token"] = answer
        http = at.pool.for_provider("x", server_base=at.server.url, recorder=at.notes, pause=pause)
        await from_visitors(http, "one")
        assert not passes(http)
        await asyncio.sleep(0)
        assert waits == [seconds]


@pytest.mark.parametrize("asked", ["soon", "-5", "", "1.5", "99999999999"])
async def test_a_pause_that_cannot_be_read_is_none(asked: str) -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of({}, "429 Slow", f"Retry-After: {asked}")
        await from_visitors(at.http, "one")
        assert passes(at.http)


async def test_words_for_not_now_are_those_of_the_specification_and_of_the_upstream() -> None:
    async with bench() as at:
        http = at.pool.for_provider("x", server_base=at.server.url, recorder=at.notes, not_now=frozenset({"2"}))
        for body, failure in (({"error_code": 2}, UpstreamUnavailable), ({"error_code": 3}, UpstreamRejected)):
            at.server.answers["/token"] = json_of(body)
            with pytest.raises(failure, match=f"status 200, error {body['error_code']}"):
                await http.post_form_value(URL, {})


@dataclass
class Looks:
    """Lets whoever looks again wait until it is told to."""

    steps: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    at: float = 0.0

    async def pause(self, seconds: float) -> None:
        await self.steps.get()
        self.at += seconds

    def clock(self) -> float:
        return self.at


async def until(state: Callable[[], bool]) -> None:
    """Wait until this is so; whoever hangs is found by the limit."""
    async with asyncio.timeout(20):
        while not state():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "answer", [answer_of(b"", "405 Method Not Allowed", "Connection: close"), b"220 this is no HTTP\r\n\r\n"]
)
async def test_an_upstream_nobody_could_reach_is_found_well_without_people(answer: bytes) -> None:
    async with raw_server() as gone:
        pass
    pool, notes, looks = await HttpPool.open(), Notes(), Looks()
    try:
        view = pool.for_provider("x", server_base=gone.url, recorder=notes, clock=looks.clock, pause=looks.pause)
        await from_visitors(view, "one")
        assert not passes(view)
        looks.steps.put_nowait(None)
        await until(lambda: len(notes.of(Event.UPSTREAM_CALLED)) == 2)
        assert not passes(view), "it was looked at, and was not there"
        host, port = gone.url.removeprefix("http://").split(":")
        seen: list[bytes] = []

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(refuse, host, int(port))
        looks.steps.put_nowait(None)
        await until(lambda: passes(view))
        server.close()
        assert len(seen) == 1
        assert seen[0].startswith(b"GET /token HTTP/1.1\r\n"), "told nothing: neither code nor secret"
        assert [told["state"] for told in notes.of(Event.UPSTREAM_BREAKER)] == ["open", "closed"]
        assert view.down_for is None
    finally:
        await pool.close()


async def test_a_document_that_cannot_be_had_opens_it_unless_one_is_kept() -> None:
    looks = Looks()
    async with bench() as at:
        view = at.pool.for_provider(
            "x", server_base=at.server.url, recorder=at.notes, clock=looks.clock, pause=looks.pause
        )
        at.server.answers["/keys"] = json_of({}, "500 Oops")
        url = "https://up.example/keys"
        with pytest.raises(UpstreamUnavailable):
            await view.get_cacheable(url, spare=True)
        assert passes(view)
        with pytest.raises(UpstreamUnavailable):
            await view.get_cacheable(url)
        assert not passes(view)
        looks.steps.put_nowait(None)
        await until(lambda: len(at.server.received) == 3)
        at.server.answers["/keys"] = json_of({"keys": []})
        looks.steps.put_nowait(None)
        await until(lambda: passes(view))
        assert len(at.server.received) == 4


async def test_people_may_try_again_when_the_pause_is_over_and_nobody_is_asked_meanwhile() -> None:
    looks = Looks()
    async with bench() as at:
        view = at.pool.for_provider(
            "x", server_base=at.server.url, recorder=at.notes, clock=looks.clock, pause=looks.pause
        )
        at.server.answers["/token"] = json_of({}, "500 Oops")
        await from_visitors(view, "1", "2", "3")
        looks.steps.put_nowait(None)
        await until(lambda: passes(view))
        assert len(at.server.received) == 3


async def test_refusals_never_open_the_breaker() -> None:
    async with bench() as at:
        at.server.answers["/token"] = json_of({"error": "invalid_grant"}, "400 Bad")
        await from_visitors(at.http, *map(str, range(20)), answer=UpstreamRejected)
        assert passes(at.http)


async def test_k14_one_that_hangs_holds_only_its_own_places() -> None:
    async with bench(timeout=10) as at:
        at.server.answers["/hang"] = shapes(b"{}")["silence"]
        url = "https://up.example/hang"
        hanging = [asyncio.create_task(at.http.get_json(url)) for _ in range(CALLS_AT_ONCE + 10)]
        async with asyncio.timeout(9):
            while len(at.server.received) < CALLS_AT_ONCE:
                await asyncio.sleep(0.01)
        assert (await at.view("y").get_json(URL)).text("access_token") == "t"
        assert [received.path for received in at.server.received] == ["/hang"] * CALLS_AT_ONCE + ["/token"]
        assert not any(task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_a_cancelled_call_is_noted_and_gives_its_place_back() -> None:
    async with bench() as at:
        at.server.answers["/hang"] = shapes(b"{}")["silence"]
        task = asyncio.create_task(at.http.get_json("https://up.example/hang"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert at.notes.of(Event.UPSTREAM_CALLED)[0]["outcome"] == "cancelled"
        assert (await at.http.get_json(URL)).text("access_token") == "t"


async def test_i10_a_proxy_in_the_environment_is_believed_only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server() as proxy, bench() as at:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert (await at.http.get_json(URL)).text("access_token") == "t"
        assert proxy.connections == 0
        pool = await HttpPool.open(trust_env=True)
        try:
            with pytest.raises(UpstreamError):
                await pool.for_provider("x", server_base=at.server.url, recorder=Notes()).get_json(URL)
        finally:
            await pool.close()
        assert proxy.connections > 0


@pytest.mark.parametrize(
    ("name", "trusted", "old", "works"),
    [
        ("localhost", True, False, True),
        ("localhost", False, False, False),
        ("other.example", True, False, False),
        ("localhost", True, True, False),
    ],
    ids=["good", "self-signed", "wrong host", "TLS 1.1"],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # the test needs the old version
async def test_i9_certificates_names_and_versions_are_checked(
    tmp_path: Path, name: str, *, trusted: bool, old: bool, works: bool
) -> None:
    certificate = Certificate(tmp_path, name)
    pool = await HttpPool.open(ca_file=str(certificate.cert) if trusted else None)
    try:
        async with tls_server(certificate, ssl.TLSVersion.TLSv1_1 if old else None) as server:
            http = pool.for_provider("x", recorder=Notes())
            if works:
                assert (await http.get_json(f"{server.url}/")).text("access_token") == "t"
            else:
                with pytest.raises(UpstreamUnavailable):
                    await http.get_json(f"{server.url}/")
    finally:
        await pool.close()
        await asyncio.sleep(0.05)
