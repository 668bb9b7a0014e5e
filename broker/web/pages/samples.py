"""One sample of every page, for checking an operator's templates and for tests. Nothing in them is anybody's.

`text` replaces every text and address that comes from outside, so that a test can fill a page with what it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from broker.core.people.history import Happened
from broker.core.terms import Scope
from broker.web.pages.views import (
    AccountDoneView,
    AccountQuestionView,
    AccountView,
    Activity,
    AppAccess,
    AskedScope,
    Button,
    ClientView,
    ConsentView,
    DeviceCodeView,
    DeviceConfirmView,
    DeviceDoneView,
    EnterView,
    ErrorView,
    FormPostView,
    FragmentView,
    HomeView,
    JoinView,
    LeavingView,
    LinkView,
    LoggedOutView,
    LoginView,
    LogoutView,
    Mark,
    MergeView,
    PersonView,
    ReturningView,
    ReturnView,
    SignedIn,
    ToldApp,
    View,
    Way,
    WebMessageView,
    WidgetView,
)

LOGIN_NOTICES = ("E-CANCEL", "E-UPSTREAM", "E-NOTALLOWED", "E-EXPIRED", "E-COOKIE", "E-BLOCKED")
HARMLESS_IN_QUERY = "<>'\"`&;=:/?#()"  # left as they are, so that only the page's own escaping is at work
PERSON = "Анна"
ACCOUNT_NOTICES = (
    "linked", "merged", "cancelled", "unlinked", "last", "ended", "signed-out", "taken-back", "kept", "gone",
)  # fmt: skip
BACK = "https://shop.example.com/cb"


def make_client(text: str = "") -> ClientView:
    """An app called `text`, or Shop."""
    name = {"en": text, "ru": text} if text else {"en": "Shop", "ru": "Магазин"}
    return ClientView(name, text or "shop.example.com", text)


def make_person(text: str = "") -> PersonView:
    """Somebody called `text`, or Анна, by VK ID."""
    return PersonView(text or PERSON, text[:2] or "А", text or "vk", {"en": text or "VK ID"})


def make_asked(text: str = "", *, known: bool = True) -> tuple[AskedScope, ...]:
    """Everything that can be asked for; `known`: the upstream said something for each."""
    told = {
        "profile": {"name": text or PERSON, "picture": text or "https://vk.com/a.png"},
        "email": {"email": text or "anna@example.com"},
        "phone": {"phone_number": text or "+79161234567"},
        "address": {"address": text or "Moscow"},
        "identities": {"identities": text or "vk: 501"},
    }
    words = (*Scope, text or "unheard.of")
    return tuple(
        AskedScope(
            word, told.get(word, {}) if known else {}, optional=known and word != "openid", marked=word != "email"
        )
        for word in words
    )


def make_consent(text: str = "") -> ConsentView:
    """The question of an app that asks for everything."""
    other, apis = text or "/authorize?idp_hint=~", (text or "https://api.shop.example",)
    return ConsentView(
        make_client(text), make_asked(text), make_person(text), other, text or "ticket", _hrefs(text), apis
    )


def make_stranger(text: str = "") -> ClientView:
    """An app that registered itself and says all it can of itself."""
    return replace(
        make_client(text),
        logo_href="",
        registered=True,
        own_logo_href=text or "data:image/png;base64,iVBORw0KGgo=",
        policy_href=text or "https://shop.example.com/policy",
        terms_href=text or "https://shop.example.com/terms",
    )


def make_login(text: str = "", *, notice: str = "", href: str = "/authorize?a=1&b=2") -> LoginView:
    """Two ways to sign in, the first used before."""
    label = {"en": text or "Sign in with VK ID", "ru": text or "Войти с VK ID"}
    buttons = (
        Button("vk", "vk", label, text or "#0077ff", href, last_used=True, notice="open_in_browser"),
        Button("other", text or "unheard-of", label, "#ff7700", href, notice="down"),
    )
    return LoginView(make_client(text), buttons, {"ru": href, "en": href}, notice, {"en": text} if text else {})


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


def every_logged_out(client: ClientView, text: str = "") -> Iterator[tuple[str, LoggedOutView]]:
    """Signed out: apps told in every way and a frame, on the way to an app, and nobody to tell."""
    name = {"en": text or "Shop"}
    apps = tuple(ToldApp(name, outcome) for outcome in ("told", "waiting", "failed", "by_browser"))
    frame = f"https://shop.example.com/out?sid={quote(text, safe=HARMLESS_IN_QUERY)}"
    href = f"{BACK}?state={quote(text, safe=HARMLESS_IN_QUERY)}"
    yield "logged-out", LoggedOutView(client, apps, (frame,), href, 3, text or "https://shop.example.com/")
    yield "logged-out, nobody told", LoggedOutView(ClientView({}), (), home_href=text or "https://shop.example.com/")


def make_device(
    text: str = "", *, minutes: int = 2, place: str = "203.0.113.x", near: bool = False
) -> DeviceConfirmView:
    """A device of an app that registered itself."""
    return DeviceConfirmView(
        client=replace(make_client(text), host="", registered=True),
        scopes=(AskedScope("profile", {"name": text or PERSON}), AskedScope(text or "email")),
        person=make_person(text),
        another_href=text or "/device/login?ticket=1",
        user_code=text or "BCDF-GHJK",
        minutes=minutes,
        place=place,
        near=near,
        resources=(text or "https://api.shop.example",),
        ticket=text or "ticket",
        language_hrefs={"ru": text or "/x?ui_locales=ru", "en": text or "/x?ui_locales=en"},
    )


def make_account(text: str = "", *, closes_on: str = "") -> AccountView:
    """Two ways in, two browsers, an app, and everything that can happen to an account."""
    name, at = {"en": text or "Shop"}, text or "2026-11-20T12:50:25+00:00"
    vk, other = Mark("vk", "vk", {"en": text or "VK ID"}), Mark("other", text or "unheard-of", {"en": text or "Other"})
    here = SignedIn("s1", text or "203.0.113.x", text or "Firefox, Android", at, vk, name, here=True)
    day = text or "2026-11-02"
    way = Way("h1", vk, text or PERSON, text or "anna@example.com", linked_on=day, used_on=day, here=True)
    access = AppAccess(
        text or "shop",
        make_client(text),
        ("openid", "email", "offline_access", text or "unheard.of"),
        (text or "https://api.shop.example",),
        since=day,
        offline=True,
    )
    signed_in = Activity("signed_in", at, vk, name, text or "203.0.113.x", text or "Firefox, Android")
    words = ("signed_in", *Happened, text or "unheard-of")
    return AccountView(
        sub=text or "k4fq3s7d2c5b6a7z4y3x2w1v2u",
        person=make_person(text),
        another_href=text or "/account?another=1",
        ways=(way, Way(text or "h2", other, "", "", "", text or "2026-11-19", here=False, has_home=True)),
        addable=(vk, replace(other, provider="third")),
        sessions=(here, replace(here, sid=text or "s2", place="", agent="", app={}, here=False)),
        apps=(access, replace(access, scopes=(), since="", client=make_stranger(text))),
        activity=(signed_in, *(Activity(word, at, other, name) for word in words)),
        tickets=dict.fromkeys(("link/vk", "link/third", "end", "take-back", "keep"), text or "ticket"),
        language_hrefs=_hrefs(text),
        closes_on=(text or closes_on) if closes_on else "",
    )


def every_account(text: str = "") -> Iterator[tuple[str, View]]:
    """The account page in every mood, its questions, and what they come to."""
    page = make_account(text)
    yield "account", page
    for notice in ACCOUNT_NOTICES:
        yield f"account, {notice}", replace(page, notice=notice)
    yield "account, one way", replace(page, ways=page.ways[:1], sessions=page.sessions[:1], apps=(), addable=())
    yield "account, closing", make_account(text, closes_on="2026-12-04")
    days = ((what, "") for what in ("link", "unlink", "sign-out", "export", "delete"))
    for what, day in (*days, ("delete", "2026-12-04")):
        asked = AccountQuestionView(
            what, f"/account/{what}", text or "t", make_person(text), _hrefs(text), closes_on=day
        )
        asked = replace(asked, title={"en": text or "VK ID"} if what.endswith("link") else {})
        for number, way in enumerate(page.ways if what == "unlink" else (None,)):
            yield f"account, {what} {number} {day}", replace(asked, way=way)
    for what in ("unlink", "closing", "deleted"):
        yield f"account, done {what}", AccountDoneView(what, text or "2026-12-04")


def sample_views(error_pages: tuple[str, ...], text: str = "") -> Iterator[tuple[str, View]]:
    """Each page under a name; wherever a view holds text, `text` is put when given. Addresses of forms stay whole."""
    yield from _before_login(text)
    yield from _questions(text)
    yield from _devices(text)
    yield from _answers(text)
    yield from every_account(text)
    for page in error_pages:
        yield page, make_error(page, text)


def _hrefs(text: str) -> dict[str, str]:
    return {"ru": text or "/x?ui_locales=ru", "en": text or "/x?ui_locales=en"}


def _before_login(text: str) -> Iterator[tuple[str, View]]:
    for notice in ("", *LOGIN_NOTICES):
        yield f"login {notice}", make_login(text, notice=notice, href=text or "/authorize?a=1&b=2")
    back = ReturningView(make_person(text), text or "/authorize?idp_hint=~", href=text or "/authorize?idp_hint=vk")
    here = replace(back, href="", ticket=text or "ticket")
    nameless = replace(here, person=PersonView("", "", "vk", {"en": text or "VK ID"}))
    for known, offered in (("returning", back), ("signed in", here), ("nameless", nameless)):
        yield f"login, {known}", replace(make_login(text), returning=offered)
    yield "sign up", replace(make_login(text), sign_up=True)
    yield "login, registered", replace(make_login(text), client=make_stranger(text))
    context = {name: text or "https://telegram.org/x" for name in ("script", "bot", "auth_url", "request_access")}
    origins = (("https://telegram.org",), ("https://oauth.telegram.org",))
    url = text or "https://oauth.telegram.org/auth"
    yield "widget", WidgetView("telegram.html", context, url, *origins, make_client(text), text)
    yield "home", HomeView(text or "https://id.example.com", text or "/.well-known/x")


def _questions(text: str) -> Iterator[tuple[str, View]]:
    client, hrefs, person, ticket = make_client(text), _hrefs(text), make_person(text), text or "ticket"
    asked = make_consent(text)
    yield "consent", asked
    nameless, nothing = PersonView("", "", "vk", {"en": text or "VK ID"}), make_asked(text, known=False)
    yield "consent, nothing known", replace(asked, person=nameless, scopes=nothing)
    yield "consent, registered", replace(asked, client=make_stranger(text))
    yield "enter", EnterView(client, person, text or "https://shop.example.com/", ticket, "/enter/telegram/shop", hrefs)
    yield "logout", LogoutView(client, person, ticket, hrefs)
    yield "logout, a mistake", LogoutView(client, person, ticket, hrefs, problem=text or "id_token_hint is missing")
    yield from every_logged_out(client, text)
    yield from _joining(text)


def _joining(text: str) -> Iterator[tuple[str, View]]:
    person, hrefs, ticket, address = make_person(text), _hrefs(text), text or "ticket", text or "anna@example.com"
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


def _devices(text: str) -> Iterator[tuple[str, View]]:
    for wrong in (False, True):
        yield f"device {wrong}", DeviceCodeView(text or "BCDF-GHJK", wrong, _hrefs(text))
    for minutes, place, near in ((0, "203.0.113.x", True), (2, "203.0.113.x", False), (5, "", False)):
        yield f"device confirm {minutes}", make_device(text, minutes=minutes, place=text or place, near=near)
    for allowed in (True, False):
        yield f"device done {allowed}", DeviceDoneView(make_client(text), allowed)


def _answers(text: str) -> Iterator[tuple[str, View]]:
    client, stranger = make_client(text), make_stranger(text)
    href = f"{BACK}?code=1&state={quote(text, safe=HARMLESS_IN_QUERY)}"
    yield "return, paused", ReturnView(href, stranger, pause=True)
    yield "form_post, paused", FormPostView(BACK, {"error": text or "e"}, stranger, pause=True)
    yield "return", ReturnView(href, client)
    fields = {"code": text or "c", "state": text or "s", text or "iss": "i"}
    yield "form_post", FormPostView(BACK, fields, client)
    yield "web_message", WebMessageView("https://shop.example.com", fields, href, client)
    yield "fragment", FragmentView("/callback/ok", text or "/authorize?a=1")
