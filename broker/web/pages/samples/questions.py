"""What a signed-in person is asked for an app or a device, and told of signing out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from broker.web.pages.elsewhere import Elsewhere
from broker.web.pages.samples.parts import (
    BACK,
    HARMLESS_IN_QUERY,
    PERSON,
    make_asked,
    make_client,
    make_hrefs,
    make_person,
    make_stranger,
)
from broker.web.pages.views import (
    AskedScope,
    ClientView,
    ConsentView,
    DeviceCodeView,
    DeviceConfirmView,
    DeviceDoneView,
    ElsewhereView,
    EnterView,
    LoggedOutView,
    LogoutView,
    PersonView,
    ToldApp,
    View,
)


def make_consent(text: str = "") -> ConsentView:
    """The question of an app that asks for everything."""
    other, apis = text or "/authorize?idp_hint=~", (text or "https://api.shop.example",)
    elsewhere = Elsewhere("google", {"en": text or "Google"}, (text or "https://www.googleapis.com/auth/calendar",))
    return ConsentView(
        make_client(text),
        make_asked(text),
        make_person(text),
        other,
        text or "ticket",
        make_hrefs(text),
        apis,
        (elsewhere,),
    )


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
        language_hrefs=make_hrefs(text),
    )


def make_elsewhere(text: str = "", *, missed: str = "") -> ElsewhereView:
    """A window of an app that registered itself, on a phone."""
    return ElsewhereView(
        client=make_stranger(text),
        user_code=text or "BCDF-GHJK",
        page=text or "https://id.example.com/device",
        open_href=text or "x-safari-https://id.example.com/device?user_code=BCDF-GHJK",
        other_href=text or "/authorize?a=1",
        ticket=text or "ticket",
        missed=missed,
        language_hrefs=make_hrefs(text),
    )


def every_logged_out(client: ClientView, text: str = "") -> Iterator[tuple[str, LoggedOutView]]:
    """Signed out: apps told in every way and a frame, on the way to an app, and nobody to tell."""
    name = {"en": text or "Shop"}
    apps = tuple(ToldApp(name, outcome) for outcome in ("told", "waiting", "failed", "by_browser"))
    frame = f"https://shop.example.com/out?sid={quote(text, safe=HARMLESS_IN_QUERY)}"
    href = f"{BACK}?state={quote(text, safe=HARMLESS_IN_QUERY)}"
    yield "logged-out", LoggedOutView(client, apps, (frame,), href, 3, text or "https://shop.example.com/")
    yield "logged-out, nobody told", LoggedOutView(ClientView({}), (), home_href=text or "https://shop.example.com/")


def every_question(text: str) -> Iterator[tuple[str, View]]:
    """Consent, a login nobody asked for, and signing out."""
    client, hrefs, person, ticket = make_client(text), make_hrefs(text), make_person(text), text or "ticket"
    asked = make_consent(text)
    yield "consent", asked
    nameless, nothing = PersonView("", "", "vk", {"en": text or "VK ID"}), make_asked(text, known=False)
    yield "consent, nothing known", replace(asked, person=nameless, scopes=nothing)
    yield "consent, registered", replace(asked, client=make_stranger(text))
    yield "enter", EnterView(client, person, text or "https://shop.example.com/", ticket, "/enter/telegram/shop", hrefs)
    yield "logout", LogoutView(client, person, ticket, hrefs)
    yield "logout, a mistake", LogoutView(client, person, ticket, hrefs, problem=text or "id_token_hint is missing")
    yield from every_logged_out(client, text)


def every_device(text: str) -> Iterator[tuple[str, View]]:
    """The three pages of a device, and those of a window."""
    for wrong in (False, True):
        yield f"device {wrong}", DeviceCodeView(text or "BCDF-GHJK", wrong, make_hrefs(text))
    for minutes, place, near in ((0, "203.0.113.x", True), (2, "203.0.113.x", False), (5, "", False)):
        yield f"device confirm {minutes}", make_device(text, minutes=minutes, place=text or place, near=near)
    for allowed in (True, False):
        yield f"device done {allowed}", DeviceDoneView(make_client(text), allowed)
    yield "device confirm, window", replace(make_device(text), window=True)
    yield "device done, window", DeviceDoneView(make_client(text), True, text or "123 456")
    for missed in ("", "early", "wrong"):
        yield f"elsewhere {missed}", make_elsewhere(text, missed=missed)
