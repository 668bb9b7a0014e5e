"""What Telegram signs for a bot: fields of the widget and of login_url buttons, and the data of Mini Apps.

From core.telegram.org/widgets/login-legacy and /bots/webapps (2026-11).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from broker.core.jose.compact import b64url
from broker.demo.faults import Faults
from broker.demo.pages import environment
from broker.demo.people import Person
from broker.demo.upstreams.base import RegisteredApp
from broker.demo.upstreams.keys import key

_NUMBERS = frozenset({"id", "auth_date"})


# --- the legacy ways: widget, redirect with `#tgAuthResult`, login_url buttons ---


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
    return _with_hash(fields, hashlib.sha256(bot_token.encode()).digest())


def auth_result(fields: Mapping[str, str] | None) -> str:
    """The value of `tgAuthResult`: b64url of JSON with escaped slashes and ASCII only; None is a refusal."""
    if fields is None:
        return b64url(b"false")
    typed = {name: int(value) if name in _NUMBERS else value for name, value in fields.items()}
    return b64url(json.dumps(typed, separators=(",", ":")).replace("/", "\\/").encode("ascii"))


def with_fields(url: str, fields: Mapping[str, str]) -> str:
    """The URL with every field appended as the widget's script appends it."""
    return url + ("&" if "?" in url else "?") + query_of(fields)


def query_of(fields: Mapping[str, str]) -> str:
    """The fields as a query string, as scripts in browsers write it."""
    unescaped = "!~*'()"  # what encodeURIComponent leaves alone
    return "&".join(f"{name}={quote(value, safe=unescaped)}" for name, value in fields.items())


def embed_page(origin: str, fields: Mapping[str, str] | None) -> str:
    """What the widget's frame shows after the person has answered: it tells the page around it."""
    event = {"event": "unauthorized"} if fields is None else {"event": "auth_user", "auth_data": dict(fields)}
    return environment().get_template("embed.html").render(origin=origin, message=json.dumps(event))


# --- Mini Apps ---


def mini_app_key(of: str = "") -> Ed25519PrivateKey:
    """Telegram's own key; `of`: that of another environment."""
    return cast("Ed25519PrivateKey", key(f"emu-telegram-mini-app{of}", "EdDSA").private)


def mini_app_public_key() -> str:
    """Its public half as `init_data_key` of config.yaml has it: hexadecimal."""
    return mini_app_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def init_data(
    user: dict[str, object], app: RegisteredApp, auth_date: int, faults: Faults, *, query_id: str, start_param: str
) -> str:
    """quirk(telegram): clients of before November 2024 send no `signature`."""
    if faults.on("no_id"):
        user.pop("id", None)
    known = None if faults.on("no_user") else user
    fields = opened(known, auth_date, query_id=query_id, start_param=start_param)
    fields |= {"theme": "dark"} if faults.on("new_field") else {}
    if not faults.on("no_signature"):
        fields = signed_by_key(fields, app.client_id, mini_app_key("-test" if faults.on("test_environment") else ""))
    found = signed_for_mini_app(fields, app.extras.get("bot_token", f"{app.client_id}:nobody-was-told"))
    return query_of({**found, "hash": "0" * 64} if faults.on("wrong_hash") else found)


def user_of(person: Person) -> dict[str, object]:
    """quirk(telegram): flags are there where they are true, and nowhere else."""
    photo = f"https://t.me/i/userpic/320/{person.key}.svg" if person.picture else ""
    found = {"first_name": person.given_name, "last_name": person.family_name, "username": person.username}
    found |= {"language_code": person.locale, "photo_url": photo}
    shown = {name: text for name, text in found.items() if text}
    return {"id": int(person.ids["telegram"]), **shown, "allows_write_to_pm": True}


def opened(
    user: Mapping[str, object] | None, auth_date: int, *, query_id: str, start_param: str = ""
) -> dict[str, str]:
    """The fields of somebody who opened a Mini App: by a link with `start_param`, or by a button of the bot."""
    known = {} if user is None else {"user": user_json(user)}
    if not start_param:
        return {"query_id": query_id, **known, "auth_date": str(auth_date)}
    chat = {"chat_instance": "-3788475317572404878", "chat_type": "private"}
    return {**known, **chat, "start_param": start_param, "auth_date": str(auth_date)}


def user_json(user: Mapping[str, object]) -> str:
    """As it is signed: compact, with escaped slashes."""
    return json.dumps(user, separators=(",", ":"), ensure_ascii=False).replace("/", "\\/")


def signed_by_key(fields: Mapping[str, str], bot_id: str, private: Ed25519PrivateKey) -> dict[str, str]:
    """The fields with `signature`, which everybody can verify."""
    message = f"{bot_id}:WebAppData\n{_lines(fields)}"
    return {**fields, "signature": b64url(private.sign(message.encode()))}


def signed_for_mini_app(fields: Mapping[str, str], bot_token: str) -> dict[str, str]:
    """The fields, `signature` among them, with `hash`: HMAC-SHA-256 by another key than that of the widget."""
    return _with_hash(fields, hmac.digest(b"WebAppData", bot_token.encode(), "sha256"))


def _with_hash(fields: Mapping[str, str], key: bytes) -> dict[str, str]:
    return {**fields, "hash": hmac.digest(key, _lines(fields).encode(), "sha256").hex()}


def _lines(fields: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
