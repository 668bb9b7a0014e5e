"""The server's side of OAuth 1.0a, for emulated upstreams. From RFC 5849, with nothing of the library our calls use."""

from __future__ import annotations

import hashlib
import hmac
from abc import abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.people import ADA, BORIS, Person
from broker.demo.upstreams.answers import back_to
from broker.demo.upstreams.base import Emulator, Newest, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder

_SKEW = 300  # seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request token stands for."""

    app: RegisteredApp
    callback: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What an access token stands for."""

    app: RegisteredApp
    person: Person
    secret: str = field(repr=False)

    def of_somebody_else(self) -> HandedOut:
        """The same of another person."""
        return replace(self, person=BORIS if self.person.key == ADA.key else ADA)


def escape(text: str) -> str:
    """RFC 5849 section 3.6."""
    return quote(text, safe="-._~")


def base_string(method: str, address: str, params: Sequence[tuple[str, str]]) -> str:
    """What is signed (RFC 5849 section 3.4.1); `address` is without a query."""
    pairs = sorted((escape(name), escape(value)) for name, value in params if name not in {"oauth_signature", "realm"})
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join((method, escape(address), escape(joined)))


def signature(base: str, client_secret: str, token_secret: str) -> str:
    """HMAC-SHA1 (RFC 5849 section 3.4.2)."""
    key = f"{escape(client_secret)}&{escape(token_secret)}"
    return b64encode(hmac.digest(key.encode(), base.encode(), hashlib.sha1)).decode()


def header_params(call: Call) -> dict[str, str]:
    """The parameters of an `Authorization: OAuth` header (RFC 5849 section 3.5.1); none without one."""
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "oauth":
        return {}
    pairs = (part.strip().partition("=") for part in text.split(","))
    return {unquote(name): unquote(value.strip('"')) for name, _, value in pairs}


class OAuth1Emulator(Emulator):
    """An upstream with the three steps. `bases`: schemes and hosts under which signatures count, besides its own.

    Faults of the steps are `callback_unconfirmed`, `other_request_token` and those of every upstream.
    """

    bases: ClassVar[tuple[str, ...]]

    def forget(self) -> None:
        self.asked = OneTime[Asked](600, self.clock, self.mint)
        self.agreed = Newest[tuple[Person, str]]()
        self.held = Newest[HandedOut]()
        self.seen = Newest[float]()

    @abstractmethod
    def problem(self, name: str) -> Response:
        """The answer where `header`, `client`, `time`, `nonce`, `signature`, `token` or `callback` is wrong."""

    @abstractmethod
    def about(self, held: HandedOut) -> Mapping[str, str]:
        """What comes beside an access token."""

    # --- the steps ---

    async def request_token(self, call: Call) -> Response:
        """RFC 5849 section 2.1. What is registered is the callback without its query, which is kept."""
        params = {**call.params, **header_params(call)}  # django-allauth has the callback in the query, which X takes
        app = self.verified(call, "")
        callback = params.get("oauth_callback", "")
        if not any(callback.partition("?")[0] == uri or callback.startswith(f"{uri}/") for uri in app.redirect_uris):
            raise Refused(self.problem("callback"))
        asked = Asked(app, callback, self.mint())
        confirmed = "false" if self.faults.on("callback_unconfirmed") else "true"
        return form_answer(
            {
                "oauth_token": self.asked.give(asked),
                "oauth_token_secret": asked.secret,
                "oauth_callback_confirmed": confirmed,
            }
        )

    async def authorize(self, call: Call) -> Response:
        """RFC 5849 section 2.2."""
        token = call.get("oauth_token")
        asked = self.asked.look(token)
        if asked is None or token in self.agreed:
            return self.refuse(call, "The request token for this page is invalid or was used before.")
        callback = asked.callback
        head, _, query = callback.partition("?")
        if query and self.faults.on("wrong_state"):
            callback = f"{head}?{urlencode({name: self.state_of(call) for name, _ in parse_qsl(query)})}"
        person = self.ask(call, lambda: back_to(callback, self.declined(token)))
        self.agreed[token] = person, self.mint()
        shown = "a-token-of-somebody-else" if self.faults.on("other_request_token") else token
        return back_to(callback, {"oauth_token": shown, "oauth_verifier": self.agreed[token][1]})

    def declined(self, token: str) -> Mapping[str, str]:
        """What goes back when the person says no; no specification has it."""
        return {"denied": token}

    async def access_token(self, call: Call) -> Response:
        """RFC 5849 section 2.3."""
        params = {**call.params, **header_params(call)}
        token = params.get("oauth_token", "")
        asked = self.asked.look(token)
        app = self.verified(call, asked.secret if asked else "")
        self.asked.take(token)
        person, verifier = self.agreed.pop(token, (None, ""))
        fits = asked is not None and asked.app == app and verifier == params.get("oauth_verifier")
        if person is None or not fits or self.faults.on("invalid_grant"):
            raise Refused(self.problem("token"))
        return form_answer(self.hand_out(HandedOut(app, person, self.mint())))

    def hand_out(self, held: HandedOut) -> dict[str, str]:
        """An access token with its secret, and what comes beside it."""
        token = self.mint()
        self.held[token] = held
        return {"oauth_token": token, "oauth_token_secret": held.secret, **self.about(held)}

    def of_kit(self, order: KitOrder) -> dict[str, str]:
        """What an app on a phone has after it went the three steps by itself."""
        return self.hand_out(HandedOut(self.app_of(order), self.living(order.person), self.mint()))

    # --- signed calls ---

    def holder(self, call: Call) -> HandedOut:
        """Whose token a signed call is about; raises Refused where it is another application's."""
        params = header_params(call) or call.params
        held = self.held.get(params.get("oauth_token", ""))
        app = self.verified(call, held.secret if held else "")
        if held is None or held.app != app:
            raise Refused(self.problem("token"))
        return held

    def verified(self, call: Call, token_secret: str) -> RegisteredApp:
        """Which application signed this call (RFC 5849 section 3.2); raises Refused."""
        sent = header_params(call)
        params = sent or call.params
        if "oauth_consumer_key" not in params:
            raise Refused(self.problem("header"))
        app = self.apps.get(params["oauth_consumer_key"])
        if app is None:
            raise Refused(self.problem("client"))
        if abs(self.now() - int(params.get("oauth_timestamp") or 0)) > _SKEW:
            raise Refused(self.problem("time"))
        once = " ".join((app.client_id, params.get("oauth_timestamp", ""), params.get("oauth_nonce", "")))
        if once in self.seen:
            raise Refused(self.problem("nonce"))
        self.seen[once] = self.clock()
        signed = [*call.query.items(), *call.form.items(), *sent.items()]
        bases = (*self.bases, f"http://{call.headers.get('host', '')}")
        texts = [base_string(call.method, base + call.path, signed) for base in bases]
        if not any(_fits(text, params, app, token_secret) for text in texts):
            raise Refused(self.problem("signature"))
        return app


def _fits(text: str, params: Mapping[str, str], app: RegisteredApp, token_secret: str) -> bool:
    """Whether the signature is one of this text (RFC 5849 sections 3.4.2 to 3.4.4)."""
    method, given = params.get("oauth_signature_method"), params.get("oauth_signature", "")
    if method == "PLAINTEXT":
        return given == f"{escape(app.client_secret)}&{escape(token_secret)}"
    if method == "RSA-SHA1":
        return _is_signed(text, given, app.extras.get("private_key", ""))
    return method == "HMAC-SHA1" and given == signature(text, app.client_secret, token_secret)


def _is_signed(text: str, given: str, private_key: str) -> bool:
    """By the key whose public half the developer would have registered."""
    try:
        key = load_pem_private_key(private_key.encode(), None).public_key()
        if isinstance(key, RSAPublicKey):
            key.verify(b64decode(given), text.encode(), PKCS1v15(), SHA1())  # noqa: S303 - RFC 5849 has no other
            return True
    except (ValueError, InvalidSignature):
        pass
    return False


def form_answer(members: Mapping[str, str]) -> Response:
    """Form-encoded; several services call that text/html."""
    return Response(urlencode(members), media_type="text/html")
