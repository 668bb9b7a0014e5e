"""Errors, and pages that carry an answer back to an app."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from broker.web.pages.samples.parts import BACK, HARMLESS_IN_QUERY, make_client, make_stranger
from broker.web.pages.views import ErrorView, FormPostView, FragmentView, ReturnView, View, WebMessageView


def make_error(page: str, text: str = "") -> ErrorView:
    """An error with everything that can be said about it."""
    return ErrorView(
        page,
        text or "01JD3V7Q2M8K",
        text or "2026-11-20T12:50:25+00:00",
        error=text or "invalid_request",
        hint=text or "redirect_uri is not registered",
        provider_name={"en": text or "Google"},
        client=make_client(text),
        retry_href=text or "/authorize?a=1",
        other_href=text or "/authorize?b=1",
        home_href=text or "https://shop.example.com/",
        retry_after=5,
        account_href=text or "/account",
        closes_on=text or "2026-12-04",
    )


def every_answer(text: str) -> Iterator[tuple[str, View]]:
    """Every way in which an answer reaches an app by a page."""
    client, stranger = make_client(text), make_stranger(text)
    href = f"{BACK}?code=1&state={quote(text, safe=HARMLESS_IN_QUERY)}"
    yield "return, paused", ReturnView(href, stranger, pause=True)
    yield "form_post, paused", FormPostView(BACK, {"error": text or "e"}, stranger, pause=True)
    yield "return", ReturnView(href, client)
    fields = {"code": text or "c", "state": text or "s", text or "iss": "i"}
    yield "form_post", FormPostView(BACK, fields, client)
    yield "web_message", WebMessageView("https://shop.example.com", fields, href, client)
    yield "fragment", FragmentView("/callback/ok", text or "/authorize?a=1")
    yield "mini_app", FragmentView("/miniapp/telegram/shop", text or BACK, client, {"en": text or "Telegram"})
