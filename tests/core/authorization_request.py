"""A good authorization request and the client that sends it, for tests that spoil one thing."""

from __future__ import annotations

from broker.core.authorize.target import VerifiedRedirect, parse_client_id, verify_target
from broker.core.clients.client import Client
from broker.core.terms import AuthMethod, Pkce
from broker.core.wire.parameters import Parameters

REDIRECT = "https://app.test/cb"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
GOOD = {
    "client_id": "app",
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": "openid profile",
    "state": "s-1",
    "nonce": "n-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
CLIENT = Client(
    id="app", name={"en": "App"}, redirect_uris=(REDIRECT,), scopes=frozenset({"openid", "profile", "email"})
)
RELAXED = Client(id="app", name={"en": "App"}, redirect_uris=(REDIRECT,), pkce=Pkce.OPTIONAL)
STRICT = Client(id="app", name={"en": "App"}, redirect_uris=(REDIRECT,), pkce=Pkce.REQUIRED)
PUBLIC = Client(
    id="app", name={"en": "App"}, redirect_uris=(REDIRECT,), pkce=Pkce.OPTIONAL, auth_method=AuthMethod.NONE
)
PACKAGED = Client(id="app", name={"en": "App"}, redirect_uris=(REDIRECT, "com.example.app:/cb"))


def send(*more: tuple[str, str], **changed: str | None) -> Parameters:
    """The good request with parameters changed, left out (None) or added."""
    values = GOOD | changed
    return Parameters([*((name, value) for name, value in values.items() if value is not None), *more])


def target_of(params: Parameters, client: Client = CLIENT) -> VerifiedRedirect:
    """The verified target of a request to a broker that knows one client."""
    return verify_target(params, {client.id: client}.get(parse_client_id(params)))
