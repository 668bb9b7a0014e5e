"""One sample of every view, filled with a text of the test's choice, and a reader of what came out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

from starlette.responses import HTMLResponse

from broker.web.pages import BUILT_IN, Pages
from broker.web.views import (
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
    LoggedOutView,
    LoginView,
    LogoutView,
    Look,
    ReturnView,
    ToldApp,
    WidgetView,
)

LOCALES = ("en", "ru")
ERROR_PAGES = tuple(sorted(path.stem for path in (BUILT_IN / "error").glob("*.html")))
NOTICES = ("E-CANCEL", "E-UPSTREAM", "E-NOTALLOWED", "E-EXPIRED", "E-COOKIE", "E-OTHER")
HARMLESS_IN_QUERY = "<>'\"`&;=:/?#()"  # left as they are, so that only the page's own escaping is at work
BACK = "https://shop.example.com/cb"
PERSON = "Анна"
PLAIN_LOOK = Look(
    {"en": "Example ID", "ru": "Пример ID"},
    support="https://help.example.com/",
    privacy="https://example.com/privacy",
    terms="https://example.com/terms",
)
_VOID = frozenset({"meta", "link", "img", "input", "br", "hr"})


@dataclass
class Outline(HTMLParser):
    """Every start tag with its attributes, the text, and what is wrong with the nesting."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.wrong += [f"twice {name} on {tag}" for name in set(names) if names.count(name) > 1]
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.wrong.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"{tag} is closed out of turn")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        """The words, with white space as a browser shows it."""
        return " ".join("".join(self.words).split())

    def found(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of this name."""
        return [attrs for name, attrs in self.tags if name == tag]

    def by_id(self, id_: str) -> dict[str, str]:
        """The attributes of the one element with this id."""
        (attrs,) = (attrs for _, attrs in self.tags if attrs.get("id") == id_)
        return attrs


def read(answer: HTMLResponse) -> Outline:
    """What a browser would see."""
    outline = Outline()
    outline.feed(bytes(answer.body).decode())
    outline.close()
    return outline


def make_pages(look: Look = PLAIN_LOOK, override: Path | None = None) -> Pages:
    """Pages whose nonce is always the same."""
    return Pages(look, override=override, randomness=lambda size: b"n" * size)


def make_client(text: str = "") -> ClientView:
    """An app called `text`, or Shop."""
    name = {"en": text, "ru": text} if text else {"en": "Shop", "ru": "Магазин"}
    return ClientView(name, text or "shop.example.com", text)


def make_stranger(text: str = "") -> ClientView:
    """An app that registered itself and says all it can of itself."""
    return replace(
        make_client(text),
        logo_href="",
        registered=True,
        own_logo_href=text or "https://logo.example.com/logo.png",
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
        scopes=("profile", text or "email"),
        person_name=text or PERSON,
        user_code=text or "BCDF-GHJK",
        minutes=minutes,
        place=place,
        near=near,
        resources=(text or "https://api.shop.example",),
        ticket=text or "ticket",
        language_hrefs={"ru": text or "/x?ui_locales=ru", "en": text or "/x?ui_locales=en"},
    )


def every_page(pages: Pages, locale: str, text: str = "") -> Iterator[tuple[str, HTMLResponse]]:
    """Each page under a name; wherever a view holds text, `text` is put when given. Addresses of forms stay whole."""
    client, hrefs = make_client(text), {"ru": text or "/x?ui_locales=ru", "en": text or "/x?ui_locales=en"}
    for notice in ("", *NOTICES):
        view = make_login(text, notice=notice, href=text or "/authorize?a=1&b=2")
        yield f"login {notice}", pages.login(view, locale)
    yield "sign up", pages.login(replace(make_login(text), sign_up=True), locale)
    scopes = ("openid", "profile", "email", "phone", "address", "offline_access", "identities", text or "unheard.of")
    apis = (text or "https://api.shop.example",)
    asked = ConsentView(client, scopes, text or PERSON, text or "ticket", hrefs, apis)
    yield "consent", pages.consent(asked, locale)
    stranger = make_stranger(text)
    yield "login, registered", pages.login(replace(make_login(text), client=stranger), locale)
    yield "consent, registered", pages.consent(replace(asked, client=stranger), locale)
    for wrong in (False, True):
        yield f"device {wrong}", pages.device_code(DeviceCodeView(text or "BCDF-GHJK", wrong, hrefs), locale)
    for minutes, place, near in ((0, "203.0.113.x", True), (2, "203.0.113.x", False), (5, "", False)):
        confirm = make_device(text, minutes=minutes, place=text or place, near=near)
        yield f"device confirm {minutes}", pages.device_confirm(confirm, locale)
    for allowed in (True, False):
        yield f"device done {allowed}", pages.device_done(DeviceDoneView(client, allowed), locale)
    enter = EnterView(
        client, {"en": text or "Telegram"}, text or PERSON, text or "ticket", "/enter/telegram/shop", hrefs
    )
    yield "enter", pages.enter(enter, locale)
    yield "logout", pages.logout(LogoutView(client, text or PERSON, text or "ticket", hrefs), locale)
    for name, logged_out in every_logged_out(client, text):
        yield name, pages.logged_out(logged_out, locale)
    for page in ERROR_PAGES:
        yield page, pages.error(make_error(page, text), locale)
    href = f"{BACK}?code=1&state={quote(text, safe=HARMLESS_IN_QUERY)}"
    yield "return, paused", pages.returned(ReturnView(href, stranger, pause=True), locale)
    yield "form_post, paused", pages.form_post(FormPostView(BACK, {"error": text or "e"}, stranger, pause=True), locale)
    yield "return", pages.returned(ReturnView(href, client), locale)
    fields = {"code": text or "c", "state": text or "s", text or "iss": "i"}
    yield "form_post", pages.form_post(FormPostView(BACK, fields, client), locale)
    yield "fragment", pages.fragment(FragmentView("/callback/ok", text or "/authorize?a=1"), locale)
    context = {name: text or "https://telegram.org/x" for name in ("script", "bot", "auth_url", "request_access")}
    origins = (("https://telegram.org",), ("https://oauth.telegram.org",))
    widget = WidgetView("telegram.html", context, text or "https://oauth.telegram.org/auth", *origins, client, text)
    yield "widget", pages.widget(widget, locale)
    yield "home", pages.home(HomeView(text or "https://id.example.com", text or "/.well-known/x"), locale)
