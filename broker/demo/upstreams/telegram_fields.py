"""The signed fields of Telegram's legacy ways: widget, redirect with `#tgAuthResult`, login_url buttons."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from urllib.parse import quote

from broker.core.jose.compact import b64url
from broker.demo.pages import environment
from broker.demo.people import Person

_NUMBERS = frozenset({"id", "auth_date"})


def fields_of(person: Person, auth_date: int) -> dict[str, str]:
    """quirk(telegram): what a person does not have is missing, never empty."""
    found = {
        "id": person.ids["telegram"],
        "first_name": person.given_name,
        "last_name": person.family_name,
        "username": person.username,
        "photo_url": f"https://t.me/i/userpic/320/{person.key}.jpg" if person.picture else "",
        "auth_date": str(auth_date),
    }
    return {name: text for name, text in found.items() if text}


def signed(fields: Mapping[str, str], bot_token: str) -> dict[str, str]:
    """The fields with `hash`: HMAC-SHA-256 over the sorted lines, keyed with SHA-256 of the bot token."""
    text = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
    secret = hashlib.sha256(bot_token.encode()).digest()
    return {**fields, "hash": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()}


def auth_result(fields: Mapping[str, str] | None) -> str:
    """The value of `tgAuthResult`: b64url of JSON with escaped slashes and ASCII only; None is a refusal."""
    if fields is None:
        return b64url(b"false")
    typed = {name: int(value) if name in _NUMBERS else value for name, value in fields.items()}
    return b64url(json.dumps(typed, separators=(",", ":")).replace("/", "\\/").encode("ascii"))


def with_fields(url: str, fields: Mapping[str, str]) -> str:
    """The URL with every field appended as the widget's script appends it."""
    unescaped = "!~*'()"  # what encodeURIComponent leaves alone
    query = "&".join(f"{name}={quote(value, safe=unescaped)}" for name, value in fields.items())
    return url + ("&" if "?" in url else "?") + query


def embed_page(origin: str, fields: Mapping[str, str] | None) -> str:
    """What the frame shows after the person has answered: it tells the page around it."""
    event = {"event": "unauthorized"} if fields is None else {"event": "auth_user", "auth_data": dict(fields)}
    return environment().get_template("embed.html").render(origin=origin, message=json.dumps(event))


def widget_script() -> str:
    """The emulator's own widget script."""
    return environment().get_template("telegram-widget.js").render()
