"""The sample app's fourth half: an app on a phone, as far as a terminal can be one. It needs nothing but Python.

It takes a challenge, lets a vendor's kit (Google, VK, OK, Yandex, Telegram) sign somebody in, and exchanges what that
gave (RFC 8693). Whoever asks is in the browser where that takes one (RFC 8252). In life `Kit` is the vendor's library.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread
from typing import Any

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
SCOPE = "openid profile offline_access identities"
Answer = dict[str, Any]


class Refused(Exception):
    """The broker's code and words."""


def call(url: str, form: Mapping[str, str] | None = None, *, token: str = "", body: Answer | None = None) -> Answer:
    """What is answered to a form, to JSON, or to a GET; raises Refused, and URLError where nobody is."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - the broker and the kit of the configuration
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # on this machine; a phone has no need of it
    try:
        with direct.open(request, timeout=30) as answer:
            found: Answer = json.load(answer)
    except urllib.error.HTTPError as problem:
        with problem:
            said = json.load(problem)
        raise Refused(_told(said)) from None
    return found


@dataclass(frozen=True)
class Kit:
    """The library of one provider, inside this app. `app` is what the provider calls the app, `server` the broker."""

    provider: str
    url: str
    app: str
    server: str = ""

    def sign_in(self, person: str, challenge: Answer) -> dict[str, str]:
        """The sheet on the screen; what the kit gives to the app, as the exchange wants it."""
        order = {"app": self.app, "server": self.server, "person": person}
        order |= {name: challenge[name] for name in ("nonce", "state", "code_challenge") if name in challenge}
        given = call(f"{self.url}/_emulator/kit", body=order)
        if "id_token" in given:
            return {"subject_token": given["id_token"], "subject_token_type": f"{TYPE}id_token"}
        if "code" in given:
            code = {"subject_token": given["code"], "subject_token_type": "urn:broker:token-type:code"}
            return code | {"device_id": given["device_id"]}
        return {"subject_token": given["access_token"], "subject_token_type": f"{TYPE}access_token"}


@dataclass(frozen=True)
class Phone:
    """The app. It has no secret, and keeps its tokens where the phone keeps secrets (Keystore, Keychain)."""

    issuer: str
    client_id: str
    kits: Mapping[str, Kit]

    def brought(self, provider: str, person: str) -> dict[str, str]:
        """A fresh challenge, and what the kit made of it: good once, for five minutes, for this app alone."""
        challenge = call(f"{self.issuer}/challenge", {"client_id": self.client_id, "provider": provider})
        given = self.kits[provider].sign_in(person, challenge)
        return {**given, "subject_issuer": provider, "challenge": challenge["challenge"]}

    def tokens(self, grant_type: str, form: Mapping[str, str]) -> Answer:
        """The token endpoint."""
        return call(f"{self.issuer}/token", {"grant_type": grant_type, "client_id": self.client_id, **form})

    def ask_in_browser(self, show: Callable[[str], None]) -> Answer:
        """Tokens of somebody who was just asked who they are; `show` opens the address (a Custom Tab, on Android)."""
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        with ThreadingHTTPServer(("127.0.0.1", 0), _Back) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            back = f"http://127.0.0.1:{server.server_port}/callback"
            asked = {"response_type": "code", "client_id": self.client_id, "redirect_uri": back, "state": state}
            asked |= {"scope": f"{SCOPE} identities.manage", "prompt": "login", "code_challenge_method": "S256"}
            asked["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            show(f"{self.issuer}/authorize?{urllib.parse.urlencode(asked)}")
            said: dict[str, str] = {}
            while said.get("state") != state or said.get("iss") != self.issuer:  # whoever else knocks at the port
                said = dict(urllib.parse.parse_qsl(_Back.heard.get().partition("?")[2]))
            server.shutdown()
        if "code" not in said:
            raise Refused(_told(said))
        redeemed = {"code": said["code"], "redirect_uri": back, "code_verifier": verifier}
        return self.tokens("authorization_code", redeemed)


def _told(said: Mapping[str, Any]) -> str:
    """The code of a refusal, and the words beside it if there are any."""
    return ": ".join(str(said[name]) for name in ("error", "error_description") if said.get(name))


class _Back(BaseHTTPRequestHandler):
    """Where the browser brings the answer. An app on a phone has a link of its own for that, and no port."""

    heard: SimpleQueue[str] = SimpleQueue()

    def do_GET(self) -> None:
        self.heard.put(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Back to the app.")

    def log_message(self, *_: object) -> None:
        """The address has the code in it."""


@dataclass(frozen=True)
class Server:
    """What stands behind the app and has a secret; it may ask whose an id is, where the operator lets it."""

    issuer: str
    client_id: str
    secret: str

    def whose(self, provider: str, subject: str) -> str:
        """The `sub` of the person; raises Refused for nobody."""
        form = {"client_id": self.client_id, "client_secret": self.secret, "provider": provider, "subject": subject}
        return str(call(f"{self.issuer}/identities/lookup", form)["sub"])


def tour(
    phone: Phone, server: Server | None, say: Callable[[str], None], *, provider: str, person: str, link: str
) -> None:
    """All of it, told step by step; raises Refused. With `link` a second way in is added, which takes a browser."""
    brought = phone.brought(provider, person)
    say(f"1. {provider}'s kit signed {person} in and gave the app: {brought['subject_token'][:16]}…")
    tokens = phone.tokens(EXCHANGE, {**brought, "scope": SCOPE})
    me = call(f"{phone.issuer}/userinfo", token=tokens["access_token"])
    say(f"2. Exchanged for tokens of the broker: {me['name']}, sub {me['sub']}")
    try:
        phone.tokens(EXCHANGE, brought)
    except Refused as problem:
        say(f"3. The same once more is refused ({problem})")
    tokens |= phone.tokens("refresh_token", {"refresh_token": tokens["refresh_token"]})
    say("4. Refreshed; this refresh token is new, and the one before counts no more")
    if link:
        fresh = phone.ask_in_browser(
            lambda url: say(f"5. To add {link}, sign in by {provider} as the same person:\n\n{url}\n")
        )
        if call(f"{phone.issuer}/userinfo", token=fresh["access_token"])["sub"] != me["sub"]:
            raise Refused("somebody else signed in in the browser; nothing is added")
        added = call(f"{phone.issuer}/identities", body=phone.brought(link, person), token=fresh["access_token"])
        say(f"   Added: {added['title']}, {added['subject']}")
    for way in call(f"{phone.issuer}/identities", token=tokens["access_token"])["identities"]:
        whose = (
            f"; the app's server asks whose it is: {server.whose(way['provider'], way['subject'])}" if server else ""
        )
        say(f"{6 if link else 5}. A way in: {way['title']}, id {way['subject']}{whose}")
