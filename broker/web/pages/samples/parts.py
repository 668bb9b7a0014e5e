"""What samples of several pages hold: an app, a person, what is asked of them."""

from __future__ import annotations

from dataclasses import replace

from broker.core.terms import Scope
from broker.web.pages.views import AskedScope, ClientView, PersonView

HARMLESS_IN_QUERY = "<>'\"`&;=:/?#()"  # left as they are, so that only the page's own escaping is at work
PERSON = "Анна"
BACK = "https://shop.example.com/cb"


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
        own_logo_href=text or "data:image/png;base64,iVBORw0KGgo=",
        policy_href=text or "https://shop.example.com/policy",
        terms_href=text or "https://shop.example.com/terms",
    )


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


def make_hrefs(text: str) -> dict[str, str]:
    """The page in the other languages."""
    return {"ru": text or "/x?ui_locales=ru", "en": text or "/x?ui_locales=en"}
