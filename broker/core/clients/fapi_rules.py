"""What the FAPI 2.0 Security Profile forbids in a client of `profile: fapi2`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from broker.core.clients import fapi
from broker.core.clients.broken import Broken
from broker.core.clients.client import Client
from broker.core.jose.jwk import parse_key
from broker.core.terms import AuthMethod, Pkce

_NAMES = ", ".join(fapi.ALGORITHMS)
_PROFILE: tuple[tuple[str, Callable[[Client], bool], str], ...] = (
    ("auth_method", lambda client: client.auth_method is AuthMethod.PRIVATE_KEY_JWT, "must be private_key_jwt"),
    ("pkce", lambda client: client.pkce is Pkce.REQUIRED, "must be required"),
    ("require_par", lambda client: client.requests.require_par, "must be true"),
    ("dpop_bound_access_tokens", lambda client: client.tokens.dpop_bound_access_tokens, "must be true"),
    ("assertion_audience", lambda client: not client.assertions.legacy_audience, "must be issuer"),
    ("assertion_algs", lambda client: bool(client.assertions.assertion_algs), f"must be of {_NAMES}"),
    ("id_token_alg", lambda client: client.id_token_alg in fapi.ALGORITHMS, f"must be one of {_NAMES}"),
    (
        "userinfo_alg",
        lambda client: client.tokens.userinfo_alg in {None, *fapi.ALGORITHMS},
        f"must be null or one of {_NAMES}",
    ),
    (
        "request_object_signing_alg",
        lambda client: client.requests.request_object_signing_alg in {"", *fapi.ALGORITHMS},
        f"must be one of {_NAMES}",
    ),
    ("jwks", lambda client: client.assertions.jwks is None or _signs(client), f"has no key for {_NAMES}"),
)


def contradictions(client: Client, *, emulated: bool) -> Iterator[Broken]:
    """What of this client the profile forbids. `emulated`: the upstreams are, so everything is on one machine."""
    for setting, fits, text in _PROFILE:
        if not fits(client):
            yield Broken(setting, text)
    for algorithm in sorted(client.assertions.assertion_algs - set(fapi.ALGORITHMS)):
        yield Broken("assertion_algs", f"must be of {_NAMES}", algorithm)
    for uri in client.redirect_uris:
        # A code in clear text is seen on the way; upstreams are emulated only where everything is on one machine.
        if not uri.startswith("https://") and not (emulated and uri.startswith("http://")):
            yield Broken("redirect_uris", "must be https", uri)


def _signs(client: Client) -> bool:
    """Whether one of its keys makes a signature of the profile; keys that are none are told elsewhere."""
    keys = (client.assertions.jwks or {}).get("keys")
    known = [key for key in map(parse_key, keys if isinstance(keys, list) else []) if key is not None]
    return not known or any(set(key.algorithms) & set(fapi.ALGORITHMS) for key in known)
