"""What apps post of vendors' kits: a broker that takes it, two apps at every upstream, and a table of kits.

A provider joins the matrix by an entry in `PROVIDERS` and a row in `WAYS`; `tests/threats/test_m_posted.py` walks both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx2

from broker.core.terms import GrantType, TokenType
from broker.demo.background import PROVIDERS as PLAIN
from broker.demo.background import RunningBroker, running_in_background

EXCHANGE: Final = GrantType.TOKEN_EXCHANGE.value
ANDROID, IOS, PHONE = "test-android.apps.googleusercontent.com", "test-ios.apps.googleusercontent.com", "test-phone"

PROVIDERS: Final[Mapping[str, Mapping[str, object]]] = {
    "google": {**PLAIN["google"], "accept_posted": ["id_token"], "native_client_ids": [ANDROID, IOS]},
    "oidc": {**PLAIN["oidc"], "accept_posted": ["id_token"], "native_client_ids": [PHONE], "nonce": "if_present"},
}
"""As in config.yaml. `vk` is there, too, and takes nothing that is posted."""

_APP: Final[Mapping[str, object]] = {
    "name": "Phone",
    "redirect_uris": ["com.example.phone:/cb"],
    "auth_method": "none",
    "first_party": True,
    "scopes": ["openid", "profile", "email", "offline_access"],
    "grants": ["authorization_code", "refresh_token", EXCHANGE],
    "accept_posted": list(PROVIDERS),
}
SECRET: Final = "partner-secret-of-at-least-32-characters"
CLIENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "phone": _APP,
    "tablet": {**_APP, "redirect_uris": ["com.example.tablet:/cb"]},
    "narrow": {**_APP, "accept_posted": ["google"]},
    "plain": {**_APP, "grants": ["authorization_code", "refresh_token"], "accept_posted": []},
    "partner": {
        **_APP,
        "name": "Partner",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "auth_method": "client_secret",
        "secret": SECRET,
        "first_party": False,
        "resources": ["https://api.partner.test"],
    },
}


@dataclass(frozen=True)
class Ask:
    """What the app asks its kit for: who signs in, and how far from what it should be.

    `nonce`: None, that of the challenge. `foreign`: the kit is in somebody else's app. `web`: it is no kit but our own
    pages. `issued_ago` in seconds.
    """

    person: str = "ada"
    nonce: str | None = None
    foreign: bool = False
    web: bool = False
    issued_ago: int = 0


Challenge = Mapping[str, Any]
Form = dict[str, str]


@dataclass(frozen=True)
class Way:
    """One kit: `get` is what an app has of it in the end, as members of the exchange.

    `spoilt`: what can be wrong with a credential, by the faults of the emulator that make it so; `other_type` is the
    `subject_token_type` of a kind that the provider does not accept.
    """

    name: str
    provider: str
    get: Callable[[Bench, Challenge, Ask], Form]
    spoilt: Mapping[str, str] = field(default_factory=dict)
    other_type: TokenType = TokenType.ACCESS_TOKEN


@dataclass
class Clock:
    """The time of the day, until a test moves it on."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Epoch seconds."""
        return time.time() + self.ahead


@dataclass(frozen=True)
class Bench:
    """The broker and its upstreams as an app on a phone sees them."""

    broker: RunningBroker
    http: httpx2.Client
    clock: Clock

    def challenge(self, provider: str, client_id: str = "phone") -> dict[str, Any]:
        """A fresh one."""
        answer = self.post("/challenge", client_id, provider=provider)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self, path: str, client_id: str = "phone", /, **form: str) -> httpx2.Response:
        """A call of this client."""
        known = {"client_secret": SECRET} if client_id == "partner" else {}
        return self.http.post(f"{self.broker.issuer}{path}", data={"client_id": client_id, **known, **form})

    def exchange(self, form: Mapping[str, str], client_id: str = "phone", /, **more: str) -> httpx2.Response:
        """The answer to a token exchange."""
        return self.post("/token", client_id, **{"grant_type": EXCHANGE, **form, **more})

    def form(self, way: Way, ask: Ask = Ask(), client_id: str = "phone") -> Form:
        """A whole exchange: a challenge, what the kit made of it, and both together."""
        challenge = self.challenge(way.provider, client_id)
        return way.get(self, challenge, ask) | {"subject_issuer": way.provider, "challenge": challenge["challenge"]}

    def kit(self, provider: str, **order: str | int) -> str:
        """The ID token that the kit of this provider hands out."""
        url = self.broker.emulators[provider].url
        answer = self.http.post(f"{url}/_emulator/kit", json=order)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id_token"])

    def refusal(self) -> dict[str, Any]:
        """What the log says of the newest credential that did not count."""
        return next(line for line in reversed(self.broker.log) if line["event"] == "credential.refused")

    def sub(self, answer: httpx2.Response) -> str:
        """Whom the tokens of an exchange are about."""
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        told = self.http.get(f"{self.broker.issuer}/userinfo", headers=headers)
        assert told.status_code == 200, told.text
        return str(told.json()["sub"])


@contextmanager
def bench() -> Iterator[Bench]:
    """A broker of its own."""
    clock = Clock()
    providers = {"vk": PLAIN["vk"], **PROVIDERS}
    with (
        running_in_background(CLIENTS, clock, providers=providers) as broker,
        httpx2.Client(trust_env=False, timeout=60) as http,
    ):
        yield Bench(broker, http, clock)


# --- kits that hand out ID tokens ---

_OF_ID_TOKENS: Final[Mapping[str, str]] = {
    "expired": "expired_token",
    "from the future": "future_token",
    "not signed": "alg_none",
    "signed with the public key": "alg_hs256",
    "signed by nobody known": "wrong_signature",
    "a key that nobody published": "unknown_kid",
    "another issuer": "wrong_issuer",
    "another audience": "wrong_audience",
    "another authorized party": "wrong_azp",
    "several audiences": "many_audiences",
    "without a person": "no_id",
}


def id_token_way(name: str, provider: str, app: str, *, for_server: bool) -> Way:
    """The kit of the app known there as `app`; `for_server`: it makes tokens for our server, as Android's does."""
    ours, others = str(PLAIN[provider]["client_id"]), f"other-{PLAIN[provider]['client_id']}"

    def get(at: Bench, challenge: Challenge, ask: Ask) -> Form:
        parties = {"app": app} | ({"server": ours} if for_server else {})
        if ask.foreign:
            parties = {"app": f"phone-{others}"} | ({"server": others} if for_server else {})
        if ask.web:
            parties = {"app": ours}
        nonce = challenge["nonce"] if ask.nonce is None else ask.nonce
        token = at.kit(provider, person=ask.person, nonce=nonce, issued_ago=ask.issued_ago, **parties)
        return {"subject_token": token, "subject_token_type": TokenType.ID_TOKEN}

    # Where it is for the app alone, `many_audiences` names the app among others, which `azp` makes ours at OIDC.
    return Way(name, provider, get, _OF_ID_TOKENS)


_OIDC = id_token_way("oidc", "oidc", PHONE, for_server=False)
WAYS: Final[tuple[Way, ...]] = (
    id_token_way("google android", "google", ANDROID, for_server=True),
    id_token_way("google ios", "google", IOS, for_server=False),
    # quirk(zitadel): there a token may be for others, too, if it was issued to us
    replace(_OIDC, spoilt={name: fault for name, fault in _OIDC.spoilt.items() if name != "several audiences"}),
)
SPOILT: Final = tuple((way, name) for way in WAYS for name in way.spoilt)
