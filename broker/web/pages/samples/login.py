"""Pages before somebody has signed in, and those that join two ways in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from broker.upstream.abilities import PagePrompt
from broker.upstream.brand import Brand, Glyph, Shade
from broker.web.pages.samples.parts import make_client, make_hrefs, make_person, make_stranger
from broker.web.pages.views import (
    Button,
    ByBotView,
    HomeView,
    JoinView,
    LeavingView,
    LinkView,
    LoginView,
    MergeView,
    PersonView,
    ReturningView,
    View,
    WidgetView,
)

LOGIN_NOTICES = ("E-CANCEL", "E-UPSTREAM", "E-NOTALLOWED", "E-OFF", "E-EXPIRED", "E-COOKIE", "E-BLOCKED")


def make_login(text: str = "", *, notice: str = "", href: str = "/authorize?a=1&b=2") -> LoginView:
    """Two ways to sign in, the first used before."""
    label = {"en": text or "Sign in with VK ID", "ru": text or "Войти с VK ID"}
    buttons = (
        Button(
            "vk",
            "vk",
            label,
            Brand(Shade("#0070f0", "#ffffff", glyph=Glyph.WHITE)),
            href,
            last_used=True,
            notice="open_in_browser",
        ),
        Button("other", text or "unheard-of", label, Brand.of("#ff7700"), href, notice="down"),
        Button("third", text or "google", label, Brand.of("#ff0077"), href, notice="off", minutes=3000),
    )
    return LoginView(make_client(text), buttons, {"ru": href, "en": href}, notice, {"en": text} if text else {})


def make_prompt(text: str = "") -> PagePrompt:
    """Google's prompt and its button."""
    gsi = "https://accounts.google.com/gsi/"
    return PagePrompt(
        text or "/callback/google/state", f"{gsi}client", text or "id", text or "nonce", True, gsi, f"{gsi}style"
    )


def every_before_login(text: str) -> Iterator[tuple[str, View]]:
    """The login page in every mood, a widget, and the page of the issuer."""
    for notice in ("", *LOGIN_NOTICES):
        yield f"login {notice}", make_login(text, notice=notice, href=text or "/authorize?a=1&b=2")
    back = ReturningView(make_person(text), text or "/authorize?idp_hint=~", href=text or "/authorize?idp_hint=vk")
    here = replace(back, href="", ticket=text or "ticket")
    nameless = replace(here, person=PersonView("", "", "vk", {"en": text or "VK ID"}))
    for known, offered in (("returning", back), ("signed in", here), ("nameless", nameless)):
        yield f"login, {known}", replace(make_login(text), returning=offered)
    yield "login, prompt", replace(make_login(text), prompt=make_prompt(text))
    yield "sign up", replace(make_login(text), sign_up=True)
    yield "login, registered", replace(make_login(text), client=make_stranger(text))
    yield from _inside_an_app(text)
    context = {name: text or "https://telegram.org/x" for name in ("script", "bot", "auth_url", "request_access")}
    origins = (("https://telegram.org",), ("https://oauth.telegram.org",))
    url = text or "https://oauth.telegram.org/auth"
    widget = WidgetView("telegram.html", context, url, *origins, make_client(text), text)
    yield "widget", widget
    yield from _by_bot(text, widget)
    yield "home", HomeView(text or "https://id.example.com", text or "/.well-known/x")


def _by_bot(text: str, widget: WidgetView) -> Iterator[tuple[str, View]]:
    client, title, action = make_client(text), {"en": text or "Telegram"}, "/bot/telegram/s"
    yield "widget, by bot", replace(widget, start_action=action)
    yield "by bot", ByBotView(client, title, text or "https://oauth.telegram.org/auth", action, text or "/authorize")
    yield "by bot, waiting", ByBotView(client, title, text or "https://t.me/bot?start=1", number=text or "47")


def _inside_an_app(text: str) -> Iterator[tuple[str, View]]:
    page, title = make_login(text), {"en": text or "VK ID"}
    refused, wait = replace(page.buttons[0], title=title, notice=""), "/elsewhere?a=1&b=2"
    some = replace(page, buttons=page.buttons[1:], refused=(refused,), elsewhere_href=wait)
    yield "login, refused here", some
    yield "login, all refused here", replace(some, buttons=(), refused=(refused, replace(refused, provider="other")))
    yield "login, refused and no way out", replace(some, elsewhere_href="")


def every_joining(text: str) -> Iterator[tuple[str, View]]:
    """What joins two ways in, or two accounts, and the page before an upstream."""
    person, hrefs, ticket, address = make_person(text), make_hrefs(text), text or "ticket", text or "anna@example.com"
    nameless = PersonView("", "", "vk", {"en": text or "VK ID"})
    asked = JoinView(make_client(text), person, make_login(text, href=text or "/join?a=1").buttons, ticket, hrefs)
    yield "join", asked
    yield "join, named", replace(asked, address=address)
    yield "join, missed", replace(asked, person=nameless, missed={"en": text or "Google"})
    yield "link", LinkView(person, make_person(text), address, ticket, hrefs)
    yield "link, nameless", LinkView(nameless, nameless, "", ticket, hrefs)
    yield "link, asked by an app", LinkView(person, person, address, ticket, hrefs, make_client(text))
    yield "merge", MergeView(person, nameless, (person, nameless), (nameless, person), ticket, hrefs)
    yield "leaving", LeavingView(f"https://id.vk.com/authorize?state={quote(text, safe='=')}", {"en": text or "VK ID"})
