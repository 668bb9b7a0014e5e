"""Threats G: windows and frames. An answer travels by redirect or form, and by message where the app is called from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import http, query_of, request_for, sign_in
from tests.threats.site import Site
from tests.threats.tours import tour

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
WINDOWS = re.compile(r"postMessage|BroadcastChannel|window\.(?:opener|parent|top)|\.opener|addEventListener\(.message")
SENDS = "templates/static/web_message.js"
OURS = (ROOT / "templates", ROOT / "broker" / "web")


def test_g9_g10_one_script_of_ours_sends_messages_and_no_page_takes_any() -> None:
    texts = {path: path.read_text(encoding="utf-8") for folder in OURS for path in folder.rglob("*") if _is_text(path)}
    assert len(texts) > 30
    found = {str(path.relative_to(ROOT)): set(WINDOWS.findall(text)) for path, text in texts.items() if _speaks(text)}
    listens, library = re.compile("addEventListener|onmessage|BroadcastChannel"), "broker/web/popup/broker-popup"
    assert SENDS in found
    assert all(name.startswith(library) for name in found.keys() - {SENDS}), "that runs at an app, and hears"
    said = (ROOT / SENDS).read_text(encoding="utf-8")
    assert listens.search(said) is None
    assert re.findall(r"postMessage\((.*)\);", said)[0].endswith(", answer.origin")


def _is_text(path: Path) -> bool:
    return path.suffix in {".html", ".js", ".py", ".svg"}


def _speaks(text: str) -> bool:
    return WINDOWS.search(text) is not None


@pytest.mark.parametrize("mode", ["web_message", "web_message.jwt", "popup", "fragment", "postmessage", "relay"])
async def test_g9_g10_an_answer_cannot_be_asked_for_as_a_message(site: Site, mode: str) -> None:
    async with http(site) as client:
        for more in ({}, {"origin": "https://evil.test"}, {"display": "popup"}, {"web_message_uri": "https://e.test"}):
            answer = await client.get("/authorize", params=request_for(site, response_mode=mode, prompt="none") | more)
            assert (answer.status_code, query_of(answer.headers["location"])["error"]) == (303, "invalid_request")
        metadata = (await client.get("/.well-known/openid-configuration")).json()
        assert (mode in metadata["response_modes_supported"]) is (mode == "web_message")


async def test_g9_g10_a_message_goes_to_the_origin_that_was_registered_whatever_is_asked(site: Site) -> None:
    async with http(site) as client:
        for more in ({}, {"origin": "https://evil.test"}, {"web_message_uri": "https://e.test"}, {"display": "popup"}):
            asked = request_for(site, "spa", response_mode="web_message", prompt="none") | more
            for answer in (
                await client.get("/authorize", params=asked),
                await client.get("/authorize", params=asked | {"scope": "nothing"}),
            ):
                assert (answer.status_code, "location" in answer.headers) == (200, False)
                assert re.findall('data-origin="([^"]*)"', answer.text) == ["https://spa.example.com"]
                assert "evil.test" not in answer.text
                assert "e.test" not in answer.text
        for wrong in (
            "https://spa.example.com.evil.test/cb",
            "http://spa.example.com/cb",
            "https://spa.example.com/cb/",
        ):
            asked = request_for(site, "spa", response_mode="web_message", redirect_uri=wrong)
            assert (await client.get("/authorize", params=asked)).status_code == 400


async def test_g4_g9_a_silent_answer_is_a_code_for_the_app_alone(site: Site, visitor: Visitor) -> None:
    await sign_in(site, visitor, "spa")
    cookies = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in visitor.cookies.sent_to(site.issuer))}
    async with http(site, headers=cookies) as client:
        silent, aloud, asking = [
            await client.get("/authorize", params=request_for(site, "spa", response_mode="web_message", **more))
            for more in ({"prompt": "none"}, {}, {"prompt": "login"})
        ]
    assert "frame-ancestors https://spa.example.com" in silent.headers["content-security-policy"]
    for answer in (silent, aloud):
        (said,) = re.findall('data-response="([^"]*)"', answer.text)
        assert json.loads(unescape(said)).keys() == {"code", "state", "iss"}
    for answer in (aloud, asking):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], "in no frame"
        assert answer.headers["x-frame-options"] == "DENY"


async def test_g12_only_pages_of_a_login_that_is_answered_by_message_keep_an_opener(site: Site) -> None:
    async with http(site) as client:
        for mode, kept in (("query", "same-origin"), ("form_post", "same-origin"), ("web_message", "unsafe-none")):
            answer = await client.get("/authorize", params=request_for(site, "spa", response_mode=mode))
            assert (answer.status_code, _of(answer.headers)) == (200, kept), mode


async def test_g12_no_other_page_keeps_hold_of_the_window_that_opened_it(site: Site, visitor: Visitor) -> None:
    seen = {page.url: _of(page.headers) for page in await tour(site, visitor) if page.status not in {302, 303}}
    # A widget's own frame opens a window; what is around it is no answer to anybody. A fragment is read for any login.
    allowed = {"same-origin", "same-origin-allow-popups"}
    kept = {url for url, policy in seen.items() if policy not in allowed}
    assert {urlsplit(url).path.split("/")[1] for url in kept} == {"callback"}
    async with http(site) as client:
        answer = await client.get("/authorize", params=request_for(site, display="popup"))
        assert _of(answer.headers) == "same-origin", "display=popup is a wish about looks"
        back = await client.get("/authorize", params=request_for(site, display="popup", prompt="none"))
    assert back.headers["location"].startswith(site.redirect_uri()), "and the answer a redirect as ever"


def _of(headers: Mapping[str, str]) -> str:
    return headers.get("cross-origin-opener-policy", "")


async def test_g19_no_page_answers_another_about_the_session(site: Site) -> None:
    async with http(site) as client:
        metadata = (await client.get("/.well-known/openid-configuration")).json()
        assert "check_session_iframe" not in metadata
        for path in ("/check_session", "/session/check", "/check-session", "/opframe"):
            assert (await client.get(path)).status_code == 404
