"""The visitor behaves as Chromium does in a login. A small site on a real socket is what it visits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs, quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from broker.demo.cookies import Cookie, CookieJar, is_trustworthy, site_of
from broker.demo.markup import parse_markup
from broker.demo.servers import serving, take_port
from broker.demo.visitor import Visitor

pytestmark = pytest.mark.anyio

PAGE = """<!doctype html><html lang="en"><head><title>A page</title></head><body>
<p id="text">one   <b>two</b></p><a id="link" href="/echo?x=1#part">go</a>
<form id="f" method="post" action="/echo"><input type="hidden" name="h" value="&lt;1&gt;"><input name="t" value="">
<input type="checkbox" name="c" value="yes" checked><input type="checkbox" name="d" value="no">
<select name="s"><option value="a">A</option><option value="b" selected>B</option></select>
<button id="ok" name="b" value="pressed">OK</button><button id="plain">plain</button></form>
<form id="g" action="/echo?old=1"><input name="q" value="1"></form></body></html>"""


async def echo(request: Request) -> Response:
    body = (await request.body()).decode()
    lines = [f"{request.method} {request.url.path}?{request.url.query}", body]
    lines += [f"{name}={request.headers.get(name, '')}" for name in ("cookie", "origin", "accept-language")]
    return PlainTextResponse("\n".join(lines))


async def page(request: Request) -> Response:
    answer = HTMLResponse(PAGE)
    answer.headers.append("Set-Cookie", "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax")
    answer.headers.append("Set-Cookie", "n=2; Path=/; Secure; SameSite=None")
    answer.headers.append("Set-Cookie", "strict=3; Path=/; SameSite=Strict")
    return answer


async def redirect(request: Request) -> Response:
    query = parse_qs(request.url.query)
    return RedirectResponse(query["to"][0], status_code=int(query.get("status", ["302"])[0]))


async def loop(request: Request) -> Response:
    return RedirectResponse("/loop")


async def content(request: Request) -> Response:
    return HTMLResponse(parse_qs(request.url.query)["html"][0])


@pytest.fixture
async def site(anyio_backend: str) -> AsyncIterator[Callable[[str], str]]:
    """Gives the site's address under a host name."""
    routes = [
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/page", page),
        Route("/redirect", redirect, methods=["GET", "POST"]),
        Route("/content", content),
        Route("/loop", loop),
    ]
    port = take_port("site", "127.0.0.1")
    async with serving([(port, Starlette(routes=routes))]):
        yield lambda host: f"http://{host}.localhost:{port.number}"
    port.close()


async def test_a_page_is_read(site: Callable[[str], str]) -> None:
    async with Visitor() as visitor:
        seen = await visitor.get(site("a") + "/page")
        assert (seen.status, seen.title, seen.markup.language) == (200, "A page", "en")
        assert seen.text_of("text") == "one two"
        assert seen.form("f").fields == {"h": "<1>", "t": "", "c": "yes", "s": "b"}
        with pytest.raises(LookupError):
            seen.form("nothing")


async def test_buttons_links_and_forms_work_by_id(site: Callable[[str], str]) -> None:
    async with Visitor() as visitor:
        await visitor.get(site("a") + "/page")
        assert (await visitor.click("ok")).text.splitlines()[:2] == ["POST /echo?", "h=%3C1%3E&t=&c=yes&s=b&b=pressed"]
        await visitor.get(site("a") + "/page")
        assert (await visitor.click("link")).url.endswith("/echo?x=1#part")
        await visitor.get(site("a") + "/page")
        assert "t=filled" in (await visitor.submit("f", t="filled")).text
        await visitor.get(site("a") + "/page")
        assert (await visitor.submit("g")).text.startswith("GET /echo?q=1\n")
        with pytest.raises(LookupError):
            await visitor.click("nothing")


async def test_cookies_of_a_cross_site_post_are_only_those_that_allow_it(site: Callable[[str], str]) -> None:
    async with Visitor() as visitor:
        await visitor.get(site("a") + "/page")
        own = await visitor.get(site("a") + "/echo")
        assert "cookie=__Host-a=1; n=2; strict=3" in own.text
        linked = await visitor.get(site("a") + "/echo", initiator=site("b"))
        assert "cookie=__Host-a=1; n=2\n" in linked.text
        posted = await visitor.post(site("a") + "/echo", {"x": "1"}, initiator=site("b"))
        assert "cookie=n=2\n" in posted.text
        assert f"origin={site('b')}" in posted.text
        assert "cookie=\n" in (await visitor.get(site("c") + "/echo")).text


async def test_redirects_change_the_method_as_browsers_do(site: Callable[[str], str]) -> None:
    async with Visitor(languages="ru") as visitor:
        target = site("a") + "/echo"
        for status, first in (("302", "GET"), ("303", "GET"), ("307", "POST")):
            url = f"{site('a')}/redirect?status={status}&to={target}"
            assert (await visitor.post(url, {"x": "1"})).text.startswith(first)
        assert "accept-language=ru" in visitor.page.text


async def test_a_fragment_survives_a_redirect_without_one(site: Callable[[str], str]) -> None:
    async with Visitor() as visitor:
        landed = await visitor.get(f"{site('a')}/redirect?to=/echo%23one")
        assert landed.fragment == "one"
        landed = await visitor.get(f"{site('a')}/redirect?to=/echo#two")
        assert landed.fragment == "two"


async def test_a_stopped_navigation_shows_where_it_would_have_gone(site: Callable[[str], str]) -> None:
    async with Visitor(stops=("https://app.example/cb",)) as visitor:
        stopped = await visitor.get(f"{site('a')}/redirect?to=https://app.example/cb%3Fcode=c")
        assert (stopped.status, stopped.params) == (0, {"code": "c"})
        stopped = await visitor.get(f"{site('a')}/redirect?to=com.example.app:/cb%3Fcode=d")
        assert (stopped.status, stopped.params) == (0, {"code": "d"})


@pytest.mark.parametrize(("scripts", "reached"), [(True, True), (False, False)])
async def test_pages_that_continue_by_script_do_so_where_scripts_run(
    site: Callable[[str], str], scripts: bool, reached: bool
) -> None:
    form = "<form id='answer' method='post' action='/echo'><input name='code' value='c'></form>"
    landing = "<form id='fragment-form' method='post' action='/echo'><input name='fragment'></form>"
    async with Visitor(scripts=scripts) as visitor:
        posted = await visitor.get(f"{site('a')}/content?html={quote(form)}")
        assert ("POST /echo" in posted.text) is reached
        handed = await visitor.get(f"{site('a')}/content?html={quote(landing)}#state=s&token=t")
        assert ("fragment=state%3Ds%26token%3Dt" in handed.text) is reached
        assert "POST" not in (await visitor.get(f"{site('a')}/content?html={quote(landing)}#other=1")).text


async def test_a_meta_refresh_is_followed_without_scripts(site: Callable[[str], str]) -> None:
    html = "<meta http-equiv='refresh' content='0;url=/echo?y=2'>"
    async with Visitor(scripts=False) as visitor:
        assert "GET /echo?y=2" in (await visitor.get(f"{site('a')}/content?html={quote(html)}")).text
        assert [step.status for step in visitor.history] == [200, 200]


async def test_a_page_that_loads_itself_anew_is_left_as_it_is(site: Callable[[str], str]) -> None:
    here = f"{site('a')}/content?html={quote('<meta http-equiv=refresh content=5>')}"
    async with Visitor() as visitor:
        assert (await visitor.get(here)).url == here
        assert len(visitor.history) == 1


async def test_endless_redirects_end(site: Callable[[str], str]) -> None:
    async with Visitor() as visitor:
        with pytest.raises(RuntimeError, match="more than"):
            await visitor.get(site("a") + "/loop")


async def test_nothing_outside_this_machine_is_looked_up() -> None:
    async with Visitor() as visitor:
        with pytest.raises(OSError, match="example"):
            await visitor.get("http://example.com/")


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("__Host-a=1; Path=/; Secure", True),
        ("__Host-a=1; Path=/", False),
        ("__Host-a=1; Path=/x; Secure", False),
        ("__Host-a=1; Path=/; Secure; Domain=a.localhost", False),
        ("__Secure-a=1; Path=/", False),
        ("a=1; SameSite=None", False),
        ("a=1; Domain=b.localhost", False),
        ("a=1; Max-Age=0", False),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", False),
        ("nonsense", False),
    ],
)
def test_cookie_rules(header: str, kept: bool) -> None:
    jar = CookieJar(lambda: 1000.0)
    jar.store("http://a.localhost/x/y", [header])
    assert bool(jar.sent_to("http://a.localhost/x/y")) is kept


def test_a_secure_cookie_needs_a_trustworthy_origin() -> None:
    jar = CookieJar(lambda: 0.0)
    jar.store("http://example.com/", ["a=1; Secure"])
    assert jar.sent_to("http://example.com/") == []
    assert is_trustworthy("http://127.0.0.1/")
    assert not is_trustworthy("http://localhost.example.com/")


def test_cookies_expire() -> None:
    now = [0.0]
    jar = CookieJar(lambda: now[0])
    jar.store("http://a.localhost/", ["a=1; Max-Age=10"])
    assert jar.header("http://a.localhost/", method="GET", initiator=None) == "a=1"
    now[0] = 10.0
    assert jar.header("http://a.localhost/", method="GET", initiator=None) == ""


def test_paths_match_whole_segments() -> None:
    cookie = Cookie("a", "1", "a.localhost", True, "/id", True, "lax", None)
    assert cookie.goes_to("a.localhost", "/id/x")
    assert not cookie.goes_to("a.localhost", "/identity")
    assert not cookie.goes_to("b.a.localhost", "/id")


def test_ports_share_a_site_and_host_names_do_not() -> None:
    assert site_of("http://id.localhost:1/") == site_of("http://id.localhost:2/")
    assert site_of("http://id.localhost/") != site_of("http://app.localhost/")
    assert site_of("http://127.0.0.1:1/") == site_of("http://127.0.0.1:2/")


def test_markup_outside_forms_is_no_field() -> None:
    found = parse_markup("http://a/", "<input name='x'><select name='y'><option>z</select></p><iframe src='/f'>")
    assert found.forms == []
    assert found.frames == ["http://a/f"]
