"""Threats G: windows and frames. Answers travel by redirect and by form; no page speaks to another one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import http, query_of, request_for
from tests.threats.site import Site
from tests.threats.tours import tour

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
WINDOWS = re.compile(r"postMessage|BroadcastChannel|window\.(?:opener|parent|top)|\.opener|addEventListener\(.message")
OURS = (ROOT / "templates", ROOT / "broker" / "web")


def test_g9_g10_g11_no_page_of_ours_sends_or_takes_messages() -> None:
    texts = {path: path.read_text(encoding="utf-8") for folder in OURS for path in folder.rglob("*") if _is_text(path)}
    assert len(texts) > 30
    assert {str(path.relative_to(ROOT)): WINDOWS.findall(text) for path, text in texts.items() if _speaks(text)} == {}


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
        assert mode not in metadata["response_modes_supported"]


async def test_g11_g12_no_page_keeps_hold_of_the_window_that_opened_it(site: Site, visitor: Visitor) -> None:
    seen = {page.url: _of(page.headers) for page in await tour(site, visitor) if page.status not in {302, 303}}
    # A widget's own frame opens a window; what is around it is no answer to anybody.
    allowed = {"same-origin", "same-origin-allow-popups"}
    assert {url: policy for url, policy in seen.items() if policy not in allowed} == {}
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
