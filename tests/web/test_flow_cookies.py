"""The cookies of login attempts: several tabs work, and nobody fills the jar until requests are refused."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from broker.services.login.attempts import MAX_COOKIE
from broker.web.http.cookies import MAX_FLOWS, MAX_JAR, Cookies


def request_with(jar: dict[str, str]) -> Request:
    """A request of a browser that holds these cookies, older ones first."""
    header = "; ".join(f"{name}={value}" for name, value in jar.items()).encode()
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", header)]})


def begin(jar: dict[str, str], tag: str, size: int) -> None:
    """Another attempt with a record of `size` characters; `jar` changes as a browser's would."""
    response = Response()
    Cookies.keep_flow(request_with(jar), response, tag, "x" * size, ttl=600)
    for line in response.headers.getlist("set-cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        jar.pop(name, None)
        if value:
            jar[name] = value


@pytest.mark.parametrize("size", [200, 1100, 2000, MAX_COOKIE])
def test_g3_the_jar_stays_below_what_servers_and_proxies_take(size: int) -> None:
    jar: dict[str, str] = {"__Host-session": "s" * 40, "__Host-last": "google"}
    for number in range(40):
        begin(jar, f"{number:012x}", size)
        flows = [name for name in jar if name.startswith("__Host-flow-")]
        assert len(flows) <= MAX_FLOWS
        assert sum(len(jar[name]) for name in flows) <= max(MAX_JAR, size)
        assert flows[-1].endswith(f"{number:012x}")
    assert len(flows) == min(MAX_FLOWS, MAX_JAR // size)
    assert jar["__Host-session"] == "s" * 40


def test_b19_small_attempts_of_several_tabs_stand_side_by_side() -> None:
    jar: dict[str, str] = {}
    for number in range(MAX_FLOWS):
        begin(jar, f"{number:012x}", 1000)
    assert len(jar) == MAX_FLOWS


def test_an_attempt_that_is_kept_again_pushes_out_no_other() -> None:
    jar: dict[str, str] = {}
    for tag in ("a" * 12, "b" * 12, "a" * 12):
        begin(jar, tag, 2000)
    assert len(jar) == 2
