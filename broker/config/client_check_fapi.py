"""What a client of `profile: fapi2` may not say: everything the FAPI 2.0 Security Profile forbids."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from broker.config.client_model import ClientSettings
from broker.config.model import Config
from broker.config.report import Report
from broker.config.source import KeyPath
from broker.core.fapi import ALGORITHMS, CODE_TTL
from broker.core.jwk import parse_key
from broker.core.terms import AuthMethod, Pkce, Profile

_NAMES = ", ".join(ALGORITHMS)
_RULES: tuple[tuple[str, Callable[[ClientSettings], bool], str], ...] = (
    ("auth_method", lambda client: client.auth_method is AuthMethod.PRIVATE_KEY_JWT, "must be private_key_jwt"),
    ("pkce", lambda client: client.pkce is Pkce.REQUIRED, "must be required"),
    ("require_par", lambda client: client.require_par, "must be true"),
    ("dpop_bound_access_tokens", lambda client: client.dpop_bound_access_tokens, "must be true"),
    ("assertion_audience", lambda client: client.assertion_audience == "issuer", "must be issuer"),
    ("assertion_algs", lambda client: bool(client.assertion_algs), f"must be of {_NAMES}"),
    ("id_token_alg", lambda client: client.id_token_alg in ALGORITHMS, f"must be one of {_NAMES}"),
    ("userinfo_alg", lambda client: client.userinfo_alg in {None, *ALGORITHMS}, f"must be null or one of {_NAMES}"),
    (
        "request_object_signing_alg",
        lambda client: client.request_object_signing_alg in {"", *ALGORITHMS},
        f"must be one of {_NAMES}",
    ),
    ("jwks", lambda client: client.jwks is None or _signs(client), f"has no key for {_NAMES}"),
)


def check_fapi(config: Config, report: Report) -> None:
    """Every client of the profile against its rules, and the lifetime of codes, which is the same for all."""
    strict = {client_id: client for client_id, client in config.clients.items() if client.profile is Profile.FAPI2}
    for client_id, client in strict.items():
        for path, text in _contradictions(client, emulated=config.network.upstreams == "emulated"):
            hint = "profile: fapi2 asks for that; leave the key out or the profile"
            report.problem(("clients", client_id, *path), f"{text} ({hint})")
    if strict and config.tokens.code_ttl > CODE_TTL:
        text = f"is longer than {CODE_TTL}s, the most that profile: fapi2 of {', '.join(strict)} allows"
        report.problem(("tokens", "code_ttl"), text)


def _contradictions(client: ClientSettings, *, emulated: bool) -> Iterator[tuple[KeyPath, str]]:
    for key, fits, text in _RULES:
        if not fits(client):
            yield (key,), text
    for index, algorithm in enumerate(client.assertion_algs):
        if algorithm not in ALGORITHMS:
            yield ("assertion_algs", index), f"must be of {_NAMES}"
    for index, uri in enumerate(client.redirect_uris):
        # A code in clear text is seen on the way; upstreams are emulated only where everything is on one machine.
        if not uri.startswith("https://") and not (emulated and uri.startswith("http://")):
            yield ("redirect_uris", index), "must be https"


def _signs(client: ClientSettings) -> bool:
    """Whether one of its keys makes a signature of the profile; keys that are none are told elsewhere."""
    keys = (client.jwks or {}).get("keys")
    known = [key for key in map(parse_key, keys if isinstance(keys, list) else []) if key is not None]
    return not known or any(set(key.algorithms) & set(ALGORITHMS) for key in known)
