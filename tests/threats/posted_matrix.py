"""What apps post of vendors' kits: a broker that takes it, two apps at every upstream, and a table of kits.

A provider joins the matrix by an entry in `PROVIDERS` and a row in `WAYS`; `tests/threats/test_m_posted.py` walks both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import cycle
from typing import Any, Final

import httpx2

from broker.core.terms import GrantType, TokenType
from broker.demo.background import PROVIDERS as PLAIN
from broker.demo.background import RunningBroker, running_in_background
from broker.demo.upstreams import EMULATORS
from broker.upstream.exchange import tls_context

EXCHANGE: Final = GrantType.TOKEN_EXCHANGE.value
ANDROID, IOS, PHONE = "test-android.apps.googleusercontent.com", "test-ios.apps.googleusercontent.com", "test-phone"
BUNDLE: Final = "com.example.test.app"
REGISTERED: Final = "cccccccc-0000-4000-8000-00000000000a"

PROVIDERS: Final[Mapping[str, Mapping[str, object]]] = {
    "google": {**PLAIN["google"], "accept_posted": ["id_token", "credential"], "native_client_ids": [ANDROID, IOS]},
    "oidc": {**PLAIN["oidc"], "accept_posted": ["id_token"], "native_client_ids": [PHONE], "nonce": "if_present"},
    "apple": {**EMULATORS["apple"].settings, "accept_posted": ["id_token", "code"], "native_client_ids": [BUNDLE]},
    "microsoft": {**EMULATORS["microsoft"].settings, "accept_posted": ["id_token"], "native_client_ids": [REGISTERED]},
    "vk": {**PLAIN["vk"], "accept_posted": ["code"]},
    "facebook": {**EMULATORS["facebook"].settings, "accept_posted": ["access_token", "id_token"]},
    "ok": {**PLAIN["ok"], "accept_posted": ["access_token"]},
    "yandex": {**PLAIN["yandex"], "accept_posted": ["access_token"]},
    "github": {**EMULATORS["github"].settings, "accept_posted": ["access_token"]},
    "mailru": {**EMULATORS["mailru"].settings, "accept_posted": ["access_token"]},
    "tid": {**EMULATORS["tid"].settings, "accept_posted": ["access_token"]},
    "linkedin": {**EMULATORS["linkedin"].settings, "accept_posted": ["access_token"]},
    "oauth2": {**EMULATORS["oauth2"].settings, "accept_posted": ["access_token"]},
    "discord": {**EMULATORS["discord"].settings, "accept_posted": ["access_token"]},
    "gitlab": {**EMULATORS["gitlab"].settings, "accept_posted": ["id_token"], "native_client_ids": [PHONE]},
    "slack": {**EMULATORS["slack"].settings, "accept_posted": ["id_token"], "native_client_ids": [PHONE]},
    "twitch": {**EMULATORS["twitch"].settings, "accept_posted": ["id_token"], "native_client_ids": [PHONE]},
    "telegram": {**PLAIN["telegram"], "accept_posted": ["id_token", "widget", "init_data"]},
    # A bot whose token nobody gave us, in apps of a kit that knows no nonce.
    "miniapp": {
        **{name: value for name, value in PLAIN["telegram"].items() if name != "bot_token"},
        "type": "telegram",
        "client_id": "7000000019",
        "accept_posted": ["id_token", "init_data"],
        "kit_nonce": "if_present",
    },
    "x": {**EMULATORS["x"].settings, "mode": "oauth1", "accept_posted": ["access_token"]},
    "oauth1": {**EMULATORS["oauth1"].settings, "accept_posted": ["access_token"], "own_tokens_only": True},
    "x-code": {
        **EMULATORS["x"].settings,
        "type": "x",
        "client_id": "test-x-code",
        "accept_posted": ["code"],
        "native_redirect_uri": "com.example.phone:/x",
    },
}
"""As in config.yaml. `shut` is there, too, and takes nothing that is posted."""

APP: Final[Mapping[str, object]] = {
    "name": "Phone",
    "redirect_uris": ["com.example.phone:/cb"],
    "auth_method": "none",
    "first_party": True,
    "scopes": ["openid", "profile", "email", "offline_access", "identities", "identities.manage"],
    "grants": ["authorization_code", "refresh_token", EXCHANGE],
    "accept_posted": list(PROVIDERS),
}
SECRET: Final = "partner-secret-of-at-least-32-characters"
CLIENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "phone": APP,
    "tablet": {**APP, "redirect_uris": ["com.example.tablet:/cb"]},
    "narrow": {**APP, "accept_posted": ["google"]},
    "plain": {**APP, "grants": ["authorization_code", "refresh_token"], "accept_posted": []},
    "partner": {
        **APP,
        "name": "Partner",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "auth_method": "client_secret",
        "secret": SECRET,
        "first_party": False,
        "resources": ["https://api.partner.test"],
        "lookup_identities": True,
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


def upstream_of(provider: str) -> str:
    """The emulator behind a provider."""
    return str(PROVIDERS[provider].get("type", provider))


def elsewhere(way: Way) -> str:
    """A provider that this is no kit of."""
    return "oidc" if way.provider == "google" else "google"


Challenge = Mapping[str, Any]
Form = dict[str, str]


@dataclass(frozen=True)
class Way:
    """One kit: `get` is what an app has of it in the end, as members of the exchange.

    `spoilt`: what can be wrong with a credential, by the faults of the emulator that make it so; `other_type` is the
    `subject_token_type` of a kind that the provider does not accept. `challenged`: it carries a nonce or a verifier of
    ours; `nonced`: it is a nonce. `web` is what the log says of a credential that our own pages got, "" where that is
    one as good; `again` the same of a second use, `foreign` of one of somebody else's app, where it says whose.
    `away`: faults of an upstream that is away. `amr` is ours for it, beside `fed`.
    """

    name: str
    provider: str
    get: Callable[[Bench, Challenge, Ask], Form]
    spoilt: Mapping[str, str] = field(default_factory=dict)
    other_type: TokenType = TokenType.ACCESS_TOKEN
    challenged: bool = True
    nonced: bool = True
    web: str = "another client"
    again: str = "used before"
    foreign: str = ""
    away: tuple[str, ...] = ("500", "not_json")
    amr: tuple[str, ...] = ()

    @property
    def upstream(self) -> str:
        """The emulator that it is of."""
        return upstream_of(self.provider)


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

    def sign_in(self, person: str, way: Way) -> str:
        """The access token, at partner, of somebody who was just asked who they are, not by `way`."""
        scope = "openid identities identities.manage"
        login = self.broker.login(elsewhere(way), person, client_id="partner", scope=scope, prompt="login")
        return str(login.tokens["access_token"])

    def link(self, token: str, form: Mapping[str, str]) -> httpx2.Response:
        """The answer to a call that adds a way in."""
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.post(f"{self.broker.issuer}/identities", json=dict(form), headers=headers)

    def look_up(self, form: Mapping[str, str], client_id: str = "partner") -> httpx2.Response:
        """The answer to a question whose it is."""
        return self.post("/identities/lookup", client_id, **form)

    def form(self, way: Way, ask: Ask = Ask(), client_id: str = "phone") -> Form:
        """A whole exchange: a challenge, what the kit made of it, and both together."""
        challenge = self.challenge(way.provider, client_id)
        return way.get(self, challenge, ask) | {"subject_issuer": way.provider, "challenge": challenge["challenge"]}

    def kit(self, provider: str, **order: str | int) -> Form:
        """What the kit of this provider hands out."""
        url = self.broker.emulators[upstream_of(provider)].url
        answer = self.http.post(f"{url}/_emulator/kit", json=order)
        assert answer.status_code == 200, answer.text
        found: Form = answer.json()
        return found

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
def bench(clients: Mapping[str, Mapping[str, object]] = CLIENTS) -> Iterator[Bench]:
    """A broker of its own."""
    clock = Clock()
    providers = {"shut": {**PLAIN["vk"], "type": "vk"}, **PROVIDERS}
    with (
        running_in_background(clients, clock, providers=providers) as broker,
        httpx2.Client(trust_env=False, timeout=60, verify=tls_context(None)) as http,
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
_SIMPLE_ID_TOKENS: Final[Mapping[str, str]] = {
    name: fault
    for name, fault in _OF_ID_TOKENS.items()
    if name not in {"another authorized party", "several audiences"}
}


def id_token_way(name: str, provider: str, app: str, *, for_server: bool) -> Way:
    """The kit of the app known there as `app`; `for_server`: it makes tokens for our server, as Android's does."""
    ours, others = str(PROVIDERS[provider]["client_id"]), f"other-{PROVIDERS[provider]['client_id']}"

    def get(at: Bench, challenge: Challenge, ask: Ask) -> Form:
        parties = {"app": app} | ({"server": ours} if for_server else {})
        if ask.foreign:
            parties = {"app": f"phone-{others}"} | ({"server": others} if for_server else {})
        if ask.web:
            parties = {"app": ours}
        nonce = challenge["nonce"] if ask.nonce is None else ask.nonce
        given = at.kit(provider, person=ask.person, nonce=nonce, issued_ago=ask.issued_ago, **parties)
        return {"subject_token": given["id_token"], "subject_token_type": TokenType.ID_TOKEN}

    # Where it is for the app alone, `many_audiences` names the app among others, which `azp` makes ours at OIDC.
    return Way(name, provider, get, _OF_ID_TOKENS, foreign=others)


def code_of_apple(at: Bench, challenge: Challenge, ask: Ask) -> Form:
    """A code of the same kit; Apple gives the app an ID token for it, which says for which challenge it was."""
    ours = str(PROVIDERS["apple"]["client_id"])
    app = f"phone-other-{ours}" if ask.foreign else ours if ask.web else BUNDLE
    nonce = challenge["nonce"] if ask.nonce is None else ask.nonce
    given = at.kit("apple", app=app, person=ask.person, nonce=nonce, kind="code")
    return {"subject_token": given["code"], "subject_token_type": TokenType.CODE}


def credential_of_page(at: Bench, challenge: Challenge, ask: Ask) -> Form:
    """What Google's script gave to a page of an app: it is for our own client id, as no kit's is.

    `web` is the other entry here: a token of Android's kit, for our server, with the right nonce.
    """
    ours = str(PLAIN["google"]["client_id"])
    parties = {"app": ANDROID, "server": ours} if ask.web else {"app": f"other-{ours}" if ask.foreign else ours}
    nonce = challenge["nonce"] if ask.nonce is None else ask.nonce
    given = at.kit("google", person=ask.person, nonce=nonce, issued_ago=ask.issued_ago, **parties)
    return {"subject_token": given["id_token"], "subject_token_type": TokenType.CREDENTIAL}


# --- kits that hand out a code, or a token that says nothing by itself ---


def _app_of(provider: str, ask: Ask) -> str:
    """The id of our app there, or of the one that somebody else has registered."""
    ours = str(PROVIDERS[provider]["client_id"])
    others = str(int(ours) + 1) if ours.isdigit() else f"other-{ours}"
    return others if ask.foreign else ours


def code_of_vk(at: Bench, challenge: Challenge, ask: Ask) -> Form:
    """A code for the challenge; one of our pages has their redirect URI."""
    more = {"server": f"{at.broker.issuer}/callback/vk"} if ask.web else {}
    asked = {"state": challenge.get("state", ""), "code_challenge": challenge.get("code_challenge", "")}
    given = at.kit("vk", app=_app_of("vk", ask), person=ask.person, **asked, **more)
    device = {"device_id": given["device_id"], "subject_token_type": TokenType.CODE.value}
    return {"subject_token": given["code"], **device}


def token_of_ok(at: Bench, challenge: Challenge, ask: Ask) -> Form:
    """A token and the secret of its session, which nobody reads."""
    given = at.kit("ok", app=_app_of("ok", ask), person=ask.person)
    secret = {"subject_token_secret": given["session_secret_key"], "subject_token_type": TokenType.ACCESS_TOKEN.value}
    return {"subject_token": given["access_token"], **secret}


def audible_way(provider: str, spoilt: Mapping[str, str]) -> Way:
    """A kit whose access token the upstream tells the application of."""

    def get(at: Bench, challenge: Challenge, ask: Ask) -> Form:
        given = at.kit(provider, app=_app_of(provider, ask), person=ask.person)
        return {"subject_token": given["access_token"], "subject_token_type": TokenType.ACCESS_TOKEN}

    return replace(
        _OPAQUE, name=provider, provider=provider, get=get, spoilt=spoilt, foreign=_app_of(provider, Ask(foreign=True))
    )


# --- Facebook's two: a token it tells the app of, and an ID token where people do not want to be tracked ---


_FACEBOOK = {
    "not valid": "token_invalid",
    "expired there": "token_expired",
    "of another app": "other_app",
    "of a page": "page_token",
    "of two people": "other_user_id",
    "without a person": "no_id",
    "not known there": "unauthorized",
}


def limited_login(name: str, change: Callable[[str], str] = str) -> Way:
    """An ID token; `change` is what the app does to the nonce before it gives it to the kit."""

    def get(at: Bench, challenge: Challenge, ask: Ask) -> Form:
        nonce = change(challenge["nonce"]) if ask.nonce is None else ask.nonce
        order = {"app": _app_of("facebook", ask), "kind": "id_token", "nonce": nonce}
        given = at.kit("facebook", person=ask.person, issued_ago=ask.issued_ago, **order)
        return {"subject_token": given["id_token"], "subject_token_type": TokenType.ID_TOKEN}

    foreign = _app_of("facebook", Ask(foreign=True))
    return Way(name, "facebook", get, _SIMPLE_ID_TOKENS, TokenType.CODE, web="", foreign=foreign)


def token_of_x(at: Bench, challenge: Challenge, ask: Ask) -> Form:
    """A token of OAuth 1.0a and its secret, without which no call about it can be signed."""
    return _signed(at, "x", ask)


def token_of_oauth1(at: Bench, challenge: Challenge, ask: Ask) -> Form:
    """The same of a service that is described."""
    return _signed(at, "oauth1", ask)


def _signed(at: Bench, provider: str, ask: Ask) -> Form:
    given = at.kit(provider, app=_app_of(provider, ask), person=ask.person)
    secret = {"subject_token_secret": given["oauth_token_secret"], "subject_token_type": TokenType.ACCESS_TOKEN.value}
    return {"subject_token": given["oauth_token"], **secret}


def code_of_x(at: Bench, challenge: Challenge, ask: Ask) -> Form:
    """A code of OAuth 2.0 for the challenge; one of our pages has their redirect URI."""
    more = {"server": f"{at.broker.issuer}/callback/x-code"} if ask.web else {}
    asked = {"state": challenge.get("state", ""), "code_challenge": challenge.get("code_challenge", "")}
    given = at.kit(
        "x-code", app=_app_of("x" if ask.foreign else "x-code", ask), person=ask.person, kind="code", **asked, **more
    )
    return {"subject_token": given["code"], "subject_token_type": TokenType.CODE.value}


# --- Telegram's: what it signs for a bot, with its own key or with the bot's token ---


# In one second a widget says the same of a person twice, and each counts once: so every one here is of another second.
_OF_ITS_OWN: Final = cycle(range(150, 0, -1))


def of_telegram(name: str, kind: str, token_type: TokenType, provider: str = "telegram", **more: Any) -> Way:
    """Fields of a widget, init data, or an ID token; somebody else's are of another bot."""
    ours = str(PROVIDERS[provider]["client_id"])

    def get(at: Bench, challenge: Challenge, ask: Ask) -> Form:
        app = _app_of("telegram", ask) if ask.foreign else ours
        nonce = challenge["nonce"] if ask.nonce is None else ask.nonce
        ago = ask.issued_ago + (next(_OF_ITS_OWN) if kind == "widget" else 0)
        order = {"app": app, "kind": kind, "nonce": nonce, "issued_ago": ago}
        return {"subject_token": at.kit(provider, person=ask.person, **order)[kind], "subject_token_type": token_type}

    amr = {"id_token": "telegram-oidc", "widget": "telegram-widget", "init_data": "telegram-miniapp"}[kind]
    return Way(name, provider, get, web="", amr=(amr,), **more)


_APPLE = {name: fault for name, fault in _OF_ID_TOKENS.items() if name != "another authorized party"}
_MICROSOFT = _APPLE | {
    "of another tenant": "other_tenant",
    "of version 1.0": "v1_token",
    "of a template": "template_issuer",
}
_VK = {
    "without a person": "no_id",
    "of two people": "other_user_id",
    "for another state": "wrong_state",
    "used up": "invalid_grant",
    "refused with status 200": "error_200",
    "for another address": "ip_bound",
}
_OK = {"of a session that ended": "session_expired", "without a person": "no_id"}
_YANDEX = {"of an app that nobody knows": "other_app", "without a person": "no_id", "not known there": "unauthorized"}
_LINKEDIN = {"of no member": "of_an_app", "revoked there": "revoked"}
_BOT = {
    "a day old": "old_auth_date",
    "from the future": "future_auth_date",
    "signed by nobody known": "wrong_hash",
}
_OPENED = {
    "signed for the test environment": "test_environment",
    "of nobody": "no_user",
    "without a person": "no_id",
}
_BY_KEY = {name: fault for name, fault in _BOT.items() if fault != "wrong_hash"} | {"of an old client": "no_signature"}
_TELEGRAM = _SIMPLE_ID_TOKENS
_X = {"not known there": "unauthorized", "without a person": "no_id"}
_X_CODE = {"used up": "invalid_grant", "refused with status 200": "error_200", "of nobody": "errors_200", **_X}
_BEARER: Final[Mapping[str, Any]] = {"challenged": False, "nonced": False, "away": ()}
_OPAQUE: Final = Way("", "", token_of_ok, {}, TokenType.ID_TOKEN, challenged=False, nonced=False, web="", away=("500",))
_ENTRA = id_token_way("microsoft", "microsoft", REGISTERED, for_server=False)  # a log hides ids as long as its
_OIDC = id_token_way("oidc", "oidc", PHONE, for_server=False)
WAYS: Final[tuple[Way, ...]] = (
    id_token_way("google android", "google", ANDROID, for_server=True),
    id_token_way("google ios", "google", IOS, for_server=False),
    Way("google page", "google", credential_of_page, _OF_ID_TOKENS, foreign=f"other-{PLAIN['google']['client_id']}"),
    # quirk(zitadel): there a token may be for others, too, if it was issued to us
    replace(_OIDC, spoilt={name: fault for name, fault in _OIDC.spoilt.items() if name != "several audiences"}),
    replace(id_token_way("apple", "apple", BUNDLE, for_server=False), spoilt=_APPLE),
    Way(
        "apple code",
        "apple",
        code_of_apple,
        _APPLE | {"used up": "invalid_grant", "refused with status 200": "error_200"},
        nonced=False,  # its ID token is as young as the call
        web="invalid_grant",
        again="invalid_grant",
        away=("500",),
    ),
    replace(_ENTRA, spoilt=_MICROSOFT, foreign="not in aud"),
    Way("vk", "vk", code_of_vk, _VK, nonced=False, web="invalid_request", again="invalid_grant", away=("500",)),
    replace(_OPAQUE, name="ok", provider="ok", get=token_of_ok, spoilt=_OK),
    replace(audible_way("facebook", _FACEBOOK), foreign="error 100", other_type=TokenType.CODE),
    limited_login("facebook limited login"),
    limited_login("facebook limited login, hashed", lambda nonce: sha256(nonce.encode()).hexdigest()),
    replace(_OPAQUE, name="oauth1", provider="oauth1", get=token_of_oauth1, spoilt=_X),
    replace(_OPAQUE, name="x", provider="x", get=token_of_x, spoilt=_X),
    Way(
        "x by code",
        "x-code",
        code_of_x,
        _X_CODE,
        nonced=False,
        web="invalid_request",
        again="invalid_request",
        away=("500",),
    ),
    audible_way("yandex", _YANDEX),
    replace(audible_way("github", _YANDEX | {"of two people": "other_user_id"}), foreign="status 404"),
    audible_way("tid", _YANDEX | {"revoked": "inactive_token", "of two people": "other_user_id"}),
    audible_way("mailru", _YANDEX | {"not known there, says status 200": "token_not_found"}),
    replace(audible_way("linkedin", _YANDEX | _LINKEDIN), foreign="another app's"),
    replace(audible_way("oauth2", _YANDEX | {"not active": "inactive_token"}), foreign="issued to another app"),
    replace(audible_way("discord", _YANDEX | {"over": "inactive_token"}), foreign="issued to another app"),
    *(
        replace(id_token_way(name, name, PHONE, for_server=False), spoilt=_SIMPLE_ID_TOKENS)
        for name in ("gitlab", "slack", "twitch")
    ),
    of_telegram("telegram", "id_token", TokenType.ID_TOKEN, spoilt=_TELEGRAM),
    of_telegram("telegram widget", "widget", TokenType.WIDGET, spoilt=_BOT, **_BEARER),
    of_telegram("telegram mini app", "init_data", TokenType.INIT_DATA, spoilt=_BOT | _OPENED, **_BEARER),
    of_telegram(
        "telegram mini app by key", "init_data", TokenType.INIT_DATA, "miniapp", spoilt=_BY_KEY | _OPENED, **_BEARER
    ),
)
SPOILT: Final = tuple((way, name) for way in WAYS for name in way.spoilt)
